"""What the ledger holds, read only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row, dict_row

from topup.kernel.ids import AccountId, HoldId, LineId, lane_of
from topup.ledger.chain import REFERENCE
from topup.ledger.items import AtEnd, Policy
from topup.platform.database import Connection

LONGEST_PAGE: Final = 500
"""Rows of one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A balance of a line: `balance` minor units of `asset`, of which `held` are promised.

    `usable_until` is None where it never ends; `rule` says why it ends then (the id and inputs of the rule).
    """

    id: AccountId
    line_id: LineId
    asset: str
    kind: str
    scope: str
    priority: int
    policy: Policy
    at_end: AtEnd
    source: str
    rule: Mapping[str, Any]
    balance: int
    held: int
    usable_until: datetime | None
    forfeit_at: datetime | None
    opened_at: datetime

    @property
    def available(self) -> int:
        """What is not promised; whether its time has come, `is_usable` says."""
        return self.balance - self.held

    def is_usable(self, now: datetime) -> bool:
        """Whether a debit at `now` may take from it."""
        return self.usable_until is None or self.usable_until > now


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRow:
    """A transfer as it stands in the chain; `debit` and `credit` are a house account's code or a bucket's id."""

    lane: int
    sequence: int
    key: str
    leg: int
    debit: str
    credit: str
    asset: str
    amount: int
    line_id: LineId | None
    purpose: str
    reference: str
    usable_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DueHold:
    """A hold to release: its time has come."""

    lane: int
    id: HoldId


@dataclass(frozen=True, slots=True, kw_only=True)
class DueBucket:
    """A bucket to expire. `rest` minor units of it are not promised; `roll` is what may roll over (items.Roll)."""

    lane: int
    id: AccountId
    line_id: LineId
    asset: str
    scope: str
    priority: int
    rest: int
    held: int
    usable_until: datetime
    roll: Mapping[str, Any] | None


BUCKET_COLUMNS: Final = """
    b.id, b.line_id, b.asset, b.kind, b.scope, b.priority, b.policy::text AS policy, b.at_end::text AS at_end, b.source,
    b.rule, b.balance, b.held, b.usable_until, b.forfeit_at, b.opened_at
"""
"""Of a row `b` of ledger.buckets, as Bucket names them."""

_TRANSFER: Final = f"""
SELECT lane, sequence, key, leg, debit, credit, asset, amount, line_id, purpose, {REFERENCE} AS reference, usable_until,
    created_at
FROM ledger.transfers AS t
"""


async def buckets(connection: Connection, line_ids: Sequence[LineId]) -> dict[LineId, list[Bucket]]:
    """The open buckets of each line, in their order of use; ended ones not yet forfeited are among them.

    A line without any has no entry.
    """
    wanted = list(dict.fromkeys(line_ids))
    cursor = connection.cursor(row_factory=class_row(Bucket))
    await cursor.execute(
        f"""
        SELECT {BUCKET_COLUMNS}
        FROM unnest(%s::smallint[], %s::text[]) AS wanted (lane, id)
        CROSS JOIN LATERAL (
            SELECT * FROM ledger.buckets AS b
            WHERE b.lane = wanted.lane AND b.line_id = wanted.id AND b.closed_at IS NULL
            ORDER BY b.opened_order
        ) AS b
        ORDER BY b.priority, b.usable_until NULLS LAST, b.opened_order
        """,
        ([lane_of(line_id) for line_id in wanted], wanted),
    )
    found: dict[LineId, list[Bucket]] = {}
    async for bucket in cursor:
        found.setdefault(bucket.line_id, []).append(bucket)
    return found


async def house_balances(connection: Connection) -> dict[tuple[str, str], int]:
    """The balances of our own accounts by (code, asset), summed over lanes; negative is what we owe or are owed."""
    cursor = await connection.execute(
        "SELECT code, asset, sum(balance)::bigint FROM ledger.house_accounts GROUP BY code, asset ORDER BY code, asset"
    )
    return {(code, asset): balance for code, asset, balance in await cursor.fetchall()}


async def transfers_of_line(
    connection: Connection, *, lane: int, line_id: LineId, before: int | None = None, limit: int = 50
) -> list[TransferRow]:
    """A page of a line's transfers, newest first; `before` is the sequence of the last one of the page before."""
    cursor = connection.cursor(row_factory=class_row(TransferRow))
    await cursor.execute(
        _TRANSFER
        + "WHERE lane = %s AND line_id = %s AND sequence < coalesce(%s::bigint, 9223372036854775807)"
        + " ORDER BY line_id, sequence DESC LIMIT %s",
        (lane, line_id, before, min(limit, LONGEST_PAGE)),
    )
    return await cursor.fetchall()


async def transfer_numbered(connection: Connection, *, lane: int, sequence: int) -> TransferRow | None:
    """The transfer at that place of its lane's chain."""
    cursor = connection.cursor(row_factory=class_row(TransferRow))
    await cursor.execute(f"{_TRANSFER} WHERE lane = %s AND sequence = %s", (lane, sequence))
    return await cursor.fetchone()


async def transfers_under(connection: Connection, *, lane: int, prefix: str) -> list[TransferRow]:
    """What was posted under keys that begin with `prefix` (an order's id), oldest first, at most LONGEST_PAGE."""
    cursor = connection.cursor(row_factory=class_row(TransferRow))
    await cursor.execute(
        f"{_TRANSFER} WHERE lane = %(lane)s AND key >= %(prefix)s AND key < %(prefix)s || chr(127)"
        " ORDER BY sequence LIMIT %(most)s",
        {"lane": lane, "prefix": prefix, "most": LONGEST_PAGE},
    )
    return await cursor.fetchall()


async def amounts_under(connection: Connection, places: Sequence[tuple[int, str]]) -> dict[str, int]:
    """By key, how much was posted under it in its lane, of the places (lane, key) that have a transfer."""
    cursor = await connection.execute(
        "SELECT t.key, sum(t.amount)::bigint FROM unnest(%b::smallint[], %b::text[]) AS place (lane, key)"
        " JOIN ledger.transfers t ON t.lane = place.lane AND t.key = place.key GROUP BY t.key",
        ([lane for lane, _ in places], [key for _, key in places]),
    )
    return dict(await cursor.fetchall())


async def gave(connection: Connection, *, lane: int, key: str) -> list[tuple[Bucket, int]]:
    """The buckets that gave under a key and how much each, in the order they were taken from; closed ones too."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        f"""
        SELECT {BUCKET_COLUMNS}, t.amount
        FROM ledger.transfers AS t JOIN ledger.buckets AS b ON b.lane = t.lane AND b.id = t.debit
        WHERE t.lane = %s AND t.key = %s ORDER BY t.leg
        """,
        (lane, key),
    )
    rows = await cursor.fetchall()
    return [(Bucket(**{name: row[name] for name in Bucket.__dataclass_fields__}), row["amount"]) for row in rows]


async def scopes_of(connection: Connection, *, lane: int, ids: Sequence[str]) -> dict[str, str]:
    """The scopes of buckets, closed ones too, by their ids."""
    cursor = await connection.execute(
        "SELECT id, scope FROM ledger.buckets WHERE lane = %s AND id = ANY (%s)", (lane, list(ids))
    )
    return dict(await cursor.fetchall())


async def holds_due(connection: Connection, *, now: datetime, limit: int = 256) -> list[DueHold]:
    """Open holds past their time, the oldest first."""
    cursor = await connection.execute(
        "SELECT lane, id FROM ledger.holds WHERE state = 'open' AND expires_at <= %s ORDER BY expires_at LIMIT %s",
        (now, min(limit, LONGEST_PAGE)),
    )
    return [DueHold(lane, HoldId(identifier)) for lane, identifier in await cursor.fetchall()]


async def buckets_due(connection: Connection, *, now: datetime, limit: int = 256) -> list[DueBucket]:
    """Open buckets whose balance is to be forfeited, and of which something is not promised or nothing is left."""
    cursor = connection.cursor(row_factory=class_row(DueBucket))
    await cursor.execute(
        """
        SELECT lane, id, line_id, asset, scope, priority, balance - held AS rest, held, usable_until, roll
        FROM ledger.buckets
        WHERE closed_at IS NULL AND forfeit_at <= %s AND (held = 0 OR balance > held)
        ORDER BY forfeit_at LIMIT %s
        """,
        (now, min(limit, LONGEST_PAGE)),
    )
    return await cursor.fetchall()
