"""A month of a line in pictures and tables: bars a day for each service, and what came and went of its money."""

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton

from topup.catalogue.rates import Service
from topup.channels.web.wording import Wording
from topup.charging.usage.months import UsedOnDay
from topup.charging.usage.wording import quantity_words
from topup.kernel.money import Money
from topup.ledger.statements import MOST, Entry
from topup.orders.own_months import OwnMonth
from topup.platform.i18n import format_date, has_text

WIDTH: Final = 320
HEIGHT: Final = 96
_LEAST: Final = 4
"""The height of the lowest bar: what was used is seen."""
_LABEL_EVERY: Final = 7
_MONTHS: Final = 13
_SERVICES: Final[tuple[Service, ...]] = ("data", "voice", "sms", "mms")
_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)
_EARLIEST_YEAR: Final = 2000


@dataclass(frozen=True, slots=True)
class Bar:
    """A day: where its bar stands and how high, and its words."""

    x: float
    y: float
    height: float
    label: str
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What was used of a service, day by day."""

    service: Service
    total: str
    bars: list[Bar]
    bar_width: float
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class DayRow:
    """The same as a table: what was used on a day, and its cost."""

    day: str
    used: list[str]
    cost: str


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry of the statement; `kind` ends the id of its words, `move_…`."""

    when: str
    kind: str
    amount: str
    came: bool
    after: str


@dataclass(frozen=True, slots=True)
class MonthSheet:
    """Everything the page of a month shows; `months` are those one can choose: value and name."""

    title: str
    value: str
    months: list[tuple[str, str]]
    charts: list[Chart]
    days: list[DayRow]
    cost: str
    entries: list[EntryRow]
    cut: bool
    zone: str


def parse_month(text: str) -> date | None:
    """`2026-11` as its first day; None for anything else, and for the last year of calendars: no month comes after."""
    found = _MONTH.fullmatch(text)
    return date(int(found[1]), int(found[2]), 1) if found and _EARLIEST_YEAR <= int(found[1]) < MAXYEAR else None


def month_sheet(month: OwnMonth, wording: Wording) -> MonthSheet:
    """A month in the reader's words."""
    cost = Money(sum(one.cost_minor for one in month.used), month.currency)
    return MonthSheet(
        title=named_month(month.first, wording),
        value=month_value(month.first),
        months=month_choices(month.this, month.first, wording),
        charts=charts(month.first, month.used, wording),
        days=_day_rows(month, wording),
        cost=wording.money(cost),
        entries=[_entry_row(entry, month, wording) for entry in merged(month.entries, month.zone)],
        cut=len(month.entries) >= MOST,
        zone=month.zone,
    )


def month_choices(this: date, shown: date, wording: Wording) -> list[tuple[str, str]]:
    """The months one can choose: value and name."""
    return [(month_value(first), named_month(first, wording)) for first in choices(this, shown)]


def choices(this: date, shown: date) -> list[date]:
    """The present month and the year before it, newest first, and the one that is shown."""
    found = [this]
    while len(found) < _MONTHS:
        last = found[-1]
        found.append(date(last.year - (last.month == 1), (last.month - 2) % 12 + 1, 1))
    return sorted({*found, shown}, reverse=True)


def charts(first: date, used: Sequence[UsedOnDay], wording: Wording) -> list[Chart]:
    """One for each service that was used, each to its own scale: bytes and minutes have none in common."""
    return [
        _chart(first, service, {one.day: one.quantity for one in used if one.service == service}, wording)
        for service in _SERVICES
        if any(one.service == service and one.quantity for one in used)
    ]


def merged(entries: Sequence[Entry], zone: str) -> list[Entry]:
    """What was used on one day, with nothing else between, as one entry: with what there was after the last of it."""
    found: list[Entry] = []
    for entry in entries:
        before = found[-1] if found else None
        if (
            before is not None
            and before.purpose == entry.purpose == "usage"
            and _day(before, zone) == _day(entry, zone)
        ):
            found[-1] = Entry(before.at, before.purpose, before.amount + entry.amount, before.after)
        else:
            found.append(entry)
    return found


def _day(entry: Entry, zone: str) -> date:
    return entry.at.astimezone(ZoneInfo(zone)).date()


def _chart(first: date, service: Service, by_day: dict[date, int], wording: Wording) -> Chart:
    count = monthrange(first.year, first.month)[1]
    step, most = WIDTH / count, max(by_day.values())
    bars = []
    for number in range(1, count + 1):
        quantity = by_day.get(first.replace(day=number), 0)
        height = max(_LEAST, round(HEIGHT * quantity / most, 1)) if quantity else 0
        day = format_date(first.replace(day=number), wording.locale, zone="UTC")
        words = f"{day}: {used_words(service, quantity, wording)}" if quantity else ""
        label = str(number) if (number - 1) % _LABEL_EVERY == 0 else ""
        bars.append(Bar(round((number - 1) * step, 1), round(HEIGHT - height, 1), height, label, words))
    total = used_words(service, sum(by_day.values()), wording)
    return Chart(service, total, bars, round(step * 0.72, 1))


def used_words(service: Service, quantity: int, wording: Wording) -> str:
    """How much was used, as people count it."""
    return quantity_words(service, quantity, locale=wording.locale, roughly=True)


def _day_rows(month: OwnMonth, wording: Wording) -> list[DayRow]:
    rows = []
    for day in sorted({one.day for one in month.used}, reverse=True):
        those = [one for one in month.used if one.day == day]
        cost = Money(sum(one.cost_minor for one in those), month.currency)
        words = [used_words(one.service, one.quantity, wording) for one in those if one.quantity]
        rows.append(DayRow(format_date(day, wording.locale, zone="UTC"), words, wording.money(cost)))
    return rows


def _entry_row(entry: Entry, month: OwnMonth, wording: Wording) -> EntryRow:
    came = entry.amount > 0
    known = has_text("home", f"move_{entry.purpose}")
    amount = wording.money(Money(abs(entry.amount), month.currency))
    return EntryRow(
        when=_when(entry.at, month.zone, wording, whole_day=entry.purpose == "usage"),
        kind=entry.purpose if known else "came" if came else "left",
        amount=f"+{amount}" if came else f"\N{MINUS SIGN}{amount}",
        came=came,
        after=wording.money(Money(entry.after, month.currency)),
    )


def _when(at: datetime, zone: str, wording: Wording, *, whole_day: bool) -> str:
    return (
        format_date(at.astimezone(ZoneInfo(zone)).date(), wording.locale, zone=zone)
        if whole_day
        else (wording.moment(at, zone))
    )


def named_month(first: date, wording: Wording) -> str:
    """`November 2026`."""
    return str(format_skeleton("yMMMM", first, locale=wording.locale))


def month_value(first: date) -> str:
    """`2026-11`, as `parse_month` takes it."""
    return f"{first:%Y-%m}"
