"""The cross-check: WeChat Pay's public Python library runs against the simulator, and says the same as our plugin.

Our simulator and our plugin could agree with one another and both be wrong; the library was written by others.
"""

import asyncio
import gzip
import hashlib
import json
import shutil
from datetime import UTC, datetime

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType

from tests.support.billing import bill_around
from tests.support.simulators import a_payment, start_provider
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done
from topup.payments.ports import PaymentStanding, RefundRequest, Scene
from topup.plugins.payments.wechatpay import Wechatpay, keys


def library(settings, *, certificates=None, notify_url="http://127.0.0.1:9/nobody"):
    """The library as a merchant sets it up: with WeChat Pay's public key, or with certificates in a directory."""
    known = {
        "public_key": settings.platform_public_key_file.read_text(),
        "public_key_id": settings.platform_public_key_id,
    }
    made = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=settings.merchant_id,
        private_key=settings.private_key_file.read_text(),
        cert_serial_no=keys.serial_of(keys.certificate(settings.certificate_file)),
        appid=settings.app_id,
        apiv3_key=settings.api_v3_key_file.read_text(),
        notify_url=notify_url,
        **({"cert_dir": str(certificates)} if certificates else known),
    )
    made._core._gate_way = settings.base_url
    return made


async def said(call, *arguments, **named):
    """Status and content of an answer; the library blocks."""
    status, message = await asyncio.to_thread(call, *arguments, **named)
    return status, json.loads(message) if message and isinstance(message, str) else message


@pytest.fixture
def plugin(wechatpay, http_client):
    return Wechatpay(wechatpay.settings, http_client)


@pytest.fixture
def sdk(wechatpay):
    return library(wechatpay.settings)


KINDS = {
    WeChatPayType.NATIVE: ({}, "code_url"),
    WeChatPayType.H5: ({"scene_info": {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}}, "h5_url"),
    WeChatPayType.JSAPI: ({"payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}}, "prepay_id"),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_create_pay_and_query(wechatpay, plugin, sdk, kind):
    number = new_id("payment", 1)
    more, given = KINDS[kind]
    status, content = await said(
        sdk.pay, description="话费充值", out_trade_no=number, amount={"total": 5000}, pay_type=kind, **more
    )
    assert (status, given in content) == (200, True)
    status, content = await said(sdk.query, out_trade_no=number)
    assert (status, content["trade_state"]) == (200, "NOTPAY")
    assert (await wechatpay.control(f"payments/{number}", {"outcome": "silent"}))["code"] == "OK"
    status, content = await said(sdk.query, out_trade_no=number)
    assert (status, content["trade_state"], content["amount"]["total"]) == (200, "SUCCESS", 5000)
    by_transaction = await said(sdk.query, transaction_id=content["transaction_id"])
    assert by_transaction == (200, content)
    [fact] = (await plugin.query(number)).facts
    assert (fact.standing, fact.amount) == (PaymentStanding.PAID, Money(5000, "CNY"))
    assert fact.reference == content["transaction_id"]
    assert fact.paid_at == datetime.fromisoformat(content["success_time"])


async def test_a_payment_code(plugin, sdk):
    number = new_id("payment", 1)
    facts = {"description": "话费充值", "amount": {"total": 5000, "currency": "CNY"}, "out_trade_no": number}
    facts |= {"scene_info": {"store_info": {"id": "1"}}, "payer": {"auth_code": f"13{datetime.now(UTC):%H%M%S%f}5555"}}
    status, content = await said(sdk.pay, pay_type=WeChatPayType.CODEPAY, **facts)
    assert (status, content["trade_state"], content["trade_type"]) == (200, "SUCCESS", "MICROPAY")
    assert isinstance(await plugin.cancel(number), Done)
    status, content = await said(sdk.query, out_trade_no=number)
    assert (status, content["trade_state"]) == (200, "REVOKED")


async def test_both_understand_the_same_notification(wechatpay, plugin, sdk, listener):
    listener.answers = [(plugin.acknowledge()[0], plugin.acknowledge()[2])]
    request = a_payment(notify_url=listener.url)
    assert (await wechatpay.pay(plugin, request, "pay"))["code"] == "OK"
    [(headers, body)] = await listener.hear(1)
    theirs = await asyncio.to_thread(sdk.callback, headers, body)
    assert theirs["event_type"] == "TRANSACTION.SUCCESS"
    event = plugin.parse_event(headers, body, datetime.now(UTC))
    assert event.event_id == theirs["id"]
    [fact] = event.facts
    assert theirs["resource"]["out_trade_no"] == fact.payment_id == request.payment_id
    assert theirs["resource"]["amount"]["total"] == fact.amount.amount_minor
    assert not await asyncio.to_thread(sdk.callback, headers, body.replace(b"EV-", b"EV_"))


async def test_refund_and_its_notification(wechatpay, plugin, sdk, listener):
    listener.answers = [(204, b"")]
    request = a_payment(notify_url=listener.url)
    await wechatpay.pay(plugin, request, "silent")
    number = new_id("refund", 1)
    amount = {"refund": 1234, "total": 5000, "currency": "CNY"}
    wanted = {"out_refund_no": number, "amount": amount, "out_trade_no": request.payment_id, "reason": "退款"}
    status, first = await said(sdk.refund, **wanted)
    assert (status, first["status"]) == (200, "PROCESSING")
    status, asked = await said(sdk.query_refund, number)
    assert (status, asked["status"], asked["amount"]["refund"]) == (200, "SUCCESS", 1234)
    assert await plugin.query_refund(number, request.payment_id) == Done(asked["refund_id"])
    [(headers, body)] = await listener.hear(1)
    told = await asyncio.to_thread(sdk.callback, headers, body)
    assert (told["event_type"], told["resource"]["out_refund_no"]) == ("REFUND.SUCCESS", number)
    [fact] = plugin.parse_event(headers, body, datetime.now(UTC)).facts
    assert (fact.refund_id, fact.outcome) == (number, Done(told["resource"]["refund_id"]))


async def test_close(wechatpay, plugin, sdk):
    request = a_payment()
    await plugin.start(request)
    assert (await said(sdk.close, request.payment_id))[0] == 204
    assert (await said(sdk.query, out_trade_no=request.payment_id))[1]["trade_state"] == "CLOSED"
    refused = await wechatpay.control(f"payments/{request.payment_id}", {"outcome": "pay"})
    assert refused["code"] == "ALREADY_FINAL"


async def test_the_same_bill(wechatpay, plugin, sdk):
    request = a_payment()
    await wechatpay.pay(plugin, request, "silent")
    [fact] = (await plugin.query(request.payment_id)).facts
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(1000, "CNY"), "some")
    await plugin.refund(refund)
    day = fact.paid_at.astimezone(plugin.bill_zone).date()
    status, place = await said(sdk.trade_bill, day.isoformat())
    assert status == 200
    status, packed = await said(sdk.download_bill, place["download_url"])
    content = gzip.decompress(packed)
    assert hashlib.sha1(content).hexdigest() == place["hash_value"]  # noqa: S324 - the provider's digest
    rows = content.decode("utf-8-sig").splitlines()[1:-2]
    theirs = {row.split(",`")[6]: row for row in rows if "SUCCESS,`OTHERS" in row}
    assert request.payment_id in theirs
    ours = {line.our_id: line for line in await bill_around(plugin, day)}
    assert ours[request.payment_id].amount == Money(5000, "CNY")
    assert ours[request.payment_id].fee == Money(30, "CNY")
    assert ours[refund.refund_id].amount == Money(1000, "CNY")
    assert ours[refund.refund_id].fee == Money(-6, "CNY")


async def test_certificate_mode_and_a_certificate_that_is_followed_by_another(tmp_path, http_client, listener):
    running = start_provider("wechatpay", tmp_path)
    settings = running.settings
    directory = tmp_path / "known"
    directory.mkdir()
    shutil.copy(settings.private_key_file.parent / "platform-0.cert.pem", directory / "first.pem")
    listener.answers = [(204, b"")]
    wanted = {"platform_public_key_id": None, "platform_public_key_file": None, "certificate_mode": True}
    plugin = Wechatpay(type(settings)(**settings.model_dump() | wanted), http_client)
    await running.control("signing", {"certificate": True})
    sdk = await asyncio.to_thread(library, settings, certificates=directory)

    for rotate in (False, True):
        await running.control("signing", {"rotate": rotate})
        listener.heard.clear()
        request = a_payment(notify_url=listener.url)
        assert (await running.pay(plugin, request, "pay"))["code"] == "OK"
        [(headers, body)] = await listener.hear(1)
        assert not headers["wechatpay-serial"].startswith("PUB_KEY_ID")
        [fact] = plugin.parse_event(headers, body, datetime.now(UTC)).facts
        assert fact.standing is PaymentStanding.PAID
        theirs = await asyncio.to_thread(sdk.callback, headers, body)
        assert theirs["resource"]["out_trade_no"] == request.payment_id
        # The second certificate is learned within the minute in which none is fetched again: as after that minute.
        plugin._calls._tried_at = None
    assert running.stop() == 0


async def test_the_librarys_wallet_signature_is_ours(plugin, sdk):
    request = a_payment(scene=Scene.WALLET, wallet_user="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
    action = await plugin.start(request)
    told = action.parameters
    text = [told["appId"], told["timeStamp"], told["nonceStr"], told["package"]]
    assert sdk.sign(text) == told["paySign"]
