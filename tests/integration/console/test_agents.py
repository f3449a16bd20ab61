"""Agents in the console: taken on, their float filled by two, sold from, suspended, given keys; as forms do it."""

import re

import pytest

from tests.integration.console.conftest import form_token
from topup.kernel.ids import AgentId, new_id
from topup.kernel.money import Money
from topup.payments.floats import plans
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
async def finance_and_supervisor(enter):
    return (await enter(Role.FINANCE))[0], (await enter(Role.SUPERVISOR))[0]


async def taken_on(client, **more) -> str:
    data = {"form_token": await form_token(client), "name": f"Shop {new_id('agent', 0)[-8:]}", "currency": "CNY"}
    made = await client.post("/console/agents", data=data | {"zone": "Asia/Shanghai", "low_below": "100"} | more)
    assert made.status_code == 303, made.text
    return made.headers["location"]


async def filled(asking, deciding, page: str, amount: str, reference: str) -> None:
    data = {"form_token": await form_token(asking), "amount": amount, "reference": reference, "reason": "Paid by bank"}
    asked = await asking.post(f"{page}/float", data=data)
    assert asked.status_code == 303, asked.text
    request = asked.headers["location"]
    own = await asking.post(request, data={"form_token": data["form_token"], "decision": "approve", "note": ""})
    assert own.status_code == 403, "nobody fills a float alone"
    token = await form_token(deciding)
    assert "Float now" in (await deciding.get(request)).text
    done = await deciding.post(request, data={"form_token": token, "decision": "approve", "note": ""})
    assert done.status_code == 303, done.text


async def test_a_float_is_filled_by_two_and_the_same_money_comes_to_it_once(finance_and_supervisor):
    finance, supervisor = finance_and_supervisor
    page, reference = await taken_on(supervisor), new_id("entry", 0)
    await filled(supervisor, finance, page, "200", reference)
    shown = (await finance.get(page)).text
    assert "¥200.00" in shown
    data = {"form_token": await form_token(finance), "amount": "200", "reference": reference.upper(), "reason": "Paid"}
    again = await finance.post(f"{page}/float", data=data)
    assert (again.status_code, "in a float already" in again.text) == (409, True)


async def test_what_was_sold_is_on_the_page_and_in_the_file_to_the_cent(site, finance_and_supervisor):
    finance, supervisor = finance_and_supervisor
    page = await taken_on(supervisor)
    await filled(supervisor, finance, page, "200", new_id("entry", 0))

    sale = site.house.desk.agents.sell_once(
        None,
        agent_id=AgentId(page.rpartition("/")[2]),
        number="13800138000",
        product=None,
        amount=Money(15_000, "CNY"),
        confirmations=frozenset({"duplicate", "large_amount"}),
        locale="en",
    )
    sold = await site.within(sale)
    price, left = f"CN¥{sold.price.to_major()}", sold.left.to_major()
    shown = (await finance.get(page)).text
    assert f"Sales: 1, {price} in all; the best day {price}." in shown
    assert re.search(rf"Closing.*?CN¥{left}", shown, re.DOTALL)
    file = (await finance.get(f"{page}/statement.csv")).content.decode("utf-8-sig").splitlines()
    assert file[-1].endswith(f",Closing,,,{left},CNY")
    listed = (await supervisor.get("/console/work?kind=agent_float_low")).text
    assert "An agent's float is low" in listed or "An agent&#39;s float is low" in listed


async def test_a_key_is_shown_once_and_ended_and_a_suspension_needs_a_reason(finance_and_supervisor):
    _, supervisor = finance_and_supervisor
    page = await taken_on(supervisor)
    token = await form_token(supervisor)
    made = await supervisor.post(page, data={"form_token": token, "decision": "key", "label": "till"})
    assert re.search(r"topup_[\w-]{43}", made.text)
    shown = (await supervisor.get(page)).text
    assert "topup_" not in shown
    key = re.search(r'name="key" value="(key_\w+)"', shown)[1]
    await supervisor.post(page, data={"form_token": token, "decision": "end_key", "key": key})
    assert "ended" in (await supervisor.get(page)).text
    silent = await supervisor.post(page, data={"form_token": token, "decision": "suspend", "reason": " "})
    assert silent.status_code == 422
    await supervisor.post(page, data={"form_token": token, "decision": "suspend", "reason": "Unpaid bill"})
    assert "Unpaid bill" in (await supervisor.get(page)).text


async def test_finance_sees_agents_and_changes_nothing_of_them(finance_and_supervisor):
    finance, supervisor = finance_and_supervisor
    page = await taken_on(supervisor)
    token = await form_token(finance)
    refused = await finance.post(page, data={"form_token": token, "decision": "suspend", "reason": "x"})
    assert refused.status_code == 403
    assert 'name="decision"' not in (await finance.get(page)).text


async def test_a_plan_of_another_currency_is_refused_it_would_earn_nothing(site, finance_and_supervisor):
    _, supervisor = finance_and_supervisor
    name = f"plan-{new_id('agent', 0)[-6:]}"
    async with site.transaction() as transaction:
        text = f'name = "{name}"\ncurrency = "SGD"\n[[rule]]\npercent = "1"\n'
        await plans.publish(transaction.connection, plans.read_plan(text), transaction.now)
    page = await taken_on(supervisor)
    data = {"form_token": await form_token(supervisor), "decision": "terms", "plan": name}
    refused = await supervisor.post(page, data=data)
    assert (refused.status_code, "in another currency than the float" in refused.text) == (409, True)
