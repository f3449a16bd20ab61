"""Alipay's wire: what is signed, how money and time are written, and which keys and settings are taken."""

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from topup.kernel.money import Money
from topup.payments.ports import EventRejected
from topup.platform.http import Response
from topup.plugins.payments.alipay import PLUG, keys, wire
from topup.plugins.payments.alipay.settings import AlipaySettings
from topup.plugins.payments.alipay.vectors import APP_ID, SELLER_ID, VECTORS, example

METHOD = "alipay.trade.query"
NODE = '{"code":"10000","msg":"Success","out_trade_no":"x","trade_status":"TRADE_SUCCESS","sub_msg":"a\\/b 中"}'


@pytest.fixture(scope="module")
def theirs():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def made(theirs, tmp_path_factory):
    """A wire whose Alipay is `theirs`."""
    home = tmp_path_factory.mktemp("alipay")
    settings = example(home, "https://alipay.example")
    pem = theirs.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    settings.alipay_public_key_file.write_bytes(pem)
    return settings, wire.Wire(keys=keys.read_keys(settings), app_id=APP_ID, seller_id=SELLER_ID)


def signature(key, content: bytes) -> str:
    return base64.b64encode(key.sign(content, PKCS1v15(), SHA256())).decode()


def answered(body: str, status=200):
    return Response(status, {}, body.encode())


# What we sign


def test_a_request_signs_its_parameters_sorted_and_not_encoded(made):
    settings, ours = made
    now = datetime(2026, 11, 20, 23, 30, 5, tzinfo=UTC)
    form = dict(
        parse_qsl(ours.form("alipay.trade.pay", {"subject": "话费 &=+"}, now=now, notify_url="https://a/b?c=d"))
    )
    assert form["timestamp"] == "2026-11-21 07:30:05", "China Standard Time"
    assert (form["charset"], form["sign_type"], form["version"], form["app_id"]) == ("utf-8", "RSA2", "1.0", APP_ID)
    assert "return_url" not in form, "what is empty is left out"
    query, body = ours.call("alipay.trade.pay", {"subject": "话费 &=+"}, now=now, notify_url="https://a/b?c=d")
    assert dict(parse_qsl(query)) | dict(parse_qsl(body.decode())) == form, "the same, in query and body"
    assert list(dict(parse_qsl(body.decode()))) == ["biz_content"], "what is personal is in no address"
    text = "&".join(f"{name}={form[name]}" for name in sorted(form) if name != "sign")
    key = load_pem_private_key(settings.private_key_file.read_bytes(), None)
    key.public_key().verify(base64.b64decode(form["sign"]), text.encode(), PKCS1v15(), SHA256())


# What Alipay signs


def test_an_answer_is_believed_over_the_bytes_of_its_node(made, theirs):
    _, ours = made
    sign = signature(theirs, NODE.encode())
    for body in (
        f'{{"alipay_trade_query_response":{NODE},"sign":"{sign}"}}',
        f'{{ "sign" : "{sign}" , "alipay_trade_query_response" :\n{NODE} }}',
        f'{{"error_response":{NODE},"sign":"{sign}"}}',
    ):
        assert ours.answer(method=METHOD, response=answered(body)).trade_status == "TRADE_SUCCESS"


def test_an_answer_that_differs_anywhere_is_distrusted(made, theirs):
    _, ours = made
    sign = signature(theirs, NODE.encode())
    good = f'{{"alipay_trade_query_response":{NODE},"sign":"{sign}"}}'
    spoilt = [
        good.replace("TRADE_SUCCESS", "TRADE_FINISHED"),
        good.replace("\\/", "/"),
        good.replace('"code":', '"code": '),
        good.replace("alipay_trade_query", "alipay_trade_close"),
        good.replace(sign, ""),
        good.replace(f',"sign":"{sign}"', ""),
        good.replace("10000", "10000 "),
        good[:-1] + ',"alipay_trade_query_response":{"code":"10000","trade_status":"TRADE_CLOSED"}}',
        good[:-1] + ',"alipay_cert_sn":"another"}',
        good[:-1],
        "{}",
        "[]",
        "null",
        f'{{"alipay_trade_query_response":{NODE},"sign":7}}',
        '{"alipay_trade_query_response":7,"sign":"x"}',
    ]
    for body in spoilt:
        with pytest.raises(wire.Distrusted):
            ours.answer(method=METHOD, response=answered(body))
    with pytest.raises(wire.Distrusted):
        ours.answer(method=METHOD, response=answered(good, 500))


def test_no_mutant_of_an_answer_is_believed_as_something_else(made, theirs):
    _, ours = made
    sign = signature(theirs, NODE.encode())
    good = f'{{"alipay_trade_query_response":{NODE},"sign":"{sign}"}}'.encode()
    truth = ours.answer(method=METHOD, response=Response(200, {}, good))
    tried = accepted = 0
    for place in range(len(good)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128):
            body = good[:place] + bytes([good[place] ^ change]) + good[place + 1 :]
            tried += 1
            try:
                accepted += ours.answer(method=METHOD, response=Response(200, {}, body)) != truth
            except wire.Distrusted:
                continue
    print(f"\nalipay: {tried} mutants of an answer, {accepted} accepted")
    assert accepted == 0


def test_the_signature_of_one_notice_does_not_hold_for_another(made, tmp_path):
    settings = example(tmp_path, "https://alipay.example")
    ours = wire.Wire(keys=keys.read_keys(settings), app_id=APP_ID, seller_id=SELLER_ID)
    good = [vector.body.decode() for vector in VECTORS if vector.accepted]
    bodies, signs = zip(*(body.split("&sign=") for body in good), strict=True)
    for place, body in enumerate(bodies):
        for other, sign in enumerate(signs):
            if place != other:
                with pytest.raises(EventRejected):
                    ours.notice(headers={}, body=f"{body}&sign={sign}".encode())


# Money and time


@given(st.integers(min_value=1, max_value=10_000_000_000))
def test_amounts_go_there_and_back_exactly(minor):
    money = Money(minor, "CNY")
    assert wire.money_of(wire.yuan(money)) == money


@given(st.text(max_size=12))
def test_what_is_no_amount_is_none(text):
    money = wire.money_of(text)
    assert money is None or Decimal(money.amount_minor) == Decimal(text) * 100


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1e2", "1.234", " 1", "1 ", "1,000", "０.01", "NaN", "1.", ".5", "9" * 13]
)
def test_spellings_that_are_no_amount(text):
    assert wire.money_of(text) is None


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants them bare
def test_moments_go_there_and_back_to_the_second(moment):
    assert wire.moment_of(wire.written(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-20", "2026-11-20T16:15:30", "2026-13-20 16:15:30", "2026-11-20 16:15:30Z", "２026-11-20 16:15:30"],
)
def test_what_is_no_moment_is_none(text):
    assert wire.moment_of(text) is None


def test_a_refunds_moment_has_thousandths():
    moment = datetime(2026, 11, 20, 8, 15, 30, 123_000, tzinfo=UTC)
    assert wire.moment_of("2026-11-20 16:15:30.123") == moment


# Keys and settings


def test_keys_are_read_as_pem_and_as_the_bare_base64_of_the_portal(tmp_path, monkeypatch):
    settings = example(tmp_path, "https://alipay.example")
    known = keys.read_keys(settings)
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        bare = base64.b64encode(known.ours.private_bytes(Encoding.DER, form, NoEncryption())).decode()
        settings.private_key_file.write_text(f"{bare}\n")
        assert keys.private_key(settings).public_key() == known.ours.public_key()
    bare = base64.b64encode(known.theirs.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    settings.alipay_public_key_file.write_text(bare)
    assert keys.public_key(settings.alipay_public_key_file) == known.theirs
    monkeypatch.setenv("ALIPAY_KEY", settings.private_key_file.read_text())
    by_environment = settings.model_copy(update={"private_key_file": None, "private_key_env": "ALIPAY_KEY"})
    assert keys.private_key(by_environment).public_key() == known.ours.public_key()
    monkeypatch.delenv("ALIPAY_KEY")
    with pytest.raises(ValueError):
        keys.private_key(by_environment)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_a_plain_error(tmp_path, content):
    settings = example(tmp_path, "https://alipay.example")
    settings.alipay_public_key_file.write_bytes(content)
    with pytest.raises(ValueError):
        keys.read_keys(settings)


def test_a_short_key_is_refused(tmp_path):
    settings = example(tmp_path, "https://alipay.example")
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is refused
    settings.private_key_file.write_bytes(short.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ValueError):
        keys.read_keys(settings)


@pytest.mark.parametrize(
    "change",
    [
        {"private_key_file": None},
        {"private_key_env": "KEY"},
        {"alipay_public_key_file": None},
        {"app_certificate_file": "a.crt"},
        {"app_certificate_file": "a", "alipay_certificate_file": "b", "alipay_root_certificate_file": "c"},
        {"app_id": "app"},
        {"seller_id": "1234"},
        {"seller_id": "20880000000000011"},
        {"scenes": ("unattended",)},
        {"desktop": "app"},
        {"largest_minor": 0},
        {"base_ur": "typo"},
    ],
)
def test_settings_that_do_not_fit_together_are_refused(tmp_path, change):
    settings = example(tmp_path, "https://alipay.example").model_dump()
    with pytest.raises(ValidationError):
        AlipaySettings(**settings | change)


def test_vectors_last_for_ever(tmp_path):
    """Alipay resends for 25 hours, so a notice is not too old."""
    plugin = PLUG.make(example(tmp_path, "https://alipay.example"), _Anywhere())
    for now in (datetime(2000, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=3650)):
        for vector in VECTORS:
            if vector.accepted:
                assert plugin.parse_event({}, vector.body, now).event_id


class _Anywhere:
    def check_address(self, _url):
        return None


def test_answers_are_signed_as_the_documentation_shows():
    """The signed text of a notice, of its documented form: sorted, joined, without `sign` and `sign_type`."""
    fields = {"b": "2", "a": "1", "biz": json.dumps({"c": 3})}
    assert wire.signed_text(fields) == b'a=1&b=2&biz={"c": 3}'
