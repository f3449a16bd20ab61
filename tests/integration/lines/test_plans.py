"""Plans of lines: begun, renewed, waited for, switched and ended, each cycle paid for and given once."""

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.support.lines import days
from tests.support.plans import NUMBER, Street
from topup.kernel.errors import Conflict, Invalid
from topup.ledger import Debit
from topup.lines.operations import LineStatus, set_status
from topup.lines.plans.states import PlanStanding

GIB = 2**30
START = datetime(2030, 1, 31, 4, 0, tzinfo=UTC)
"""Noon of the 31st in Shanghai."""


def at(day: str) -> datetime:
    """The beginning of a day, as the line counts it."""
    return datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
async def street(database, tmp_path) -> Street:
    return await Street.with_plans(database, tmp_path)


@pytest.fixture
async def line(street):
    [found] = await street.opened("planned", NUMBER, at=START)
    return found


async def test_a_cycle_is_paid_ahead_and_what_it_includes_ends_with_it(street, line):
    await street.credits(line, 5000, at=START)
    held = await street.takes(line, "monthly", at=START)
    assert (held.standing, held.cycle, held.ends_at) == ("active", 1, at("2030-03-01"))
    assert await street.has(line, START) == {"CNY": 2000, "DATA": 10 * GIB, "VOICE": 6000}
    assert await street.has(line, at("2030-03-01")) == {"CNY": 2000}


async def test_without_enough_credit_nothing_begins(street, line):
    await street.credits(line, 2999, at=START)
    with pytest.raises(Conflict) as refused:
        await street.takes(line, "monthly", at=START)
    assert (refused.value.code, refused.value.parameters) == ("insufficient_funds", {"needed": "30.00 CNY"})
    assert await street.has(line, START) == {"CNY": 2999}
    assert await street.told(line) == []


async def test_it_renews_on_its_day_once_however_often_somebody_looks(street, line):
    await street.credits(line, 9000, at=START)
    await street.takes(line, "monthly", at=START)
    assert await street.renews(at("2030-02-28")) == 0
    assert [await street.renews(at("2030-03-01")) for _ in range(3)] == [1, 0, 0]
    held = await street.plan(line)
    # Begun on a 31st: February was shorter, March is not.
    assert (held.cycle, held.began_at, held.ends_at) == (2, at("2030-03-01"), at("2030-04-01"))
    assert (await street.has(line, at("2030-03-02")))["CNY"] == 3000


async def test_many_who_renew_at_once_take_each_line_once(street):
    lines = await street.opened("planned", *(f"+8536612{n:04}" for n in range(40)), at=START)
    for one in lines:
        await street.credits(one, 9000, at=START)
        await street.takes(one, "monthly", at=START)
    await asyncio.gather(*(street.renews(at("2030-03-01"), limit=3) for _ in range(4)))
    assert {(await street.plan(one)).cycle for one in lines} == {2}
    assert {(await street.has(one, at("2030-03-02")))["CNY"] for one in lines} == {3000}


async def test_a_renewal_missed_while_nobody_was_there_is_made_up_once(street, line):
    await street.credits(line, 30_000, at=START)
    await street.takes(line, "monthly", at=START)
    june = at("2030-06-15")
    assert await street.renews(june) == 1
    held = await street.plan(line)
    assert (held.cycle, held.began_at, held.ends_at) == (2, at("2030-06-01"), at("2030-07-01"))
    assert await street.has(line, june) == {"CNY": 24_000, "DATA": 10 * GIB, "VOICE": 6000}


async def test_a_plan_without_credit_waits_is_blocked_and_lapses_by_its_days(street, line):
    await street.credits(line, 3000, at=START)
    await street.takes(line, "monthly", at=START)
    seen = []
    for day in ("2030-03-01", "2030-03-03", "2030-03-04", "2030-03-10", "2030-03-11"):
        await street.renews(at(day))
        seen.append((await street.plan(line)).stands)
    grace, waits = PlanStanding.GRACE, PlanStanding.WAITING_FOR_CREDIT
    assert seen == [grace, grace, waits, waits, PlanStanding.LAPSED]
    assert await street.told(line) == ["begun", "unpaid", "blocked", "lapsed"]
    assert (await street.plan(line)).next_at is None


async def test_a_top_up_renews_a_plan_that_waits_and_its_cycle_begins_that_day(street, line):
    await street.credits(line, 3000, at=START)
    await street.takes(line, "monthly", at=START)
    await street.renews(at("2030-03-06"))
    later = at("2030-03-06").replace(hour=15)
    assert await street.renews(later) == 0
    await street.tops_up(line, 5000, at=later)
    assert await street.renews(later) == 1
    held = await street.plan(line)
    assert (held.standing, held.began_at, held.ends_at) == ("active", later, at("2030-04-07"))
    assert await street.has(line, later) == {"CNY": 2000, "DATA": 10 * GIB, "VOICE": 6000}


async def test_what_the_file_blocks_is_blocked_only_while_the_plan_waits(street, line):
    await street.credits(line, 3000, at=START)
    await street.takes(line, "monthly", at=START)
    seen = []
    for day in ("2030-03-01", "2030-03-04", "2030-03-05", "2030-03-06"):
        if day == "2030-03-05":
            await street.tops_up(line, 3000, at=at(day))
        await street.renews(at(day))
        seen.append(await street.blocked(line))
    assert seen == [(), ("data",), (), ()]


async def test_a_plan_that_lapsed_or_was_given_up_blocks_nothing_more(street):
    lapses, given_up = await street.opened("planned", NUMBER, "+85366120001", at=START)
    for one in (lapses, given_up):
        await street.credits(one, 3000, at=START)
        await street.takes(one, "monthly", at=START)
    await street.renews(at("2030-03-04"))
    assert (await street.blocked(lapses), await street.blocked(given_up)) == (("data",), ("data",))
    await street.cancels(given_up, at=at("2030-03-05"))
    await street.renews(at("2030-03-12"))
    assert (await street.blocked(lapses), await street.blocked(given_up)) == ((), ())
    assert await street.told(given_up) == ["begun", "blocked", "ended"]


async def test_credit_that_is_given_back_or_corrected_renews_it_too(street, line):
    await street.credits(line, 3000, at=START)
    await street.takes(line, "monthly", at=START)
    await street.renews(at("2030-03-01"))
    later = at("2030-03-01").replace(hour=5)
    await street.credits(line, 3000, at=later)
    await street.happens(line, "funds", at=later)
    assert await street.renews(later) == 1
    assert (await street.plan(line)).stands is PlanStanding.ACTIVE


async def test_a_plan_may_wait_for_the_first_money_of_its_line_without_end(street, line):
    await street.takes(line, "monthly", at=START, when="when_paid")
    assert await street.renews(START + days(120)) == 1
    assert (await street.plan(line)).stands is PlanStanding.GRACE
    later = START + days(120)
    await street.credits(line, 3000, at=later)
    await street.happens(line, "funds", at=later)
    await street.renews(later)
    assert (await street.plan(line)).cycle == 1
    assert await street.told(line) == ["unpaid", "begun"]


async def test_a_barred_lines_plan_goes_on(street, line):
    await street.credits(line, 6000, at=START)
    await street.takes(line, "monthly", at=START)
    async with street.database.transaction() as transaction:
        await set_status(transaction.connection, line, LineStatus.BARRED, START)
    seen = []
    for day in ("2030-03-01", "2030-04-01"):
        await street.renews(at(day))
        seen.append(((await street.plan(line)).stands, (await street.plan(line)).cycle))
    assert seen == [(PlanStanding.ACTIVE, 2), (PlanStanding.GRACE, 2)]


async def test_a_switch_at_once_gives_the_days_left_back_and_takes_what_is_left(street, line):
    await street.credits(line, 20_000, at=START)
    begun = at("2030-04-01")
    await street.takes(line, "calendar", at=begun)
    middle = at("2030-04-16").replace(hour=9)
    held = await street.takes(line, "monthly", at=middle)
    # 15 of 30 days of 60 go back, the 16th among them; nothing was used. 30 are paid.
    assert (await street.has(line, middle)) == {"CNY": 14_000, "DATA": 10 * GIB, "VOICE": 6000}
    assert (held.cycle, held.ends_at) == (2, at("2030-05-17"))
    assert await street.told(line) == ["begun", "switched"]


async def test_who_used_what_was_included_gets_the_share_back_that_is_left(street, line):
    await street.credits(line, 20_000, at=START)
    await street.takes(line, "calendar", at=at("2030-04-01"))
    used = Debit(
        lane=line.lane, key="used", purpose="usage", reference="", line_id=line.id, to_code="used", asset="DATA",
        amount=27 * GIB,
    )  # fmt: skip
    await street.posts(used, at=at("2030-04-10"))
    await street.takes(line, "monthly", at=at("2030-04-16"))
    # A tenth is left of the data, half of the days: 6 of 60 go back.
    assert (await street.has(line, at("2030-04-17")))["CNY"] == 20_000 - 6000 + 600 - 3000


async def test_what_is_given_back_beyond_the_new_price_is_credit(street, line):
    await street.credits(line, 6000, at=START)
    await street.takes(line, "calendar", at=at("2030-04-01"))
    await street.takes(line, "small", at=at("2030-04-16"))
    assert await street.has(line, at("2030-04-16")) == {"CNY": 3000 - 300}


async def test_another_plan_may_begin_where_a_renewal_is_late(street, line):
    await street.credits(line, 20_000, at=START)
    await street.takes(line, "calendar", at=at("2030-04-01"))
    await street.takes(line, "keep", at=at("2030-05-02"))
    assert await street.has(line, at("2030-05-02")) == {"CNY": 20_000 - 6000 - 3600}


async def test_data_bought_beside_a_plan_survives_the_switch(street, line):
    await street.credits(line, 20_000, at=START)
    held = await street.takes(line, "calendar", at=at("2030-04-01"))
    await street.credits(line, 5 * GIB, at=START, until=held.ends_at, asset="DATA", kind="plan")
    await street.takes(line, "small", at=at("2030-04-16"))
    assert (await street.has(line, at("2030-04-17")))["DATA"] == 5 * GIB


async def test_a_switch_with_the_next_cycle_moves_no_money_now(street, line):
    await street.credits(line, 20_000, at=START)
    await street.takes(line, "monthly", at=START)
    await street.takes(line, "keep", at=START + days(3), when="next_cycle")
    assert (await street.has(line, START + days(3)))["CNY"] == 17_000
    await street.renews(at("2030-03-01"))
    held = await street.plan(line)
    assert (held.plan_id, held.cycle, held.wished) == ("keep", 2, None)
    assert (held.began_at, held.ends_at) == (at("2030-03-01"), at("2031-03-01"))
    assert (await street.has(line, at("2030-03-01")))["CNY"] == 13_400


async def test_who_is_told_what_a_first_part_costs_agrees_to_that_sum_for_the_next_cycle(street, line):
    await street.credits(line, 20_000, at=START)
    await street.takes(line, "monthly", at=at("2030-03-10"))
    # Of April 21 days are left on the 10th: 42 of the 60.
    with pytest.raises(Conflict, match="line_plan_price_changed"):
        await street.takes(line, "calendar", at=at("2030-03-12"), when="next_cycle", at_most=4199)
    await street.takes(line, "calendar", at=at("2030-03-12"), when="next_cycle", at_most=4200)
    await street.renews(at("2030-04-10"))
    assert (await street.has(line, at("2030-04-10")))["CNY"] == 20_000 - 3000 - 4200


async def test_a_wish_is_taken_back_by_wishing_for_the_plan_one_has(street, line):
    await street.credits(line, 20_000, at=START)
    await street.takes(line, "monthly", at=START)
    await street.takes(line, "keep", at=START, when="next_cycle")
    await street.cancels(line, at=START)
    await street.takes(line, "monthly", at=START, when="next_cycle")
    await street.renews(at("2030-03-01"))
    assert ((await street.plan(line)).plan_id, (await street.plan(line)).cycle) == ("monthly", 2)


async def test_a_plan_that_is_cancelled_ends_with_its_cycle_and_one_for_once_by_itself(street, line):
    await street.credits(line, 20_000, at=START)
    await street.takes(line, "monthly", at=START)
    await street.cancels(line, at=START + days(1))
    assert (await street.has(line, START + days(1)))["DATA"] == 10 * GIB
    await street.renews(at("2030-03-01"))
    assert (await street.plan(line)).stands is PlanStanding.ENDED
    held = await street.takes(line, "week", at=at("2030-03-02"))
    assert (held.cycle, held.ends_at) == (2, at("2030-03-09"))
    await street.renews(held.ends_at)
    assert await street.told(line) == ["begun", "ended", "begun", "ended"]
    assert (await street.has(line, held.ends_at))["CNY"] == 20_000 - 3000 - 800


async def test_the_plan_one_has_is_not_begun_a_second_time(street, line):
    await street.credits(line, 20_000, at=START)
    first = await street.takes(line, "monthly", at=START)
    assert await street.takes(line, "monthly", at=START + days(1)) == first
    assert await street.takes(line, "monthly", at=START + days(1), when="when_paid") == first
    with pytest.raises(Conflict, match="line_plan_held"):
        await street.takes(line, "week", at=START, when="when_paid")


async def test_nobody_pays_more_than_they_were_told(street, line):
    await street.credits(line, 20_000, at=START)
    with pytest.raises(Conflict, match="line_plan_price_changed"):
        await street.takes(line, "monthly", at=START, at_most=2999)
    with pytest.raises(Invalid, match="line_plan_unknown"):
        await street.takes(line, "none", at=START)
    assert await street.has(line, START) == {"CNY": 20_000}


async def test_who_waits_for_money_pays_no_more_than_they_were_told_either(street, line):
    for plan, price in (("monthly", 3000), ("calendar", 6000)):
        with pytest.raises(Conflict, match="line_plan_price_changed"):
            await street.takes(line, plan, at=START, when="when_paid", at_most=price - 1)
    # On the 31st a day of it costs less; but on which day the money comes, nobody knows.
    held = await street.takes(line, "calendar", at=START, when="when_paid", at_most=6000)
    assert await street.takes(line, "calendar", at=START, when="when_paid", at_most=0) == held, "it is not begun anew"
    assert await street.told(line) == ["unpaid"]


async def test_a_renewal_keeps_a_number_only_where_it_counts_as_activity(street):
    kept, lost = await street.opened("planned", NUMBER, "+85366120001", at=START)
    for one, plan in ((kept, "monthly"), (lost, "small")):
        await street.credits(one, 50_000, at=START)
        await street.takes(one, plan, at=START)
    for month in ("03", "04", "05", "06", "07"):
        await street.renews(at(f"2030-{month}-01"))
        await street.passes(at(f"2030-{month}-01"))
    assert (await street.life(kept)).status == "active"
    assert (await street.life(lost)).status == "closed"
    await street.renews(at("2030-08-01"))
    assert (await street.plan(lost)).stands is PlanStanding.ENDED
