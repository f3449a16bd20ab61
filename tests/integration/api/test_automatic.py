"""Automatic top-ups over REST: seen by who may read lines, and stopped under a key by who may bar them."""

import asyncio
from uuid import uuid4

import pytest

from tests.integration.api.conftest import OPENED, UNOPENED
from topup.kernel.ids import new_id
from topup.kernel.msisdn import parse_msisdn
from topup.orders.schedules import records
from topup.orders.schedules.desk import ScheduleWanted
from topup.orders.schedules.rules import Agreement, Trigger
from topup.orders.schedules.runs import NewRun, begin
from topup.payments.instruments import records as instruments
from topup.payments.ports import Instrument
from topup.people.permissions import Role
from topup.people.subscribers import accounts
from topup.work.trail import entries

from .test_access import key

AUTOMATIC = f"/api/v1/lines/{OPENED}/automatic"
AGREED = Agreement(Trigger.MONTHLY, day=15, amount_minor=5000, cap_minor=20000)


@pytest.fixture
async def schedule(api) -> str:
    """One that somebody agreed to, and that bought nothing the last time."""
    keys = api.desk._parts.keys
    async with api.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        e164 = parse_msisdn(OPENED).e164
        who = await accounts.create(connection, keys, e164=e164, locale="en", elder=False, lane=3, now=now)
        left = Instrument(f"cus_{who}:pm_1", "Visa 4242")
        await instruments.keep(connection, keys, subscriber_id=who, method="sandbox", instrument=left, now=now)
        [card] = await instruments.kept_by(connection, subscriber_id=who)
    made = await api.desk.schedules.make(ScheduleWanted(who, OPENED, AGREED, card.id, "en"))
    async with api.database.transaction() as transaction:
        one = await records.schedule(transaction.connection, made)
        skipped = NewRun(one, "month:2000-01", 0, 0, transaction.now, skipped="enough")
        await begin(transaction.connection, [skipped], transaction.now)
    return made


async def stop(api, schedule_id, headers, *, key=None, number=OPENED, reason="They called"):
    path = f"/api/v1/lines/{number}/automatic/{schedule_id}/stop"
    sent = headers | {"Idempotency-Key": key or uuid4().hex}
    return await api.client.post(path, json={"reason": reason}, headers=sent)


async def test_what_tops_a_number_up_is_told_with_why_the_last_one_bought_nothing(api, schedule):
    reader = await key(api, Role.READER)
    [found] = (await api.client.get(AUTOMATIC, headers=reader)).json()["automatic"]
    assert (found["id"], found["state"], found["when"], found["day"]) == (schedule, "active", "monthly", 15)
    assert (found["amount"], found["up_to"]) == ({"amount_minor": 5000, "currency": "CNY"}, None)
    [run] = found["runs"]
    assert (run["cause"], run["state"], run["reason"], run["order_id"]) == ("month:2000-01", "skipped", "enough", None)
    assert "Visa" not in str(found), "what its owner pays with is theirs"
    other = await api.client.get(f"/api/v1/lines/{UNOPENED}/automatic", headers=reader)
    assert other.json() == {"automatic": []}
    assert (await api.client.get(AUTOMATIC)).status_code == 401
    assert (await api.client.get(AUTOMATIC, headers=await key(api, Role.NETWORK))).status_code == 403


async def test_it_is_stopped_once_for_a_reason_whoever_sends_it_how_often(api, schedule):
    support = await key(api, Role.SUPPORT)
    assert (await stop(api, schedule, await key(api, Role.READER))).status_code == 403
    assert (await stop(api, schedule, support, reason=" ")).json()["code"] == "approval_reason_missing"
    assert (await stop(api, schedule, support, number=UNOPENED)).status_code == 404, "it is another number's"
    assert (await stop(api, new_id("schedule", 3), support)).status_code == 404
    same = uuid4().hex
    answers = await asyncio.gather(*(stop(api, schedule, support, key=same) for _ in range(4)))
    told = [one for one in answers if one.status_code == 200]
    assert {one.status_code for one in answers} <= {200, 409}
    assert {(one.json()["state"], one.json()["reason"]) for one in told} == {("stopped", "operator")}
    again = await stop(api, schedule, support, key=same)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert (await stop(api, schedule, support, key=same, reason="Another")).json()["code"] == "key_reused"
    async with api.database.read() as transaction:
        [entry] = await entries(transaction.connection, subject=schedule, action="line.automatic_stopped")
    assert entry.facts == {"before": {"state": "active"}, "after": {"state": "stopped"}, "reason": "They called"}
