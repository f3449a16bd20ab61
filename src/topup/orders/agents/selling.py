"""Selling from floats: many sales in one flush, each order made, paid and on its way in the transaction it came with.

Numbers are locked first, then agents, each in order; so what the floats have is known for certain, and the ledger,
which is called last, refuses none of it. Whatever needs no agent is done before theirs are locked: a busy agent's sales
come by several processes, and wait for one another from there on. A sale's order and its float lie in lanes of their
own: each lane's step is posted through its clearing account, under its own key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Problem
from topup.kernel.ids import AgentId, OrderId, PaymentId, QuoteId, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger import Item
from topup.lines.queries import Line, Route, leading, lines_now
from topup.orders import operations
from topup.orders.agents.pricing import Prices, QuoteRow
from topup.orders.agents.tills import Till, alarm, counted, is_low, not_by, tills_of
from topup.orders.ordering import (
    Ordering,
    OrderWanted,
    earlier_top_ups,
    new_order,
    refused,
    top_up_of,
)
from topup.orders.queries import Order, Recent
from topup.orders.quotes import StoredQuote
from topup.orders.settlement import PaidAtOnce, Settlement
from topup.payments.floats import postings, records
from topup.payments.floats.records import Sale
from topup.payments.ports import PaymentFact, PaymentStanding, Scene
from topup.payments.queries import Payment
from topup.payments.states import PaymentState
from topup.people.agents import operations as agents
from topup.platform.database import Connection
from topup.platform.keys import KeyRing
from topup.platform.together import together

CHANNEL: Final = "agent"


@dataclass(frozen=True, slots=True)
class SaleWanted:
    """A product or an amount of credit that an agent sells for a number."""

    agent_id: AgentId
    msisdn: Msisdn
    product: str | None
    amount: Money | None
    confirmations: frozenset[str]
    locale: str


@dataclass(frozen=True, slots=True)
class Sold:
    """A sale as the agent is told of it: `left` is the float after it, `status` the order's."""

    order_id: OrderId
    quote: StoredQuote
    status: str
    price: Money
    commission: Money
    plan: str
    left: Money
    to_submit: bool


@dataclass(slots=True)
class _Flush:
    """Everything this flush will write."""

    sales: list[Sale] = field(default_factory=list)
    paid: list[PaidAtOnce] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Priced:
    """What an agent wants to sell, at its price, and where its number leads."""

    quote: StoredQuote
    row: QuoteRow
    way: Route
    line: Line | None
    asked: OrderWanted
    price: Money


class Selling:
    """The sales of this installation."""

    def __init__(
        self, *, ordering: Ordering, settlement: Settlement, catalogue: CatalogueCache, keys: KeyRing, lanes: int
    ) -> None:
        self._ordering = ordering
        self._settlement = settlement
        self._catalogue = catalogue
        self._keys = keys
        self._lanes = lanes

    async def sell(self, connection: Connection, wanted: Sequence[SaleWanted], now: datetime) -> list[Sold | Problem]:
        """Sell. Refusals: agent_unknown, agent_suspended, agent_currency, agent_daily_limit, float_too_low, and those
        of `Ordering.quote` and `Ordering.order`. Raises LineIsFull as `Settlement.settle` does: then nothing has
        happened.
        """
        priced = await self._all_priced(connection, wanted, now)
        good = [(one.way.lane, one.quote) for one in priced if isinstance(one, _Priced)]
        earlier = await earlier_top_ups(connection, good, now)
        tills = await tills_of(connection, [item.agent_id for item in wanted], now)
        flush = _Flush()
        decided: list[tuple[Sale, Till, int] | Problem] = []
        for item, one in zip(wanted, priced, strict=True):
            till = tills.get(item.agent_id)
            refusal = not_by(till)
            if till is None or refusal is not None or isinstance(one, Problem):
                decided.append(refusal or cast("Problem", one))
                continue
            refusal = refused(one.quote, one.way, one.asked, earlier, now) or till.refusal(one.quote, one.price)
            if refusal is not None:
                decided.append(refusal)
                continue
            earlier.setdefault(top_up_of(one.quote), []).append(Recent(now, one.asked.payer, paid=True))
            decided.append((_take(flush, one, till, now), till, till.left_minor))
        return await self._written(connection, flush, decided, tills, now)

    async def _all_priced(
        self, connection: Connection, wanted: Sequence[SaleWanted], now: datetime
    ) -> list[_Priced | Problem]:
        """Lock the numbers, and price what is wanted for each."""
        snapshot = await self._catalogue.current(connection)
        numbers = [item.msisdn for item in wanted]
        e164s = [number.e164 for number in numbers]
        _, lines = await together(operations.lock_numbers(connection, e164s), lines_now(connection, e164s))
        ways = await leading(connection, numbers, lines, snapshot, lanes=self._lanes)
        prices = Prices(ordering=self._ordering, keys=self._keys, snapshot=snapshot, now=now)
        payers = {one: self._keys.pseudonym(f"agent:{one}") for one in {item.agent_id for item in wanted}}
        return [
            _priced(item, payers[item.agent_id], way, lines.get(item.msisdn.e164), prices)
            for item, way in zip(wanted, ways, strict=True)
        ]

    async def _written(
        self,
        connection: Connection,
        flush: _Flush,
        decided: Sequence[tuple[Sale, Till, int] | Problem],
        tills: Mapping[AgentId, Till],
        now: datetime,
    ) -> list[Sold | Problem]:
        if not flush.paid:
            return [one for one in decided if isinstance(one, Problem)]
        sold = [till for till in tills.values() if till.sales]
        low = [till for till in sold if is_low(till)]
        await records.write(connection, flush.sales, now)
        await agents.count(connection, [counted(till, now) for till in sold])
        if low:
            await alarm(connection, low, now)
        settled = {one.order_id: one for one in await self._settlement.settle_at_once(connection, flush.paid, now)}
        quotes = {one.order.id: one.quote for one in flush.paid}
        answers: list[Sold | Problem] = []
        for one in decided:
            if isinstance(one, Problem):
                answers.append(one)
                continue
            sale, till, left_minor = one
            became = settled[sale.order_id]
            answers.append(
                Sold(
                    order_id=sale.order_id,
                    quote=quotes[sale.order_id],
                    status=became.state.value,
                    price=sale.price,
                    commission=Money(sale.commission_minor, sale.currency),
                    plan=sale.plan,
                    left=Money(left_minor, till.agent.currency),
                    to_submit=became.to_submit,
                )
            )
        return answers


def _priced(item: SaleWanted, payer: bytes, way: Route, line: Line | None, prices: Prices) -> _Priced | Problem:
    try:
        quote = prices.quote(item.msisdn, way, product=item.product, amount=item.amount)
    except Problem as problem:
        return problem
    price = Money(quote.total_minor(postings.METHOD), quote.currency)
    return _Priced(quote, prices.row(quote, way.lane), way, line, _asked(item, payer, quote, way.lane), price)


def _take(flush: _Flush, one: _Priced, till: Till, now: datetime) -> Sale:
    """Write a sale into the flush."""
    if till.bucket_id is None:
        raise RuntimeError("a float that has something has a bucket")
    order = new_order(one.asked, one.quote, one.way.lane, now)
    payment = _payment(order, one.quote, one.price, now)
    sale = Sale(
        lane=order.lane,
        payment_id=payment.id,
        order_id=order.id,
        agent_id=till.agent.id,
        bucket_id=till.bucket_id,
        amount_minor=one.price.amount_minor,
        commission_minor=till.sell(one.quote, one.price),
        currency=one.price.currency,
        plan=till.plan.label if till.plan else "",
        paid_at=now,
    )
    flush.sales.append(sale)
    flush.paid.append(
        PaidAtOnce(
            order=order,
            quote=one.quote,
            row=one.row,
            channel=CHANNEL,
            payer=one.asked.payer,
            payment=payment,
            fact=PaymentFact(payment.id, PaymentStanding.PAID, payment.id, one.price, now),
            line=one.line,
            items=_items(sale),
        )
    )
    return sale


def _asked(item: SaleWanted, payer: bytes, quote: StoredQuote, lane: int) -> OrderWanted:
    return OrderWanted(
        order_id=OrderId(new_id("order", lane)),
        quote_id=QuoteId(quote.id),
        contact=None,
        confirmations=item.confirmations,
        locale=item.locale,
        channel=CHANNEL,
        payer=payer,
    )


def _payment(order: Order, quote: StoredQuote, price: Money, now: datetime) -> Payment:
    return Payment(
        lane=order.lane,
        id=PaymentId(new_id("payment", order.lane)),
        order_id=order.id,
        method=postings.METHOD,
        scene=Scene.UNATTENDED,
        amount_minor=price.amount_minor,
        currency=price.currency,
        fee_minor=quote.fee_minor(postings.METHOD),
        state=PaymentState.STARTING,
        action=None,
        created_at=now,
        expires_at=order.expires_at,
        asked=0,
    )


def _items(sale: Sale) -> list[Item]:
    return postings.sold(
        payment_id=sale.payment_id,
        agent_id=sale.agent_id,
        bucket_id=sale.bucket_id,
        price=sale.price,
        commission_minor=sale.commission_minor,
    )
