"""Statements on hot tables name their lane, or carry it for each of their items: what PostgreSQL executed is the proof.

So each of them can be answered by one shard of a distributed database, and none reads what other lines have. What looks
over all lanes is listed here, with why it may.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.lanes.of_instruments import instruments_that_are_kept
from tests.integration.lanes.of_lines import LANES, all_that_lines_are
from tests.integration.lanes.of_orders import links_that_prepare_an_order, orders_paid_elsewhere, orders_with_offers
from tests.integration.lanes.of_schedules import schedules_that_run
from tests.integration.lanes.over_all_lanes import OVER_ALL_LANES
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
from tests.support.lines import days
from tests.support.own_methods import OwnShop
from tests.support.sharing import ANA, BEN, SMART, Circle
from tests.support.statements import hot_tables
from tests.support.usage import CARRIER, LIVING, Traffic
from topup.charging.adjustments import Adjustments, AdjustmentWish
from topup.charging.line_books import LineBooks
from topup.charging.usage.desk import UsageRecords
from topup.charging.usage.history import UsageHistory
from topup.charging.usage.imports import import_usage, rejects_of
from topup.charging.usage.tasks import Telling
from topup.kernel.errors import Conflict
from topup.kernel.ids import AdjustmentId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.kernel.outcome import Reason, Refused, Unknown
from topup.ledger import AtCap, AtEnd, Move, Policy, Posted, PostingRefused, Roll
from topup.ledger.queries import buckets, transfers_under
from topup.ledger.tasks import expire_buckets, release_holds
from topup.orders.counter_sales import CounterSales, sold_by_method
from topup.payments.cash import drawer
from topup.payments.cash.drawer import CHANGE, Movement
from topup.payments.cash.tills import Tendered
from topup.payments.ports import DisputeFact, DisputeStanding, RefundRequest, Scene
from topup.payments.vouchers import operations
from topup.payments.vouchers import queries as voucher_queries
from topup.payments.vouchers.tasks import sweeps
from topup.platform.database import Database

ELSEWHERE = ("charging.usage_", "payments.float_", "offers.")
"""Tables that others are about: test_usage_statements.py, test_float_statements.py, test_offer_statements.py."""


async def test_whatever_is_executed_names_its_lane_or_carries_it_per_item(own_shop, database, recorded, tmp_path):
    shop = own_shop
    hot = {table for table in await hot_tables(database) if not table.startswith(ELSEWHERE)}
    await every_operation_of_the_ledger(database)
    await orders_from_quote_to_refund(shop)
    await orders_paid_elsewhere(shop)
    await links_that_prepare_an_order(shop)
    await orders_with_offers(shop)
    await instruments_that_are_kept(shop)
    await schedules_that_run(shop)
    await orders_through_another_carrier(shop)
    await ways_to_pay_of_the_house(shop)
    await at_a_counter(shop)
    await credit_that_moves_between_lines(database)
    await usage_that_is_sent(database, tmp_path)
    await all_that_lines_are(database, tmp_path, shop.keys)
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
    for standing in DisputeStanding:
        await shop.tells(DisputeFact("", "dp_1", standing, first.amount, None, fact.reference))
    await shop.tells(DisputeFact("", "dp_2", DisputeStanding.OPEN, first.amount, None, "of nobody"))
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


async def at_a_counter(shop: OwnShop):
    """A clerk sells once, fetches change, hands over, and the reports are read."""
    ann, bob, sales = new_id("staff", 0), new_id("staff", 0), CounterSales(database=shop.database)
    cash = shop.desk.cash
    session = await cash.open(till="hall-1", float_=Money(100, "CNY"), by=ann)
    for _ in range(2):
        await cash.move(till="hall-1", movement=Movement("f", CHANGE, Money(500, "CNY"), "Change", ann))
    order = await shop.ordered(number="13800138011")
    await sales.begin(quote_id=order.quote_id, session=session, by=ann)
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))
    await shop.desk.pay(payment_id=payment_id, order_id=order.id, method="cash", locale="en", scene=Scene.COUNTER)
    await cash.take(Tendered(payment_id, "hall-1", order.total, ann, only_keeper=True))
    assert (await sales.one(quote_id=order.quote_id)).tendered == order.total
    assert len(await sales.of_session(session_id=session.id, limit=5)) == 1
    await cash.hand_over(till="hall-1", counted=Money(600, "CNY"), given_by=ann, taken_by=bob)
    async with shop.database.read() as transaction:
        connection = transaction.connection
        assert await drawer.kept_by(connection, bob)
        [kept] = await drawer.past_of(connection, ann)
        assert (await drawer.session_of(connection, kept.session.id)).z_number == 1
        assert (await drawer.figures(connection, kept.session)).sales == 1
        assert await sold_by_method(connection, kept.session.id)
    await cash.close(till="hall-1", counted=Money(600, "CNY"), by=bob)


async def ways_to_pay_of_the_house(shop: OwnShop):
    """Paid by each, once on time and once too late or too much, given back, billed; and what people do for them."""
    await shop.rich()
    for hand in shop.hands.values():
        method = shop.method(hand.name)
        kept, payment = await shop.begun(hand)
        await hand.pays(payment.id, kept.total)
        surplus, second = await shop.begun(hand, number="13800138009")
        if (await shop.order(surplus)).status == "awaiting_payment":
            await shop.tells(shop.paid(await shop.paying(surplus)))
        await hand.pays(second.id, surplus.total)
        called_off, third = await shop.begun(hand, number="13800138010")
        with suppress(Conflict):
            await shop.desk.cancel(order_id=called_off.id)
        await shop.run()
        with suppress(Conflict):
            await hand.pays(third.id, called_off.total)
        request, unheard = await shop.request(hand), await shop.request(hand)
        await method.start(request)
        await hand.pays(request.payment_id, request.amount)
        [fact] = (await method.query(request.payment_id)).facts
        refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, request.amount, "test")
        for _ in range(2):
            await method.refund(refund)
            await hand.gives_back(refund.refund_id)
            await method.query_refund(refund.refund_id, request.payment_id)
            await method.close(unheard.payment_id)
        assert await shop.bill_of(hand.name)
    await shop.later(seconds=6)
    await shop.run()
    while await shop.everything_handed_back():
        await shop.run()
    await what_people_do(shop)


async def what_people_do(shop: OwnShop):
    """Batches made, sold, blocked and ended; a slip looked at; an entry that a person matches; a till counted."""
    batch, [card, other] = await shop.printed(2)
    await shop.change(operations.block_one, serial=card.serial)
    await shop.printed(1, days=1)
    _, [alone] = await shop.printed(1, activate=False)
    await shop.change(operations.activate_one, serial=alone.serial)
    async with shop.database.read() as transaction:
        assert (await voucher_queries.voucher(transaction.connection, other.serial)).batch.id == batch.id
        assert await voucher_queries.counts(transaction.connection, batch.id)
        assert await voucher_queries.batches(transaction.connection)
    await shop.change(operations.block, batch_id=batch.id)
    bank, cash = shop.hands["bank_transfer"], shop.hands["cash"]
    order, payment = await shop.begun(bank, number="13800138011")
    moved = await bank.moved(payment.id, order.total, text="")
    for _ in range(2):
        await bank.imports(moved)
    [(entry,)] = await shop.rows("SELECT subject FROM work.items WHERE kind = 'transfer_no_reference'")
    assert (await shop.desk.transfers.entry(entry_id=entry)).entry.id == entry
    await shop.desk.transfers.match(entry_id=entry, payment_id=payment.id, by="test")
    slipped, payment = await shop.begun(cash, number="13800138012")
    await cash.pays(payment.id, slipped.total, more=1000)
    for _ in range(2):
        assert await shop.desk.credit_slips(order_id=slipped.id)
        await shop.later(hours=1)
    await cash.counts()
    await shop.later(days=3)
    for sweep in sweeps(shop.database):
        assert await sweep.run()


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
