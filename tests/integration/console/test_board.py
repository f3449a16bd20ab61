"""The live board: what the last hour's sales were, what waits, and that every number leads to its list."""

import re
from decimal import Decimal

import pytest

from tests.integration.console.conftest import form_token
from topup.fulfilment.floats import FLOAT_LOW, Floats, known
from topup.fulfilment.ports import CarrierCapability, FloatUnavailable
from topup.kernel.money import Money
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")


async def test_the_hour_is_told_by_channel_method_and_carrier(enter, topped_up):
    client, _ = await enter(Role.FINANCE)
    for by, link in (("channel", "channel=web"), ("method", "method=sandbox"), ("carrier", "carrier=qingfeng")):
        page = (await client.get(f"/console/live?by={by}")).text
        assert f'href="/console/orders?{link}"' in page, by
        assert "<svg" in page
    part = (await client.get("/console/live/part?by=method")).text
    assert "<html" not in part
    assert "Simulated payment" in part
    assert (await client.get("/console/live?by=nonsense")).status_code == 200
    for address in set(re.findall(r'href="(/console/(?:orders|work)[^"]*)"', page)):
        assert (await client.get(address.replace("&amp;", "&"))).status_code == 200, address


async def test_what_one_sells_is_counted_once_in_each_column(enter, topped_up):
    client, _ = await enter(Role.FINANCE)
    page = (await client.get("/console/live?by=carrier")).text
    sums = re.findall(r"Orders a minute: (\d+) ordered, (\d+) credited, (\d+) failed", page)
    whole, rows = [int(n) for n in sums[0]], [[int(n) for n in row] for row in sums[1:]]
    assert whole == [sum(column) for column in zip(*rows, strict=True)]
    assert min(whole[:2]) >= 1


async def test_a_clerk_does_not_see_what_the_house_sells(enter):
    client, _ = await enter(Role.CLERK)
    assert (await client.get("/console/live")).status_code == 403
    assert await form_token(client, "/console/me")


class Prepaid:
    """A carrier that says what it is told to."""

    capabilities = frozenset({CarrierCapability.FLOAT})
    money: Money | None = Money(10_000, "CNY")

    async def float_balance(self) -> Money:
        if self.money is None:
            raise FloatUnavailable("no answer")
        return self.money


async def test_a_low_float_is_listed_once_and_leaves_by_itself(site):
    carrier = Prepaid()

    async def asked(money: Money | None) -> tuple[bool, int]:
        carrier.money = money
        floats = Floats(
            database=site.house.store.database, carriers={"prepaid": carrier}, alarms={"prepaid": Decimal(50)}
        )
        await site.within(floats.ask())
        async with site.transaction() as transaction:
            [found] = [one for one in await known(transaction.connection) if one.carrier == "prepaid"]
            cursor = await transaction.connection.execute(
                "SELECT count(*) FROM work.items WHERE kind = %s AND subject = 'prepaid' AND state = 'open'",
                [FLOAT_LOW],
            )
            return found.low, (await cursor.fetchone())[0]

    assert await asked(Money(5_000, "CNY")) == (False, 0), "as much as the alarm is not low"
    assert await asked(Money(4_999, "CNY")) == (True, 1)
    assert await asked(Money(100, "CNY")) == (True, 1)
    assert await asked(None) == (True, 1), "no answer changes nothing"
    assert await asked(Money(60_000, "CNY")) == (False, 0)
    assert await asked(Money(0, "CNY")) == (True, 1), "and again"
    assert await asked(Money(60_000, "CNY")) == (False, 0)
