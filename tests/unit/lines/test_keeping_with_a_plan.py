"""A plan's renewals in how long a number lives: by hand, over month ends, and in words."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.support.carriers import at
from tests.unit.lines.test_keeping import DEMONSTRATION, a_line, local, the_end
from topup.catalogue.checking import check_bytes
from topup.catalogue.life_cycle import opened
from topup.catalogue.plan_cycles import beginning
from topup.catalogue.plan_rules import Plan, WithoutCredit
from topup.catalogue.versions import CarrierVersion
from topup.kernel.ids import LineId
from topup.lines.keeping.kept import Kept
from topup.lines.keeping.renewals import Renewing, renewing_of
from topup.lines.keeping.rows import Keeping, cheapest, not_before
from topup.lines.plans.renewing import waiting
from topup.lines.plans.rows import Held
from topup.lines.plans.states import PlanStanding

NAMES = {"zh_Hans": "月", "zh_Hant": "月", "en": "By the month"}
BLOCKS = WithoutCredit(grace_days=3, blocks=("data",), lapse_days=10)
MONTH = Plan("month", NAMES, 800, "monthly", without_credit=BLOCKS, is_activity=False)
BY_USE = """
id = "by-use"
names = { zh_Hans = "用", zh_Hant = "用", en = "By use" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86139"]
[credit]
face_values = [10, 20, 50]
[clocks.number]
days = 60
policy = "longest"
restarts = ["activation", "activity"]
[[life_cycle.states]]
id = "active"
shows = "active"
leave = [{ when = "clock", clock = "number", to = "over" }]
[[life_cycle.states]]
id = "over"
shows = "recycled"
blocks = ["topup"]
on_entry = { forfeit = ["all"], close_line = true, release_number = true }
"""
TOP_UPS_TOO = BY_USE.replace('"activity"]', '"activity", { on = "topup", days = 30 }]')


def with_plan(line: Kept, plan: Plan) -> Kept:
    """The line with a plan that began just now, and whose first cycle is paid."""
    return replace(line, renewing=Renewing(plan, line.now, beginning(plan, line.zone, line.now).ends_at))


def test_renewals_eat_the_credit_that_a_number_lives_on():
    # Six fees of eight on the 1st, and two missing of the seventh; then 15 days and two months.
    line = a_line("china", "2026-11-30 12:00", 5000)
    assert local(line, line.runway().kept_until) == "2027-08-16 00:00"
    assert (line.runway().renewals, line.runway().months) == (None, 8)
    planned = with_plan(line, MONTH)
    runway = planned.runway()
    # 42 after the fee, 34 after the renewal of the 31st of December, 26, 18 on the 31st of January, 10, 2 on the 1st of
    # March, when the next renewal is due: February has no 30th.
    ahead = runway.renewals
    assert (ahead.paid, ahead.cost_minor, local(line, ahead.unpaid_at)) == (2, 1600, "2027-03-01 00:00")
    assert (local(line, runway.kept_until), runway.months) == ("2027-06-16 00:00", 6)
    assert local(line, runway.serves_until) == "2027-03-04 00:00", "the plan blocks data sooner than the fee does"
    assert planned.least(the_end(line, "2027-06-15")).amount_minor == 0
    assert planned.least(the_end(line, "2027-06-16")).amount_minor > 0


def test_renewals_that_count_as_use_keep_a_number_for_as_long_as_they_are_paid():
    line = a_line("yunfan", "2026-11-05 12:00", 10_000)
    assert local(line, line.runway().kept_until) == "2027-07-04 00:00"
    keeping = with_plan(line, DEMONSTRATION["yunfan"].plans["keep-quarterly"])
    runway = keeping.runway()
    # Once, on the 6th of February; then the credit has ended. From there 180 days, and 60 more.
    assert (runway.renewals.paid, local(line, runway.renewals.unpaid_at)) == (1, "2027-05-06 00:00")
    assert local(line, runway.kept_until) == "2027-10-05 00:00"
    without_use = replace(DEMONSTRATION["yunfan"].plans["keep-quarterly"], is_activity=False)
    assert with_plan(line, without_use).runway().kept_until == line.runway().kept_until


def test_what_an_unpaid_plan_blocks_is_an_end_of_service_and_a_top_up_begins_it_anew():
    line = with_plan(a_line("yunfan", "2026-11-05 12:00", 2000), replace(MONTH, price_minor=1500))
    runway = line.runway()
    assert (runway.renewals.paid, local(line, runway.renewals.unpaid_at)) == (1, "2027-01-06 00:00")
    assert local(line, runway.serves_until) == "2027-01-09 00:00", "after three days of grace"
    waiting = line.at(runway.serves_until + timedelta(days=1))
    assert waiting.renewing.tried is not None
    assert waiting.runway().renewals.unpaid_at < waiting.now
    too_little, enough = waiting.topped_up(900), waiting.topped_up(2000)
    assert too_little is None, "no such amount is sold"
    assert (enough.renewing.tried, enough.renewing.anchor) == (None, waiting.now)
    assert sum(one.amount_minor for one in enough.facts.funds) == 500 + 2000 - 1500
    over = line.at(runway.renewals.unpaid_at + timedelta(days=11))
    assert over.renewing is None
    assert sum(one.amount_minor for one in over.topped_up(2000).facts.funds) == 2500, "what is over takes nothing"


def test_a_row_is_worked_out_with_the_plan_that_eats_of_it():
    line = a_line("china", "2026-11-30 12:00", 5000)
    end = the_end(line, "2027-11-30")
    planned = with_plan(line, replace(MONTH, without_credit=WithoutCredit(lapse_days=300)))
    assert cheapest(planned, end).total.amount_minor >= cheapest(line, end).total.amount_minor


def used(file: str = BY_USE, plan: Plan = MONTH) -> Kept:
    """A line with ten in credit and a plan of eight that counts as use: the renewal of the 6th of December is paid,
    that of the 6th of January is not, and on the 16th the plan is over. The clock ends it on the 5th of February.
    """
    carrier = CarrierVersion("by-use", 1, check_bytes(file.encode(), name="by-use.toml").document)
    now = at(carrier, "2026-11-05 12:00")
    facts = opened(carrier.line_rules, now=now, zone=carrier.zone).facts
    line = Kept(carrier, facts, now, carrier.zone).topped_up(1000)
    return with_plan(line, replace(plan, is_activity=True))


def days_that_keep(line: Kept, row: Keeping, end: datetime) -> list[bool]:
    """Whether the row's only top-up keeps the number if it is made on this day, the next, … and on its last."""
    [only] = row.top_ups
    days = (only.at - line.now).days + 1
    tries = [line.now, *(line.now.replace(hour=16) + timedelta(days=day) for day in range(days))]
    after = (line.at(one).topped_up(only.amount.amount_minor) for one in tries if one <= only.at)
    return [one.is_kept(end) for one in after]


def test_where_only_use_counts_a_top_up_comes_before_the_plan_is_over():
    line = used()
    ahead, runway = line.ahead(line.now + timedelta(days=300)), line.runway()
    assert local(line, ahead.unpaid_at) == "2027-01-06 00:00"
    assert local(line, ahead.over_at) == "2027-01-16 00:00"
    assert local(line, runway.kept_until) == "2027-02-05 00:00"
    assert line.at(ahead.over_at).topped_up(5000).runway().kept_until == runway.kept_until, "nothing helps then"
    end = the_end(line, "2027-03-10")
    row = cheapest(line, end)
    assert [(one.amount.amount_minor, local(line, one.before)) for one in row.top_ups] == [(1000, "2027-01-16 00:00")]
    # Whoever pays on time has the renewal of the 6th of January paid then, and 60 days from there: too few.
    assert str(not_before(line, row, end)) == "2027-01-09"
    assert sum(days_that_keep(line, row, end)) == 7


def test_from_the_day_on_that_is_named_no_later_one_fails_though_an_earlier_one_keeps_it_too():
    line = used(TOP_UPS_TOO)
    end = the_end(line, "2027-02-28")
    row = cheapest(line, end)
    assert local(line, row.top_ups[0].before) == "2027-02-05 00:00"
    # Before the 16th of January it pays the plan, which is good for 60 days; then for 30 only.
    kept = days_that_keep(line, row, end)
    fails = [day for day, keeps in enumerate(kept) if not keeps]
    assert kept[0]
    assert fails
    named = not_before(line, row, end)
    assert (named - line.now.date()).days == fails[-1] + 1
    assert str(named) == "2027-01-29"


def test_a_plan_that_is_over_as_soon_as_it_is_not_paid_blocks_nothing():
    at_once = replace(MONTH, without_credit=WithoutCredit(blocks=("data",), lapse_days=0))
    line = used(plan=at_once)
    ahead, runway = line.ahead(line.now + timedelta(days=300)), line.runway()
    assert local(line, ahead.over_at) == "2027-01-06 00:00"
    assert (ahead.unpaid_at, ahead.blocked_at, ahead.line.renewing) == (ahead.over_at, None, None)
    assert runway.serves_until == runway.kept_until
    # As it really happens.
    due = ahead.over_at
    held = Held(
        3, LineId("lin"), "by-use", "month", "active", line.now, line.now, 2, line.now, due, 800, [], None,
        ending=False, blocks=[], next_at=due,
    )  # fmt: skip
    after = waiting(held, at_once, line.zone, due)
    assert (after.stands, after.blocks) == (PlanStanding.LAPSED, [])
    # One that waits already when the file says so is over at the next look.
    waits = replace(line, renewing=replace(line.renewing, due=line.now, tried=line.now))
    over = replace(waits, facts=replace(line.facts, funds=())).ahead(line.now + timedelta(days=1))
    assert (over.over_at, over.blocked_at, over.line.renewing) == (line.now, None, None)


@pytest.mark.parametrize(
    ("changes", "goes_on"),
    [
        ({}, "keep-quarterly"),
        ({"ending": True}, None),
        ({"wished": "home-monthly"}, "home-monthly"),
        ({"plan_id": "gone"}, None),
        ({"standing": "lapsed"}, None),
        ({"standing": "grace"}, "keep-quarterly"),
    ],
)
def test_what_follows_is_read_of_the_plan_as_it_is_written_down(changes, goes_on):
    line = a_line("yunfan", "2026-11-05 12:00")
    began, ends = line.now, line.now + timedelta(days=90)
    held = Held(
        3, LineId("lin"), "yunfan", "keep-quarterly", "active", began, began, 1, began, ends, 1800, [], None,
        ending=False, blocks=[], next_at=ends,
    )  # fmt: skip
    found = renewing_of(replace(held, **changes), line.carrier)
    assert (found.plan.id if found else None) == goes_on
    if found is not None:
        assert (found.due, found.tried is not None) == (ends, changes.get("standing") == "grace")
        assert found.anchor == (ends if "wished" in changes else began)
    assert renewing_of(None, line.carrier) is None
