"""Having a line's number kept by itself: how that stands in words, and turning it on and off."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.terms import local_of
from topup.channels.web.automatic.showing import shown
from topup.channels.web.forms import Form
from topup.channels.web.home.lines import one_of
from topup.channels.web.rendering import Page, WebRequest, go_to, reader_of
from topup.channels.web.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import InvalidId
from topup.kernel.money import InvalidMoney, Money
from topup.lines import owners
from topup.lines.keeping.advice import Advice
from topup.lines.owners import OwnedLine
from topup.orders.desk import Desk
from topup.orders.schedules.keeping import Coming, keep_by
from topup.orders.schedules.numbers import Standing, Wish
from topup.orders.schedules.records import Schedule
from topup.people.subscribers.accounts import account
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.i18n import format_date
from topup.platform.keys import KeyRing
from topup.platform.web.typed import money_typed

_WRONG: Final = {
    "schedule_cap": "cap",
    "schedule_beyond_carrier": "carrier",
    "schedule_wallet_most": "wallet",
    "schedule_wallet_often": "wallet",
    "schedule_wallet_used": "wallet",
}
WRONG: Final = frozenset({"cap", "carrier", "wallet", "other"})
"""What may be said of what was sent: nothing else that an address says is shown."""


@dataclass(frozen=True, slots=True)
class ItselfSheet:
    """How keeping the number by itself stands, in words. `state` is that of the schedule, empty where there is none;
    `next` what it does or would do, empty where nothing ends the number; `stops` from when until when some of the line
    stops meanwhile, empty where nothing does; `ways` what it can be paid with; `cap` its limit, or what is enough.
    """

    id: str
    state: str
    state_text: str
    paid_with: str
    card_id: str
    next: str
    stops: str
    helpless: bool
    ways: list[tuple[str, str]]
    cap: str
    cap_hint: str
    symbol: str
    wrong: str


def itself_sheet(found: Standing, advice: Advice, wording: Wording, *, wrong: str) -> ItselfSheet | None:
    """For its owner; None where nothing ends the number and nothing is on."""
    if found.schedule is None and (found.coming is None or advice.runway.is_lost):
        return None
    coming, view = found.coming, found.schedule
    described = shown(view, wording, advice.now) if view else None
    return ItselfSheet(
        id=found.schedule_id,
        state=described.state if described else "",
        state_text=" ".join(part for part in (described.state_text, described.why) if part) if described else "",
        paid_with=wording.of("home", "keep_auto_is_on", card=described.card, cap=described.cap) if described else "",
        card_id=described.card_id if described else "",
        next=_next(coming, found, advice, wording) if coming else "",
        stops=_stops(coming, found, advice, wording) if coming else "",
        helpless=coming is not None and coming.amount_minor is None,
        ways=[(kept.id, kept.label) for kept, _ in found.ways],
        cap=_agreed(view.schedule) if view else _enough(found, advice),
        cap_hint=wording.of(
            "home",
            "keep_auto_cap_hint",
            least=wording.money(Money(found.bounds.least_minor, found.currency)),
            most=wording.money(Money(found.bounds.most_minor, found.currency)),
        ),
        symbol=wording.symbol(found.currency),
        wrong=wrong if wrong in WRONG else "",
    )


def _next(coming: Coming, found: Standing, advice: Advice, wording: Wording) -> str:
    if coming.amount_minor is None:
        return ""
    amount = wording.money(Money(coming.amount_minor, found.currency))
    day = format_date(_paid_by(coming, found, advice), wording.locale, zone=advice.zone)
    return wording.of("home", "keep_auto_next" if found.schedule else "keep_auto_would", sum=amount, day=day)


def _paid_by(coming: Coming, found: Standing, advice: Advice) -> date:
    """The day on which it is paid, or the last one on which it would be: its own is drawn when it is turned on."""
    zone, lost_at = ZoneInfo(advice.zone), advice.runway.kept_until
    day = local_of(coming.at, zone).date()
    return day if found.schedule is not None or lost_at is None else max(keep_by(lost_at, zone), day)


def _stops(coming: Coming, found: Standing, advice: Advice, wording: Wording) -> str:
    """From when until when calls, messages or data stop, if nobody tops up before that is done by itself."""
    serves_until = advice.runway.serves_until
    if coming.amount_minor is None or serves_until is None:
        return ""
    last, since = _paid_by(coming, found, advice), local_of(serves_until, ZoneInfo(advice.zone)).date()
    if since > last:
        return ""
    days = {
        name: format_date(day, wording.locale, zone=advice.zone) for name, day in (("since", since), ("last", last))
    }
    return wording.of("home", "keep_auto_stops", **days)


def _agreed(one: Schedule) -> str:
    """The limit that was agreed to, as one types it."""
    return str(Money(one.agreement.cap_minor, one.currency).to_major())


def _enough(found: Standing, advice: Advice) -> str:
    """A limit that is enough for what keeps the number this year, as one types it; as much as may be, where that is
    less.
    """
    row = [one.amount.amount_minor for one in advice.row.top_ups] if advice.row else []
    enough = min(max([*row, *(cost for _, cost in found.ways)], default=0), found.bounds.most_minor)
    return Money(enough, found.currency).to_major() if enough else ""


class KeepingItself:
    """What an owner taps on the page of one line."""

    def __init__(self, *, desk: Desk, database: Database, keyring: KeyRing) -> None:
        self._desk = desk
        self._database = database
        self._keyring = keyring

    async def turn_on(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:
        """Keep it by itself from now on, or again."""
        line = await self._line(who, line_id)
        try:
            currency = (await self._desk.number(text=line.e164)).currency
            cap = money_typed(form.one("cap"), currency) if form.one("cap") else Money(0, currency)
            locale = reader_of(request).wording.locale
            wish = Wish(who.id, line.e164, form.one("card"), cap, locale, form.one("id"))
            await self._desk.numbers.turn_on(wish)
        except InvalidMoney:
            return go_to(f"{_page(line_id)}?wrong=cap#itself")
        except (InvalidId, NotFound, Invalid, Conflict) as problem:
            code = getattr(problem, "code", "")
            return go_to(f"{_page(line_id)}?wrong={_WRONG.get(code, 'other')}#itself")
        return go_to(f"{_page(line_id)}#itself")

    async def turn_off(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """Pay nothing more by itself to keep it."""
        line = await self._line(who, line_id)
        await self._desk.numbers.turn_off(subscriber_id=who.id, number=line.e164)
        return go_to(f"{_page(line_id)}#itself")

    async def _line(self, who: Subscriber, line_id: str) -> OwnedLine:
        async with self._database.read() as transaction:
            whose = await account(transaction.connection, self._keyring, subscriber_id=who.id)
            lines = await owners.lines_of(transaction.connection, subscriber_id=who.id, seal=whose.seal)
        return one_of(lines, line_id)


def _page(line_id: str) -> str:
    return f"/home/lines/{line_id}/keeping"
