"""The plugin against simulated Stripe: pages, cards and their banks, cards that are kept."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.simulators import a_payment, until
from tests.support.stripe import choose, dollars, facts_in, page_of, paid, standing
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Reason, Refused, Unknown
from topup.payments.ports import Action, Decline, PaymentFact, PaymentStanding, RefundRequest, Scene
from topup.plugins.payments.stripe import Stripe
from topup_simulators.payments.magic import Magic

CHALLENGED, DECLINED, POOR = "4000002760003184", "4000000000000002", "4000000000009995"


@pytest.fixture
def plugin(stripe, http_client):
    return Stripe(stripe.settings, http_client)


# The page.


async def test_a_card_is_charged_and_events_and_query_say_the_same(plugin, stripe_browser, hearing):
    request = dollars()
    page = await choose(stripe_browser, await page_of(plugin, request), card="4242424242424242")
    assert (page.status_code, page.headers["location"]) == (303, request.return_url)
    [told] = (await plugin.query(request.payment_id)).facts
    assert (told.standing, told.amount) == (PaymentStanding.PAID, request.amount)
    heard = facts_in(plugin, await hearing.hear(3))
    assert sorted(await hearing.types(3)) == [
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.succeeded",
    ]
    assert {(fact.payment_id, fact.standing, fact.reference, fact.amount) for fact in heard} == {
        (request.payment_id, PaymentStanding.PAID, told.reference, request.amount)
    }


async def test_the_page_is_for_a_phone_and_says_that_it_is_a_simulator(plugin, stripe_browser):
    shown = await stripe_browser.get(await page_of(plugin, dollars(locale="en")))
    assert shown.status_code == 200
    assert "SIMULATOR" in shown.text
    assert 'name="viewport"' in shown.text
    assert "$50.00" in shown.text
    assert len(re.findall(r'type="radio"', shown.text)) >= 5
    assert "<script" not in shown.text


@pytest.mark.parametrize(("locale", "language"), [("zh_Hans", "zh-Hans"), ("zh_Hant", "zh-Hant"), ("en", "en")])
async def test_the_page_speaks_the_payers_language(plugin, stripe_browser, locale, language):
    shown = await stripe_browser.get(await page_of(plugin, dollars(locale=locale)))
    assert f'<html lang="{language}">' in shown.text


async def test_the_bank_may_ask_who_pays(plugin, stripe_browser):
    request = dollars()
    url = await page_of(plugin, request)
    asked = await choose(stripe_browser, url, card=CHALLENGED)
    assert asked.status_code == 200
    assert 'name="bank"' in asked.text
    assert await standing(plugin, request.payment_id) is PaymentStanding.WAITING
    assert (await choose(stripe_browser, url, card=CHALLENGED, bank="no")).status_code == 200
    assert await standing(plugin, request.payment_id) is PaymentStanding.WAITING
    assert (await choose(stripe_browser, url, card=CHALLENGED, bank="yes")).status_code == 303
    assert await standing(plugin, request.payment_id) is PaymentStanding.PAID


@pytest.mark.parametrize("number", [DECLINED, POOR])
async def test_after_a_refused_card_another_may_be_tried_on_the_same_page(plugin, stripe_browser, hearing, number):
    request = dollars()
    url = await page_of(plugin, request)
    assert (await choose(stripe_browser, url, card=number)).status_code == 200
    assert await hearing.types(1) == ["payment_intent.payment_failed"]
    assert facts_in(plugin, await hearing.hear(1)) == [], "not the end of it"
    assert await standing(plugin, request.payment_id) is PaymentStanding.WAITING
    assert (await choose(stripe_browser, url, card="5555555555554444")).status_code == 303
    assert await standing(plugin, request.payment_id) is PaymentStanding.PAID


async def test_a_payment_that_fails_in_the_end_is_declined(plugin, stripe, hearing):
    request = dollars()
    await stripe.pay(plugin, request, "decline")
    assert await standing(plugin, request.payment_id) is PaymentStanding.DECLINED
    [fact] = facts_in(plugin, await hearing.hear(1))
    assert fact.standing is PaymentStanding.DECLINED


async def test_a_page_that_is_over_cannot_be_paid(plugin, stripe_browser):
    request = dollars()
    url = await page_of(plugin, request)
    assert isinstance(await plugin.close(request.payment_id), Done)
    for answer in (await stripe_browser.get(url), await choose(stripe_browser, url, card="4242424242424242")):
        assert answer.status_code == 200
        assert 'type="radio"' not in answer.text
    assert await standing(plugin, request.payment_id) is PaymentStanding.CLOSED


# Beginning, and finding again.


async def test_another_process_finds_what_this_one_began(plugin, stripe, http_client):
    """As after a crash between the call and the note of its answer."""
    request = dollars()
    await page_of(plugin, request)
    stranger = Stripe(stripe.settings, http_client)
    assert await standing(stranger, request.payment_id) is PaymentStanding.WAITING
    assert isinstance(await stranger.close(request.payment_id), Done)
    assert await standing(plugin, request.payment_id) is PaymentStanding.CLOSED


async def test_it_is_found_among_many(plugin, stripe, http_client):
    requests = [dollars() for _ in range(130)]
    room = asyncio.Semaphore(16)

    async def begin(request):
        async with room:
            return await page_of(plugin, request)

    await asyncio.gather(*map(begin, requests))
    stranger = Stripe(stripe.settings, http_client)
    for request in (requests[0], requests[64], requests[-1]):
        assert await standing(stranger, request.payment_id) is PaymentStanding.WAITING


async def test_the_same_payment_in_another_language_is_the_same_page(plugin, stripe):
    request = dollars()
    first = await page_of(plugin, request)
    assert await page_of(plugin, replace(request, locale="en")) == first
    assert (await stripe.counts(request.payment_id))["start"] == (1, 1)


async def test_a_page_whose_answer_is_lost_is_found_and_made_once(plugin, stripe):
    """A failure is replayed under its key as well: then the page is looked for."""
    request = dollars(5000 + Magic.START_BROKEN)
    assert isinstance(await plugin.start(request), Unknown)
    assert isinstance(await plugin.start(request), Action)
    assert (await stripe.counts(request.payment_id))["start"] == (2, 1)
    assert await standing(plugin, request.payment_id) is PaymentStanding.WAITING
    assert isinstance(await plugin.close(request.payment_id), Done)


async def test_another_amount_under_the_same_number_is_never_a_page(plugin):
    request = dollars()
    await page_of(plugin, request)
    assert isinstance(await plugin.start(replace(request, amount=Money(5001, "USD"))), Unknown)


async def test_a_number_that_is_too_old_is_not_begun(plugin):
    old = "pay_01jd3c4e5f" + new_id("payment", 1)[14:]
    assert await plugin.start(dollars(payment_id=old)) == Refused(Reason.CONFIGURATION, "too_late")


async def test_the_page_ends_within_stripes_bounds_whenever_our_payment_does(plugin):
    now = datetime.now(UTC)
    for after in (timedelta(seconds=1), timedelta(minutes=15), timedelta(hours=23), timedelta(days=3)):
        assert isinstance(await plugin.start(dollars(expires_at=now + after)), Action)


@pytest.mark.parametrize(
    "amount", [Money(500, "JPY"), Money(5000, "ISK"), Money(500, "UGX"), Money(5120, "KWD"), Money(50_000, "MGA")]
)
async def test_currencies_are_paid_and_refunded_in_their_own_units(plugin, stripe, amount):
    request = a_payment(amount=amount)
    fact = await paid(plugin, stripe, request)
    assert fact.amount == amount
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, amount, "all of it")
    assert isinstance(await plugin.refund(refund), Done)


# Kept cards.


async def kept(stripe, number):
    return (await stripe.control("kept_cards", {"card": number}))["token"]


async def test_a_card_is_kept_and_charged_with_nobody_there(plugin, stripe_browser, hearing):
    request = dollars(keep_instrument=True)
    await choose(stripe_browser, await page_of(plugin, request), card="5555555555554444")
    [told] = (await plugin.query(request.payment_id)).facts
    assert told.instrument.label == "Mastercard 4444"
    assert [fact.instrument for fact in facts_in(plugin, await hearing.hear(3)) if fact.instrument] == [told.instrument]
    later = dollars(1500, scene=Scene.UNATTENDED, instrument=told.instrument.token)
    fact = await plugin.start(later)
    assert isinstance(fact, PaymentFact)
    assert (fact.standing, fact.amount) == (PaymentStanding.PAID, later.amount)
    assert (await plugin.query(later.payment_id)).facts == (fact,)
    assert told.instrument.token not in repr(fact)


async def test_without_being_asked_no_card_is_kept(plugin, stripe):
    assert (await paid(plugin, stripe, dollars())).instrument is None


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (CHALLENGED, Decline.AUTHENTICATION),
        ("4000008400001629", Decline.AUTHENTICATION),
        (DECLINED, Decline.BY_BANK),
        (POOR, Decline.FUNDS),
    ],
)
async def test_a_kept_card_that_is_refused_is_declined_once_with_the_reason(  # noqa: PLR0917 - fixtures
    plugin, stripe, hearing, http_client, number, reason
):
    request = dollars(scene=Scene.UNATTENDED, instrument=await kept(stripe, number))
    fact = await plugin.start(request)
    assert (fact.standing, fact.reason) == (PaymentStanding.DECLINED, reason)
    assert await plugin.start(request) == fact, "the answer is replayed: nobody is asked again"
    assert (await stripe.counts(request.payment_id))["charge"][0] == 1
    [heard] = facts_in(plugin, await hearing.hear(1))
    assert heard == fact
    stranger = Stripe(stripe.settings, http_client)
    assert (await stranger.query(request.payment_id)).facts == (fact,)
    assert isinstance(await plugin.close(request.payment_id), Done)
    assert await standing(plugin, request.payment_id) is PaymentStanding.CLOSED


async def test_a_card_that_is_no_more_is_refused(plugin):
    gone = dollars(scene=Scene.UNATTENDED, instrument="cus_gone:pm_gone")
    assert await plugin.start(gone) == Refused(Reason.USER, Decline.UNSUPPORTED)
    none = dollars(scene=Scene.UNATTENDED)
    assert await plugin.start(none) == Refused(Reason.USER, Decline.UNSUPPORTED)


async def test_a_kept_card_is_let_go_of_for_ever_and_asking_again_changes_nothing(plugin, stripe):
    token = await kept(stripe, "4242424242424242")
    assert isinstance(await plugin.forget_instrument(token), Done)
    assert isinstance(await plugin.forget_instrument(token), Done), "it is gone, which is what was asked for"
    assert isinstance(await plugin.forget_instrument("cus_gone:pm_gone"), Done)
    charged = await plugin.start(dollars(scene=Scene.UNATTENDED, instrument=token))
    assert not isinstance(charged, PaymentFact)


async def test_a_card_that_stripe_will_not_let_go_of_is_not_taken_for_gone(plugin, stripe, monkeypatch):
    token = await kept(stripe, "4242424242424242")
    monkeypatch.setattr("topup.plugins.payments.stripe.cards.METHODS", "/v1/payment_methods_that_are_not")
    assert isinstance(await plugin.forget_instrument(token), Unknown)


async def test_an_unattended_payment_that_takes_its_time_is_waited_for(plugin, stripe):
    token = await kept(stripe, "4242424242424242")
    request = dollars(5000 + Magic.PAID_LATER, scene=Scene.UNATTENDED, instrument=token)
    assert await plugin.start(request) == Action("wait")
    await until(lambda: standing(plugin, request.payment_id), lambda what: what is PaymentStanding.PAID)
