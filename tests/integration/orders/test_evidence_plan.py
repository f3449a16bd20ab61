"""Evidence is found by what it is about, however much was sent about everything else."""

import json

from tests.integration.orders.test_disputes import Everybody
from topup.kernel.ids import lane_of, new_id
from topup.orders import evidence
from topup.orders.evidence import MOST_EVENTS, Evidence
from topup.work.operations import Decision, list_for_person
from topup.work.queries import open_items

MANY = 30_000


async def test_evidence_reads_what_is_about_the_payment_and_not_the_lane(shop):
    payment_id = new_id("payment", 3)
    lane = lane_of(payment_id)
    fact = {"about": payment_id, "said": "paid", "reference": "GW-1"}
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        await connection.execute(
            "INSERT INTO payments.inbox (lane, source, event_id, received_at, raw, facts, settled_at)"
            " SELECT %s, 'sandbox', 'evt-' || n, %s, '', jsonb_build_array(jsonb_build_object("
            " 'about', 'pay_' || n, 'said', 'paid', 'reference', 'GW-' || n)), %s FROM generate_series(10, %s) n",
            (lane, now, now, MANY),
        )
        sealed = shop.keys.seal(b"word for word", "sandbox:evt-ours")
        await connection.execute(
            "INSERT INTO payments.inbox (lane, source, event_id, received_at, raw, facts)"
            " VALUES (%s, 'sandbox', 'evt-ours', %s, %s, %s)",
            (lane, now, sealed, json.dumps([{"about": "pay_other"}, fact])),
        )
        await list_for_person(connection, [Decision(lane, "payment_unresolved", payment_id, {})], now)
        [item] = await open_items(connection)
        cursor = await connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {evidence._ABOUT}",
            ([payment_id], MOST_EVENTS),
        )
        [([plan],)] = await cursor.fetchall()
    read = _rows_read(plan["Plan"])
    print(f"{MANY} events in one lane, about one of them: {read} rows read")
    assert read < 100
    [sheet] = await Evidence(database=shop.database, keys=shop.keys).of(Everybody(), item.id)
    assert (sheet.name, sheet.text) == ("evt-ours", "word for word")


def _rows_read(node: dict) -> int:
    """What the lowest nodes of a plan gave or threw away."""
    below = node.get("Plans", [])
    own = 0 if below else node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(own + node.get("Rows Removed by Index Recheck", 0) + sum(_rows_read(one) for one in below))
