"""What can be agreed to of a top-up that runs by itself, and another limit for one that was agreed to."""

from dataclasses import replace

import pytest

from tests.integration.orders.test_schedules import LOW, MONTHLY
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.money import Money
from topup.orders.schedules.rules import Trigger
from topup.orders.schedules.wording import next_words


async def test_until_somebody_looked_it_says_so_and_not_that_nothing_is_to_come(automatic):
    async def said() -> str:
        view = await automatic.schedules.one(subscriber_id=automatic.who, schedule_id=schedule)
        return next_words(view.schedule, locale="en", moment=str)

    schedule = await automatic.agrees(MONTHLY)
    for _ in range(2):
        assert "is being worked out" in await said()
        await automatic.sweeps()
        assert (await said()).startswith("Next: 2030-03")
        await automatic.schedules.pause(subscriber_id=automatic.who, schedule_id=schedule)
        assert await said() == ""
        await automatic.schedules.resume(subscriber_id=automatic.who, schedule_id=schedule)


async def test_more_than_the_carrier_lets_be_topped_up_by_itself_is_not_agreed_to(automatic):
    await automatic.publishes("\n[automatic]\ncap = 60\n")
    with pytest.raises(Invalid, match="schedule_cap") as refused:
        await automatic.agrees(replace(MONTHLY, cap_minor=6001))
    assert (refused.value.parameters["minimum"], refused.value.parameters["maximum"]) == ("50.00", "60.00")
    with pytest.raises(Invalid, match="schedule_beyond_carrier"):
        await automatic.agrees(replace(MONTHLY, amount_minor=10_000, cap_minor=6000))


async def test_another_limit_holds_from_the_next_look_on(automatic):
    low = replace(LOW, threshold_minor=await automatic.shop.main_balance() + 20_000, cap_minor=5000)
    schedule = await automatic.agrees(low)
    await automatic.passes(days=2)
    assert await automatic.ordered() == 1
    assert (await automatic.state(schedule)) == ("active", "cap_reached")
    whose = {"subscriber_id": automatic.who, "schedule_id": schedule}
    with pytest.raises(Invalid, match="schedule_cap"):
        await automatic.schedules.limit(**whose, cap=Money(4999, "CNY"))
    await automatic.schedules.limit(**whose, cap=Money(10_000, "CNY"))
    await automatic.sweeps()
    assert await automatic.ordered() == 2
    with pytest.raises(NotFound, match="schedule_unknown"):
        await automatic.schedules.limit(subscriber_id="sub_other", schedule_id=schedule, cap=Money(5000, "CNY"))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"day": 32}, "schedule_day"),
        ({"days_early": 6}, "schedule_early"),
        ({"amount_minor": 1}, "schedule_amount"),
        ({"target_minor": 5000}, "schedule_amount"),
        ({"cap_minor": 4999}, "schedule_cap"),
        ({"cap_minor": 31 * 5000 + 1}, "schedule_cap"),
        ({"trigger": Trigger.LOW, "threshold_minor": 0}, "schedule_threshold"),
        ({"trigger": Trigger.LOW, "threshold_minor": 50_001}, "schedule_threshold"),
        ({"trigger": Trigger.EXPIRY, "days_before": 0}, "schedule_before"),
        ({"interval_days": 0}, "schedule_interval"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_of_it(automatic, wrong, code):
    with pytest.raises(Invalid, match=code):
        await automatic.agrees(replace(MONTHLY, **wrong))
