"""Usage over REST: records charged once each, refused with who must act, a line's history and events, page by page."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.support.usage import ANN, BOB, EVE, Traffic
from topup.people.operations import create_key
from topup.people.permissions import Role


class Network:
    """Systems that hold keys of each role."""

    def __init__(self, api, traffic):
        self.api = api
        self.traffic = traffic
        self._keys = {}

    async def ask(self, method, path, body=None, *, role=Role.OPERATOR, key=None, language="en"):
        if role not in self._keys:
            async with self.api.database.transaction() as transaction:
                self._keys[role] = await create_key(
                    transaction.connection, role=role, label="test", now=transaction.now
                )
        headers = {"Authorization": f"Bearer {self._keys[role].secret}", "Accept-Language": language}
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid4().hex
        return await self.api.client.request(method, f"/api/v1{path}", json=body, headers=headers)

    async def use(self, *records, **options):
        answered = await self.ask("POST", "/usage", {"records": list(records)}, **options)
        assert answered.status_code == 200, answered.text
        return answered.json()["results"]


def record(identifier="cdr-1", **changes):
    at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    return {"id": identifier, "number": ANN, "service": "voice", "quantity": 61, "at": at, **changes}


@pytest.fixture
async def network(api):
    traffic = await Traffic.of(api.database)
    await traffic.open(ANN, main=1000)
    await traffic.open(BOB)
    return Network(api, traffic)


async def test_a_record_is_charged_and_says_what_it_cost_and_why(network):
    await network.traffic.grant(ANN, "VOICE", 60)
    [said] = await network.use(record(called="+639170000001"), role=Role.NETWORK)
    assert (said["status"], said["replayed"], said["reason"]) == ("rated", False, None)
    usage = said["usage"]
    assert (usage["quantity"], usage["counted"], usage["rate"]) == (61, 120, "voice")
    assert usage["cost"] == {"amount_minor": 200, "currency": "PHP"}
    assert [(part["reason"], part["text"], part["asset"], part["amount"]) for part in usage["charges"]] == [
        ("usage_allowance", "From what was granted", "VOICE", 60),
        ("usage_rated", "By the rate", "PHP", 200),
    ]
    assert [(paid["kind"], paid["asset"], paid["amount"]) for paid in usage["paid"]] == [
        ("plan", "VOICE", 60),
        ("main", "PHP", 200),
    ]
    assert await network.traffic.has() == {"PHP": 800}


async def test_a_single_record_may_be_sent_bare(network):
    answered = await network.ask("POST", "/usage", record())
    assert [found["status"] for found in answered.json()["results"]] == ["rated"]


async def test_each_record_is_answered_for_itself(network):
    first = record("a")
    records = [
        first,
        record("b", number=EVE),
        record("c", number=BOB),
        record("d", service="telex"),
        record("e", at="yesterday"),
        record("f", country="FR"),
        record("?"),
        first,
    ]
    results = await network.use(*records)
    assert [(found["id"], found["reason"], found["who_must_act"]) for found in results] == [
        ("a", None, None),
        ("b", "line_unknown", "you"),
        ("c", "insufficient_funds", "you"),
        ("d", "usage_service_unknown", "you"),
        ("e", "usage_time_unreadable", "you"),
        ("f", "rate_missing", "us"),
        ("?", "usage_id_unreadable", "you"),
        ("a", None, None),
    ]
    assert results[2]["advice"] == "₱4.00 are needed in all. Top up first, or choose a smaller amount."
    assert results[7]["replayed"]
    assert results[7]["usage"] == results[0]["usage"]
    assert await network.traffic.has() == {"PHP": 600}


async def test_what_is_no_record_costs_the_others_nothing(network):
    wrong = [
        ({"quantity": "61"}, "$.quantity", "Expected `int`, got `str`"),
        ({"quantity": -1}, "$.quantity", "Expected `int` >= 0"),
        ({"at": None}, "$.at", "Expected `str`, got `null`"),
        ({"roaming": True}, "$", "Object contains unknown field `roaming`"),
    ]
    sent = [record(f"w{n}", **change) for n, (change, _, _) in enumerate(wrong)]
    sent += [record(["no", "id"]), record("\0"), {"id": "alone"}, "cdr", 7, None, []]
    results = await network.use(record("a"), *sent, record("b"))
    assert [found["status"] for found in results] == ["rated", *["refused"] * len(sent), "rated"]
    refused = results[1:-1]
    assert {(found["reason"], found["who_must_act"]) for found in refused} == {("usage_record_unreadable", "you")}
    assert [(one["parameters"]["field"], one["parameters"]["reason"]) for one in refused[:4]] == [
        (field, reason) for _, field, reason in wrong
    ]
    assert refused[0]["text"] == "This record does not have the right form."
    assert refused[0]["advice"] == "$.quantity: Expected `int`, got `str`"
    assert [found["id"] for found in refused] == ["w0", "w1", "w2", "w3", None, None, "alone", *[None] * 4]
    assert await network.traffic.has() == {"PHP": 200}


async def test_the_same_key_with_another_unreadable_record_is_another_request(network):
    for quantity, status in (("1", 200), ("1", 200), ("2", 422)):
        answered = await network.ask("POST", "/usage", {"records": [record(at="x", quantity=quantity)]}, key="once")
        assert answered.status_code == status


async def test_the_same_key_gives_the_same_answer_and_another_key_the_same_charge(network):
    said = record()
    first, again = [await network.ask("POST", "/usage", {"records": [said]}, key="once") for _ in range(2)]
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    [replayed] = await network.use(said)
    assert (replayed["replayed"], replayed["usage"]) == (True, first.json()["results"][0]["usage"])
    other = await network.ask("POST", "/usage", {"records": [record("cdr-2")]}, key="once")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert await network.traffic.has() == {"PHP": 600}


async def test_sixteen_clients_who_send_one_record_charge_it_once(network, figures):
    said = record()
    answers = await asyncio.gather(*(network.use(said) for _ in range(16)))
    assert sorted(found["replayed"] for [found] in answers) == [False] + [True] * 15
    assert len({str(found["usage"]) for [found] in answers}) == 1
    assert await network.traffic.has() == {"PHP": 600}
    await network.traffic.is_sound()
    figures("G6", of="one usage record over HTTP", clients=16, charged=1)


async def test_a_refused_record_may_be_sent_again_when_there_is_money(network):
    said = record(number=BOB)
    assert [found["reason"] for found in await network.use(said)] == ["insufficient_funds"]
    await network.traffic.circle.give(BOB, 1000)
    assert [found["status"] for found in await network.use(said)] == ["rated"]


@pytest.mark.parametrize(
    "body",
    [
        {"records": []},
        {"records": [record(str(n)) for n in range(201)]},
        {"records": record()},
        {"records": [record()], "more": 1},
        record(quantity="1"),
        {},
        [record()],
    ],
)
async def test_a_body_that_is_no_list_of_some_records_is_refused(network, body):
    answered = await network.ask("POST", "/usage", body)
    assert (answered.status_code, answered.json()["code"]) == (422, "body_invalid")


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.AUDITOR, Role.READER])
async def test_only_the_network_and_the_operator_may_charge(network, role):
    assert (await network.ask("POST", "/usage", {"records": [record()]}, role=role)).status_code == 403


@pytest.mark.parametrize("path", ["usage", "events"])
async def test_who_may_not_read_lines_reads_no_usage(network, path):
    assert (await network.ask("GET", f"/lines/{ANN}/{path}", role=Role.NETWORK)).status_code == 403
    assert (await network.api.client.get(f"/api/v1/lines/{ANN}/{path}")).status_code == 401


async def test_the_history_is_paged_from_the_newest_on(network):
    await network.traffic.circle.give(ANN, 10_000)
    begin = datetime.now(UTC) - timedelta(hours=1)
    # Two began at the same moment: a page that ends between them loses none.
    minutes = (0, 1, 1, 2, 3)
    sent = [record(f"cdr-{n}", at=(begin + timedelta(minutes=m)).isoformat()) for n, m in enumerate(minutes)]
    await network.use(*sent)
    pages, before = [], ""
    while before is not None:
        said = (await network.ask("GET", f"/lines/{ANN}/usage?limit=2{before}", role=Role.READER)).json()
        pages.append([usage["id"] for usage in said["usages"]])
        before = said["before"] and f"&before={said['before']}"
    assert pages == [["cdr-4", "cdr-3"], ["cdr-2", "cdr-1"], ["cdr-0"]]
    assert (said["number"], said["zone"], said["currency"]) == (ANN, "Asia/Manila", "PHP")


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "limit=-1"])
async def test_a_page_has_a_size(network, query):
    answered = await network.ask("GET", f"/lines/{ANN}/usage?{query}")
    assert (answered.status_code, answered.json()["code"]) == (422, "limit_unreadable")


@pytest.mark.parametrize("before", ["x", "!", "%00", "AAAA", "MX4", "OTk5OTk5OTk5OTk5OTk5OTk5fng"])
@pytest.mark.parametrize("path", ["usage", "events"])
async def test_a_page_nobody_was_told_of_is_unknown(network, path, before):
    answered = await network.ask("GET", f"/lines/{ANN}/{path}?before={before}")
    assert (answered.status_code, answered.json()["code"]) == (404, "usage_page_unknown")


async def test_what_a_line_was_told_can_be_read(network):
    await network.use(record("cdr-1", quantity=240))
    said = (await network.ask("GET", f"/lines/{ANN}/events?limit=1")).json()
    assert [event["name"] for event in said["events"]] == ["low"]
    assert said["events"][0]["text"] == "Balance running low: ₱2.00 left."
    assert said["before"] is None
    await network.use(record("cdr-9", quantity=60))
    newest = (await network.ask("GET", f"/lines/{ANN}/events?limit=1")).json()
    assert [event["name"] for event in newest["events"]] == ["used_up"]
    older = (await network.ask("GET", f"/lines/{ANN}/events?before={newest['before']}")).json()
    assert older["events"] == said["events"]


async def test_a_line_nobody_has_has_no_usage(network):
    answered = await network.ask("GET", f"/lines/{EVE}/usage")
    assert (answered.status_code, answered.json()["code"]) == (404, "line_unknown")
