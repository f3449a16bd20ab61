"""Alipay's simulator is as strict as Alipay, and each scene of the plugin works against it."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.support.billing import bill_around
from tests.support.simulators import a_payment, start_provider, until
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Throttled, Unknown
from topup.payments.ports import (
    Action,
    Decline,
    NoBillYet,
    PaymentFact,
    PaymentStanding,
    RefundFact,
    RefundRequest,
    Scene,
)
from topup.plugins.payments.alipay import Alipay, keys
from topup.plugins.payments.alipay.wire import Wire
from topup_simulators.payments.magic import Magic

CODE = "2812345678901234"


@pytest.fixture
def plugin(alipay, http_client):
    return Alipay(alipay.settings, http_client)


@pytest.fixture
def wire(alipay):
    settings = alipay.settings
    return Wire(keys=keys.read_keys(settings), app_id=settings.app_id, seller_id=settings.seller_id)


async def standing(plugin, payment_id):
    [fact] = (await plugin.query(payment_id)).facts
    return fact.standing


async def sent(http_client, alipay, form):
    """What gateway.do says to a form: the content of the one node."""
    response = await http_client.send(
        method="POST",
        url=f"{alipay.url}/gateway.do",
        route="test",
        headers={"content-type": "application/x-www-form-urlencoded;charset=utf-8"},
        content=form.encode(),
    )
    answer = json.loads(response.body)
    [node] = [value for name, value in answer.items() if name.endswith("_response")]
    return node.get("sub_code", node["code"]), "sign" in answer


# Scenes


async def test_a_page_is_opened_paid_and_led_back_from(alipay, plugin, http_client):
    for scene in (Scene.PHONE, Scene.DESKTOP):
        request = a_payment(scene=scene, locale="en")
        url = (await plugin.start(request)).url
        assert await standing(plugin, request.payment_id) is PaymentStanding.ABSENT
        page = (await http_client.send(method="GET", url=url, route="test")).body.decode()
        assert "支付宝模拟器" in page
        assert await standing(plugin, request.payment_id) is PaymentStanding.WAITING
        form = unescape(re.search(r'name="form" value="([^"]+)"', page)[1])
        assert 'value="twice"' not in page
        answer = await http_client.send(
            method="POST",
            url=f"{alipay.url}/pay",
            route="test",
            headers={"content-type": "application/x-www-form-urlencoded"},
            content=urlencode({"form": form, "outcome": "pay"}).encode(),
        )
        assert (answer.status, answer.headers["location"]) == (303, request.return_url)
        assert await standing(plugin, request.payment_id) is PaymentStanding.PAID


async def test_a_qr_code_is_no_trade_until_it_is_scanned(plugin, http_client):
    request = a_payment(scene=Scene.SCREEN)
    action = await plugin.start(request)
    assert action.type == "qr"
    assert await plugin.start(request) == action, "the same order has the same code"
    assert await standing(plugin, request.payment_id) is PaymentStanding.ABSENT
    assert (await http_client.send(method="GET", url=action.url, route="test")).status == 200
    assert await standing(plugin, request.payment_id) is PaymentStanding.WAITING
    assert await plugin.close(request.payment_id) == Done(request.payment_id)
    assert await standing(plugin, request.payment_id) is PaymentStanding.CLOSED
    assert isinstance(await plugin.start(request), Unknown), "what is over is asked about"


@pytest.mark.parametrize("product", ["FACE_TO_FACE_PAYMENT", "OFFLINE_PAYMENT", "QR_CODE_OFFLINE"])
async def test_each_product_of_qr_codes(alipay, http_client, product):
    plugin = Alipay(alipay.settings.model_copy(update={"qr_product": product}), http_client)
    assert (await plugin.start(a_payment(scene=Scene.SCREEN))).type == "qr"


async def test_a_payment_code_pays_at_once(plugin, listener):
    request = a_payment(scene=Scene.COUNTER, payment_code=f"{CODE}00", notify_url=listener.url)
    fact = await plugin.start(request)
    assert isinstance(fact, PaymentFact)
    assert (fact.standing, fact.amount) == (PaymentStanding.PAID, request.amount)
    assert (await plugin.query(request.payment_id)).facts == (fact,)
    [(headers, body)] = await listener.hear(1)
    assert plugin.parse_event(headers, body, None).facts == (fact,)
    assert isinstance(await plugin.start(request), Unknown), "paid already: asked about, never a refusal"


async def test_a_payment_code_that_must_be_confirmed_waits_and_can_be_cancelled(alipay, plugin):
    confirmed, cancelled = (a_payment(scene=Scene.COUNTER, payment_code=f"{CODE}01") for _ in range(2))
    for request in (confirmed, cancelled):
        assert await plugin.start(request) == Action(type="wait")
        assert await standing(plugin, request.payment_id) is PaymentStanding.WAITING
    await alipay.control(f"payments/{confirmed.payment_id}", {"outcome": "pay"})
    assert await standing(plugin, confirmed.payment_id) is PaymentStanding.PAID
    assert await plugin.cancel(cancelled.payment_id) == Done(cancelled.payment_id)
    assert await standing(plugin, cancelled.payment_id) is PaymentStanding.CLOSED


async def test_payment_codes_that_do_not_pay(plugin):
    for ending, decline in (("02", Decline.FUNDS), ("03", Decline.CODE)):
        request = a_payment(scene=Scene.COUNTER, payment_code=f"{CODE}{ending}")
        assert await plugin.start(request) == Refused(Reason.USER, decline)
    wrong = a_payment(scene=Scene.COUNTER, payment_code="123")
    assert await plugin.start(wrong) == Refused(Reason.USER, Decline.CODE)


@pytest.mark.parametrize(
    "changes",
    [
        {"scene": Scene.COUNTER, "payment_code": f"{CODE}04"},
        {"scene": Scene.COUNTER, "payment_code": f"{CODE}00", "amount_minor": 5000 + Magic.START_BROKEN},
    ],
)
async def test_a_payment_code_whose_answer_is_lost_is_found_and_cancel_gives_it_back(alipay, plugin, changes):
    request = a_payment(**changes)
    assert isinstance(await plugin.start(request), Unknown)
    assert await standing(plugin, request.payment_id) is PaymentStanding.PAID
    for _ in range(2):
        assert await plugin.cancel(request.payment_id) == Done(request.payment_id)
    assert await standing(plugin, request.payment_id) is PaymentStanding.CLOSED
    lines = [line for line in await bill_around(plugin) if line.our_id == request.payment_id]
    assert sorted(line.kind for line in lines) == ["payment", "refund"]
    assert (await alipay.counts(request.payment_id))["payment"] == (1, 1)


async def test_of_a_day_without_anything_there_is_no_bill_and_in_the_end_that_is_an_empty_one(plugin):
    today = (datetime.now(UTC) + timedelta(hours=8)).date()
    with pytest.raises(NoBillYet, match="bill_not_exist"):
        await plugin.bill(today + timedelta(days=1))
    assert await plugin.bill(today - timedelta(days=5)) == []


# Money


async def test_the_bill_has_alipays_fee_and_gives_it_back_with_a_refund(alipay, plugin):
    request = a_payment(amount_minor=10_000)
    await alipay.pay(plugin, request, "silent")
    [fact] = (await plugin.query(request.payment_id)).facts
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(5000, "CNY"), "half")
    assert await plugin.refund(refund) == Done(fact.reference)
    lines = {line.our_id: line for line in await bill_around(plugin)}
    assert lines[request.payment_id].fee == Money(60, "CNY")
    assert lines[refund.refund_id].fee == Money(-30, "CNY")
    assert lines[refund.refund_id].reference == fact.reference


async def test_a_refund_is_told_with_its_number_and_a_full_one_closes_the_trade(alipay, plugin, listener):
    request = a_payment(notify_url=listener.url)
    await alipay.pay(plugin, request, "silent")
    [fact] = (await plugin.query(request.payment_id)).facts
    parts = [
        RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(minor, "CNY"), "part")
        for minor in (2000, 3000)
    ]
    for part in parts:
        assert await plugin.refund(part) == Done(fact.reference)
    heard = [plugin.parse_event(*event, None).facts for event in await listener.hear(2)]
    first, second = (RefundFact(part.refund_id, Done(fact.reference)) for part in parts)
    assert heard == [(fact, first), (second,)]
    assert await standing(plugin, request.payment_id) is PaymentStanding.CLOSED, "nothing of it is ours any more"


async def test_a_refund_under_way_is_not_found_until_it_is_done(alipay, plugin):
    request = a_payment(amount_minor=5000 + Magic.REFUND_SLOW)
    await alipay.pay(plugin, request, "silent")
    [fact] = (await plugin.query(request.payment_id)).facts
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(5000, "CNY"), "slow")
    assert await plugin.refund(refund) == Accepted(fact.reference)
    assert await plugin.query_refund(refund.refund_id, refund.payment_id) == Refused(Reason.ABSENT, "REFUND_NOT_EXIST")
    assert await plugin.refund(refund) == Accepted(fact.reference), "the same number again is no second refund"
    await until(lambda: plugin.query_refund(refund.refund_id, refund.payment_id), lambda it: isinstance(it, Done))


# Misbehaviour on demand


async def test_a_close_in_words_only_is_found_out_by_asking(alipay, plugin, http_client):
    request = a_payment(amount_minor=5000 + Magic.CLOSED_IN_WORDS)
    await http_client.send(method="GET", url=(await plugin.start(request)).url, route="test")
    assert await plugin.close(request.payment_id) == Done(request.payment_id)
    assert await standing(plugin, request.payment_id) is PaymentStanding.CLOSED
    await alipay.pay(plugin, request)
    assert await standing(plugin, request.payment_id) is PaymentStanding.PAID


@pytest.mark.parametrize(
    ("which", "standings"),
    [
        (Magic.PAID_THEN_CLOSED, ["paid", "closed"]),
        (Magic.CLOSED_THEN_PAID, ["closed", "paid"]),
        (Magic.NOTIFIED_AGAIN, ["paid", "paid", "paid"]),
        (Magic.PAID_LATER, ["paid"]),
    ],
)
async def test_orders_and_repetitions_of_notices(alipay, plugin, listener, which, standings):
    request = a_payment(amount_minor=5000 + which, notify_url=listener.url)
    await alipay.pay(plugin, request)
    events = [plugin.parse_event(*heard, None) for heard in await listener.hear(len(standings))]
    assert [event.facts[0].standing.value for event in events] == standings
    references = {fact.reference for event in events for fact in event.facts if fact.reference}
    assert len(references) == 1
    if which is Magic.NOTIFIED_AGAIN:
        assert len({event.event_id for event in events}) == 2


async def test_queries_that_are_throttled_badly_signed_or_broken(alipay, plugin):
    expected = {
        Magic.QUERY_THROTTLED: [Throttled, Throttled, type(None)],
        Magic.QUERY_BADLY_SIGNED: [Unknown, Unknown, type(None)],
        Magic.QUERY_BROKEN: [Unknown, Unknown, Unknown],
    }
    for which, problems in expected.items():
        request = a_payment(amount_minor=5000 + which)
        await alipay.pay(plugin, request, "silent")
        assert [type((await plugin.query(request.payment_id)).problem) for _ in range(3)] == problems


async def test_a_payment_under_way_is_neither_closed_nor_refused(alipay, plugin):
    request = a_payment()
    await alipay.pay(plugin, request, "late")
    assert isinstance(await plugin.close(request.payment_id), Unknown)


async def test_nobody_pays_a_trade_twice(alipay, plugin):
    assert (await alipay.pay(plugin, a_payment(), "twice"))["code"] == "BAD_OUTCOME"


# Strictness


async def test_a_call_is_believed_only_as_it_was_signed(alipay, wire, http_client):
    now = datetime.now(UTC)
    content = {"out_trade_no": new_id("payment", 1)}
    form = wire.form("alipay.trade.query", content, now=now)
    assert await sent(http_client, alipay, form) == ("ACQ.TRADE_NOT_EXIST", True)
    fields = dict(parse_qsl(form))
    for name in fields:
        missing = urlencode({other: value for other, value in fields.items() if other != name})
        code, signed = await sent(http_client, alipay, missing)
        assert code.startswith("isv."), name
        assert not signed, name
        altered = urlencode({**fields, name: fields[name][:-1] + ("1" if fields[name][-1] != "1" else "2")})
        assert (await sent(http_client, alipay, altered))[0].startswith("isv."), name
    doubled = f"{form}&{urlencode({'app_id': fields['app_id']})}"
    assert (await sent(http_client, alipay, doubled))[0] == "isv.invalid-parameter"
    old = wire.form("alipay.trade.query", content, now=now - timedelta(minutes=11))
    assert (await sent(http_client, alipay, old))[0] == "isv.invalid-timestamp"
    nothing = wire.form("alipay.trade.nothing", content, now=now)
    assert (await sent(http_client, alipay, nothing))[0] == "isv.invalid-method"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"total_amount": "0.00"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "1.234"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "-1.00"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "1e2"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "100000000.01"}, "ACQ.TOTAL_FEE_EXCEED"),
        ({"subject": ""}, "ACQ.INVALID_PARAMETER"),
        ({"subject": "a=b"}, "ACQ.INVALID_PARAMETER"),
        ({"product_code": "FAST_INSTANT_TRADE_PAY"}, "ACQ.INVALID_PARAMETER"),
        ({"out_trade_no": "a-b"}, "ACQ.INVALID_PARAMETER"),
        ({"out_trade_no": "x" * 65}, "ACQ.INVALID_PARAMETER"),
        ({"time_expire": "tomorrow"}, "ACQ.INVALID_PARAMETER"),
        ({"time_expire": "2026-11-20T00:00:00"}, "ACQ.INVALID_PARAMETER"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(alipay, wire, http_client, change, code):
    content = {"out_trade_no": new_id("payment", 1), "total_amount": "1.00", "subject": "x", **change}
    form = wire.form("alipay.trade.precreate", content, now=datetime.now(UTC))
    assert await sent(http_client, alipay, form) == (code, True)


async def test_an_address_that_is_not_on_this_machine_is_never_called(alipay, wire, http_client):
    content = {"out_trade_no": new_id("payment", 1), "total_amount": "1.00", "subject": "x"}
    form = wire.form("alipay.trade.precreate", content, now=datetime.now(UTC), notify_url="http://10.0.0.1/x")
    assert (await sent(http_client, alipay, form))[0] == "isv.invalid-notify-url"


async def test_the_same_number_with_other_content_is_another_order(plugin):
    request = a_payment(scene=Scene.SCREEN)
    await plugin.start(request)
    other = replace(request, amount=Money(request.amount.amount_minor + 1, "CNY"))
    assert isinstance(await plugin.start(other), Unknown)


async def test_an_altered_page_address_is_refused(plugin, http_client):
    url = (await plugin.start(a_payment())).url
    page = await http_client.send(method="GET", url=url.replace("50.00", "5.00"), route="test")
    assert page.status == 403
    assert b"isv.invalid-signature" in page.body


async def test_a_bill_address_is_good_once(alipay, wire, plugin, http_client):
    request = a_payment()
    await alipay.pay(plugin, request, "silent")
    [fact] = (await plugin.query(request.payment_id)).facts
    content = {"bill_type": "trade", "bill_date": fact.paid_at.astimezone(plugin.bill_zone).date().isoformat()}
    form = wire.form("alipay.data.dataservice.bill.downloadurl.query", content, now=datetime.now(UTC))
    response = await http_client.send(method="POST", url=f"{alipay.url}/gateway.do", route="t", content=form.encode())
    url = json.loads(response.body)["alipay_data_dataservice_bill_downloadurl_query_response"]["bill_download_url"]
    assert urlsplit(url).path == "/downloadBillFile.resource"
    assert (await http_client.send(method="GET", url=url, route="test")).status == 200
    assert (await http_client.send(method="GET", url=url, route="test")).status == 404


# The process


def test_the_ready_line_has_the_whole_plugin_and_keys_are_for_their_owner_only(tmp_path):
    running = start_provider("alipay", tmp_path)
    again = running.ready["plugin"]
    home = tmp_path / "alipay"
    assert home.stat().st_mode & 0o077 == 0
    for secret in ("app.key.pem", "alipay.key.pem", "root.key.pem"):
        assert (home / secret).stat().st_mode & 0o077 == 0, secret
    assert running.stop() == 0
    second = start_provider("alipay", tmp_path)
    same = {"private_key_file", "alipay_public_key_file", "app_id", "seller_id"}
    assert {name: second.ready["plugin"][name] for name in same} == {name: again[name] for name in same}
    assert second.stop() == 0
