"""The same number twice has one effect, against each plugin's simulator; and the carriers' side of G3."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.conformance.registry import CARRIERS, COUNTERPARTS, GATEWAYS
from tests.support.simulators import a_delivery, a_payment, until
from topup.kernel.ids import new_id
from topup.kernel.outcome import Accepted, Done, NotSent, Outcome, Reason, Refused, Throttled, Unknown
from topup.payments.ports import Action, Capability, PaymentStanding, RefundRequest
from topup_simulators.carrier.endings import Ending

every_gateway = pytest.mark.parametrize("plug", GATEWAYS.values(), ids=lambda plug: plug.name)
every_carrier = pytest.mark.parametrize("plug", CARRIERS.values(), ids=lambda plug: plug.name)

# What a carrier does while its answer is lost or not understood, and whether the number is credited.
LOST = {
    Ending.SILENT_DONE: 1,
    Ending.SILENT_UNDONE: 0,
    Ending.BROKEN_DONE: 1,
    Ending.HANGS_UP_DONE: 1,
    Ending.HANGS_UP_UNDONE: 0,
    Ending.UNLISTED_DONE: 1,
    Ending.UNLISTED_UNDONE: 0,
    Ending.GARBAGE: 1,
    Ending.BADLY_SIGNED: 1,
}
ROUNDS = 5


@pytest.fixture
def counterpart(plug, request):
    return request.getfixturevalue(COUNTERPARTS[plug.name])


@pytest.fixture
def plugin(plug, counterpart, http_client):
    return plug.make(counterpart.settings.model_copy(update={"timeout_s": 2.0}), http_client)


@pytest.fixture
def patient(plug, counterpart, http_client):
    return plug.make(counterpart.settings, http_client)


async def pay(counterpart, patient, request):
    """Paid without a browser, by the counterpart's controls, and not notified."""
    assert (await counterpart.pay(patient, request, "silent"))["code"] == "OK"
    answer = await patient.query(request.payment_id)
    assert answer.facts[0].standing is PaymentStanding.PAID
    return answer.facts[0]


@every_gateway
async def test_starting_the_same_payment_twice_is_one_payment(plug, patient, counterpart):
    """And once it is paid, a start that was slow to arrive must not say that it failed."""
    request = a_payment()
    assert [type(await patient.start(request)) for _ in range(2)] == [Action, Action]
    await pay(counterpart, patient, request)
    assert isinstance(await patient.start(request), Action | Unknown)
    assert len((await patient.query(request.payment_id)).facts) == 1


@every_gateway
async def test_the_same_refund_twice_is_one_refund(plug, patient, counterpart):
    if Capability.REFUND not in plug.capabilities:
        pytest.skip("no refunds")
    fact = await pay(counterpart, patient, request := a_payment())
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, fact.amount, "twice")
    outcomes = await asyncio.gather(*(patient.refund(refund) for _ in range(8)))
    assert {type(outcome) for outcome in outcomes} <= {Done, Accepted}
    last = await until(
        lambda: patient.query_refund(refund.refund_id, refund.payment_id), lambda outcome: isinstance(outcome, Done)
    )
    assert isinstance(last, Done)
    assert (await counterpart.counts(refund.refund_id))["refund"] == (8, 1)


@every_gateway
async def test_closing_and_cancelling_may_be_repeated(plug, patient, counterpart):
    """What a cancel gives back may be under way for a while: Accepted."""
    closed, cancelled = a_payment(), a_payment()
    await pay(counterpart, patient, cancelled)
    for _ in range(3):
        if Capability.CLOSE in plug.capabilities:
            assert isinstance(await patient.close(closed.payment_id), Done)
        if Capability.CANCEL in plug.capabilities:
            assert isinstance(await patient.cancel(cancelled.payment_id), Done | Accepted)
    if Capability.CANCEL in plug.capabilities:
        ended = await until(lambda: patient.cancel(cancelled.payment_id), lambda outcome: isinstance(outcome, Done))
        assert isinstance(ended, Done)


@every_gateway
async def test_what_a_gateway_never_heard_of_is_absent(plug, patient):
    request = a_payment()
    [fact] = (await patient.query(request.payment_id)).facts
    assert fact.standing is PaymentStanding.ABSENT
    refund_id = new_id("refund", 1)
    outcome = await patient.query_refund(refund_id, request.payment_id)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.ABSENT


@every_carrier
async def test_the_same_delivery_twice_is_one_delivery(plug, patient, counterpart):
    delivery = a_delivery()
    outcomes = await asyncio.gather(*(patient.submit(delivery) for _ in range(8)))
    assert len(set(outcomes)) == 1
    assert isinstance(outcomes[0], Done)
    assert await patient.query(delivery.fulfilment_id) == outcomes[0]
    assert await credits_of(counterpart, [delivery]) == [1]


@every_carrier
async def test_what_a_carrier_never_heard_of_is_absent(plug, patient):
    outcome = await patient.query(new_id("fulfilment", 1))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.ABSENT


@every_carrier
async def test_g3_no_double_delivery_when_the_answer_is_lost(plug, plugin, patient, counterpart):
    """Submit; the answer is lost. Ask, as the rule is; and break the rule by submitting again, as a defect would."""
    deliveries = [a_delivery(ending) for ending in LOST for _ in range(ROUNDS)]
    lost = await few_at_once(plugin.submit, deliveries)
    assert {type(outcome) for outcome in lost} == {Unknown}, "a lost answer is neither a success nor a failure"
    found: list[Outcome] = [await patient.query(delivery.fulfilment_id) for delivery in deliveries]
    expected = [number for number in LOST.values() for _ in range(ROUNDS)]
    assert [int(isinstance(outcome, Done)) for outcome in found] == expected
    again = await few_at_once(plugin.submit, deliveries)
    assert not [outcome for outcome in again if isinstance(outcome, NotSent | Throttled | Refused)]
    credited = await credits_of(counterpart, deliveries)
    doubles = sum(number > 1 for number in credited)
    print(f"\nG3 {plug.name}: {doubles} double deliveries / {len(lost)} lost answers (upper bound {3 / len(lost):.2f})")
    assert credited == expected
    assert doubles == 0


async def few_at_once(submit: Callable[..., Awaitable[Outcome]], deliveries) -> list[Outcome]:
    """Fewer than the client has connections: what waits too long for one is, rightly, not sent."""
    room = asyncio.Semaphore(16)

    async def one(delivery):
        async with room:
            return await submit(delivery)

    return await asyncio.gather(*map(one, deliveries))


async def credits_of(counterpart, deliveries):
    rows = {row["external_id"]: row["delivered"] for row in (await counterpart.control("deliveries"))["deliveries"]}
    return [rows[delivery.fulfilment_id] for delivery in deliveries]
