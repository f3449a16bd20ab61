"""What needs two people: one asks, with a reason; another, who may, decides. What is approved is done at once.

Promise: nobody approves what they asked for, whatever they may do (the database refuses it too), nor decides what is
about their own doing. An approval is carried out once, in the transaction that approves it: where it cannot be,
nothing has happened and it stays asked for. Each step is in the audit trail. Higher rooms say what there is to approve,
and carry it out (`Kind`); this one knows none.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from psycopg import errors
from psycopg.types.json import Jsonb

from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from topup.kernel.ids import InvalidId, check_id, is_id, lane_of, new_id
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction
from topup.work import queries, trail
from topup.work.limits import Alone, Limits, is_within
from topup.work.operations import decide_item, reopen_item
from topup.work.states import APPROVAL, ApprovalState
from topup.work.wishes import CONCERNED, Actor, Approval, Kind, Wish

__all__ = ["CLOSED", "CONCERNED", "Actor", "Approval", "Approvals", "Kind", "Wish", "checked_reason"]

LASTS: Final = timedelta(days=7)
LONGEST_REASON: Final = 500
MAXIMUM_PAGE: Final = 200
NOBODY: Final = "clock"
"""Who let a request expire."""

CLOSED: Final = "closed"
"""The decision about an item that one person took off the list."""

_log: Final = structlog.get_logger(__name__)
_NOTHING: Final[Mapping[str, Any]] = {}
_AMOUNT: Final = ("amount_minor", "currency")

Told = Callable[[Connection, Approval], Awaitable[None]]

_BEFORE_REQUEST = crash_label("approvals.request.before_commit")
_AFTER_REQUEST = crash_label("approvals.request.after_commit")
_BEFORE_DECISION = crash_label("approvals.decide.before_commit")
_AFTER_DECISION = crash_label("approvals.decide.after_commit")


_COLUMNS = (
    "lane, id, kind, subject, facts, reason, item_id, state, requested_by, requested_at, expires_at, decided_by,"
    " decided_at, note, outcome"
)
_INSERT = f"""
INSERT INTO work.approvals
    (lane, id, kind, subject, facts, reason, item_lane, item_id, state, requested_by, requested_at, expires_at, form)
VALUES (%(lane)s, %(id)s, %(kind)s, %(subject)s, %(facts)s, %(reason)s, %(item_lane)s, %(item_id)s, %(state)s, %(by)s,
    %(now)s, %(until)s, %(form)s) RETURNING {_COLUMNS}
"""
_FORM_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('form:' || encode(%s, 'hex'), 0))"
_OF_FORM = f"SELECT {_COLUMNS} FROM work.approvals WHERE requested_by = %s AND form = %s"
_ONE = f"SELECT {_COLUMNS} FROM work.approvals WHERE lane = %s AND id = %s"
_DECIDE = f"""
UPDATE work.approvals SET state = %(state)s, decided_by = %(by)s, decided_at = %(now)s, note = %(note)s,
    outcome = %(outcome)s
WHERE lane = %(lane)s AND id = %(id)s AND state = ANY (%(sources)s) RETURNING {_COLUMNS}
"""
_PAGE = f"""
SELECT {_COLUMNS} FROM work.approvals
WHERE (state = 'requested') = %(open)s AND (%(item)s = '' OR item_id = %(item)s)
ORDER BY requested_at DESC, id DESC LIMIT %(limit)s
"""
_DUE = f"""
SELECT {_COLUMNS} FROM work.approvals WHERE state = 'requested' AND expires_at <= %s
ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
"""


class Approvals:
    """The requests of this installation, of the given kinds."""

    def __init__(self, *, database: Database, kinds: Sequence[Kind], limits: Limits | None = None) -> None:
        self._database = database
        self.kinds: Final[Mapping[str, Kind]] = {kind.name: kind for kind in kinds}
        self.limits: Final = limits or Limits()

    def for_item(self, item: queries.Item) -> list[Kind]:
        """What can be asked for to settle an item of the work list."""
        return [kind for kind in self.kinds.values() if item.kind in kind.items and kind.fits(item.evidence)]

    async def request(self, actor: Actor, wish: Wish, *, told: Told | None = None) -> Approval:
        """Ask for something; what the table of limits lets one person decide is done at once. `told` writes the answer
        to whoever asked, in the same transaction. A form sent twice is answered with what came of it the first time.

        Raises Invalid `approval_kind_unknown`, `approval_reason_missing`, `approval_reason_too_long`; Forbidden
        `not_permitted`; Conflict `approval_open` where the same is asked for already; and what the kind raises.
        """
        kind = self._kind(wish.kind)
        _check_permitted(actor, kind.request)
        reason = checked_reason(wish.reason)
        try:
            async with self._database.transaction() as transaction:
                connection, now = transaction.connection, transaction.now
                earlier = await _of_form(connection, actor.id, wish)
                if earlier is not None:
                    return earlier
                facts = await kind.prepare(connection, wish, now)
                approval = await _written(connection, wish, by=actor.id, reason=reason, facts=facts, now=now)
                alone = self._alone(kind, actor, facts)
                if alone is not None and await is_within(
                    connection, alone, by=actor.id, kinds=self._kinds_of(kind.limit), facts=facts, now=now
                ):
                    approval = await self._carried_out(transaction, approval, ApprovalState.ALONE, by=actor.id)
                else:
                    await _note(connection, "approval.requested", None, approval, by=actor.id, now=now)
                if told is not None:
                    await told(connection, approval)
                crash_point(_BEFORE_REQUEST)
        except errors.UniqueViolation:
            raise Conflict("approval_open") from None
        crash_point(_AFTER_REQUEST)
        if approval.state is ApprovalState.ALONE:
            await self._follow(approval)
        return approval

    async def get(self, approval_id: str) -> Approval:
        """A request as it stands; raises NotFound `approval_unknown`."""
        async with self._database.read() as transaction:
            return await _one(transaction.connection, approval_id)

    async def page(self, *, waiting: bool, item_id: str = "", limit: int = 50) -> list[Approval]:
        """The requests that wait for a decision, or that have one; the newest first, up to MAXIMUM_PAGE."""
        parameters = {"open": waiting, "item": item_id, "limit": min(limit, MAXIMUM_PAGE)}
        async with self._database.read() as transaction:
            cursor = await transaction.connection.execute(_PAGE, parameters)
            return [Approval(*row) for row in await cursor.fetchall()]

    async def approve(self, actor: Actor, approval_id: str, *, note: str) -> Approval:
        """Say yes, and have it done. Raises NotFound `approval_unknown`; Forbidden `approval_own`,
        `approval_concerned`, `not_permitted`; Conflict `approval_decided`, `approval_expired`; Invalid
        `approval_reason_too_long`; and what the kind raises, and then it stays as it was.
        """
        async with self._database.transaction() as transaction:
            approval = await self._open(transaction.connection, actor, approval_id, transaction.now)
            decided = await self._carried_out(transaction, approval, ApprovalState.APPROVED, by=actor.id, note=note)
            crash_point(_BEFORE_DECISION)
        crash_point(_AFTER_DECISION)
        await self._follow(decided)
        return decided

    async def reject(self, actor: Actor, approval_id: str, *, note: str) -> Approval:
        """Say no. Raises as `approve`, and Invalid `approval_reason_missing`: whoever asked is told why."""
        said = checked_reason(note)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            approval = await self._open(connection, actor, approval_id, now)
            decided = await _decide(connection, approval, ApprovalState.REJECTED, by=actor.id, note=said, now=now)
            await _note(connection, "approval.rejected", approval, decided, by=actor.id, now=now)
            crash_point(_BEFORE_DECISION)
        crash_point(_AFTER_DECISION)
        return decided

    async def withdraw(self, actor: Actor, approval_id: str) -> Approval:
        """Take one's own request back. Raises NotFound `approval_unknown`, Forbidden `approval_of_another`, Conflict
        `approval_decided`.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            approval = await _one(connection, approval_id, lock=True)
            if approval.requested_by != actor.id:
                raise Forbidden("approval_of_another")
            decided = await _decide(connection, approval, ApprovalState.WITHDRAWN, by=actor.id, now=now)
            await _note(connection, "approval.withdrawn", approval, decided, by=actor.id, now=now)
            crash_point(_BEFORE_DECISION)
        crash_point(_AFTER_DECISION)
        return decided

    async def close(self, actor: Actor, item_id: str, *, permission: str, note: str) -> None:
        """Take an item off the work list that one person may decide, saying why. Raises Forbidden `not_permitted`,
        `needs_two_people`; NotFound `work_item_unknown`; Conflict `work_item_decided`; and those of `checked_reason`.
        """
        _check_permitted(actor, permission)
        said = checked_reason(note)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            item = await _item(connection, item_id)
            if self.for_item(item):
                raise Forbidden("needs_two_people")
            decided = await decide_item(connection, item_id=item_id, by=actor.id, decision=CLOSED, note=said, now=now)
            if decided is None:
                raise Conflict("work_item_decided")
            await _note_item(connection, "work.closed", item, actor.id, now)
            crash_point(_BEFORE_DECISION)
        crash_point(_AFTER_DECISION)

    async def reopen(self, actor: Actor, item_id: str, *, permission: str) -> None:
        """Put back on the work list what a person closed: nothing had been done but that. Raises Forbidden
        `not_permitted`; NotFound `work_item_unknown`; Conflict `work_item_final` for what was decided otherwise.
        """
        _check_permitted(actor, permission)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            item = await _item(connection, item_id)
            if not await reopen_item(connection, item_id=item_id, decision=CLOSED):
                raise Conflict("work_item_final")
            await _note_item(connection, "work.reopened", item, actor.id, now)
            crash_point(_BEFORE_DECISION)
        crash_point(_AFTER_DECISION)

    async def expire(self, limit: int = 100) -> int:
        """Let requests go that nobody decided in time; how many."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            cursor = await connection.execute(_DUE, (now, limit))
            due = [Approval(*row) for row in await cursor.fetchall()]
            over = [await _decide(connection, one, ApprovalState.EXPIRED, by=NOBODY, now=now) for one in due]
            for approval, decided in zip(due, over, strict=True):
                await _note(connection, "approval.expired", approval, decided, by=NOBODY, now=now)
        return len(due)

    async def _open(self, connection: Connection, actor: Actor, approval_id: str, now: datetime) -> Approval:
        """A request that this person may decide now, locked."""
        approval = await _one(connection, approval_id, lock=True)
        _check_permitted(actor, self._kind(approval.kind).approve)
        if approval.requested_by == actor.id:
            raise Forbidden("approval_own")
        if actor.id in approval.concerned:
            raise Forbidden("approval_concerned")
        if approval.state is not ApprovalState.REQUESTED:
            raise Conflict("approval_decided")
        if approval.expires_at <= now:
            raise Conflict("approval_expired")
        return approval

    async def _carried_out(
        self, transaction: Transaction, approval: Approval, state: ApprovalState, *, by: str, note: str = ""
    ) -> Approval:
        """Do it, and write that down."""
        connection, now = transaction.connection, transaction.now
        outcome = await self._kind(approval.kind).execute(transaction, approval)
        decided = await _decide(connection, approval, state, by=by, note=note, outcome=outcome, now=now)
        if approval.item_id is not None:
            said = note or approval.reason
            await decide_item(connection, item_id=approval.item_id, by=by, decision=approval.kind, note=said, now=now)
        # What one person decides alone was never asked for.
        before = approval if state is not ApprovalState.ALONE else None
        await _note(connection, f"approval.{state.value}", before, decided, by=by, now=now, outcome=outcome)
        return decided

    async def _follow(self, approval: Approval) -> None:
        then = self._kind(approval.kind).then
        if then is None:
            return
        try:
            await then(approval)
        except Problem as problem:
            # It is decided and written down: what follows is taken up by its sweep.
            _log.warning("decision_not_followed_yet", kind=approval.kind, code=problem.code)

    def _alone(self, kind: Kind, actor: Actor, facts: Mapping[str, Any]) -> Alone | None:
        if not kind.limit or actor.id in facts.get(CONCERNED, ()):
            return None
        return self.limits.of(kind.limit, actor.role, facts["currency"])

    def _kinds_of(self, limit: str) -> list[str]:
        return [kind.name for kind in self.kinds.values() if kind.limit == limit]

    def _kind(self, name: str) -> Kind:
        found = self.kinds.get(name)
        if found is None:
            raise Invalid("approval_kind_unknown")
        return found


def checked_reason(text: str) -> str:
    """A reason as it is kept; raises Invalid `approval_reason_missing`, `approval_reason_too_long`."""
    reason = text.strip()
    if not reason:
        raise Invalid("approval_reason_missing")
    if len(reason) > LONGEST_REASON:
        raise Invalid("approval_reason_too_long", longest=LONGEST_REASON)
    return reason


def _check_permitted(actor: Actor, permission: str) -> None:
    if not actor.may(permission):
        raise Forbidden("not_permitted", permission=permission)


async def _of_form(connection: Connection, by: str, wish: Wish) -> Approval | None:
    """What was asked with this form already. Who sends it at the same time waits, to see it then."""
    form = wish.form_mark
    if form is None:
        return None
    await connection.execute(_FORM_LOCK, [form])
    row = await (await connection.execute(_OF_FORM, (by, form))).fetchone()
    return Approval(*row) if row else None


async def _written(
    connection: Connection, wish: Wish, *, by: str, reason: str, facts: Mapping[str, Any], now: datetime
) -> Approval:
    # What an item is about may be no id of ours.
    lane = lane_of(wish.item_id or wish.subject)
    row = {
        "lane": lane,
        "id": new_id("approval", lane),
        "kind": wish.kind,
        "subject": wish.subject,
        "facts": Jsonb(dict(facts)),
        "reason": reason,
        "item_lane": lane_of(wish.item_id) if wish.item_id else None,
        "item_id": wish.item_id,
        "state": APPROVAL.initial.value,
        "by": by,
        "now": now,
        "until": now + LASTS,
        "form": wish.form_mark,
    }
    cursor = await connection.execute(_INSERT, row)
    found = await cursor.fetchone()
    if found is None:
        raise RuntimeError("an inserted row came back empty")
    return Approval(*found)


async def _item(connection: Connection, item_id: str) -> queries.Item:
    found = await queries.item(connection, lane_of(item_id), item_id) if is_id("work", item_id) else None
    if found is None:
        raise NotFound("work_item_unknown")
    return found


async def _note_item(connection: Connection, action: str, item: queries.Item, actor: str, now: datetime) -> None:
    is_closed = action == "work.closed"
    said = trail.change({"state": item.state}, {"state": "decided" if is_closed else "open"})
    facts = {"kind": item.kind, "about": item.subject, **said}
    await trail.write(connection, actor=actor, action=action, subject=item.id, facts=facts, now=now)


async def _one(connection: Connection, approval_id: str, *, lock: bool = False) -> Approval:
    try:
        lane = lane_of(check_id("approval", approval_id))
    except InvalidId:
        raise NotFound("approval_unknown") from None
    cursor = await connection.execute(_ONE + (" FOR UPDATE" if lock else ""), (lane, approval_id))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("approval_unknown")
    return Approval(*row)


async def _decide(
    connection: Connection,
    approval: Approval,
    state: ApprovalState,
    *,
    by: str,
    now: datetime,
    note: str = "",
    outcome: Mapping[str, Any] | None = None,
) -> Approval:
    if len(note) > LONGEST_REASON:
        raise Invalid("approval_reason_too_long", longest=LONGEST_REASON)
    parameters = {
        "lane": approval.lane,
        "id": approval.id,
        "state": state.value,
        "by": by,
        "now": now,
        "note": note.strip() or None,
        "outcome": Jsonb(dict(outcome)) if outcome is not None else None,
        "sources": [source.value for source in APPROVAL.sources(state)],
    }
    cursor = await connection.execute(_DECIDE, parameters)
    row = await cursor.fetchone()
    if row is None:
        raise Conflict("approval_decided")
    return Approval(*row)


async def _note(
    connection: Connection,
    action: str,
    before: Approval | None,
    approval: Approval,
    *,
    by: str,
    now: datetime,
    outcome: Mapping[str, Any] = _NOTHING,
) -> None:
    """Write the step into the trail, with how much it is about. Reasons and notes are people's own words, and stay with
    the request.
    """
    amount = {name: approval.facts[name] for name in _AMOUNT if name in approval.facts}
    facts = {"kind": approval.kind, "about": approval.subject, "item": approval.item_id} | amount
    said = trail.change({"state": before.state.value} if before else None, {"state": approval.state.value})
    # What is carried out may tell of more than the request: what it changed itself.
    facts |= said | dict(outcome)
    await trail.write(connection, actor=by, action=action, subject=approval.id, facts=facts, now=now)
