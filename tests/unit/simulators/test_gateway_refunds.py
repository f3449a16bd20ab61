"""A refund happens once under its number, never beyond what was paid, and may misbehave on the way."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.support.billing import bill_around
from tests.support.simulators import a_payment, until
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Unknown
from topup.payments.ports import RefundFact, RefundRequest
from topup_simulators.payments.magic import Magic


@pytest.fixture
async def paid(sandbox):
    """Pays a new payment; gives a refund request for a part of it."""

    async def pay(amount_minor=5000, refund_minor=None, **more):
        request = a_payment(amount_minor=amount_minor, **more)
        await sandbox.sandbox_outcome(request, "silent")
        [fact] = (await sandbox.query(request.payment_id)).facts
        return RefundRequest(
            refund_id=new_id("refund", 1),
            payment_id=request.payment_id,
            reference=fact.reference,
            amount=Money(refund_minor or amount_minor, "CNY"),
            reason="recalled",
        )

    return pay


def another(refund, amount_minor):
    return RefundRequest(
        refund_id=new_id("refund", 1),
        payment_id=refund.payment_id,
        reference=refund.reference,
        amount=Money(amount_minor, "CNY"),
        reason="again",
    )


async def effects(gateway, refund):
    return (await gateway.counts(refund.refund_id))["refund"]


async def test_a_repetition_is_answered_with_what_became_of_the_first(sandbox, gateway, paid, listener):
    refund = await paid(notify_url=listener.url)
    answers = await asyncio.gather(*(sandbox.refund(refund) for _ in range(10)))
    assert len(set(answers)) == 1
    assert isinstance(answers[0], Done)
    assert await sandbox.query_refund(refund.refund_id, refund.payment_id) == answers[0]
    assert await effects(gateway, refund) == (10, 1)
    [(headers, body)] = await listener.hear(1)
    facts = sandbox.parse_event(headers, body, datetime.now(UTC)).facts
    assert facts == (RefundFact(refund.refund_id, answers[0]),)


async def test_refunds_never_exceed_what_was_paid(sandbox, paid):
    refund = await paid(5000, 3000)
    second = another(refund, 2000)
    assert isinstance(await sandbox.refund(refund), Done)
    assert await sandbox.refund(another(refund, 2001)) == Refused(Reason.CONFIGURATION, "REFUND_EXCEEDS_PAYMENT")
    assert isinstance(await sandbox.refund(second), Done)
    assert await sandbox.refund(another(refund, 1)) == Refused(Reason.CONFIGURATION, "REFUND_EXCEEDS_PAYMENT")


async def test_a_refund_number_used_for_something_else_is_unknown(sandbox, paid):
    refund = await paid(5000, 3000)
    await sandbox.refund(refund)
    changed = RefundRequest(refund.refund_id, refund.payment_id, refund.reference, Money(1, "CNY"), "x")
    assert isinstance(await sandbox.refund(changed), Unknown)


async def test_a_refund_of_another_payments_charge_is_refused(sandbox, paid):
    refund, other = await paid(), await paid()
    crossed = RefundRequest(refund.refund_id, refund.payment_id, other.reference, refund.amount, "x")
    assert await sandbox.refund(crossed) == Refused(Reason.CONFIGURATION, "UNKNOWN_CHARGE")
    assert await sandbox.query_refund(refund.refund_id, refund.payment_id) == Refused(Reason.ABSENT, "REFUND_NOT_FOUND")


async def test_magic_slow_refund(sandbox, paid):
    refund = await paid(5000 + Magic.REFUND_SLOW)
    assert isinstance(await sandbox.refund(refund), Accepted)
    last = await until(
        lambda: sandbox.query_refund(refund.refund_id, refund.payment_id),
        lambda answer: not isinstance(answer, Accepted),
    )
    assert isinstance(last, Done)


async def test_magic_refund_that_fails_later_frees_the_amount(sandbox, paid, listener):
    refund = await paid(5000 + Magic.REFUND_FAILS_LATER, notify_url=listener.url)
    assert isinstance(await sandbox.refund(refund), Accepted)
    [(headers, body)] = await listener.hear(1)
    refused = Refused(Reason.USER, "ACCOUNT_CLOSED")
    assert sandbox.parse_event(headers, body, datetime.now(UTC)).facts == (RefundFact(refund.refund_id, refused),)
    assert await sandbox.query_refund(refund.refund_id, refund.payment_id) == refused
    assert isinstance(await sandbox.refund(another(refund, refund.amount.amount_minor)), Accepted)


@pytest.mark.parametrize("which", [Magic.REFUND_BROKEN, Magic.REFUND_HANGS_UP_DONE, Magic.REFUND_GARBAGE])
async def test_magic_refund_done_without_an_answer_is_found_by_asking(sandbox, gateway, paid, which):
    refund = await paid(5000 + which)
    assert isinstance(await sandbox.refund(refund), Unknown)
    found = await sandbox.query_refund(refund.refund_id, refund.payment_id)
    assert isinstance(found, Done)
    assert await sandbox.refund(refund) == found
    assert await effects(gateway, refund) == (2, 1)


async def test_magic_refund_undone_without_an_answer_is_found_absent_and_may_be_repeated(sandbox, gateway, paid):
    refund = await paid(5000 + Magic.REFUND_HANGS_UP_UNDONE)
    assert isinstance(await sandbox.refund(refund), Unknown)
    assert await sandbox.query_refund(refund.refund_id, refund.payment_id) == Refused(Reason.ABSENT, "REFUND_NOT_FOUND")
    assert isinstance(await sandbox.refund(refund), Done)
    assert await effects(gateway, refund) == (2, 1)


async def test_the_bill_has_every_line_over_many_pages(sandbox, paid):
    first = await paid(5000, 1)
    parts = [another(first, 1) for _ in range(120)]
    await asyncio.gather(*map(sandbox.refund, parts))
    bill = await bill_around(sandbox)
    assert {part.refund_id for part in parts} <= {line.our_id for line in bill if line.kind == "refund"}
    assert first.payment_id in {line.our_id for line in bill if line.kind == "payment"}
    assert len({(line.kind, line.reference) for line in bill}) == len(bill)
