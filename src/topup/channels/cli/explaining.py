"""`topup catalogue explain`: what a top-up would do to a line by a carrier's file, and why."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.checking import CatalogueMistakes, check
from topup.catalogue.explaining import Sketch, explain
from topup.catalogue.sharing import share
from topup.catalogue.terms import MIDNIGHT, end_of_day, latest_instant
from topup.catalogue.versions import CarrierVersion
from topup.channels.cli.exits import Exit
from topup.channels.cli.explaining_plans import explained_plan, explained_plan_json
from topup.channels.cli.explaining_rendering import explained, explained_json, shared, shared_json
from topup.channels.cli.files import tell_mistakes
from topup.channels.cli.screen import complain_in_words, print_json, show
from topup.channels.cli.speech import say
from topup.kernel.errors import Invalid
from topup.kernel.money import InvalidMoney, Money
from topup.lines.plans.operations import on_sale

_YEARS: Final = range(1970, 2200)
_NOON: Final = time(12)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed: days and times by the carrier's clocks, amounts in major units.

    A day without a time is noon for `on`, its beginning for `since`, its end for `ends` and `clocks`.
    """

    file: Path
    product: str | None
    share: str | None
    balance: str
    on: str | None
    state: str | None
    since: str | None
    ends: str | None
    clocks: tuple[str, ...]
    as_json: bool
    plan: str | None = None


async def explain_file(asked: Asked) -> Exit:
    """Explain a top-up, credit sent, or a plan. Raises Invalid for what cannot be read, and what the price raises."""
    if len([one for one in (asked.product, asked.share, asked.plan) if one is not None]) != 1:
        complain_in_words(say("explain.product_or_share"))
        return Exit.USAGE
    try:
        found = await asyncio.to_thread(check, asked.file)
    except CatalogueMistakes as mistakes:
        return tell_mistakes(mistakes)
    carrier = CarrierVersion(found.document.id, 0, found.document)
    now = moment_at(asked.on, carrier.zone, day=noon) if asked.on else datetime.now(UTC)
    if asked.plan is not None:
        plan = on_sale(carrier, asked.plan)
        print_json(explained_plan_json(carrier, plan, now)) if asked.as_json else show(
            explained_plan(carrier, plan, now)
        )
        return Exit.DONE
    if asked.share is not None:
        sent = share(carrier, amount=_money(asked.share, carrier), now=now)
        print_json(shared_json(sent)) if asked.as_json else show(shared(carrier, sent))
        return Exit.DONE
    product, amount = bought(str(asked.product), carrier)
    told = explain(carrier, product=product, amount=amount, line=_sketch(asked, carrier), now=now)
    print_json(explained_json(told)) if asked.as_json else show(explained(told))
    return Exit.DONE


def bought(text: str, carrier: CarrierVersion) -> tuple[str | None, Money | None]:
    """A pack's id, or an amount of credit. Raises Invalid `explain_product_unknown` for what is neither."""
    if text in carrier.packs:
        return text, None
    if not text[:1].isdigit():
        known = sorted(carrier.packs)
        raise Invalid("explain_product_unknown" if known else "explain_no_packs", product=text, known=known)
    return None, _money(text, carrier)


def _sketch(asked: Asked, carrier: CarrierVersion) -> Sketch:
    owed = asked.balance.startswith("-")
    balance = _money(asked.balance.removeprefix("-"), carrier).amount_minor
    return Sketch(
        balance_minor=-balance if owed else balance,
        ends_at=moment_at(asked.ends, carrier.zone, day=end_of_day) if asked.ends else None,
        state=asked.state,
        state_since=moment_at(asked.since, carrier.zone, day=_beginning) if asked.since else None,
        clocks=dict(_clock(text, carrier.zone) for text in asked.clocks),
    )


def _clock(text: str, zone: ZoneInfo) -> tuple[str, datetime]:
    name, _, due = text.partition("=")
    return name, moment_at(due, zone, day=end_of_day)


def _money(text: str, carrier: CarrierVersion) -> Money:
    try:
        return Money.from_major(text, carrier.currency)
    except InvalidMoney as error:
        raise Invalid("amount_unreadable", currency=carrier.currency) from error


def moment_at(text: str, zone: ZoneInfo, *, day: Callable[[date, ZoneInfo], datetime]) -> datetime:
    """`2026-11-05`, of which `day` makes an instant, or `2026-11-05T15:30`, by the clocks of `zone` unless it says so.

    Raises Invalid date_unreadable; so is a year in which no line lives: dates near the ends of the calendar have no
    neighbours.
    """
    try:
        moment = _read_moment(text, zone, day)
    except (ValueError, OverflowError):
        raise Invalid("date_unreadable") from None
    if moment.year not in _YEARS:
        raise Invalid("date_unreadable")
    return moment


def _read_moment(text: str, zone: ZoneInfo, day: Callable[[date, ZoneInfo], datetime]) -> datetime:
    with contextlib.suppress(ValueError):
        return day(date.fromisoformat(text), zone)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def noon(day: date, zone: ZoneInfo) -> datetime:
    """Of a day without a time: what goes by whole days is the same at every hour of it."""
    return datetime.combine(day, _NOON, zone)


def _beginning(day: date, zone: ZoneInfo) -> datetime:
    return latest_instant(day, MIDNIGHT, zone)
