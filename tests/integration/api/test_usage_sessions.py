"""Sessions of usage over REST: opened, updated and released by who may, answered again when sent again."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import pytest

from tests.support.usage import ANN, BOB, Traffic
from tests.support.usage_sessions import MB, UNCAPPED
from topup.people.operations import create_key, revoke_key
from topup.people.permissions import Role

ROOT = "/api/v1/usage/sessions"
DATA = [{"service": "data", "requested": MB}]


class Gateway:
    """A packet gateway that holds a key."""

    def __init__(self, api, traffic):
        self.api = api
        self.traffic = traffic
        self.keys = {}

    async def ask(self, method, path="", body=None, *, role=Role.NETWORK, **headers):
        if role not in self.keys:
            async with self.api.database.transaction() as transaction:
                made = await create_key(transaction.connection, role=role, label="test", now=transaction.now)
            self.keys[role] = made
        headers = {"Authorization": f"Bearer {self.keys[role].secret}", "Accept-Language": "en", **headers}
        return await self.api.client.request(method, ROOT + path, json=body, headers=headers)

    async def open(self, number=ANN, services=DATA, **said):
        return await self.ask("POST", "", {"number": number, "services": services, "session_id": uuid4().hex} | said)


@pytest.fixture
async def gateway(api):
    traffic = await Traffic.of(api.database, UNCAPPED)
    await traffic.open(ANN, main=1000)
    await traffic.open(BOB)
    return Gateway(api, traffic)


async def test_a_session_from_its_beginning_to_its_end(gateway):
    opened = await gateway.open(session_id="pgw1;42")
    assert opened.status_code == 201, opened.text
    said = opened.json()
    assert (said["session_id"], said["status"], said["sequence"]) == ("pgw1;42", "open", 0)
    assert said["services"] == [
        {
            "rating_group": 0,
            "service": "data",
            "result": "granted",
            "granted": MB,
            "final": False,
            "used": 0,
            "cost": [],
            "overrun": 0,
            "unpaid_minor": 0,
        }
    ]
    path = f"/{said['id']}"
    update = {"sequence": 1, "services": [{"used": MB, "requested": MB}]}
    first, again = (
        await gateway.ask("POST", f"{path}/update", update),
        await gateway.ask("POST", f"{path}/update", update),
    )
    assert (first.status_code, first.json()["services"][0]["used"]) == (200, MB)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    shown = (await gateway.ask("GET", path)).json()
    assert (shown["number"], shown["next_sequence"], shown["status"]) == (ANN, 2, "open")
    assert [held["amount"] for held in shown["services"][0]["held"]] == [150]
    ended = await gateway.ask("POST", f"{path}/release", {"sequence": 2, "services": [{"used": MB}]})
    assert (ended.json()["status"], ended.json()["valid_until"]) == ("released", None)
    assert await gateway.traffic.has() == {"PHP": 900}
    await gateway.traffic.is_sound()


async def test_sixteen_clients_with_the_same_request_charge_once(gateway):
    session = (await gateway.open()).json()["id"]
    for sequence in range(1, 8):
        update = {"sequence": sequence, "services": [{"used": MB, "requested": MB}]}
        answers = await asyncio.gather(*(gateway.ask("POST", f"/{session}/update", update) for _ in range(16)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert await gateway.traffic.has() == {"PHP": 1000 - 50 * sequence}


async def test_sixteen_clients_open_one_session_under_one_key(gateway):
    assert (await gateway.open(BOB)).status_code == 409
    body = {"number": ANN, "services": DATA}
    answers = await asyncio.gather(*(gateway.ask("POST", "", body, **{"Idempotency-Key": "one"}) for _ in range(16)))
    assert {answer.text for answer in answers if answer.status_code != 201} == set()
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await gateway.ask("POST", "", {**body, "sequence": 5}, **{"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert (await gateway.ask("POST", "", body)).json()["code"] == "key_missing"


@pytest.mark.parametrize(
    ("changes", "status", "code", "who"),
    [
        ({"number": BOB}, 409, "insufficient_funds", "you"),
        ({"number": "+639081239999"}, 404, "line_unknown", "you"),
        ({"services": [{"service": "mms"}]}, 422, "rate_missing", "us"),
        ({"at": "2100-01-01T00:00:00Z"}, 422, "usage_in_future", "you"),
        ({"at": "0001-01-01T00:00:00+14:00"}, 422, "usage_too_old", "you"),
        ({"services": []}, 422, "body_invalid", "you"),
        ({"services": [{"service": "sms"}, {"service": "sms"}]}, 422, "usage_service_twice", "you"),
    ],
)
async def test_what_is_refused_says_why_and_who_must_act(gateway, changes, status, code, who):
    answer = await gateway.open(**changes)
    said = answer.json()
    assert (answer.status_code, said["code"], said["who_must_act"]) == (status, code, who)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "{" not in said["title"] + said["detail"]
    if code == "insufficient_funds":
        assert (said["final"], said["needed"], said["currency"]) == (True, "0.50", "PHP")


async def test_a_request_out_of_order_is_told_what_is_expected(gateway):
    session = (await gateway.open()).json()["id"]
    path = f"/{session}/update"
    await gateway.ask("POST", path, {"sequence": 1, "services": [{"used": 1}]})
    late = await gateway.ask("POST", path, {"sequence": 0, "services": [{"used": 1}]})
    assert (late.status_code, late.json()["code"], late.json()["expected"]) == (409, "usage_sequence_wrong", 2)
    other = await gateway.ask("POST", path, {"sequence": 1, "services": [{"used": 2}]})
    assert (other.status_code, other.json()["code"]) == (422, "usage_sequence_reused")
    unknown = await gateway.ask("POST", "/ses_01m7xprzmv03t2s6sdhxcrg8x8/update", {"sequence": 1, "services": [{}]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "usage_session_unknown")
    await gateway.ask("POST", f"/{session}/release", {"sequence": 2})
    over = await gateway.ask("POST", path, {"sequence": 3, "services": [{"used": 1}]})
    assert (over.status_code, over.json()["code"], over.json()["status"]) == (409, "usage_session_closed", 409)


async def test_a_blocked_line_is_told_so_in_the_middle_of_a_session(gateway):
    session = (await gateway.open()).json()["id"]
    line = gateway.traffic.circle.lines[ANN]
    async with gateway.api.database.transaction() as transaction:
        await transaction.connection.execute(
            "UPDATE lines.lines SET status = 'barred' WHERE lane = %s AND id = %s", (line.lane, line.id)
        )
    said = (await gateway.ask("POST", f"/{session}/update", {"sequence": 1, "services": [{"used": MB}]})).json()
    [service] = said["services"]
    assert (service["result"], service["granted"], service["final"]) == ("line_barred", 0, True)
    assert service["cost"] == [{"asset": "PHP", "amount": 50}]
    refused = await gateway.open()
    assert (refused.status_code, refused.json()["code"], refused.json()["final"]) == (409, "line_barred", True)
    await gateway.ask("POST", f"/{session}/release", {"sequence": 2})
    await gateway.traffic.is_sound()


async def test_only_who_may_charge_may_open_a_session(gateway):
    assert (await gateway.ask("POST", "", {}, role=Role.READER)).json()["code"] == "not_permitted"
    assert (await gateway.api.client.post(ROOT, json={})).json()["code"] == "credentials_missing"
    wrong = await gateway.ask("POST", "", {}, Authorization="Bearer topup_x")
    assert wrong.json()["code"] == "credentials_wrong"


async def test_a_revoked_key_is_forgotten(gateway, monkeypatch):
    assert (await gateway.open()).status_code == 201
    async with gateway.api.database.transaction() as transaction:
        key = gateway.keys[Role.NETWORK]
        await revoke_key(transaction.connection, key_id=key.id, now=transaction.now)
    assert (await gateway.open()).status_code == 201, "for five seconds"
    later = SimpleNamespace(monotonic=lambda: 10.0**9)
    monkeypatch.setattr("topup.channels.api.known_keys.time", later)
    assert (await gateway.open()).json()["code"] == "credentials_wrong"
