"""Stripe's forms, signatures, amounts and answers; the signatures against Stripe's own library."""

import random
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stripe import Webhook, WebhookSignature

from topup.kernel.ids import new_id
from topup.kernel.money import InvalidMoney, Money, exponent
from topup.kernel.outcome import Reason, Refused, Throttled, Unknown
from topup.payments.ports import EventRejected, Unfit
from topup.platform.http import Response
from topup.plugins.payments.stripe.amounts import CURRENCIES, from_units, to_units, unfit_amount
from topup.plugins.payments.stripe.finding import made_at
from topup.plugins.payments.stripe.objects import Refund
from topup.plugins.payments.stripe.settings import StripeSettings, secret_key, webhook_secrets
from topup.plugins.payments.stripe.signatures import TOLERANCE_S, Signatures
from topup.plugins.payments.stripe.vectors import SECRET, VECTORS
from topup.plugins.payments.stripe.wire import Failed, encode, understood

NOW = datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)
BODY = '{"id":"evt_1","object":"event","name":"话费"}'


def signed(secret=SECRET, at=NOW, body=BODY):
    return WebhookSignature.generate_signature_header(body, secret, int(at.timestamp()))


# Amounts: docs.stripe.com/currencies.


@pytest.mark.parametrize(
    ("money", "units"),
    [
        (Money(1000, "USD"), 1000),
        (Money(500, "JPY"), 500),
        (Money(5, "ISK"), 500),
        (Money(5, "UGX"), 500),
        (Money(500, "MGA"), 5),
        (Money(5120, "KWD"), 5120),
        (Money(123, "LAK"), 123),
        (Money(1045, "HUF"), 1045),
        (Money(10_000, "TWD"), 10_000),
    ],
)
def test_the_examples_of_the_documentation(money, units):
    assert to_units(money) == units
    assert from_units(units, money.currency.lower()) == money


@pytest.mark.parametrize("money", [Money(501, "MGA"), Money(5124, "KWD")])
def test_what_cannot_be_said_exactly_is_refused(money):
    with pytest.raises(InvalidMoney):
        to_units(money)
    assert unfit_amount(money) is Unfit.CURRENCY


@pytest.mark.parametrize(("units", "currency"), [(550, "isk"), (501, "ugx"), (5, "USD"), (5, "dollar"), (5, "us")])
def test_what_stripe_says_that_is_no_amount_is_refused(units, currency):
    with pytest.raises(InvalidMoney):
        from_units(units, currency)


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, 10**9))
def test_every_amount_that_is_taken_comes_back_the_same(currency, minor):
    money = Money(minor, currency)
    try:
        units = to_units(money)
    except InvalidMoney:
        assert currency in {"MGA", "BHD", "JOD", "KWD", "OMR", "TND"}
        return
    assert from_units(units, currency.lower()) == money


def test_the_currencies_whose_units_differ_from_iso_4217_are_these_three():
    differ = {
        code for code in CURRENCIES if to_units(Money(1000 * 10 ** exponent(code), code)) != 1000 * 10 ** exponent(code)
    }
    assert differ == {"MGA", "ISK", "UGX"}


@pytest.mark.parametrize(
    ("money", "why"),
    [
        (Money(49, "USD"), Unfit.AMOUNT_TOO_SMALL),
        (Money(50, "USD"), None),
        (Money(0, "CNY"), Unfit.AMOUNT_TOO_SMALL),
        (Money(1, "CNY"), None),
        (Money(17_499, "HUF"), Unfit.AMOUNT_TOO_SMALL),
        (Money(99_999_999, "EUR"), None),
        (Money(100_000_000, "EUR"), Unfit.AMOUNT_TOO_LARGE),
        (Money(1000, "IRR"), Unfit.CURRENCY),
        (Money(1000, "IQD"), Unfit.CURRENCY),
    ],
)
def test_amounts_that_are_offered(money, why):
    assert unfit_amount(money) is why


# Forms.


def test_nested_forms_are_written_with_brackets():
    content = {"a": {"b": [{"c": 1}, {"c": True}]}, "expand": ["x.y"], "gone": None, "text": "话费 & more=1+1"}
    assert encode(content) == ("a[b][0][c]=1&a[b][1][c]=true&expand[0]=x.y&text=%E8%AF%9D%E8%B4%B9+%26+more%3D1%2B1")


@given(
    st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), st.text(min_size=1), max_size=5
    )
)
def test_every_form_reads_as_what_was_written(content):
    assert dict(parse_qsl(encode(content), keep_blank_values=True)) == content


# Signatures.


def test_the_librarys_signatures_hold():
    Signatures([SECRET]).verify(header=signed(), body=BODY.encode(), now=NOW)
    Signatures(["whsec_new", SECRET]).verify(header=signed(), body=BODY.encode(), now=NOW)


@pytest.mark.parametrize("seconds", [-TOLERANCE_S, TOLERANCE_S])
def test_the_tolerance_has_two_sides(seconds):
    late = NOW + timedelta(seconds=seconds)
    Signatures([SECRET]).verify(header=signed(), body=BODY.encode(), now=late)
    beyond = late + timedelta(seconds=seconds / TOLERANCE_S)
    with pytest.raises(EventRejected):
        Signatures([SECRET]).verify(header=signed(), body=BODY.encode(), now=beyond)


def test_what_we_accept_stripes_library_accepts(monkeypatch):
    """It has no vectors of its own: each of ours that we take verifies with it, and each it refuses we refuse."""
    ours = Signatures([SECRET])
    for vector in VECTORS:
        monkeypatch.setattr("stripe._webhook.time.time", vector.at.timestamp)
        header = vector.headers["stripe-signature"]
        try:
            ours.verify(header=header, body=vector.body, now=vector.at)
        except EventRejected:
            assert not vector.accepted
        else:
            assert Webhook.construct_event(vector.body, header, SECRET) if b'"object":"event"' in vector.body else True


def test_no_header_crashes():
    chance = random.Random(3)
    letters = "t=v10,;abcdef x9é" + signed()
    for _ in range(3000):
        header = "".join(chance.choices(letters, k=chance.randrange(80)))
        with pytest.raises(EventRejected):
            Signatures([SECRET]).verify(header=header, body=BODY.encode(), now=NOW)


# Answers.


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"error":{"type":"invalid_request_error"}}', Refused(Reason.CONFIGURATION, "key_refused")),
        (403, b'{"error":{"type":"invalid_request_error"}}', Refused(Reason.CONFIGURATION, "key_not_allowed")),
        (429, b'{"error":{"type":"invalid_request_error","code":"rate_limit"}}', Throttled(7)),
    ],
)
def test_answers_that_mean_the_same_whatever_was_asked(status, body, said):
    assert understood(Response(status, {"retry-after": "7"}, body), Refund) == said


@pytest.mark.parametrize("status", [400, 402, 404])
def test_a_refusal_is_read_with_its_code(status):
    body = b'{"error":{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds"}}'
    answer = understood(Response(status, {}, body), Refund)
    assert isinstance(answer, Failed)
    assert answer.code == "insufficient_funds"


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 401, 402, 403, 404, 409, 429, 500, 502, 503])
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"<html>", b'{"error":"no"}', b'{"error":{}}', b"\xff\xfe", b'{"id":1}']
)
def test_what_is_not_understood_is_unknown(status, body):
    assert isinstance(understood(Response(status, {}, body), Refund), Unknown)


@pytest.mark.parametrize("status", [409, 500, 503])
def test_a_conflict_or_a_failure_of_theirs_is_unknown(status):
    body = b'{"error":{"type":"api_error","message":"Sorry!"}}'
    assert isinstance(understood(Response(status, {"idempotent-replayed": "true"}, body), Refund), Unknown)


# Settings.


def settings_of(tmp_path, *, livemode=False, key="sk_test_1", secrets="whsec_1\n", **changes):
    (tmp_path / "key").write_text(key)
    (tmp_path / "secrets").write_text(secrets)
    files = {"secret_key_file": tmp_path / "key", "webhook_secrets_file": tmp_path / "secrets"}
    return StripeSettings(livemode=livemode, **{**files, **changes})


def test_keys_come_from_files_or_from_the_environment(tmp_path, monkeypatch):
    assert secret_key(settings_of(tmp_path, key=" rk_test_1\n")) == "rk_test_1"
    assert webhook_secrets(settings_of(tmp_path, secrets="whsec_1\nwhsec_2\n")) == ("whsec_1", "whsec_2")
    monkeypatch.setenv("SHOP_KEY", "sk_live_1")
    from_environment = settings_of(tmp_path, livemode=True, secret_key_file=None, secret_key_env="SHOP_KEY")
    assert secret_key(from_environment) == "sk_live_1"
    monkeypatch.delenv("SHOP_KEY")
    with pytest.raises(ValueError, match="SHOP_KEY is not set"):
        secret_key(from_environment)


@pytest.mark.parametrize("key", ["", "pk_test_1", "sk_test_1 sk_test_2", "sk_live_1", "whsec_1", "sk_test_é"])
def test_a_key_that_does_not_fit_is_refused_and_never_shown(tmp_path, key):
    with pytest.raises(ValueError) as refused:
        secret_key(settings_of(tmp_path, key=key))
    assert not key or key not in str(refused.value)


@pytest.mark.parametrize("secrets", ["", "sk_test_1", "whsec_1 other", "whsec_é"])
def test_webhook_secrets_that_are_none_are_refused(tmp_path, secrets):
    with pytest.raises(ValueError, match="no webhook secrets"):
        webhook_secrets(settings_of(tmp_path, secrets=secrets))


def test_each_key_has_one_source(tmp_path):
    for changes in ({"secret_key_file": None}, {"secret_key_env": "X"}, {"webhook_secrets_env": "X"}):
        with pytest.raises(ValidationError):
            settings_of(tmp_path, **changes)


def test_the_second_of_an_id():
    before = int(datetime.now(UTC).timestamp())
    assert before <= made_at(new_id("payment", 3)) <= int(datetime.now(UTC).timestamp())
    assert made_at("pay_short") is None
    assert made_at("pay_ABCDEFGHIJKLMNOP") is None
