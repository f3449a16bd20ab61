"""What each answer of Alipay means, and that every code on no list means nothing at all."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.misbehaving import misbehaving, read_request, with_body
from tests.support.simulators import a_payment
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Throttled, Unknown
from topup.payments.ports import Action, Decline, PaymentStanding, RefundRequest, Scene, Unfit
from topup.plugins.payments.alipay import PLUG
from topup.plugins.payments.alipay.outcomes import CANCEL, REFUND, START
from topup.plugins.payments.alipay.vectors import example

PAYMENT = new_id("payment", 1)
AGREEMENT = new_id("instrument", 1)
REFUND_ID = new_id("refund", 1)
REQUEST = a_payment(payment_id=PAYMENT)
WANTED = RefundRequest(REFUND_ID, PAYMENT, "T1", Money(1000, "CNY"), "recalled")
FINE = {"code": "10000", "msg": "Success"}
TRADE = {**FINE, "out_trade_no": PAYMENT, "trade_no": "T1"}
PAID = {**TRADE, "total_amount": "50.00", "send_pay_date": "2026-11-20 16:15:30"}
AT = datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)
ASKED = (
    "query", "close", "cancel", "refund", "query_refund", "precreate", "pay", "agreed", "agreement", "end_agreement",
)  # fmt: skip
LISTED = {"close": {}, "cancel": CANCEL, "refund": REFUND, "precreate": START, "pay": START, "agreed": START}
ABSENT = ("ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST")


def failed(sub_code):
    return {"code": "40004", "msg": "Business Failed", "sub_code": sub_code}


@pytest.fixture(scope="module")
def theirs():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def ask(theirs, tmp_path, http_client):
    """Asks once, and is answered with these contents, each well signed."""

    async def ask(name, *contents, **more):
        settings = example(tmp_path, "https://alipay.example")
        settings.alipay_public_key_file.write_bytes(
            theirs.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        async with misbehaving(_signed(theirs, list(contents))) as (url, served):
            plugin = PLUG.make(settings.model_copy(update={"base_url": url, **more}), http_client)
            outcome = await _asked(plugin, name)
        assert len(served) == len(contents)
        return outcome

    return ask


def _asked(plugin, name):
    return {
        "query": lambda: plugin.query(PAYMENT),
        "close": lambda: plugin.close(PAYMENT),
        "cancel": lambda: plugin.cancel(PAYMENT),
        "refund": lambda: plugin.refund(WANTED),
        "query_refund": lambda: plugin.query_refund(REFUND_ID, PAYMENT),
        "precreate": lambda: plugin.start(replace(REQUEST, scene=Scene.SCREEN)),
        "pay": lambda: plugin.start(replace(REQUEST, scene=Scene.COUNTER, payment_code="281234567890123456")),
        "agreed": lambda: plugin.start(replace(REQUEST, scene=Scene.UNATTENDED, instrument="20215607750930630440")),
        "agreement": lambda: plugin.query_agreement(AGREEMENT),
        "end_agreement": lambda: plugin.end_agreement("20215607750930630440"),
    }[name]()


def _signed(key, contents):
    async def script(reader, writer):
        target = (await read_request(reader)).decode().split(" ")[1]
        method = parse_qs(urlsplit(target).query)["method"][0]
        node = json.dumps(contents.pop(0))
        sign = base64.b64encode(key.sign(node.encode(), PKCS1v15(), SHA256())).decode()
        body = f'{{"{method.replace(".", "_")}_response":{node},"sign":"{sign}"}}'
        writer.write(with_body(body.encode()))
        await writer.drain()

    return script


def problem(answer):
    """The outcome that a question came to, in whatever way it says it."""
    return getattr(answer, "problem", answer)


# What is on no list


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize(
    "content",
    [
        {"code": "40004", "sub_code": "ACQ.NEW_CODE"},
        {"code": "40004", "sub_code": "ACQ.SYSTEM_ERROR"},
        {"code": "40004"},
        {"code": "20000", "sub_code": "isp.unknow-error"},
        {"code": "20000", "sub_code": "aop.ACQ.SYSTEM_ERROR"},
        {"code": "99999"},
        {"code": ""},
        {"code": "10000 "},
    ],
    ids=lambda content: f"{content['code']} {content.get('sub_code', '')}",
)
async def test_a_code_on_no_list_is_unknown(ask, name, content):
    assert isinstance(problem(await ask(name, content)), Unknown)


@pytest.mark.parametrize("name", [name for name in ASKED if name not in {"query_refund", "end_agreement"}])
async def test_a_success_about_another_payment_is_unknown(ask, name):
    other = {**PAID, "out_trade_no": new_id("payment", 1), "qr_code": "x", "retry_flag": "N", "fund_change": "Y"}
    assert isinstance(problem(await ask(name, {**other, "trade_status": "TRADE_SUCCESS"})), Unknown)


@pytest.mark.parametrize("name", ASKED)
async def test_a_call_too_many_is_throttled(ask, name):
    assert isinstance(problem(await ask(name, {"code": "40005", "sub_code": "isv.app-call-limited"})), Throttled)


@pytest.mark.parametrize("code", ["20001", "40001", "40002", "40003", "40006"])
@pytest.mark.parametrize("name", ASKED)
async def test_a_call_turned_away_is_ours_to_mend_and_a_question_stays_open(ask, name, code):
    outcome = problem(await ask(name, {"code": code, "sub_code": "isv.x"}))
    if name in ("query", "query_refund", "agreement", "end_agreement"):
        assert isinstance(outcome, Unknown), "the payment may be in any state"
    else:
        assert outcome == Refused(Reason.CONFIGURATION, "isv.x")


TOLD = {
    "ACQ.AGREEMENT_ERROR": Decline.UNSUPPORTED,
    "ACQ.AGREEMENT_INVALID": Decline.UNSUPPORTED,
    "ACQ.AGREEMENT_NOT_EXIST": Decline.UNSUPPORTED,
    "ACQ.AGREEMENT_STATUS_NOT_NORMAL": Decline.AGAIN,
    "ACQ.CYCLE_PAY_DATE_NOT_MATCH": Decline.AGAIN,
    "ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED": Decline.LIMIT,
    "ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED": Decline.LIMIT,
    "ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED": Decline.LIMIT,
    "ACQ.PAYMENT_AUTH_CODE_INVALID": Decline.CODE,
    "ACQ.BUYER_BALANCE_NOT_ENOUGH": Decline.FUNDS,
    "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH": Decline.FUNDS,
    "ACQ.ERROR_BALANCE_PAYMENT_DISABLE": Decline.UNSUPPORTED,
    "ACQ.MOBILE_PAYMENT_SWITCH_OFF": Decline.UNSUPPORTED,
    "ACQ.USER_FACE_PAYMENT_SWITCH_OFF": Decline.UNSUPPORTED,
    "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE": Decline.UNSUPPORTED,
    "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR": Decline.LIMIT,
    "ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR": Decline.LIMIT,
}
"""What a payer is told of those that are the payer's affair; of all others, that the wallet declined."""


@pytest.mark.parametrize(
    ("name", "sub_code", "reason"),
    [(name, sub_code, reason) for name, listed in LISTED.items() for sub_code, reason in listed.items()],
)
async def test_each_listed_refusal(ask, name, sub_code, reason):
    if name == "cancel" and sub_code in ABSENT:
        return
    outcome = await ask(name, failed(sub_code))
    if reason is Reason.USER and name in {"precreate", "pay", "agreed"}:
        assert outcome == Refused(reason, TOLD.get(sub_code, Decline.BY_BANK))
    else:
        assert outcome == Refused(reason, sub_code)


def test_no_state_of_a_trade_is_taken_for_a_refusal():
    """The number may be paid, or refunded, already: that is asked about."""
    states = {"ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE", "ACQ.TRADE_STATUS_ERROR", "ACQ.DISCORDANT_REPEAT_REQUEST"}
    assert not states & (START.keys() | REFUND.keys() | CANCEL.keys())


# Starting


async def test_a_qr_code(ask):
    answer = {**FINE, "out_trade_no": PAYMENT, "qr_code": "https://qr.alipay.com/bax1"}
    assert await ask("precreate", answer) == Action(type="qr", url="https://qr.alipay.com/bax1")
    assert isinstance(await ask("precreate", {**answer, "qr_code": ""}), Unknown)


async def test_a_payment_code_is_paid_confirmed_or_not_understood(ask):
    answer = {**TRADE, "total_amount": "50.00", "gmt_payment": "2026-11-20 16:15:30"}
    fact = await ask("pay", answer)
    assert (fact.standing, fact.reference, fact.amount, fact.paid_at) == (
        PaymentStanding.PAID,
        "T1",
        Money(5000, "CNY"),
        AT,
    )
    assert await ask("pay", {"code": "10003", "out_trade_no": PAYMENT}) == Action(type="wait")
    assert isinstance(await ask("pay", {"code": "10003"}), Unknown)
    for missing in ("trade_no", "total_amount", "gmt_payment"):
        assert isinstance(await ask("pay", {**answer, missing: ""}), Unknown)


async def test_without_a_payment_code_nothing_is_sent(ask, tmp_path, http_client):
    plugin = PLUG.make(example(tmp_path, "https://alipay.example"), http_client)
    refused = await plugin.start(replace(REQUEST, scene=Scene.COUNTER))
    assert refused == Refused(Reason.USER, Decline.CODE)


async def test_pages_are_signed_addresses_and_need_no_call(tmp_path, http_client):
    plugin = PLUG.make(example(tmp_path, "https://alipay.example"), http_client)
    for scene, method, product in (
        (Scene.PHONE, "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
        (Scene.DESKTOP, "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    ):
        action = await plugin.start(replace(REQUEST, scene=scene, description="充值/续费 a=b&c"))
        address = urlsplit(action.url)
        fields = {name: value for name, [value] in parse_qs(address.query).items()}
        content = json.loads(fields["biz_content"])
        assert (action.type, address.netloc, address.path) == ("redirect", "alipay.example", "/gateway.do")
        assert (fields["method"], content["product_code"]) == (method, product)
        assert (content["out_trade_no"], content["total_amount"]) == (PAYMENT, "50.00")
        assert (fields["notify_url"], fields["return_url"]) == (REQUEST.notify_url, REQUEST.return_url)
        assert not set(content["subject"]) & set("/=&"), "Alipay takes none of these"
    by_qr = PLUG.make(example(tmp_path, "https://alipay.example").model_copy(update={"desktop": "qr"}), http_client)
    assert by_qr.pay_page(replace(REQUEST, scene=Scene.DESKTOP)) is None
    assert plugin.pay_page(replace(REQUEST, scene=Scene.SCREEN)) is None


def test_what_it_is_not_for(tmp_path, http_client):
    settings = example(tmp_path, "https://alipay.example")
    plugin = PLUG.make(settings.model_copy(update={"largest_minor": 100_000}), http_client)
    fits = {scene: plugin.unfit(Money(100, "CNY"), scene) for scene in Scene}
    assert {scene for scene, unfit in fits.items() if unfit is None} == {
        Scene.PHONE,
        Scene.DESKTOP,
        Scene.SCREEN,
        Scene.COUNTER,
        Scene.UNATTENDED,
    }
    assert fits[Scene.WALLET] is Unfit.SCENE
    alone = PLUG.make(settings.model_copy(update={"withholding": "", "withholding_scene": ""}), http_client)
    assert alone.unfit(Money(100, "CNY"), Scene.UNATTENDED) is Unfit.SCENE
    assert plugin.unfit(Money(100, "USD"), Scene.PHONE) is Unfit.CURRENCY
    assert plugin.unfit(Money(100_001, "CNY"), Scene.PHONE) is Unfit.AMOUNT_TOO_LARGE
    assert plugin.unfit(Money(0, "CNY"), Scene.PHONE) is Unfit.AMOUNT_TOO_SMALL
    only_phones = PLUG.make(settings.model_copy(update={"scenes": (Scene.PHONE,)}), http_client)
    assert only_phones.unfit(Money(100, "CNY"), Scene.DESKTOP) is Unfit.SCENE


# Asking


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        ("WAIT_BUYER_PAY", PaymentStanding.WAITING),
        ("TRADE_SUCCESS", PaymentStanding.PAID),
        ("TRADE_FINISHED", PaymentStanding.PAID),
        ("TRADE_CLOSED", PaymentStanding.CLOSED),
    ],
)
async def test_how_a_trade_stands(ask, status, standing):
    [fact] = (await ask("query", {**PAID, "trade_status": status})).facts
    assert fact.standing is standing
    if standing is PaymentStanding.PAID:
        assert (fact.reference, fact.amount, fact.paid_at) == ("T1", Money(5000, "CNY"), AT)
    else:
        assert (fact.amount, fact.paid_at) == (None, None)


async def test_a_trade_paid_and_half_told_or_in_a_new_state_is_unknown(ask):
    for change in ({"trade_no": ""}, {"total_amount": "x"}, {"send_pay_date": ""}, {"trade_status": "TRADE_PENDING"}):
        assert isinstance((await ask("query", {**PAID, "trade_status": "TRADE_SUCCESS", **change})).problem, Unknown)


@pytest.mark.parametrize("sub_code", ABSENT)
async def test_what_alipay_never_heard_of(ask, sub_code):
    assert (await ask("query", failed(sub_code))).facts[0].standing is PaymentStanding.ABSENT
    assert await ask("close", failed(sub_code)) == Done(PAYMENT)
    assert await ask("cancel", failed(sub_code)) == Done(PAYMENT)
    assert await ask("query_refund", failed(sub_code)) == Refused(Reason.ABSENT, sub_code)


@pytest.mark.parametrize(
    ("status", "closed"),
    [
        ("TRADE_SUCCESS", Refused(Reason.USER, "paid")),
        ("TRADE_FINISHED", Refused(Reason.USER, "paid")),
        ("TRADE_CLOSED", Done(PAYMENT)),
        ("WAIT_BUYER_PAY", Unknown("neither closed nor paid")),
    ],
)
async def test_what_would_not_close_is_asked_about(ask, status, closed):
    assert await ask("close", failed("ACQ.TRADE_STATUS_ERROR"), {**PAID, "trade_status": status}) == closed


async def test_a_close_and_a_cancel(ask):
    assert await ask("close", TRADE) == Done(PAYMENT)
    assert await ask("cancel", {**TRADE, "retry_flag": "N", "action": "refund"}) == Done(PAYMENT)
    assert isinstance(await ask("cancel", {**TRADE, "retry_flag": "Y"}), Unknown)


# Refunds


async def test_a_refund_moves_money_once(ask):
    assert await ask("refund", {**TRADE, "fund_change": "Y"}) == Done("T1")
    assert await ask("refund", {**TRADE, "fund_change": "N"}) == Accepted("T1"), (
        "a replay does not say what became of it"
    )
    assert await ask("refund", TRADE) == Accepted("T1")


async def test_the_success_of_a_question_is_no_success_of_a_refund(ask):
    found = {**TRADE, "out_request_no": REFUND_ID, "refund_amount": "10.00"}
    assert await ask("query_refund", {**found, "refund_status": "REFUND_SUCCESS"}) == Done("T1")
    for empty in (FINE, TRADE, found):
        outcome = await ask("query_refund", empty)
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.ABSENT
    for change in ({"refund_status": "REFUND_FAIL"}, {"out_request_no": "x"}, {"out_trade_no": "x"}, {"trade_no": ""}):
        assert isinstance(await ask("query_refund", {**found, "refund_status": "REFUND_SUCCESS", **change}), Unknown)
