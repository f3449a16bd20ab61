"""Top-ups that run by themselves: once for each cause, within what was agreed to, never with a card that said no."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.desk import OWN_NUMBER
from tests.support.selling_offers import TIERS, faults, ordered, publish_with, quoted, states
from topup.kernel.errors import Conflict, NotFound, Unavailable
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.kernel.outcome import NotSent, Unknown
from topup.lines import owners
from topup.orders.promising import NotHeld
from topup.orders.queries import place_of, quotes
from topup.orders.quotes import decoded
from topup.orders.schedules.desk import ScheduleWanted
from topup.orders.schedules.rules import Agreement, Trigger
from topup.payments.ports import Action, Decline

NUMBER = parse_msisdn(OWN_NUMBER)
MONTHLY = Agreement(Trigger.MONTHLY, day=15, amount_minor=5000, cap_minor=20000)
LOW = Agreement(Trigger.LOW, threshold_minor=2000, amount_minor=5000, cap_minor=20000, interval_days=1)


async def test_on_its_day_the_card_is_charged_once_and_the_credit_arrives(automatic):
    schedule = await automatic.agrees(MONTHLY)
    had = await automatic.shop.main_balance()
    await automatic.passes(days=4)
    assert await automatic.ordered() == 0
    await automatic.passes(days=3)
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert (await automatic.ordered(), automatic.shop.gateway.charged) == (1, ["cus_1:pm_1"])
    assert await automatic.shop.main_balance() == had + 5000
    await automatic.passes(days=31)
    assert [cause for cause, *_ in await automatic.runs(schedule)] == ["month:2030-03", "month:2030-04"]


async def test_a_month_nobody_ran_is_made_up_once(automatic):
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.database.clock_offset += timedelta(days=20)
    await automatic.sweeps()
    await automatic.sweeps()
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert await automatic.ordered() == 1


async def test_low_credit_is_topped_up_and_not_again_before_the_interval_is_over(automatic):
    card = await automatic.card()
    had = await automatic.shop.main_balance()
    schedule = await automatic.agrees(
        Agreement(Trigger.LOW, threshold_minor=had + 6000, amount_minor=5000, cap_minor=20000, interval_days=3),
        card=card,
    )
    await automatic.passes(hours=2)
    assert await automatic.runs(schedule) == [("low:1", "done", "")], "not while the same was topped up just now"
    await automatic.passes(days=2)
    assert len(await automatic.runs(schedule)) == 1, "it is low still, and the interval is not over"
    await automatic.passes(days=2)
    assert [cause for cause, *_ in await automatic.runs(schedule)] == ["low:1", "low:2"]
    await automatic.passes(days=2)
    assert await automatic.ordered() == 2, "it is low no more"


async def test_what_was_seen_long_ago_and_paid_just_now_counts_from_its_payment(automatic):
    """The system was down for eighty days between a decline and the next attempt."""
    agreement = replace(LOW, threshold_minor=await automatic.shop.main_balance() + 20_000, interval_days=30)
    schedule = await automatic.agrees(agreement)
    automatic.shop.gateway.charge_answers = [Decline.FUNDS]
    await automatic.passes(hours=2)
    automatic.shop.database.clock_offset += timedelta(days=80)
    await automatic.passes(days=2)
    assert await automatic.runs(schedule) == [("low:1", "done", "")]
    assert len(automatic.shop.gateway.charged) == 1


async def test_up_to_a_target_only_what_is_missing_is_bought(automatic):
    card = await automatic.card()
    had = await automatic.shop.main_balance()
    schedule = await automatic.agrees(
        Agreement(Trigger.MONTHLY, day=15, target_minor=had + 2500, cap_minor=50000), card=card
    )
    await automatic.passes(days=7)
    [run] = (await automatic.schedules.one(subscriber_id=automatic.who, schedule_id=schedule)).runs
    assert 2500 <= run.amount_minor < 5000
    assert await automatic.shop.main_balance() == had + run.amount_minor


async def test_a_declined_card_is_asked_twice_more_days_apart_and_then_the_schedule_stops(automatic):
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.gateway.charge_answers = [Decline.FUNDS] * 3
    await automatic.passes(days=5, hours=12)
    assert await automatic.runs(schedule) == [("month:2030-03", "waiting", "declined_funds")]
    assert await automatic.told() == ["automatic_declined"]
    await automatic.passes(days=4)
    assert await automatic.runs(schedule) == [("month:2030-03", "failed", "declined_funds")]
    assert (await automatic.state(schedule), automatic.shop.gateway.charged) == (("stopped", "declined"), [])
    assert await automatic.told() == ["automatic_declined", "automatic_declined", "automatic_stopped"]
    await automatic.passes(days=40)
    assert len(await automatic.runs(schedule)) == 1, "what stopped stays so until its owner has looked at it"


@pytest.mark.parametrize("why", [Decline.EXPIRED, Decline.AUTHENTICATION, Decline.UNSUPPORTED])
async def test_a_card_that_cannot_be_charged_is_not_asked_again(automatic, why):
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.gateway.charge_answers = [why]
    await automatic.passes(days=7)
    assert await automatic.runs(schedule) == [("month:2030-03", "failed", why.value)]
    assert await automatic.state(schedule) == ("stopped", "declined")


async def test_another_card_takes_a_stopped_one_up_again_from_now_on(automatic):
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.gateway.charge_answers = [Decline.EXPIRED]
    await automatic.passes(days=7)
    other = await automatic.card("cus_1:pm_2", "Mastercard 4444")
    await automatic.schedules.use(subscriber_id=automatic.who, schedule_id=schedule, instrument_id=other)
    assert await automatic.state(schedule) == ("active", "")
    await automatic.passes(days=31)
    assert [one[:2] for one in await automatic.runs(schedule)] == [
        ("month:2030-03", "failed"),
        ("month:2030-04", "done"),
    ]
    assert automatic.shop.gateway.charged == ["cus_1:pm_2"]


async def test_what_is_unknown_is_waited_for_and_no_other_payment_is_made(automatic):
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.gateway.charge_answers = [Unknown("no answer")]
    await automatic.passes(days=6)
    view = await automatic.schedules.one(subscriber_id=automatic.who, schedule_id=schedule)
    [run] = view.runs
    assert run.state.value == "done", "the same payment was begun again under its number, and is one"
    assert await automatic.ordered() == 1
    assert len(automatic.shop.gateway.charged) == 1


async def test_a_gateway_that_waits_for_the_bank_is_followed_to_the_end(automatic):
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.gateway.charge_answers = [Action("wait")]
    # Seen by the evening of its day at the latest, and an order nobody pays ends within the hour.
    await automatic.passes(days=5, hours=18)
    assert await automatic.runs(schedule) == [("month:2030-03", "waiting", "not_answered")]
    await automatic.passes(days=3)
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert await automatic.ordered() == 1


async def test_a_gateway_that_cannot_be_reached_is_tried_again_for_the_same_payment(automatic):
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.gateway.charge_answers = [NotSent("refused"), NotSent("refused")]
    await automatic.passes(days=6)
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert len(automatic.shop.gateway.charged) == 1


# What stops it.


async def test_one_tap_stops_all_and_nothing_begins_after_it(automatic):
    first, second = await automatic.agrees(MONTHLY), await automatic.agrees(LOW)
    assert await automatic.schedules.stop_all(subscriber_id=automatic.who) == 2
    await automatic.passes(days=40)
    assert (await automatic.ordered(), await automatic.runs(first), await automatic.runs(second)) == (0, [], [])
    await automatic.schedules.resume(subscriber_id=automatic.who, schedule_id=first)
    await automatic.passes(days=1)
    assert await automatic.runs(first) == [], "what was due while it was paused is not made up"


async def test_a_pause_calls_off_what_waits_for_another_attempt(automatic):
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.gateway.charge_answers = [Decline.FUNDS]
    await automatic.passes(days=6)
    await automatic.schedules.pause(subscriber_id=automatic.who, schedule_id=schedule)
    await automatic.passes(days=4)
    assert await automatic.runs(schedule) == [("month:2030-03", "skipped", "paused")]
    assert automatic.shop.gateway.charged == []


async def test_a_removed_card_stops_at_once_what_it_pays_and_says_so_once(automatic):
    schedule = await automatic.agrees(MONTHLY)
    [card] = await automatic.shop.desk.instruments.of(subscriber_id=automatic.who)
    other = await automatic.agrees(MONTHLY, card=await automatic.card("cus_2:pm_2", "Visa 1881"))
    await automatic.sweeps()
    await automatic.shop.desk.instruments.remove(subscriber_id=automatic.who, instrument_id=card.id)
    assert await automatic.state(schedule) == ("stopped", "card_removed")
    assert (await automatic.state(other))[0] == "active"
    await automatic.schedules.pause(subscriber_id=automatic.who, schedule_id=other)
    await automatic.passes(days=7)
    assert (await automatic.state(schedule), await automatic.ordered()) == (("stopped", "card_removed"), 0)
    assert await automatic.told() == ["automatic_stopped"]


async def test_a_line_that_left_the_account_is_looked_at_no_more(automatic):
    schedule = await automatic.agrees(LOW)
    async with automatic.shop.database.transaction() as transaction:
        connection = transaction.connection
        sql = "SELECT lane, line_id FROM lines.numbers WHERE msisdn = %s AND until IS NULL"
        lane, line_id = await (await connection.execute(sql, [NUMBER.e164])).fetchone()
        await owners.unbind(connection, subscriber_id=automatic.who, line=owners.LineRef(lane, line_id))
    await automatic.passes(days=1)
    assert await automatic.state(schedule) == ("stopped", "not_yours")
    assert await automatic.ordered() == 0


# Who may agree to what.


async def test_only_its_owner_may_have_a_line_looked_at_but_anybody_may_send_it_something_each_month(automatic):
    stranger = await automatic.cards.person()
    automatic.who, owner = stranger, automatic.who
    card = await automatic.card()
    for agreement in (LOW, Agreement(Trigger.MONTHLY, target_minor=5000, cap_minor=5000)):
        with pytest.raises(Conflict, match="schedule_not_yours"):
            await automatic.agrees(agreement, card=card)
    schedule = await automatic.agrees(MONTHLY, card=card)
    with pytest.raises(NotFound, match="schedule_unknown"):
        await automatic.schedules.remove(subscriber_id=owner, schedule_id=schedule)
    assert await automatic.schedules.of(subscriber_id=owner) == []


async def test_nobody_pays_with_somebody_elses_card(automatic):
    card = await automatic.card()
    stranger = await automatic.cards.person()
    with pytest.raises(NotFound, match="instrument_unknown"):
        await automatic.agrees(MONTHLY, card=card, who=stranger)


async def test_the_same_agreement_sent_twice_is_one(automatic):
    card = await automatic.card()
    wanted = ScheduleWanted(automatic.who, OWN_NUMBER, MONTHLY, card, "en")
    schedule_id = await automatic.schedules.make(wanted)
    assert await automatic.schedules.make(wanted, schedule_id=schedule_id) == schedule_id
    assert len(await automatic.schedules.of(subscriber_id=automatic.who)) == 1
    another = await automatic.schedules.new_id(number=OWN_NUMBER)
    assert await automatic.schedules.make(wanted, schedule_id=another) == another
    assert len(await automatic.schedules.of(subscriber_id=automatic.who)) == 2


# What a maintainer of money would ask.


async def test_two_schedules_of_one_number_that_are_looked_at_together_keep_to_the_carriers_limits(automatic):
    """The carrier's limits are a line's, over all that tops it up by itself."""
    await automatic.publishes("\n[automatic]\ncap = 60\ninterval_days = 5\n")
    card = await automatic.card()
    had = await automatic.shop.main_balance()
    low = replace(LOW, threshold_minor=had + 20_000, cap_minor=6000)
    both = [await automatic.agrees(replace(low, amount_minor=amount), card=card) for amount in (5000, 3000)]
    await automatic.passes(hours=3)
    ran = [await automatic.runs(schedule) for schedule in both]
    assert sorted(map(len, ran)) == [0, 1]


@pytest.mark.parametrize("stop", ["pause", "remove", "card"])
async def test_whoever_stops_it_between_order_and_payment_is_not_charged(automatic, stop):
    schedule = await automatic.agrees(MONTHLY)
    order = automatic.shop.desk.order

    async def ordered_and_then_stopped(**wanted):
        made = await order(**wanted)
        if stop == "card":
            [card] = await automatic.shop.desk.instruments.of(subscriber_id=automatic.who)
            await automatic.shop.desk.instruments.remove(subscriber_id=automatic.who, instrument_id=card.id)
        else:
            change = getattr(automatic.schedules, stop)
            await change(subscriber_id=automatic.who, schedule_id=schedule)
        return made

    automatic.shop.desk.order = ordered_and_then_stopped
    await automatic.passes(days=6)
    assert (automatic.shop.gateway.charged, await automatic.ordered()) == ([], 0)
    async with automatic.shop.database.read() as transaction:
        sql = "SELECT state, reason FROM orders.schedule_runs WHERE schedule_id = %s"
        rows = await (await transaction.connection.execute(sql, [schedule])).fetchall()
    expected = {"pause": ("skipped", "paused"), "remove": ("skipped", "ended"), "card": ("skipped", "card_removed")}
    assert rows == [expected[stop]]


async def last_paid(automatic) -> int:
    async with automatic.shop.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT amount_minor FROM payments.payments WHERE state = 'paid' ORDER BY created_at DESC LIMIT 1"
        )
        return (await cursor.fetchone())[0]


async def test_what_runs_by_itself_has_the_offers_that_are_open_to_all(automatic):
    database = automatic.shop.database
    await publish_with(database, TIERS)
    schedule = await automatic.agrees(MONTHLY)
    await automatic.passes(days=6)
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert await last_paid(automatic) == MONTHLY.amount_minor - 500


async def test_an_offer_that_is_gone_when_it_runs_by_itself_is_left_out_of_a_new_price(automatic):
    database = automatic.shop.database
    await publish_with(database, TIERS + "limits = { total = 1 }")
    schedule = await automatic.agrees(MONTHLY)
    taken = []

    async def somebody_was_first(**wanted):
        if not taken:
            taken.append("13700137001")
            await ordered(automatic.shop, await quoted(automatic.shop, number=taken[0]))
        return await order(**wanted)

    order, automatic.shop.desk.order = automatic.shop.desk.order, somebody_was_first
    await automatic.passes(days=6)
    assert len(taken) == 1
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert await last_paid(automatic) == MONTHLY.amount_minor


async def test_what_was_held_for_a_price_that_is_over_is_let_go_before_another_takes_off_more(automatic):
    desk, database = automatic.shop.desk, automatic.shop.database
    await publish_with(database, TIERS)
    schedule = await automatic.agrees(MONTHLY)
    lost = []

    async def held_and_then_lost(**wanted):
        if lost:
            return await order(**wanted)
        lost.append(wanted["quote_id"])
        async with database.read() as transaction:
            found = await quotes(transaction.connection, [place_of("quote", wanted["quote_id"])])
        price = decoded(found[wanted["quote_id"]].body)
        await desk.promising.hold(NotHeld(wanted["order_id"], price, wanted["payer_id"]))
        await publish_with(database, TIERS.replace("off = 5 ", "off = 6 "))
        database.clock_offset += timedelta(minutes=20)
        raise Unavailable("database_lost")

    order, desk.order = desk.order, held_and_then_lost
    await automatic.passes(days=6)
    assert len(lost) == 1
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert await last_paid(automatic) == MONTHLY.amount_minor - 600
    assert await states(database) == {"tiers": ["settled"]}
    assert await faults(database) == []


async def test_where_the_price_rose_since_it_was_decided_nothing_is_bought(automatic):
    schedule = await automatic.agrees(MONTHLY)
    await automatic.passes(days=4)
    quote = automatic.shop.desk.quote

    async def dearer(**wanted):
        priced = await quote(**wanted)
        return replace(priced, total=Money(priced.total.amount_minor + 1, priced.total.currency))

    automatic.shop.desk.quote = dearer
    await automatic.passes(days=3)
    assert await automatic.runs(schedule) == [("month:2030-03", "skipped", "price_rose")]
    assert automatic.shop.gateway.charged == []
