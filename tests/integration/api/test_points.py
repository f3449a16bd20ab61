"""Points over REST: those of whoever has a line, with its carrier, for who may read lines; none is spent."""

from datetime import timedelta

from tests.integration.api.conftest import FIFTY, OPENED, UNOPENED
from tests.support.selling_offers import POINTS, publish_with
from topup.kernel.ids import OrderId, new_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.queries import lines_now
from topup.offers.points import operations as points
from topup.offers.points.operations import Aim, Reward, Spend
from topup.offers.points.postings import AccountKey, Lasting
from topup.people.permissions import Role
from topup.people.subscribers import accounts

from .test_access import key

PATH = f"/api/v1/lines/{OPENED}/points"


async def an_owner(api, *, earned: dict[str, int], held: int = 0) -> str:
    """Somebody with the line in their account who earned points, by carrier; some are promised to an order."""
    async with api.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        e164 = parse_msisdn(f"138001390{len(earned)}{held % 10}").e164
        made = await accounts.create(
            connection, api.desk._parts.keys, e164=e164, locale="en", elder=False, lane=3, now=now
        )
        e164 = parse_msisdn(OPENED).e164
        line = (await lines_now(connection, [e164]))[e164].ref
        await owners.bind(connection, subscriber_id=made, line=line, now=now)
        lasting = Lasting(now + timedelta(days=30), {"id": "why_days", "days": 30})
        for carrier, count in earned.items():
            order_id, reward = OrderId(new_id("order", 3)), Reward(count, count, lasting)
            aim = Aim(AccountKey(made, carrier), order_id, state=None, until=now, reward=reward)
            await points.follow(connection, [aim], now)
        if held:
            spend = Spend(AccountKey(made, "qingfeng"), OrderId(new_id("order", 3)), held, now + timedelta(hours=1))
            assert await points.hold(connection, [spend], now) == [True]
    return made


async def test_the_points_of_each_owner_with_the_lines_carrier_are_told_and_nobodys_name(api):
    reader = await key(api, Role.READER)
    assert (await api.client.get(PATH, headers=reader)).json()["accounts"] == []
    first = await an_owner(api, earned={"qingfeng": 300, "haiqiao": 70}, held=100)
    second = await an_owner(api, earned={"qingfeng": 5})
    await an_owner(api, earned={})
    answer = await api.client.get(PATH, headers=reader)
    found = answer.json()
    assert (found["number"], found["carrier_id"]) == ("+8613800138000", "qingfeng")
    told = sorted((one["available"], one["held"], one["owed"]) for one in found["accounts"])
    assert told == [(5, 0, 0), (200, 100, 0)]
    assert all(ending["usable_until"] for one in found["accounts"] for ending in one["endings"])
    assert not {first, second} & set(answer.text.split('"'))


async def test_who_may_not_read_lines_sees_none(api):
    await an_owner(api, earned={"qingfeng": 300})
    assert (await api.client.get(PATH)).status_code == 401
    assert (await api.client.get(PATH, headers=await key(api, Role.NETWORK))).status_code == 403
    gone = await api.client.get(f"/api/v1/lines/{UNOPENED}/points", headers=await key(api, Role.READER))
    assert (gone.status_code, gone.json()["code"]) == (404, "line_unknown")


async def test_a_price_over_rest_has_no_points_and_takes_none(api):
    await publish_with(api.database, POINTS)
    assert (await api.quote())["points"] is None
    asked = {"number": OPENED, "amount": FIFTY, "points": 100}
    assert (await api.client.post("/api/v1/quotes", json=asked)).status_code == 422
