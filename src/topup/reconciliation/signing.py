"""Days that somebody signed: the sums of a provider's day tied, and nothing of it was open, when they looked.

A bill that changed since, or a difference that came up, shows beside the signature: it stands, and is worth less.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from topup.kernel.errors import Conflict, Forbidden
from topup.people.permissions import Permission
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.reconciliation.queries import Report, report
from topup.reconciliation.wording import open_count
from topup.work import trail
from topup.work.approvals import Actor

_BEFORE = crash_label("signing.before_commit")
_AFTER = crash_label("signing.after_commit")
_SIGN: Final = """
INSERT INTO reconciliation.signed (method, day, signed_by, signed_at, digest)
SELECT method, day, %s, %s, digest FROM reconciliation.bills WHERE method = %s AND day = %s
ON CONFLICT (method, day) DO UPDATE SET signed_by = excluded.signed_by, signed_at = excluded.signed_at,
    digest = excluded.digest WHERE signed.digest <> excluded.digest RETURNING day
"""
_LOCK: Final = "SELECT FROM reconciliation.bills WHERE method = %s AND day = %s FOR UPDATE"
_GRID: Final = """
SELECT b.method, b.day, b.lines, b.compared_at IS NOT NULL, (
    SELECT count(*) FROM reconciliation.differences AS d
    WHERE d.method = b.method AND d.day = b.day AND d.resolved_at IS NULL AND d.decided_at IS NULL
), s.signed_by, s.signed_at, s.digest IS NOT NULL AND s.digest <> b.digest
FROM reconciliation.bills AS b LEFT JOIN reconciliation.signed AS s ON s.method = b.method AND s.day = b.day
WHERE b.day > %s AND b.day <= %s
"""


@dataclass(frozen=True, slots=True)
class DayCell:
    """A provider's day: its bill's lines, whether it was held against the books, how many differences are open, and who
    signed it when. `changed`: the bill is another one since.
    """

    method: str
    day: date
    lines: int
    compared: bool
    open: int
    signed_by: str | None
    signed_at: datetime | None
    changed: bool

    @property
    def can_be_signed(self) -> bool:
        """Whether nothing stands in the way but a sum that does not tie, which only the whole report says."""
        return self.compared and not self.open and (self.signed_at is None or self.changed)


async def grid(connection: Connection, *, since: date, until: date) -> list[DayCell]:
    """The days after `since` up to `until` whose bills were read, of all providers."""
    return [DayCell(*row) for row in await (await connection.execute(_GRID, (since, until))).fetchall()]


class Signing:
    """For staff who answer for the books."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sign(self, actor: Actor, *, method: str, day: date) -> None:
        """Sign a day. Raises Forbidden `not_permitted`, NotFound `bill_not_read`, Conflict `day_not_compared`,
        `day_has_differences`, `day_does_not_tie`, `day_signed`.
        """
        if not actor.may(Permission.SIGN_DAYS):
            raise Forbidden("not_permitted", permission=Permission.SIGN_DAYS.value)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await connection.execute(_LOCK, (method, day))
            found = await report(connection, method=method, day=day)
            check(found)
            cursor = await connection.execute(_SIGN, (actor.id, now, method, day))
            if await cursor.fetchone() is None:
                raise Conflict("day_signed")
            said = trail.change({"state": "compared"}, {"state": "signed"})
            facts = {"method": method, "day": day.isoformat(), "lines": found.lines, **said}
            subject = f"{method}:{day.isoformat()}"
            await trail.write(connection, actor=actor.id, action="day.signed", subject=subject, facts=facts, now=now)
            crash_point(_BEFORE)
        crash_point(_AFTER)


def check(found: Report) -> None:
    """Raises Conflict where a day is not to be signed."""
    if found.compared_at is None:
        raise Conflict("day_not_compared")
    if count := open_count(found):
        raise Conflict("day_has_differences", count=count)
    if not found.is_tied:
        raise Conflict("day_does_not_tie")
