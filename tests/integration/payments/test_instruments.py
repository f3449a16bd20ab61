"""A card is kept where its owner asked for it, for them alone, and its gateway lets go of it once they remove it."""

import re
from datetime import timedelta

import pytest

from tests.integration.payments.conftest import signed_in, visiting
from tests.support.desk import ScriptedGateway, open_shop
from tests.support.keeping import Cards, KeepingGateway
from topup.care.personal import leaving
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import new_id
from topup.kernel.outcome import Unknown
from topup.payments.instruments.records import FIRST_LOOK, MOST, instrument, token_of
from topup.payments.ports import PaymentAnswer

SOON = FIRST_LOOK + timedelta(seconds=1)


@pytest.fixture
async def cards(database, data_dir):
    async with open_shop(database, data_dir, KeepingGateway()) as shop:
        yield Cards(shop)


async def soon(cards) -> None:
    cards.shop.database.clock_offset += SOON
    await cards.swept()


async def test_a_card_left_with_a_payment_is_kept_once_it_is_paid_and_found_by_its_owner_alone(cards):
    owner, neighbour = await cards.person(), await cards.person()
    await cards.left(owner)
    assert await cards.of(owner) == []
    await soon(cards)
    assert (await cards.of(owner), await cards.of(neighbour)) == (["Visa 4242"], [])
    [kept] = await cards.shop.desk.instruments.of(subscriber_id=owner)
    async with cards.shop.database.read() as transaction:
        found = await instrument(transaction.connection, subscriber_id=owner, instrument_id=kept.id)
        assert token_of(found, cards.shop.keys) == "cus_1:pm_1"
        with pytest.raises(NotFound, match="instrument_unknown"):
            await instrument(transaction.connection, subscriber_id=neighbour, instrument_id=kept.id)


async def test_the_gateway_is_told_to_keep_it_and_no_token_is_readable_anywhere(cards):
    owner = await cards.person()
    payment_id = await cards.left(owner)
    await soon(cards)
    [request] = cards.shop.gateway.starts[payment_id]
    assert request.keep_instrument
    async with cards.shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT i::text FROM payments.instruments i")
        assert "pm_1" not in str(await cursor.fetchall())
    [kept] = await cards.shop.desk.instruments.of(subscriber_id=owner)
    assert "sealed" not in repr(kept)


async def test_what_is_not_asked_for_is_not_kept(cards):
    owner = await cards.person()
    order = await cards.shop.ordered(payer_id=owner)
    payment = await cards.shop.paying(order)
    [request] = cards.shop.gateway.starts[payment.id]
    assert not request.keep_instrument
    await soon(cards)
    assert await cards.of(owner) == []


async def test_a_way_to_pay_that_keeps_nothing_says_so_before_anything_is_begun(database, data_dir):
    async with open_shop(database, data_dir, ScriptedGateway()) as shop:
        order = await shop.ordered()
        with pytest.raises(Invalid, match="method_keeps_nothing"):
            await shop.paying(order, keep_for=new_id("subscriber", 1))
        assert (await shop.order(order)).payments == ()


async def test_while_the_gateway_does_not_answer_it_is_asked_again_and_the_card_is_kept_once(cards):
    owner = await cards.person()
    await cards.left(owner)
    cards.shop.gateway.query_answers = [PaymentAnswer((), Unknown("not now")), PaymentAnswer((), Unknown("not now"))]
    await soon(cards)
    assert await cards.of(owner) == []
    for _ in range(3):
        cards.shop.database.clock_offset += timedelta(minutes=20)
        await cards.swept()
    assert await cards.of(owner) == ["Visa 4242"]
    async with cards.shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM payments.keepings")
        assert await cursor.fetchone() == (0,)


async def test_a_payment_nobody_made_leaves_nothing_to_ask_about(cards):
    owner = await cards.person()
    await cards.begun(owner)
    for _ in range(4):
        cards.shop.database.clock_offset += timedelta(minutes=40)
        await cards.shop.run()
        await cards.swept()
    async with cards.shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM payments.keepings")
        assert await cursor.fetchone() == (0,)
    assert await cards.of(owner) == []


async def test_the_same_card_left_twice_is_one(cards):
    owner = await cards.person()
    await cards.left(owner)
    await soon(cards)
    await cards.left(owner)
    await soon(cards)
    assert await cards.of(owner) == ["Visa 4242"]


async def test_of_too_many_the_oldest_goes(cards):
    owner = await cards.person()
    for number in range(MOST + 1):
        await cards.left(owner, token=f"cus_1:pm_{number}", label=f"Visa {number}")
        await soon(cards)
    await soon(cards)
    assert await cards.of(owner) == [f"Visa {number}" for number in range(MOST, 0, -1)]
    assert cards.shop.gateway.forgotten == ["cus_1:pm_0"]


async def test_one_that_is_removed_is_gone_at_once_and_the_gateway_is_told_until_it_has_let_go(cards):
    owner, neighbour = await cards.person(), await cards.person()
    await cards.left(owner)
    await soon(cards)
    [kept] = await cards.shop.desk.instruments.of(subscriber_id=owner)
    with pytest.raises(NotFound, match="instrument_unknown"):
        await cards.shop.desk.instruments.remove(subscriber_id=neighbour, instrument_id=kept.id)
    await cards.shop.desk.instruments.remove(subscriber_id=owner, instrument_id=kept.id)
    assert await cards.of(owner) == []
    with pytest.raises(NotFound, match="instrument_unknown"):
        await cards.shop.desk.instruments.remove(subscriber_id=owner, instrument_id=kept.id)
    cards.shop.gateway.forget_answers = [Unknown("no answer")]
    await cards.swept()
    assert cards.shop.gateway.forgotten == []
    cards.shop.database.clock_offset += timedelta(minutes=5)
    await cards.swept()
    assert cards.shop.gateway.forgotten == ["cus_1:pm_1"]
    async with cards.shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM payments.instruments")
        assert await cursor.fetchone() == (0,)


async def test_who_leaves_takes_the_label_along_and_leaves_no_card_behind(cards):
    owner = await cards.person()
    await cards.left(owner)
    await soon(cards)
    late = await cards.left(owner, token="cus_1:pm_2", label="Mastercard 4444")
    away = leaving(database=cards.shop.database, keyring=cards.shop.keys)
    held = await away.held(subscriber_id=owner)
    assert [one["label"] for one in held["instruments"]] == ["Visa 4242"]
    assert "pm_1" not in str(held)
    async with cards.shop.database.transaction() as transaction:
        await away.erase(transaction.connection, subscriber_id=owner, now=transaction.now)
    assert await cards.of(owner) == []
    await soon(cards)
    assert cards.shop.gateway.forgotten == ["cus_1:pm_1"]
    assert await cards.of(owner) == [], f"what was left with {late} is not kept for somebody who is gone"


# On the pages.


async def pays(visitor, **ticked) -> str:
    """From the amounts to the payment's page; gives what the page of the price said."""
    quoted = await visitor.post("/quotes", data={"number": "13800138000", "choice": "credit:5000"})
    path = quoted.headers["location"]
    page = (await visitor.get(path)).text
    key = re.search(r'name="key" value="([^"]+)"', page)[1]
    form = {"key": key, "method": "scripted", "confirmations": "duplicate", **ticked}
    answer = await visitor.post(f"{path}/order", data=form)
    assert "/payments/pay_" in answer.headers["location"]
    return page


async def test_who_is_signed_in_may_leave_a_card_by_a_tick_and_a_guest_may_not(cards):
    owner = await cards.person()
    starts = cards.shop.gateway.starts
    async with visiting(cards.shop) as visitor:
        visitor.cookies.update(await signed_in(cards.shop, owner))
        assert 'name="keep"' in await pays(visitor, keep="scripted")
        [[request]] = list(starts.values())
        assert request.keep_instrument
        starts.clear()
        await pays(visitor)
        assert not next(iter(starts.values()))[0].keep_instrument, "only where it is ticked"
        starts.clear()
        visitor.cookies.clear()
        assert 'name="keep"' not in await pays(visitor, keep="scripted")
        assert not next(iter(starts.values()))[0].keep_instrument, "whatever a guest sends"
