"""Automatic top-ups at the console: when each runs next, why the last one did not, and stopping one for a reason."""

import json

import pytest

from tests.integration.console.conftest import form_token
from tests.support.desk import LANES
from topup.catalogue.queries import CatalogueCache
from topup.kernel.ids import lane_of, new_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines.operations import open_lines
from topup.orders.schedules import records
from topup.orders.schedules.desk import Schedules, ScheduleWanted
from topup.orders.schedules.rules import Agreement, Trigger
from topup.orders.schedules.runs import NewRun, begin
from topup.payments.instruments import records as instruments
from topup.payments.ports import Instrument
from topup.people.permissions import Role
from topup.people.subscribers import accounts

pytestmark = pytest.mark.xdist_group("browser")

AGREED = Agreement(Trigger.MONTHLY, day=15, amount_minor=5000, cap_minor=20000)


@pytest.fixture
async def automatic(site, a_number):
    """A line whose owner agreed to a top-up that ran once, and bought nothing: its address, and the id of that."""
    msisdn, keys = parse_msisdn(a_number()), site.house.store.keyring
    async with site.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        ref = (await open_lines(connection, [(msisdn, "qingfeng", "Asia/Shanghai")], now, lanes=LANES))[msisdn.e164]
        who = await accounts.create(
            connection, keys, e164=msisdn.e164, locale="en", elder=False, lane=ref.lane, now=now
        )
        left = Instrument(f"cus_{who}:pm_1", "Visa 4242")
        await instruments.keep(connection, keys, subscriber_id=who, method="sandbox", instrument=left, now=now)
        [card] = await instruments.kept_by(connection, subscriber_id=who)
    schedules = Schedules(database=site.house.store.database, catalogue=CatalogueCache(), lanes=LANES)
    wanted = ScheduleWanted(who, msisdn.e164, AGREED, card.id, "en")
    made = await site.within(schedules.make(wanted))
    async with site.transaction() as transaction:
        one = await records.schedule(transaction.connection, made)
        skipped = NewRun(one, "month:2000-01", 0, 0, transaction.now, skipped="enough")
        await begin(transaction.connection, [skipped], transaction.now)
    return f"/console/lines/{ref.id}", made


async def test_each_is_told_with_why_the_last_one_bought_nothing_and_stopped_for_a_reason(site, enter, automatic):
    address, schedule = automatic
    client, person = await enter(Role.SUPPORT)
    page = (await client.get(address)).text
    for told in (
        "Automatic top-ups",
        "On day 15 of each month",
        "CN¥50.00",
        "CN¥200.00",
        "Visa 4242",
        "enough",
        schedule,
    ):
        assert told in page, told
    token = {"form_token": await form_token(client)}

    async def stops(schedule_id, reason):
        return await client.post(f"{address}/automatic", data=token | {"schedule": schedule_id, "reason": reason})

    unsaid = await stops(schedule, " ")
    assert unsaid.status_code == 422
    assert '<details class="more" open>' in unsaid.text, "the form is where it was"
    assert (await stops(new_id("schedule", lane_of(schedule)), "Nobody's")).status_code == 404
    assert (await stops(schedule, "They called")).headers["location"] == f"{address}?done=automatic_stopped"
    page = (await client.get(f"{address}?done=automatic_stopped")).text
    for told in ("The automatic top-up is stopped", "Our staff stopped it."):
        assert told in page, told
    assert 'name="schedule"' not in page, "there is nothing left to stop"
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT actor, facts FROM work.trail WHERE action = 'line.automatic_stopped' AND subject = %s", [schedule]
        )
        [(actor, facts)] = await cursor.fetchall()
    assert (actor, json.loads(facts)) == (
        person.id,
        {"before": {"state": "active"}, "after": {"state": "stopped"}, "reason": "They called"},
    )


async def test_a_line_with_none_says_nothing_of_it(enter, topped_up):
    client, _ = await enter(Role.SUPPORT)
    found = await client.get("/console/lines", params={"q": topped_up[2]})
    assert "Automatic top-ups" not in (await client.get(found.headers["location"])).text
