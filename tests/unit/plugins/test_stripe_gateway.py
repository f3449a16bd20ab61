"""What the plugin makes of answers no simulator gives: codes on no list, objects about something else, half truths."""

import pytest

from tests.support.simulators import a_payment
from tests.support.stripe import a_list, asked, error, in_turn, intent, queried, says, session, started
from topup.kernel.money import Money
from topup.kernel.outcome import Reason, Refused, Throttled, Unknown
from topup.payments.ports import Action, Decline, PaymentStanding, Scene, Unfit
from topup.plugins.payments.stripe import Stripe
from topup.plugins.payments.stripe.declines import decline_of

# Beginning.


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("url_invalid", Reason.CONFIGURATION),
        ("parameter_unknown", Reason.CONFIGURATION),
    ],
)
async def test_a_listed_refusal_is_a_refusal(stripe_settings, http_client, code, reason):
    script = says(error(code), status=b"400 Bad Request")
    assert await started(stripe_settings, http_client, a_payment(), script) == Refused(reason, code)


async def test_a_refusal_for_the_payers_sake_is_told_in_the_ports_words(stripe_settings, http_client):
    script = says(error("amount_too_small"), status=b"400 Bad Request")
    refused = await started(stripe_settings, http_client, a_payment(), script)
    assert refused == Refused(Reason.USER, Decline.UNSUPPORTED)


@pytest.mark.parametrize(
    ("word", "decline"),
    [
        ("insufficient_funds", Decline.FUNDS),
        ("expired_card", Decline.EXPIRED),
        ("incorrect_cvc", Decline.DETAILS),
        ("authentication_required", Decline.AUTHENTICATION),
        ("card_velocity_exceeded", Decline.LIMIT),
        ("processing_error", Decline.AGAIN),
        ("card_not_supported", Decline.UNSUPPORTED),
        ("do_not_honor", Decline.BY_BANK),
        ("lost_card", Decline.BY_BANK),
        ("stolen_card", Decline.BY_BANK),
        ("pickup_card", Decline.BY_BANK),
        ("fraudulent", Decline.BY_BANK),
        ("a_new_one", Decline.BY_BANK),
    ],
)
def test_whoever_holds_a_stolen_card_learns_nothing_of_it(word, decline):
    assert decline_of(word) is decline


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (error("never_heard_of_it"), b"400 Bad Request"),
        (error("amount_too_small", kind="api_error"), b"400 Bad Request"),
        (error("amount_too_small"), b"500 Internal Server Error"),
        (error("idempotency_key_in_use", kind="idempotency_error"), b"409 Conflict"),
        (error(), b"400 Bad Request"),
        (error("resource_missing"), b"418 I'm a teapot"),
    ],
)
async def test_whatever_is_on_no_list_is_unknown(stripe_settings, http_client, body, status):
    assert isinstance(await started(stripe_settings, http_client, a_payment(), says(body, status=status)), Unknown)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_total": 5001},
        {"currency": "usd"},
        {"currency": "CNY"},
        {"metadata": {"payment_id": "pay_of_somebody_else"}},
        {"metadata": {}, "client_reference_id": None},
        {"livemode": True},
        {"url": None},
        {"url": "http://checkout.example/c"},
        {"url": "javascript:alert(1)"},
        {"object": "payment_intent"},
    ],
)
async def test_a_page_about_something_else_is_no_page(stripe_settings, http_client, changes):
    request = a_payment()
    assert isinstance(await started(stripe_settings, http_client, request, says(session(request))), Action)
    assert isinstance(await started(stripe_settings, http_client, request, says(session(request, **changes))), Unknown)


async def test_being_asked_to_wait_is_not_a_refusal(stripe_settings, http_client):
    script = says(error("rate_limit"), status=b"429 Too Many Requests", headers=b"retry-after: 3\r\n")
    assert await started(stripe_settings, http_client, a_payment(), script) == Throttled(3)


@pytest.mark.parametrize(
    "refusal",
    [
        error("card_declined", kind="card_error"),
        error("card_declined", kind="card_error", payment_intent={"id": "pi_1", "object": "payment_intent"}),
        error("card_declined", kind="api_error"),
    ],
)
async def test_a_decline_that_does_not_say_of_which_payment_is_unknown(stripe_settings, http_client, refusal):
    request = a_payment(scene=Scene.UNATTENDED, instrument="cus_1:pm_1")
    script = says(refusal, status=b"402 Payment Required")
    assert isinstance(await started(stripe_settings, http_client, request, script), Unknown)


@pytest.mark.parametrize(
    ("status", "what"),
    [("processing", Action("wait")), ("requires_action", Action("wait")), ("a_new_one", None)],
)
async def test_an_unattended_payment_that_is_not_over(stripe_settings, http_client, status, what):
    request = a_payment(scene=Scene.UNATTENDED, instrument="cus_1:pm_1")
    answer = await started(stripe_settings, http_client, request, says(intent(request, status=status)))
    assert answer == what if what else isinstance(answer, Unknown)


@pytest.mark.parametrize("scene", [Scene.WALLET, Scene.SCREEN, Scene.COUNTER])
async def test_scenes_without_cards(stripe_settings, http_client, scene):
    plugin = Stripe(stripe_settings("http://127.0.0.1:1"), http_client)
    assert plugin.unfit(Money(5000, "USD"), scene) is Unfit.SCENE
    assert await plugin.start(a_payment(scene=scene)) == Refused(Reason.CONFIGURATION, Unfit.SCENE.value)


def test_an_account_may_take_fewer_currencies(stripe_settings, http_client):
    plugin = Stripe(stripe_settings("http://127.0.0.1:1", currencies=["SGD"]), http_client)
    assert plugin.unfit(Money(5000, "SGD"), Scene.PHONE) is None
    assert plugin.unfit(Money(5000, "USD"), Scene.PHONE) is Unfit.CURRENCY


# Questions.


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, PaymentStanding.WAITING),
        ({"status": "expired"}, PaymentStanding.CLOSED),
        ({"status": "a_new_one"}, None),
        ({"payment_status": "no_payment_required"}, None),
        ({"payment_status": "paid", "payment_intent": "pi_1"}, None),
        ({"status": "complete"}, None),
        ({"livemode": True}, None),
    ],
)
async def test_what_a_session_says(stripe_settings, http_client, changes, what):
    request = a_payment()
    answer = await queried(stripe_settings, http_client, request, session(request, **changes))
    assert [fact.standing for fact in answer.facts] == ([what] if what else [])
    assert isinstance(answer.problem, Unknown) == (what is None)


@pytest.mark.parametrize(
    ("status", "what"),
    [
        ("succeeded", PaymentStanding.PAID),
        ("processing", PaymentStanding.WAITING),
        ("requires_action", PaymentStanding.WAITING),
        ("requires_payment_method", PaymentStanding.DECLINED),
        ("canceled", PaymentStanding.CLOSED),
        ("a_new_one", None),
    ],
)
async def test_what_an_intent_without_a_session_says(stripe_settings, http_client, status, what):
    request = a_payment()
    answer = await queried(stripe_settings, http_client, request, intent(request, status=status))
    assert [fact.standing for fact in answer.facts] == ([what] if what else [])
    assert isinstance(answer.problem, Unknown) == (what is None)


@pytest.mark.parametrize(
    "changes", [{"amount_received": 0}, {"latest_charge": "ch_1"}, {"latest_charge": None}, {"currency": "yuan"}]
)
async def test_paid_without_saying_what_is_unknown(stripe_settings, http_client, changes):
    request = a_payment()
    found = session(request, status="complete", payment_status="paid", payment_intent=intent(request))
    assert (await queried(stripe_settings, http_client, request, found)).facts[0].standing is PaymentStanding.PAID
    found["payment_intent"] = intent(request, **changes)
    assert isinstance((await queried(stripe_settings, http_client, request, found)).problem, Unknown)


async def test_money_under_way_when_the_page_ended_is_waited_for(stripe_settings, http_client):
    request = a_payment()
    under_way = intent(request, status="processing", amount_received=0, latest_charge=None)
    found = session(request, status="expired", payment_intent=under_way)
    assert (await queried(stripe_settings, http_client, request, found)).facts[0].standing is PaymentStanding.WAITING
    scripts = in_turn(says(a_list(session(request))), says(found))
    outcome, _ = await asked(stripe_settings, http_client, scripts, "close", request.payment_id)
    assert isinstance(outcome, Unknown)


async def test_a_list_that_never_ends_is_given_up(stripe_settings, http_client):
    request = a_payment()
    endless = {**a_list(session(a_payment())), "has_more": True}
    answer, served = await asked(stripe_settings, http_client, says(endless), "query", request.payment_id)
    assert isinstance(answer.problem, Unknown)
    assert served == 50


REPLAYED = b"idempotent-replayed: true\r\n"


async def test_a_failure_that_is_replayed_is_looked_into_and_never_a_refusal(stripe_settings, http_client):
    request = a_payment()
    broken = says(error(kind="api_error"), status=b"500 Internal Server Error", headers=REPLAYED)
    nothing = [says(a_list())] * 6
    for found, wanted in (
        ([says(a_list(session(request))), says(session(request))], Action),
        ([says(a_list(session(request))), says(session(request, url=None, status="expired"))], Unknown),
        (nothing, Unknown),
    ):
        assert isinstance(await started(stripe_settings, http_client, request, broken, *found), wanted)
    kept = a_payment(scene=Scene.UNATTENDED, instrument="cus_1:pm_1")
    paid = [says(a_list()), says(a_list(intent(kept))), says(intent(kept))]
    fact = await started(stripe_settings, http_client, kept, broken, *paid)
    assert fact.standing is PaymentStanding.PAID
    assert isinstance(await started(stripe_settings, http_client, kept, broken, *nothing), Unknown)
