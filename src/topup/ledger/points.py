"""Points of a lane's chain: how far it had come, and what every account had there.

A replay can begin at a point instead of the first transfer: the balances there are those of now without what moved
since, and their digest says whether they are the same that were seen then.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from psycopg.rows import tuple_row

from topup.ledger.chain import genesis
from topup.platform.database import Connection

Balances = dict[str, dict[str, int]]
"""By asset, then by account: a house account's code, or a bucket's id."""

_AT: Final = """
SELECT coalesce(a.asset, t.asset), coalesce(a.account, t.account), coalesce(a.balance, 0) - coalesce(t.moved, 0)
FROM (
    SELECT h.asset, h.code AS account, h.balance FROM ledger.house_accounts AS h WHERE h.lane = %(lane)s
    UNION ALL
    SELECT b.asset, b.id, b.balance FROM ledger.buckets AS b WHERE b.lane = %(lane)s
) AS a
FULL JOIN (
    SELECT t.asset, side.account, sum(side.amount) AS moved
    FROM ledger.transfers AS t
    CROSS JOIN LATERAL (VALUES (t.debit, -t.amount), (t.credit, t.amount)) AS side (account, amount)
    WHERE t.lane = %(lane)s AND t.sequence > %(sequence)s
    GROUP BY t.asset, side.account
) AS t ON t.asset = a.asset AND t.account = a.account
WHERE coalesce(a.balance, 0) <> coalesce(t.moved, 0)
"""


@dataclass(frozen=True, slots=True)
class Point:
    """After the transfer `sequence`, whose link has this `hash`; `balances` is the digest of what all accounts had."""

    sequence: int
    hash: bytes
    balances: bytes


def digest_of(balances: Mapping[str, Mapping[str, int]]) -> bytes:
    """SHA-256 over a line for each account that has something, in order; one without a balance might not be there."""
    lines = [
        f"{asset}|{len(account)}|{account}|{balance}"
        for asset, accounts in balances.items()
        for account, balance in accounts.items()
        if balance
    ]
    lines.sort()
    return sha256("\n".join(lines).encode()).digest()


def beginning(lane: int) -> Point:
    """Before a lane's first transfer."""
    return Point(0, genesis(lane), digest_of({}))


async def balances_at(connection: Connection, lane: int, sequence: int) -> Balances:
    """What the lane's accounts had after the transfer `sequence`: what is stored without what moved since."""
    balances: Balances = defaultdict(dict)
    cursor = connection.cursor(row_factory=tuple_row, binary=True)
    await cursor.execute(_AT, {"lane": lane, "sequence": sequence})
    async for asset, account, balance in cursor:
        balances[asset][account] = int(balance)
    return balances


async def ends(connection: Connection) -> dict[int, Point]:
    """The end of every lane, with the balances as they are stored."""
    cursor = await connection.execute(
        "SELECT l.lane, l.head_sequence, l.head_hash FROM ledger.lanes AS l ORDER BY l.lane"
    )
    return {
        lane: Point(sequence, digest, digest_of(await balances_at(connection, lane, sequence)))
        for lane, sequence, digest in await cursor.fetchall()
    }
