"""Requests that wait for a second person, and the decision."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import datetime

from topup.care.erasing import ERASURE
from topup.catalogue.publishing.publications import PUBLISH
from topup.channels.console.drafting import DraftPages
from topup.channels.console.erasing import ErasurePages
from topup.channels.console.rendering import Look, asked, wording_of
from topup.channels.console.wording import Fact, Wording
from topup.charging.adjustments import AdjustmentReason, Adjustments
from topup.charging.approving import ADJUSTMENT
from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from topup.kernel.ids import LineId, is_id
from topup.orders.agents.books import AgentBooks
from topup.orders.giving_back import REFUND, kept_payment
from topup.payments.floats.filling import FLOAT_TOP_UP
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work.approvals import LASTS, Approval, Approvals, Wish
from topup.work.states import ApprovalState


@dataclass(frozen=True, slots=True)
class Row:
    """One request, in words."""

    id: str
    what: str
    subject: str
    facts: list[Fact]
    reason: str
    by: str
    age: str
    since: str
    until: str
    state: str
    open: bool
    decided_by: str
    decided_at: str
    note: str


class ApprovalPages:
    """What one person asked for and another decides."""

    def __init__(
        self,
        *,
        look: Look,
        database: Database,
        approvals: Approvals,
        adjustments: Adjustments,
        erasing: ErasurePages,
        drafts: DraftPages,
    ) -> None:
        self._look = look
        self._database = database
        self._approvals = approvals
        self._adjustments = adjustments
        self._erasing = erasing
        self._drafts = drafts

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Those that wait, and the latest that were decided."""
        wording = wording_of(request, self._look.zone)
        waiting = await self._rows(await self._approvals.page(waiting=True, limit=200), wording)
        decided = await self._rows(await self._approvals.page(waiting=False, limit=50), wording)
        return self._look.page(
            request,
            "approvals.html",
            who=who,
            place="approvals",
            waiting=waiting,
            decided=decided,
        )

    async def one(self, request: WebRequest, who: SignedIn, form: Form, approval_id: str) -> Page:
        """One request: what would be done, why, who asked; and what this person may do about it."""
        approval = await self._approvals.get(approval_id)
        _check_seen(who, approval)
        return await self._show(request, who, form, approval)

    async def decide(self, request: WebRequest, who: SignedIn, form: Form, approval_id: str) -> Page:
        """Approve, reject, or take back."""
        note, wish = form.one("note"), form.one("decision")
        works: dict[str, Awaitable[Approval]] = {}
        if wish == "approve":
            works[wish] = self._approvals.approve(who, approval_id, note=note)
        elif wish == "reject":
            works[wish] = self._approvals.reject(who, approval_id, note=note)
        elif wish == "withdraw":
            works[wish] = self._approvals.withdraw(who, approval_id)
        else:
            raise Invalid("request_malformed")
        try:
            await works[wish]
        except (Invalid, Conflict, NotFound, Forbidden) as problem:
            approval = await self._approvals.get(approval_id)
            _check_seen(who, approval)
            return await self._show(request, who, form, approval, problem=problem)
        return go_to(f"/console/approvals/{approval_id}")

    async def adjustment(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The form to ask for an adjustment, of the number the address names."""
        return self._adjusting(request, who, Form({"number": [asked(request, "number")]}))

    async def ask_adjustment(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Ask for an adjustment of any size: another decides."""
        try:
            _, line, _ = await self._adjustments.line(number=form.one("number"))
            facts = {"amount": _signed(form.one("amount").strip()), "why": form.one("why")}
            made = await self._approvals.request(who, _wish(ADJUSTMENT, line.id, facts, form))
        except (Invalid, Conflict, NotFound) as problem:
            return self._adjusting(request, who, form, problem=problem)
        return go_to(f"/console/approvals/{made.id}")

    async def refund(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The form to ask that money go back, of the order the address names."""
        return self._refunding(request, who, Form({"order": [asked(request, "order")]}))

    async def ask_refund(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Ask that money of a delivered order go back: another decides."""
        try:
            async with self._database.read() as transaction:
                payment_id = await kept_payment(transaction.connection, form.one("order"))
            facts = {"amount": form.one("amount")}
            made = await self._approvals.request(who, _wish(REFUND, payment_id, facts, form))
        except (Invalid, Conflict, NotFound) as problem:
            return self._refunding(request, who, form, problem=problem)
        return go_to(f"/console/approvals/{made.id}")

    def _refunding(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        wording = wording_of(request, self._look.zone)
        alone = self._approvals.limits.row(REFUND, who.role.value)
        return self._look.page(
            request,
            "refund.html",
            who=who,
            place="refund",
            status=422 if problem else 200,
            filled={name: form.one(name) for name in ("order", "amount", "reason")},
            alone=[wording.amount(one, "") for one in alone] if alone else None,
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    def _adjusting(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "adjust.html",
            who=who,
            place="adjust",
            status=422 if problem else 200,
            filled={name: form.one(name) for name in ("number", "amount", "why", "reason")},
            whys=[why.value for why in AdjustmentReason],
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    async def _show(
        self, request: WebRequest, who: SignedIn, form: Form, approval: Approval, *, problem: Problem | None = None
    ) -> Page:
        wording = wording_of(request, self._look.zone)
        [row] = await self._rows([approval], wording)
        about = await self._about(approval, wording)
        outcome = wording.facts(approval.outcome or {})
        if approval.kind == PUBLISH and about:
            row, outcome = replace(row, facts=_but_begins(row.facts, wording)), _but_begins(outcome, wording)
        status = (
            {Invalid: 422, Conflict: 409, NotFound: 409, Forbidden: 403}.get(type(problem), 409) if problem else 200
        )
        return self._look.page(
            request,
            "approval.html",
            who=who,
            place="approvals",
            status=status,
            row=row,
            about=about,
            item_id=approval.item_id,
            draft_id=approval.subject if approval.kind == PUBLISH else "",
            outcome=outcome,
            own=approval.requested_by == who.id,
            concerned=who.id in approval.concerned,
            may_decide=who.may(self._approvals.kinds[approval.kind].approve),
            note=form.one("note"),
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    async def _about(self, approval: Approval, wording: Wording) -> list[Fact]:
        """The line of an adjustment, or an account, as it is now: an id alone tells nobody whose it is."""
        if approval.kind == ERASURE:
            return await self._erasing.about(approval.subject, wording)
        if approval.kind == PUBLISH:
            return await self._drafts.about(approval, wording)
        if approval.kind == FLOAT_TOP_UP:
            return await self._about_agent(approval.subject, wording)
        if approval.kind != ADJUSTMENT or not is_id("line", approval.subject):
            return []
        try:
            line = await self._adjustments.line_now(line_id=LineId(approval.subject))
        except NotFound:
            return []
        return [
            Fact(wording.text("field.number"), line.msisdn.masked(), code=True),
            Fact(wording.text("fact.carrier"), line.carrier.name(wording.locale), code=False),
            Fact(
                wording.text("approval_credit"),
                wording.money(line.credit.amount_minor, line.credit.currency),
                code=False,
            ),
        ]

    async def _about_agent(self, agent_id: str, wording: Wording) -> list[Fact]:
        try:
            found = await AgentBooks(database=self._database).standing(agent_id=agent_id)
        except NotFound:
            return []
        left = wording.money(found.left.amount_minor, found.left.currency)
        return [
            Fact(wording.fact_name("agent"), found.agent.name, code=False),
            Fact(wording.fact_name("float_now"), left, code=False),
        ]

    async def _rows(self, found: list[Approval], wording: Wording) -> list[Row]:
        people = [name for one in found for name in (one.requested_by, one.decided_by or "")]
        async with self._database.read() as transaction:
            names = await names_of(transaction.connection, people)
            now = transaction.now
        return [_row(one, wording, names, now) for one in found]


def _wish(kind: str, subject: str, facts: dict[str, str], form: Form) -> Wish:
    return Wish(kind, subject, facts, form.one("reason"), form=form.one("form"))


def _signed(amount: str) -> str:
    """An amount without a sign gives: here another reads it in words before anything is done."""
    return f"+{amount}" if amount[:1].isdigit() else amount


def _but_begins(facts: list[Fact], wording: Wording) -> list[Fact]:
    """The facts without when it begins: that is told once, by the carrier's own clocks."""
    return [fact for fact in facts if fact.name != wording.fact_name("starts_at")]


def _check_seen(who: SignedIn, approval: Approval) -> None:
    """Who asked sees what becomes of it; others only where they may see the work list. Raises Forbidden
    `not_permitted`.
    """
    if approval.requested_by != who.id and not who.may(Permission.READ_WORK):
        raise Forbidden("not_permitted", permission=Permission.READ_WORK.value)


def _row(one: Approval, wording: Wording, names: dict[str, str], now: datetime) -> Row:
    return Row(
        id=one.id,
        what=wording.approval(one.kind),
        subject=one.subject,
        facts=wording.facts(one.facts),
        reason=one.reason,
        by=wording.actor(one.requested_by, names),
        age=wording.age(one.requested_at, now),
        since=wording.moment(one.requested_at),
        until=wording.moment(one.requested_at + LASTS),
        state=wording.state(one.state.value),
        open=one.state is ApprovalState.REQUESTED,
        decided_by=wording.actor(one.decided_by or "", names),
        decided_at=wording.moment(one.decided_at) if one.decided_at else "",
        note=one.note or "",
    )
