"""Stripe's own library runs against the simulator: what we took its interface for is what its library takes it for."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stripe as sdk

from topup.kernel.ids import new_id
from topup.plugins.payments.stripe import Stripe


@pytest.fixture
def key(stripe):
    return Path(stripe.settings.secret_key_file).read_text().strip()


@pytest.fixture
def client(stripe, key):
    return sdk.StripeClient(key, base_addresses={"api": stripe.url}, max_network_retries=0)


def a_page(number, **changes):
    return {
        "mode": "payment",
        "client_reference_id": number,
        "metadata": {"payment_id": number},
        "success_url": "http://127.0.0.1:8080/done",
        "line_items": [
            {"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 2000, "product_data": {"name": "Credit"}}}
        ],
        "payment_intent_data": {"metadata": {"payment_id": number}},
        **changes,
    }


async def in_thread(call, *arguments, **named):
    return await asyncio.to_thread(call, *arguments, **named)


async def test_the_library_creates_queries_refunds_and_verifies(client, stripe, key, listener):
    endpoint = await in_thread(
        client.v1.webhook_endpoints.create, {"url": listener.url, "enabled_events": ["*"], "api_version": "2024-06-20"}
    )
    number = new_id("payment", 1)
    made = await in_thread(client.v1.checkout.sessions.create, a_page(number), {"idempotency_key": number})
    assert (made.status, made.payment_status, made.amount_total) == ("open", "unpaid", 2000)
    again = await in_thread(client.v1.checkout.sessions.create, a_page(number), {"idempotency_key": number})
    assert again.id == made.id
    assert again.last_response.headers["idempotent-replayed"] == "true"

    form = made.url.partition("?")[2]
    await stripe.control(f"payments/{number}", {"outcome": "pay", "form": form})
    read = await in_thread(client.v1.checkout.sessions.retrieve, made.id, {"expand": ["payment_intent.latest_charge"]})
    assert (read.status, read.payment_status) == ("complete", "paid")
    assert read.payment_intent.latest_charge.payment_method_details.card.last4 == "4242"

    refund = await in_thread(client.v1.refunds.create, {"payment_intent": read.payment_intent.id, "amount": 500})
    assert (refund.status, refund.amount) == ("succeeded", 500)
    assert (await in_thread(client.v1.refunds.retrieve, refund.id)).payment_intent == read.payment_intent.id
    listed = await in_thread(client.v1.refunds.list, {"payment_intent": read.payment_intent.id})
    assert [one.id for one in listed.data] == [refund.id]
    moved = await in_thread(client.v1.balance_transactions.list, {"limit": 100, "expand": ["data.source"]})
    assert refund.id in [one.source.id for one in moved.auto_paging_iter() if one.source]

    heard = await listener.hear(4)
    events = [client.construct_event(body, headers["stripe-signature"], endpoint.secret) for headers, body in heard]
    assert sorted(event.type for event in events) == [
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.succeeded",
        "refund.updated",
    ]
    with pytest.raises(sdk.SignatureVerificationError):
        client.construct_event(heard[0][1] + b" ", heard[0][0]["stripe-signature"], endpoint.secret)
    await in_thread(client.v1.webhook_endpoints.delete, endpoint.id)


async def test_the_library_and_our_plugin_see_the_same_payment(client, stripe, http_client):
    number = new_id("payment", 1)
    made = await in_thread(client.v1.checkout.sessions.create, a_page(number))
    plugin = Stripe(stripe.settings, http_client)
    assert (await plugin.query(number)).facts[0].standing == "waiting"
    ended = await in_thread(client.v1.checkout.sessions.expire, made.id)
    assert ended.status == "expired"
    assert (await plugin.query(number)).facts[0].standing == "closed"


async def test_the_librarys_errors_are_those_it_raises_at_stripe(client, stripe, key):
    number = new_id("payment", 1)
    create = client.v1.checkout.sessions.create
    await in_thread(create, a_page(number), {"idempotency_key": number})
    with pytest.raises(sdk.IdempotencyError):
        await in_thread(create, a_page(number, locale="en"), {"idempotency_key": number})
    for changes in (
        {"expires_at": int(datetime.now(UTC).timestamp()) + 60},
        {"success_url": "nowhere"},
        {"no_such_thing": "1"},
        {"mode": "subscription"},
        {"line_items": []},
    ):
        with pytest.raises(sdk.InvalidRequestError):
            await in_thread(create, a_page(new_id("payment", 1), **changes))
    with pytest.raises(sdk.InvalidRequestError) as missing:
        await in_thread(client.v1.checkout.sessions.retrieve, "cs_test_none")
    assert missing.value.code == "resource_missing"
    stranger = sdk.StripeClient(key + "x", base_addresses={"api": stripe.url}, max_network_retries=0)
    with pytest.raises(sdk.AuthenticationError):
        await in_thread(stranger.v1.balance.retrieve)


async def test_a_kept_card_that_needs_its_owner_raises_a_card_error(client, stripe):
    token = (await stripe.control("kept_cards", {"card": "4000002760003184"}))["token"]
    customer, _, method = token.partition(":")
    wanted = {
        "amount": 1500,
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
    }
    with pytest.raises(sdk.CardError) as refused:
        await in_thread(client.v1.payment_intents.create, wanted)
    assert refused.value.code == "authentication_required"
    intent = refused.value.error.payment_intent
    assert (await in_thread(client.v1.payment_intents.retrieve, intent["id"])).status == "requires_payment_method"
    assert (await in_thread(client.v1.payment_intents.cancel, intent["id"])).status == "canceled"


async def test_a_kept_card_is_detached_as_the_library_does_it(client, stripe):
    token = (await stripe.control("kept_cards", {"card": "4242424242424242"}))["token"]
    customer, _, method = token.partition(":")
    read = await in_thread(client.v1.payment_methods.retrieve, method)
    assert (read.customer, read.card.last4) == (customer, "4242")
    assert (await in_thread(client.v1.payment_methods.detach, method)).customer is None
    with pytest.raises(sdk.InvalidRequestError, match="not attached"):
        await in_thread(client.v1.payment_methods.detach, method)
    assert (await in_thread(client.v1.payment_methods.retrieve, method)).customer is None


async def test_a_failure_is_replayed_under_its_key(client, stripe):
    """5xx after success: the refund is made once, and its key says 500 for a day."""
    number = new_id("payment", 1)
    line = {"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 5090, "product_data": {"name": "Credit"}}}
    made = await in_thread(client.v1.checkout.sessions.create, a_page(number, line_items=[line]))
    await stripe.control(f"payments/{number}", {"outcome": "silent", "form": made.url.partition("?")[2]})
    intent = (await in_thread(client.v1.checkout.sessions.retrieve, made.id)).payment_intent
    for _ in range(2):
        with pytest.raises(sdk.APIError) as broken:
            await in_thread(client.v1.refunds.create, {"payment_intent": intent}, {"idempotency_key": number})
        assert broken.value.http_status == 500
    assert len((await in_thread(client.v1.refunds.list, {"payment_intent": intent})).data) == 1
