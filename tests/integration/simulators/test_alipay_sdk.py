"""The cross-check: a public Python SDK of Alipay runs against the simulator, and says the same as our plugin.

Our simulator and our plugin could agree with one another and both be wrong; the SDK was written by others.
"""

import asyncio
import json
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlencode

import alipay as public_sdk
import httpx
import pytest
from alipay import AliPay, DCAliPay
from alipay.exceptions import AliPayException, AliPayValidationError

from tests.support.simulators import a_payment, start_provider, until
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Unknown
from topup.payments.ports import PaymentStanding, RefundRequest
from topup.plugins.payments.alipay import PLUG, Alipay, AlipaySettings, keys
from topup.plugins.payments.alipay.vectors import ALIPAY_KEY, APP_ID, VECTORS

NOBODY = "http://127.0.0.1:9/nobody"
CHINA = timezone(timedelta(hours=8))


class ChinasClock:
    """The SDK writes the machine's local time, which Alipay takes for China's."""

    @staticmethod
    def now():
        return datetime.now(CHINA)


@pytest.fixture(autouse=True)
def in_china(monkeypatch):
    monkeypatch.setattr(public_sdk, "datetime", ChinasClock)


@pytest.fixture
def sdk(alipay):
    settings = alipay.settings
    made = AliPay(
        appid=settings.app_id,
        app_notify_url=NOBODY,
        app_private_key_string=settings.private_key_file.read_text(),
        alipay_public_key_string=settings.alipay_public_key_file.read_text(),
    )
    made._gateway = f"{alipay.url}/gateway.do"
    return made


@pytest.fixture
def plugin(alipay, http_client):
    return Alipay(alipay.settings, http_client)


@pytest.fixture
def certified_settings(alipay):
    return AlipaySettings(**{**alipay.ready["plugin"], "alipay_public_key_file": None, **alipay.ready["certificates"]})


async def said(call, **named):
    """What the SDK gives; it blocks."""
    return await asyncio.to_thread(call, **named)


async def opened_and_paid(alipay, query, payment_id):
    """A payer goes to the address that the SDK signed, and pays."""
    async with httpx.AsyncClient(trust_env=False) as client:
        page = await client.get(f"{alipay.url}/gateway.do?{query}")
    assert page.status_code == 200, page.text
    assert "SIMULATOR" in page.text or "模拟器" in page.text
    return await alipay.control(f"payments/{payment_id}", {"outcome": "silent", "form": query})


async def test_the_sdks_page_payment_query_refund_and_refund_query(alipay, sdk, plugin):
    payment_id, refund_id = new_id("payment", 1), new_id("refund", 1)
    query = sdk.api_alipay_trade_page_pay(
        subject="话费充值", out_trade_no=payment_id, total_amount="50.00", return_url="http://127.0.0.1/back"
    )
    assert (await opened_and_paid(alipay, query, payment_id))["code"] == "OK"
    found = await said(sdk.api_alipay_trade_query, out_trade_no=payment_id)
    assert (found["code"], found["trade_status"], found["total_amount"]) == ("10000", "TRADE_SUCCESS", "50.00")
    [fact] = (await plugin.query(payment_id)).facts
    assert (fact.standing, fact.reference, fact.amount) == (
        PaymentStanding.PAID,
        found["trade_no"],
        Money(5000, "CNY"),
    )
    refund = await said(
        sdk.api_alipay_trade_refund, out_trade_no=payment_id, refund_amount="12.34", out_request_no=refund_id
    )
    assert (refund["code"], refund["fund_change"], refund["refund_fee"]) == ("10000", "Y", "12.34")
    again = await said(
        sdk.api_alipay_trade_refund, out_trade_no=payment_id, refund_amount="12.34", out_request_no=refund_id
    )
    assert again["fund_change"] == "N"
    asked = await said(sdk.api_alipay_trade_fastpay_refund_query, out_trade_no=payment_id, out_request_no=refund_id)
    assert (asked["refund_status"], asked["refund_amount"]) == ("REFUND_SUCCESS", "12.34")
    assert await plugin.query_refund(refund_id, payment_id) == Done(fact.reference)


async def test_the_sdks_wap_payment_qr_code_close_and_cancel(alipay, sdk):
    wap, qr, closed = (new_id("payment", 1) for _ in range(3))
    query = sdk.api_alipay_trade_wap_pay(
        subject="话费充值", out_trade_no=wap, total_amount=0.01, return_url="http://127.0.0.1/back"
    )
    assert (await opened_and_paid(alipay, query, wap))["code"] == "OK"
    assert (await said(sdk.api_alipay_trade_query, out_trade_no=wap))["trade_status"] == "TRADE_SUCCESS"
    code = await said(sdk.api_alipay_trade_precreate, subject="话费充值", out_trade_no=qr, total_amount=88.88)
    assert code["qr_code"].startswith(alipay.url)
    unscanned = await said(sdk.api_alipay_trade_query, out_trade_no=qr)
    assert unscanned["sub_code"] == "ACQ.TRADE_NOT_EXIST", "until it is scanned there is no trade"
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(code["qr_code"])).status_code == 200
    assert (await said(sdk.api_alipay_trade_query, out_trade_no=qr))["trade_status"] == "WAIT_BUYER_PAY"
    assert (await said(sdk.api_alipay_trade_close, out_trade_no=qr))["code"] == "10000"
    assert (await said(sdk.api_alipay_trade_query, out_trade_no=qr))["trade_status"] == "TRADE_CLOSED"
    gone = await said(sdk.api_alipay_trade_cancel, out_trade_no=closed)
    assert (gone["code"], gone["retry_flag"]) == ("10000", "N"), "cancelled though it was never created"


async def test_the_sdks_payment_code(alipay, sdk, plugin):
    payment_id = new_id("payment", 1)
    paid = await said(
        sdk.api_alipay_trade_pay,
        out_trade_no=payment_id,
        scene="bar_code",
        auth_code="281234567890123456",
        subject="话费充值",
        total_amount="30.00",
    )
    assert (paid["code"], paid["total_amount"]) == ("10000", "30.00")
    [fact] = (await plugin.query(payment_id)).facts
    assert (fact.reference, fact.amount) == (paid["trade_no"], Money(3000, "CNY"))


async def test_the_sdk_verifies_a_notice_as_the_plugin_does(alipay, sdk, plugin, listener):
    request = a_payment(notify_url=listener.url)
    await alipay.pay(plugin, request)
    [(headers, body)] = await listener.hear(1)
    assert headers["content-type"].startswith("application/x-www-form-urlencoded")
    fields = dict(parse_qsl(body.decode()))
    assert sdk.verify({name: value for name, value in fields.items() if name != "sign"}, fields["sign"])
    spoilt = {**fields, "total_amount": "5000.00"}
    assert not sdk.verify({name: value for name, value in spoilt.items() if name != "sign"}, fields["sign"])
    [fact] = plugin.parse_event(headers, body, None).facts
    assert fact.amount == Money(round(float(fields["total_amount"]) * 100), "CNY")


def test_the_sdk_verifies_our_vectors(alipay):
    """And is verified by them: what its own rule for the signed text accepts, ours accepts."""
    theirs = AliPay(
        appid=APP_ID,
        app_private_key_string=alipay.settings.private_key_file.read_text(),
        alipay_public_key_string=ALIPAY_KEY,
    )
    for vector in VECTORS:
        if vector.accepted:
            fields = dict(parse_qsl(vector.body.decode(), keep_blank_values=True))
            sign = fields.pop("sign")
            assert theirs.verify(fields, sign), vector.name


async def test_another_application_or_key_is_refused(alipay, sdk, tmp_path):
    stranger = AliPay(
        appid="2021000000000009",
        app_private_key_string=alipay.settings.private_key_file.read_text(),
        alipay_public_key_string=alipay.settings.alipay_public_key_file.read_text(),
    )
    stranger._gateway = sdk._gateway
    with pytest.raises(AliPayException, match=r"isv\.invalid-app-id"):
        await said(stranger.api_alipay_trade_query, out_trade_no="x")
    forged = AliPay(
        appid=alipay.settings.app_id,
        app_private_key_string=(alipay.settings.private_key_file.parent / "root.key.pem").read_text(),
        alipay_public_key_string=ALIPAY_KEY,
    )
    forged._gateway = sdk._gateway
    with pytest.raises(AliPayException, match=r"isv\.invalid-signature"):
        await said(forged.api_alipay_trade_query, out_trade_no="x")
    distrustful = AliPay(
        appid=alipay.settings.app_id,
        app_private_key_string=alipay.settings.private_key_file.read_text(),
        alipay_public_key_string=ALIPAY_KEY,
    )
    distrustful._gateway = sdk._gateway
    with pytest.raises(AliPayValidationError):
        await said(distrustful.api_alipay_trade_query, out_trade_no="x")


# Certificates instead of keys


@pytest.mark.filterwarnings("ignore:.*deprecated.*:DeprecationWarning")
async def test_with_certificates_both_speak_to_the_simulator_and_name_them_alike(
    alipay, certified_settings, http_client
):
    settings = certified_settings
    theirs = DCAliPay(
        appid=settings.app_id,
        app_private_key_string=settings.private_key_file.read_text(),
        app_public_key_cert_string=settings.app_certificate_file.read_text(),
        alipay_public_key_cert_string=settings.alipay_certificate_file.read_text(),
        alipay_root_cert_string=settings.alipay_root_certificate_file.read_text(),
    )
    theirs._gateway = f"{alipay.url}/gateway.do"
    ours = keys.read_keys(settings)
    assert (theirs.app_cert_sn, theirs.alipay_root_cert_sn) == (ours.app_cert_sn, ours.root_cert_sn)
    plugin = Alipay(settings, http_client)
    request = a_payment()
    assert (await alipay.pay(plugin, request, "silent"))["code"] == "OK"
    [fact] = (await plugin.query(request.payment_id)).facts
    found = await said(theirs.api_alipay_trade_query, out_trade_no=request.payment_id)
    assert (found["trade_no"], found["trade_status"]) == (fact.reference, "TRADE_SUCCESS")
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(100, "CNY"), "recalled")
    assert await plugin.refund(refund) == Done(fact.reference)


async def test_an_answer_under_another_certificate_is_not_believed(alipay, certified_settings, tmp_path, http_client):
    """Where the settings name a certificate of somebody else, the real one is not made out to the same name."""
    other = tmp_path / "other.crt"
    other.write_bytes(certified_settings.app_certificate_file.read_bytes())
    settings = certified_settings.model_copy(update={"alipay_certificate_file": other})
    answer = await PLUG.make(settings, http_client).query(new_id("payment", 1))
    assert isinstance(answer.problem, Unknown)
    assert answer.facts == ()


@pytest.fixture
async def renewing(tmp_path):
    """A simulator of its own that renews its certificate when asked, and settings that use certificates."""
    running = start_provider("alipay", tmp_path)
    settings = AlipaySettings(
        **{**running.ready["plugin"], "alipay_public_key_file": None, **running.ready["certificates"]}
    )

    async def renew(name="Simulated Alipay"):
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.post(f"{running.url}/control/certificate", content=urlencode({"name": name}))

    yield running, settings, renew
    running.stop()


async def test_a_renewed_certificate_is_fetched_and_the_answer_that_named_it_believed(renewing, http_client):
    running, settings, renew = renewing
    plugin = Alipay(settings, http_client)
    request = a_payment()
    await running.pay(plugin, request, "silent")
    [fact] = (await plugin.query(request.payment_id)).facts
    await renew()
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(100, "CNY"), "recalled")
    assert await plugin.refund(refund) == Done(fact.reference), "the first answer under it counts, and is not lost"
    assert await plugin.query_refund(refund.refund_id, refund.payment_id) == Done(fact.reference)
    assert (await running.counts(refund.refund_id))["refund"] == (1, 1)


async def test_a_certificate_of_the_same_issuer_for_somebody_else_is_not_believed(renewing, http_client):
    """Every merchant has one of those."""
    _, settings, renew = renewing
    plugin = Alipay(settings, http_client)
    await renew("Simulated application")
    for _ in range(2):
        answer = await plugin.query(new_id("payment", 1))
        assert answer.facts == ()
        assert isinstance(answer.problem, Unknown)


async def test_a_trade_that_is_finished_is_told_again_and_not_credited_again(alipay, plugin, listener):
    """TRADE_FINISHED has the same reference, so that the second notice is the same payment."""
    request = a_payment(notify_url=listener.url)
    await alipay.pay(plugin, request)
    [first] = await listener.hear(1)
    await alipay.control(f"finish/{request.payment_id}", {})
    _, second = await listener.hear(2)
    events = [plugin.parse_event(*heard, None) for heard in (first, second)]
    assert json.dumps(dict(parse_qsl(second[1].decode()))["trade_status"]) == '"TRADE_FINISHED"'
    assert events[0].event_id != events[1].event_id
    assert events[0].facts == events[1].facts
    [fact] = (await plugin.query(request.payment_id)).facts
    assert fact == events[0].facts[0]
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(100, "CNY"), "late")
    refused = await plugin.refund(refund)
    assert refused.code == "ACQ.TRADE_HAS_FINISHED"
    counts = await until(lambda: alipay.counts(request.payment_id), lambda answer: "event payment.finished" in answer)
    assert counts["payment"] == (1, 1)
