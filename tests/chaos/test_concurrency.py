"""Many at once through real HTTP: the same key, the same quote, the same event; pay, cancel and expiry in a race."""

import asyncio
import json
import sqlite3
from collections import Counter
from uuid import uuid4

import httpx
import pytest

from tests.support.chaos import Topup
from tests.support.crowd import Crowd
from tests.support.truth import open_books, wrongs
from topup_simulators.gateway.seal import Seal

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

CLIENTS = 32
FIFTY = {"number": "13800138000", "amount": {"amount_minor": 5000, "currency": "CNY"}}


@pytest.fixture
async def busy(topup: Topup, crowd: Crowd) -> Crowd:
    """A crowd before a topup that serves."""
    await topup.start()
    return crowd


async def at_once(crowd: Crowd, path: str, body: object, keys: list[str]) -> list[httpx.Response]:
    """The same request under each of the keys, all at the same time, each from a connection of its own."""
    client = crowd.caller.client
    return await asyncio.gather(
        *(client.post(path, json=body, headers={"Idempotency-Key": key}) for key in keys), return_exceptions=False
    )


def codes(answers: list[httpx.Response]) -> Counter[str]:
    return Counter("made" if answer.is_success else answer.json()["code"] for answer in answers)


async def quote(crowd: Crowd) -> dict:
    return {"quote_id": (await crowd.caller.get("POST", "/api/v1/quotes", FIFTY))["id"], "confirmations": ["duplicate"]}


async def test_one_key_from_many_clients_is_one_order_and_one_payment(busy, figures):
    bodies = set()
    outcomes: Counter[str] = Counter()
    rounds = 8
    for _ in range(rounds):
        order = await quote(busy)
        key = uuid4().hex
        made = await at_once(busy, "/api/v1/orders", order, [key] * CLIENTS)
        again = await at_once(busy, "/api/v1/orders", order, [key] * CLIENTS)
        assert {answer.content for answer in made if answer.is_success} == {again[0].content}
        assert codes(again) == {"made": CLIENTS}
        path = f"/api/v1/orders/{again[0].json()['id']}/payments"
        paid = await at_once(busy, path, {"method": "sandbox"}, [key] * CLIENTS)
        paid += await at_once(busy, path, {"method": "sandbox"}, [key])
        assert len({answer.json()["id"] for answer in paid if answer.is_success}) == 1
        outcomes += codes(made) + codes(paid)
        bodies.add(again[0].content)
    assert len(bodies) == rounds
    assert set(outcomes) <= {"made", "request_running"}
    figures("G6", keys=2 * rounds, clients=CLIENTS, outcomes=dict(outcomes), answers_per_key=1)


async def test_a_double_click_buys_once(busy):
    """A page that sends twice, each time under a key of its own: the quote is used once."""
    for _ in range(4):
        order = await quote(busy)
        clicks = await at_once(busy, "/api/v1/orders", order, [uuid4().hex for _ in range(CLIENTS)])
        assert codes(clicks) == {"made": 1, "quote_used": CLIENTS - 1}


async def test_a_duplicate_is_asked_about_however_close_together_they_come(busy, figures):
    """Different quotes of one number and amount at the same moment: one goes through, the others are asked (G30)."""
    quotes = [await quote(busy) for _ in range(CLIENTS)]
    client = busy.caller.client
    answers = await asyncio.gather(
        *(
            client.post(
                "/api/v1/orders", json={"quote_id": wanted["quote_id"]}, headers={"Idempotency-Key": uuid4().hex}
            )
            for wanted in quotes
        )
    )
    found = codes(answers)
    assert found == {"made": 1, "confirmation_needed": CLIENTS - 1}
    figures.never("G30", silent_duplicates=found["made"] - 1, of=CLIENTS - 1)


def event_of(topup: Topup, payment_id: str) -> tuple[bytes, dict[str, str]]:
    """The gateway's own word that a payment was paid, signed as it signs."""
    with sqlite3.connect(f"file:{topup.outside.folder / 'gateway' / 'gateway.sqlite'}?mode=ro", uri=True) as store:
        row = store.execute(
            "SELECT reference, amount_minor, currency, paid_at FROM charges WHERE payment_id = ?", (payment_id,)
        ).fetchone()
    store.close()
    facts = dict(zip(("reference", "amount_minor", "currency", "paid_at"), row, strict=True))
    event = {"event_id": f"evt_{uuid4().hex}", "type": "payment.paid", "merchant": "demo", "payment_id": payment_id}
    body = json.dumps({**event, **facts}, separators=(",", ":")).encode()
    return body, Seal(topup.outside.folder / "gateway").event_headers(body, forged=False)


async def test_an_event_delivered_many_times_in_parallel_has_one_effect(busy, topup, figures):
    await topup.outside.gateway.control("notifications", {"paused": True})
    order = (await at_once(busy, "/api/v1/orders", await quote(busy), [uuid4().hex]))[0].json()["id"]
    paid = await at_once(busy, f"/api/v1/orders/{order}/payments", {"method": "sandbox"}, [uuid4().hex])
    payment = paid[0].json()["id"]
    await busy.caller.get("POST", f"/sandbox/payments/{payment}", {"outcome": "pay"})
    body, headers = event_of(topup, payment)
    times = 4 * CLIENTS
    answers = await asyncio.gather(
        *(busy.caller.client.post("/webhooks/sandbox", content=body, headers=headers) for _ in range(times))
    )
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "success")}
    await topup.outside.gateway.control("notifications", {"paused": False, "hasten": True})
    books = await busy.settle(patience_s=60)
    assert wrongs(books, []) == []
    assert books.orders[order]["state"] == "delivered"
    assert books.balances["+8613800138000"] == 5000
    figures("G8", event_sent=times, captures=len(books.captures), credited=1)


async def test_pay_cancel_and_expiry_in_a_race_lose_no_money(busy, figures):
    kinds = ["pays, cancels and expires at once"] * CLIENTS + ["cancels while paying"] * 8
    busy.send(kinds)
    books = await busy.settle(patience_s=90)
    assert wrongs(books, busy.journeys) == []
    ends = Counter(row["state"] for row in (await open_books(busy.topup)).orders.values())
    assert set(ends) <= {"delivered", "cancelled", "expired"}
    figures("G10", races=len(kinds), ends=dict(ends), charges=len(books.charges), stuck=0)
