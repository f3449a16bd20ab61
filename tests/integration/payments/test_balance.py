"""Credit of one line pays for another line's order: held, taken, given back; each once, whatever dies in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.billing import bill_around
from tests.support.desk import LANES, OWN_NUMBER, ScriptedCarrier, ScriptedGateway, Shop, publish_demonstration
from topup.catalogue.documents import PayingForOthers
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Invalid
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Reason, Refused
from topup.ledger.queries import buckets
from topup.lines.queries import lines_now
from topup.orders.desk import Desk
from topup.orders.paying import Presented
from topup.orders.reading import Parts
from topup.payments.methods import balance as module
from topup.payments.methods.balance import Balance
from topup.payments.ports import Decline, PaymentRequest, PaymentStanding, RefundRequest
from topup.platform.keys import KeyRing

PAYER = "13800138001"
ENDING = "13000130001"
"""Of a carrier whose credit ends, and whose file does not let it pay for others."""


class Died(BaseException):
    """A process ended here."""


@dataclass
class Bank(Shop):
    """A shop where a line with credit can pay."""

    balance: Balance = None

    async def filled(self, number: str, minor: int) -> None:
        """Give a line credit, as a top-up does."""
        order = await self.ordered(number, minor)
        payment = await self.paying(order)
        await self.tells(self.paid(payment))

    async def pays(self, order, *, payer=PAYER, payment_id=None):
        payment_id = payment_id or PaymentId(new_id("payment", lane_of(order.id)))
        return await self.desk.pay(
            payment_id=payment_id,
            order_id=order.id,
            method="balance",
            locale="en",
            presented=Presented(wallet_user=payer),
        )

    async def buckets_of(self, number: str):
        async with self.database.read() as transaction:
            line = (await lines_now(transaction.connection, [f"+86{number}"]))[f"+86{number}"]
            return (await buckets(transaction.connection, [line.ref.id]))[line.ref.id]

    @contextmanager
    def catalogue_allows(self):
        """Let every carrier allow what its file does not."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(module, "_rule_of", lambda *_: PayingForOthers())
            yield

    async def main_buckets_of(self, number: str):
        return [one for one in await self.buckets_of(number) if (one.kind, one.asset) == ("main", "CNY")]

    def request(self, order_payment: str, minor: int, *, payer=PAYER, currency="CNY") -> PaymentRequest:
        now = datetime.now(UTC)
        return PaymentRequest(
            payment_id=PaymentId(order_payment),
            amount=Money(minor, currency),
            description="a test",
            return_url="",
            notify_url="",
            expires_at=now + timedelta(minutes=15),
            locale="en",
            wallet_user=payer,
        )


@pytest.fixture
async def bank(database, data_dir) -> AsyncIterator[Bank]:
    await publish_demonstration(database)
    gateway, carrier, catalogue = ScriptedGateway(), ScriptedCarrier(), CatalogueCache()
    data_dir.mkdir(exist_ok=True)
    keys = KeyRing(data_dir / "keys")
    balance = Balance(database=database, catalogue=catalogue)
    parts = Parts(
        database=database,
        catalogue=catalogue,
        keys=keys,
        lanes=LANES,
        gateways={"scripted": gateway, "balance": balance},
        carriers={"external_demo": carrier},
        public_url="http://127.0.0.1:8080",
    )
    async with Desk(parts) as desk:
        yield Bank(desk, database, gateway, carrier, keys, balance=balance)


async def _money(bank: Bank) -> dict[tuple[str, str], int]:
    house = await bank.house()
    return {key: value for key, value in house.items() if key[0] in {"clearing:balance", "suspense"}}


async def test_a_lines_credit_pays_for_another_lines_order(bank):
    await bank.filled(PAYER, 10_000)
    order = await bank.ordered(OWN_NUMBER, 5_000)
    price = order.total.amount_minor
    await bank.pays(order)
    assert (await bank.order(order)).status == "delivered"
    assert await bank.main_balance(PAYER) == 10_000 - price
    assert await bank.main_balance(OWN_NUMBER) == 5_000
    assert await _money(bank) == {}


async def test_the_same_payment_again_takes_nothing_more(bank):
    await bank.filled(PAYER, 10_000)
    order = await bank.ordered(OWN_NUMBER, 5_000)
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))
    await asyncio.gather(*(bank.pays(order, payment_id=payment_id) for _ in range(5)))
    await asyncio.gather(*(bank.balance.query(payment_id) for _ in range(5)))
    assert await bank.main_balance(PAYER) == 10_000 - order.total.amount_minor
    assert await _money(bank) == {}


async def test_too_little_is_declined_in_words(bank):
    await bank.filled(PAYER, 3_000)
    order = await bank.ordered(OWN_NUMBER, 5_000)
    payment = await bank.pays(order)
    assert (payment.status, payment.reason) == ("declined", Decline.FUNDS)
    assert await bank.main_balance(PAYER) == 3_000
    assert (await bank.order(order)).status == "awaiting_payment"


@pytest.mark.parametrize(
    ("payer", "reason"),
    [("13800138077", "line_unknown"), ("not a number", "line_unknown"), ("+6591234567", "line_unknown")],
)
async def test_who_has_no_line_cannot_pay(bank, payer, reason):
    order = await bank.ordered(OWN_NUMBER, 5_000)
    payment = await bank.pays(order, payer=payer)
    assert (payment.status, payment.reason) == ("declined", reason)


async def test_a_carrier_that_does_not_allow_it_is_asked_in_vain(bank):
    await bank.filled(ENDING, 10_000)
    order = await bank.ordered(OWN_NUMBER, 5_000)
    assert (await bank.pays(order, payer=ENDING)).reason == "balance_not_offered"


async def test_another_currency_does_not_pay(bank):
    await bank.filled(PAYER, 10_000)
    request = bank.request(new_id("payment", 3), 500, currency="EUR")
    assert await bank.balance.start(request) == Refused(Reason.USER, Decline.UNSUPPORTED)


async def test_a_guest_is_not_offered_it_and_cannot_use_it(bank):
    order = await bank.ordered(OWN_NUMBER, 5_000)
    offered = {view.method: view.unavailable for view in await bank.desk.methods(quote_id=order.quote_id)}
    assert offered == {"scripted": None, "balance": "method_not_for_guests"}
    known = await bank.desk.methods(quote_id=order.quote_id, payer_known=True)
    assert all(view.unavailable is None for view in known)
    with pytest.raises(Invalid, match="method_not_for_guests"):
        await bank.desk.pay(
            payment_id=PaymentId(new_id("payment", lane_of(order.id))), order_id=order.id, method="balance", locale="en"
        )


async def test_many_orders_at_once_never_take_more_than_there_is(bank):
    """G5: of twenty orders at once as many are paid as the balance allows, and it is never below zero."""
    await bank.filled(PAYER, 10_000)
    orders = [await bank.ordered(f"138001390{n:02}", 3_000) for n in range(20)]
    price = orders[0].total.amount_minor
    views = await asyncio.gather(*(bank.pays(order) for order in orders))
    await asyncio.gather(*(bank.balance.query(view.id) for view in views))
    delivered = [order for order in orders if (await bank.order(order)).status == "delivered"]
    left = await bank.main_balance(PAYER)
    assert len(delivered) == 10_000 // price
    assert left == 10_000 - len(delivered) * price
    assert all(bucket.balance >= bucket.held == 0 for bucket in await bank.buckets_of(PAYER))
    assert await _money(bank) == {}
    print(f"G5 balance: races 20, paid {len(delivered)}, negatives 0")


LABELS = [
    "balance.hold.before_commit",
    "balance.hold.after_commit",
    "balance.settle.before_commit",
    "balance.settle.after_commit",
]


@pytest.mark.parametrize("label", LABELS)
async def test_a_payment_that_died_half_way_comes_to_its_end(bank, monkeypatch, label):
    """G11: whoever asks next takes it further, or finds that nothing happened and closes it."""
    await bank.filled(PAYER, 10_000)
    order = await bank.ordered(OWN_NUMBER, 5_000)

    def die(here):
        if here == label:
            raise Died

    with monkeypatch.context() as patched:
        patched.setattr(module, "crash_point", die)
        with pytest.raises(Died):
            await bank.pays(order)
    await bank.later(seconds=10)
    await bank.run()
    done = (await bank.order(order)).status
    if label == "balance.hold.before_commit":
        assert done == "awaiting_payment"
        assert await bank.main_balance(PAYER) == 10_000
    else:
        assert done == "delivered"
        assert await bank.main_balance(PAYER) == 10_000 - order.total.amount_minor
    await bank.later(hours=1)
    await bank.run()
    assert (await bank.order(order)).status == ("expired" if label == LABELS[0] else "delivered")
    assert await _money(bank) == {}


async def test_what_is_held_is_given_back_when_it_is_closed(bank, monkeypatch):
    await bank.filled(PAYER, 10_000)
    payment_id = PaymentId(new_id("payment", 3))

    def die(here):
        if here == "balance.hold.after_commit":
            raise Died

    with monkeypatch.context() as patched:
        patched.setattr(module, "crash_point", die)
        with pytest.raises(Died):
            await bank.balance.start(bank.request(payment_id, 4_000))
    assert await bank.main_balance(PAYER) == 6_000
    assert await bank.balance.close(payment_id) == Done(payment_id)
    assert await bank.main_balance(PAYER) == 10_000
    [fact] = (await bank.balance.query(payment_id)).facts
    assert fact.standing is PaymentStanding.CLOSED


async def test_what_was_closed_before_it_came_never_begins(bank):
    await bank.filled(PAYER, 10_000)
    payment_id = PaymentId(new_id("payment", 3))
    assert await bank.balance.close(payment_id) == Done(payment_id)
    fact = await bank.balance.start(bank.request(payment_id, 4_000))
    assert fact.standing is PaymentStanding.CLOSED
    assert await bank.main_balance(PAYER) == 10_000


async def test_closing_and_paying_at_once_end_alike(bank):
    await bank.filled(PAYER, 10_000)
    for _ in range(10):
        payment_id = PaymentId(new_id("payment", 3))
        before = await bank.main_balance(PAYER)
        started, closed = await asyncio.gather(
            bank.balance.start(bank.request(payment_id, 100)), bank.balance.close(payment_id)
        )
        paid = before - await bank.main_balance(PAYER) == 100
        assert (closed == Refused(Reason.USER, "paid")) == paid
        assert (started.standing is PaymentStanding.PAID) == paid


async def test_a_refund_goes_back_to_the_same_kind_once_for_its_number(bank):
    await bank.filled(PAYER, 10_000)
    payment_id = PaymentId(new_id("payment", 3))
    fact = await bank.balance.start(bank.request(payment_id, 4_000))
    refunds = [RefundRequest(new_id("refund", 3), payment_id, fact.reference, Money(2_500, "CNY"), "x") for _ in "ab"]
    absent = await bank.balance.query_refund(refunds[0].refund_id, payment_id)
    assert absent == Refused(Reason.ABSENT, "absent")
    answers = await asyncio.gather(*(bank.balance.refund(refund) for refund in [*refunds, refunds[0], refunds[0]]))
    # Both together are more than was paid: one of them is refused, whichever came second.
    assert Refused(Reason.CONFIGURATION, "over_refund") in answers
    assert await bank.main_balance(PAYER) == 8_500
    assert {bucket.kind for bucket in await bank.buckets_of(PAYER) if bucket.balance} == {"main"}
    done = next(refund for refund, answer in zip(refunds, answers, strict=False) if isinstance(answer, Done))
    assert await bank.balance.query_refund(done.refund_id, payment_id) == Done(done.refund_id)
    lines = await bill_around(bank.balance)
    assert [(line.kind, line.amount.amount_minor) for line in lines] == [("payment", 4_000), ("refund", 2_500)]


async def test_a_second_payment_of_an_order_goes_back_by_itself(bank):
    """G10: paid by a card and from a balance, one of the two comes back."""
    await bank.filled(PAYER, 10_000)
    order = await bank.ordered(OWN_NUMBER, 5_000)
    card = await bank.paying(order)
    await bank.pays(order)
    await bank.tells(bank.paid(card))
    await bank.run()
    assert (await bank.order(order)).status == "delivered"
    assert len(bank.gateway.refunds) == 1


async def test_what_goes_back_keeps_its_end_or_can_be_used_for_a_week(bank):
    """Credit that ends in 180 days keeps that end; where that is over, it can be used for seven days."""
    with bank.catalogue_allows():
        await bank.filled(ENDING, 10_000)
        [before] = await bank.main_buckets_of(ENDING)
        payment_id = PaymentId(new_id("payment", 3))
        fact = await bank.balance.start(bank.request(payment_id, 4_000, payer=ENDING))
    first, second = (
        RefundRequest(new_id("refund", 3), payment_id, fact.reference, Money(1_000, "CNY"), "x") for _ in "ab"
    )
    assert isinstance(await bank.balance.refund(first), Done)
    assert {bucket.usable_until for bucket in await bank.main_buckets_of(ENDING)} == {before.usable_until}
    await bank.later(days=200)
    assert isinstance(await bank.balance.refund(second), Done)
    async with bank.database.read() as transaction:
        now = transaction.now
    last = max(bucket.usable_until for bucket in await bank.main_buckets_of(ENDING))
    assert timedelta(days=6, hours=23) < last - now <= timedelta(days=7)
