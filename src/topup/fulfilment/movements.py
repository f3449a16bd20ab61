"""What the books have of a day of a carrier's, all at once: read by sets, for who holds them against its bill."""

from datetime import datetime
from typing import Final

from topup.platform.database import Connection

_TABLE: Final = """
CREATE TEMPORARY TABLE ours (
    id bigint GENERATED ALWAYS AS IDENTITY, kind text COLLATE "C", lane smallint, our_id text COLLATE "C",
    payment_id text COLLATE "C", reference text COLLATE "C", amount_minor bigint, currency text COLLATE "C",
    at timestamptz, state text, of_day boolean, key text COLLATE "C"
) ON COMMIT DROP
"""
_INTO: Final = """
INSERT INTO ours (kind, lane, our_id, payment_id, reference, amount_minor, currency, at, state, of_day, key)
"""
_IN_TIME: Final = "{at} >= %(begins)s AND {at} < %(ends)s"
# What was reversed had been delivered before.
_DELIVERY: Final = f"""
SELECT 'delivery', a.lane, a.id, '', coalesce(a.reference, ''), a.amount_minor, a.currency, a.submitted_at, 'delivered',
    {_IN_TIME.format(at="a.submitted_at")}, a.order_id || ':delivery'
FROM fulfilment.attempts AS a
"""
_REVERSAL: Final = f"""
SELECT 'reversal', a.lane, a.id, '', coalesce(a.reference, ''), a.amount_minor, a.currency, a.state_since, 'reversed',
    {_IN_TIME.format(at="a.state_since")}, a.order_id || ':delivery:reversed'
FROM fulfilment.attempts AS a
"""
_DELIVERED: Final = "a.carrier = %(carrier)s AND a.state IN ('delivered', 'reversed')"
_REVERSED: Final = "a.carrier = %(carrier)s AND a.state = 'reversed'"
_OF_THE_DAY: Final = (
    f"{_INTO} {_DELIVERY} WHERE {_DELIVERED} AND {_IN_TIME.format(at='a.submitted_at')}",
    f"{_INTO} {_REVERSAL} WHERE {_REVERSED} AND {_IN_TIME.format(at='a.state_since')}",
    "ANALYZE ours",
)
_ABSENT: Final = """
JOIN (
    SELECT DISTINCT t.lane, t.our_id FROM theirs AS t
    WHERE t.lane IS NOT NULL AND NOT EXISTS (SELECT FROM ours AS o WHERE o.our_id = t.our_id AND o.kind = {kind})
) AS t ON t.lane = a.lane AND t.our_id = a.id
"""
_NAMED: Final = (
    # What the bill names, and is no movement of this day by our books.
    f"{_INTO} {_DELIVERY} {_ABSENT.format(kind=repr('delivery'))} WHERE {_DELIVERED}",
    f"{_INTO} {_REVERSAL} {_ABSENT.format(kind=repr('reversal'))} WHERE {_REVERSED}",
    # How it stands here, whatever that is, of what is otherwise there.
    f"""{_INTO}
    SELECT 'attempt', a.lane, a.id, '', coalesce(a.reference, ''), NULL, a.currency, a.state_since, a.state, FALSE, NULL
    FROM fulfilment.attempts AS a {_ABSENT.format(kind="t.kind")} WHERE a.carrier = %(carrier)s""",
    "ANALYZE ours",
)
_IDLE: Final = f"""
SELECT NOT EXISTS (
    SELECT FROM fulfilment.attempts AS a
    WHERE a.carrier = %(carrier)s AND a.submitted_at < %(ends)s AND (
        a.submitted_at >= %(begins)s OR a.act_at IS NOT NULL OR {_IN_TIME.format(at="a.state_since")}
    )
)
"""


async def collect(connection: Connection, *, carrier: str, begins: datetime, ends: datetime) -> None:
    """Collect into the temporary table `ours` what was delivered and taken back by our books from `begins` until before
    `ends`, and whatever else the temporary table `theirs` (`lane`, `our_id`) names by a number of ours.

    Of the kind `delivery` are deliveries that arrived, with the time they were submitted; `reversal` are those taken
    back, with the time we heard of it; `attempt` is how a delivery that `theirs` names stands here. `of_day` says
    whether it moved in that time; `key` is its transfer's. In the caller's transaction, of which both tables are.
    """
    said = {"carrier": carrier, "begins": begins, "ends": ends}
    await connection.execute(_TABLE)
    for statement in (*_OF_THE_DAY, *_NAMED):
        await connection.execute(statement, None if statement.startswith("ANALYZE") else said, prepare=False)


async def is_idle(connection: Connection, *, carrier: str, begins: datetime, ends: datetime) -> bool:
    """Whether by our books nothing can have moved from `begins` until before `ends`: nothing was submitted then or
    came to its end, and nothing submitted before is still open. In the caller's transaction, which may take long.
    """
    await connection.execute("SELECT set_config('statement_timeout', '0', TRUE)")
    cursor = await connection.execute(_IDLE, {"carrier": carrier, "begins": begins, "ends": ends})
    row = await cursor.fetchone()
    return bool(row and row[0])
