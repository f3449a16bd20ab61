"""What a payer can do, and what the magic of an amount makes of it: told by events and by queries alike."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.billing import bill_around
from tests.support.misbehaving import AFTER_SENDING, NOT_UNDERSTOOD, misbehaving, refused_address
from tests.support.simulators import a_payment, until
from topup.kernel.money import Money
from topup.kernel.outcome import Done, NotSent, Reason, Refused, Throttled, Unknown
from topup.payments.ports import EventRejected, PaymentStanding
from topup.plugins.payments.sandbox import Sandbox
from topup_simulators.payments.magic import Magic, magic_of


def read(sandbox, heard):
    return [sandbox.parse_event(headers, body, datetime.now(UTC)) for headers, body in heard]


async def open_page(sandbox, http_client, request):
    return await http_client.send(method="GET", url=(await sandbox.start(request)).url, route="test")


async def standings(sandbox, payment_id):
    return [fact.standing for fact in (await sandbox.query(payment_id)).facts]


async def test_a_payment_is_unknown_to_the_gateway_until_its_page_is_opened(sandbox, http_client):
    request = a_payment()
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.ABSENT]
    assert (await open_page(sandbox, http_client, request)).status == 200
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.WAITING]


async def test_pay_is_notified_and_queried_with_the_same_facts(sandbox, listener):
    request = a_payment(notify_url=listener.url)
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert await sandbox.sandbox_outcome(request, "pay") == Done(request.payment_id)
    [event] = read(sandbox, await listener.hear(1))
    [fact] = event.facts
    assert fact == (await sandbox.query(request.payment_id)).facts[0]
    assert (fact.standing, fact.amount) == (PaymentStanding.PAID, request.amount)
    assert before <= fact.paid_at <= request.expires_at


async def test_decline_is_final(sandbox, listener):
    request = a_payment(notify_url=listener.url)
    await sandbox.sandbox_outcome(request, "decline")
    [event] = read(sandbox, await listener.hear(1))
    assert event.facts[0].standing is PaymentStanding.DECLINED
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.DECLINED]
    assert await sandbox.sandbox_outcome(request, "pay") == Refused(Reason.USER, "ALREADY_FINAL")


async def test_late_is_paid_in_a_while_and_never_in_the_future(sandbox, listener):
    begun = datetime.now(UTC)
    request = a_payment(notify_url=listener.url, expires_at=begun + timedelta(seconds=60))
    await sandbox.sandbox_outcome(request, "late")
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.WAITING]
    assert isinstance(await sandbox.close(request.payment_id), Unknown), "it is being paid: it cannot be closed"
    [event] = read(sandbox, await listener.hear(1))
    assert begun < event.facts[0].paid_at <= datetime.now(UTC)


async def test_what_is_over_by_time_can_only_be_paid_late(sandbox, listener):
    request = a_payment(notify_url=listener.url, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert await sandbox.sandbox_outcome(request, "pay") == Refused(Reason.USER, "ALREADY_FINAL")
    assert isinstance(await sandbox.sandbox_outcome(request, "late"), Done)
    [event] = read(sandbox, await listener.hear(1))
    assert event.facts[0].standing is PaymentStanding.PAID
    assert request.expires_at < event.facts[0].paid_at <= datetime.now(UTC)


async def test_twice_is_two_payments_with_two_references(sandbox, listener):
    request = a_payment(notify_url=listener.url)
    await sandbox.sandbox_outcome(request, "twice")
    events = read(sandbox, await listener.hear(2))
    references = {event.facts[0].reference for event in events}
    assert len(references) == len({event.event_id for event in events}) == 2
    assert {fact.reference for fact in (await sandbox.query(request.payment_id)).facts} == references


async def test_silent_is_told_by_query_and_bill_only(sandbox, gateway, listener):
    request = a_payment(notify_url=listener.url)
    await sandbox.sandbox_outcome(request, "silent")
    [fact] = (await sandbox.query(request.payment_id)).facts
    assert fact.standing is PaymentStanding.PAID
    lines = [line for line in await sandbox.bill(fact.paid_at.date()) if line.our_id == request.payment_id]
    assert [(line.kind, line.reference, line.amount) for line in lines] == [("payment", fact.reference, request.amount)]
    assert "event payment.paid" not in await gateway.counts(request.payment_id)
    assert listener.heard == []


async def test_the_same_payment_cannot_be_opened_with_other_content(sandbox, http_client):
    request = a_payment()
    changed = [
        a_payment(payment_id=request.payment_id, expires_at=request.expires_at, amount_minor=4999),
        a_payment(payment_id=request.payment_id, expires_at=request.expires_at, amount=Money(5000, "USD")),
        a_payment(payment_id=request.payment_id, expires_at=request.expires_at, description="other"),
        a_payment(payment_id=request.payment_id, expires_at=request.expires_at + timedelta(minutes=1)),
    ]
    assert (await open_page(sandbox, http_client, request)).status == 200
    for other in changed:
        page = await open_page(sandbox, http_client, other)
        assert page.status == 403
        assert b"OTHER_CONTENT" in page.body
        assert await sandbox.sandbox_outcome(other, "pay") == Refused(Reason.USER, "OTHER_CONTENT")
    assert (await open_page(sandbox, http_client, request)).status == 200


async def test_what_was_closed_cannot_be_paid_even_if_it_was_closed_before_it_was_opened(sandbox, http_client):
    unopened, opened = a_payment(), a_payment()
    assert await sandbox.close(unopened.payment_id) == Done(unopened.payment_id)
    assert await sandbox.sandbox_outcome(unopened, "pay") == Refused(Reason.USER, "ALREADY_FINAL")
    await open_page(sandbox, http_client, opened)
    assert await sandbox.close(opened.payment_id) == Done(opened.payment_id)
    assert await standings(sandbox, opened.payment_id) == [PaymentStanding.CLOSED]
    assert await sandbox.close(opened.payment_id) == Done(opened.payment_id)


async def test_an_outcome_that_is_none_is_refused_and_leaves_no_trace(sandbox):
    request = a_payment()
    assert await sandbox.sandbox_outcome(request, "nonsense") == Refused(Reason.USER, "BAD_OUTCOME")
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.ABSENT]


async def test_what_was_paid_cannot_be_closed(sandbox):
    request = a_payment()
    await sandbox.sandbox_outcome(request, "pay")
    assert await sandbox.close(request.payment_id) == Refused(Reason.USER, "paid")


async def test_cancel_gives_back_whatever_was_paid_once(sandbox):
    request = a_payment()
    await sandbox.sandbox_outcome(request, "twice")
    for _ in range(3):
        assert await sandbox.cancel(request.payment_id) == Done(request.payment_id)
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.CLOSED]
    lines = [line for line in await bill_around(sandbox) if line.our_id == request.payment_id]
    sums = {
        kind: sum(line.amount.amount_minor for line in lines if line.kind == kind) for kind in ("payment", "refund")
    }
    assert sums == {"payment": 10000, "refund": 10000}


async def test_a_cancelled_payment_that_was_under_way_does_not_arrive(sandbox, gateway):
    request = a_payment(amount_minor=1000 + Magic.PAID_LATER)
    await sandbox.sandbox_outcome(request, "pay")
    await sandbox.cancel(request.payment_id)
    await until(lambda: gateway.control("agenda"), lambda answer: "charge" not in {e["kind"] for e in answer["agenda"]})
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.CLOSED]


# Magic amounts


async def magic(sandbox, listener, which, outcome="pay"):
    request = a_payment(amount_minor=5000 + which, notify_url=listener.url)
    assert await sandbox.sandbox_outcome(request, outcome) == Done(request.payment_id)
    return request


async def test_an_amount_out_of_the_table_behaves():
    assert [magic_of(amount) for amount in (5000, 4850, 1, 77, 78, 99, 100)] == [None] * 7
    assert magic_of(123491) is Magic.DECLINED


async def test_magic_declined(sandbox, listener):
    await magic(sandbox, listener, Magic.DECLINED)
    assert await listener.types(1) == ["payment.declined"]


async def test_magic_paid_later(sandbox, listener):
    request = await magic(sandbox, listener, Magic.PAID_LATER)
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.WAITING]
    assert await listener.types(1) == ["payment.paid"]


async def test_magic_never_notified(sandbox, gateway, listener):
    request = await magic(sandbox, listener, Magic.NEVER_NOTIFIED)
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.PAID]
    assert "event payment.paid" not in await gateway.counts(request.payment_id)


async def test_magic_notified_again(sandbox, listener):
    await magic(sandbox, listener, Magic.NOTIFIED_AGAIN)
    events = read(sandbox, await listener.hear(3))
    assert len({event.facts for event in events}) == 1
    assert sorted(map([event.event_id for event in events].count, {event.event_id for event in events})) == [1, 2]


async def test_magic_wrong_amount_and_currency_are_told_alike_by_event_query_and_bill(sandbox, listener):
    for which, paid in ((Magic.WRONG_AMOUNT, Money(5094, "CNY")), (Magic.WRONG_CURRENCY, Money(5096, "USD"))):
        listener.heard.clear()
        request = await magic(sandbox, listener, which)
        [event] = read(sandbox, await listener.hear(1))
        assert event.facts[0].amount == paid
        assert [fact.amount for fact in (await sandbox.query(request.payment_id)).facts] == [paid]
        lines = await bill_around(sandbox)
        assert [line.amount for line in lines if line.our_id == request.payment_id] == [paid]


async def test_magic_forged_first(sandbox, listener):
    await magic(sandbox, listener, Magic.FORGED_FIRST)
    forged, good = await listener.hear(2)
    with pytest.raises(EventRejected):
        sandbox.parse_event(*forged, datetime.now(UTC))
    assert sandbox.parse_event(*good, datetime.now(UTC)).facts[0].standing is PaymentStanding.PAID
    assert forged[1] == good[1]


@pytest.mark.parametrize(
    ("which", "order"),
    [
        (Magic.PAID_THEN_CLOSED, ["payment.paid", "payment.closed"]),
        (Magic.CLOSED_THEN_PAID, ["payment.closed", "payment.paid"]),
    ],
)
async def test_magic_orders_of_events(sandbox, listener, which, order):
    request = await magic(sandbox, listener, which)
    assert await listener.types(2) == order
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.PAID]


async def test_magic_closed_in_words_only(sandbox, http_client, listener):
    request = a_payment(amount_minor=5000 + Magic.CLOSED_IN_WORDS, notify_url=listener.url)
    await open_page(sandbox, http_client, request)
    assert await sandbox.close(request.payment_id) == Done(request.payment_id)
    assert isinstance(await sandbox.sandbox_outcome(request, "pay"), Done)
    assert set(await listener.types(2)) == {"payment.closed", "payment.paid"}
    assert await standings(sandbox, request.payment_id) == [PaymentStanding.PAID]


async def test_magic_of_queries(sandbox, listener):
    broken = await magic(sandbox, listener, Magic.QUERY_BROKEN)
    for _ in range(3):
        assert isinstance((await sandbox.query(broken.payment_id)).problem, Unknown)
    throttled = await magic(sandbox, listener, Magic.QUERY_THROTTLED)
    answers = [await sandbox.query(throttled.payment_id) for _ in range(3)]
    assert [answer.problem for answer in answers] == [Throttled(1), Throttled(1), None]
    spoilt = await magic(sandbox, listener, Magic.QUERY_BADLY_SIGNED)
    answers = [await sandbox.query(spoilt.payment_id) for _ in range(3)]
    assert [type(answer.problem) for answer in answers] == [Unknown, Unknown, type(None)]


async def test_every_payment_is_charged_once_however_often_its_outcome_is_asked_for(sandbox, gateway):
    request = a_payment()
    outcomes = await asyncio.gather(*(sandbox.sandbox_outcome(request, "pay") for _ in range(20)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Done"] + ["Refused"] * 19
    assert (await gateway.counts(request.payment_id))["payment"] == (1, 1)


async def test_an_event_names_the_merchant_and_is_one_json_object(sandbox, listener):
    request = a_payment(notify_url=listener.url)
    await sandbox.sandbox_outcome(request, "pay")
    [(headers, body)] = await listener.hear(1)
    event = json.loads(body)
    assert (event["merchant"], event["type"], event["payment_id"]) == ("demo", "payment.paid", request.payment_id)
    assert headers["content-type"] == "application/json"


@pytest.fixture
def heard_first(gateway, http_client):
    """The plugin as it is where the gateway must hear of a payment first."""
    return Sandbox(gateway.settings.model_copy(update={"start": "call"}), http_client)


async def test_a_payment_that_begins_on_a_page_needs_no_call(sandbox, gateway):
    request = a_payment()
    assert sandbox.pay_page(request) == await sandbox.start(request)
    assert await gateway.counts(request.payment_id) == {}


async def test_a_payment_that_begins_with_a_call_is_known_before_its_page_is_opened(heard_first):
    request = a_payment()
    assert heard_first.pay_page(request) is None
    action = await heard_first.start(request)
    assert await standings(heard_first, request.payment_id) == [PaymentStanding.WAITING]
    assert (await heard_first.start(request)).type == action.type, "the same start again is the same payment"
    other = replace(request, amount=Money(request.amount.amount_minor + 1, "CNY"))
    assert await heard_first.start(other) == Refused(Reason.USER, "OTHER_CONTENT")


async def test_magic_start_broken(heard_first):
    request = a_payment(amount_minor=5000 + Magic.START_BROKEN)
    assert isinstance(await heard_first.start(request), Unknown)
    assert await standings(heard_first, request.payment_id) == [PaymentStanding.WAITING], "it was done all the same"
    assert (await heard_first.start(request)).type == "redirect"


@pytest.mark.parametrize("over", ["paid", "closed"])
async def test_the_start_of_a_payment_that_is_over_says_nothing_of_how_it_ended(heard_first, over):
    """A start that was slow to arrive may come after the payer has paid: that is to be asked about, not declined."""
    request = a_payment()
    await (heard_first.sandbox_outcome(request, "pay") if over == "paid" else heard_first.close(request.payment_id))
    assert isinstance(await heard_first.start(request), Unknown)
    assert (await standings(heard_first, request.payment_id))[0].value == over


@pytest.mark.parametrize("way", [*AFTER_SENDING, *NOT_UNDERSTOOD])
async def test_a_start_without_an_answer_is_unknown(gateway, http_client, way):
    async with misbehaving({**AFTER_SENDING, **NOT_UNDERSTOOD}[way]) as (url, served):
        settings = gateway.settings.model_copy(update={"start": "call", "base_url": url, "timeout_s": 0.3})
        assert isinstance(await Sandbox(settings, http_client).start(a_payment()), Unknown)
    assert len(served) == 1


async def test_a_start_that_nobody_took_in_is_not_sent(gateway, http_client):
    with refused_address() as url:
        settings = gateway.settings.model_copy(update={"start": "call", "base_url": url})
        assert isinstance(await Sandbox(settings, http_client).start(a_payment()), NotSent)
