"""Same key, same answer; same key, other body: refused (G6), through real HTTP on a real database."""

import asyncio
from collections import Counter
from datetime import timedelta

import httpx
import pytest

from topup.kernel.ids import lane_of, new_id
from topup.platform.request_keys import LEASE_S, KeyedRequest, RequestKeys


async def orders_of(api, quote_id: str) -> int:
    async with api.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT count(*) FROM orders.orders WHERE quote_id = %s", (quote_id,)
        )
        return (await cursor.fetchone())[0]


async def test_the_same_request_has_the_same_answer(api):
    quote = await api.quote()
    first = await api.order(quote["id"], key="k")
    again = await api.order(quote["id"], key="k")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    paid = [await api.pay(first.json()["id"], key="p") for _ in range(2)]
    assert paid[0].status_code == 201
    assert paid[0].content == paid[1].content
    assert await orders_of(api, quote["id"]) == 1


async def test_the_answer_stays_as_it_was_given_whatever_happened_since(api):
    made = await api.order(key="k", quote_id=(await api.quote())["id"])
    order = made.json()
    await api.client.post(f"/api/v1/orders/{order['id']}/cancel")
    again = await api.order(order["quote_id"], key="k")
    assert again.content == made.content


async def test_spelling_is_not_content(api):
    quote = await api.quote()
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    bodies = [
        f'{{"quote_id":"{quote["id"]}","confirmations":["large_amount","duplicate"]}}',
        f'{{"confirmations": ["duplicate","large_amount","duplicate"], "contact": null, "quote_id": "{quote["id"]}"}}',
    ]
    answers = [await api.client.post("/api/v1/orders", content=body, headers=headers) for body in bodies]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content


async def test_another_body_under_the_key_is_refused(api):
    one, other = await api.quote(), await api.quote()
    await api.order(one["id"], key="k")
    for body in ({"quote_id": other["id"]}, {"quote_id": one["id"], "contact": "lin@example.com"}):
        refused = await api.order(**body, key="k")
        assert refused.status_code == 422
        assert refused.json()["code"] == "key_reused"


async def test_a_payment_key_belongs_to_its_order(api):
    orders = [(await api.order(confirmations=["duplicate"])).json() for _ in range(2)]
    assert (await api.pay(orders[0]["id"], key="k")).status_code == 201
    refused = await api.pay(orders[1]["id"], key="k")
    assert refused.json()["code"] == "key_reused"


@pytest.mark.parametrize(("key", "code"), [(None, "key_missing"), ("", "key_missing"), ("x" * 256, "key_unreadable")])
async def test_a_key_is_needed_and_bounded(api, key, code):
    headers = {} if key is None else {"Idempotency-Key": key}
    for path, body in (
        ("/api/v1/orders", {"quote_id": (await api.quote())["id"]}),
        (f"/api/v1/orders/{new_id('order', 1)}/payments", {"method": "sandbox"}),
    ):
        refused = await api.client.post(path, json=body, headers=headers)
        assert refused.status_code == 400
        assert refused.json()["code"] == code


async def test_a_refusal_leaves_the_key_free(api):
    await api.order()
    quote = await api.quote()
    asked = await api.order(quote["id"], key="k")
    assert asked.status_code == 409
    assert asked.json()["code"] == "confirmation_needed"
    assert asked.json()["confirmations"] == ["duplicate"]
    confirmed = await api.order(quote["id"], key="k", confirmations=["duplicate"])
    assert confirmed.status_code == 201


async def test_a_request_that_still_runs_is_not_begun_twice_and_dead_work_is_taken_over(api):
    """A process that died between claim and work: first refused, after the lease done under the same id."""
    quote = await api.quote()
    dead = RequestKeys(database=api.database, lanes=16)
    resource = new_id("order", lane_of(quote["id"]))
    from topup.channels.api.rendering import encode  # noqa: PLC0415 - the canonical spelling, as the dead process had it

    claim = await dead.claim(
        request=KeyedRequest("guest", "POST /orders", "k", encode((quote["id"], None, [])), resource)
    )
    running = await api.order(quote["id"], key="k")
    assert running.status_code == 409
    assert running.json()["code"] == "request_running"
    assert running.headers["retry-after"] == "1"
    api.database.clock_offset += timedelta(seconds=LEASE_S)
    taken = await api.order(quote["id"], key="k")
    assert taken.status_code == 201
    assert taken.json()["id"] == claim.resource
    await dead.aclose()


async def test_races_on_one_key_make_one_thing_and_give_one_answer(api):
    """G6: many at once, on few keys, some with another body; then all again."""
    rounds, racers = 12, 24
    outcomes: Counter[str] = Counter()
    bodies_per_key = []
    limits = httpx.Limits(max_connections=racers)
    async with httpx.AsyncClient(base_url=api.url, trust_env=False, timeout=30, limits=limits) as client:
        for number in range(rounds):
            one, other = await api.quote(), await api.quote()

            async def race(racer: int, key=f"race-{number}", one=one["id"], other=other["id"]) -> httpx.Response:
                quote_id = other if racer % 6 == 5 else one
                return await client.post(
                    "/api/v1/orders",
                    json={"quote_id": quote_id, "confirmations": ["duplicate"]},
                    headers={"Idempotency-Key": key},
                )

            answers = await asyncio.gather(*map(race, range(racers)))
            answers += await asyncio.gather(*map(race, range(racers)))
            made = {answer.content for answer in answers if answer.status_code == 201}
            bodies_per_key.append(len(made))
            for answer in answers:
                replayed = "idempotent-replayed" in answer.headers
                outcomes["replayed" if replayed else answer.json().get("code", "made")] += 1
            assert await orders_of(api, one["id"]) + await orders_of(api, other["id"]) == 1
    total = sum(outcomes.values())
    print(f"G6 keys={rounds} requests={total} outcomes={dict(outcomes)} answers per key={set(bodies_per_key)}")
    assert outcomes["made"] == rounds
    assert set(bodies_per_key) == {1}
    assert set(outcomes) <= {"made", "replayed", "request_running", "key_reused"}
    assert outcomes["key_reused"] > 0
    assert outcomes["replayed"] > 0
