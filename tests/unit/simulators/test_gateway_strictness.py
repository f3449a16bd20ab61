"""The gateway believes nothing that our key did not sign, just now, for this merchant, for the first time."""

import base64
import json
import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.support.misbehaving import misbehaving, saying, with_body
from tests.support.simulators import a_payment
from topup.kernel.outcome import Reason, Refused, Unknown
from topup.platform.http import Response
from topup.plugins.payments.sandbox import Sandbox, ensure_merchant_keys


@pytest.fixture
def sign(gateway):
    """Signs as the merchant: written out here, so that the wire itself is under test."""
    key = load_pem_private_key(gateway.settings.private_key_file.read_bytes(), None)

    def sign(text: bytes) -> str:
        return base64.b64encode(key.sign(text)).decode()

    return sign


@pytest.fixture
def fields(sandbox):
    async def fields(**changes):
        url = (await sandbox.start(a_payment())).url
        form = dict(parse_qsl(url.split("?", 1)[1], keep_blank_values=True))
        return {**form, **changes}

    return fields


def signed(form, sign):
    """The form with a signature over what is in it."""
    bare = {name: form[name] for name in sorted(form) if name != "signature"}
    canonical = urlencode(bare, quote_via=quote, safe="")
    return {**bare, "signature": sign(f"form\n{canonical}".encode())}


async def opened(gateway, http_client, query):
    page = await http_client.send(method="GET", url=f"{gateway.url}/pay?{query}", route="test")
    code = re.search(rb'class="code">([A-Z_]+)<', page.body)
    return page.status, code[1].decode() if code else None


async def test_a_form_signed_by_hand_is_accepted(gateway, http_client, fields, sign):
    assert await opened(gateway, http_client, urlencode(signed(await fields(), sign))) == (200, None)


async def test_each_altered_field_is_refused(gateway, http_client, fields):
    form = await fields()
    for name, value in form.items():
        altered = {**form, name: value[:-1] + ("1" if value[-1] != "1" else "2")}
        status, code = await opened(gateway, http_client, urlencode(altered))
        assert status == 403, name
        assert code in {"BAD_SIGNATURE", "UNKNOWN_MERCHANT"}, name


async def test_each_missing_doubled_or_added_field_is_refused(gateway, http_client, fields):
    form = await fields()
    for name in form:
        missing = urlencode({other: value for other, value in form.items() if other != name})
        doubled = f"{urlencode(form)}&{urlencode({name: form[name]})}"
        for query in (missing, doubled):
            assert await opened(gateway, http_client, query) == (403, "BAD_FORM"), name
    assert await opened(gateway, http_client, urlencode({**form, "extra": "1"})) == (403, "BAD_FORM")
    assert await opened(gateway, http_client, "") == (403, "BAD_FORM")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount_minor": "0"}, "BAD_AMOUNT"),
        ({"amount_minor": "-5"}, "BAD_AMOUNT"),
        ({"amount_minor": "5.0"}, "BAD_AMOUNT"),
        ({"amount_minor": "５０"}, "BAD_AMOUNT"),
        ({"amount_minor": "9" * 13}, "BAD_AMOUNT"),
        ({"currency": "yuan"}, "BAD_CURRENCY"),
        ({"currency": "cny"}, "BAD_CURRENCY"),
        ({"return_url": "javascript:alert(1)"}, "BAD_ADDRESS"),
        ({"notify_url": "http://10.0.0.1/internal"}, "BAD_ADDRESS"),
        ({"notify_url": "http://127.0.0.1.example/"}, "BAD_ADDRESS"),
        ({"expires_at": "tomorrow"}, "BAD_FORM"),
        ({"expires_at": "2026-11-20T08:00:00"}, "BAD_FORM"),
        ({"payment_id": ""}, "BAD_FORM"),
        ({"payment_id": "x" * 65}, "BAD_FORM"),
        ({"timestamp": "9999999999"}, "STALE_REQUEST"),
        ({"timestamp": "soon"}, "STALE_REQUEST"),
        ({"merchant_id": "somebody"}, "UNKNOWN_MERCHANT"),
        ({"kid": "0" * 16}, "BAD_SIGNATURE"),
    ],
)
async def test_a_well_signed_form_that_makes_no_sense_is_refused(gateway, http_client, fields, sign, *, change, code):
    form = signed(await fields(**change), sign)
    assert await opened(gateway, http_client, urlencode(form)) == (403, code)


async def ask(gateway, http_client, sign, **changes):
    """A question written out by hand; `changes` spoil it after signing, `before_…` before."""
    body = changes.get("body", json.dumps({"payment_id": "pay_x"}).encode())
    timestamp = changes.get("before_timestamp", str(int(datetime.now(UTC).timestamp())))
    nonce = changes.get("before_nonce", base64.b16encode(datetime.now(UTC).isoformat().encode()).decode())
    path = changes.get("path", "/api/query")
    kind = changes.get("kind", "request")
    headers = {
        "x-sandbox-merchant": "demo",
        "x-sandbox-kid": changes["kid"],
        "x-sandbox-timestamp": timestamp,
        "x-sandbox-nonce": nonce,
        "x-sandbox-signature": sign(f"{kind}\nPOST\n{path}\n{timestamp}\n{nonce}\n".encode() + body),
        **changes.get("headers", {}),
    }
    response = await http_client.send(
        method="POST",
        url=gateway.url + changes.get("sent_path", path),
        route="test",
        headers=headers,
        content=changes.get("sent_body", body),
    )
    assert isinstance(response, Response)
    return json.loads(response.body)["code"]


async def test_a_question_is_believed_only_as_it_was_signed(gateway, http_client, fields, sign):
    kid = (await fields())["kid"]
    now = int(datetime.now(UTC).timestamp())
    signed_at, told = str(now - 60), str(now - 59)
    assert await ask(gateway, http_client, sign, kid=kid) == "PAYMENT_NOT_FOUND"
    spoilt = [
        ({"sent_body": b'{"payment_id":"pay_y"}'}, "BAD_SIGNATURE"),
        ({"sent_path": "/api/close"}, "BAD_SIGNATURE"),
        ({"kind": "form"}, "BAD_SIGNATURE"),
        ({"before_timestamp": signed_at, "headers": {"x-sandbox-timestamp": told}}, "BAD_SIGNATURE"),
        ({"headers": {"x-sandbox-nonce": "0" * 32}}, "BAD_SIGNATURE"),
        ({"headers": {"x-sandbox-signature": ""}}, "BAD_SIGNATURE"),
        ({"headers": {"x-sandbox-signature": "no base64"}}, "BAD_SIGNATURE"),
        ({"headers": {"x-sandbox-merchant": "somebody"}}, "UNKNOWN_MERCHANT"),
        ({"before_timestamp": str(now - 400)}, "STALE_REQUEST"),
        ({"before_timestamp": str(now + 400)}, "STALE_REQUEST"),
        ({"before_nonce": "short"}, "BAD_REQUEST"),
        ({"body": b"no json"}, "BAD_REQUEST"),
        ({"body": b'{"payment_id":7}'}, "BAD_REQUEST"),
        ({"path": "/api/nothing"}, "BAD_REQUEST"),
    ]
    for change, code in spoilt:
        assert await ask(gateway, http_client, sign, kid=kid, **change) == code, change


async def test_a_question_is_taken_once(gateway, http_client, fields, sign):
    kid = (await fields())["kid"]
    again = {"kid": kid, "before_nonce": datetime.now(UTC).isoformat()}
    assert await ask(gateway, http_client, sign, **again) == "PAYMENT_NOT_FOUND"
    assert await ask(gateway, http_client, sign, **again) == "NONCE_REUSED"


async def test_a_merchant_with_another_key_is_told_so_and_learns_nothing(gateway, http_client, tmp_path):
    ensure_merchant_keys(private_key_file=tmp_path / "k", public_key_file=tmp_path / "p")
    stranger = Sandbox(gateway.settings.model_copy(update={"private_key_file": tmp_path / "k"}), http_client)
    request = a_payment()
    assert await stranger.close(request.payment_id) == Refused(Reason.CONFIGURATION, "BAD_SIGNATURE")
    answer = await stranger.query(request.payment_id)
    assert (answer.facts, type(answer.problem)) == ((), Unknown)
    assert isinstance(await stranger.query_refund("ref_x", request.payment_id), Unknown)
    assert await stranger.sandbox_outcome(request, "pay") == Refused(Reason.USER, "BAD_SIGNATURE")


async def test_a_description_is_text_and_never_markup(gateway, sandbox, http_client):
    nasty = '<script>alert("1")</script>&amp;'
    page = await http_client.send(
        method="GET", url=(await sandbox.start(a_payment(description=nasty))).url, route="test"
    )
    text = page.body.decode()
    assert "<script" not in text
    assert nasty in unescape(text)
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_the_page_speaks_the_payers_language_and_says_what_it_is(sandbox, http_client):
    for locale, band, amount in (
        ("zh_Hans", "模拟器", ">¥50.00<"),
        ("zh-Hant", "模擬器", ">CN¥50.00<"),
        ("zh_TW", "模擬器", ">CN¥50.00<"),
        ("en", "SIMULATOR", ">CN¥50.00<"),
        ("fr", "模拟器", ">¥50.00<"),
    ):
        page = await http_client.send(
            method="GET", url=(await sandbox.start(a_payment(locale=locale))).url, route="test"
        )
        assert band in page.body.decode(), locale
        assert amount in page.body.decode(), locale


async def test_a_button_pays_and_leads_back_without_javascript(sandbox, http_client):
    request = a_payment()
    url = (await sandbox.start(request)).url
    page = (await http_client.send(method="GET", url=url, route="test")).body.decode()
    form = unescape(re.search(r'name="form" value="([^"]+)"', page)[1])
    sent = {
        "method": "POST",
        "url": url.split("?")[0],
        "route": "test",
        "headers": {"content-type": "application/x-www-form-urlencoded"},
        "content": urlencode({"form": form, "outcome": "pay"}).encode(),
    }
    answer = await http_client.send(**sent)
    assert (answer.status, answer.headers["location"]) == (303, request.return_url)
    again = await http_client.send(**sent)
    assert again.status == 200
    assert "已经付过了" in again.body.decode()
    assert 'name="outcome"' not in again.body.decode()


async def test_an_answer_to_another_question_is_not_believed(gateway, sandbox, http_client):
    """A recorded, well signed answer, replayed to the next question: the nonce gives it away."""
    recorded = []
    send = http_client.send

    async def record(**call):
        response = await send(**call)
        recorded.append(response)
        return response

    http_client.send = record
    request = a_payment()
    await sandbox.query(request.payment_id)
    [response] = recorded
    head = "".join(f"{n}: {v}\r\n" for n, v in response.headers.items() if n.startswith("x-sandbox")).encode()
    http_client.send = send
    async with misbehaving(saying(with_body(response.body, headers=head))) as (url, _):
        fooled = Sandbox(gateway.settings.model_copy(update={"base_url": url}), http_client)
        answer = await fooled.query(request.payment_id)
    assert (answer.facts, type(answer.problem)) == ((), Unknown)
