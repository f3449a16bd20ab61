"""What is sold at counters: which order was made at which till, by whom, and how far each came.

A sale is written down with its price, before there is an order: so whoever loses the connection half-way finds it
again, whatever had become of it. One that was begun elsewhere and is only paid here is `continued`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import lane_of
from topup.kernel.money import Money
from topup.orders import queries
from topup.orders.presentation import order_views
from topup.orders.queries import Place, place_of
from topup.orders.quotes import decoded
from topup.orders.states import OrderState
from topup.orders.views import OrderView, QuoteView
from topup.payments import queries as paid
from topup.payments.cash import records
from topup.payments.cash.records import Session, Taking
from topup.platform.arrays import selected
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.work import trail

CHANNEL: Final = "counter"
MOST_IN_A_REPORT: Final = 5_000
"""Sales of one session that a report adds up."""
_OVER: Final = frozenset({OrderState.EXPIRED, OrderState.CANCELLED, OrderState.DELIVERED, OrderState.REFUNDED})
_BEFORE_SALE = crash_label("counter_sales.begin.before_commit")
_AFTER_SALE = crash_label("counter_sales.begin.after_commit")

_BEGIN = """
INSERT INTO orders.counter_sales (lane, quote_id, session_id, till, shop, staff_id, continued, at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (lane, quote_id) DO UPDATE SET session_id = excluded.session_id, till = excluded.till,
    shop = excluded.shop, staff_id = excluded.staff_id WHERE counter_sales.continued
RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale as its row is. `continued`: the order was made elsewhere, and is only paid here."""

    lane: int
    quote_id: str
    session_id: str
    till: str
    shop: str
    staff_id: str
    continued: bool
    at: datetime


_SALE: Final = selected(Sale, "s")
_ONE: Final = f"SELECT {_SALE} FROM orders.counter_sales s WHERE lane = %s AND quote_id = %s"
_OF_SESSION: Final = f"""
SELECT {_SALE} FROM orders.counter_sales s WHERE session_id = %s ORDER BY at DESC, quote_id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class SaleView:
    """A sale with all that became of it. `taking` is the cash of it, where there is some."""

    sale: Sale
    quote: QuoteView
    order: OrderView | None
    taking: Taking | None

    @property
    def open(self) -> bool:
        """Whether something is still to be done, or under way: an order that is neither over nor given up."""
        return self.order is not None and self.order.status not in _OVER

    @property
    def hides_number(self) -> bool:
        """Whether who pays here is not who ordered, or not to read the number: they are told the price, no more."""
        return self.sale.continued or self.quote.hides_number

    @property
    def shown_number(self) -> str:
        """The number as it may be read at this counter."""
        return self.quote.msisdn.masked() if self.hides_number else self.quote.msisdn.grouped()

    @property
    def change(self) -> Money | None:
        """What was to be handed back of the cash that was taken."""
        taking = self.taking
        if taking is None or taking.state != "taken" or taking.change_minor is None:
            return None
        return Money(taking.change_minor, taking.amount.currency)

    @property
    def tendered(self) -> Money | None:
        """The cash that was taken in."""
        taking = self.taking
        if taking is None or taking.state != "taken" or taking.tendered_minor is None:
            return None
        return Money(taking.tendered_minor, taking.amount.currency)


@dataclass(frozen=True, slots=True)
class Sold:
    """What was sold at a till by one way to pay."""

    method: str
    sales: int
    amount: Money


class CounterSales:
    """The sales of this installation's counters."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def begin(self, *, quote_id: str, session: Session, by: str, continued: bool = False) -> None:
        """Write a sale down, in the hands of who keeps a till, and in the trail; again, it changes nothing but whose
        hands those are of one that is continued, which must wait for its payment. Raises quote_unknown, order_unknown,
        order_not_payable.
        """
        lane, _ = place_of("quote", quote_id)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            if continued:
                await _check_waits(connection, (lane, quote_id))
            before = await _sale(connection, (lane, quote_id), lock=True)
            row = (lane, quote_id, session.id, session.till, session.shop, by, continued, now)
            cursor = await connection.execute(_BEGIN, row)
            after = {"state": "continued" if continued else "quoted", "kept_by": by, "session": session.id}
            said = trail.change(_hands(before) if before else None, after)
            if await cursor.fetchone() is not None and said["before"] != said["after"]:
                facts = {"till": session.till, **said}
                await trail.write(connection, actor=by, action="sale.begun", subject=quote_id, facts=facts, now=now)
            crash_point(_BEFORE_SALE)
        crash_point(_AFTER_SALE)

    async def one(self, *, quote_id: str) -> SaleView:
        """A sale as it stands; raises NotFound `quote_unknown`."""
        place = place_of("quote", quote_id)
        async with self._database.read() as transaction:
            connection = transaction.connection
            found = await _sale(connection, place)
            if found is None:
                raise NotFound("quote_unknown")
            [view] = await _views(connection, [found], transaction.now)
            return view

    async def of_session(self, *, session_id: str, limit: int) -> list[SaleView]:
        """The latest sales of a till as it is kept, the newest first."""
        async with self._database.read() as transaction:
            sales = await _of_session(transaction.connection, session_id, limit)
            return await _views(transaction.connection, sales, transaction.now)


async def _sale(connection: Connection, place: Place, *, lock: bool = False) -> Sale | None:
    async with connection.cursor(row_factory=args_row(Sale)) as cursor:
        await cursor.execute(_ONE + (" FOR UPDATE" if lock else ""), place)
        return await cursor.fetchone()


def _hands(sale: Sale) -> dict[str, object]:
    """A sale in the trail: whose hands it is in."""
    state = "continued" if sale.continued else "quoted"
    return {"state": state, "kept_by": sale.staff_id, "session": sale.session_id}


async def _check_waits(connection: Connection, quote: Place) -> None:
    """That the order of a quote waits for its payment, and does so until this transaction ends."""
    made = await queries.of_quotes(connection, [quote])
    order = next(iter((await queries.locked(connection, [(quote[0], id_) for id_ in made.values()])).values()), None)
    if order is None:
        raise NotFound("order_unknown")
    if order.state is not OrderState.AWAITING_PAYMENT:
        raise Conflict("order_not_payable", status=order.state.value)


async def sold_by_method(connection: Connection, session_id: str) -> list[Sold]:
    """What was sold in a session by each way to pay, of what is paid for."""
    orders = await _orders_of(connection, session_id)
    places = [(order.lane, str(order.kept_payment_id)) for order in orders if order.kept_payment_id]
    payments = await paid.payments(connection, places) if places else {}
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for payment in payments.values():
        sums[payment.method, payment.currency].append(payment.amount_minor)
    return [
        Sold(method, len(amounts), Money(sum(amounts), currency))
        for (method, currency), amounts in sorted(sums.items())
    ]


async def still_waiting(connection: Connection, session_id: str) -> int:
    """How many orders of a session wait for their payment."""
    orders = await _orders_of(connection, session_id)
    return sum(order.state is OrderState.AWAITING_PAYMENT for order in orders)


async def _orders_of(connection: Connection, session_id: str) -> list[queries.Order]:
    sales = await _of_session(connection, session_id, MOST_IN_A_REPORT)
    if not sales:
        return []
    made = await queries.of_quotes(connection, [(sale.lane, sale.quote_id) for sale in sales])
    places = [(lane_of(order_id), order_id) for order_id in made.values()]
    return list((await queries.orders(connection, places)).values()) if places else []


async def _of_session(connection: Connection, session_id: str, limit: int) -> list[Sale]:
    async with connection.cursor(row_factory=args_row(Sale)) as cursor:
        await cursor.execute(_OF_SESSION, (session_id, limit))
        return await cursor.fetchall()


async def _views(connection: Connection, sales: Sequence[Sale], now: datetime) -> list[SaleView]:
    if not sales:
        return []
    places = [(sale.lane, sale.quote_id) for sale in sales]
    quotes = await queries.quotes(connection, places)
    made = await queries.of_quotes(connection, places)
    orders = await order_views(connection, [(lane_of(order_id), order_id) for order_id in made.values()])
    cash = [
        (lane_of(payment.id), str(payment.id))
        for order in orders.values()
        for payment in order.payments
        if payment.method == "cash"
    ]
    takings = await records.BOOK.payments_of(connection, cash)
    found = []
    for sale in sales:
        order = orders.get(made.get(sale.quote_id, ""))
        taken = [takings[payment.id] for payment in order.payments if payment.id in takings] if order else []
        best = next((one for one in taken if one.state == "taken"), None)
        quote = decoded(quotes[sale.quote_id].body).view(now=now)
        found.append(SaleView(sale, quote, order, best))
    return found
