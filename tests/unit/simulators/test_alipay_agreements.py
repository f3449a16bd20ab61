"""Agreements with Alipay's simulator: signed on its page, charged within what was signed, ended by either side."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.support.simulators import a_payment
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Reason, Refused, Unknown
from topup.payments.instruments.ports import AgreementRequest, AgreementStanding, Agrees, Keeps, Terms
from topup.payments.ports import (
    AgreementFact,
    Decline,
    EventRejected,
    PaymentFact,
    PaymentStanding,
    Scene,
    Unfit,
    Unsupported,
)
from topup.plugins.payments.alipay import Alipay, keys
from topup.plugins.payments.alipay.agreements import PAGE, identified, numbered, page_content
from topup.plugins.payments.alipay.wire import Wire
from topup_simulators.payments.magic import Magic

FORM = {"content-type": "application/x-www-form-urlencoded"}
UP_TO_100 = Terms(Money(10_000, "CNY"), 30)


@pytest.fixture
def plugin(alipay, http_client):
    return Alipay(alipay.settings, http_client)


@pytest.fixture
def wire(alipay):
    settings = alipay.settings
    return Wire(keys=keys.read_keys(settings), app_id=settings.app_id, seller_id=settings.seller_id)


def an_agreement(notify_url="http://127.0.0.1:9/webhooks/alipay", **changes):
    asked = AgreementRequest(
        agreement_id=new_id("instrument", 3),
        terms=UP_TO_100,
        begins_at=datetime.now(UTC),
        return_url="http://127.0.0.1:9/account/automatic",
        notify_url=notify_url,
    )
    return replace(asked, **changes)


async def page_of(url, http_client):
    return await http_client.send(method="GET", url=url, route="test")


async def does(alipay, http_client, page, outcome):
    form = unescape(re.search(r'name="form" value="([^"]+)"', page)[1])
    body = urlencode({"form": form, "outcome": outcome}).encode()
    url = f"{alipay.url}/agreement"
    return await http_client.send(method="POST", url=url, route="test", headers=FORM, content=body)


async def signs(alipay, plugin, http_client, asked):
    """Its owner signs; gives the token of what came of it."""
    page = (await page_of(plugin.agreement_page(asked), http_client)).body.decode()
    answer = await does(alipay, http_client, page, "sign")
    assert (answer.status, answer.headers["location"]) == (303, asked.return_url)
    return (await plugin.query_agreement(asked.agreement_id)).instrument.token


def charge(token, amount_minor=5000, **changes):
    return a_payment(scene=Scene.UNATTENDED, instrument=token, amount_minor=amount_minor, **changes)


async def controls(alipay, asked, deed):
    await alipay.control(f"agreements/{numbered(asked.agreement_id)}/{deed}", {})


def test_the_plugin_agrees_and_keeps_no_cards(plugin):
    assert isinstance(plugin, Agrees)
    assert not isinstance(plugin, Keeps)
    assert plugin.agreement_days[0] == 30


def test_our_ids_are_spelt_as_alipay_takes_them_and_read_back():
    ours = new_id("instrument", 5)
    assert numbered(ours).isalnum()
    assert len(numbered(ours)) <= 32
    assert identified(numbered(ours)) == ours
    assert [identified(text) for text in ("", "ins", ours, new_id("payment", 5).replace("_", ""))] == [""] * 4


async def test_it_is_signed_on_alipays_page_and_not_before(alipay, plugin, http_client):
    asked = an_agreement()
    assert (await plugin.query_agreement(asked.agreement_id)).standing is AgreementStanding.ABSENT
    page = (await page_of(plugin.agreement_page(asked), http_client)).body.decode()
    assert "支付宝模拟器" in page
    assert "100.00" in page
    assert (await does(alipay, http_client, page, "refuse")).status == 303
    assert (await plugin.query_agreement(asked.agreement_id)).standing is AgreementStanding.ABSENT
    for _ in range(2):
        assert (await does(alipay, http_client, page, "sign")).status == 303, "twice is once"
    answer = await plugin.query_agreement(asked.agreement_id)
    assert answer.standing is AgreementStanding.SIGNED
    assert answer.instrument.label == "Alipay sim***@example.com"
    assert answer.instrument.token not in repr(answer.instrument)


async def test_one_that_is_signed_is_found_by_its_number_under_any_scene(alipay, plugin, http_client):
    asked = an_agreement()
    token = await signs(alipay, plugin, http_client, asked)
    moved = Alipay(alipay.settings.model_copy(update={"withholding_scene": "INDUSTRY|OTHER"}), http_client)
    assert (await moved.query_agreement(asked.agreement_id)).standing is AgreementStanding.ABSENT
    answer = await moved.query_agreement(asked.agreement_id, token)
    assert (answer.standing, answer.instrument.token) == (AgreementStanding.SIGNED, token)
    other = await moved.query_agreement(new_id("instrument", 3), token)
    assert (other.standing, type(other.problem)) == (None, Unknown), "it is about another agreement"


async def test_it_tells_that_it_was_signed_and_that_it_ended(alipay, plugin, http_client, listener):
    asked = an_agreement(notify_url=listener.url)
    await signs(alipay, plugin, http_client, asked)
    await controls(alipay, asked, "unsign")
    heard = [plugin.parse_event(headers, body, None) for headers, body in await listener.hear(2)]
    facts = {fact for event in heard for fact in event.facts}
    assert facts == {AgreementFact(asked.agreement_id, ended=False), AgreementFact(asked.agreement_id, ended=True)}
    assert len({event.event_id for event in heard}) == 2


async def test_what_it_tells_of_agreements_is_believed_of_our_application_alone(alipay, plugin, http_client, listener):
    await signs(alipay, plugin, http_client, an_agreement(notify_url=listener.url))
    [(headers, body)] = await listener.hear(1)
    other = Alipay(alipay.settings.model_copy(update={"app_id": "2021000000000002"}), http_client)
    with pytest.raises(EventRejected, match="another application"):
        other.parse_event(headers, body, None)
    with pytest.raises(EventRejected, match="signature"):
        plugin.parse_event(headers, body.replace(b"NORMAL", b"UNSIGN"), None)


async def test_a_payment_by_it_is_made_at_once_with_nobody_there(alipay, plugin, http_client):
    token = await signs(alipay, plugin, http_client, an_agreement())
    request = charge(token)
    fact = await plugin.start(request)
    assert isinstance(fact, PaymentFact)
    assert (fact.standing, fact.amount) == (PaymentStanding.PAID, request.amount)
    assert isinstance(await plugin.start(request), Unknown), "the same again is asked about, and never a second payment"
    assert (await plugin.query(request.payment_id)).facts == (fact,)


async def test_a_lost_answer_is_found_by_asking(alipay, plugin, http_client):
    request = charge(await signs(alipay, plugin, http_client, an_agreement()), 5000 + Magic.START_BROKEN)
    assert isinstance(await plugin.start(request), Unknown)
    [fact] = (await plugin.query(request.payment_id)).facts
    assert fact.standing is PaymentStanding.PAID


async def test_beyond_what_was_agreed_nothing_is_paid(alipay, plugin, http_client):
    token = await signs(alipay, plugin, http_client, an_agreement())
    assert await plugin.start(charge(token, 10_001)) == Refused(Reason.USER, Decline.LIMIT)
    assert isinstance(await plugin.start(charge(token, 10_000)), PaymentFact), "what was refused used nothing up"
    assert await plugin.start(charge(token, 100)) == Refused(Reason.USER, Decline.AGAIN), "its next day is a month on"


async def test_before_the_agreed_day_nothing_is_paid_but_five_days(alipay, plugin, http_client):
    in_a_week, in_four_days = (an_agreement(begins_at=datetime.now(UTC) + timedelta(days=days)) for days in (7, 4))
    early = charge(await signs(alipay, plugin, http_client, in_a_week))
    assert await plugin.start(early) == Refused(Reason.USER, Decline.AGAIN)
    near = charge(await signs(alipay, plugin, http_client, in_four_days))
    assert isinstance(await plugin.start(near), PaymentFact)


async def test_an_owner_without_money_is_asked_another_time(alipay, plugin, http_client):
    asked = an_agreement()
    token = await signs(alipay, plugin, http_client, asked)
    await controls(alipay, asked, "poor")
    assert await plugin.start(charge(token)) == Refused(Reason.USER, Decline.FUNDS)
    await controls(alipay, asked, "rich")
    assert isinstance(await plugin.start(charge(token)), PaymentFact)


async def test_one_that_is_paused_is_signed_all_the_same_and_charged_when_it_goes_on(alipay, plugin, http_client):
    asked = an_agreement()
    token = await signs(alipay, plugin, http_client, asked)
    await controls(alipay, asked, "pause")
    assert await plugin.start(charge(token)) == Refused(Reason.USER, Decline.AGAIN)
    answer = await plugin.query_agreement(asked.agreement_id, token)
    assert (answer.standing, answer.instrument.token) == (AgreementStanding.PAUSED, token)
    await controls(alipay, asked, "resume")
    assert (await plugin.query_agreement(asked.agreement_id)).standing is AgreementStanding.SIGNED
    assert isinstance(await plugin.start(charge(token)), PaymentFact)
    await controls(alipay, asked, "pause")
    assert await plugin.end_agreement(token) == Done(token)
    assert (await plugin.query_agreement(asked.agreement_id)).standing is AgreementStanding.ABSENT


@pytest.mark.parametrize("by", ["its owner", "us"])
async def test_one_that_ended_is_charged_no_more_and_ending_it_again_is_done(alipay, plugin, http_client, by):
    asked = an_agreement()
    token = await signs(alipay, plugin, http_client, asked)
    if by == "us":
        assert await plugin.end_agreement(token) == Done(token)
    else:
        await controls(alipay, asked, "unsign")
    assert await plugin.start(charge(token)) == Refused(Reason.USER, Decline.UNSUPPORTED)
    assert (await plugin.query_agreement(asked.agreement_id)).standing is AgreementStanding.ABSENT
    assert await plugin.end_agreement(token) == Done(token)


@pytest.mark.parametrize(
    "wrong",
    [
        {"product_code": "FACE_TO_FACE_PAYMENT"},
        {"personal_product_code": "GENERAL_WITHHOLDING_P"},
        {"sign_scene": "DEFAULT|DEFAULT"},
        {"external_agreement_no": "with_an_underscore"},
        {"access_params": {"channel": "PC"}},
        {"period_rule_params": {"period_type": "DAY", "period": "6", "execute_time": "2026-11-21"}},
        {"period_rule_params": {"period_type": "DAY", "period": "7", "execute_time": "today", "single_amount": "1.00"}},
        {"period_rule_params": None},
    ],
)
async def test_what_is_asked_for_is_read_as_strictly_as_alipay_does(alipay, plugin, wire, http_client, wrong):
    asked = an_agreement()
    content = {**page_content(asked, alipay.settings), **wrong}
    form = wire.form(PAGE, content, now=datetime.now(UTC), notify_url=asked.notify_url, return_url=asked.return_url)
    assert (await page_of(f"{alipay.url}/gateway.do?{form}", http_client)).status == 403


async def test_a_page_whose_terms_were_changed_is_not_shown(plugin, http_client):
    url = plugin.agreement_page(an_agreement())
    assert dict(parse_qsl(urlsplit(url).query))["method"] == PAGE
    assert (await page_of(url.replace("100.00", "900.00"), http_client)).status == 403


async def test_without_such_a_contract_nothing_is_agreed_to_and_nobody_who_is_not_there_is_charged(alipay, http_client):
    plugin = Alipay(alipay.settings.model_copy(update={"withholding": "", "withholding_scene": ""}), http_client)
    assert plugin.agreement_days == ()
    assert plugin.unfit(Money(5000, "CNY"), Scene.UNATTENDED) is Unfit.SCENE
    with pytest.raises(Unsupported):
        plugin.agreement_page(an_agreement())
    with pytest.raises(Unsupported):
        await plugin.query_agreement(new_id("instrument", 1))
    with pytest.raises(Unsupported):
        await plugin.end_agreement("20215607750930630440")
