"""What the ledger has under many keys, all at once: read by sets."""

from typing import Final

from topup.platform.database import Connection

_BOOKED: Final = """
CREATE TEMPORARY TABLE booked ON COMMIT DROP AS
SELECT o.id, t.amount AS minor
FROM ours AS o
JOIN ledger.transfers AS t ON t.lane = o.lane AND t.key = o.key AND t.asset = o.currency
    AND CASE WHEN o.kind IN ('refund', 'delivery') THEN t.credit ELSE t.debit END = %s
WHERE o.key IS NOT NULL
"""


async def book(connection: Connection, *, account: str) -> None:
    """Collect into the temporary table `booked` (`id`, `minor`) what each row of the temporary table `ours` (`id`,
    `lane`, `key`, `kind`, `currency`) is in the ledger: its transfer out of the house account `account`, of a `refund`
    or a `delivery` into it. What the ledger lacks has no row.
    """
    await connection.execute(_BOOKED, (account,), prepare=False)
    await connection.execute("ANALYZE booked")
