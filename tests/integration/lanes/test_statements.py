"""Statements on hot tables name their lane, or carry it for each of their items: what PostgreSQL executed is the proof.

So each of them can be answered by one shard of a distributed database, and none reads what other lines have. What looks
over all lanes is listed here, with why it may.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.desk import FOREIGN_NUMBER, Shop
from tests.support.ledger import (
    NOW,
    SPEC,
    credit,
    debit,
    do,
    do_one,
    expire,
    fresh_key,
    fresh_line,
    hold,
    release,
    settle,
    transfer,
)
from tests.support.lines import EXAMPLES, Village, days
from tests.support.sharing import ANA, BEN, SMART, Circle
from tests.support.statements import hot_tables
from tests.support.usage import CARRIER, LIVING, Traffic
from topup.catalogue.queries import CatalogueCache
from topup.charging.adjustments import Adjustments, AdjustmentWish
from topup.charging.line_books import LineBooks
from topup.charging.usage_events_tasks import Telling
from topup.charging.usage_history import UsageHistory
from topup.charging.usage_import import import_usage, rejects_of
from topup.charging.usage_records_desk import UsageRecords
from topup.kernel.ids import AdjustmentId, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.kernel.outcome import Reason, Refused, Unknown
from topup.ledger import AtCap, AtEnd, Move, Policy, Posted, PostingRefused, Roll
from topup.ledger.queries import buckets, transfers_under
from topup.ledger.tasks import expire_buckets, release_holds
from topup.lines.imports import import_lines
from topup.lines.operations import LineStatus, port_number, set_status
from topup.lines.reminding import Reminding
from topup.lines.tasks import LifeCycles
from topup.platform.database import Database
from topup.platform.keys import KeyRing

LANES = 16
OVER_ALL_LANES = {
    # Sweeps find what is due by an index that has nothing else. What they then change, they change by lane.
    "ledger.buckets by buckets_due",
    "ledger.holds by holds_due",
    "orders.orders by orders_to_expire",
    "payments.payments by payments_to_ask",
    "payments.refunds by refunds_due",
    "payments.inbox by inbox_open",
    "charging.shares by shares_due",
    # What was sent to a line lies in its senders' lanes.
    "charging.shares by shares_received",
}
"""Every way in which rows of a hot table are reached without their lane."""
USAGE = "charging.usage_"
"""Its tables: test_usage_statements.py is about them."""


async def test_whatever_is_executed_names_its_lane_or_carries_it_per_item(shop, database, recorded, tmp_path):
    hot = {table for table in await hot_tables(database) if not table.startswith(USAGE)}
    await every_operation_of_the_ledger(database)
    await orders_from_quote_to_refund(shop)
    await orders_through_another_carrier(shop)
    await credit_that_moves_between_lines(database)
    await usage_that_is_sent(database, tmp_path)
    await lines_that_live(database, tmp_path, shop.keys)
    found = recorded.over_all_lanes(hot)
    print(f"{len(recorded.statements)} statements on {len(hot)} hot tables; over all lanes: {', '.join(sorted(found))}")
    assert {way: statements for way, statements in found.items() if way not in OVER_ALL_LANES} == {}
    assert found.keys() == OVER_ALL_LANES, "what is listed and not executed says nothing"
    missed = {table for table in hot - recorded.touched() if not table.startswith("charging.usage_sessions")}
    assert missed == set(), "this run never came to these"


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("SELECT balance FROM ledger.buckets WHERE lane = 3 AND id = 'acc_1'", True),
        ("SELECT balance FROM ledger.buckets WHERE lane = ANY ('{3,4}') AND id = 'acc_1'", True),
        ("SELECT b.id FROM unnest('{3}'::int2[]) AS w (lane) JOIN ledger.buckets AS b ON b.lane = w.lane", True),
        ("SELECT balance FROM ledger.buckets WHERE id = 'acc_1'", False),
        ("SELECT b.id FROM unnest('{a}'::text[]) AS w (id) JOIN ledger.buckets AS b ON b.id = w.id", False),
        ("SELECT count(*) FROM ledger.buckets", False),
        ("SELECT FROM ledger.lanes AS l WHERE lane = 3 AND EXISTS (SELECT FROM ledger.buckets WHERE id = 'a')", False),
        ("DO $$ BEGIN PERFORM balance FROM ledger.buckets WHERE id = 'acc_1'; END $$", False),
    ],
)
async def test_a_statement_without_a_lane_is_seen_in_functions_too(database, recorded, statement, named):
    async with database.transaction() as transaction:
        await transaction.connection.execute(statement, prepare=False)
    assert "ledger.buckets" in recorded.touched()
    assert (recorded.over_all_lanes({"ledger.buckets"}) == {}) is named


async def every_operation_of_the_ledger(database):
    line, other = fresh_line(lane=3), fresh_line(lane=9)
    ends = replace(SPEC, kind="bonus", usable_until=NOW + days(1))
    rolls = replace(ends, kind="data", at_end=AtEnd.ROLL_OVER, roll=Roll(days=30, zone="Asia/Shanghai"))
    capped = replace(SPEC, kind="capped", policy=Policy.LONGEST, cap=500, at_cap=AtCap.CLIP)
    items = [
        transfer(lane=3),
        transfer(lane=9),
        credit(line, 500),
        credit(line, 300, bucket=ends),
        credit(line, 300, bucket=rolls, asset="DATA"),
        credit(line, 900, bucket=capped),
        credit(other, 400, lane=9),
    ]
    for _ in range(2):
        await posted(database, *items)
    _, held, _ = await posted(database, debit(line, 600), hold(line, 50), hold(other, 50, lane=9))
    async with database.read() as transaction:
        found = (await buckets(transaction.connection, [line]))[line]
    fullest = max((bucket for bucket in found if bucket.asset == "CNY"), key=lambda bucket: bucket.available)
    moving = Move(
        lane=3, key=fresh_key(), purpose="test", reference="test", asset="CNY", amount=10, line_id=line,
        bucket_id=fullest.id, bucket=replace(SPEC, kind="moved"),
    )  # fmt: skip
    taking = settle(held.hold_id, 20, final=False)
    await posted(database, taking, moving)
    await posted(database, taking, release(held.hold_id), expire(fullest.id, forced=True))
    for refused in (debit(line, 10_000), release("hld_nobody"), expire("acc_nobody")):
        assert isinstance(await do_one(database, refused), PostingRefused)
    async with database.transaction() as transaction:
        connection = transaction.connection
        assert await transfers_under(connection, lane=3, prefix="test:")
        now = transaction.now
    database.clock_offset = NOW + days(90) - now
    assert await release_holds(database)
    assert await expire_buckets(database)
    database.clock_offset = timedelta(0)


async def posted(database, *items) -> list[Posted]:
    answers = await do(database, *items)
    assert not [answer for answer in answers if isinstance(answer, PostingRefused)]
    return answers


async def orders_from_quote_to_refund(shop: Shop):
    desk = shop.desk
    order = await shop.ordered(contact="somebody@example.com")
    first, second = await shop.paying(order), await shop.paying(order)
    for fact in (shop.paid(first), shop.paid(second), shop.paid(first)):
        await shop.tells(fact)
    await shop.run()
    receipt = await desk.receipt(order_id=order.id)
    assert (await desk.verify_receipt(token=receipt.verify_path.removeprefix("/verify/"))).genuine
    assert (await desk.shared_order(token=await desk.share_token(order_id=order.id))).status == "delivered"
    await desk.cancel(order_id=(await shop.ordered()).id)
    late = await shop.ordered()
    fact = shop.paid(paying := await shop.paying(late))
    shop.gateway.standing[paying.id] = [fact]
    await shop.later(hours=3)
    await shop.run()
    assert (await shop.order(late)).final
    await desk.bills.read()
    await shop.main_balance()
    await desk.methods(
        quote_id=(
            await desk.quote(number="13800138000", product=None, amount=Money(5000, "CNY"), payment_method=None)
        ).id
    )


async def orders_through_another_carrier(shop: Shop):
    shop.carrier.answers = [Unknown("timeout"), Refused(Reason.USER, "suspended")]
    shop.carrier.query_answers = [Refused(Reason.ABSENT, "absent")]
    shop.gateway.refund_answers = [Unknown("timeout")]
    for _ in range(2):
        order = await shop.ordered(number=FOREIGN_NUMBER, amount=1000, currency="SGD")
        await shop.tells(shop.paid(await shop.paying(order)))
        await shop.run()
    for _ in range(3):
        await shop.later(days=1)
        await shop.run()
    assert (await shop.order(order)).status == "refunded"


async def credit_that_moves_between_lines(database: Database):
    circle = await Circle.of(database, SMART)
    await circle.open(ANA, BEN, main=100_000)
    assert (await circle.send(ANA, BEN, 3000)).share.state == "shared"
    adjustments = Adjustments(database=database, catalogue=circle.catalogue)
    for amount in (500, -500):
        wish = AdjustmentWish(parse_msisdn(ANA), Money(amount, "PHP"), "goodwill", "", "key:test")
        made = await adjustments.make(
            adjustment_id=AdjustmentId(new_id("adjustment", circle.lines[ANA].lane)), wish=wish
        )
        assert await adjustments.get(adjustment_id=made.id) == made
    await circle.sharing.sweep()
    books = LineBooks(database=database, catalogue=circle.catalogue)
    assert (await books.buckets(number=ANA)).buckets
    assert (await books.transfers(number=ANA)).transfers


async def usage_that_is_sent(database: Database, folder: Path):
    # Numbers of another carrier's than the one who shares credit here.
    ann = "+639051234501"
    traffic = await Traffic.of(database, (CARRIER + LIVING).replace(b"+63908", b"+63905"))
    await traffic.open(ann, main=1000)
    await traffic.sees_its_money(ann)
    async with database.read() as transaction:
        soon = transaction.now + days(2)
    await traffic.grant(ann, "DATA", 500, usable_until=soon)
    records = [traffic.record(ann, service="data", quantity=10**6) for _ in range(2)]
    for record in (*records, *records, traffic.record(ann, quantity=120), traffic.record(ann, quantity=9000)):
        await traffic.rate(record)
    # As where somebody else was quicker: all of it again, with the lanes taken first.
    await asyncio.gather(*(traffic.rate(traffic.record(ann, service="sms", quantity=1)) for _ in range(6)))
    file = folder / "usage.csv"
    file.write_text(f"id,number,service,quantity,at\na,{ann},sms,1,2026-01-01T00:00:00Z\nb,{ann},sms,1,none\n")

    async def progress(_done: int) -> None:
        pass

    catalogue = traffic.circle.catalogue
    for _ in range(2):
        found = await import_usage(database, file, catalogue=catalogue, lanes=LANES, progress=progress)
    async with database.read() as transaction:
        assert await rejects_of(transaction.connection, import_id=found.import_id, lanes=LANES)
    await traffic.rate(traffic.record(ann, service="sms", quantity=1))
    telling = Telling(database=database, catalogue=catalogue, lanes=LANES)
    for _ in range(2):
        await telling.expiring()
        await telling.blocked()
        await telling.restored()
        await traffic.circle.give(ann, 100)
    history = UsageHistory(database=database, catalogue=catalogue)
    assert (await history.usages(number=ann)).usages
    assert (await history.events(number=ann)).events
    desk = UsageRecords(database=database, catalogue=catalogue, lanes=LANES)
    assert await desk.charge(records)
    await desk.aclose()


async def lines_that_live(database: Database, folder: Path, keys: KeyRing):
    file = folder / "lines.csv"
    file.write_text(
        "number,carrier,kind,status\n" + "".join(f"1380013{n},qingfeng,esim,active\n" for n in range(8100, 8120))
    )
    village = await Village.of(database, EXAMPLES / "vodafone-uk.toml")

    async def progress(_done: int) -> None:
        pass

    for _ in range(2):
        await import_lines(database, file, snapshot=village.snapshot, lanes=LANES, progress=progress)
    async with database.read() as transaction:
        now = transaction.now
    [line] = await village.opened("smart-philippines", "+639181239999", at=now)
    await village.credits(line, 10_000, at=now)
    await village.happens(line, "activity", at=now)
    assert await village.tops_up(line, 5000, at=now)
    life = LifeCycles(database=database, catalogue=CatalogueCache(), lanes=LANES)
    reminding = Reminding(database=database, catalogue=CatalogueCache(), keyring=keys, lanes=LANES)
    for _ in range(20):
        database.clock_offset += days(40)
        await life.live()
        await reminding.remind()
    number = parse_msisdn("13800138100")
    for carrier in ("shanlan", "qingfeng"):
        async with database.transaction() as transaction:
            await port_number(transaction.connection, number, carrier, transaction.now, range_carrier_id="qingfeng")
            await set_status(transaction.connection, line, LineStatus.CLOSED, transaction.now)
