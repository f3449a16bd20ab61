"""A Stripe of a test's own: the simulator's pages and events, and scripted answers no simulator gives.

Name this module in `pytest_plugins` to have the fixtures.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.support.misbehaving import misbehaving, saying, with_body
from tests.support.simulators import a_payment, until
from topup.kernel.money import Money
from topup.payments.ports import Action
from topup.plugins.payments.stripe import Stripe, StripeSettings
from topup.plugins.payments.stripe.vectors import SECRET

CREATED = 1_790_000_000


@pytest.fixture
async def stripe_browser():
    """A payer's browser that follows nothing by itself."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def stripe_key(stripe):
    """The merchant's secret key."""
    return Path(stripe.settings.secret_key_file).read_text().strip()


@pytest.fixture
async def hearing(stripe, listener, stripe_key):
    """The listener as the merchant's webhook endpoint, for what is made from now on."""
    async with httpx.AsyncClient(trust_env=False, auth=(stripe_key, ""), base_url=stripe.url) as api:
        content = {"url": listener.url, "enabled_events[0]": "*"}
        made = (await api.post("/v1/webhook_endpoints", data=content)).json()
        yield listener
        await api.delete(f"/v1/webhook_endpoints/{made['id']}")


def dollars(amount_minor=5000, **changes):
    return a_payment(amount=Money(amount_minor, "USD"), **changes)


async def page_of(plugin, request):
    action = await plugin.start(request)
    assert isinstance(action, Action)
    return action.url


async def choose(browser, url, **fields):
    base, _, form = url.partition("?")
    return await browser.post(base, data={"form": form, **fields})


async def standing(plugin, payment_id):
    [fact] = (await plugin.query(payment_id)).facts
    return fact.standing


def read(plugin, heard):
    return [plugin.parse_event(headers, body, datetime.now(UTC)) for headers, body in heard]


def facts_in(plugin, heard):
    return [fact for event in read(plugin, heard) for fact in event.facts]


async def paid(plugin, stripe, request, outcome="silent"):
    assert (await stripe.pay(plugin, request, outcome))["code"] == "OK"
    answer = await until(lambda: plugin.query(request.payment_id), lambda told: told.facts)
    return answer.facts[0]


@pytest.fixture
def stripe_settings(tmp_path):
    (tmp_path / "key").write_text("sk_test_1")
    (tmp_path / "secrets").write_text(SECRET)

    def make(url, **changes):
        files = {"secret_key_file": tmp_path / "key", "webhook_secrets_file": tmp_path / "secrets"}
        return StripeSettings(**{"livemode": False, "base_url": url, "timeout_s": 2.0, **files, **changes})

    return make


def says(thing, *, status=b"200 OK", headers=b""):
    closing = b"connection: close\r\n" + headers
    return saying(with_body(json.dumps(thing).encode(), status=status, headers=closing))


def in_turn(*scripts):
    """One script for each connection, the last one for ever."""
    left = list(scripts)

    async def script(reader, writer):
        await (left.pop(0) if len(left) > 1 else left[0])(reader, writer)

    return script


def error(code="", *, kind="invalid_request_error", param="", **more):
    return {"error": {"type": kind, "code": code, "param": param, "message": "words", **more}}


def a_list(*things):
    return {"object": "list", "data": list(things), "has_more": False}


def session(request, **changes):
    return {
        "id": "cs_test_1",
        "object": "checkout.session",
        "livemode": False,
        "created": CREATED,
        "status": "open",
        "payment_status": "unpaid",
        "amount_total": request.amount.amount_minor,
        "currency": request.amount.currency.lower(),
        "client_reference_id": request.payment_id,
        "metadata": {"payment_id": request.payment_id},
        "payment_intent": None,
        "url": "https://checkout.stripe.com/c/pay/cs_test_1",
        **changes,
    }


def charge(request, **changes):
    return {
        "id": "ch_1",
        "object": "charge",
        "livemode": False,
        "created": CREATED,
        "status": "succeeded",
        "amount": 5000,
        "amount_captured": 5000,
        "amount_refunded": 0,
        "currency": "cny",
        "metadata": {"payment_id": request.payment_id},
        "payment_intent": "pi_1",
        **changes,
    }


def intent(request, **changes):
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "livemode": False,
        "created": CREATED,
        "status": "succeeded",
        "amount": 5000,
        "amount_received": 5000,
        "currency": "cny",
        "metadata": {"payment_id": request.payment_id},
        "latest_charge": charge(request),
        **changes,
    }


async def asked(settings, http_client, script, method, *arguments):
    """The answer of one of the plugin's methods, every call of it answered by the script."""
    async with misbehaving(script) as (url, served):
        answer = await getattr(Stripe(settings(url), http_client), method)(*arguments)
    return answer, len(served)


async def started(settings, http_client, request, *scripts):
    answer, _ = await asked(settings, http_client, in_turn(*scripts), "start", request)
    return answer


async def queried(settings, http_client, request, found):
    """The answer about a payment whose session, or intent, is this one."""
    lists = (
        [says(a_list(session(request)))]
        if found["object"] == "checkout.session"
        else [
            says(a_list()),
            says(a_list(intent(request))),
        ]
    )
    answer, _ = await asked(settings, http_client, in_turn(*lists, says(found)), "query", request.payment_id)
    return answer
