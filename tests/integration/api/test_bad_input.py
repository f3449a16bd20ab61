"""Whatever is sent gets a clear answer, and never a 500."""

import asyncio
import json
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

QUOTES = "/api/v1/quotes"
# Fixed, because parallel runs must name their cases alike.
ABSENT_ORDER = "ord_01m7xs8757011kasyrprzz017p"
ABSENT_QUOTE = "quo_01m7xs8757011kasyrprzz017p"
IN_NO_LANE = "ord_01m7xs8757zzhkasyrprzz017p"
JSON = {"Content-Type": "application/json", "Idempotency-Key": "k"}


def nested(depth: int) -> bytes:
    return b'{"number":"1","amount":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body_unreadable"),
        (b"{", 400, "body_unreadable"),
        (b"[" * 60_000, 422, "body_invalid"),
        (nested(20_000), 422, "body_invalid"),
        (b'{"number":' * 5_000, 422, "body_invalid"),
        (b'{"number":"138\xff"}', 400, "body_unreadable"),
        (b'{"number":"\\ud800"}', 400, "body_unreadable"),
        (b'{"number":"13800138000\\u0000"}', 422, "body_invalid"),
        (b'{"number":"13800138000\\n"}', 422, "body_invalid"),
        (b'{"number":13800138000}', 422, "body_invalid"),
        (b'{"number":"13800138000","surprise":1}', 422, "body_invalid"),
        (b'{"number":"' + b"1" * 65 + b'"}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":5000.0,"currency":"CNY"}}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":true,"currency":"CNY"}}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":"5000","currency":"CNY"}}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":9007199254740993,"currency":"CNY"}}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":1e999,"currency":"CNY"}}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":-1,"currency":"CNY"}}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":NaN,"currency":"CNY"}}', 400, "body_unreadable"),
        (b'{"number":"13800138000","amount":{"amount_minor":5000,"currency":"cny"}}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":5000,"currency":"CNY\\n"}}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":5000}}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":5000}', 422, "body_invalid"),
        (b'{"number":"13800138000","amount":{"amount_minor":0,"currency":"CNY"}}', 422, "amount_too_small"),
        (
            b'{"number":"13800138000","amount":{"amount_minor":9007199254740991,"currency":"CNY"}}',
            422,
            "amount_too_large",
        ),
        (b'{"number":"13800138000","amount":{"amount_minor":5000,"currency":"USD"}}', 422, "currency_wrong"),
        (b'{"number":"13800138000"}', 422, "product_or_amount"),
        (b'{"number":"13800138000","product":"no-such-pack"}', 422, "product_unknown"),
        (b'{"number":""}', 422, "number_missing"),
        (b'{"number":"call 13800138000"}', 422, "number_unreadable"),
        (b'{"number":"138001380001234","product":"x"}', 422, "number_impossible"),
        # An asset of ours, not a currency, though it has three letters.
        (b'{"number":"13800138000","amount":{"amount_minor":5000,"currency":"SMS"}}', 422, "currency_wrong"),
        (b'{"number":"13800138000","amount":{"amount_minor":5000,"currency":"XTS"}}', 422, "currency_wrong"),
        (b"null", 422, "body_invalid"),
        (b'"text"', 422, "body_invalid"),
        (b" " * 70_000, 413, "body_too_large"),
    ],
)
async def test_each_mistake_in_a_quote_has_its_answer(still_api, body, status, code):
    answered = await still_api.client.post(QUOTES, content=body, headers=JSON)
    assert (answered.status_code, answered.json()["code"]) == (status, code), answered.text
    assert answered.headers["content-type"] == "application/problem+json"


async def test_a_wrong_member_is_named(still_api):
    body = {"number": "13800138000", "amount": {"amount_minor": "5000", "currency": "CNY"}}
    told = (await still_api.client.post(QUOTES, json=body, headers={"Accept-Language": "en"})).json()
    assert told["field"] == "$.amount.amount_minor"
    assert told["reason"] == "Expected `int`, got `str`"
    assert told["who_must_act"] == "you"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"quote_id": "quo_unknown"}, "quote_unknown"),
        ({"quote_id": ABSENT_QUOTE}, "quote_unknown"),
        ({"quote_id": ABSENT_ORDER}, "quote_unknown"),
        ({"quote_id": ""}, "quote_unknown"),
        ({"quote_id": "x", "confirmations": ["everything"]}, "body_invalid"),
        ({"quote_id": "x", "confirmations": "duplicate"}, "body_invalid"),
        ({"quote_id": "x", "contact": "a\r\nBcc: b@example.com"}, "body_invalid"),
    ],
)
async def test_each_mistake_in_an_order_has_its_answer(still_api, body, code):
    answered = await still_api.client.post("/api/v1/orders", json=body, headers=JSON)
    assert answered.json()["code"] == code


async def test_a_contact_that_is_no_address_is_refused(still_api):
    refused = await still_api.order(contact="nobody")
    assert (refused.status_code, refused.json()["code"]) == (422, "contact_unreadable")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "route_unknown"),
        ("GET", "/api/v1/orders", 405, "method_not_allowed"),
        ("DELETE", "/api/v1/orders/ord_x", 405, "method_not_allowed"),
        ("GET", "/api/v1/orders/ord_x", 404, "order_unknown"),
        ("GET", "/api/v1/orders/%00", 404, "order_unknown"),
        ("GET", "/api/v1/orders/%FF%FE", 404, "order_unknown"),
        ("GET", f"/api/v1/orders/{IN_NO_LANE}", 404, "order_unknown"),
        ("GET", f"/api/v1/orders/{ABSENT_ORDER}/receipt", 404, "order_unknown"),
        ("GET", f"/api/v1/orders/{ABSENT_ORDER}/receipt.pdf", 404, "order_unknown"),
        ("POST", f"/api/v1/orders/{ABSENT_ORDER}/cancel", 404, "order_unknown"),
        ("GET", "/api/v1/quotes/quo_x/methods", 404, "quote_unknown"),
        ("GET", "/api/v1/products", 422, "number_missing"),
        ("GET", "/api/v1/products?number=", 422, "number_missing"),
        ("GET", "/api/v1/numbers/%00", 422, "number_unreadable"),
        ("GET", "/api/v1/numbers/" + "1" * 5000, 422, "number_unreadable"),
        ("GET", "/api/v1/numbers/+12125550100", 422, "number_not_served"),
        ("POST", "/webhooks/nobody", 404, "method_unknown"),
        ("POST", "/webhooks/carriers/nobody", 404, "carrier_unknown"),
        ("POST", "/sandbox/payments/pay_x", 415, "body_type_unsupported"),
    ],
)
async def test_each_mistake_in_an_address_has_its_answer(still_api, method, path, status, code):
    answered = await still_api.client.request(method, path)
    assert (answered.status_code, answered.json()["code"]) == (status, code), answered.text


@pytest.mark.parametrize(
    "query",
    ["number=+8613800138000", "number=%2B8613800138000", "number=138+0013+8000", "x=1&number=138%200013%208000"],
)
async def test_a_number_in_a_query_is_read_as_it_was_meant(still_api, query):
    answered = await still_api.client.get(f"/api/v1/products?{query}")
    assert answered.json()["number"]["number"] == "+8613800138000"


@pytest.mark.parametrize("text", ["+8613800138000", "%2B8613800138000", "%252B8613800138000", "138%200013%208000"])
async def test_a_number_in_a_path_is_read_as_it_was_meant(still_api, text):
    assert (await still_api.client.get(f"/api/v1/numbers/{text}")).json()["number"] == "+8613800138000"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
members = st.sampled_from(["number", "product", "amount", "payment_method", "quote_id", "contact", "confirmations"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(members, json_values, max_size=5) | json_values)
async def test_no_json_is_too_strange(still_api, body):
    content = json.dumps(body)
    for path in (QUOTES, "/api/v1/orders", f"/api/v1/orders/{ABSENT_ORDER}/payments"):
        answered = await still_api.client.post(path, content=content.encode(), headers=JSON)
        assert 400 <= answered.status_code < 500, answered.text
        assert answered.json()["code"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200),
    headers=st.dictionaries(
        st.sampled_from(["Accept-Language", "Cookie", "Idempotency-Key", "X-Forwarded-For"]),
        st.text("abc;=,*-q0.9zhent ", max_size=40).map(str.strip),
    ),
)
async def test_no_bytes_are_too_strange(still_api, body, headers):
    for path in (QUOTES, "/api/v1/orders", "/webhooks/sandbox"):
        answered = await still_api.client.post(path, content=body, headers=JSON | headers)
        assert 400 <= answered.status_code < 500, answered.text


async def test_a_request_cut_short_hurts_nobody(still_api):
    host, port = still_api.url.removeprefix("http://").split(":")
    head = b"POST /api/v1/quotes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
    for _ in range(20):
        _, writer = await asyncio.open_connection(host, int(port))
        with closing(writer):
            writer.write(head)
            await writer.drain()
        await writer.wait_closed()
    assert (await still_api.client.get("/health/live")).json() == {"status": "ok"}
