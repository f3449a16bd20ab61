"""A diagnosis from our own books: each standing of a real order leads to the end that is true of it."""

from datetime import timedelta

import pytest

from tests.support import cards
from topup.care.desk import Asked
from topup.care.diagnosis import Finding, Question
from topup.care.outages import announce, end
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Unknown
from topup.lines.cards.operations import Giving, block, give
from topup.lines.cards.states import Given
from topup.lines.operations import LineStatus, set_status
from topup.lines.owners import bind
from topup.lines.queries import lines_now

NOT_ARRIVED, NO_NETWORK = "not_arrived", "no_network"


async def found(helped, order=None, matter=NOT_ARRIVED, **answers):
    asked = Asked(matter, answers, order.id if order else "")
    return (await helped.care.diagnose(asked)).walk.now


async def ends(helped, order, **answers):
    now = await found(helped, order, **answers)
    assert isinstance(now, Finding), now
    return now.id, now.end.who.value


async def test_an_order_that_was_not_paid(helped):
    order = await helped.unpaid()
    assert (await found(helped, order)).id == "did_pay"
    assert await ends(helped, order, did_pay="no") == ("pay_now", "you")
    await helped.shop.paying(order)
    assert await ends(helped, order, did_pay="yes") == ("wait_for_payment", "wait")
    await helped.shop.later(minutes=31)
    assert (await ends(helped, order, did_pay="yes"))[1] in {"us", "wait"}


async def test_a_payment_that_nobody_hears_of_becomes_our_turn(helped):
    order = await helped.unpaid()
    await helped.shop.paying(order)
    await helped.shop.later(hours=1)
    await helped.shop.desk.expire()
    assert await ends(helped, order, did_pay_ended="yes") == ("payment_not_seen", "us")
    assert await ends(helped, order, did_pay_ended="no") == ("start_again", "you")


async def test_an_order_that_is_being_credited_is_late_after_ten_minutes(helped):
    order = await helped.waiting_to_be_sent()
    assert await ends(helped, order) == ("being_credited", "wait")
    await helped.shop.later(minutes=11)
    assert await ends(helped, order) == ("late", "us")


async def test_a_silent_carrier_is_asked_and_after_a_day_pressed(helped):
    order = await helped.sent(Unknown("timeout"))
    assert await ends(helped, order) == ("carrier_asked", "carrier")
    await helped.shop.later(hours=25)
    assert await ends(helped, order) == ("carrier_silent", "us")


async def test_a_refund_is_waited_for_and_then_looked_into(helped):
    order = await helped.sent(Refused(Reason.USER, "no such number"))
    helped.shop.gateway.refund_answers = [Accepted("r1")]
    await helped.shop.desk.outside.refund()
    assert await ends(helped, order) == ("refund_on_way", "wait")
    await helped.shop.later(days=8)
    assert await ends(helped, order) == ("refund_slow", "us")


async def test_money_that_went_back_is_with_the_bank_for_a_week(helped):
    order = await helped.sent(Refused(Reason.USER, "no such number"))
    await helped.shop.run()
    assert await ends(helped, order, refund_seen="no") == ("refund_at_bank", "wait")
    await helped.shop.later(days=8)
    assert await ends(helped, order, refund_seen_long="no") == ("refund_lost", "us")


async def test_what_our_books_have_and_the_person_does_not_see(helped):
    order = await helped.delivered()
    told = {"number_right": "yes", "what_is_seen": "balance_same"}
    assert await ends(helped, order, **told) == ("books_differ", "us")
    assert await ends(helped, order, number_right="no") == ("wrong_number", "you")
    elsewhere = await helped.sent(Done("c1"))
    assert await ends(helped, elsewhere, **told) == ("carrier_shows_later", "wait")
    await helped.shop.later(hours=2)
    assert await ends(helped, elsewhere, **told) == ("ask_carrier", "carrier")


async def test_an_outage_of_the_carrier_is_told_while_it_lasts(helped):
    order = await helped.waiting_to_be_sent()
    await helped.shop.later(minutes=11)
    async with helped.shop.database.transaction() as transaction:
        now = transaction.now
        outage = await announce(
            transaction.connection, carrier_id=order.carrier_id, texts={"zh_Hans": "检修"}, starts_at=now,
            ends_at=now + timedelta(hours=2), now=now,
        )  # fmt: skip
    assert await ends(helped, order) == ("outage_delays", "carrier")
    diagnosis = await helped.care.diagnose(Asked(NO_NETWORK, {}, order.id))
    assert diagnosis.walk.now.id == "outage"
    assert [one.id for one in diagnosis.outages] == [outage]
    async with helped.shop.database.transaction() as transaction:
        await end(transaction.connection, outage, transaction.now)
        with pytest.raises(NotFound):
            await end(transaction.connection, outage, transaction.now)
    assert await ends(helped, order) == ("late", "us")


async def test_an_outage_that_is_over_or_to_come_is_none(helped):
    order = await helped.delivered()
    async with helped.shop.database.transaction() as transaction:
        now = transaction.now
        for begin, until in ((now + timedelta(hours=1), None), (now - timedelta(hours=2), now - timedelta(hours=1))):
            await announce(
                transaction.connection, carrier_id=order.carrier_id, texts={"zh_Hans": "x"}, starts_at=begin,
                ends_at=until, now=now,
            )  # fmt: skip
        with pytest.raises(Invalid):
            await announce(
                transaction.connection, carrier_id="x", texts={"en": "only"}, starts_at=now, ends_at=None, now=now
            )
    assert isinstance(await found(helped, order, NO_NETWORK), Question)


async def test_a_stranger_learns_nothing_of_a_line(helped):
    """With and without a line behind the number the walk is the same, step by step."""
    walks = []
    for number in ("13800138000", "13800138999"):
        asked = Asked(NO_NETWORK, {"what_fails": "data", "data_used": "no"}, "", number)
        walks.append((await helped.care.diagnose(asked)).walk)
    assert walks[0] == walks[1]
    assert ("line", "unknown") in [(step.name, step.value) for step in walks[0].steps]


async def test_an_order_that_is_none_is_told(helped):
    with pytest.raises(NotFound, match="order_unknown"):
        await helped.care.diagnose(Asked(NOT_ARRIVED, {}, "ord_00000000000000000000000000"))


async def test_only_whose_line_it_is_is_told_how_it_stands(helped):
    order = await helped.delivered()
    async with helped.shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        line = (await lines_now(connection, [order.msisdn.e164]))[order.msisdn.e164]
        await bind(connection, subscriber_id="sub_owner", line=line.ref, now=now)

    async def told(subscriber):
        asked = Asked(NO_NETWORK, {"what_fails": "data"}, order.id, "", subscriber)
        found = (await helped.care.diagnose(asked)).walk
        return {step.name: step.value for step in found.steps}["line"], found.now.id

    assert await told("sub_owner") == ("working", "data_used")
    assert await told("sub_other") == ("unknown", "data_used")
    assert await told(None) == ("unknown", "data_used")
    async with helped.shop.database.transaction() as transaction:
        await set_status(transaction.connection, line.ref, LineStatus.BARRED, transaction.now)
    assert await told("sub_owner") == ("barred", "line_barred")
    assert await told("sub_other") == ("unknown", "data_used")


async def test_whose_card_was_blocked_or_replaced_is_told_who_must_act(helped):
    """And nobody else learns that there is a card."""
    order = await helped.delivered()
    async with helped.shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        line = (await lines_now(connection, [order.msisdn.e164]))[order.msisdn.e164].ref
        await bind(connection, subscriber_id="sub_owner", line=line, now=now)
        first, second = [(await cards.blank(transaction))[0] for _ in range(2)]
        await give(connection, Giving(line, first, Given.ISSUED, "1", "cli"), now)

    async def told(subscriber, **answers):
        asked = Asked(NO_NETWORK, answers, order.id, "", subscriber)
        found = (await helped.care.diagnose(asked)).walk
        return {step.name: step.value for step in found.steps}["card"], found.now.id

    assert await told("sub_owner") == ("working", "what_fails")
    async with helped.shop.database.transaction() as transaction:
        await block(transaction.connection, first, transaction.now)
    assert await told("sub_owner") == ("blocked", "card_blocked")
    assert await told("sub_other") == await told(None) == ("unknown", "what_fails")
    async with helped.shop.database.transaction() as transaction:
        await give(transaction.connection, Giving(line, second, Given.LOST, "2", "cli"), transaction.now)
    assert await told("sub_owner") == ("replaced_lately", "new_card_in")
    assert await told("sub_owner", new_card_in="no") == ("replaced_lately", "old_card_stopped")
    assert await told("sub_owner", new_card_in="not_asked") == ("replaced_lately", "card_not_asked_for")
    helped.shop.database.clock_offset += timedelta(days=8)
    assert await told("sub_owner") == ("working", "what_fails")


async def test_the_zone_of_the_house_is_that_of_most_carriers(helped):
    assert await helped.care.zone() == "Asia/Shanghai"
