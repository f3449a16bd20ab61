"""The end of an account, asked for in writing: one of the staff asks, another decides, and its owner hears of it."""

import pytest

from tests.integration.console.conftest import form_token
from topup.kernel.msisdn import parse_msisdn
from topup.notifications import notices
from topup.people.permissions import Role
from topup.people.subscribers import accounts, alerts
from topup.people.subscribers.alerts import AlertKind
from topup.people.subscribers.leaving import UNDO, leaves_at
from topup.work import trail

pytestmark = pytest.mark.xdist_group("browser")
REASON = "Letter of 3 May; passport seen"


@pytest.fixture
async def owner(site, a_number):
    """Somebody who has an account: their number, and its id."""
    number = parse_msisdn(a_number())
    async with site.transaction() as transaction:
        made = await accounts.create(
            transaction.connection,
            site.house.store.keyring,
            e164=number.e164,
            locale="en",
            elder=False,
            lane=3,
            now=transaction.now,
        )
    return number, made


async def ask(client, number: str, reason: str = REASON):
    token = await form_token(client, "/console/erase")
    return await client.post("/console/erase", data={"form_token": token, "number": number, "reason": reason})


async def decide(client, address: str, decision: str):
    token = await form_token(client, "/console/work")
    return await client.post(address, data={"form_token": token, "decision": decision, "note": ""})


async def ends(site, who: str):
    async with site.transaction() as transaction:
        return await leaves_at(transaction.connection, subscriber_id=who)


async def test_two_people_end_an_account_and_its_owner_has_three_days(site, enter, owner):
    number, who = owner
    asks, _ = await enter(Role.SUPERVISOR)
    decides, _ = await enter(Role.SUPERVISOR)
    made = await ask(asks, number.grouped())
    address = made.headers["location"]
    own = await decide(asks, address, "approve")
    assert own.status_code == 403, "nobody approves what they asked for"
    assert await ends(site, who) is None
    shown = (await decides.get(address)).text
    assert number.masked() in shown, "who decides sees whose account it is"
    assert number.grouped() not in shown
    assert REASON in shown
    assert (await decide(decides, address, "approve")).status_code == 303
    async with site.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        at = await leaves_at(connection, subscriber_id=who)
        told = [one.kind for one in await alerts.latest(connection, subscriber_id=who)]
        noted = [one.action for one in await trail.entries(connection, subject=address.rpartition("/")[2])]
        assert await notices.unread(connection, reader=who) == 1
    assert abs(at - (now + UNDO)).total_seconds() < 60
    assert told == [AlertKind.LEAVES]
    assert noted == ["approval.approved", "approval.requested"]


async def test_support_may_ask_and_not_decide_and_others_may_not_even_ask(enter, owner):
    number, _ = owner
    asks, _ = await enter(Role.SUPPORT)
    other, _ = await enter(Role.SUPPORT)
    address = (await ask(asks, number.e164)).headers["location"]
    assert (await decide(other, address, "approve")).status_code == 403
    clerk, _ = await enter(Role.CLERK)
    assert (await clerk.get("/console/erase")).status_code == 403


async def test_a_wrong_number_or_no_reason_asks_nothing(enter, owner, a_number):
    number, _ = owner
    asks, _ = await enter(Role.SUPPORT)
    assert (await ask(asks, a_number())).status_code == 422
    assert (await ask(asks, number.e164, " ")).status_code == 422
    assert "13" in (await ask(asks, "13")).text
