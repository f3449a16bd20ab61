"""Agents' programs over REST: one call sells, under a key; what they see is theirs, and ties to the ledger."""

import asyncio
import csv
import io
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from tests.integration.api.conftest import serving_api
from tests.support.agents import Street
from topup.people.agents import operations as agents
from topup.people.operations import create_key
from topup.people.permissions import Role

ROOT = "/api/v1/agents"


@dataclass
class Program:
    """An agent's program, with its key."""

    client: httpx.AsyncClient
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}", "Accept-Language": "en"}

    async def sell(self, number="13800138000", minor=5000, *, key="", **more) -> httpx.Response:
        body = {"number": number, "amount": {"amount_minor": minor, "currency": "CNY"}, "confirmations": ["duplicate"]}
        headers = self.headers | {"Idempotency-Key": key or uuid4().hex}
        return await self.client.post(f"{ROOT}/topups", json=body | more, headers=headers)

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(ROOT + path, headers=self.headers)


@pytest.fixture
async def api(street: Street, tmp_path):
    async with serving_api(street.database, tmp_path, {}, desk=street.desk) as served:
        yield served


@pytest.fixture
async def program(street: Street, api):
    async def of(agent) -> Program:
        async with street.database.transaction() as transaction:
            made = await agents.give_key(transaction.connection, agent.id, label="x", by="cli", now=transaction.now)
        return Program(api.client, made.secret)

    return of


async def test_one_call_sells_and_says_price_commission_what_is_left_and_where_the_receipt_is(street, program):
    await street.publish_plan()
    one = await program(await street.agent(float_minor=20_000, plan="street"))
    answer = await one.sell()
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert said["status"] == "delivered"
    assert (said["price"]["amount_minor"], said["commission"]["amount_minor"]) == (5000, 250)
    assert said["float_left"] == {"amount_minor": 15_250, "currency": "CNY"}
    receipt = await one.client.get(said["receipt_url"])
    assert receipt.json()["order_id"] == said["order_id"]
    assert (await one.client.get(said["order_url"])).json()["status"] == "delivered"


async def test_the_same_key_gives_the_same_answer_to_the_byte_and_another_body_is_refused(street, program):
    one = await program(await street.agent(float_minor=20_000))
    first = await one.sell(key="k1")
    again = await one.sell(key="k1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert (await one.sell(minor=3000, key="k1")).json()["code"] == "key_reused"
    assert (await one.get("/me")).json()["float_left"]["amount_minor"] == 15_000


async def test_another_key_of_the_agent_is_answered_alike(street, program):
    agent = await street.agent(float_minor=20_000)
    one, other = await program(agent), await program(agent)
    first, again = await one.sell(key="k1"), await other.sell(key="k1")
    assert first.content == again.content


async def test_fifty_requests_at_once_of_a_float_for_ten_sell_ten(street, program):
    one = await program(await street.agent(float_minor=50_000))
    answers = await asyncio.gather(*(one.sell(f"1380013{n:04d}") for n in range(50)))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 40
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"float_too_low"}
    assert (await one.get("/me")).json()["float_left"]["amount_minor"] == 0
    await street.sound()


async def test_whoever_may_not_sell_is_told_why(street, api, program):
    agent = await street.agent(float_minor=20_000)
    one = await program(agent)
    assert (await Program(api.client, "topup_wrong").sell()).status_code == 401
    async with street.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        reader = await create_key(connection, role=Role.READER, label="", now=now)
        nobodys = await create_key(connection, role=Role.AGENT, label="", now=now)
        await agents.suspend(connection, agent.id, reason="Unpaid", by="cli", now=now)
    assert (await Program(api.client, reader.secret).sell()).status_code == 403
    assert (await Program(api.client, nobodys.secret).sell()).json()["code"] == "agent_unknown"
    refused = await one.sell()
    assert (refused.status_code, refused.json()["code"]) == (403, "agent_suspended")
    assert (await one.get("/me")).json()["status"] == "suspended"


async def test_what_is_no_sale_is_refused_in_its_own_words(street, program):
    one = await program(await street.agent(float_minor=20_000))
    for more, code in (
        ({"number": "12"}, "number_impossible"),
        ({"product": "nothing", "amount": None}, "product_unknown"),
        ({"amount": None}, "product_or_amount"),
        ({"amount": {"amount_minor": 5000, "currency": "XXX"}}, "currency_wrong"),
        ({"confirmations": []}, None),
        ({"confirmations": []}, "confirmation_needed"),
    ):
        said = (await one.sell(**more)).json()
        assert said.get("code") == code, said


async def test_sales_are_paged_and_only_ones_own(street, program):
    agent, other = await street.agent(float_minor=900_000), await street.agent(float_minor=10_000)
    one = await program(agent)
    for n in range(53):
        await street.sells(agent.id, f"1380013{n:04d}", 1000)
    await street.sells(other.id, "13800139999", 1000)
    first = (await one.get("/topups")).json()
    rest = (await one.get(f"/topups?cursor={first['next']}")).json()
    assert (len(first["sales"]), len(rest["sales"]), rest["next"]) == (50, 3, None)
    numbers = [sale["number"] for sale in first["sales"] + rest["sales"]]
    assert numbers == [f"+861380013{n:04d}" for n in reversed(range(53))]
    assert (await one.get("/topups?cursor=1.x")).json()["code"] == "agent_page_unknown"


async def test_the_statement_ties_opening_and_every_movement_to_closing(street, program):
    await street.publish_plan()
    agent = await street.agent(float_minor=20_000, plan="street")
    one = await program(agent)
    sold = await street.sells(agent.id, minor=5000)
    await street.sells(agent.id, "13800138001", 3000)
    await street.gives_back(sold, 1000)
    said = (await one.get("/statement")).json()
    totals = {line["kind"]: (line["count"], line["total"]["amount_minor"]) for line in said["lines"]}
    assert totals == {
        "float_top_up": (1, 20_000),
        "agent_sale": (2, -8000),
        "commission": (2, 400),
        "agent_refund": (1, 1000),
        "commission_back": (1, -50),
    }
    moved = sum(minor for _, minor in totals.values())
    assert said["closing"]["amount_minor"] == said["opening"]["amount_minor"] + moved == await street.left(agent.id)
    rows = list(csv.reader(io.StringIO((await one.get("/statement.csv")).content.decode("utf-8-sig"))))
    assert rows[0] == ["Time", "What", "Reference", "Amount", "Float after", "Currency"]
    assert [row[1] for row in rows[1:]][0 :: len(rows) - 2] == ["Opening", "Closing"]
    assert rows[-1][4] == rows[-2][4] == "133.50"
    assert len(rows) == 1 + 2 + 7
    assert (await one.get("/statement?month=2026-13")).json()["code"] == "month_unreadable"


async def test_the_next_month_opens_with_what_the_last_closed_with(street, program):
    agent = await street.agent(float_minor=20_000)
    one = await program(agent)
    await street.sells(agent.id, minor=5000)
    before = (await one.get("/statement")).json()
    await street.later(days=32)
    after = (await one.get("/statement")).json()
    assert (before["complete"], after["opening"], after["closing"]) == (False, before["closing"], before["closing"])
    assert (await one.get(f"/statement?month={before['month']}")).json()["complete"]
