"""The plan of a line over REST: seen, taken, changed, given up."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.integration.api.conftest import OPENED
from tests.support.plans import PLANS
from tests.support.tariffs import publish_changed
from topup.catalogue.queries import CatalogueCache
from topup.ledger import BucketSpec, Credit, post
from topup.lines.plans.tasks import Renewals
from topup.lines.queries import lines_now
from topup.people.permissions import Role

from .test_access import key

PLAN = f"/api/v1/lines/{OPENED}/plan"


@pytest.fixture
async def owner(api, tmp_path) -> dict[str, str]:
    """Whoever acts for the owner of a line that has 100 yuan, of a carrier with plans."""
    await publish_changed(api.database, tmp_path, "qingfeng", extra=PLANS)
    async with api.database.transaction() as transaction:
        [line] = (await lines_now(transaction.connection, [f"+86{OPENED}"])).values()
        credit = Credit(
            lane=line.ref.lane, key="test", purpose="grant", reference="", from_code="suspense", line_id=line.ref.id,
            bucket=BucketSpec(rule={"id": "test"}), asset="CNY", amount=10_000,
        )  # fmt: skip
        await post(transaction.connection, [credit], transaction.now)
    return await key(api, Role.OPERATOR)


async def take(api, headers, key=None, **wish):
    """Ask for a plan, under a key of its own unless one is said."""
    return await api.client.post(PLAN, json=wish, headers=headers | {"Idempotency-Key": key or uuid4().hex})


async def taken_by_trail(api) -> list[dict]:
    """What the trail says of plans that were taken, in order."""
    async with api.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT facts FROM work.trail WHERE action = 'line.plan_taken' ORDER BY sequence"
        )
        return [json.loads(facts) for (facts,) in await cursor.fetchall()]


def yuan(amount: int) -> dict:
    return {"amount_minor": amount * 100, "currency": "CNY"}


async def test_a_line_without_a_plan_is_shown_what_it_could_have_and_what_that_costs(api, owner):
    found = (await api.client.get(PLAN, headers=owner)).json()
    assert (found["plan"], found["standing"], found["included"], found["missing"]) == (None, None, [], None)
    plans = (await api.client.get(f"{PLAN}s", headers=owner)).json()["plans"]
    assert [one["plan"]["id"] for one in plans] == ["small", "week", "monthly", "keep", "calendar"]
    assert [one["plan"]["keeps_number"] for one in plans] == [False, False, False, True, False]
    assert {one["next_cycle"] for one in plans} == {None}
    assert (plans[2]["to_pay"], plans[2]["gives_back"]) == (yuan(30), yuan(0))


async def test_plans_are_compared_by_what_was_used_and_by_nothing_where_nothing_was(api, owner):
    assert (await api.client.get(f"{PLAN}s/compared", headers=owner)).json()["costs"] == []
    async with api.database.read() as transaction:
        last_month = transaction.now.replace(day=1, hour=12) - timedelta(days=12)
    record = {"id": "one", "number": OPENED, "service": "sms", "quantity": 300, "at": last_month.isoformat()}
    sent = await api.client.post("/api/v1/usage", json={"records": [record]}, headers=owner | {"Idempotency-Key": "u1"})
    assert (sent.status_code, sent.json()["results"][0]["status"]) == (200, "rated"), sent.text
    costs = (await api.client.get(f"{PLAN}s/compared", headers=owner)).json()["costs"]
    told = {one["plan"]["id"] if one["plan"] else None: one for one in costs}
    # 300 messages of 0.10 each, or a plan's price and as much beside it: in one week of four or five, 50 are included.
    assert (told[None]["monthly"], told[None]["reasons"]) == (yuan(30), ["nothing_included"])
    assert (told["small"]["monthly"], told["small"]["beyond"]) == (yuan(36), yuan(30))
    assert told["week"]["beyond"] == yuan(25)
    assert costs[0]["plan"] is None


async def test_a_plan_is_taken_once_however_often_it_is_asked_for(api, owner):
    wish = {"plan": "monthly", "when": "now", "at_most": yuan(30)}
    taken = await take(api, owner, **wish)
    assert taken.status_code == 200, taken.text
    found = taken.json()
    assert (found["plan"]["id"], found["standing"], found["paid"]) == ("monthly", "active", yuan(30))
    assert [(one["asset"], one["left"] == one["amount"]) for one in found["included"]] == [
        ("DATA", True), ("VOICE", True),
    ]  # fmt: skip
    assert (found["follows"]["plan"], found["follows"]["began_at"]) == ("monthly", found["ends_at"])
    assert (await take(api, owner, **wish)).json() == found
    began = {"plan": "monthly", "standing": "active", "cycle": 1, "paid_minor": 3000, "wished": None, "ending": False}
    told = {"plan": "monthly", "when": "now", "currency": "CNY", "before": None, "after": began}
    assert await taken_by_trail(api) == [told]


async def test_a_late_copy_of_a_request_takes_nothing_after_the_line_went_back(api, owner):
    await take(api, owner, plan="keep", when="now")
    first = await take(api, owner, key="to-small", plan="small", when="now")
    await take(api, owner, plan="week", when="now")
    late = await take(api, owner, key="to-small", plan="small", when="now")
    assert (late.status_code, late.content, late.headers["idempotent-replayed"]) == (200, first.content, "true")
    assert (await api.client.get(PLAN, headers=owner)).json()["plan"]["id"] == "week"
    assert len(await taken_by_trail(api)) == 3
    other = await take(api, owner, key="to-small", plan="monthly", when="now")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    without = await api.client.post(PLAN, json={"plan": "small", "when": "now"}, headers=owner)
    assert (without.status_code, without.json()["code"]) == (400, "key_missing")


async def test_another_plan_follows_the_cycle_at_hand_or_none_does(api, owner):
    await take(api, owner, plan="monthly", when="now")
    wished = (await take(api, owner, plan="keep", when="next_cycle")).json()
    assert (wished["plan"]["id"], wished["follows"]["plan"], wished["follows"]["price"]) == (
        "monthly", "keep", yuan(36),
    )  # fmt: skip
    ending = (await api.client.post(f"{PLAN}/cancel", headers=owner)).json()
    assert (ending["ending"], ending["follows"], ending["standing"]) == (True, None, "active")
    api.database.clock_offset += timedelta(days=40)
    await Renewals(database=api.database, catalogue=CatalogueCache(), lanes=16).run()
    over = (await api.client.get(PLAN, headers=owner)).json()
    assert (over["plan"], over["standing"]) == (None, "ended")
    again = await api.client.post(f"{PLAN}/cancel", headers=owner)
    assert (again.status_code, again.json()["code"]) == (409, "line_plan_none")


async def test_a_plan_that_waits_says_what_is_missing_and_begins_with_the_money(api, owner):
    waits = (await take(api, owner, plan="monthly", when="when_paid")).json()
    assert (waits["plan"]["id"], waits["standing"], waits["missing"]) == ("monthly", "grace", yuan(30))
    assert (waits["lapses_at"], waits["follows"], waits["included"]) == (None, None, [])
    again = await take(api, owner, plan="monthly", when="when_paid")
    assert (again.status_code, again.json()["standing"], len(await taken_by_trail(api))) == (200, "grace", 1)
    assert (await take(api, owner, plan="week", when="when_paid")).json()["code"] == "line_plan_held"
    assert (await take(api, owner, plan="keep", when="next_cycle")).json()["code"] == "line_plan_unpaid"
    await Renewals(database=api.database, catalogue=CatalogueCache(), lanes=16).run()
    begun = (await api.client.get(PLAN, headers=owner)).json()
    assert (begun["standing"], begun["missing"], begun["paid"]) == ("active", None, yuan(30))


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"plan": "nothing", "when": "now"}, 422, "line_plan_unknown"),
        ({"plan": "monthly", "when": "now", "at_most": yuan(29)}, 409, "line_plan_price_changed"),
        ({"plan": "monthly", "when": "now", "at_most": {"amount_minor": 1, "currency": "USD"}}, 422, "currency_wrong"),
        ({"plan": "monthly", "when": "tomorrow"}, 422, "body_invalid"),
    ],
)
async def test_what_cannot_be_is_refused_and_moves_nothing(api, owner, wish, status, code):
    refused = await take(api, owner, **wish)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await api.client.get(PLAN, headers=owner)).json()["plan"] is None


async def test_who_may_only_read_takes_no_plan(api, owner):
    reader = await key(api, Role.READER)
    assert (await api.client.get(PLAN, headers=reader)).status_code == 200
    refused = await take(api, reader, plan="monthly", when="now")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
