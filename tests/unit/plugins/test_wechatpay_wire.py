"""WeChat Pay's wire: how our calls are signed, whose answers are believed, and which certificates count."""

import asyncio
import base64
import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from wechatpayv3.utils import rsa_sign

from tests.support.misbehaving import misbehaving
from tests.support.simulators import a_payment
from tests.support.wechatpay import Platform, a_certificate, a_key, an_order, sealed, serial_of
from topup.kernel.outcome import Throttled, Unknown
from topup.payments.ports import EventRejected, PaymentStanding
from topup.platform.http import Response
from topup.plugins.payments.wechatpay import PLUG, Wechatpay, keys
from topup.plugins.payments.wechatpay.trust import TOLERANCE, Distrusted, Trust, UnknownSerial
from topup.plugins.payments.wechatpay.vectors import APP, MERCHANT, SERIAL
from topup.plugins.payments.wechatpay.wire import Wire

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
FIELD = re.compile(r'(\w+)="([^"]*)"')


@pytest.fixture(scope="module")
def platform():
    return Platform()


@pytest.fixture(scope="module")
def settings(platform, tmp_path_factory):
    return platform.settings(tmp_path_factory.mktemp("keys"), "https://gateway.example")


@pytest.fixture(scope="module")
def trust(settings):
    return Trust(settings)


@pytest.fixture(scope="module")
def wire(settings, trust):
    return Wire(settings, trust)


def authorization(headers):
    scheme, _, rest = headers["authorization"].partition(" ")
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    return dict(FIELD.findall(rest))


@given(
    body=st.binary(max_size=200),
    target=st.from_regex(r"/v3/[a-z/]{0,20}(\?[a-z]=[a-z0-9]{0,9})?", fullmatch=True),
    method=st.sampled_from(["GET", "POST"]),
)
def test_a_call_is_signed_over_its_method_address_time_nonce_and_body(wire, settings, body, target, method):
    """Checked with the provider's public library, which signs the same text to the same bytes."""
    headers = wire.headers(method=method, target=target, body=body, now=NOW)
    said = authorization(headers)
    assert said.keys() == {"mchid", "nonce_str", "timestamp", "serial_no", "signature"}
    assert (said["mchid"], said["timestamp"]) == (MERCHANT, str(int(NOW.timestamp())))
    assert said["serial_no"] == serial_of(keys.certificate(settings.certificate_file))
    signed = f"{method}\n{target}\n{said['timestamp']}\n{said['nonce_str']}\n".encode() + body + b"\n"
    public = keys.certificate(settings.certificate_file).public_key()
    public.verify(base64.b64decode(said["signature"]), signed, PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(said["signature"]), signed + b"x", PKCS1v15(), SHA256())
    assert headers["wechatpay-serial"] == SERIAL, "asks to be answered with the key we know"
    assert ("content-type" in headers) == bool(body)


def test_every_call_has_a_nonce_of_its_own(wire):
    nonces = {authorization(wire.headers(method="GET", target="/", body=b"", now=NOW))["nonce_str"] for _ in range(100)}
    assert len(nonces) == 100
    assert all(len(nonce) == 32 for nonce in nonces)


def test_the_wallets_call_is_signed_as_the_public_library_signs_it(wire, settings):
    said = wire.wallet_call(prepay_id="wx201410272009395522657a690389285100", now=NOW)
    text = f"{APP}\n{said['timeStamp']}\n{said['nonceStr']}\n{said['package']}\n"
    key = load_pem_private_key(settings.private_key_file.read_bytes(), None)
    assert said["paySign"] == rsa_sign(key, text)
    assert (said["appId"], said["signType"]) == (APP, "RSA")
    assert said["package"] == "prepay_id=wx201410272009395522657a690389285100"


@given(body=st.binary(min_size=1, max_size=300), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_altered_byte_of_an_answer_is_believed(platform, trust, body, place, bit):
    headers = platform.headers(body, at=NOW)
    trust.verify(headers, body, NOW)
    at = place % len(body)
    altered = body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :]
    with pytest.raises(Distrusted):
        trust.verify(headers, altered, NOW)


@pytest.mark.parametrize("apart", [TOLERANCE, -TOLERANCE])
def test_five_minutes_on_either_side_are_the_limit(platform, trust, apart):
    headers = platform.headers(b"{}", at=NOW)
    trust.verify(headers, b"{}", NOW + apart)
    with pytest.raises(Distrusted):
        trust.verify(headers, b"{}", NOW + apart + timedelta(seconds=1 if apart > timedelta() else -1))


@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize(
    "lacking", ["wechatpay-signature", "wechatpay-serial", "wechatpay-nonce", "wechatpay-timestamp"]
)
def test_a_yes_without_a_whole_signature_is_not_believed(platform, wire, status, lacking):
    body = b"" if status == 204 else b'{"code_url":"weixin://x"}'
    headers = platform.headers(body, at=NOW)
    assert wire.answer(Response(status, headers, body), NOW).is_success
    with pytest.raises(Distrusted):
        wire.answer(Response(status, {**headers, lacking: ""}, body), NOW)
    del headers[lacking]
    with pytest.raises(Distrusted):
        wire.answer(Response(status, headers, body), NOW)


def test_a_no_may_be_unsigned_but_not_wrongly_signed(platform, wire):
    body = b'{"code":"SIGN_ERROR","message":"x"}'
    assert wire.answer(Response(401, {}, body), NOW).code == "SIGN_ERROR"
    headers = platform.headers(body, at=NOW)
    assert wire.answer(Response(401, headers, body), NOW).code == "SIGN_ERROR"
    with pytest.raises(Distrusted):
        wire.answer(Response(401, headers, body.replace(b"SIGN", b"SING")), NOW)


@pytest.mark.parametrize("status", [100, 301, 302, 500, 502, 503])
def test_other_statuses_say_nothing_signed_or_not(platform, wire, status):
    body = b'{"code":"ORDER_NOT_EXIST"}'
    for headers in ({}, platform.headers(body, at=NOW)):
        with pytest.raises(Distrusted):
            wire.answer(Response(status, headers, body), NOW)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"not found", b'{"code":""}', b'{"code":1}', b"\xff"])
def test_a_no_without_a_code_says_nothing(wire, body):
    with pytest.raises(Distrusted):
        wire.answer(Response(404, {}, body), NOW)


def test_several_certificates_count_at_once_each_in_its_time(tmp_path):
    valid, another, gone, coming = (a_key(number) for number in range(4))
    certificates = {
        "valid": a_certificate(valid),
        "another": a_certificate(another),
        "gone": a_certificate(gone, begins=timedelta(days=-9), lasts=timedelta(days=8)),
        "coming": a_certificate(coming, begins=timedelta(days=1)),
    }
    files = []
    for name, certificate in certificates.items():
        files.append(tmp_path / f"{name}.pem")
        files[-1].write_bytes(certificate.public_bytes(Encoding.PEM))
    settings = Platform().settings(
        tmp_path, "https://x.example", certificate_mode=True, platform_certificate_files=tuple(files)
    )
    trust, now = Trust(settings), datetime.now(UTC)
    for name, key in (("valid", valid), ("another", another), ("gone", gone), ("coming", coming)):
        headers = Platform(key, serial_of(certificates[name])).headers(b"{}", at=now)
        if name in ("valid", "another"):
            trust.verify(headers, b"{}", now)
        else:
            with pytest.raises(UnknownSerial):
                trust.verify(headers, b"{}", now)


def certificates_answer(*certificates):
    pems = [certificate.public_bytes(Encoding.PEM) for certificate in certificates]
    return {
        "data": [
            {
                "serial_no": serial_of(certificate),
                "effective_time": "2026-01-01T00:00:00+08:00",
                "expire_time": "2031-01-01T00:00:00+08:00",
                "encrypt_certificate": sealed(pem, "certificate"),
            }
            for certificate, pem in zip(certificates, pems, strict=True)
        ]
    }


def certificate_settings(tmp_path, url, **changes):
    known = PLUG.example(tmp_path, url).model_dump()
    wanted = {"platform_public_key_id": None, "platform_public_key_file": None, "certificate_mode": True}
    return PLUG.settings(**known | wanted | changes)


async def test_certificates_are_fetched_before_the_first_question(tmp_path, http_client):
    key = a_key(1)
    certificate = a_certificate(key)
    platform = Platform(key, serial_of(certificate))
    request = a_payment()
    script = platform.answering(
        (200, certificates_answer(certificate)),
        (200, an_order(request.payment_id)),
        (200, an_order(request.payment_id)),
    )
    async with misbehaving(script) as (url, served):
        plugin = Wechatpay(certificate_settings(tmp_path, url), http_client)
        for _ in range(2):
            [fact] = (await plugin.query(request.payment_id)).facts
            assert fact.standing is PaymentStanding.PAID
        assert len(served) == 3, "fetched once"
    assert platform.requests[0].startswith(b"GET /v3/certificates ")


async def test_whoever_asks_while_certificates_are_fetched_waits_for_them(tmp_path, http_client):
    key = a_key(1)
    certificate = a_certificate(key)
    platform = Platform(key, serial_of(certificate))
    request = a_payment()
    order = (200, an_order(request.payment_id))
    script = platform.answering((200, certificates_answer(certificate)), order, order, order)
    async with misbehaving(script) as (url, served):
        plugin = Wechatpay(certificate_settings(tmp_path, url), http_client)
        answers = await asyncio.gather(*(plugin.query(request.payment_id) for _ in range(3)))
        assert [len(answer.facts) for answer in answers] == [1, 1, 1]
        assert len(served) == 4


async def test_certificates_sealed_for_another_merchant_or_not_signed_with_one_of_them_do_not_count(
    tmp_path, http_client
):
    key, stranger = a_key(1), a_key(2)
    certificate = a_certificate(key)
    foreign = certificates_answer(certificate)
    foreign["data"][0]["encrypt_certificate"] = sealed(
        certificate.public_bytes(Encoding.PEM), "certificate", secret="0" * 32
    )
    platform = Platform(key, serial_of(certificate))
    request = a_payment()
    script = platform.answering((200, foreign), (200, an_order(request.payment_id)))
    async with misbehaving(script) as (url, _):
        plugin = Wechatpay(certificate_settings(tmp_path, url), http_client)
        assert isinstance((await plugin.query(request.payment_id)).problem, Unknown)
    liar = Platform(stranger, serial_of(certificate))
    script = liar.answering((200, certificates_answer(certificate)), (200, an_order(request.payment_id)))
    async with misbehaving(script) as (url, _):
        plugin = Wechatpay(certificate_settings(tmp_path, url), http_client)
        assert isinstance((await plugin.query(request.payment_id)).problem, Unknown)
        assert plugin._calls.trust.certificates() == [], "nothing was learned of a liar"


async def test_an_unknown_serial_of_an_answer_fetches_at_most_once_a_minute(tmp_path, http_client):
    old, new = a_key(1), a_key(2)
    first, second = a_certificate(old), a_certificate(new)
    before, after = Platform(old, serial_of(first)), Platform(new, serial_of(second))
    request = a_payment()
    order = an_order(request.payment_id)
    script = before.answering(
        (200, certificates_answer(first)), (200, order), *[(200, order, lambda _: after.headers(b"?"))] * 3
    )
    async with misbehaving(script) as (url, served):
        plugin = Wechatpay(certificate_settings(tmp_path, url), http_client)
        assert (await plugin.query(request.payment_id)).facts
        for _ in range(3):
            assert isinstance((await plugin.query(request.payment_id)).problem, Unknown)
        assert len(served) == 5, "one fetch, four questions: the next fetch is a minute away"


async def test_an_event_of_an_unknown_certificate_is_rejected_and_understood_when_it_comes_again(tmp_path, http_client):
    key = a_key(1)
    certificate = a_certificate(key)
    platform = Platform(key, serial_of(certificate))
    vector = next(vector for vector in PLUG.vectors if vector.accepted)
    now = datetime.now(UTC)
    async with misbehaving(platform.answering((200, certificates_answer(certificate)))) as (url, served):
        plugin = Wechatpay(certificate_settings(tmp_path, url), http_client)
        headers = platform.headers(vector.body, at=now)
        for _ in range(20):
            with pytest.raises(EventRejected):
                plugin.parse_event(headers, vector.body, now)
        await plugin._calls._fetching
        assert plugin.parse_event(headers, vector.body, now).facts
        assert len(served) == 1, "one fetch, however many events come"
    await plugin.aclose()


def test_an_event_of_an_unknown_certificate_is_rejected_where_nothing_can_be_fetched(tmp_path):
    key = a_key(1)
    platform = Platform(key, serial_of(a_certificate(key)))
    plugin = Wechatpay(certificate_settings(tmp_path, "https://x.example"), http_client_of_nothing())
    with pytest.raises(EventRejected):
        plugin.parse_event(platform.headers(b"{}", at=NOW), b"{}", NOW)


def http_client_of_nothing():
    class Nothing:
        def check_address(self, url):
            del url

    return Nothing()


@pytest.mark.parametrize(
    ("status", "code"), [(429, "ANYTHING"), (403, "FREQUENCY_LIMITED"), (429, "RATELIMIT_EXCEEDED")]
)
async def test_asked_to_wait(tmp_path, http_client, status, code):
    platform = Platform()
    async with misbehaving(platform.answering((status, {"code": code}))) as (url, _):
        plugin = Wechatpay(platform.settings(tmp_path, url), http_client)
        assert (await plugin.query(a_payment().payment_id)).problem == Throttled(60)


@pytest.mark.parametrize(
    "change",
    [
        {"platform_public_key_id": None},
        {"platform_public_key_file": None},
        {"platform_public_key_id": None, "platform_public_key_file": None},
        {"platform_public_key_id": "KEY"},
        {"merchant_id": "19x"},
        {"app_id": "wx 1"},
        {"scenes": ["unattended"]},
        {"scenes": ["moon"]},
        {"unknown": 1},
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused(settings, change):
    with pytest.raises(ValidationError):
        PLUG.settings(**settings.model_dump() | change)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("private_key_file", "nothing"),
        ("certificate_file", "nothing"),
        ("api_v3_key_file", "too short"),
        ("api_v3_key_file", "0" * 33),
        ("api_v3_key_file", "-" * 32),
        ("platform_public_key_file", "nothing"),
        ("private_key_file", None),
    ],
)
def test_a_bad_key_file_is_told_when_the_plugin_is_made(platform, tmp_path, http_client, name, content):
    settings = platform.settings(tmp_path, "https://x.example")
    file = getattr(settings, name)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    with pytest.raises((OSError, ValueError)):
        Wechatpay(settings, http_client)


def test_a_certificate_of_another_key_is_told_when_the_plugin_is_made(platform, tmp_path, http_client):
    settings = platform.settings(tmp_path, "https://x.example")
    settings.certificate_file.write_bytes(a_certificate(a_key(3)).public_bytes(Encoding.PEM))
    with pytest.raises(ValueError, match="not the certificate"):
        Wechatpay(settings, http_client)
