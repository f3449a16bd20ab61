"""Keeping a line's number: how long it lives, what to top up and by when, and what counts."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from topup.catalogue.terms import local_of, months_on
from topup.channels.web.forms import Form
from topup.channels.web.home.keeping_itself import itself_sheet
from topup.channels.web.home.lines import one_of
from topup.channels.web.home.showing import card
from topup.channels.web.rendering import Page, WebRequest, page, reader_of
from topup.channels.web.wording import Wording
from topup.lines import owners
from topup.lines.keeping.advice import Advice
from topup.lines.keeping.kept import A_YEAR, LONGEST_DAYS, TooFar
from topup.lines.wording import counts_words, moment_words, renewals_words
from topup.orders.desk import Desk
from topup.orders.wording import end_of
from topup.people.subscribers.accounts import account
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.i18n import format_date
from topup.platform.keys import KeyRing

Month = Literal["serves", "kept", "lost"]


@dataclass(frozen=True, slots=True)
class ToTopUp:
    """A top-up in words, and its amount in minor units."""

    amount: str
    minor: int
    before: str


@dataclass(frozen=True, slots=True)
class KeepingSheet:
    """All of it in words; `ends`: whether the line stops or is lost at all if nothing is done; `leads`: the last day of
    the number if the first of `row` is made today, empty where one of today is enough, or changes nothing; `since`:
    from when on the only one of `row` does.
    """

    months: list[Month]
    said: list[tuple[str, str]]
    ends: bool
    is_lost: bool
    until: str
    earliest: str
    latest: str
    is_kept: bool
    least: ToTopUp | None
    row: list[ToTopUp]
    total: str
    leads: str
    since: str
    keeps: list[str]
    keeps_not: list[str]
    mistake: bool


class KeepingPages:
    """The page of one line."""

    def __init__(self, *, desk: Desk, database: Database, keyring: KeyRing) -> None:
        self._desk = desk
        self._database = database
        self._keyring = keyring

    async def keeping(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """What keeps the number; a day that cannot be is said so, and a year shown."""
        wording = reader_of(request).wording
        async with self._database.read() as transaction:
            whose = await account(transaction.connection, self._keyring, subscriber_id=who.id)
            lines = await owners.lines_of(transaction.connection, subscriber_id=who.id, seal=whose.seal)
        line = one_of(lines, line_id)
        asked = request.query_params.get("until", "")
        day = _day(asked)
        mistake = bool(asked) and day is None
        try:
            found = await self._desk.keeping(number=line.e164, until=day)
        except TooFar:
            mistake, found = True, await self._desk.keeping(number=line.e164, until=None)
        sheet = keeping_sheet(found, wording, mistake=mistake)
        standing = await self._desk.numbers.standing(subscriber_id=who.id, number=line.e164)
        itself = itself_sheet(standing, found, wording, wrong=request.query_params.get("wrong", ""))
        return page(request, "home/keeping.html", line=card(line, None, wording), sheet=sheet, itself=itself)


def keeping_sheet(found: Advice, wording: Wording, *, mistake: bool = False) -> KeepingSheet:
    """What keeps a number, for its owner."""
    today = local_of(found.now, ZoneInfo(found.zone)).date()
    least = found.least if found.least is not None and found.least.amount_minor else None
    row = found.row.top_ups if found.row else ()
    leads = found.first_leads_to if least is None and _leads_on(found) else None
    since = found.not_before if found.not_before is not None and found.not_before > today else None
    return KeepingSheet(
        months=months_of(found),
        said=_said(found, wording),
        ends=found.runway.is_lost or found.runway.serves_until is not None or found.runway.kept_until is not None,
        is_lost=found.runway.is_lost,
        until=found.until.isoformat(),
        earliest=today.isoformat(),
        latest=(today + timedelta(days=LONGEST_DAYS)).isoformat(),
        is_kept=found.row is not None and not row,
        least=ToTopUp(wording.money(least), least.amount_minor, "") if least else None,
        row=[
            ToTopUp(wording.money(one.amount), one.amount.amount_minor, _at(found, one.before, wording)) for one in row
        ],
        total=wording.money(found.row.total) if found.row and len(row) > 1 else "",
        leads=end_of(leads, zone=found.zone, locale=wording.locale) if leads else "",
        since=format_date(since, wording.locale, zone=found.zone) if since else "",
        keeps=[counts_words(one, keeps=True, locale=wording.locale) for one in found.keeps],
        keeps_not=[counts_words(one, keeps=False, locale=wording.locale) for one in found.keeps_not],
        mistake=mistake,
    )


def _leads_on(found: Advice) -> bool:
    """Whether the first of the row, made today, keeps the number longer than it is kept without."""
    kept = found.runway.kept_until
    return found.first_leads_to is not None and kept is not None and found.first_leads_to > kept


def months_of(found: Advice) -> list[Month]:
    """The next months one by one, each as the line is at its end if nothing is done."""
    zone = ZoneInfo(found.zone)
    today, runway = local_of(found.now, zone).date(), found.runway

    def at(day: date) -> Month:
        if runway.is_lost or _is_over(runway.kept_until, day, zone):
            return "lost"
        return "kept" if _is_over(runway.serves_until, day, zone) else "serves"

    return [at(months_on(today, ahead)) for ahead in range(1, A_YEAR + 1)]


def _is_over(end: datetime | None, day: date, zone: ZoneInfo) -> bool:
    return end is not None and local_of(end, zone).date() <= day


def _said(found: Advice, wording: Wording) -> list[tuple[str, str]]:
    runway = found.runway
    ends = [("keep_works", runway.serves_until), ("keep_kept", runway.kept_until)]
    said = [
        (wording.of("home", name), end_of(at, zone=found.zone, locale=wording.locale))
        for name, at in ends
        if at is not None
    ]
    if runway.months is not None and not runway.is_lost:
        said.append((wording.of("home", "keep_months"), str(runway.months)))
    if runway.renewals is not None and not runway.is_lost:
        said.append((wording.of("home", "keep_plan"), renewals_words(found, locale=wording.locale)))
    if found.released_on is not None:
        said.append((wording.of("home", "keep_free"), _at(found, found.released_on, wording)))
    return said


def _at(found: Advice, instant: datetime, wording: Wording) -> str:
    return moment_words(instant, zone=found.zone, locale=wording.locale)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
