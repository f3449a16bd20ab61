"""The simulated WeChat Pay believes nothing that its merchant did not sign, just now, once; and keeps its own rules."""

import base64
import json
import re
import secrets
import stat
import time
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.simulators import a_payment, start_provider, until
from topup.kernel.ids import new_id
from topup.kernel.outcome import Done, Reason, Refused, Unknown
from topup.payments.ports import Action, Decline, PaymentFact, PaymentStanding, Scene
from topup.plugins.payments.wechatpay import Wechatpay, keys
from topup_simulators.payments.magic import Magic


@pytest.fixture
def plugin(wechatpay, http_client):
    return Wechatpay(wechatpay.settings, http_client)


@pytest.fixture
def call(wechatpay, http_client):
    """A call signed as the merchant, written out here; each part can be changed."""
    settings = wechatpay.settings
    key = keys.private_key(settings.private_key_file)
    serial = keys.serial_of(keys.certificate(settings.certificate_file))

    async def call(method, target, content=None, *, body=None, signed=None, headers=None, **changes):
        sent = (b"" if content is None else json.dumps(content).encode()) if body is None else body
        facts = {"mchid": settings.merchant_id, "nonce_str": secrets.token_hex(16)}
        facts |= {"timestamp": str(int(time.time())), "serial_no": serial} | changes
        text = f"{method}\n{target}\n{facts['timestamp']}\n{facts['nonce_str']}\n".encode() + sent + b"\n"
        signature = key.sign(text if signed is None else signed, PKCS1v15(), SHA256())
        facts = {"signature": base64.b64encode(signature).decode()} | facts
        spelled = ",".join(f'{name}="{value}"' for name, value in facts.items())
        usual = {"authorization": f"WECHATPAY2-SHA256-RSA2048 {spelled}", "accept": "application/json"}
        usual |= {"content-type": "application/json"} | (headers or {})
        response = await http_client.send(
            method=method, url=settings.base_url + target, route="test", headers=usual, content=sent
        )
        return response.status, json.loads(response.body).get("code") if response.body else None

    return call


def an_order(wechatpay, **changes):
    order = {
        "appid": wechatpay.settings.app_id,
        "mchid": wechatpay.settings.merchant_id,
        "description": "话费充值",
        "out_trade_no": new_id("payment", 1),
        "notify_url": "http://127.0.0.1:9/nobody",
        "amount": {"total": 5000, "currency": "CNY"},
    }
    return {**order, **changes}


NATIVE = "/v3/pay/transactions/native"


async def test_a_call_signed_by_hand_is_taken(call, wechatpay):
    assert await call("POST", NATIVE, an_order(wechatpay)) == (200, None)


@pytest.mark.parametrize(
    "change",
    [
        {"mchid": "1900000002"},
        {"serial_no": "0" * 40},
        {"timestamp": "0"},
        {"timestamp": "now"},
        {"nonce_str": ""},
        {"nonce_str": "no nonce"},
        {"signature": ""},
        {"signature": "AAAA"},
        {"signed": b"something else"},
        {"headers": {"authorization": "Bearer x"}},
        {"headers": {"authorization": ""}},
    ],
    ids=str,
)
async def test_whoever_is_not_the_merchant_is_turned_away(call, wechatpay, change):
    assert await call("POST", NATIVE, an_order(wechatpay), **change) == (401, "SIGN_ERROR")


async def test_times_five_minutes_away_and_a_nonce_used_before_are_turned_away(call, wechatpay):
    for apart in (-302, 302):
        stale = {"timestamp": str(int(time.time()) + apart)}
        assert await call("POST", NATIVE, an_order(wechatpay), **stale) == (401, "SIGN_ERROR")
    nonce = {"nonce_str": secrets.token_hex(16)}
    assert await call("POST", NATIVE, an_order(wechatpay), **nonce) == (200, None)
    assert await call("POST", NATIVE, an_order(wechatpay), **nonce) == (401, "SIGN_ERROR")


async def test_a_body_or_address_other_than_the_signed_one_is_turned_away(call, wechatpay):
    order = json.dumps(an_order(wechatpay)).encode()
    when = {"timestamp": str(int(time.time())), "nonce_str": secrets.token_hex(16)}
    text = f"POST\n{NATIVE}\n{when['timestamp']}\n{when['nonce_str']}\n".encode() + order + b"\n"
    altered = order.replace(b"5000", b"4000")
    assert await call("POST", NATIVE, body=altered, signed=text, **when) == (401, "SIGN_ERROR")
    assert await call("POST", NATIVE + "?x=1", body=order, signed=text, **when) == (401, "SIGN_ERROR")
    assert await call("POST", NATIVE, body=order, signed=text, **when) == (200, None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"appid": "wx0000000000000000"}, "APPID_MCHID_NOT_MATCH"),
        ({"mchid": "1900000002"}, "APPID_MCHID_NOT_MATCH"),
        ({"description": ""}, "PARAM_ERROR"),
        ({"description": "x" * 128}, "PARAM_ERROR"),
        ({"out_trade_no": "short"}, "PARAM_ERROR"),
        ({"out_trade_no": "x" * 33}, "PARAM_ERROR"),
        ({"out_trade_no": "pay 123456"}, "PARAM_ERROR"),
        ({"amount": {"total": 0}}, "PARAM_ERROR"),
        ({"amount": {"total": "5000"}}, "PARAM_ERROR"),
        ({"amount": {"total": 50.0}}, "PARAM_ERROR"),
        ({"amount": {"total": 5000, "currency": "USD"}}, "PARAM_ERROR"),
        ({"notify_url": ""}, "PARAM_ERROR"),
        ({"notify_url": "http://127.0.0.1:9/nobody?x=1"}, "PARAM_ERROR"),
        ({"time_expire": "2020-01-01T00:00:00+08:00"}, "PARAM_ERROR"),
        ({"time_expire": "2999-01-01T00:00:00+08:00"}, "PARAM_ERROR"),
        ({"time_expire": "2026-11-21T18:00:00"}, "PARAM_ERROR"),
    ],
    ids=str,
)
async def test_each_field_is_checked(call, wechatpay, change, code):
    status, told = await call("POST", NATIVE, an_order(wechatpay, **change))
    assert (status, told) == (400, code)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("h5", {}),
        ("h5", {"scene_info": {"payer_client_ip": "here", "h5_info": {"type": "Wap"}}}),
        ("h5", {"scene_info": {"payer_client_ip": "127.0.0.1"}}),
        ("jsapi", {}),
        ("jsapi", {"payer": {"openid": ""}}),
        ("codepay", {"payer": {"auth_code": "134567890123456789"}}),
        ("codepay", {"scene_info": {"store_info": {"id": "1"}}}),
    ],
)
async def test_what_a_scene_needs(call, wechatpay, kind, more):
    assert await call("POST", f"/v3/pay/transactions/{kind}", an_order(wechatpay, **more)) == (400, "PARAM_ERROR")


async def test_a_call_that_takes_no_json_or_asks_for_another_merchants_order(call, wechatpay):
    assert (await call("POST", NATIVE, an_order(wechatpay), headers={"accept": "text/html"}))[1] == "PARAM_ERROR"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await call("POST", NATIVE, an_order(wechatpay), headers=form))[1] == "PARAM_ERROR"
    number = new_id("payment", 1)
    for query in ("", "?mchid=1900000002"):
        assert (await call("GET", f"/v3/pay/transactions/out-trade-no/{number}{query}"))[1] == "PARAM_ERROR"


async def test_the_same_number_with_other_content_is_refused(call, wechatpay):
    order = an_order(wechatpay)
    assert await call("POST", NATIVE, order) == (200, None)
    assert await call("POST", NATIVE, order) == (200, None)
    assert await call("POST", NATIVE, order | {"amount": {"total": 4999}}) == (400, "INVALID_REQUEST")


async def test_a_refund_must_name_the_whole_amount_and_not_exceed_it(call, wechatpay, plugin):
    request = a_payment()
    await wechatpay.pay(plugin, request, "silent")
    path = "/v3/refund/domestic/refunds"

    def refund(amount, **changes):
        wanted = {"out_trade_no": request.payment_id, "out_refund_no": new_id("refund", 1)}
        return wanted | {"amount": {"currency": "CNY", **amount}} | changes

    assert await call("POST", path, refund({"refund": 1, "total": 4999})) == (400, "PARAM_ERROR")
    assert await call("POST", path, refund({"refund": 5001, "total": 5000})) == (400, "INVALID_REQUEST")
    assert await call("POST", path, refund({"refund": 0, "total": 5000})) == (400, "PARAM_ERROR")
    gone = refund({"refund": 1, "total": 5000}, out_trade_no=new_id("payment", 1))
    assert await call("POST", path, gone) == (404, "RESOURCE_NOT_EXISTS")
    once = refund({"refund": 5000, "total": 5000})
    assert await call("POST", path, once) == (200, None)
    assert await call("POST", path, once) == (200, None)
    assert await call("POST", path, once | {"amount": {"refund": 1, "total": 5000, "currency": "CNY"}}) == (
        400,
        "INVALID_REQUEST",
    )


def in_scene(scene, ending="0", **changes):
    code = f"13{secrets.randbelow(10**15):015}{ending}"
    return a_payment(scene=scene, payment_code=code, wallet_user="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", **changes)


@pytest.mark.parametrize("scene", [Scene.PHONE, Scene.DESKTOP, Scene.SCREEN, Scene.WALLET])
async def test_paid_in_each_scene(wechatpay, plugin, scene):
    request = in_scene(scene)
    assert (await wechatpay.pay(plugin, request, "silent"))["code"] == "OK"
    [fact] = (await plugin.query(request.payment_id)).facts
    assert (fact.standing, fact.amount) == (PaymentStanding.PAID, request.amount)
    assert isinstance(await plugin.start(request), Unknown), "paid already: asked about"


async def test_a_payment_code_pays_at_once_and_only_once(plugin):
    request = in_scene(Scene.COUNTER)
    fact = await plugin.start(request)
    assert isinstance(fact, PaymentFact)
    assert (fact.standing, fact.amount) == (PaymentStanding.PAID, request.amount)
    assert await plugin.start(request) == fact, "the code is used up, and the number was paid"
    another = a_payment(scene=Scene.COUNTER, payment_code=request.payment_code)
    assert await plugin.start(another) == Refused(Reason.USER, Decline.CODE)


async def test_a_payer_who_enters_the_password_and_one_who_does_not(wechatpay, plugin):
    slow, never, closed = (in_scene(Scene.COUNTER, "1") for _ in range(3))
    for request in (slow, never, closed):
        assert await plugin.start(request) == Action("wait")
        [fact] = (await plugin.query(request.payment_id)).facts
        assert fact.standing is PaymentStanding.WAITING
    assert (await wechatpay.control(f"payments/{slow.payment_id}", {"outcome": "pay"}))["code"] == "OK"
    assert (await plugin.query(slow.payment_id)).facts[0].standing is PaymentStanding.PAID
    assert isinstance(await plugin.cancel(never.payment_id), Done)
    assert (await plugin.query(never.payment_id)).facts[0].standing is PaymentStanding.CLOSED
    assert isinstance(await plugin.close(closed.payment_id), Done), "reversed: such an order is not closed"
    assert await plugin.close(slow.payment_id) == Refused(Reason.USER, "paid")
    for request in (never, closed):
        refused = await wechatpay.control(f"payments/{request.payment_id}", {"outcome": "pay"})
        assert refused["code"] == "ALREADY_FINAL"


@pytest.mark.parametrize("ending", ["2", "3"])
async def test_a_refused_payment_code(plugin, ending):
    request = in_scene(Scene.COUNTER, ending)
    fact = await plugin.start(request)
    assert isinstance(fact, PaymentFact)
    assert fact.standing is PaymentStanding.DECLINED


async def test_a_code_payment_answered_with_500_was_paid(plugin):
    request = in_scene(Scene.COUNTER, "4")
    assert isinstance(await plugin.start(request), Unknown)
    assert (await plugin.query(request.payment_id)).facts[0].standing is PaymentStanding.PAID
    assert isinstance(await plugin.cancel(request.payment_id), Done), "reversed"


@pytest.mark.parametrize("which", [Magic.DECLINED, Magic.PAID_LATER])
async def test_magic_amounts_of_code_payments(plugin, which):
    request = in_scene(Scene.COUNTER, amount_minor=5000 + which)
    outcome = await plugin.start(request)
    if which is Magic.PAID_LATER:
        assert outcome == Action("wait")
    else:
        assert isinstance(outcome, Unknown)
    standing = PaymentStanding.PAID if which is Magic.PAID_LATER else PaymentStanding.DECLINED
    answer = await until(
        lambda: plugin.query(request.payment_id), lambda it: bool(it.facts) and it.facts[0].standing is standing
    )
    assert answer.facts[0].standing is standing


async def test_a_payer_who_says_no_leaves_the_order_open_to_be_closed(wechatpay, plugin):
    request = a_payment()
    assert (await wechatpay.pay(plugin, request, "decline"))["code"] == "OK"
    assert (await plugin.query(request.payment_id)).facts[0].standing is PaymentStanding.WAITING
    assert isinstance(await plugin.close(request.payment_id), Done)


async def test_nothing_is_paid_twice_under_one_number(wechatpay, plugin):
    assert (await wechatpay.pay(plugin, a_payment(), "twice"))["code"] == "BAD_OUTCOME"


async def test_an_event_is_sealed_once_signed_each_time_and_resent_until_200_or_204(wechatpay, plugin, listener):
    listener.answers = [(500, b"{}"), (404, b""), (302, b""), (200, b'{"code":"FAIL"}')]
    request = a_payment(notify_url=listener.url)
    await wechatpay.pay(plugin, request, "pay")
    heard = await listener.hear(4)
    assert len({body for _, body in heard}) == 1, "the same event"
    assert len({headers["wechatpay-nonce"] for headers, _ in heard}) == 4, "signed afresh"
    ids = {plugin.parse_event(headers, body, datetime.now(UTC)).event_id for headers, body in heard}
    assert len(ids) == 1
    counts = await until(
        lambda: wechatpay.counts(request.payment_id), lambda it: it.get("event payment.paid", (0, 0))[1] == 1
    )
    assert counts["event payment.paid"] == (4, 1)


async def test_resending_ends_with_the_schedule(tmp_path, http_client, listener):
    running = start_provider("wechatpay", tmp_path, "--resend-factor", "0")
    listener.answers = [(500, b"")]
    request = a_payment(notify_url=listener.url)
    await running.pay(Wechatpay(running.settings, http_client), request, "pay")
    await until(lambda: running.control("agenda"), lambda answer: answer["agenda"] == [])
    assert (await running.counts(request.payment_id))["event payment.paid"] == (16, 0)
    assert running.stop() == 0


async def test_the_pay_page_is_plainly_a_simulators_and_leads_back(wechatpay, plugin, http_client):
    action = await plugin.start(a_payment())
    referer = {"referer": "http://127.0.0.1:8080/"}
    page = await http_client.send(method="GET", url=action.url, route="test", headers=referer)
    text = page.body.decode()
    assert page.status == 200
    assert "模拟" in text
    assert "¥50.00" in text
    assert "http://127.0.0.1:8080/orders/1?paid=1&amp;from=gateway" in text
    assert set(re.findall(r'name="outcome" value="(\w+)"', text)) == {"pay", "decline", "late", "silent"}
    unknown = await http_client.send(method="GET", url=f"{wechatpay.url}/pay?pr=nothing", route="test")
    assert unknown.status == 403


@pytest.mark.parametrize("headers", [{}, {"referer": ""}, {"referer": "null"}, {"referer": "shop.example"}])
async def test_the_h5_page_opens_only_for_who_says_from_which_site_they_come(plugin, http_client, headers):
    action = await plugin.start(a_payment())
    page = await http_client.send(method="GET", url=action.url, route="test", headers=headers)
    assert page.status == 403
    assert "REFERER_MISSING" in page.body.decode()


async def test_a_qr_code_is_scanned_and_comes_from_no_site(plugin, http_client):
    action = await plugin.start(a_payment(scene=Scene.DESKTOP))
    assert (await http_client.send(method="GET", url=action.url, route="test")).status == 200


async def test_keys_are_for_their_owner_only_and_survive_a_kill(tmp_path, http_client):
    running = start_provider("wechatpay", tmp_path)
    request = a_payment()
    await running.pay(Wechatpay(running.settings, http_client), request, "silent")
    serial = (await running.control("signing", {"rotate": True}))["serial"]
    running.kill()
    directory = running.settings.private_key_file.parent
    for name in ("apiclient_key.pem", "apiv3.key", "platform.key.pem", "platform-0.key.pem", "platform-1.key.pem"):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    again = start_provider("wechatpay", tmp_path)
    assert again.settings == running.settings.model_copy(update={"base_url": again.url})
    assert keys.serial_of(keys.certificate(directory / "platform-1.cert.pem")) == serial
    [fact] = (await Wechatpay(again.settings, http_client).query(request.payment_id)).facts
    assert fact.standing is PaymentStanding.PAID
    assert again.stop() == 0
