"""The one life of a top-up, on a real database."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from prometheus_client import REGISTRY

from topup.kernel.errors import Problem
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Unknown
from topup.orders.settlement import Told
from topup.payments.ports import Action, BillLine, PaymentAnswer, PaymentStanding


def states(view) -> list[str]:
    return [entry.state for entry in view.timeline]


async def test_paid_credit_is_in_the_ledger_with_a_receipt_that_verifies(shop):
    order = await shop.ordered()
    assert states(order) == ["quoted", "awaiting_payment"]
    payment = await shop.paying(order)
    assert payment.action == Action("redirect", f"http://127.0.0.1:1/pay/{payment.id}")
    assert await shop.tells(shop.paid(payment)) == (200, "text/plain", b"success")
    after = await shop.order(order)
    assert states(after) == ["quoted", "awaiting_payment", "paid", "delivering", "delivered"]
    assert after.final
    assert [attempt.action for attempt in after.payments] == [None]
    assert await shop.main_balance() == sum(grant.amount for grant in after.grants if grant.kind == "main")
    receipt = await shop.desk.receipt(order_id=order.id)
    assert receipt.number == after.receipt_number
    verified = await shop.desk.verify_receipt(token=receipt.verify_path.removeprefix("/verify/"))
    assert (verified.genuine, verified.number, verified.total) == (True, receipt.number, payment.amount)
    assert (await shop.house()).get(("suspense", "CNY")) is None


async def test_a_receipt_altered_in_one_letter_is_not_genuine(shop):
    order = await shop.ordered()
    await shop.tells(shop.paid(await shop.paying(order)))
    token = (await shop.desk.receipt(order_id=order.id)).verify_path.removeprefix("/verify/")
    other = "A" if token[40] != "A" else "B"
    assert not (await shop.desk.verify_receipt(token=token[:40] + other + token[41:])).genuine


@pytest.mark.parametrize("copies", [2, 5])
async def test_the_same_event_again_changes_nothing(shop, copies):
    payment = await shop.paying(await shop.ordered())
    fact = shop.paid(payment)
    before = await shop.house()
    for _ in range(copies):
        await shop.tells(fact, event_id="again")
    await shop.tells(fact, event_id="the same money in another event")
    assert before == {}
    assert (await shop.house())["clearing:scripted", "CNY"] == -payment.amount.amount_minor


async def test_of_two_payments_one_is_kept_and_one_goes_back(shop):
    order = await shop.ordered()
    first, second = await shop.paying(order), await shop.paying(order)
    await shop.tells(shop.paid(first))
    await shop.tells(shop.paid(second))
    await shop.run()
    after = await shop.order(order)
    assert after.status == "delivered"
    assert {payment.id: payment.status for payment in after.payments} == {first.id: "paid", second.id: "refunded"}
    assert (await shop.house()).get(("suspense", "CNY")) is None


async def test_one_payment_paid_twice_gives_one_back(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    await shop.tells(shop.paid(payment), shop.paid(payment))
    await shop.run()
    after = await shop.order(order)
    (shown,) = after.payments
    assert (shown.status, shown.refunded) == ("paid", payment.amount)
    assert shown.received == Money(2 * payment.amount.amount_minor, "CNY"), "else it reads as if nothing was kept"
    causes = [entry.cause for entry in after.timeline if entry.cause in {"money_second", "other_money_back"}]
    assert causes == ["money_second", "other_money_back"]


@pytest.mark.parametrize("wrong", [Money(4999, "CNY"), Money(5001, "CNY"), Money(5000, "HKD")])
async def test_another_amount_or_currency_goes_back_and_the_order_still_waits(shop, wrong):
    order = await shop.ordered()
    payment = await shop.paying(order)
    await shop.tells(shop.paid(payment, amount=wrong))
    await shop.run()
    after = await shop.order(order)
    assert (after.status, after.next_step) == ("awaiting_payment", "payment_mismatched")
    (told,) = after.payments[0].returned
    assert (after.payments[0].received, after.payments[0].refunded) == (wrong, wrong), (
        "what came, not what was asked for"
    )
    assert (told.amount, told.reason, told.standing) == (wrong, "mismatched", "went_back")
    assert [(entry.state, entry.cause) for entry in after.timeline[2:]] == [
        ("awaiting_payment", "money_mismatched"),
        ("awaiting_payment", "other_money_back"),
    ]
    assert [request.amount for of in shop.gateway.refunds.values() for request in of] == [wrong]
    assert (await shop.house()) == {}
    await shop.later(minutes=16)
    await shop.desk.expire()
    ended = await shop.order(order)
    assert (ended.status, ended.next_step, ended.payments[0].returned) == ("expired", "expired_refunded", (told,))


async def test_what_came_in_another_currency_beside_is_not_added_to_what_was_asked_for(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    other = Money(5000, "HKD")
    await shop.tells(shop.paid(payment, amount=other), shop.paid(payment))
    await shop.run()
    (shown,) = (await shop.order(order)).payments
    assert (shown.received, shown.refunded) == (payment.amount, Money(0, "CNY"))
    assert [(one.amount, one.standing) for one in shown.returned] == [(other, "went_back")]


async def test_paid_in_time_and_heard_of_late_is_delivered(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    fact = shop.paid(payment)
    await shop.later(minutes=16)
    assert await shop.desk.expire() == 1
    await shop.tells(fact)
    assert states(await shop.order(order))[-4:] == ["expired", "paid", "delivering", "delivered"]


async def test_paid_too_late_goes_back(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    await shop.later(minutes=16)
    await shop.desk.expire()
    await shop.tells(shop.paid(payment))
    await shop.run()
    after = await shop.order(order)
    assert (after.status, after.payments[0].status, after.next_step) == ("expired", "refunded", "expired_refunded")
    causes = ["quoted", "ordered", "not_paid_in_time", "money_late", "other_money_back"]
    assert [entry.cause for entry in after.timeline] == causes


async def test_a_cancelled_order_takes_no_money(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    assert (await shop.desk.cancel(order_id=order.id)).status == "cancelled"
    assert (await shop.desk.cancel(order_id=order.id)).status == "cancelled"
    await shop.run()
    assert shop.gateway.closed == [payment.id]
    after = await shop.order(order)
    assert (after.payments[0].status, after.final, after.next_step) == ("closed", True, "cancelled")
    with pytest.raises(Problem, match="order_not_payable"):
        await shop.paying(order)


@pytest.mark.parametrize("status", ["cancelled", "expired"])
async def test_an_order_is_not_final_while_money_may_still_come(shop, status):
    order = await shop.ordered()
    payment = await shop.paying(order)
    if status == "cancelled":
        await shop.desk.cancel(order_id=order.id)
    else:
        await shop.later(minutes=16)
        await shop.desk.expire()
    waits = await shop.order(order)
    assert (waits.status, waits.payments[0].status) == (status, "pending")
    assert (waits.final, waits.next_step) == (False, f"{status}_open")
    await shop.tells(shop.paid(payment, at=datetime.now(UTC) + timedelta(minutes=20)))
    coming = await shop.order(order)
    assert (coming.final, coming.next_step) == (False, f"{status}_refunding")
    await shop.run()
    after = await shop.order(order)
    assert (after.status, after.final, after.next_step) == (status, True, f"{status}_refunded")
    assert (await shop.house()) == {}


async def test_a_delivered_order_cannot_be_cancelled(shop):
    order = await shop.ordered()
    await shop.tells(shop.paid(await shop.paying(order)))
    with pytest.raises(Problem, match="too_late_to_cancel"):
        await shop.desk.cancel(order_id=order.id)


async def test_a_payment_without_any_event_is_found_by_asking(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    shop.gateway.standing[payment.id] = [shop.paid(payment)]
    await shop.later(seconds=6)
    await shop.run()
    assert (await shop.order(order)).status == "delivered"


async def test_a_payment_nobody_tells_of_is_found_in_the_bill(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    fact = shop.paid(payment)
    shop.gateway.lines = [BillLine("payment", payment.id, fact.reference, payment.amount, fact.paid_at)]
    assert await shop.desk.bills.read() == 1
    assert (await shop.order(order)).status == "delivered"
    assert await shop.desk.bills.read() == 0


async def test_a_gateway_that_does_not_answer_is_asked_until_a_person_decides(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    for _ in range(60):
        shop.gateway.query_answers = [PaymentAnswer((), Unknown("silence"))] * 5
        shop.gateway.close_answers = [Unknown("silence")] * 5
        await shop.later(minutes=35)
        await shop.desk.expire()
        await shop.desk.outside.ask()
    given_up = await shop.order(order)
    (shown,) = given_up.payments
    assert (shown.status, given_up.final, given_up.next_step) == ("needs_person", False, "expired_open")
    # Even then money that comes is not lost.
    await shop.tells(shop.paid(payment))
    await shop.run()
    assert (await shop.order(order)).payments[0].status == "refunded"


async def test_declined_leaves_the_order_to_be_paid_another_way(shop):
    order = await shop.ordered()
    first = await shop.paying(order)
    await shop.tells(shop.said(first, PaymentStanding.DECLINED))
    assert (await shop.order(order)).next_step == "payment_declined"
    second = await shop.paying(order)
    await shop.tells(shop.paid(second))
    assert (await shop.order(order)).status == "delivered"


async def test_an_expired_or_unknown_quote_is_refused(shop):
    quote = await shop.desk.quote(number="13800138000", product=None, amount=Money(5000, "CNY"), payment_method=None)
    await shop.later(minutes=15)
    with pytest.raises(Problem, match="quote_expired"):
        await _order(shop, quote.id)
    with pytest.raises(Problem, match="quote_unknown"):
        await _order(shop, new_id("quote", 3))
    with pytest.raises(Problem, match="quote_unknown"):
        await _order(shop, "quo_nonsense")


async def test_an_edited_quote_is_refused(shop, database_url):
    quote = await shop.desk.quote(number="13800138000", product=None, amount=Money(5000, "CNY"), payment_method=None)
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute(
            "UPDATE orders.quotes SET body = replace(body, '\"base_minor\":5000', '\"base_minor\":1')"
        )
    with pytest.raises(Problem, match="quote_altered"):
        await _order(shop, quote.id)


async def test_a_quote_makes_one_order(shop):
    order = await shop.ordered()
    with pytest.raises(Problem, match="quote_used"):
        await _order(shop, order.quote_id)
    again = await shop.desk.order(
        order_id=order.id,
        quote_id=order.quote_id,
        contact=None,
        confirmations=frozenset(),
        locale="zh_Hans",
        channel="test",
    )
    assert again.id == order.id


async def test_the_same_number_and_amount_within_minutes_is_asked_about(shop):
    await shop.ordered()
    with pytest.raises(Problem, match="confirmation_needed") as caught:
        await shop.ordered(confirm=())
    assert caught.value.parameters["confirmations"] == ["duplicate"]
    assert (await shop.ordered(confirm=("duplicate",))).status == "awaiting_payment"
    await shop.ordered(amount=3000, confirm=())


async def _order(shop, quote_id):
    lane = lane_of(quote_id) if len(quote_id) == 30 else 0
    return await shop.desk.order(
        order_id=OrderId(new_id("order", lane)),
        quote_id=quote_id,
        contact=None,
        confirmations=frozenset({"duplicate", "large_amount"}),
        locale="zh_Hans",
        channel="test",
    )


async def test_a_recycled_number_inherits_nothing(shop):
    first = await shop.ordered()
    await shop.tells(shop.paid(await shop.paying(first)))
    order = await shop.ordered()
    payment = await shop.paying(order)
    async with await shop.database.connect() as connection:
        await connection.execute("UPDATE lines.numbers SET until = now()")
    await shop.tells(shop.paid(payment))
    await shop.run()
    assert (await shop.order(order)).status == "refunded"


async def test_nor_when_whoever_has_it_now_pays_at_the_same_moment(shop):
    await shop.tells(shop.paid(await shop.paying(await shop.ordered())))
    before = await shop.ordered()
    paid_before = await shop.paying(before)
    async with await shop.database.connect() as connection:
        await connection.execute("UPDATE lines.numbers SET until = now()")
    since = await shop.ordered(amount=3000)
    paid_since = await shop.paying(since)
    # One flush settles both.
    await asyncio.gather(*(shop.desk.hear_payment(Told(shop.paid(p), "scripted")) for p in (paid_before, paid_since)))
    await shop.run()
    assert [(await shop.order(order)).status for order in (before, since)] == ["refunded", "delivered"]
    assert await shop.main_balance() == 3000


async def test_an_unverified_event_is_quarantined_and_refused(shop):
    status, _, _ = await shop.desk.receive_event(method="scripted", headers={}, body=b"forged")
    assert status == 400
    assert shop.desk.post_room.quarantined == {"scripted": 1}


async def test_a_flood_of_forged_events_is_counted_and_few_are_written(shop):
    room = shop.desk.post_room
    labels = {"plugin": "scripted"}
    before = REGISTRY.get_sample_value("topup_events_quarantined_total", labels) or 0
    forged = [shop.desk.receive_event(method="scripted", headers={}, body=b"forged") for _ in range(40)]
    write, under_way, free = room._quarantine, [], asyncio.Event()

    async def held(*forged_event):
        under_way.append(forged_event)
        await free.wait()
        await write(*forged_event)

    room._quarantine = held
    waiting = [asyncio.create_task(event) for event in forged]
    refused = asyncio.as_completed(waiting)
    for answered in [next(refused) for _ in range(36)]:
        await answered
    assert len(under_way) == 4
    free.set()
    assert {status for status, _, _ in await asyncio.gather(*waiting)} == {400}
    assert room.quarantined == {"scripted": 40}
    assert REGISTRY.get_sample_value("topup_events_quarantined_total", labels) == before + 40
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM payments.quarantine")
        row = await cursor.fetchone()
    assert row is not None
    assert 1 <= row[0] <= 4


async def test_an_event_left_by_a_dead_process_is_settled_by_the_sweep(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    # As stored and acknowledged by a process that died at once.
    shop.desk.post_room._begin = lambda work: work.close()
    await shop.tells(shop.paid(payment))
    assert (await shop.order(order)).status == "awaiting_payment"
    await shop.later(seconds=3)
    assert await shop.desk.post_room.sweep() == 1
    assert (await shop.order(order)).status == "delivered"
    assert await shop.desk.post_room.sweep() == 0


async def test_receipts_are_numbered_without_gaps_per_lane(shop):
    for _ in range(4):
        await shop.tells(shop.paid(await shop.paying(await shop.ordered())))
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT number FROM orders.receipts ORDER BY number")
        assert [number for (number,) in await cursor.fetchall()] == [1, 2, 3, 4]


async def test_a_shared_link_leads_to_the_order_and_tells_no_id(shop):
    order = await shop.ordered()
    token = await shop.desk.share_token(order_id=order.id)
    assert order.id not in token
    assert (await shop.desk.shared_order(token=token)).id == order.id
    with pytest.raises(Problem, match="order_unknown"):
        await shop.desk.shared_order(token=token[:-2])
    with pytest.raises(Problem, match="order_unknown"):
        await shop.desk.shared_order(token="nonsense")
