"""Reading shares: one by its id, its history, and what counts towards a line's limits."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from psycopg.rows import args_row

from topup.catalogue.sharing import SoFar
from topup.charging.sharing.states import COUNTED, ShareState
from topup.kernel.ids import HoldId, LineId, ShareId
from topup.kernel.money import Money
from topup.lines.queries import LineRef
from topup.platform.arrays import columns, selected
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Share:
    """A share as its row says; the columns of `charging.shares` say what each means."""

    lane: int
    id: ShareId
    carrier_id: str
    catalogue_version: int
    sender_id: LineId
    sender_msisdn: str
    receiver_lane: int
    receiver_id: LineId
    receiver_msisdn: str
    currency: str
    amount_minor: int
    fee_minor: int
    keeps_minor: int
    conditions: Sequence[str]
    asked_by: str
    reason: str | None
    hold_id: HoldId | None
    usable_until: datetime | None
    created_at: datetime
    state_since: datetime
    state: ShareState

    @property
    def sender(self) -> LineRef:
        """Whose credit it is."""
        return LineRef(self.lane, self.sender_id)

    @property
    def receiver(self) -> LineRef:
        """Who gets it."""
        return LineRef(self.receiver_lane, self.receiver_id)

    @property
    def amount(self) -> Money:
        """What the receiver gets."""
        return Money(self.amount_minor, self.currency)

    @property
    def fee(self) -> Money:
        """What the sender pays on top."""
        return Money(self.fee_minor, self.currency)

    @property
    def total(self) -> Money:
        """What the sender gives."""
        return self.amount + self.fee

    @property
    def needed(self) -> Money:
        """What the sender must have for it: also what must stay."""
        return self.total + Money(self.keeps_minor, self.currency)


@dataclass(frozen=True, slots=True)
class ShareStep:
    """A state a share came to, when, and why (a ShareCause)."""

    state: str
    cause: str
    at: datetime


_NAMES: Final = tuple(column.name for column in fields(Share))
_SHARE: Final = f"SELECT {selected(Share, 's')} FROM charging.shares AS s WHERE s.lane = %s AND s.id = %s"
_STEPS: Final = "SELECT state, cause, at FROM charging.share_steps WHERE lane = %s AND share_id = %s ORDER BY step"
_SUM: Final = """
SELECT coalesce(sum(s.amount_minor), 0)::bigint, count(*) FROM charging.shares AS s
WHERE s.state = ANY (%s) AND s.created_at >= %s AND
"""
_OF_LINE: Final = f"""
SELECT * FROM (
    (SELECT {selected(Share, "s")} FROM charging.shares AS s
     WHERE s.lane = %(lane)s AND s.sender_id = %(line)s AND (s.created_at, s.id) < (%(at)s, %(id)s)
     ORDER BY s.created_at DESC, s.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT {selected(Share, "s")} FROM charging.shares AS s
     WHERE s.receiver_id = %(line)s AND (s.created_at, s.id) < (%(at)s, %(id)s)
     ORDER BY s.created_at DESC, s.id DESC LIMIT %(limit)s)
) AS s ORDER BY s.created_at DESC, s.id DESC LIMIT %(limit)s
"""
_STEPS_OF: Final = """
SELECT t.share_id, t.state, t.cause, t.at FROM unnest(%b::smallint[], %b::text[]) AS w (lane, id)
JOIN charging.share_steps AS t ON t.lane = w.lane AND t.share_id = w.id
ORDER BY t.share_id, t.step
"""
_SENT: Final = f"{_SUM} s.lane = %s AND s.sender_id = %s"
# Of all lanes: whoever sent it may live anywhere.
_RECEIVED: Final = f"{_SUM} s.receiver_id = %s"


def _made(*values: Any) -> Share:
    return Share(**dict(zip(_NAMES, values, strict=True)) | {"state": ShareState(values[-1])})


async def share_of(connection: Connection, *, lane: int, share_id: str, lock: bool = False) -> Share | None:
    """The share with this id; with `lock`, nobody else moves it until the transaction ends."""
    cursor = connection.cursor(row_factory=args_row(_made))
    await cursor.execute(f"{_SHARE} FOR NO KEY UPDATE" if lock else _SHARE, (lane, share_id))
    return await cursor.fetchone()


async def steps_of(connection: Connection, *, lane: int, share_id: str) -> list[ShareStep]:
    """The way a share has gone, from its first state on."""
    cursor = connection.cursor(row_factory=args_row(ShareStep))
    await cursor.execute(_STEPS, (lane, share_id))
    return await cursor.fetchall()


async def shares_of_line(
    connection: Connection, line: LineRef, *, before: tuple[datetime, str], limit: int
) -> list[Share]:
    """What a line sent or was sent before (a time, an id), newest first."""
    cursor = connection.cursor(row_factory=args_row(_made))
    at, identifier = before
    parameters = {"lane": line.lane, "line": line.id, "at": at, "id": identifier, "limit": limit}
    await cursor.execute(_OF_LINE, parameters)
    return await cursor.fetchall()


async def steps_of_all(connection: Connection, shares: Sequence[Share]) -> dict[str, tuple[ShareStep, ...]]:
    """The ways these shares have gone, by share."""
    found: dict[str, tuple[ShareStep, ...]] = {}
    if not shares:
        return found
    cursor = await connection.execute(_STEPS_OF, columns((share.lane, share.id) for share in shares))
    for share_id, state, cause, at in await cursor.fetchall():
        found[share_id] = (*found.get(share_id, ()), ShareStep(state, cause, at))
    return found


async def sent_since(connection: Connection, line: LineRef, since: datetime) -> SoFar:
    """What a line has sent since then that counts: fees apart, and nothing that went back."""
    return await _sum(connection, _SENT, since, line.lane, line.id)


async def received_since(connection: Connection, line: LineRef, since: datetime) -> SoFar:
    """What a line was sent since then that counts, be it on its way still."""
    return await _sum(connection, _RECEIVED, since, line.id)


async def _sum(connection: Connection, statement: str, since: datetime, *line: int | str) -> SoFar:
    cursor = await connection.execute(statement, ([state.value for state in sorted(COUNTED)], since, *line))
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("a sum gave no row")
    return SoFar(amount_minor=row[0], times=row[1])
