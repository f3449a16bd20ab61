"""Staff bar a line, and lift the bar, each with a reason in the trail. Its balance stays, and its life goes on."""

from typing import Final

from topup.kernel.errors import Conflict, Forbidden, NotFound
from topup.kernel.ids import InvalidId, LineId, check_id, lane_of
from topup.lines.operations import LineStatus, set_status
from topup.lines.queries import LineRef
from topup.people.permissions import Permission
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.work import trail
from topup.work.approvals import Actor, checked_reason

_BEFORE = crash_label("barring.before_commit")
_AFTER = crash_label("barring.after_commit")
_LOCK: Final = "SELECT status FROM lines.lines WHERE lane = %s AND id = %s FOR UPDATE"


class Barring:
    """For staff who may bar lines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bar(self, actor: Actor, line_id: str, *, reason: str) -> None:
        """The line takes no top-up until the bar is lifted. Raises Forbidden `not_permitted`, NotFound `line_unknown`,
        Conflict `line_closed`, `line_barred_already`, Invalid `approval_reason_missing`, `approval_reason_too_long`.
        """
        await self._set(actor, line_id, LineStatus.BARRED, reason=reason)

    async def lift(self, actor: Actor, line_id: str, *, reason: str) -> None:
        """The line takes top-ups again. Raises the same, with Conflict `line_not_barred`."""
        await self._set(actor, line_id, LineStatus.ACTIVE, reason=reason)

    async def _set(self, actor: Actor, line_id: str, status: LineStatus, *, reason: str) -> None:
        if not actor.may(Permission.BAR_LINES):
            raise Forbidden("not_permitted", permission=Permission.BAR_LINES.value)
        why, line = checked_reason(reason), ref_of(line_id)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            row = await (await connection.execute(_LOCK, (line.lane, line.id))).fetchone()
            if row is not None and row[0] == status:
                raise Conflict("line_barred_already" if status is LineStatus.BARRED else "line_not_barred")
            await set_status(connection, line, status, now)
            action = "line.barred" if status is LineStatus.BARRED else "line.bar_lifted"
            facts = {"reason": why, "before": row[0] if row else None, "after": status.value}
            await trail.write(connection, actor=actor.id, action=action, subject=line_id, facts=facts, now=now)
            crash_point(_BEFORE)
        crash_point(_AFTER)


def ref_of(line_id: str) -> LineRef:
    """The place of a line's id; raises NotFound `line_unknown` for a text that is none."""
    try:
        return LineRef(lane_of(check_id("line", line_id)), LineId(line_id))
    except InvalidId:
        raise NotFound("line_unknown") from None
