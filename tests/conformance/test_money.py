"""G17 and the bill: what a gateway's simulator does with money is told as it was, by event, query and bill alike.

A plugin never puts the amount that was asked for in the place of the one that was paid: the rooms compare the two.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.registry import COUNTERPARTS, GATEWAYS
from tests.support.billing import bill_around
from tests.support.simulators import a_payment, until
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Unknown
from topup.payments.ports import (
    Capability,
    EventRejected,
    PaymentFact,
    PaymentStanding,
    RefundFact,
    RefundRequest,
)
from topup_simulators.payments.magic import Magic

every_gateway = pytest.mark.parametrize("plug", GATEWAYS.values(), ids=lambda plug: plug.name)
LOST = (Magic.REFUND_BROKEN, Magic.REFUND_HANGS_UP_DONE, Magic.REFUND_GARBAGE, Magic.REFUND_HANGS_UP_UNDONE)


@pytest.fixture
def counterpart(plug, request):
    return request.getfixturevalue(COUNTERPARTS[plug.name])


@pytest.fixture
def plugin(plug, counterpart, http_client):
    return plug.make(counterpart.settings, http_client)


@pytest.fixture
def ear(plugin, listener):
    """Hears events and answers them as this gateway wants to hear."""
    status, _, body = plugin.acknowledge()
    listener.answers = [(status, body)]
    return listener


async def paid(counterpart, plugin, amount_minor=5000, outcome="silent", **more):
    request = a_payment(amount_minor=amount_minor, **more)
    assert (await counterpart.pay(plugin, request, outcome))["code"] == "OK"
    return request


async def facts_heard(plugin, ear, number):
    """The facts of the first events heard; those without any (an event of no interest) count as well."""
    heard = await ear.hear(number)
    return [fact for headers, body in heard for fact in plugin.parse_event(headers, body, datetime.now(UTC)).facts]


async def refund_of(plugin, request, amount_minor):
    [fact] = (await plugin.query(request.payment_id)).facts
    money = Money(amount_minor, fact.amount.currency)
    return RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, money, "conformance")


@every_gateway
async def test_event_and_query_say_the_same_of_a_payment(plug, plugin, counterpart, ear):
    before = datetime.now(UTC) - timedelta(seconds=2)
    request = await paid(counterpart, plugin, outcome="pay", notify_url=ear.url)
    [told] = [fact for fact in await facts_heard(plugin, ear, 1) if fact.standing is PaymentStanding.PAID]
    [asked] = (await plugin.query(request.payment_id)).facts
    assert (told.payment_id, told.reference, told.amount) == (asked.payment_id, asked.reference, asked.amount)
    assert (asked.payment_id, asked.amount) == (request.payment_id, request.amount)
    for fact in (told, asked):
        assert before <= fact.paid_at <= datetime.now(UTC) + timedelta(seconds=1)


@every_gateway
async def test_what_the_plugin_acknowledges_is_not_sent_again(plug, plugin, counterpart, ear):
    requests = [await paid(counterpart, plugin, outcome="pay", notify_url=ear.url) for _ in range(3)]
    await ear.hear(3)
    for request in requests:
        counts = await until(
            lambda request=request: counterpart.counts(request.payment_id), lambda it: "event payment.paid" in it
        )
        assert counts["event payment.paid"] == (1, 1)


@every_gateway
async def test_g17_what_was_paid_is_told_and_never_what_was_asked(plug, plugin, counterpart, ear):
    tried = 0
    for which in (Magic.WRONG_AMOUNT, Magic.WRONG_CURRENCY):
        ear.heard.clear()
        request = await paid(counterpart, plugin, 5000 + which, "pay", notify_url=ear.url)
        [asked] = (await plugin.query(request.payment_id)).facts
        if which is Magic.WRONG_CURRENCY and asked.amount == request.amount:
            continue  # a gateway with one currency has no other to be wrong in
        assert asked.amount != request.amount
        told = [fact for fact in await facts_heard(plugin, ear, 1) if isinstance(fact, PaymentFact)]
        assert [fact.amount for fact in told] == [asked.amount]
        if Capability.BILL in plug.capabilities:
            lines = [line for line in await bill_around(plugin) if line.our_id == request.payment_id]
            assert [line.amount for line in lines] == [asked.amount]
        tried += 1
    print(f"\nG17 {plug.name}: 0 of {tried} wrong payments told as what was asked")
    assert tried


@every_gateway
async def test_a_forged_event_is_rejected_and_the_genuine_one_heard(plug, plugin, counterpart, ear):
    await paid(counterpart, plugin, 5000 + Magic.FORGED_FIRST, "pay", notify_url=ear.url)
    forged, good = await ear.hear(2)
    with pytest.raises(EventRejected):
        plugin.parse_event(*forged, datetime.now(UTC))
    assert plugin.parse_event(*good, datetime.now(UTC)).facts[0].standing is PaymentStanding.PAID


@every_gateway
async def test_what_was_paid_is_not_closed(plug, plugin, counterpart):
    if Capability.CLOSE not in plug.capabilities:
        pytest.skip("no close")
    request = await paid(counterpart, plugin)
    assert await plugin.close(request.payment_id) == Refused(Reason.USER, "paid")
    [fact] = (await plugin.query(request.payment_id)).facts
    assert fact.standing is PaymentStanding.PAID


@every_gateway
@pytest.mark.parametrize("which", LOST, ids=lambda which: which.name.lower())
async def test_a_refund_whose_answer_is_lost_is_found_or_absent_and_never_doubled(plug, plugin, counterpart, which):
    if Capability.REFUND not in plug.capabilities:
        pytest.skip("no refunds")
    request = await paid(counterpart, plugin, 5000 + which)
    refund = await refund_of(plugin, request, 5000 + which)
    assert isinstance(await plugin.refund(refund), Unknown)
    found = await plugin.query_refund(refund.refund_id, refund.payment_id)
    if which is Magic.REFUND_HANGS_UP_UNDONE:
        assert isinstance(found, Refused)
        assert found.reason is Reason.ABSENT
    else:
        assert isinstance(found, Done | Accepted)
    again = await plugin.refund(refund)
    assert isinstance(again, Done | Accepted | Unknown), "a replay is never a refusal"
    last = await until(
        lambda: plugin.query_refund(refund.refund_id, refund.payment_id), lambda outcome: isinstance(outcome, Done)
    )
    assert isinstance(last, Done)
    assert (await counterpart.counts(refund.refund_id))["refund"][1] == 1


@every_gateway
async def test_a_refund_that_is_accepted_may_fail_later(plug, plugin, counterpart):
    if Capability.REFUND not in plug.capabilities:
        pytest.skip("no refunds")
    request = await paid(counterpart, plugin, 5000 + Magic.REFUND_FAILS_LATER)
    refund = await refund_of(plugin, request, 1000)
    assert isinstance(await plugin.refund(refund), Accepted | Unknown)
    last = await until(
        lambda: plugin.query_refund(refund.refund_id, refund.payment_id),
        lambda outcome: not isinstance(outcome, Accepted | Unknown),
    )
    assert isinstance(last, Refused), "failed, or never made: where a gateway tells the two apart no better"


@every_gateway
async def test_refunds_never_exceed_what_was_paid(plug, plugin, counterpart):
    if Capability.PARTIAL_REFUND not in plug.capabilities:
        pytest.skip("no partial refunds")
    request = await paid(counterpart, plugin)
    first = await refund_of(plugin, request, 3000)
    assert isinstance(await plugin.refund(first), Done | Accepted)
    excess = await plugin.refund(await refund_of_same(first, 2001))
    assert isinstance(excess, Refused | Unknown)
    assert isinstance(await plugin.refund(await refund_of_same(first, 2000)), Done | Accepted)


async def refund_of_same(refund, amount_minor):
    money = Money(amount_minor, refund.amount.currency)
    return RefundRequest(new_id("refund", 1), refund.payment_id, refund.reference, money, "more")


@every_gateway
async def test_the_bill_has_each_payment_and_refund_once(plug, plugin, counterpart, ear):
    if Capability.BILL not in plug.capabilities:
        pytest.skip("no bill")
    request = await paid(counterpart, plugin, 5000)
    refund = await refund_of(plugin, request, 1234)
    await plugin.refund(refund)
    await until(lambda: plugin.query_refund(refund.refund_id, refund.payment_id), lambda it: isinstance(it, Done))
    ours = [line for line in await bill_around(plugin) if line.our_id in (request.payment_id, refund.refund_id)]
    assert sorted((line.kind, line.our_id, line.amount) for line in ours) == [
        ("payment", request.payment_id, Money(5000, "CNY")),
        ("refund", refund.refund_id, Money(1234, "CNY")),
    ]
    [payment] = [line for line in ours if line.kind == "payment"]
    [fact] = (await plugin.query(request.payment_id)).facts
    assert payment.reference == fact.reference
    assert abs(payment.at - fact.paid_at) < timedelta(seconds=2)


@every_gateway
async def test_a_refund_is_notified_or_found_by_asking(plug, plugin, counterpart, ear):
    """Where a gateway tells of a refund, it says of it what a query says."""
    if Capability.REFUND not in plug.capabilities:
        pytest.skip("no refunds")
    request = await paid(counterpart, plugin, notify_url=ear.url)
    refund = await refund_of(plugin, request, 1000)
    await plugin.refund(refund)
    last = await until(
        lambda: plugin.query_refund(refund.refund_id, refund.payment_id), lambda outcome: isinstance(outcome, Done)
    )
    told = [fact for fact in await facts_heard(plugin, ear, 1) if isinstance(fact, RefundFact)]
    assert [fact for fact in told if fact.refund_id != refund.refund_id] == []
    assert {type(fact.outcome) for fact in told} <= {type(last), Accepted}
