"""The work list, and one thing on it: what is known, what it means, what can be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.channels.console.rendering import Look, asked, day_in, wording_of
from topup.channels.console.wording import Fact, Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.ids import InvalidId, check_id, is_id, lane_of
from topup.orders.deciding import DELIVERY_DONE, PAYMENT_PAID, REFUND_DONE
from topup.orders.deciding_transfers import MATCH, SENT, UNMATCHED, candidates
from topup.orders.evidence import Evidence, Sheet
from topup.payments.queries import Payment
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.reconciliation.cash import DIFFERENCE
from topup.reconciliation.listing import subjects_of
from topup.shops.stock.parcels import Standing
from topup.shops.stock.parcels import counts as counts_of_parcels
from topup.work import queries
from topup.work.approvals import CLOSED, Approvals, Kind, Wish
from topup.work.queries import Item, Sought

PAGE: Final = 50
_OLD: Final = timedelta(hours=24)
_SHORT: Final = 4
"""Facts of a row: the rest is a page away."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list, in words."""

    id: str
    kind: str
    subject: str
    facts: list[Fact]
    age: str
    old: bool
    since: str
    state: str


@dataclass(frozen=True, slots=True)
class Filter:
    """A way to narrow the list: a kind and how many there are."""

    id: str
    name: str
    count: int


FIELDS: Final = {
    PAYMENT_PAID: ("reference", "amount", "paid_at"),
    DELIVERY_DONE: ("reference",),
    REFUND_DONE: ("reference",),
    MATCH: ("payment",),
    SENT: ("reference",),
}
"""The evidence that each way to settle something asks for."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to settle an item: what is to be filled in, what was, and whether this person may ask for it."""

    kind: str
    fields: tuple[str, ...]
    filled: dict[str, str]
    allowed: bool
    chosen: bool
    alone: str
    """How much this person may decide alone, in words; empty where it always takes two."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A payment that a transfer might be for."""

    id: str
    order: str
    amount: str
    fits: bool
    state: str
    since: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence, word for word."""

    source: str
    name: str
    at: str
    text: str


class WorkPages:
    """What a person must decide."""

    def __init__(self, *, look: Look, database: Database, approvals: Approvals, evidence: Evidence) -> None:
        self._look = look
        self._database = database
        self._approvals = approvals
        self._evidence = evidence

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The open items, oldest first; by kind, by what is searched for, decided ones where they are asked for."""
        state = "decided" if asked(request, "state") == "decided" else "open"
        method, _, day = asked(request, "of").rpartition(":")
        billed = day_in(day) if who.may(Permission.READ_BILLS) else None
        async with self._database.read() as transaction:
            sought = Sought(
                state=state,
                kind=asked(request, "kind"),
                text=asked(request, "q"),
                after=asked(request, "after"),
                subjects=await subjects_of(transaction.connection, method=method, day=billed) if billed else None,
            )
            found = await queries.sought_items(transaction.connection, sought, limit=PAGE + 1)
            counts = await queries.open_counts(transaction.connection)
            parcels = await counts_of_parcels(transaction.connection) if who.may(Permission.SEND_GIFTS) else {}
            now = transaction.now
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "work.html",
            who=who,
            place="work",
            rows=[_row(item, wording, now) for item in found[:PAGE]],
            filters=[Filter(kind, wording.kind(kind), count) for kind, count in counts.items()],
            total=sum(counts.values()),
            parcels=sum(count for standing, count in parcels.items() if standing is not Standing.ADDRESS_WANTED),
            sought=sought,
            of=f"{method}:{day}" if billed else "",
            of_path=f"/console/reconciliation/{method}/{day}",
            of_name=f"{wording.method(method)} · {day}",
            more=found[PAGE - 1].id if len(found) > PAGE else None,
        )

    async def item(self, request: WebRequest, who: SignedIn, form: Form, item_id: str) -> Page:
        """One item with all that is known of it, what can be done, and why something cannot."""
        return await self._show(request, who, form, item_id)

    async def ask(self, request: WebRequest, who: SignedIn, form: Form, item_id: str) -> Page:
        """Settle it so, or ask that it be: above one's limit another decides."""
        item, _, _ = await self._item(item_id)
        facts = {field: form.one(field) for field in FIELDS.get(form.one("kind"), ())}
        if "paid_at" in facts:
            facts["paid_at"] = _in_zone(facts["paid_at"], self._look.zone)
        wish = Wish(form.one("kind"), item.subject, facts, form.one("reason"), item.id, form.one("form"))
        try:
            if wish.kind not in {kind.name for kind in self._approvals.for_item(item)}:
                raise Invalid("approval_kind_unknown")  # noqa: TRY301 - told beside the form, as what the room raises
            asked_ = await self._approvals.request(who, wish)
        except (Invalid, Conflict, NotFound) as problem:
            return await self._show(request, who, form, item_id, problem=problem)
        return go_to(f"/console/approvals/{asked_.id}")

    async def close(self, request: WebRequest, who: SignedIn, form: Form, item_id: str) -> Page:
        """Take it off the list, saying why."""
        try:
            await self._approvals.close(who, item_id, permission=Permission.DECIDE_WORK.value, note=form.one("reason"))
        except (Invalid, Conflict) as problem:
            return await self._show(request, who, form, item_id, problem=problem)
        return go_to(f"/console/work/{item_id}")

    async def reopen(self, request: WebRequest, who: SignedIn, form: Form, item_id: str) -> Page:
        """Put back on the list what one person closed."""
        try:
            await self._approvals.reopen(who, item_id, permission=Permission.DECIDE_WORK.value)
        except Conflict as problem:
            return await self._show(request, who, form, item_id, problem=problem)
        return go_to(f"/console/work/{item_id}")

    async def evidence(self, request: WebRequest, who: SignedIn, form: Form, item_id: str) -> Page:
        """What was sent about it, opened; the look is in the trail."""
        sheets = await self._evidence.of(who, item_id)
        return await self._show(request, who, form, item_id, sheets=sheets)

    async def _show(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        item_id: str,
        *,
        problem: Problem | None = None,
        sheets: list[Sheet] | None = None,
    ) -> Page:
        item, now, names = await self._item(item_id)
        wording = wording_of(request, self._look.zone)
        kinds = self._approvals.for_item(item)
        filled = _filled(request, form)
        waiting = await self._approvals.page(waiting=True, item_id=item.id) if kinds else []
        return self._look.page(
            request,
            "item.html",
            who=who,
            place="work",
            status=200 if problem is None else 409 if isinstance(problem, Conflict) else 422,
            item=item,
            row=_row(item, wording, now),
            help=wording.kind_help(item.kind),
            facts=_facts(item, wording),
            decided_by=wording.actor(item.decided_by or "", names),
            ways=[self._way(kind, who, filled, item, wording) for kind in kinds],
            waiting=waiting,
            may_close=not kinds and who.may(Permission.DECIDE_WORK),
            may_reopen=item.decision == CLOSED and who.may(Permission.DECIDE_WORK),
            may_see=who.may(Permission.READ_EVIDENCE),
            pieces=None if sheets is None else [_piece(sheet, wording) for sheet in sheets],
            whence=_whence(item) if who.may(Permission.READ_BILLS) else None,
            matching=item.kind in UNMATCHED and item.state == "open",
            find=asked(request, "find"),
            candidates=await self._candidates(request, item, wording),
            reason=form.one("reason"),
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    async def _candidates(self, request: WebRequest, item: Item, wording: Wording) -> list[Candidate]:
        """The payments that a transfer might be for: those that its import found, or what is searched for."""
        if item.kind not in UNMATCHED or item.state != "open":
            return []
        named = item.evidence.get("candidates")
        ids = [str(one) for one in named] if isinstance(named, list) else []
        sought = asked(request, "find") or asked(request, "payment")
        async with self._database.read() as transaction:
            found = await candidates(transaction.connection, sought, ids, currency=_currency(item))
        return [_candidate(payment, item, wording) for payment in found]

    def _way(self, kind: Kind, who: SignedIn, filled: Mapping[str, str], item: Item, wording: Wording) -> Way:
        fields = FIELDS.get(kind.name, ())
        chosen = filled.get("kind") == kind.name
        row = self._approvals.limits.row(kind.limit, who.role.value, _currency(item)) if kind.limit else None
        each, daily = (wording.amount(one, _currency(item)) for one in row) if row else ("", "")
        return Way(
            kind.name,
            fields,
            {field: filled.get(field, "") if chosen else "" for field in fields},
            who.may(kind.request),
            chosen,
            wording.text("alone_up_to", each=each, daily=daily) if row else "",
        )

    async def _item(self, item_id: str) -> tuple[Item, datetime, dict[str, str]]:
        try:
            lane = lane_of(check_id("work", item_id))
        except InvalidId:
            raise NotFound("work_item_unknown") from None
        async with self._database.read() as transaction:
            item = await queries.item(transaction.connection, lane, item_id)
            if item is None:
                raise NotFound("work_item_unknown")
            names = await names_of(transaction.connection, [item.decided_by or ""])
            return item, transaction.now, names


def _filled(request: WebRequest, form: Form) -> dict[str, str]:
    """What was filled in: the form that was sent, or what a link of the page chose."""
    names = ("kind", *{field for fields in FIELDS.values() for field in fields})
    return {name: form.one(name) or asked(request, name) for name in names}


def _whence(item: Item) -> tuple[str, str] | None:
    """The page that an item came from, and what that is: a till's report, the day of a bill."""
    if item.kind == DIFFERENCE and is_id("till", item.subject):
        return f"/console/reports/tills/{item.subject}", "item_to_till"
    method, day = (str(item.evidence.get(name) or "") for name in ("method", "day"))
    return (f"/console/reconciliation/{method}/{day}", "item_to_day") if method and day_in(day) else None


def _currency(item: Item) -> str:
    """The currency an item is about; empty where it names none."""
    found = item.evidence.get("currency") or str(item.evidence.get("ours") or item.evidence.get("theirs") or "")
    return str(found)[-3:]


def _candidate(payment: Payment, item: Item, wording: Wording) -> Candidate:
    fits = (payment.amount_minor, payment.currency) == (item.evidence.get("amount_minor"), _currency(item))
    return Candidate(
        payment.id,
        payment.order_id,
        wording.money(payment.amount_minor, payment.currency),
        fits,
        wording.value(payment.state.value),
        wording.moment(payment.created_at),
    )


def _piece(sheet: Sheet, wording: Wording) -> Piece:
    return Piece(sheet.source, sheet.name, wording.moment(sheet.at), sheet.text or wording.text("evidence_sealed"))


def _in_zone(text: str, zone: str) -> str:
    """A moment as a form writes it, which means the zone that the page tells times in."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).isoformat()


def _facts(item: Item, wording: Wording) -> list[Fact]:
    """The evidence in words, without what the item is about once more."""
    return wording.facts({name: value for name, value in item.evidence.items() if value != item.subject})


def _row(item: Item, wording: Wording, now: datetime) -> Row:
    return Row(
        id=item.id,
        kind=wording.kind(item.kind),
        subject="" if ":" in item.subject else item.subject,
        facts=_facts(item, wording)[:_SHORT],
        age=wording.age(item.created_at, now),
        old=item.state == "open" and now - item.created_at > _OLD,
        since=wording.moment(item.created_at),
        state=item.state,
    )
