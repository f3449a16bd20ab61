"""What a switch gives back is what paid: of the same kind, with the same end, and never more than that gave."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.plans import NUMBER, Street
from topup.ledger import BucketSpec, Credit
from topup.ledger.items import AtEnd
from topup.ledger.queries import gave

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEGUN, SWITCHED = datetime(2030, 4, 1, tzinfo=SHANGHAI), datetime(2030, 4, 16, tzinfo=SHANGHAI)
JUNE = datetime(2030, 6, 1, tzinfo=SHANGHAI)
DAY = timedelta(days=1)


@pytest.fixture
async def street(database, tmp_path) -> Street:
    return await Street.with_plans(database, tmp_path)


@pytest.fixture
async def line(street):
    [found] = await street.opened("planned", NUMBER, at=datetime(2030, 3, 1, tzinfo=UTC))
    return found


async def money(street, line) -> dict[tuple[str, datetime | None], int]:
    """What there is, by kind and end."""
    found = [one for one in await street.buckets(line) if one.asset == "CNY" and one.available]
    return {(one.kind, one.usable_until): one.available for one in found}


async def test_a_bonus_that_paid_comes_back_as_a_bonus_with_its_end(street, line):
    await street.credits(line, 6000, at=BEGUN, until=JUNE, kind="bonus")
    await street.takes(line, "calendar", at=BEGUN)
    await street.takes(line, "small", at=SWITCHED)
    assert await money(street, line) == {("bonus", JUNE): 3000 - 300}


async def test_what_was_taken_last_comes_back_first(street, line):
    await street.credits(line, 5000, at=BEGUN, until=JUNE, kind="bonus")
    await street.credits(line, 1000, at=BEGUN)
    await street.takes(line, "calendar", at=BEGUN)
    await street.takes(line, "small", at=SWITCHED)
    # 10 of the 30 are what never ends; the new plan is paid from what ends first.
    assert await money(street, line) == {("bonus", JUNE): 2000 - 300, ("main", None): 1000}


async def test_money_whose_end_has_come_can_be_used_a_week_and_no_longer(street, line):
    await street.credits(line, 6000, at=BEGUN, until=SWITCHED - DAY, kind="bonus")
    await street.takes(line, "calendar", at=BEGUN)
    await street.takes(line, "small", at=SWITCHED)
    assert await money(street, line) == {("bonus", SWITCHED + 7 * DAY): 3000 - 300}


async def test_money_that_freezes_at_its_end_does_so_when_it_came_back(street, line):
    bucket = BucketSpec(
        usable_until=JUNE, at_end=AtEnd.FREEZE, grace_days=90, zone="Asia/Shanghai", rule={"id": "test"}
    )
    credit = Credit(
        lane=line.lane, key="freezes", purpose="grant", reference="", from_code="suspense", line_id=line.id,
        bucket=bucket, asset="CNY", amount=6000,
    )  # fmt: skip
    await street.posts(credit, at=BEGUN)
    await street.takes(line, "calendar", at=BEGUN)
    await street.takes(line, "small", at=SWITCHED)
    [back] = [one for one in await street.buckets(line) if one.available and one.asset == "CNY"]
    assert (back.at_end, back.usable_until, back.forfeit_at) == ("freeze", JUNE, JUNE + 90 * DAY)


async def test_each_cycle_is_paid_as_a_whole_so_that_the_next_switch_knows_with_what(street, line):
    await street.credits(line, 600, at=BEGUN, until=JUNE, kind="bonus")
    await street.credits(line, 10_000, at=BEGUN)
    await street.takes(line, "small", at=BEGUN)
    await street.takes(line, "calendar", at=BEGUN + DAY / 2)
    async with street.database.read() as transaction:
        paid = await gave(transaction.connection, lane=line.lane, key=f"plan:{line.id}:2")
    assert [(bucket.kind, amount) for bucket, amount in paid] == [("bonus", 600), ("main", 5400)]
    await street.takes(line, "small", at=SWITCHED)
    # 30 come back to what never ends: it was taken last, and so the bonus is used up.
    assert await money(street, line) == {("main", None): 10_000 - 5400 + 3000 - 300}
