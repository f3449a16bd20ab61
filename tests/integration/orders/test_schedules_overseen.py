"""What staff see of top-ups that run by themselves, and stop: at the terminal."""

import json
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.support.desk import LANES, OWN_NUMBER
from topup.channels.cli.automatic import list_automatic, show_automatic, stop_automatic
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import new_id
from topup.orders.schedules.rules import Agreement, Trigger
from topup.payments.ports import Decline

MONTHLY = Agreement(Trigger.MONTHLY, day=15, amount_minor=5000, cap_minor=20000)
ANOTHER = "13800138999"


@pytest.fixture
def runtime(automatic):
    """The terminal's, on the shop."""

    @asynccontextmanager
    async def store(_settings):
        installation = SimpleNamespace(lanes=LANES)
        yield SimpleNamespace(database=automatic.shop.database, keyring=automatic.shop.keys, installation=installation)

    return SimpleNamespace(store=store)


async def trail_of(automatic, subject) -> list:
    async with automatic.shop.database.read() as transaction:
        sql = "SELECT actor, action, facts FROM work.trail WHERE subject = %s"
        return await (await transaction.connection.execute(sql, [subject])).fetchall()


async def test_what_tops_a_number_up_is_listed_and_shown_with_how_it_went(automatic, runtime, capsys):
    schedule = await automatic.agrees(MONTHLY)
    await automatic.passes(days=7)
    capsys.readouterr()  # what was logged meanwhile
    await list_automatic(runtime, None, number=OWN_NUMBER, as_json=True)
    [listed] = json.loads(capsys.readouterr().out)["automatic"]
    assert (listed["id"], listed["state"], listed["agreement"]["day"]) == (schedule, "active", 15)
    [run] = listed["runs"]
    assert (run["cause"], run["state"], run["amount"]["amount_minor"]) == ("month:2030-03", "done", 5000)
    await show_automatic(runtime, None, schedule_id=schedule, as_json=True)
    assert json.loads(capsys.readouterr().out) == listed
    await list_automatic(runtime, None, number=OWN_NUMBER, as_json=False)
    assert schedule[:12] in capsys.readouterr().out
    await show_automatic(runtime, None, schedule_id=schedule, as_json=False)
    said = capsys.readouterr().out
    assert "Visa 4242" in said
    assert OWN_NUMBER not in said
    await list_automatic(runtime, None, number=ANOTHER, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"automatic": []}
    with pytest.raises(NotFound, match="schedule_unknown"):
        await show_automatic(runtime, None, schedule_id=new_id("schedule", 1), as_json=False)


async def test_one_that_staff_stop_pays_nothing_more_and_its_owner_is_told_and_may_turn_it_on(automatic, runtime):
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.gateway.charge_answers = [Decline.FUNDS]
    while not await automatic.runs(schedule):
        await automatic.passes(hours=6)
    assert await automatic.runs(schedule) == [("month:2030-03", "waiting", "declined_funds")]
    with pytest.raises(Invalid, match="approval_reason_missing"):
        await stop_automatic(runtime, None, schedule_id=schedule, reason=" ")
    for _ in range(2):
        await stop_automatic(runtime, None, schedule_id=schedule, reason="the card is reported stolen")
    assert await automatic.state(schedule) == ("stopped", "operator")
    assert await automatic.runs(schedule) == [("month:2030-03", "skipped", "operator")]
    facts = '{"after":{"state":"stopped"},"before":{"state":"active"},"reason":"the card is reported stolen"}'
    assert await trail_of(automatic, schedule) == [("cli", "line.automatic_stopped", facts)], "once"
    assert (await automatic.told())[-1] == "automatic_stopped"
    await automatic.passes(days=5)
    assert automatic.shop.gateway.charged == []
    await automatic.schedules.resume(subscriber_id=automatic.who, schedule_id=schedule)
    automatic.shop.database.clock_offset += timedelta(days=31)
    await automatic.sweeps()
    assert len(automatic.shop.gateway.charged) == 1


async def test_one_that_its_owner_removed_is_nobodys_to_stop(automatic, runtime):
    schedule = await automatic.agrees(MONTHLY)
    await automatic.schedules.remove(subscriber_id=automatic.who, schedule_id=schedule)
    with pytest.raises(NotFound, match="schedule_unknown"):
        await stop_automatic(runtime, None, schedule_id=schedule, reason="a mistake")
    assert await trail_of(automatic, schedule) == []
