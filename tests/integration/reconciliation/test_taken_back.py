"""What a carrier took back on a day is found without reading all that it ever delivered."""

import json

from tests.support.bills import DAY, NOON
from topup.fulfilment import movements

MANY = 3000


async def test_what_was_taken_back_is_found_by_when_we_heard_of_it(database):
    async with database.transaction() as transaction:
        connection = transaction.connection
        await connection.execute(
            "INSERT INTO fulfilment.attempts (lane, id, order_id, number, carrier, msisdn, amount_minor, currency,"
            " product, state, created_at, submitted_at, state_since)"
            " SELECT 1, 'ful_' || n, 'ord_' || n, 1, 'external_demo', '+6581234500', 1000, 'SGD', '', CASE n WHEN 1"
            " THEN 'reversed' ELSE 'delivered' END, %(at)s, %(at)s, %(at)s FROM generate_series(1, %(many)s) AS n",
            {"at": NOON, "many": MANY},
        )
        await connection.execute("ANALYZE fulfilment.attempts")
        midnight = NOON.replace(hour=0)
        said = {"carrier": "external_demo", "begins": midnight, "ends": midnight.replace(day=DAY.day + 1)}
        await connection.execute(movements._TABLE)
        _, reversals, _ = movements._OF_THE_DAY
        cursor = await connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {reversals}", said)
        [([plan],)] = await cursor.fetchall()
        cursor = await connection.execute("SELECT kind, our_id FROM ours")
        assert await cursor.fetchall() == [("reversal", "ful_1")]
    assert '"Index Name": "attempts_reversed"' in json.dumps(plan)
