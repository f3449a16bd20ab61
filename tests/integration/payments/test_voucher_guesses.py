"""G19: nobody finds a voucher by guessing, alone or together; and people who mistype are told when to come back."""

import asyncio
import secrets

import pytest

from tests.support.desk import LANES
from topup.kernel.ids import PaymentId, new_id
from topup.kernel.money import Money
from topup.payments.ports import PaymentFact, PaymentRequest
from topup.payments.vouchers import guesses
from topup.payments.vouchers.pins import CHANCE, check_digit, new_pin


def a_guess() -> str:
    body = f"{secrets.randbelow(10**17):017}"
    return body + check_digit(body)


async def reason(shop, pin, **who) -> str:
    """What the gateway says, as of an order of 50 yuan: orders themselves are limited elsewhere."""
    request = PaymentRequest(
        payment_id=PaymentId(new_id("payment", 3)),
        amount=Money(5000, "CNY"),
        description="",
        return_url="",
        notify_url="",
        expires_at=None,
        locale="en",
        payment_code=pin,
        payer=who.get("payer"),
        payer_address=who.get("address"),
    )
    said = await shop.vouchers.start(request)
    return "paid" if isinstance(said, PaymentFact) else said.code


async def test_a_payer_has_five_wrong_ones_an_hour(voucher_shop):
    _, [card] = await voucher_shop.printed()
    said = [await reason(voucher_shop, a_guess(), payer="p") for _ in range(guesses.OF_A_PAYER + 1)]
    assert said == ["voucher_refused"] * guesses.OF_A_PAYER + ["voucher_shut_out"]
    # Not even the right one is looked at, or the answer would tell.
    assert await reason(voucher_shop, card.pin, payer="p") == "voucher_shut_out"
    assert await reason(voucher_shop, a_guess(), payer="another") == "voucher_refused"
    await voucher_shop.later(hours=1)
    assert await reason(voucher_shop, card.pin, payer="p") == "paid"


async def test_an_address_has_twenty_whoever_they_say_they_are(voucher_shop):
    said = [await reason(voucher_shop, a_guess(), payer=f"p{n}", address="192.0.2.7") for n in range(22)]
    assert said == ["voucher_refused"] * guesses.OF_AN_ADDRESS + ["voucher_shut_out"] * 2


async def test_a_subscriber_of_many_addresses_counts_as_one(voucher_shop):
    said = [await reason(voucher_shop, a_guess(), payer=f"p{n}", address=f"2001:db8::{n:x}") for n in range(22)]
    assert said.count("voucher_refused") == guesses.OF_AN_ADDRESS


async def test_guesses_at_once_are_counted_one_by_one(voucher_shop, figures):
    tries = [reason(voucher_shop, a_guess(), payer="p", address="192.0.2.7") for _ in range(40)]
    said = await asyncio.gather(*tries)
    assert said.count("voucher_refused") == guesses.OF_A_PAYER
    figures("G19", guesses_at_once=40, looked_up=said.count("voucher_refused"))


async def test_a_right_pin_costs_no_guess(voucher_shop):
    _, cards = await voucher_shop.printed(guesses.OF_A_PAYER + 3)
    assert [await reason(voucher_shop, card.pin, payer="p", address="192.0.2.1") for card in cards] == ["paid"] * 8


async def test_distributed_guessing_ends_at_the_budget(voucher_shop, figures, monkeypatch):
    monkeypatch.setattr(guesses, "FEWEST", 60)
    monkeypatch.setattr(guesses, "CHANCE", 60 * guesses.FINDS_IN)
    _, [card] = await voucher_shop.printed()
    said = [
        await reason(voucher_shop, a_guess(), payer=f"p{n}", address=f"198.51.{n % 200}.{n // 200}") for n in range(70)
    ]
    assert said == ["voucher_refused"] * 60 + ["voucher_shut_out"] * 10
    assert await reason(voucher_shop, card.pin, payer="honest", address="192.0.2.1") == "voucher_shut_out"
    await voucher_shop.later(days=1)
    assert await reason(voucher_shop, card.pin, payer="honest", address="192.0.2.1") == "paid"
    figures("G19", guessers=70, looked_up=60, then="shut out for the rest of the day")


@pytest.mark.parametrize("live", [0, 1, 1_000, 1_000_000, 10_000_000, 10**12])
def test_all_guessing_together_finds_less_than_one_voucher_in_a_thousand_days(live, figures):
    allowed = guesses.budget(live)
    finds_a_day = allowed * live / CHANCE
    assert allowed >= guesses.FEWEST
    assert finds_a_day <= 1 / guesses.FINDS_IN or allowed == guesses.FEWEST
    figures("G19", live=live, density=f"{live / CHANCE:.1e}", guesses_a_day=allowed, finds_a_day=f"{finds_a_day:.1e}")


async def test_no_pin_is_stored_or_can_be_tried_out_from_what_is(voucher_shop):
    batch, cards = await voucher_shop.printed(20)
    assert all(card.pin not in repr(card) for card in cards)
    async with voucher_shop.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT v::text FROM payments.vouchers v UNION ALL SELECT b::text FROM payments.voucher_batches b"
        )
        stored = "\n".join(text for (text,) in await cursor.fetchall())
        cursor = await transaction.connection.execute("SELECT lane FROM payments.vouchers")
        lanes = {lane for (lane,) in await cursor.fetchall()}
    assert batch.id in stored
    assert not any(card.pin in stored for card in cards)
    assert len(lanes) > 1
    assert lanes <= set(range(LANES))


def test_pins_differ_and_their_check_digit_finds_slips():
    pins = {new_pin() for _ in range(1000)}
    assert len(pins) == 1000
    for pin in list(pins)[:50]:
        for place in range(18):
            for digit in set("0123456789") - {pin[place]}:
                wrong = pin[:place] + digit + pin[place + 1 :]
                assert check_digit(wrong[:-1]) != wrong[-1]
