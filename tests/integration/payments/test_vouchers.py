"""A voucher pays once, exactly its face; what it is in the ledger; and how batches live and end."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.desk import LANES
from tests.support.vouchers import agreed
from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.payments.cash import drawer
from topup.payments.vouchers import operations
from topup.payments.vouchers.desk import VoucherDesk
from topup.payments.vouchers.operations import Wanted
from topup.payments.vouchers.queries import counts, live_count, voucher
from topup.payments.vouchers.states import VoucherState
from topup.shops.stock import operations as stock
from topup.shops.stock import queries as stock_queries
from topup.shops.stock.movements import received
from topup.shops.stock.queries import Item
from topup.work import trail

CARD = "card-50"


async def state_of(shop, serial) -> str:
    async with shop.database.read() as transaction:
        return (await voucher(transaction.connection, serial)).state.value


async def test_a_voucher_pays_its_face_and_the_line_has_it(voucher_shop):
    _, [card] = await voucher_shop.printed()
    assert (await voucher_shop.house())[("vouchers", "CNY")] == 5000
    order = await voucher_shop.ordered()
    payment = await voucher_shop.redeems(order, card.pin)
    assert payment.status == "paid"
    assert (await voucher_shop.order(order)).status == "delivered"
    assert await voucher_shop.main_balance() == 5000
    assert await state_of(voucher_shop, card.serial) == "redeemed"
    house = await voucher_shop.house()
    assert ("clearing:voucher", "CNY") not in house
    assert ("vouchers", "CNY") not in house
    assert house[("receivable:vouchers", "CNY")] == -5000


async def test_a_pin_is_read_as_people_type_it(voucher_shop):
    _, [card] = await voucher_shop.printed()
    order = await voucher_shop.ordered()
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in card.pin)
    typed = f" {wide[:4]}-{wide[4:8]} {wide[8:12]}·{wide[12:]}\t"
    assert (await voucher_shop.redeems(order, typed)).status == "paid"


async def test_it_pays_once(voucher_shop):
    _, [card] = await voucher_shop.printed()
    first, second = await voucher_shop.ordered(), await voucher_shop.ordered()
    assert (await voucher_shop.redeems(first, card.pin)).status == "paid"
    again = await voucher_shop.redeems(second, card.pin)
    assert (again.status, again.reason) == ("declined", "voucher_refused")
    assert await voucher_shop.main_balance() == 5000


async def test_one_pin_shown_for_many_orders_at_once_pays_one(voucher_shop, figures):
    redemptions, races = 0, 8
    for _ in range(races):
        _, [card] = await voucher_shop.printed()
        orders = [await voucher_shop.ordered() for _ in range(8)]
        tries = await asyncio.gather(
            *(
                voucher_shop.redeems(order, card.pin, payer=f"p{n}", address=f"192.0.2.{n}")
                for n, order in enumerate(orders)
            )
        )
        redemptions += sum(payment.status == "paid" for payment in tries)
    assert redemptions == races
    assert await voucher_shop.main_balance() == races * 5000
    house = await voucher_shop.house()
    assert ("clearing:voucher", "CNY") not in house
    figures.never("G19", of=races, redemptions=redemptions, double_redemptions=redemptions - races)


async def test_the_same_payment_again_is_told_the_same(voucher_shop):
    _, [card, other] = await voucher_shop.printed(2)
    order = await voucher_shop.ordered()
    number = PaymentId(new_id("payment", lane_of(order.id)))
    tries = await asyncio.gather(
        *(voucher_shop.redeems(order, card.pin, payment_id=number) for _ in range(6)), return_exceptions=True
    )
    paid = [one for one in tries if not isinstance(one, BaseException)]
    assert {one.status for one in paid} <= {"paid", "pending"}
    again = await voucher_shop.redeems(order, other.pin, payment_id=number)
    assert again.status == "paid"
    assert await state_of(voucher_shop, other.serial) == "activated"
    assert await voucher_shop.main_balance() == 5000


@pytest.mark.parametrize("what", ["another face", "another currency", "another carrier"])
async def test_a_voucher_that_does_not_fit_is_refused_in_words_and_stays(voucher_shop, what):
    batch = {
        "another face": {"face": 10000},
        "another currency": {"currency": "USD"},
        "another carrier": {"carrier_id": "elsewhere"},
    }[what]
    _, [card] = await voucher_shop.printed(**batch)
    payment = await voucher_shop.redeems(await voucher_shop.ordered(), card.pin)
    reason = "voucher_other_carrier" if what == "another carrier" else "voucher_other_face"
    assert (payment.status, payment.reason) == ("declined", reason)
    assert await state_of(voucher_shop, card.serial) == "activated"


async def unpaid(shop, pin) -> str:
    payment = await shop.redeems(await shop.ordered(), pin)
    assert payment.status == "declined"
    return payment.reason


async def test_unknown_not_yet_sold_used_blocked_and_expired_are_told_alike(voucher_shop):
    _, [unsold] = await voucher_shop.printed(activate=False)
    _, [old] = await voucher_shop.printed(days=1)
    whole, [card] = await voucher_shop.printed()
    _, [one] = await voucher_shop.printed()
    _, [used] = await voucher_shop.printed()
    await voucher_shop.redeems(await voucher_shop.ordered(), used.pin)
    await voucher_shop.change(operations.block, batch_id=whole.id)
    await voucher_shop.change(operations.block_one, serial=one.serial)
    await voucher_shop.later(days=2)
    reasons = [
        (await voucher_shop.redeems(await voucher_shop.ordered(), pin, payer=pin)).reason
        for pin in ("000000000000000000", unsold.pin, old.pin, card.pin, one.pin, used.pin)
    ]
    assert reasons == ["voucher_refused"] * 6


async def test_a_slip_of_the_finger_is_told_as_one_and_costs_no_guess(voucher_shop):
    _, [card] = await voucher_shop.printed()
    wrong = card.pin[:-1] + str((int(card.pin[-1]) + 1) % 10)
    for _ in range(7):
        assert await unpaid(voucher_shop, wrong) == "voucher_pin_unreadable"
    assert await unpaid(voucher_shop, None) == "voucher_pin_missing"
    assert (await voucher_shop.redeems(await voucher_shop.ordered(), card.pin)).status == "paid"


async def test_the_ledger_of_a_batch_from_its_sale_to_its_end(voucher_shop):
    batch, cards = await voucher_shop.printed(5, activate=False)
    assert await voucher_shop.house() == {}
    await voucher_shop.change(operations.block_one, serial=cards[0].serial)
    await voucher_shop.change(operations.activate, batch_id=batch.id)
    await voucher_shop.change(operations.activate, batch_id=batch.id)
    assert (await voucher_shop.house())[("vouchers", "CNY")] == 4 * 5000
    await voucher_shop.change(operations.block_one, serial=cards[1].serial)
    await voucher_shop.change(operations.block_one, serial=cards[1].serial)
    await voucher_shop.redeems(await voucher_shop.ordered(), cards[2].pin)
    await voucher_shop.later(days=31)
    await voucher_shop.change(lambda c, now: operations.expire(c, 10, now))
    await voucher_shop.change(lambda c, now: operations.expire(c, 10, now))
    house = await voucher_shop.house()
    assert ("vouchers", "CNY") not in house
    assert (house[("vouchers_blocked", "CNY")], house[("expired", "CNY")]) == (5000, 2 * 5000)
    async with voucher_shop.database.read() as transaction:
        found = await counts(transaction.connection, batch.id)
    assert found == {VoucherState.BLOCKED: 2, VoucherState.REDEEMED: 1, VoucherState.EXPIRED: 2}
    with pytest.raises(Problem, match="voucher_batch_stands"):
        await voucher_shop.change(operations.activate, batch_id=batch.id)


async def in_stock(voucher_shop, pieces: int = 10) -> None:
    """The shop `hall` has cards."""
    await voucher_shop.change(lambda c, now: stock.add_item(c, Item(CARD, "card", {"zh_Hans": "50元充值卡"}), now))
    await voucher_shop.change(
        lambda c, now: stock.move(c, received("in", CARD, "hall", pieces, by="stf_1"), now, lanes=LANES)
    )


async def test_a_card_pays_from_the_moment_it_is_handed_over_and_its_neighbours_do_not(voucher_shop):
    batch, cards = await voucher_shop.printed(4, activate=False)
    await in_stock(voucher_shop)
    desk = VoucherDesk(database=voucher_shop.database, keys=voucher_shop.keys, lanes=LANES)
    first, second, third, _ = cards
    for _ in range(2):
        await desk.hand_over(serial=first.serial, shop="hall", sku=CARD, by="stf_clerk", key="sale-1")
    await desk.hand_over(serial=second.serial, shop="hall", sku=CARD, by="stf_clerk", key="sale-2")
    assert (await voucher_shop.house())[("vouchers", "CNY")] == 2 * 5000
    with pytest.raises(Problem, match="stock_card_sold"):
        await desk.hand_over(serial=first.serial, shop="hall", sku=CARD, by="stf_clerk", key="sale-3")
    assert (await voucher_shop.redeems(await voucher_shop.ordered(), first.pin)).status == "paid"
    assert (await voucher_shop.redeems(await voucher_shop.ordered(), third.pin)).reason == "voucher_refused"
    async with voucher_shop.database.read() as transaction:
        assert await stock_queries.level(transaction.connection, "hall", CARD) == 8
        assert (await stock_queries.handed_over(transaction.connection, first.serial)).movement.by == "stf_clerk"
        assert await live_count(transaction.connection, transaction.now) == 2
        told = await trail.entries(transaction.connection, subject=first.serial)
    assert [(entry.action, entry.actor) for entry in told] == [("voucher.handed_over", "stf_clerk")]
    await voucher_shop.later(days=31)
    await voucher_shop.change(lambda c, now: operations.expire(c, 10, now))
    house = await voucher_shop.house()
    assert ("vouchers", "CNY") not in house
    assert house[("expired", "CNY")] == 5000, "what nobody had paid for is nobody's loss"
    async with voucher_shop.database.read() as transaction:
        found = await counts(transaction.connection, batch.id)
    assert found == {VoucherState.REDEEMED: 1, VoucherState.EXPIRED: 3}


async def test_a_batch_that_is_activated_after_some_were_handed_over_owes_each_card_once(voucher_shop):
    batch, cards = await voucher_shop.printed(3, activate=False)
    await voucher_shop.change(operations.activate_one, serial=cards[0].serial)
    await voucher_shop.change(operations.activate, batch_id=batch.id)
    await voucher_shop.change(operations.activate_one, serial=cards[1].serial)
    assert (await voucher_shop.house())[("vouchers", "CNY")] == 3 * 5000
    await voucher_shop.change(operations.block_one, serial=cards[0].serial)
    await voucher_shop.change(operations.block, batch_id=batch.id)
    house = await voucher_shop.house()
    assert ("vouchers", "CNY") not in house
    assert house[("vouchers_blocked", "CNY")] == 3 * 5000


async def test_the_price_of_a_card_is_in_the_drawer_with_it_or_there_is_no_sale(voucher_shop):
    _, [card, other] = await voucher_shop.printed(2, activate=False)
    await in_stock(voucher_shop)
    desk = VoucherDesk(database=voucher_shop.database, keys=voucher_shop.keys, lanes=LANES)
    sale = {"shop": "hall", "sku": CARD, "by": "stf_clerk", "till": "hall-1"}
    with pytest.raises(Problem, match="till_not_open"):
        await desk.hand_over(serial=card.serial, key="sale-1", **sale)
    assert await voucher_shop.house() == {}
    cash = voucher_shop.desk.cash
    session = await cash.open(till="hall-1", float_=Money(20000, "CNY"), by="stf_clerk")
    for _ in range(2):
        await desk.hand_over(serial=card.serial, key="sale-1", **sale)
    with pytest.raises(Problem, match="till_of_another"):
        await desk.hand_over(serial=other.serial, key="sale-2", **{**sale, "by": "stf_other"})
    async with voucher_shop.database.read() as transaction:
        figures = await drawer.figures(transaction.connection, session)
        assert await stock_queries.level(transaction.connection, "hall", CARD) == 9
    assert (figures.cards_minor, figures.expected_minor(session)) == (5000, 25000)
    house = await voucher_shop.house()
    assert house[("vouchers", "CNY")] == 5000
    assert ("receivable:vouchers", "CNY") not in house, "nobody owes us for a card that was paid for"
    await cash.close(till="hall-1", counted=Money(25000, "CNY"), by="stf_clerk")
    house = await voucher_shop.house()
    assert house[("safe", "CNY")] == -5000
    assert not [code for code, _ in house if code.startswith(("drawer:", "cash_differences"))]


async def test_cards_that_are_sold_at_once_at_many_tills_do_not_wait_for_each_other_for_ever(voucher_shop):
    _, cards = await voucher_shop.printed(24, activate=False)
    await in_stock(voucher_shop, 24)
    desk = VoucherDesk(database=voucher_shop.database, keys=voucher_shop.keys, lanes=LANES)
    tills = [f"hall-{number}" for number in range(1, 7)]
    for till in tills:
        await voucher_shop.desk.cash.open(till=till, float_=Money(0, "CNY"), by=till)
    await asyncio.gather(
        *(
            desk.hand_over(serial=card.serial, shop="hall", sku=CARD, by=till, till=till, key=card.serial)
            for card, till in zip(cards, tills * 4, strict=True)
        )
    )
    assert (await voucher_shop.house())[("vouchers", "CNY")] == 24 * 5000


async def test_no_card_is_handed_over_that_cannot_pay_or_that_the_shop_has_not(voucher_shop):
    _, [old] = await voucher_shop.printed(1, activate=False, days=1)
    whole, [blocked] = await voucher_shop.printed(1, activate=False)
    _, [card] = await voucher_shop.printed(1, activate=False)
    await voucher_shop.change(operations.block, batch_id=whole.id)
    await in_stock(voucher_shop, 1)
    desk = VoucherDesk(database=voucher_shop.database, keys=voucher_shop.keys, lanes=LANES)
    await voucher_shop.later(days=2)
    for serial, shop, refused in (
        (old.serial, "hall", "voucher_stands"),
        (blocked.serial, "hall", "voucher_stands"),
        ("NOTHING0-0000001", "hall", "voucher_unknown"),
        (card.serial, "shop", "stock_short"),
    ):
        with pytest.raises(Problem, match=refused):
            await desk.hand_over(serial=serial, shop=shop, sku=CARD, by="stf_clerk", key=f"k-{serial}")
    async with voucher_shop.database.read() as transaction:
        assert await stock_queries.level(transaction.connection, "hall", CARD) == 1
    assert await voucher_shop.house() == {}


async def test_an_end_and_a_payment_at_once_count_each_voucher_once(voucher_shop):
    for _ in range(6):
        batch, cards = await voucher_shop.printed(4)
        orders = [await voucher_shop.ordered() for _ in cards]
        *paid, _ = await asyncio.gather(
            *(voucher_shop.redeems(o, c.pin, payer=c.pin) for o, c in zip(orders, cards, strict=True)),
            voucher_shop.change(operations.block, batch_id=batch.id),
        )
        assert {payment.status for payment in paid} <= {"paid", "declined"}
        assert ("vouchers", "CNY") not in await voucher_shop.house()


async def test_who_makes_sells_and_blocks_vouchers_is_in_the_trail_once(voucher_shop):
    desk = VoucherDesk(database=voucher_shop.database, keys=voucher_shop.keys, lanes=LANES)
    printed = []
    async with voucher_shop.database.read() as transaction:
        wanted = Wanted(Money(5000, "CNY"), 2, transaction.now + timedelta(days=30), "stf_maker")
    identifier = await agreed(voucher_shop.database, wanted)
    batch = await desk.make(lambda _, cards: printed.extend(cards), batch_id=identifier, by="stf_maker")
    for _ in range(2):
        await desk.activate(batch_id=batch.id, by="stf_seller")
    for _ in range(2):
        await desk.block_one(serial=printed[0].serial, by="stf_seller")
    for _ in range(2):
        await desk.block(batch_id=batch.id, by="stf_blocker")
    with pytest.raises(Problem, match="voucher_batch_stands"):
        await desk.activate(batch_id=batch.id, by="stf_seller")
    async with voucher_shop.database.read() as transaction:
        told = await trail.entries(transaction.connection, action="voucher.")
    assert [(entry.action, entry.actor, entry.subject) for entry in reversed(told)] == [
        ("voucher.made", "stf_maker", batch.id),
        ("voucher.activated", "stf_seller", batch.id),
        ("voucher.one_blocked", "stf_seller", printed[0].serial),
        ("voucher.blocked", "stf_blocker", batch.id),
    ]
    change = {"before": {"state": "approved"}, "after": {"state": "exported"}}
    assert told[-1].facts == {"count": 2, "amount_minor": 5000, "currency": "CNY"} | change
    became = [(entry.facts["before"]["state"], entry.facts["after"]["state"]) for entry in reversed(told)]
    assert became[1:] == [("exported", "activated"), ("activated", "blocked"), ("activated", "blocked")]
