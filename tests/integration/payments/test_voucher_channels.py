"""A PIN typed into the review page without any script, and sent over REST; and where a credit slip is looked at."""

import re
from uuid import uuid4

import httpx

from tests.integration.payments.test_voucher_guesses import a_guess
from topup.kernel.ids import lane_of
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.vouchers import guesses

LINE = "13800138000"


async def reviewed(visitor) -> tuple[str, str]:
    """The path of a quote's review page, and the key of its form."""
    quoted = await visitor.post("/quotes", data={"number": LINE, "choice": "credit:5000"})
    path = quoted.headers["location"]
    page = (await visitor.get(path)).text
    # Below one of the radio buttons' siblings: only so can the stylesheet show it with its way to pay.
    assert page.index("<fieldset") < page.index('name="code"') < page.index("</fieldset>")
    return path, re.search(r'name="key" value="([^"]+)"', page)[1]


async def ordered(visitor, pin) -> httpx.Response:
    path, key = await reviewed(visitor)
    form = {"key": key, "method": "voucher", "code": pin, "confirmations": "duplicate"}
    answer = await visitor.post(f"{path}/order", data=form)
    assert answer.status_code == 303, answer.text
    shown = await visitor.get(answer.headers["location"])
    return await visitor.get(shown.headers["location"]) if shown.status_code == 303 else shown


async def test_a_card_pays_from_the_review_page(visitor, voucher_shop):
    _, [card] = await voucher_shop.printed()
    page = await ordered(visitor, f"{card.pin[:6]} {card.pin[6:12]} {card.pin[12:]}")
    assert page.status_code == 200
    assert await voucher_shop.main_balance() == 5000
    assert card.pin not in page.text


async def orders_of(shop) -> int:
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM orders.orders")
        return (await cursor.fetchone())[0]


async def test_a_wrong_pin_is_told_on_the_same_form_and_nothing_is_ordered(visitor, voucher_shop):
    _, [used, card] = await voucher_shop.printed(2)
    await voucher_shop.redeems(await voucher_shop.ordered(), used.pin)
    before = await orders_of(voucher_shop)
    for pin, words in ((used.pin, "充值卡不能使用"), (card.pin[:-1], "不是充值卡密码"), ("", "没有填写充值卡密码")):
        page = await ordered(visitor, pin)
        assert page.url.path.startswith("/quotes/")
        assert words in page.text
        assert re.search(r'<input [^>]*name="code"[^>]*aria-invalid="true"', page.text)
        assert re.search(r'value="voucher"[^>]* checked', page.text), "the way that was chosen stays chosen"
        assert not pin or pin not in page.text + str(page.url)
        assert await orders_of(voucher_shop) == before
    key = re.search(r'name="key" value="([^"]+)"', page.text)[1]
    form = {"key": key, "method": "voucher", "code": card.pin, "confirmations": "duplicate"}
    done = await visitor.post(re.search(r'action="(/quotes/[^"]+/order)"', page.text)[1], data=form)
    assert done.headers["location"].startswith("/orders/ord_")
    assert await voucher_shop.main_balance() == 2 * 5000


async def test_what_must_be_asked_first_is_asked_beside_the_pin_that_was_typed(visitor, voucher_shop):
    _, [first, card] = await voucher_shop.printed(2)
    await ordered(visitor, first.pin)
    path, key = await reviewed(visitor)
    form = {"key": key, "method": "voucher", "code": card.pin}
    asked = await visitor.post(f"{path}/order", data=form)
    assert asked.status_code == 303
    assert card.pin not in str(asked.headers), "nowhere but sealed"
    assert {"HttpOnly", f"Path={path}", "SameSite=strict"} <= {*asked.headers["set-cookie"].split("; ")}
    page = (await visitor.get(asked.headers["location"])).text
    assert re.search(rf'name="code"[^>]* value="{card.pin}"', page)
    assert re.search(r'value="voucher"[^>]* checked', page)
    assert 'type="checkbox" name="confirmations" value="duplicate"' in page
    other, _ = await reviewed(visitor)
    assert card.pin not in (await visitor.get(other)).text, "for that price alone"
    paid = await visitor.post(f"{path}/order", data=form | {"confirmations": "duplicate"})
    assert paid.status_code == 303
    assert await voucher_shop.main_balance() == 2 * 5000


async def test_a_form_that_is_sent_again_after_its_card_paid_is_no_guess(visitor, voucher_shop):
    """Two presses, or a reload: the second finds the card used, by itself."""
    _, [card] = await voucher_shop.printed()
    path, key = await reviewed(visitor)
    form = {"key": key, "method": "voucher", "code": card.pin}
    sent = [await visitor.post(f"{path}/order", data=form) for _ in range(guesses.OF_A_PAYER + 2)]
    assert len({answer.headers["location"] for answer in sent}) == 1
    async with voucher_shop.database.read() as transaction:
        assert await guesses.total(transaction.connection, transaction.now) == 0


async def test_the_form_is_no_cheaper_way_to_guess(visitor, voucher_shop, figures):
    """G19: what is looked at before an order counts like what is shown to pay one, and is told in the same words."""
    _, [card] = await voucher_shop.printed()
    told = [(await ordered(visitor, a_guess())).text for _ in range(guesses.OF_A_PAYER + 1)]
    assert all("充值卡不能使用" in text for text in told[:-1])
    assert "密码错误次数太多" in told[-1]
    assert "密码错误次数太多" in (await ordered(visitor, card.pin)).text, "not even the right one is looked at"
    assert await orders_of(voucher_shop) == 0
    figures("G19", guesses_on_the_form=len(told) + 1, looked_up=guesses.OF_A_PAYER)


async def test_a_wrong_pin_on_an_order_is_told_there_and_another_may_be_typed(visitor, voucher_shop):
    _, [other, card] = await voucher_shop.printed(2)
    await voucher_shop.redeems(await voucher_shop.ordered(), other.pin)
    order = await voucher_shop.ordered()
    for pin, credit in ((other.pin, 5000), (card.pin, 2 * 5000)):
        page = await visitor.get(f"/orders/{order.id}")
        key = re.search(r'name="key" value="([^"]+)"', page.text)[1]
        await visitor.post(f"/orders/{order.id}/payments", data={"key": key, "method": "voucher", "code": pin})
        assert await voucher_shop.main_balance() == credit
        assert ("充值卡不能使用" in (await visitor.get(f"/orders/{order.id}")).text) == (pin == other.pin)


async def pays(api, pin, order_id=None, key=None) -> dict:
    order_id = order_id or (await api.order(confirmations=["duplicate"])).json()["id"]
    answer = await api.client.post(
        f"/api/v1/orders/{order_id}/payments",
        json={"method": "voucher", "payment_code": pin},
        headers={"Idempotency-Key": key or uuid4().hex},
    )
    assert answer.status_code == 201, answer.text
    order = (await api.client.get(f"/api/v1/orders/{order_id}")).json()
    return next(one for one in order["payments"] if one["id"] == answer.json()["id"]) | {"order": order}


async def test_a_card_pays_over_rest(api, voucher_shop):
    _, [card] = await voucher_shop.printed()
    paid = await pays(api, card.pin)
    assert (paid["status"], paid["order"]["status"]) == ("paid", "delivered")
    again = await pays(api, card.pin)
    assert (again["status"], again["reason"]) == ("declined", "voucher_refused")


async def test_the_same_key_again_is_the_same_payment_whatever_pin_it_brings(api, voucher_shop):
    _, [card, other] = await voucher_shop.printed(2)
    order_id, key = (await api.order()).json()["id"], uuid4().hex
    first = await pays(api, card.pin, order_id, key)
    assert (await pays(api, other.pin, order_id, key))["id"] == first["id"]
    assert await voucher_shop.main_balance() == 5000


async def given_back(shop, order):
    """The kept payment goes back, as after a refund that somebody asked for."""
    [payment] = order.payments
    async with shop.database.transaction() as transaction:
        [capture] = (await paid.captures(transaction.connection, [(lane_of(payment.id), payment.id)]))[payment.id]
        await payments.request_refunds(transaction.connection, [(capture, 5000, "test")], transaction.now)
    await shop.run()


async def test_a_credit_slip_is_looked_at_by_who_holds_the_order(api, visitor, voucher_shop):
    _, [card] = await voucher_shop.printed()
    order_id = (await pays(api, card.pin))["order"]["id"]
    await given_back(voucher_shop, await voucher_shop.desk.get_order(order_id=order_id))
    page = await visitor.get(f"/orders/{order_id}")
    assert f'action="/orders/{order_id}/credit-slips"' in page.text
    shared = await visitor.get(f"/s/{await voucher_shop.desk.share_token(order_id=order_id)}")
    assert "credit-slips" not in shared.text
    shown = (await api.client.post(f"/api/v1/orders/{order_id}/credit-slips")).json()
    [slip] = shown["credit_slips"]
    assert slip["amount"] == {"amount_minor": 5000, "currency": "CNY"}
    there = await visitor.post(f"/orders/{order_id}/credit-slips")
    assert f"{slip['pin'][:6]} {slip['pin'][6:12]} {slip['pin'][12:]}" in there.text
    assert there.headers["cache-control"] == "private, no-store"
    await voucher_shop.later(minutes=11)
    [gone] = (await api.client.post(f"/api/v1/orders/{order_id}/credit-slips")).json()["credit_slips"]
    assert gone["pin"] is None
    assert "不再保存" in (await visitor.post(f"/orders/{order_id}/credit-slips")).text
