"""The plugin against simulated Stripe: closing, refunds, disputes, the bill, events and keys."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.billing import bill_around
from tests.support.simulators import a_payment, start_provider, until
from tests.support.stripe import dollars, facts_in, page_of, paid, read, standing
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Unknown
from topup.payments.ports import (
    MONEY_DISPUTED,
    DisputeStanding,
    EventRejected,
    PaymentStanding,
    RefundFact,
    RefundRequest,
)
from topup.platform.plugs import Health
from topup.plugins.payments.stripe import Stripe
from topup.plugins.payments.stripe.doctor import check
from topup_simulators.payments.magic import Magic


@pytest.fixture
def plugin(stripe, http_client):
    return Stripe(stripe.settings, http_client)


# Closing and giving back.


async def test_what_was_paid_is_not_closed_but_cancelled(plugin, stripe):
    request = dollars()
    fact = await paid(plugin, stripe, request)
    assert await plugin.close(request.payment_id) == Refused(Reason.USER, "paid")
    part = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(1000, "USD"), "part")
    assert isinstance(await plugin.refund(part), Done)
    for _ in range(2):
        assert isinstance(await plugin.cancel(request.payment_id), Done)
    over = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(1, "USD"), "too much")
    assert await plugin.refund(over) == Refused(Reason.CONFIGURATION, "charge_already_refunded")


async def test_what_is_being_paid_cannot_be_closed(plugin, stripe):
    request = dollars()
    await stripe.pay(plugin, request, "late")
    assert isinstance(await plugin.close(request.payment_id), Unknown)
    await until(lambda: standing(plugin, request.payment_id), lambda what: what is PaymentStanding.PAID)


async def test_a_closed_page_that_is_paid_all_the_same_says_so(plugin, stripe):
    request = dollars(5000 + Magic.CLOSED_IN_WORDS)
    await page_of(plugin, request)
    assert isinstance(await plugin.close(request.payment_id), Done)
    await stripe.control(f"payments/{request.payment_id}", {"outcome": "pay"})
    assert await standing(plugin, request.payment_id) is PaymentStanding.PAID


async def test_a_refund_that_is_too_much_is_refused(plugin, stripe):
    fact = await paid(plugin, stripe, request := dollars())
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(5001, "USD"), "too much")
    assert await plugin.refund(refund) == Refused(Reason.CONFIGURATION, "amount_refused")
    assert await plugin.query_refund(refund.refund_id, request.payment_id) == Refused(Reason.ABSENT, "no_such_refund")


@pytest.mark.parametrize(
    ("magic", "end"), [(Magic.REFUND_SLOW, Done), (Magic.REFUND_FAILS_LATER, Refused)], ids=["slow", "fails later"]
)
async def test_a_refund_under_way_comes_to_its_end(plugin, stripe, hearing, magic, end):
    fact = await paid(plugin, stripe, request := dollars(5000 + magic))
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, fact.amount, "slow")
    assert isinstance(await plugin.refund(refund), Accepted)
    last = await until(
        lambda: plugin.query_refund(refund.refund_id, refund.payment_id), lambda said: not isinstance(said, Accepted)
    )
    assert isinstance(last, end)
    [heard] = facts_in(plugin, await hearing.hear(1))
    assert heard == RefundFact(refund.refund_id, last)


@pytest.mark.parametrize("magic", [Magic.REFUND_BROKEN, Magic.REFUND_HANGS_UP_DONE, Magic.REFUND_GARBAGE])
async def test_a_refund_whose_answer_is_lost_is_found_and_made_once(plugin, stripe, magic):
    fact = await paid(plugin, stripe, request := dollars(5000 + magic))
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, fact.amount, "lost")
    assert isinstance(await plugin.refund(refund), Unknown)
    assert isinstance(await plugin.query_refund(refund.refund_id, refund.payment_id), Done)
    again = await plugin.refund(refund)
    assert isinstance(again, Done), "where the 500 is replayed, the refund is looked for"
    assert (await stripe.counts(refund.refund_id))["refund"] == (2, 1)


async def test_a_refund_that_was_never_taken_in_may_be_sent_again(plugin, stripe):
    fact = await paid(plugin, stripe, request := dollars(5000 + Magic.REFUND_HANGS_UP_UNDONE))
    refund = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, fact.amount, "never taken in")
    assert isinstance(await plugin.refund(refund), Unknown)
    outcome = await plugin.query_refund(refund.refund_id, refund.payment_id)
    assert outcome == Refused(Reason.ABSENT, "no_such_refund")


async def test_a_refund_older_than_a_day_is_looked_for_before_it_is_sent_again(plugin, stripe):
    """Stripe may have forgotten the key by then: the same request would be another refund."""
    fact = await paid(plugin, stripe, request := dollars())
    old = "ref_01jd3c4e5f" + new_id("refund", 1)[14:]
    half = RefundRequest(old, request.payment_id, fact.reference, Money(2500, "USD"), "old")
    first = await plugin.refund(half)
    assert isinstance(first, Done)
    assert (await stripe.control("forget_keys", {}))["forgotten"] >= 1
    assert await plugin.refund(half) == first
    assert (await stripe.counts(old))["refund"] == (1, 1)


# Disputes and the bill.


async def test_a_dispute_is_told_with_stripes_number_of_the_payment(plugin, stripe, hearing):
    request = dollars()
    fact = await paid(plugin, stripe, request)
    for status, wanted in (("needs_response", DisputeStanding.OPEN), ("lost", DisputeStanding.LOST)):
        hearing.heard.clear()
        told = await stripe.control("disputes", {"payment_id": request.payment_id, "status": status})
        [dispute] = facts_in(plugin, await hearing.hear(1))
        assert (dispute.dispute, dispute.standing, dispute.amount) == (told["dispute"], wanted, request.amount)
        assert (dispute.payment_id, dispute.reference) == ("", fact.reference)
    assert dispute.respond_by is None


async def test_a_dispute_whose_date_is_moved_is_told_again(plugin, stripe, hearing):
    await paid(plugin, stripe, request := dollars())
    told = []
    for change in ({}, {"due_in_days": 20, "status": "under_review"}, {"status": "needs_response"}):
        hearing.heard.clear()
        await stripe.control("disputes", {"payment_id": request.payment_id, **change})
        events = await hearing.hear(1)
        [fact] = facts_in(plugin, events)
        told.append((json.loads(events[0][1])["type"], fact.standing, fact.respond_by - datetime.now(UTC)))
    kinds, standings, left = zip(*told, strict=True)
    assert kinds == ("charge.dispute.created", "charge.dispute.updated", "charge.dispute.updated")
    assert set(standings) == {DisputeStanding.OPEN}
    assert [round(one / timedelta(days=1)) for one in left] == [7, 20, 20]


async def test_what_is_disputed_is_not_refunded_beside(plugin, stripe):
    fact = await paid(plugin, stripe, other := dollars())
    await stripe.control("disputes", {"payment_id": other.payment_id})
    refund = RefundRequest(new_id("refund", 1), other.payment_id, fact.reference, fact.amount, "disputed")
    assert await plugin.refund(refund) == Refused(Reason.CONFIGURATION, MONEY_DISPUTED)


async def test_the_days_bill_has_every_movement_with_its_fee(plugin, stripe):
    kept_one, cancelled, disputed = dollars(), a_payment(amount=Money(10_000, "CNY")), dollars(9000)
    facts = {request.payment_id: await paid(plugin, stripe, request) for request in (kept_one, cancelled, disputed)}
    refund = RefundRequest(
        new_id("refund", 1), kept_one.payment_id, facts[kept_one.payment_id].reference, Money(1500, "USD"), "part"
    )
    done = await plugin.refund(refund)
    await plugin.cancel(cancelled.payment_id)
    for status in ("needs_response", "won"):
        told = await stripe.control("disputes", {"payment_id": disputed.payment_id, "status": status})
    [payout] = (await stripe.control("movements", {"type": "payout", "amount": -12_345}))["ids"]
    lines = await bill_around(plugin)
    assert len({(line.kind, line.our_id, line.reference, line.amount) for line in lines}) == len(lines)

    def of(our_id, kind):
        return [line for line in lines if (line.our_id, line.kind) == (our_id, kind)]

    [line] = of(kept_one.payment_id, "payment")
    assert (line.reference, line.amount, line.fee) == (
        facts[kept_one.payment_id].reference,
        Money(5000, "USD"),
        Money(175, "USD"),
    )
    [line] = of(cancelled.payment_id, "payment")
    assert (line.amount, line.fee) == (Money(10_000, "CNY"), Money(70, "USD")), "1400 cents: 2.9 % and 30"
    [line] = of(refund.refund_id, "refund")
    assert (line.reference, line.amount, line.fee) == (done.reference, Money(1500, "USD"), Money(0, "USD"))
    [line] = of(cancelled.payment_id, "refund")
    assert line.amount == Money(10_000, "CNY")
    disputes = sorted(of(disputed.payment_id, "dispute"), key=lambda line: line.amount.amount_minor)
    assert [line.amount for line in disputes] == [Money(-9000, "USD"), Money(9000, "USD")]
    assert {line.reference for line in disputes} == {told["dispute"]}
    assert sum(line.fee.amount_minor for line in disputes) == 0
    [line] = [line for line in lines if line.reference == payout]
    assert (line.kind, line.our_id, line.amount) == ("other", "", Money(-12_345, "USD"))


async def test_a_bill_of_many_pages_is_whole(plugin, stripe):
    ids = set((await stripe.control("movements", {"type": "stripe_fee", "amount": -7, "times": 230}))["ids"])
    lines = await bill_around(plugin)
    assert ids <= {line.reference for line in lines}


# Events.


async def test_an_event_is_resent_until_any_2xx(plugin, stripe, hearing):
    hearing.answers = [(500, b"no"), (302, b""), (202, b"")]
    await stripe.pay(plugin, dollars(), "decline")
    heard = await hearing.hear(3)
    assert len({body for _, body in heard}) == 1
    assert len({event.event_id for event in read(plugin, heard)}) == 1


async def test_a_probe_is_rejected_and_the_genuine_event_is_taken(plugin, stripe, hearing):
    request = dollars(5000 + Magic.FORGED_FIRST)
    await stripe.pay(plugin, request, "pay")
    (forged, body), genuine = (await hearing.hear(2))[:2]
    with pytest.raises(EventRejected):
        plugin.parse_event(forged, body, datetime.now(UTC))
    assert read(plugin, [genuine])[0].facts[0].standing is PaymentStanding.PAID


async def test_a_repeated_event_has_another_id_and_the_same_reference(plugin, stripe, hearing):
    request = dollars(5000 + Magic.NOTIFIED_AGAIN)
    await stripe.pay(plugin, request, "pay")
    events = read(plugin, await hearing.hear(3))
    assert len({event.event_id for event in events}) == 2
    assert len({event.facts[0].reference for event in events}) == 1


@pytest.mark.parametrize("magic", [Magic.WRONG_AMOUNT, Magic.WRONG_CURRENCY])
async def test_another_amount_than_asked_for_is_said_as_it_was_paid(plugin, stripe, hearing, magic):
    request = dollars(5000 + magic)
    await stripe.pay(plugin, request, "pay")
    [heard] = facts_in(plugin, await hearing.hear(1))
    [told] = (await plugin.query(request.payment_id)).facts
    assert heard.amount == told.amount != request.amount


@pytest.mark.parametrize("magic", [Magic.QUERY_BROKEN, Magic.QUERY_BADLY_SIGNED])
async def test_a_query_without_an_answer_says_nothing(plugin, stripe, magic):
    request = dollars(5000 + magic)
    await stripe.pay(plugin, request, "silent")
    answer = await plugin.query(request.payment_id)
    assert (answer.facts, type(answer.problem)) == ((), Unknown)


# Keys.


def test_the_merchants_keys_are_its_owners_only(stripe):
    for file in (stripe.settings.secret_key_file, stripe.settings.webhook_secrets_file):
        assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
    assert json.dumps(stripe.ready).count("sk_test_") == 0


async def test_the_doctor_finds_nothing_wrong_with_the_simulator(stripe, http_client):
    findings = await check(stripe.settings, http_client, datetime.now(UTC))
    assert [finding for finding in findings if finding.health is not Health.FINE] == []
    assert len(findings) == 6


async def test_another_key_is_refused_as_a_matter_of_configuration(stripe, http_client, tmp_path):
    (tmp_path / "key").write_text("sk_test_another")
    settings = stripe.settings.model_copy(update={"secret_key_file": tmp_path / "key"})
    stranger = Stripe(settings, http_client)
    assert await stranger.start(dollars()) == Refused(Reason.CONFIGURATION, "key_refused")
    answer = await stranger.query(new_id("payment", 1))
    assert (answer.facts, type(answer.problem)) == ((), Unknown)
    outcome = await stranger.query_refund(new_id("refund", 1), new_id("payment", 1))
    assert isinstance(outcome, Unknown)


async def test_keys_payments_and_kept_answers_survive_a_kill(tmp_path, http_client):
    running = start_provider("stripe", tmp_path)
    request, settings = dollars(), running.settings
    before = await Stripe(settings, http_client).start(request)
    running.kill()
    again = start_provider("stripe", tmp_path)
    try:
        assert again.settings == settings.model_copy(update={"base_url": again.url})
        plugin = Stripe(again.settings, http_client)
        assert await plugin.start(request) == before, "the kept answer, of the process that was"
        await again.pay(plugin, request, "silent")
        assert await standing(plugin, request.payment_id) is PaymentStanding.PAID
    finally:
        again.stop()
