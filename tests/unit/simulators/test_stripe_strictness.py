"""Simulated Stripe refuses what the real one would: keys, versions, forms, amounts, bounds, reused idempotency keys."""

import time
from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup_simulators.stripe.forms import Fields, Refusal, read_form

FORM = {
    "mode": "payment",
    "success_url": "http://127.0.0.1:8080/done",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "2000",
    "line_items[0][price_data][product_data][name]": "Credit",
}
CURRENCY, AMOUNT = "line_items[0][price_data][currency]", "line_items[0][price_data][unit_amount]"


@pytest.fixture
async def api(stripe, stripe_key):
    headers = {"authorization": f"Bearer {stripe_key}"}
    async with httpx.AsyncClient(trust_env=False, base_url=stripe.url, headers=headers) as client:
        yield client


async def refused(api, changes, **more):
    fields = {name: value for name, value in {**FORM, **changes}.items() if value is not None}
    answer = await api.post("/v1/checkout/sessions", data=fields, **more)
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"mode": None}, "parameter_missing", "mode"),
        ({"mode": "subscription"}, None, "mode"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"success_url": "ftp://127.0.0.1/"}, "url_invalid", "success_url"),
        ({"cancel_url": "nowhere"}, "url_invalid", "cancel_url"),
        ({AMOUNT: "20.00"}, "parameter_invalid_integer", AMOUNT),
        ({AMOUNT: "-1"}, "parameter_invalid_integer", "line_items[0]"),
        ({AMOUNT: "49"}, "amount_too_small", AMOUNT),
        ({AMOUNT: "100000000"}, "amount_too_large", AMOUNT),
        ({CURRENCY: "USD"}, None, "currency"),
        ({CURRENCY: "isk", AMOUNT: "550"}, None, AMOUNT),
        ({CURRENCY: "kwd", AMOUNT: "5124"}, None, AMOUNT),
        ({"locale": "tlh"}, None, "locale"),
        ({"expires_at": "1"}, None, "expires_at"),
        ({"expires_at": "9" * 12}, None, "expires_at"),
        ({"payment_method_types[0]": "alipay"}, None, "payment_method_types"),
        ({"client_reference_id": "x" * 201}, "parameter_invalid_string", "client_reference_id"),
        ({"metadata[word]": "x" * 501}, None, "metadata"),
        ({"line_items[0][surprise]": "1"}, "parameter_unknown", "line_items[0][surprise]"),
        ({"surprise": "1"}, "parameter_unknown", "surprise"),
    ],
)
async def test_a_form_that_is_not_right_is_refused_with_its_parameter(api, changes, code, param):
    status, error = await refused(api, changes)
    assert (status, error["type"], error.get("code"), error["param"]) == (400, "invalid_request_error", code, param)


async def test_a_page_lasts_half_an_hour_to_a_day(api):
    now = int(time.time())
    for after, accepted in ((1790, False), (1810, True), (86_390, True), (86_410, False)):
        answer = await api.post("/v1/checkout/sessions", data={**FORM, "expires_at": str(now + after)})
        assert (answer.status_code == 200) == accepted, after


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer sk_test_another"}, 401),
        ({"authorization": "Basic !!!"}, 401),
        ({"stripe-version": "yesterday"}, 400),
        ({"stripe-version": "2999-01-01"}, 400),
        ({"content-type": "application/json"}, 415),
        ({"idempotency-key": "x" * 256}, 400),
    ],
)
async def test_headers_that_are_not_right_are_refused(api, headers, status):
    answer = await api.post("/v1/checkout/sessions", data=FORM, headers=headers)
    assert answer.status_code == status
    assert "error" in answer.json()


async def test_a_key_is_for_one_request_with_the_same_parameters(api):
    key = {"idempotency-key": f"test-{time.time_ns()}"}
    first = await api.post("/v1/checkout/sessions", data=FORM, headers=key)
    again = await api.post("/v1/checkout/sessions", data=FORM, headers=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    status, error = await refused(api, {AMOUNT: "2001"}, headers=key)
    assert (status, error["type"]) == (400, "idempotency_error")
    elsewhere = await api.post("/v1/refunds", data=FORM, headers=key)
    assert elsewhere.json()["error"]["type"] == "idempotency_error"


async def test_what_was_refused_for_its_form_is_not_kept(api):
    key = {"idempotency-key": f"test-{time.time_ns()}"}
    assert (await refused(api, {AMOUNT: "1"}, headers=key))[0] == 400
    assert (await api.post("/v1/checkout/sessions", data=FORM, headers=key)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/nothing"), ("POST", "/v1/checkout"), ("DELETE", "/v1/refunds/re_1"), ("GET", "/v1/refunds/re_none")],
)
async def test_what_is_not_there_is_404(api, method, path):
    assert (await api.request(method, path)).status_code == 404


@given(st.text(st.sampled_from("ab[]=&%0129+ é\x00"), max_size=60))
def test_no_form_crashes(text):
    with suppress(Refusal):
        fields = Fields(read_form(text))
        fields.texts("a")
        fields.inners("b")
        fields.done()


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(max_size=20), min_size=1, max_size=6))
def test_what_is_written_is_read(content):
    assert read_form(str(httpx.QueryParams(content))) == content
