"""Top-ups that run by themselves and are paid by an agreement with a wallet: within what was agreed to there."""

from dataclasses import replace

import pytest

from topup.kernel.errors import Conflict, Invalid
from topup.orders.schedules.rules import Agreement, Trigger
from topup.payments.ports import AgreementFact, Decline

MONTHLY = Agreement(Trigger.MONTHLY, day=15, amount_minor=5000, cap_minor=20000)
LOW = Agreement(Trigger.LOW, threshold_minor=2000, amount_minor=5000, cap_minor=20000, interval_days=30)


async def test_it_is_charged_on_its_day_as_a_card_is(automatic):
    wallet = await automatic.cards.agrees(automatic.who)
    schedule = await automatic.agrees(MONTHLY, card=wallet)
    had = await automatic.shop.main_balance()
    await automatic.passes(days=7)
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert automatic.shop.gateway.charged == [f"agreed-{wallet}"]
    assert await automatic.shop.main_balance() == had + 5000


@pytest.mark.parametrize(
    ("agreement", "terms", "code"),
    [
        (MONTHLY, {"most_minor": 4999}, "schedule_wallet_most"),
        (replace(LOW, amount_minor=None, target_minor=9_000), {"most_minor": 8_000}, "schedule_wallet_most"),
        (replace(LOW, interval_days=29), {}, "schedule_wallet_often"),
    ],
)
async def test_the_wallet_must_have_agreed_to_what_the_schedule_may_take(automatic, agreement, terms, code):
    wallet = await automatic.cards.agrees(automatic.who, **terms)
    with pytest.raises(Invalid, match=code):
        await automatic.agrees(agreement, card=wallet)
    schedule = await automatic.agrees(agreement)
    with pytest.raises(Invalid, match=code):
        await automatic.schedules.use(subscriber_id=automatic.who, schedule_id=schedule, instrument_id=wallet)


async def test_a_wallet_that_agreed_in_another_currency_is_refused_with_that(automatic):
    wallet = await automatic.cards.agrees(automatic.who)
    async with automatic.shop.database.transaction() as transaction:
        await transaction.connection.execute("UPDATE payments.agreements SET currency = 'HKD' WHERE id = %s", [wallet])
    with pytest.raises(Invalid, match="schedule_wallet_currency"):
        await automatic.agrees(MONTHLY, card=wallet)


async def test_just_what_was_agreed_to_will_do(automatic):
    wallet = await automatic.cards.agrees(automatic.who, most_minor=5000)
    await automatic.agrees(LOW, card=wallet)


async def test_an_agreement_serves_one_schedule(automatic):
    wallet = await automatic.cards.agrees(automatic.who)
    first = await automatic.agrees(MONTHLY, card=wallet)
    with pytest.raises(Conflict, match="schedule_wallet_used"):
        await automatic.agrees(LOW, card=wallet)
    second = await automatic.agrees(LOW)
    uses = {"subscriber_id": automatic.who, "instrument_id": wallet}
    with pytest.raises(Conflict, match="schedule_wallet_used"):
        await automatic.schedules.use(schedule_id=second, **uses)
    await automatic.schedules.use(schedule_id=first, **uses)
    await automatic.schedules.remove(subscriber_id=automatic.who, schedule_id=first)
    await automatic.schedules.use(schedule_id=second, **uses)


async def test_one_that_ended_in_the_wallet_stops_the_schedule_and_says_so(automatic):
    wallet = await automatic.cards.agrees(automatic.who)
    schedule = await automatic.agrees(MONTHLY, card=wallet)
    await automatic.sweeps()
    automatic.shop.gateway.signed.clear()
    await automatic.shop.tells(AgreementFact(wallet, ended=True), event_id="ended")
    await automatic.shop.desk.agreements.ask_due()
    assert await automatic.state(schedule) == ("stopped", "card_removed"), "at once, and not when it is due"
    assert await automatic.told() == ["automatic_stopped"]
    await automatic.passes(days=7)
    assert (automatic.shop.gateway.charged, await automatic.told()) == ([], ["automatic_stopped"])


async def test_too_little_money_is_asked_for_again_days_later_and_what_was_ended_is_not(automatic):
    schedule = await automatic.agrees(MONTHLY, card=await automatic.cards.agrees(automatic.who))
    automatic.shop.gateway.charge_answers = [Decline.FUNDS, Decline.AGAIN]
    await automatic.passes(days=12)
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert await automatic.told() == ["automatic_declined", "automatic_declined"]
    automatic.shop.gateway.charge_answers = [Decline.UNSUPPORTED]
    await automatic.passes(days=31)
    assert await automatic.state(schedule) == ("stopped", "declined")
    assert len(automatic.shop.gateway.charged) == 1
