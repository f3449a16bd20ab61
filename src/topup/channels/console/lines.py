"""Lines: found by number, and one of them with its status, what it has and why until then, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.catalogue.queries import CatalogueCache
from topup.channels.console.automating import AutomaticSheets
from topup.channels.console.planning import PlanSheets
from topup.channels.console.rendering import Look, asked, asked_of, wording_of
from topup.channels.console.wording import Wording
from topup.charging.line_books import BucketsView, LineBooks, transfer_id
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.ids import is_id
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.addressed import HoldRow
from topup.ledger.queries import Bucket, TransferRow
from topup.lines import wording as said
from topup.lines.barring import Barring, ref_of
from topup.lines.cards.desk import CardDesk
from topup.lines.cards.queries import Card, CardUse, uses_of_line
from topup.lines.cards.searching import by_card
from topup.lines.cards.states import CardState
from topup.lines.forecasts import LineForecast, forecast_of
from topup.lines.owners import owners_of
from topup.lines.queries import number_of
from topup.orders.accounts import why_of
from topup.orders.wording import amount_words, end_of, name_in, until_words, why_words
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform.database import Database
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to

TONES: Final = {"active": "good", "low": "", "expiring": "", "reserved": "over", "recycled": "over"}
"""How a status looks at a glance; what is not named is barred or blocked."""
_CARD_TONES: Final = {CardState.ACTIVE: "good", CardState.BLOCKED: "alarm", CardState.REPLACED: "over"}
_DONE: Final = ("barred", "lifted", "card_blocked", "card_unblocked", "automatic_stopped")
"""What the page of a line can say was done."""


@dataclass(frozen=True, slots=True)
class Held:
    """A bucket or a hold: what it is, how much of it is promised, until when and why so."""

    id: str
    what: str
    note: str
    until: str
    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A transfer of the line: what came or went, for what, and its id."""

    id: str
    when: str
    what: str
    purpose: str
    reference: str
    order: str


@dataclass(frozen=True, slots=True)
class CardRow:
    """A SIM card the line has or had: its numbers masked, how it stands, why the line got it, and from when to when."""

    id: str
    iccid: str
    imsi: str
    kind: str
    state: str
    tone: str
    reason: str
    since: str
    until: str
    blocked: bool
    now: bool


@dataclass(frozen=True, slots=True)
class Coming:
    """What changes if nobody uses the line or tops it up."""

    when: str
    status: str
    why: str


class LinePages:
    """What lines have, and what is done with them."""

    def __init__(
        self, *, look: Look, database: Database, catalogue: CatalogueCache, automatic: AutomaticSheets
    ) -> None:
        self._look = look
        self._database = database
        self._catalogue = catalogue
        self._books = LineBooks(database=database, catalogue=catalogue)
        self._barring = Barring(database)
        self._cards = CardDesk(database)
        self._plans = PlanSheets(database=database, catalogue=catalogue)
        self._automatic = automatic

    async def find(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The search; a number or an id that a line has leads to it."""
        text, problem = asked(request, "q"), None
        if text:
            try:
                line_id = await self._line_of(text)
            except (Invalid, NotFound) as found:
                problem = found
            else:
                return go_to(f"/console/lines/{line_id}")
        wording = wording_of(request, self._look.zone)
        mistake = wording.problem(problem, who=who) if problem else None
        return self._look.page(request, "lines.html", who=who, place="lines", text=text, mistake=mistake)

    async def _line_of(self, text: str) -> str:
        """By its id, its number, or its SIM card. Raises InvalidNumber, InvalidCard, NotFound."""
        if is_id("line", text):
            return text
        async with self._database.read() as transaction:
            found = await by_card(transaction.connection, text)
        return (await self._books.buckets(number=found.e164 if found else text)).of.line.ref.id

    async def one(self, request: WebRequest, who: SignedIn, form: Form, line_id: str) -> Page:
        """One line."""
        return await self._sheet(request, who, form, line_id)

    async def bar(self, request: WebRequest, who: SignedIn, form: Form, line_id: str) -> Page:
        """Bar it, or lift the bar."""
        act = self._barring.lift if form.one("act") == "lift" else self._barring.bar
        try:
            await act(who, line_id, reason=form.one("reason"))
        except (Invalid, Conflict) as problem:
            return await self._sheet(request, who, form, line_id, problem=problem)
        return go_to(f"/console/lines/{line_id}?done={'lifted' if form.one('act') == 'lift' else 'barred'}")

    async def card(self, request: WebRequest, who: SignedIn, form: Form, line_id: str) -> Page:
        """Block its card, or unblock it."""
        unblocks = form.one("act") == "unblock"
        act = self._cards.unblock if unblocks else self._cards.block
        try:
            card_id = await self._card_of(line_id, form)
            await act(who, card_id, reason=form.one("reason"))
        except (Invalid, Conflict) as problem:
            return await self._sheet(request, who, form, line_id, problem=problem)
        return go_to(f"/console/lines/{line_id}?done={'card_unblocked' if unblocks else 'card_blocked'}")

    async def unmask_card(self, request: WebRequest, who: SignedIn, form: Form, line_id: str) -> Page:
        """The whole ICCID and IMSI of a card, this once; who looked, and why, is in the trail."""
        try:
            card_id = await self._card_of(line_id, form)
            shown = await self._cards.unmask(who, card_id, reason=form.one("reason"))
        except (Invalid, Conflict) as problem:
            return await self._sheet(request, who, form, line_id, problem=problem)
        return await self._sheet(request, who, Form(), line_id, unmasked=shown)

    async def stop_automatic(self, request: WebRequest, who: SignedIn, form: Form, line_id: str) -> Page:
        """Stop what tops it up by itself, for a reason; its owner is told."""
        number = (await self._known(line_id))[0]
        wanted, reason = form.one("schedule"), form.one("reason")
        try:
            await self._automatic.stop(who, number=number, schedule_id=wanted, reason=reason)
        except Invalid as problem:
            return await self._sheet(request, who, form, line_id, problem=problem)
        return go_to(f"/console/lines/{line_id}?done=automatic_stopped")

    async def _card_of(self, line_id: str, form: Form) -> str:
        """The id of the card that a form is about; raises NotFound `card_unknown` for one that this line never had."""
        async with self._database.read() as transaction:
            uses = await uses_of_line(transaction.connection, ref_of(line_id))
        if form.one("card") not in {use.card.id for use in uses}:
            raise NotFound("card_unknown")
        return form.one("card")

    async def _sheet(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        line_id: str,
        *,
        problem: Problem | None = None,
        unmasked: Card | None = None,
    ) -> Page:
        number, forecast, owners, uses = await self._known(line_id)
        held = await self._books.buckets(number=number)
        before = asked(request, "before") if request.method == "GET" else ""
        moved = await self._books.transfers(number=number, before=before or None)
        wording = wording_of(request, self._look.zone)
        say = _Saying(forecast, wording)
        return self._look.page(
            request,
            "line.html",
            who=who,
            place="lines",
            status=422 if problem else 200,
            line=say.head(line_id, owners),
            buckets=[say.bucket(one, held) for one in held.buckets],
            holds=[say.hold(one) for one in held.holds],
            coming=say.coming(),
            cards=[say.card(use, unmasked) for use in uses],
            plan=await self._plans.of(number=number, line_id=line_id, wording=wording),
            automatic=await self._automatic.of(number=number, wording=wording),
            moved=[say.moved(one) for one in moved.transfers],
            more=moved.before,
            may={
                "bar": who.may(Permission.BAR_LINES),
                "adjust": who.may(Permission.ADJUST_CREDIT),
                "orders": who.may(Permission.SEARCH_RECORDS),
            },
            reason=form.one("reason"),
            stopping=form.one("schedule"),
            opened=_opened(form, before, unmasked, asked_of(request, "done", _DONE)),
            done=asked_of(request, "done", _DONE),
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    async def _known(self, line_id: str) -> tuple[str, LineForecast, int, list[CardUse]]:
        ref = ref_of(line_id)
        async with self._database.read() as transaction:
            connection = transaction.connection
            number = await number_of(connection, ref)
            if number is None:
                raise NotFound("line_unknown")
            snapshot = await self._catalogue.current(connection)
            forecast = await forecast_of(connection, parse_msisdn(number), snapshot, transaction.now)
            owners = await owners_of(connection, line=ref)
            uses = await uses_of_line(connection, ref)
        return number, forecast, len(owners), uses


def _opened(form: Form, before: str, unmasked: Card | None, done: str) -> str:
    """Which part of the page is open that is folded otherwise: what one asked for, or what was wrong there."""
    if form.one("schedule") or done == "automatic_stopped":
        return "automatic"
    if form.one("card") or unmasked is not None or done.startswith("card"):
        return "card"
    if form.one("act"):
        return "bar"
    return "moved" if before else ""


@dataclass(frozen=True, slots=True)
class _Saying:
    """A line in the reader's language, its days by its own clocks."""

    of: LineForecast
    wording: Wording

    def head(self, line_id: str, owners: int) -> Mapping[str, Any]:
        of, locale = self.of, self.wording.locale
        return {
            "id": line_id,
            "number": of.msisdn.grouped(),
            "e164": of.msisdn.e164,
            "carrier": name_in(of.carrier_names, locale=locale),
            "kind": said.kind_words(of.kind, locale=locale),
            "status": said.status_words(of.status, locale=locale),
            "tone": TONES.get(of.status, "alarm"),
            "barred": of.status == "barred",
            "since": self._day(of.since),
            "reason": said.reason_words(of.reason, locale=locale) if of.reason else "",
            "blocks": [said.block_words(one, locale=locale) for one in of.blocks],
            "owed": self.wording.money(of.arrears.amount_minor, of.arrears.currency) if of.arrears.amount_minor else "",
            "to_do": [(said.to_do_words(one, locale=locale), self._by(one.by) if one.by else "") for one in of.to_do],
            "clocks": [(name, self._day(due)) for name, due in sorted(of.clocks.items())],
            "released": self._day(of.released_on) if of.released_on else "",
            "fee": self._day(of.next_fee_at) if of.next_fee_at else "",
            "zone": of.zone,
            "owners": owners,
        }

    def card(self, use: CardUse, unmasked: Card | None) -> CardRow:
        card, locale = use.card, self.wording.locale
        whole = unmasked is not None and unmasked.id == card.id
        imsi = (card.imsi.digits if whole else card.imsi.masked()) if card.imsi else ""
        return CardRow(
            card.id,
            card.iccid.grouped() if whole else card.iccid.masked(),
            imsi,
            said.kind_words(card.kind, locale=locale),
            said.card_state_words(card.state, locale=locale),
            _CARD_TONES.get(card.state, ""),
            said.given_words(use.reason, locale=locale),
            self._day(use.since),
            self._day(use.until) if use.until else "",
            blocked=card.state is CardState.BLOCKED,
            now=use.until is None,
        )

    def coming(self) -> list[Coming]:
        locale = self.wording.locale
        return [
            Coming(
                self._day(one.at),
                said.status_words(one.shows, locale=locale),
                said.change_words(one, locale=locale),
            )
            for one in self.of.to_come
        ]

    def bucket(self, one: Bucket, view: BucketsView) -> Held:
        note = ""
        if one.held:
            note = self.wording.text("line_held", amount=self._amount(one.asset, one.held))
        if not one.is_usable(view.now):
            note = self.wording.text("line_over")
        why = why_words(why_of(one.rule), locale=self.wording.locale) if one.usable_until and one.rule else ""
        return Held(
            one.id,
            self._amount(one.asset, one.balance),
            " · ".join(part for part in (one.kind, note) if part),
            until_words(one.usable_until, zone=self.of.zone, locale=self.wording.locale),
            why,
        )

    def hold(self, one: HoldRow) -> Held:
        what = self._amount(one.asset, one.amount - one.settled)
        return Held(one.id, what, self.wording.purpose(one.purpose), self.wording.moment(one.expires_at), one.reference)

    def moved(self, one: TransferRow) -> Moved:
        came = is_id("account", one.credit)
        sign = "±" if came and is_id("account", one.debit) else "+" if came else "−"
        return Moved(
            transfer_id(one),
            self.wording.moment(one.created_at),
            f"{sign}{self._amount(one.asset, one.amount)}",
            self.wording.purpose(one.purpose),
            one.reference,
            one.reference if is_id("order", one.reference) else "",
        )

    def _amount(self, asset: str, amount: int) -> str:
        return amount_words(asset, amount, locale=self.wording.locale)

    def _day(self, instant: datetime) -> str:
        return said.moment_words(instant, zone=self.of.zone, locale=self.wording.locale)

    def _by(self, instant: datetime) -> str:
        """By the end of which day."""
        return self.wording.text("line_by", day=end_of(instant, zone=self.of.zone, locale=self.wording.locale))
