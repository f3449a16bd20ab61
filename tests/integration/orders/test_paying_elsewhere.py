"""Paying on another device: a code leads to one order, for as long as it waits, and cannot be found by guessing."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.desk import LANES
from topup.kernel.errors import Conflict, Invalid, NotFound, Throttled
from topup.kernel.ids import lane_for, lane_of
from topup.orders import elsewhere
from topup.orders.elsewhere import CHANCE, DIGITS, MOST, grouped, new_code, parse_code
from topup.orders.paying import Presented


async def found(shop, text, *, payer=None, address=None):
    """The order a code leads to; or what is said instead."""
    try:
        got = await shop.desk.elsewhere.find(text=text, payer=payer, address=address)
    except (Invalid, NotFound, Throttled) as problem:
        return problem.code
    return shop.desk.elsewhere.open(token=got.token).order_id


def another(code: str) -> str:
    """A code of the same lane that was given to nobody."""
    while (other := new_code(lane_for(code, LANES), lanes=LANES)) == code:
        pass
    return other


async def test_a_code_leads_to_its_order_however_it_is_typed(shop):
    order = await shop.ordered()
    code = await shop.desk.elsewhere.code(order_id=order.id)
    assert len(code.code) == DIGITS
    assert lane_for(code.code, LANES) == lane_of(order.id)
    full_width = code.code.translate({ord("0") + n: ord("０") + n for n in range(10)})
    for typed in (code.code, grouped(code.code), f" {code.code[:5]}-{code.code[5:]} ", full_width):
        assert await found(shop, typed) == order.id
    assert (await shop.desk.elsewhere.code(order_id=order.id)).code == code.code, "asked again it is the same"


async def test_neither_the_code_nor_the_link_holds_the_orders_id(shop):
    order = await shop.ordered()
    code = await shop.desk.elsewhere.code(order_id=order.id)
    assert order.id not in code.token
    assert order.id[4:] not in code.token
    with pytest.raises(NotFound, match="pay_code_unknown"):
        shop.desk.elsewhere.open(token=order.id)
    with pytest.raises(NotFound, match="pay_code_unknown"):
        shop.desk.elsewhere.open(token=code.token[:-4] + "AAAA")


async def test_it_dies_with_the_payment(shop):
    order = await shop.ordered()
    code = await shop.desk.elsewhere.code(order_id=order.id)
    await shop.tells(shop.paid(await shop.paying(order)))
    assert await found(shop, code.code) == "pay_code_unknown"
    with pytest.raises(Conflict, match="order_not_payable"):
        await shop.desk.elsewhere.code(order_id=order.id)


async def test_it_dies_when_the_order_is_called_off_and_when_its_time_is_over(shop):
    called_off, late = await shop.ordered(), await shop.ordered()
    codes = [await shop.desk.elsewhere.code(order_id=order.id) for order in (called_off, late)]
    await shop.desk.cancel(order_id=called_off.id)
    assert await found(shop, codes[0].code) == "pay_code_unknown"
    assert codes[1].until <= late.expires_at
    shop.database.clock_offset += codes[1].until - late.created_at
    assert await found(shop, codes[1].code) == "pay_code_unknown"
    assert not await shop.desk.elsewhere.live(until=codes[1].until)


async def test_an_order_that_may_be_paid_for_days_gets_a_new_code_when_the_old_one_has_ended(shop):
    order = await shop.ordered()
    async with shop.database.transaction() as transaction:
        await transaction.connection.execute(
            "UPDATE orders.orders SET expires_at = expires_at + interval '3 days' WHERE id = %s", [order.id]
        )
    old = await shop.desk.elsewhere.code(order_id=order.id)
    shop.database.clock_offset += elsewhere.LASTS
    new = await shop.desk.elsewhere.code(order_id=order.id)
    assert new.until - old.until >= elsewhere.LASTS
    assert await found(shop, new.code) == order.id
    assert await found(shop, old.code) == ("pay_code_unknown" if old.code != new.code else order.id)


async def test_a_slip_of_the_finger_costs_no_guess(shop):
    order = await shop.ordered()
    code = (await shop.desk.elsewhere.code(order_id=order.id)).code
    for place in range(DIGITS):
        wrong = code[:place] + str((int(code[place]) + 1) % 10) + code[place + 1 :]
        assert await found(shop, wrong, payer="p", address="192.0.2.7") == "pay_code_unreadable"
    assert await found(shop, code, payer="p", address="192.0.2.7") == order.id


@pytest.mark.parametrize("text", ["", "123", "12345678901", "abcdefghij", "1" * 500, "4821 773 59x", "\u0000"])
def test_what_is_no_code_is_told_as_such(text):
    with pytest.raises(Invalid, match="pay_code_unreadable"):
        parse_code(text)


async def test_whoever_guesses_is_shut_out_for_an_hour_and_the_right_code_tells_them_nothing(shop):
    order = await shop.ordered()
    code = (await shop.desk.elsewhere.code(order_id=order.id)).code
    said = [await found(shop, another(code), address="192.0.2.7") for _ in range(MOST["address"] + 2)]
    assert said == ["pay_code_unknown"] * MOST["address"] + ["pay_code_shut_out"] * 2
    assert await found(shop, code, address="192.0.2.7") == "pay_code_shut_out"
    assert await found(shop, code, address="192.0.2.8") == order.id
    key = [await found(shop, another(code), payer="key:1") for _ in range(MOST["payer"] + 1)]
    assert key == ["pay_code_unknown"] * MOST["payer"] + ["pay_code_shut_out"]


async def test_guesses_at_once_are_counted_one_by_one(shop, figures):
    order = await shop.ordered()
    code = (await shop.desk.elsewhere.code(order_id=order.id)).code
    said = await asyncio.gather(*(found(shop, another(code), address="192.0.2.7") for _ in range(40)))
    assert said.count("pay_code_unknown") == MOST["address"]
    figures("Payment codes", guesses_at_once=40, looked_up=said.count("pay_code_unknown"))


async def test_distributed_guessing_ends_at_the_budget(shop, figures, monkeypatch):
    monkeypatch.setattr(elsewhere, "FEWEST", 60)
    monkeypatch.setattr(elsewhere, "CHANCE", 60 * elsewhere.FINDS_IN)
    order = await shop.ordered()
    code = await shop.desk.elsewhere.code(order_id=order.id)
    monkeypatch.setattr(elsewhere, "CHANCE", CHANCE)
    wrong = [another(code.code) for _ in range(70)]
    monkeypatch.setattr(elsewhere, "CHANCE", 60 * elsewhere.FINDS_IN)
    said = [await found(shop, guess, address=f"198.51.{n % 200}.{n // 200}") for n, guess in enumerate(wrong)]
    assert said == ["pay_code_unknown"] * 60 + ["pay_code_shut_out"] * 10
    assert await found(shop, code.code, address="203.0.113.9") == "pay_code_shut_out"
    assert shop.desk.elsewhere.open(token=code.token).order_id == order.id, "the picture still leads there"
    figures("Payment codes", guessers=70, looked_up=60, then="shut out for the rest of the day")


@pytest.mark.parametrize("live", [0, 1, 100, 1_000, 10_000])
def test_all_guessing_together_finds_less_than_one_order_in_a_hundred_days(live, figures):
    allowed = elsewhere.budget(live)
    finds_a_day = allowed * live / CHANCE
    assert allowed >= elsewhere.FEWEST
    assert finds_a_day <= 1 / elsewhere.FINDS_IN or allowed == elsewhere.FEWEST
    figures("Payment codes", live=live, guesses_a_day=allowed, finds_a_day=f"{finds_a_day:.1e}")


async def test_of_two_devices_that_pay_at_once_one_is_given_its_money_back(shop):
    order = await shop.ordered()
    token = (await shop.desk.elsewhere.code(order_id=order.id)).token
    here = await shop.paying(order)
    there = await shop.paying(order, presented=Presented(return_path=f"/pay/{token}"))
    [asked] = shop.gateway.starts[there.id]
    assert asked.return_url.endswith(f"/pay/{token}"), "whoever pays there does not come to the order's page"
    assert order.id not in asked.return_url
    await shop.tells(shop.paid(here), shop.paid(there))
    await shop.run()
    view = await shop.desk.get_order(order_id=order.id)
    assert view.status in {"paid", "delivering", "delivered"}
    [second] = [payment for payment in view.payments if payment.second]
    assert second.second[0].amount == order.total
    assert second.refunded == order.total


async def test_what_ended_is_removed_by_itself(shop):
    await shop.desk.elsewhere.code(order_id=(await shop.ordered()).id)
    [sweep] = shop.desk.elsewhere.sweeps()
    assert await sweep.run() == 0
    shop.database.clock_offset += timedelta(days=2)
    assert await sweep.run() == 1
