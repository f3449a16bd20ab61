"""Nobody accepts what their own drawer lacks: neither who kept it nor who counted it, alone or for another."""

import pytest

from tests.integration.console.conftest import form_token
from topup.kernel.ids import new_id
from topup.people.permissions import Role
from topup.work.operations import Decision, list_for_person

pytestmark = pytest.mark.xdist_group("browser")
SMALL = {"till": "one", "expected_minor": 201, "counted_minor": 1, "difference_minor": -200, "currency": "CNY"}
"""What finance may decide alone."""


@pytest.fixture
def difference(site):
    async def put(**evidence) -> str:
        subject = new_id("till", 0)
        decision = Decision(0, "till_difference", subject, SMALL | evidence)
        async with site.transaction() as transaction:
            await list_for_person(transaction.connection, [decision], transaction.now)
            cursor = await transaction.connection.execute("SELECT id FROM work.items WHERE subject = %s", [subject])
            return (await cursor.fetchone())[0]

    return put


async def asks(client, item: str) -> str:
    fields = {"form_token": await form_token(client), "kind": "till_accepted", "reason": "A note was lost"}
    return (await client.post(f"/console/work/{item}/ask", data=fields)).headers["location"]


async def approves(client, address: str) -> int:
    fields = {"form_token": await form_token(client), "decision": "approve", "note": ""}
    return (await client.post(address, data=fields)).status_code


@pytest.mark.parametrize("part", ["kept_by", "counted_by"])
async def test_who_kept_a_drawer_or_counted_it_decides_nothing_about_it(enter, difference, part):
    keeper, person = await enter(Role.FINANCE)
    other, _ = await enter(Role.FINANCE)
    address = await asks(keeper, await difference(**{part: person.id}))
    assert "waiting" in (await keeper.get(address)).text, "it is within the limit, and not decided alone"
    assert await approves(keeper, address) == 403
    assert await approves(other, address) == 303
    clerk, _ = await enter(Role.SUPERVISOR)
    address = await asks(clerk, await difference(**{part: person.id}, difference_minor=-90_000))
    page = (await keeper.get(address)).text
    assert 'value="approve"' not in page
    assert "what you did yourself" in page
    assert await approves(keeper, address) == 403, "nor for another"
    assert await approves(other, address) == 303


async def test_another_accepts_it_alone_up_to_the_limit(enter, difference):
    other, _ = await enter(Role.FINANCE)
    address = await asks(other, await difference(kept_by="stf_somebody", counted_by="stf_somebody"))
    assert "waiting" not in (await other.get(address)).text
