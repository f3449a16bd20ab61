"""What needs a key, what only this machine may see, what a demonstration has and production has not."""

import httpx
import pytest

from topup.orders.desk import Desk
from topup.people.operations import create_key, revoke_key
from topup.people.permissions import Role

from .conftest import OPENED, UNOPENED, furnish, serving_api

BALANCE = f"/api/v1/lines/{OPENED}/balance"
STRANGER = {"X-Forwarded-For": "198.51.100.1"}


async def key(api, role: Role) -> dict[str, str]:
    async with api.database.transaction() as transaction:
        created = await create_key(transaction.connection, role=role, label="test", now=transaction.now)
    return {"Authorization": f"Bearer {created.secret}"}


async def test_a_balance_is_shown_to_a_key_that_may_and_to_nobody_else(still_api):
    shown = await still_api.client.get(BALANCE, headers=await key(still_api, Role.READER))
    assert shown.status_code == 200
    assert shown.json()["number"] == "+8613800138000"
    assert shown.json()["credit"]["currency"] == "CNY"
    for headers, status, code in (
        ({}, 401, "credentials_missing"),
        ({"Authorization": "Bearer topup_guess"}, 401, "credentials_wrong"),
        ({"Authorization": "Basic dTpw"}, 401, "credentials_wrong"),
        ({"Authorization": "Bearer"}, 401, "credentials_wrong"),
        ({"Authorization": "Bearer \xff"}, 401, "credentials_wrong"),
        (await key(still_api, Role.AUDITOR), 403, "not_permitted"),
    ):
        refused = await still_api.client.get(BALANCE, headers={k: v.encode("latin-1") for k, v in headers.items()})
        assert (refused.status_code, refused.json()["code"]) == (status, code)
        assert ("www-authenticate" in refused.headers) is (status == 401)


async def test_a_number_without_a_line_has_no_balance(still_api):
    headers = await key(still_api, Role.SUPPORT)
    answered = await still_api.client.get(f"/api/v1/lines/{UNOPENED}/balance", headers=headers)
    assert (answered.status_code, answered.json()["code"]) == (404, "line_unknown")


async def test_a_revoked_key_is_none(still_api):
    async with still_api.database.transaction() as transaction:
        created = await create_key(transaction.connection, role=Role.READER, label="", now=transaction.now)
        await revoke_key(transaction.connection, key_id=created.id, now=transaction.now)
    answered = await still_api.client.get(BALANCE, headers={"Authorization": f"Bearer {created.secret}"})
    assert answered.status_code == 401


async def test_idempotency_keys_of_a_key_and_of_guests_are_apart(api):
    first = await api.order((await api.quote())["id"], key="k")
    quote = await api.quote()
    second = await api.client.post(
        "/api/v1/orders",
        json={"quote_id": quote["id"], "confirmations": ["duplicate"]},
        headers={"Idempotency-Key": "k", **await key(api, Role.READER)},
    )
    assert (first.status_code, second.status_code) == (201, 201)


async def test_health_tells_strangers_only_whether(still_api):
    assert (await still_api.client.get("/health/live")).json() == {"status": "ok"}
    assert (await still_api.client.get("/health/ready")).json() == {"status": "ok", "checks": {"database": "ok"}}
    assert (await still_api.client.get("/health/ready", headers=STRANGER)).json() == {"status": "ok"}
    told = await still_api.client.get("/health/ready", headers=STRANGER | await key(still_api, Role.OPERATOR))
    assert told.json()["checks"] == {"database": "ok"}


async def test_metrics_are_for_this_machine_or_a_key(still_api):
    shown = await still_api.client.get("/metrics")
    assert shown.headers["content-type"].startswith("text/plain")
    assert shown.headers["content-type"].count("charset=") == 1
    assert "topup_http_request_seconds_bucket" in shown.text
    refused = await still_api.client.get("/metrics", headers=STRANGER)
    assert (refused.status_code, refused.json()["code"]) == (401, "credentials_missing")
    keyed = await still_api.client.get("/metrics", headers=STRANGER | await key(still_api, Role.AUDITOR))
    assert keyed.status_code == 200
    barred = await still_api.client.get("/metrics", headers=STRANGER | await key(still_api, Role.READER))
    assert barred.status_code == 403


async def test_metrics_and_logs_hold_no_number(still_api):
    """G28: a number in a path reaches no label."""
    await still_api.client.get(f"/api/v1/numbers/{OPENED}")
    await still_api.client.get(f"/nowhere/{OPENED}")
    assert OPENED not in (await still_api.client.get("/metrics")).text


async def test_a_process_that_cannot_work_says_so(database, tmp_path):
    async def broken() -> None:
        raise ConnectionError("postgresql://user:secret@host")

    await furnish(database)
    async with serving_api(database, tmp_path, {}, checks={"gateway": broken}) as api:
        told = await api.client.get("/health/ready", headers={"Accept-Language": "en"})
        assert (told.status_code, told.json()["code"]) == (503, "not_ready")
        assert told.json()["checks"] == ["database: ok", "gateway: ConnectionError"]
        assert "secret" not in told.text
        assert int(told.headers["retry-after"]) > 0
        hidden = await api.client.get("/health/ready", headers=STRANGER)
        assert hidden.status_code == 503
        assert hidden.json()["checks"] == []
        assert (await api.client.get("/health/live")).status_code == 200


async def test_production_has_no_simulated_payer(database, tmp_path):
    await furnish(database)
    async with serving_api(database, tmp_path, {}, demo=False) as api:
        answered = await api.client.post("/sandbox/payments/pay_x", json={"outcome": "pay"})
        assert (answered.status_code, answered.json()["code"]) == (404, "route_unknown")
        assert "/sandbox/payments/{payment_id}" not in (await api.client.get("/api/openapi.json")).json()["paths"]


STRANGER = {"X-Forwarded-For": "198.51.100.1"}
"""A demonstration does not limit callers on its own machine, and these come through a proxy that is not trusted."""


@pytest.mark.parametrize(
    ("limit", "method", "path"),
    [
        ("numbers_per_minute", "GET", f"/api/v1/numbers/{OPENED}"),
        ("numbers_per_minute", "GET", f"/api/v1/products?number={OPENED}"),
        ("quotes_per_minute", "POST", "/api/v1/quotes"),
        ("orders_per_minute", "POST", "/api/v1/orders"),
        ("orders_per_minute", "POST", "/api/v1/orders/ord_x/payments"),
        ("orders_per_minute", "POST", "/api/v1/orders/ord_x/cancel"),
        ("orders_per_minute", "GET", "/api/v1/orders/ord_x/receipt.pdf"),
        ("reads_per_minute", "GET", "/api/v1/orders/ord_x"),
        ("reads_per_minute", "GET", "/api/v1/orders/ord_x/receipt"),
        ("keys_per_minute", "GET", BALANCE),
    ],
)
async def test_each_route_has_its_limit(still_api, tmp_path, limit, method, path):
    desk: Desk = still_api.desk
    async with serving_api(still_api.database, tmp_path, {}, desk=desk, **{limit: 3}) as api:
        headers = STRANGER | ({"Authorization": "Bearer wrong"} if path == BALANCE else {})
        statuses = [(await api.client.request(method, path, headers=headers)).status_code for _ in range(5)]
        refused = await api.client.request(method, path, headers=headers)
    assert 429 not in statuses[:3]
    assert statuses[3:] == [429, 429]
    assert refused.json()["code"] == "too_many_requests"
    assert refused.headers["retry-after"] == str(refused.json()["retry_after_s"])


async def test_the_simulated_payer_is_not_limited(still_api, tmp_path):
    async with serving_api(still_api.database, tmp_path, {}, desk=still_api.desk, orders_per_minute=1) as api:
        path = "/sandbox/payments/pay_x"
        answers = [await api.client.post(path, json={"outcome": "pay"}, headers=STRANGER) for _ in range(3)]
    assert {answer.json()["code"] for answer in answers} == {"payment_unknown"}


async def test_the_events_of_gateways_are_not_limited(still_api, tmp_path):
    async with serving_api(still_api.database, tmp_path, {}, desk=still_api.desk, orders_per_minute=1) as api:
        answers: list[httpx.Response] = [
            await api.client.post("/webhooks/sandbox", content=b"forged") for _ in range(5)
        ]
    assert {answer.status_code for answer in answers} == {answers[0].status_code}
    assert answers[0].status_code < 500
