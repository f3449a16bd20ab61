"""Offers from the price to the receipt and back: what is shown, held, used, let go, given back, and who pays for it."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest

from tests.support.desk import FOREIGN_NUMBER, ScriptedGateway, open_shop
from tests.support.selling_offers import (
    DATA,
    ONCE,
    OWN_CODES,
    TIERS,
    WELCOME,
    faults,
    made_codes,
    ordered,
    paid,
    publish_with,
    quoted,
    states,
)
from topup.kernel.errors import Conflict, Throttled
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money
from topup.offers.counting import CampaignKey
from topup.offers.operations import stop
from topup.offers.tasks import lapse
from topup.orders.operations import keep_payable
from topup.orders.papers import receipt_paper
from topup.orders.receipt_sheet import receipt_sheet
from topup.platform.key_rows import KeyedRequest
from topup.platform.once import Key
from topup.shops.printing.paper import Pair

LANES = 16
SUBSCRIBER, ANOTHER = "sub_one", "sub_two"


def lines(quote) -> list[tuple[str, int]]:
    return [(line.type, line.amount.amount_minor) for line in quote.lines]


async def test_a_price_names_each_discount_and_the_receipt_too_and_promotions_pays_for_it(shop):
    await publish_with(shop.database, TIERS, ONCE, DATA)
    quote = await quoted(shop, " once ")
    assert lines(quote) == [("face", 10000), ("discount", -1200), ("discount", -300)]
    assert (quote.total.amount_minor, quote.face.amount_minor) == (8500, 10000)
    assert [(one.campaign, one.off.amount_minor) for one in quote.discounts] == [
        ("tiers", 1200),
        ("once", 300),
        ("thanks", 0),
    ]
    assert quote.discounts[0].names["en"] == "Spend and save"
    assert [(one.shown, one.reason, one.applied) for one in quote.codes] == [("ONCE", "applied", True)]
    order = await paid(shop, await ordered(shop, quote))
    assert order.status == "delivered"
    assert order.payments[0].amount == Money(8500, "CNY")
    assert await shop.main_balance() == 10000
    assert await shop.house() == {
        ("clearing:scripted", "CNY"): -8500,
        ("promotions", "CNY"): -1500,
        ("issued", "DATA"): -(2**30),
    }
    receipt = await shop.desk.receipt(order_id=order.id)
    assert [(line.type, line.amount_minor) for line in receipt.body.lines] == lines(quote)
    assert receipt.body.total_minor == 8500
    printed = [(row.label, row.value) for row in receipt_sheet(receipt, locale="en").lines]
    assert printed == [("Credit", "CN¥100.00"), ("Spend and save", "-CN¥12.00"), ("One coupon", "-CN¥3.00")]
    paper = receipt_paper(receipt, locale="zh_Hans", verify_url="http://127.0.0.1/verify/x")
    pairs = [(block.label, block.value) for block in paper.blocks if isinstance(block, Pair)]
    assert {("满减", "-¥12.00"), ("一张券", "-¥3.00")} <= set(pairs), "on thermal paper too"
    assert [grant.asset for grant in receipt.body.grants] == ["CNY", "DATA"]
    await shop.run()
    assert await states(shop.database) == {"once": ["settled"], "thanks": ["settled"], "tiers": ["settled"]}
    assert await faults(shop.database) == []


async def test_without_a_channel_there_are_no_offers(shop):
    await publish_with(shop.database, TIERS)
    assert lines(await quoted(shop, channel=None)) == [("face", 10000)]
    assert lines(await quoted(shop, channel="counter")) == [("face", 10000), ("discount", -1200)]


async def test_the_first_top_up_is_the_numbers_and_the_subscribers(shop):
    await paid(shop, await ordered(shop, await quoted(shop, payer_id=SUBSCRIBER), payer_id=SUBSCRIBER))
    await publish_with(shop.database, WELCOME)
    assert (await quoted(shop)).total.amount_minor == 10000, "the number was topped up before"
    other = {"number": "13900139000"}
    assert (await quoted(shop, payer_id=SUBSCRIBER, **other)).total.amount_minor == 10000, "so did this subscriber"
    assert (await quoted(shop, payer_id=ANOTHER, **other)).total.amount_minor == 9200


async def test_nobody_tops_up_for_the_first_time_twice_at_once(shop):
    await publish_with(shop.database, WELCOME)
    one, other = [await quoted(shop) for _ in range(2)]
    assert one.total == other.total == Money(9200, "CNY")
    await ordered(shop, one)
    with pytest.raises(Conflict, match="offer_gone") as refused:
        await ordered(shop, other)
    assert refused.value.parameters == {"campaign": "welcome", "reason": "person_held"}
    again = await quoted(shop)
    assert again.total == Money(10000, "CNY"), "the new price does not promise it again"
    assert [(told.campaign, told.reason, told.held_by) for told in again.held] == [("welcome", "person_held", None)]
    assert "not paid yet" in again.held[0].said["en"]


async def test_a_price_promises_nothing_and_an_order_that_comes_too_late_is_not_made(shop):
    await publish_with(shop.database, ONCE, TIERS)
    one, other = [await quoted(shop, "ONCE") for _ in range(2)]
    assert await states(shop.database) == {}
    order = await ordered(shop, one)
    with pytest.raises(Conflict, match="offer_gone") as refused:
        await ordered(shop, other)
    assert refused.value.parameters == {"campaign": "once", "reason": "code_held"}
    assert await states(shop.database) == {"once": ["held"], "tiers": ["held", "released"]}
    again = await quoted(shop, *(await shop.desk.coupons(quote_id=other.id)))
    assert [(one.reason, one.applied) for one in again.codes] == [("code_held", False)]
    assert again.total.amount_minor == 8800
    await shop.desk.cancel(order_id=order.id)
    await shop.run()
    assert await states(shop.database) == {"once": ["released"], "tiers": ["released", "released"]}
    await ordered(shop, other)
    assert await faults(shop.database) == []


@pytest.mark.parametrize("ending", ["cancelled", "expired"])
async def test_what_was_let_go_is_used_after_all_when_its_payment_is_heard_of_late(shop, ending):
    await publish_with(shop.database, ONCE)
    quote, rival = [await quoted(shop, "ONCE") for _ in range(2)]
    order = await ordered(shop, quote)
    payment = await shop.paying(order)
    fact = shop.paid(payment)
    if ending == "cancelled":
        await shop.desk.cancel(order_id=order.id)
    else:
        await shop.later(minutes=16)
    await shop.run()
    assert await states(shop.database) == {"once": ["released"]}
    if ending == "cancelled":
        await ordered(shop, rival)
    await shop.tells(fact)
    await shop.run()
    assert (await shop.order(order)).status == "delivered"
    rivals = ["held"] if ending == "cancelled" else []
    assert await states(shop.database) == {"once": [*rivals, "settled"]}
    assert await shop.listed() == (["offer_beyond_limit"] if ending == "cancelled" else [])
    assert await faults(shop.database) == []


async def test_an_order_that_may_be_paid_for_days_holds_its_offers_for_days(shop):
    await publish_with(shop.database, ONCE)
    order = await ordered(shop, await quoted(shop, "ONCE"))
    await shop.paying(order)
    async with shop.database.transaction() as transaction:
        until = transaction.now + timedelta(days=2)
        await keep_payable(transaction.connection, [(lane_of(order.id), str(order.id), until)])
    assert await shop.desk.promising.follow() == 1
    assert await shop.desk.promising.follow() == 0
    await shop.later(hours=47)
    assert await lapse(shop.database, lanes=LANES) == 0
    assert await states(shop.database) == {"once": ["held"]}


async def test_a_refund_gives_the_payer_what_they_paid_and_the_offer_back_to_others(shop):
    await publish_with(shop.database, ONCE.replace('"first"', '"x"'), TIERS, carrier="lion-island")
    quote = await quoted(shop, "ONCE", number=FOREIGN_NUMBER, currency="SGD", amount=5000)
    assert quote.total == Money(4200, "SGD")
    order = await ordered(shop, quote)
    await shop.tells(shop.paid(await shop.paying(order)))
    await shop.desk.promising.follow()
    assert await states(shop.database) == {"once": ["settled"], "tiers": ["settled"]}
    await shop.desk.call_off(order_id=order.id)
    await shop.run()
    assert (await shop.order(order)).status == "refunded"
    [[request]] = shop.gateway.refunds.values()
    assert request.amount == Money(4200, "SGD")
    assert await shop.house() == {}
    assert await states(shop.database) == {"once": ["given_back"], "tiers": ["given_back"]}
    again = await quoted(shop, "ONCE", number=FOREIGN_NUMBER, currency="SGD", amount=5000)
    assert again.total == Money(4200, "SGD")
    assert await faults(shop.database) == []


async def test_what_goes_back_before_anybody_noted_that_it_was_used_cannot_be_used_later(shop):
    await publish_with(shop.database, ONCE, carrier="lion-island")
    order = await ordered(shop, await quoted(shop, "ONCE", number=FOREIGN_NUMBER, currency="SGD", amount=5000))
    await shop.tells(shop.paid(await shop.paying(order)))
    await shop.desk.call_off(order_id=order.id)
    await shop.desk.outside.refund()
    assert await states(shop.database) == {"once": ["held"]}
    await shop.run()
    assert await states(shop.database) == {"once": ["given_back"]}


async def test_a_carrier_abroad_is_paid_the_whole_of_what_it_delivered(shop):
    await publish_with(shop.database, TIERS, DATA, carrier="lion-island")
    quote = await quoted(shop, number=FOREIGN_NUMBER, currency="SGD", amount=5000)
    assert [one.campaign for one in quote.discounts] == ["tiers"], "nobody there can give data besides"
    order = await paid(shop, await ordered(shop, quote))
    await shop.run()
    assert (await shop.order(order)).status == "delivered"
    [[delivery]] = shop.carrier.submissions.values()
    assert delivery.amount.amount_minor == 5000
    house = await shop.house()
    assert house["payable:external_demo", "SGD"] == 5000
    assert house["promotions", "SGD"] == -500
    assert ("suspense", "SGD") not in house
    assert await faults(shop.database) == []


async def test_a_campaign_that_was_stopped_is_not_in_the_order_though_it_was_in_the_price(shop):
    await publish_with(shop.database, TIERS)
    quote = await quoted(shop)
    async with shop.database.transaction() as transaction:
        await stop(transaction.connection, CampaignKey("qingfeng", "tiers"), transaction.now, lanes=LANES)
    with pytest.raises(Conflict, match="offer_gone"):
        await ordered(shop, quote)
    assert (await quoted(shop)).total == Money(10000, "CNY")


async def test_a_price_whose_offers_were_edited_is_not_honoured(shop, database_url):
    await publish_with(shop.database, TIERS)
    quote = await quoted(shop)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        edited = "UPDATE orders.quotes SET body = replace(body, %s, %s) WHERE id = %s"
        await owner.execute(edited, ('["tiers",1200,', '["tiers",1100,', quote.id))
        with pytest.raises(Conflict, match="quote_altered"):
            await ordered(shop, quote)
        await owner.execute(edited, ('["tiers",1100,', '["tiers",1200,', quote.id))
    await ordered(shop, quote)


async def test_codes_of_their_own_are_good_once_and_nobody_reads_them_in_the_books(shop):
    await publish_with(shop.database, OWN_CODES)
    [code] = await made_codes(shop, 1)
    quote = await quoted(shop, code.lower())
    assert quote.total == Money(9600, "CNY")
    assert quote.codes[0].shown == f"…{code[-4:]}"
    await paid(shop, await ordered(shop, quote))
    assert [one.reason for one in (await quoted(shop, code)).codes] == ["code_used_up"]
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT body FROM orders.quotes")
        assert code not in str(await cursor.fetchall())
    assert await shop.desk.coupons(quote_id=quote.id) == (code,)


async def test_who_guesses_codes_is_not_answered_any_more_and_others_are(shop):
    await publish_with(shop.database, OWN_CODES)
    [code] = await made_codes(shop, 1)
    guesser = shop.desk.guesser(payer="guesser", address=None)

    async def guess(text, by=guesser):
        return await shop.desk.quote(
            number="13800138000",
            product=None,
            amount=Money(5000, "CNY"),
            payment_method=None,
            channel="web",
            coupons=[text],
            guessing=by,
        )

    for number in range(10):
        assert [one.reason for one in (await guess(f"MEMBER-{number}")).codes] == ["code_unknown"]
    with pytest.raises(Throttled, match="coupons_guessed"):
        await guess(code)
    assert (await guess(code, shop.desk.guesser(payer="other", address=None))).codes[0].applied
    await shop.later(hours=2)
    assert (await guess(code)).codes[0].applied


async def test_fifty_who_guess_at_once_get_no_more_than_one_who_guesses(shop):
    await publish_with(shop.database, OWN_CODES)
    guesser = shop.desk.guesser(payer="guesser", address=None)
    answers = await asyncio.gather(
        *(
            shop.desk.quote(
                number="13800138000",
                product=None,
                amount=Money(5000, "CNY"),
                payment_method=None,
                channel="web",
                coupons=[f"MEMBER-{number}"],
                guessing=guesser,
            )
            for number in range(50)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, Throttled) for one in answers) == 10


PLACES = 50


async def test_of_fifty_with_one_coupon_one_gets_it_and_the_others_a_price_without(shop, figures):
    await publish_with(shop.database, ONCE)
    numbers = [f"138001380{place:02d}" for place in range(PLACES)]
    prices = await asyncio.gather(*(quoted(shop, "ONCE", number=number) for number in numbers))
    assert {price.total.amount_minor for price in prices} == {9700}
    answers = await asyncio.gather(*(ordered(shop, price) for price in prices), return_exceptions=True)
    gone = [one for one in answers if isinstance(one, Conflict)]
    got = [one for one in answers if not isinstance(one, BaseException)]
    assert (len(got), len(gone)) == (1, PLACES - 1)
    again = await asyncio.gather(*(quoted(shop, "ONCE", number=number) for number in numbers))
    assert {price.total.amount_minor for price in again} == {10000}
    await paid(shop, got[0])
    await shop.run()
    assert await states(shop.database) == {"once": ["settled"]}
    assert await faults(shop.database) == []
    figures.never("G20", overspend=len(got) - 1, of=PLACES - 1)


async def test_one_price_pressed_many_times_at_once_makes_one_order_that_holds_its_offers_once(shop):
    await publish_with(shop.database, ONCE)
    price = await quoted(shop, "ONCE")
    answers = await asyncio.gather(*(ordered(shop, price) for _ in range(8)), return_exceptions=True)
    made = [one for one in answers if not isinstance(one, BaseException)]
    assert len(made) == 1
    assert {one.code for one in answers if isinstance(one, Conflict)} == {"quote_used"}
    assert await states(shop.database) == {"once": ["held"]}


@pytest.fixture
async def late(shop, data_dir, monkeypatch):
    """Another process of the same installation, that comes to hold the offers of an order when `first` is done."""
    async with open_shop(shop.database, data_dir, ScriptedGateway(), publishing=False) as other:
        hold = other.desk.promising.hold

        @asynccontextmanager
        async def after(first):
            async def held(asked):
                answers.append(await first())
                await hold(asked)

            answers = []
            with monkeypatch.context() as patch:
                patch.setattr(other.desk.promising, "hold", held)
                yield other, answers

        yield after


async def test_one_price_pressed_in_two_processes_is_used_and_its_offer_not_gone(shop, late):
    await publish_with(shop.database, ONCE)
    price = await quoted(shop, "ONCE")
    async with late(lambda: ordered(shop, price)) as (other, made):
        with pytest.raises(Conflict, match="quote_used"):
            await ordered(other, price)
    assert len(made) == 1
    assert await states(shop.database) == {"once": ["held"]}


async def test_one_key_in_two_processes_has_one_answer_where_offers_are_held(shop, late):
    await publish_with(shop.database, ONCE)
    price = await quoted(shop, "ONCE")

    async def once(by):
        request = KeyedRequest("caller", "orders", "one-key", b"", new_id("order", lane_of(price.id)))
        return await by.desk.order_once(
            Key(request, lambda order: (201, order.id.encode())),
            order_id=OrderId(request.resource),
            quote_id=price.id,
            contact=None,
            confirmations=frozenset(),
            locale="en",
            channel="api",
        )

    async with late(lambda: once(shop)) as (other, made):
        answer = await once(other)
    assert (answer.status, answer.body.decode()) == (201, made[0].id)
    assert await states(shop.database) == {"once": ["held"]}
