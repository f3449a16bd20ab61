"""A line whose plan cannot be worked on keeps nobody else's from renewing, and nothing is taken from it meanwhile."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from tests.support.lines import LANES
from tests.support.plans import Street
from topup.kernel.ids import lane_for
from topup.kernel.money import MAXIMUM_AMOUNT
from topup.ledger import BucketSpec, Credit, Debit
from topup.lines.plans.states import PlanStanding

START = datetime(2030, 1, 31, 4, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
MARCH, APRIL = datetime(2030, 3, 1, tzinfo=SHANGHAI), datetime(2030, 4, 1, tzinfo=SHANGHAI)
NEIGHBOURS = [number for n in range(200) if lane_for(number := f"+8536612{n:04}", LANES) == 5][:5]
"""Of one lane, so that they renew in one transaction."""
HOUR = timedelta(hours=1)


@pytest.fixture
async def street(database, tmp_path) -> Street:
    return await Street.with_plans(database, tmp_path)


@pytest.fixture
async def lines(street):
    """Lines with money for two cycles, of which one is paid."""
    found = await street.opened("planned", *NEIGHBOURS, at=START)
    for one in found:
        await street.credits(one, 6000, at=START)
        await street.takes(one, "monthly", at=START)
    return found


def full(line) -> Credit:
    """As many minutes as a line can hold at all, where the next cycle's are to go."""
    bucket = BucketSpec(kind="plan", scope="voice", priority=40, usable_until=APRIL, rule={"id": "test"})
    return Credit(
        lane=line.lane, key="full", purpose="grant", reference="", from_code="suspense", line_id=line.id,
        bucket=bucket, asset="VOICE", amount=MAXIMUM_AMOUNT,
    )  # fmt: skip


async def test_a_line_that_cannot_hold_what_a_cycle_includes_is_put_off_alone(street, lines):
    stuck, *others = lines
    await street.posts(full(stuck), at=START)
    with capture_logs() as logs:
        await street.renews(MARCH)
    assert [one["error"] for one in logs if one["event"] == "line_plan_stuck"] == ["balance_limit"]
    assert {(await street.plan(one)).cycle for one in others} == {2}
    held = await street.plan(stuck)
    assert (held.cycle, held.stands, held.next_at) == (1, PlanStanding.ACTIVE, MARCH + HOUR)
    assert (await street.has(stuck, MARCH))["CNY"] == 3000


async def test_a_price_that_is_refused_for_another_reason_than_money_blocks_nothing(street, lines):
    line = lines[0]
    # Something else was posted under the key that the price of its second cycle has.
    other = Debit(
        lane=line.lane, key=f"plan:{line.id}:2", purpose="test", reference="", line_id=line.id, to_code="used",
        asset="CNY", amount=1,
    )  # fmt: skip
    await street.posts(other, at=START)
    with capture_logs() as logs:
        await street.renews(MARCH + timedelta(days=5))
    assert [one["error"] for one in logs if one["event"] == "line_plan_stuck"] == ["key_reused"]
    held = await street.plan(line)
    assert (held.stands, held.next_at) == (PlanStanding.ACTIVE, MARCH + timedelta(days=5) + HOUR)
    assert (await street.told(line), await street.blocked(line)) == (["begun"], ())


async def test_more_days_of_grace_lift_what_was_blocked(street, lines, tmp_path):
    line, *others = lines
    spent = Debit(
        lane=line.lane, key="spent", purpose="usage", reference="", line_id=line.id, to_code="used", asset="CNY",
        amount=3000,
    )  # fmt: skip
    await street.posts(spent, at=START)
    await street.renews(MARCH + timedelta(days=4))
    assert await street.blocked(line) == ("data",)
    await street.republishes(tmp_path, "grace_days = 3", "grace_days = 8")
    await street.renews(MARCH + timedelta(days=5))
    held = await street.plan(line)
    assert (held.stands, held.blocks, await street.blocked(line)) == (PlanStanding.GRACE, [], ())
    assert {(await street.plan(one)).cycle for one in others} == {2}
    await street.renews(MARCH + timedelta(days=8))
    assert await street.blocked(line) == ("data",)
