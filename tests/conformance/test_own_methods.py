"""What every way to pay that is of the house promises, asked of each that there is: a new one is tested by existing.

Its port alone, as a provider's is asked; and behind the desk, where money that comes late, twice or not as agreed must
be delivered or go back, whatever the order of things.
"""

import asyncio
import itertools
from contextlib import contextmanager

import pytest

from tests.support.own_methods import HANDS, SETTINGS, OwnShop
from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused
from topup.payments import operations, queries
from topup.payments.methods.own import OwnMethod
from topup.payments.methods.settings import OWN
from topup.payments.ports import (
    Capability,
    EventRejected,
    Gateway,
    PaymentFact,
    PaymentStanding,
    RefundRequest,
    Unsupported,
)
from topup.work.approvals import Wish

AT_ONCE = 8
every_own = pytest.mark.parametrize("name", sorted(OWN))


@pytest.fixture
async def shop(own_shop) -> OwnShop:
    await own_shop.rich()
    return own_shop


@pytest.fixture
def hand(shop, name):
    return shop.hands[name]


@pytest.fixture
def method(shop, name) -> Gateway:
    return shop.method(name)


async def paid(shop, method, hand, amount_minor=5000):
    """A payment that the port alone was asked for, brought to its end; gives what was asked, and the fact of it."""
    request = await shop.request(hand, amount_minor)
    await method.start(request)
    await hand.pays(request.payment_id, request.amount)
    [fact] = (await method.query(request.payment_id)).facts
    assert fact.standing is PaymentStanding.PAID
    return request, fact


def back(request, fact, amount_minor, refund_id=None) -> RefundRequest:
    refund_id = refund_id or new_id("refund", lane_of(request.payment_id))
    return RefundRequest(refund_id, request.payment_id, fact.reference, Money(amount_minor, "CNY"), "conformance")


async def lines(shop, name, our_id) -> list:
    return [line for line in await shop.bill_of(name) if line.our_id == our_id]


@every_own
def test_a_way_to_pay_is_complete(name):
    assert name in HANDS, "nobody who pays with it"
    assert name in SETTINGS, "no settings to be tested with"


@every_own
async def test_it_can_what_it_says_and_raises_for_the_rest(shop, method, name):
    assert method.name == name
    assert isinstance(method, OwnMethod)
    assert method.capabilities == frozenset(Capability) - {Capability.CANCEL, Capability.KEEP, Capability.AGREEMENT}
    with pytest.raises(Unsupported):
        await method.cancel(PaymentId(new_id("payment", 1)))


@every_own
async def test_g7_no_event_is_believed(shop, method, name, figures):
    bodies = [b"", b"{}", b'{"event":"paid"}', b"\xff\x00", b"x" * 10_000]
    for body in bodies:
        with pytest.raises(EventRejected):
            method.parse_event({"content-type": "application/json"}, body, None)
        status, *_ = await shop.desk.receive_event(method=name, headers={}, body=body)
        assert status >= 400
    figures.never("G7", of=len(bodies), method=name, accepted=0)


@every_own
async def test_the_same_payment_many_times_is_one(shop, method, hand, name):
    request = await shop.request(hand)
    begun = await asyncio.gather(*(method.start(request) for _ in range(AT_ONCE)))
    assert len(set(map(type, begun))) == 1
    await asyncio.gather(*(hand.pays(request.payment_id, request.amount) for _ in range(AT_ONCE)))
    again = await method.start(request)
    asked = await asyncio.gather(*(method.query(request.payment_id) for _ in range(AT_ONCE)))
    assert len({answer.facts for answer in asked}) == 1
    [fact] = asked[0].facts
    assert fact.standing is PaymentStanding.PAID
    assert fact.amount == request.amount
    if isinstance(again, PaymentFact):
        assert again == fact
    assert len(await lines(shop, name, request.payment_id)) == 1


@every_own
async def test_g3_who_hears_no_answer_asks_again_and_pays_once(shop, method, hand, name, figures):
    """The caller is gone after so many steps of the call, and begins anew: whether it had an effect is not known."""
    steps = [*range(0, 24, 2), 32, 64]
    doubles = 0
    for number in steps:
        request = await shop.request(hand)
        call = asyncio.create_task(method.start(request))
        for _ in range(number):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        await method.start(request)
        await hand.pays(request.payment_id, request.amount)
        [fact] = (await method.query(request.payment_id)).facts
        assert fact.standing is PaymentStanding.PAID
        doubles += len(await lines(shop, name, request.payment_id)) != 1
    figures.never("G3", of=len(steps), method=name, taken_twice=doubles)
    assert doubles == 0


@every_own
async def test_what_it_never_heard_of_is_absent(method, shop):
    payment_id = PaymentId(new_id("payment", 1))
    [fact] = (await method.query(payment_id)).facts
    assert fact.standing is PaymentStanding.ABSENT
    outcome = await method.query_refund(new_id("refund", 1), payment_id)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.ABSENT


@every_own
async def test_closing_may_be_repeated_and_never_undoes_a_payment(shop, method, hand):
    unheard = PaymentId(new_id("payment", 1))
    assert len(set(await asyncio.gather(*(method.close(unheard) for _ in range(AT_ONCE))))) == 1
    assert isinstance(await method.close(unheard), Done)
    request, fact = await paid(shop, method, hand)
    assert await method.close(request.payment_id) == Refused(Reason.USER, "paid")
    assert (await method.query(request.payment_id)).facts == (fact,)


@every_own
async def test_the_same_refund_many_times_is_one(shop, method, hand, name, figures):
    request, fact = await paid(shop, method, hand)
    refund = back(request, fact, 5000)
    outcomes = await asyncio.gather(*(method.refund(refund) for _ in range(AT_ONCE)))
    assert {type(outcome) for outcome in outcomes} <= {Done, Accepted}
    await asyncio.gather(*(hand.gives_back(refund.refund_id) for _ in range(AT_ONCE)))
    assert isinstance(await method.query_refund(refund.refund_id, request.payment_id), Done)
    assert isinstance(await method.refund(refund), Done), "a replay is never a refusal"
    asked = await shop.rows("SELECT 1 FROM work.items WHERE subject = %s AND state = 'open'", refund.refund_id)
    assert asked == [], "nobody is to give it back any more"
    second = len(await lines(shop, name, refund.refund_id)) - 1
    figures.never("G8", of=AT_ONCE, method=name, second_refunds=second)
    assert second == 0


@every_own
async def test_g16_never_more_goes_back_than_came(shop, method, hand, name, figures):
    request, fact = await paid(shop, method, hand)
    refunds = [back(request, fact, 2000) for _ in range(AT_ONCE)]
    outcomes = await asyncio.gather(*(method.refund(refund) for refund in refunds))
    given = [outcome for outcome in outcomes if isinstance(outcome, Done | Accepted)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(given) + len(refused) == AT_ONCE
    assert {outcome.code for outcome in refused} == {"over_refund"}
    figures.never("G16", of=AT_ONCE, method=name, over_refunds=max(0, len(given) - 2))
    assert len(given) == 2, "two parts of 20 yuan of 50"
    other = RefundRequest(new_id("refund", 1), request.payment_id, fact.reference, Money(1, "EUR"), "conformance")
    assert isinstance(await method.refund(other), Refused), "another currency"
    assert isinstance(await method.refund(back(request, fact, 1001)), Refused)
    assert isinstance(await method.refund(back(request, fact, 1000)), Done | Accepted), "what is left"


@every_own
async def test_what_never_paid_gives_nothing_back(shop, method, hand):
    unheard = await shop.request(hand)
    fact = PaymentFact(unheard.payment_id, PaymentStanding.PAID, "REFERENCE", unheard.amount, None)
    assert await method.refund(back(unheard, fact, 100)) == Refused(Reason.CONFIGURATION, "not_paid")
    assert isinstance(await method.query_refund(new_id("refund", 1), unheard.payment_id), Refused)


@every_own
async def test_the_bill_has_each_payment_and_refund_once(shop, method, hand, name):
    request, fact = await paid(shop, method, hand)
    refund = back(request, fact, 1234)
    await method.refund(refund)
    await hand.gives_back(refund.refund_id)
    [payment] = await lines(shop, name, request.payment_id)
    assert (payment.kind, payment.amount, payment.reference) == ("payment", request.amount, fact.reference)
    assert payment.at <= fact.paid_at
    [returned] = await lines(shop, name, refund.refund_id)
    assert (returned.kind, returned.amount) == ("refund", Money(1234, "CNY"))


# Behind the desk


@every_own
async def test_what_a_person_is_to_give_back_is_not_recorded_as_done_elsewhere(shop, hand):
    """After weeks two people are asked about it as well: were they to note that it was done, it might be done twice."""
    order, payment = await shop.begun(hand)
    await hand.pays(payment.id, order.total)
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        [capture] = (await queries.captures(connection, [(lane_of(payment.id), payment.id)]))[payment.id]
        [refund] = await operations.request_refunds(connection, [(capture, 5000, "test")], now)
    await shop.run()
    await shop.later(days=31)
    await shop.run()
    listed = await shop.rows("SELECT 1 FROM work.items WHERE subject = %s AND state = 'open'", refund.id)
    # What the method gave back by itself is over.
    code = "refund_handed_over_elsewhere" if listed else "settled_meanwhile"
    assert bool(listed) == (hand.name in {"cash", "bank_transfer", "card_terminal"})
    [done] = [kind for kind in shop.desk.deciding.kinds() if kind.name == "refund_done"]
    async with shop.database.read() as transaction:
        wish = Wish("refund_done", refund.id, {"reference": "SEPA-1"}, "Sent by bank")
        with pytest.raises(Problem, match=code):
            await done.prepare(transaction.connection, wish, transaction.now)


async def accounted(shop: OwnShop) -> dict[str, int]:
    """After all is done: how orders ended. What came was delivered or went back; nothing waits, nothing is owed."""
    for hours in (0, 1, 1, 25, 25):
        await shop.later(seconds=6, hours=hours)
        await shop.run()
        await shop.everything_handed_back()
        await shop.desk.bills.read()
        await shop.run()
    books = await shop.rows(
        "SELECT o.state, p.state, p.method, coalesce(sum(c.amount_minor), 0)::bigint,"
        " coalesce(sum(c.amount_minor) FILTER (WHERE c.disposition = 'kept'), 0)::bigint,"
        " coalesce(sum(c.refunded_minor), 0)::bigint"
        " FROM orders.orders o JOIN payments.payments p ON p.lane = o.lane AND p.order_id = o.id"
        " LEFT JOIN payments.captures c ON c.lane = p.lane AND c.payment_id = p.id GROUP BY 1, 2, 3, p.id"
    )
    wrong = [row for row in books if row[3] != (row[4] if row[0] == "delivered" else 0) + row[5]]
    assert wrong == []
    assert [row for row in books if row[1] in {"starting", "pending"}] == []
    house = {code: minor for (code, _), minor in (await shop.house()).items()}
    assert "suspense" not in house
    # What the provider of a method owes us stands there; the house owes itself nothing.
    own = {code: minor for code, minor in house.items() if code in {f"clearing:{name}" for name in OWN}}
    for name in ("bank_transfer", "card_terminal"):
        assert own.pop(f"clearing:{name}", 0) == -sum(row[3] - row[5] for row in books if row[2] == name)
    assert own == {}
    return {state: sum(row[0] == state for row in books) for state in {row[0] for row in books}}


@contextmanager
def unless(*codes: str):
    """What may be refused, in one of these words."""
    try:
        yield
    except Problem as problem:
        if problem.code not in codes:
            raise


async def calls_off(shop, order) -> None:
    with unless("too_late_to_cancel"):
        await shop.desk.cancel(order_id=order.id)


@every_own
async def test_g8_however_often_it_is_told_it_counts_once(shop, hand, name, figures):
    order, payment = await shop.begun(hand)
    await asyncio.gather(*(shop.begins(hand, order, payment.id) for _ in range(AT_ONCE)))
    await asyncio.gather(*(hand.pays(payment.id, order.total) for _ in range(AT_ONCE)))
    await shop.desk.bills.read()
    await shop.run()
    effects = await shop.rows("SELECT count(*) FROM payments.captures WHERE payment_id = %s", payment.id)
    assert (await shop.order(order)).status == "delivered"
    figures.never("G8", of=2 * AT_ONCE, method=name, second_captures=effects[0][0] - 1)
    assert effects == [(1,)]
    await accounted(shop)


@every_own
async def test_g9_and_g10_in_whatever_order_nothing_is_stuck(shop, hand, name, figures):
    """It is paid, called off, its day's bill read, and paid by another provider too: all orders of these."""
    events = ("pays", "calls off", "bill", "other")
    ends = []
    for turn, order_of_events in enumerate(itertools.permutations(events)):
        order, payment = await shop.begun(hand, number=f"1380015{turn:04}")
        other = None
        with unless("order_not_payable"):
            other = await shop.paying(order)
        for event in order_of_events:
            match event:
                case "pays":
                    with unless("cash_payment_closed", "card_payment_closed"):
                        await hand.pays(payment.id, order.total)
                case "calls off":
                    await calls_off(shop, order)
                    await shop.run()
                case "bill":
                    await shop.desk.bills.read()
                case "other" if other is not None:
                    await shop.tells(shop.paid(other))
        await shop.run()
        ends.append(order)
    states = await accounted(shop)
    final = [(await shop.order(order)).final for order in ends]
    figures.never("G10", of=len(ends), method=name, stuck=final.count(False))
    figures("G9", method=name, permutations=len(ends), **states)
    assert all(final)


@every_own
async def test_paid_and_called_off_at_once_ends_one_way(shop, hand, name):
    for turn in range(AT_ONCE):
        order = await shop.ordered(f"1380016{turn:04}")
        payment_id = PaymentId(new_id("payment", lane_of(order.id)))

        async def pays(order=order, payment_id=payment_id):
            with unless("order_not_payable", "cash_payment_closed", "card_payment_closed"):
                await shop.begins(hand, order, payment_id)
                await hand.pays(payment_id, order.total)

        await asyncio.gather(pays(), calls_off(shop, order))
    await accounted(shop)


@every_own
async def test_its_bill_and_our_books_agree(shop, hand, name, figures):
    """After a day of payments and of one that went back: nothing that the comparison could not explain."""
    for turn in range(4):
        _, payment = await shop.begun(hand, number=f"1380017{turn:04}")
        await hand.pays(payment.id, payment.amount)
    order, payment = await shop.begun(hand, number="13800179999")
    if (await shop.order(order)).status == "awaiting_payment":
        await shop.tells(shop.paid(await shop.paying(order)))
    await hand.pays(payment.id, payment.amount)
    await accounted(shop)
    while await shop.reconciliation.compare_due():
        pass
    found = await shop.rows("SELECT class, our_id FROM reconciliation.differences WHERE method = %s", name)
    compared = await shop.rows("SELECT count(*) FROM reconciliation.bills WHERE method = %s AND lines > 0", name)
    figures("G4", method=name, unexplained=len(found), days=compared[0][0])
    assert found == []
    assert compared[0][0] >= 1
