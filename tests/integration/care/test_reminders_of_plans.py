"""What became of plans is told to whoever has the line in their account."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.support.plans import NUMBER, Street
from topup.care.reminders.plans import plan_notices
from topup.kernel.ids import new_id
from topup.lines import owners
from topup.lines.plans.hearing import heard, unheard
from topup.notifications.templates import render, render_short, to_json

START = datetime(2030, 1, 31, 4, 0, tzinfo=UTC)


def at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
async def street(database, tmp_path) -> Street:
    return await Street.with_plans(database, tmp_path)


@pytest.fixture
async def line(street):
    [found] = await street.opened("planned", NUMBER, at=START)
    async with street.database.transaction() as transaction:
        who = new_id("subscriber", 0)
        assert await owners.bind(transaction.connection, subscriber_id=who, line=found, now=transaction.now)
    await street.credits(found, 6000, at=START)
    await street.takes(found, "monthly", at=START)
    return found


async def told(street, line, now: datetime) -> list[tuple[str, str, bool]]:
    """What is told now: the subject it goes by, in words, and whether the app alone has it."""
    async with street.database.transaction() as transaction:
        found = await unheard(transaction.connection, lane=line.lane, limit=100)
        notices = await plan_notices(transaction.connection, found, now, snapshot=street.snapshot)
        await heard(transaction.connection, found)
    said = [(one, render_short(one.template, to_json(one.parameters), "en")[1]) for one in notices]
    return [(one.kind, words, one.shown_only) for one, words in said]


async def test_a_plan_tells_when_it_renews_waits_is_blocked_and_is_over(street, line):
    assert await told(street, line, START) == []
    days = [at(day) for day in ("2030-03-01", "2030-04-01", "2030-04-04", "2030-04-11")]
    found = []
    for day in days:
        await street.renews(day)
        found += await told(street, line, day)
    assert [(kind, alone) for kind, _, alone in found] == [
        ("arrived", True), ("blocked", False), ("blocked", False), ("blocked", False),
    ]  # fmt: skip
    said = [words.split(": ", 1)[1] for _, words, _ in found]
    assert said == [
        "the plan has renewed for CN¥30.00, and lasts through Mar 31, 2030.",
        "not enough balance for the plan, CN¥30.00 are needed. Top up by Apr 10, 2030 and it goes on, else it is over.",
        "the plan is not paid, and not everything works. CN¥30.00 are needed; without that it is over on Apr 10, 2030.",
        "the plan was not paid in time, and is over. The balance is still there.",
    ]


async def test_where_there_is_room_the_plan_is_called_by_its_name_in_the_readers_language(street, line):
    await told(street, line, START)
    now = at("2030-03-01")
    await street.renews(now)
    async with street.database.transaction() as transaction:
        found = await unheard(transaction.connection, lane=line.lane, limit=100)
        [notice] = await plan_notices(transaction.connection, found, now, snapshot=street.snapshot)
    said = {locale: render(notice.template, to_json(notice.parameters), locale) for locale in ("en", "zh_Hant")}
    subject, body = said["en"]
    assert "“Monthly” of" in subject
    assert "lasts through Mar 31, 2030. It renews by itself the day after." in body
    assert "方案「月」" in said["zh_Hant"][0]


async def test_what_happened_long_ago_is_put_away_untold(street, line):
    await street.renews(at("2030-03-01"))
    assert await told(street, line, at("2030-03-05")) == []
    assert await told(street, line, at("2030-03-01")) == []
