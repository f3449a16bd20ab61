"""What the desk shows without changing anything: numbers, products, quotes, receipts, balances."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.catalogue.queries import CatalogueCache
from topup.catalogue.storefront import products_for
from topup.fulfilment.ports import Carrier
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines.forecasts import LineForecast, forecast_of
from topup.lines.queries import route
from topup.orders import queries, receipts
from topup.orders.accounts import balance_of
from topup.orders.queries import Place, QuoteRow, place_of
from topup.orders.quotes import checked, decoded
from topup.orders.states import OrderState
from topup.orders.views import (
    BalanceView,
    MethodView,
    NumberView,
    ProductsView,
    QuoteView,
    ReceiptView,
    VerifiedReceipt,
)
from topup.payments.ports import Gateway
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Parts:
    """What a desk is made of. `public_url` is how the outside reaches us, without a slash at its end."""

    database: Database
    catalogue: CatalogueCache
    keys: KeyRing
    lanes: int
    gateways: Mapping[str, Gateway]
    carriers: Mapping[str, Carrier]
    public_url: str


class Reading:
    """The reading half of the desk."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def number(self, *, text: str) -> NumberView:
        """The number as people write it, and the carrier that serves it today; the same for numbers with and without a
        line. Raises the refusals of `parse_msisdn`, and number_not_served.
        """
        return (await self.products(text=text)).number

    async def products(self, *, text: str) -> ProductsView:
        """Everything on offer for a number. Raises as `number`."""
        msisdn = parse_msisdn(text)
        async with self._parts.database.read() as transaction:
            snapshot = await self._parts.catalogue.current(transaction.connection)
            (way,) = await route(transaction.connection, [msisdn], snapshot, lanes=self._parts.lanes)
        carrier = snapshot.carrier(way.carrier_id) if way.carrier_id else None
        if carrier is None or (not carrier.is_own_network and carrier.plugin not in self._parts.carriers):
            raise Invalid("number_not_served")
        document = carrier.document
        number = NumberView(msisdn, carrier.carrier_id, document.names, document.currency, document.time_zone)
        return ProductsView(number, tuple(products_for(carrier)))

    async def get_quote(self, *, quote_id: str) -> QuoteView:
        """A quote that was given; raises NotFound quote_unknown."""
        async with self._parts.database.read() as transaction:
            row = await _quote_row(transaction.connection, place_of("quote", quote_id))
            return decoded(row.body).view(now=transaction.now)

    async def methods(self, *, quote_id: str) -> list[MethodView]:
        """The ways to pay a quote, cheapest first. Raises quote_unknown, quote_altered, and quote_expired unless an
        order that was made of it may still be paid: the order holds the price.
        """
        place = place_of("quote", quote_id)
        async with self._parts.database.read() as transaction:
            quote = checked(await _quote_row(transaction.connection, place), self._parts.keys)
            now = transaction.now
            if now >= quote.expires_at and not await _may_be_paid(transaction.connection, place, now):
                raise Conflict("quote_expired")
        views = [
            MethodView(
                method=method,
                fee=Money(quote.fee_minor(method), quote.currency),
                total=Money(quote.total_minor(method), quote.currency),
                unavailable=None,
            )
            for method in self._parts.gateways
        ]
        return sorted(views, key=lambda view: (view.total.amount_minor, view.method))

    async def receipt(self, *, order_id: str) -> ReceiptView:
        """The receipt of an order that was delivered, and whether that still holds; raises order_unknown,
        receipt_not_yet.
        """
        place = place_of("order", order_id)
        async with self._parts.database.read() as transaction:
            orders = await queries.orders(transaction.connection, [place])
            if not orders:
                raise NotFound("order_unknown")
            found = await queries.receipts(transaction.connection, [place])
            if not found:
                raise NotFound("receipt_not_yet")
            steps = (await queries.history(transaction.connection, [place])).get(order_id, [])
        state = orders[order_id].state
        refunds = [step.at for step in steps if step.state == OrderState.REFUNDED.value]
        return receipts.view(
            found[order_id],
            stands=state is OrderState.DELIVERED,
            refunded_at=refunds[-1] if state is OrderState.REFUNDED else None,
        )

    async def verify_receipt(self, *, token: str) -> VerifiedReceipt:
        """What a receipt's QR proves, and whether our books agree. Never raises for a false one."""
        proven = receipts.proven(token, self._parts.keys)
        place = receipts.parse_receipt_number(proven.number) if proven else None
        if proven is None or place is None:
            return _NOT_GENUINE
        lane, year, number = place
        async with self._parts.database.read() as transaction:
            row = await queries.receipt_numbered(transaction.connection, lane=lane, year=year, number=number)
            if row is None or receipts.digest_of(row.body) != proven.digest:
                return _NOT_GENUINE
            orders = await queries.orders(transaction.connection, [(lane, row.order_id)])
        body = receipts.view(row).body
        return VerifiedReceipt(
            genuine=True,
            number=proven.number,
            masked_msisdn=proven.masked_msisdn,
            total=proven.total,
            issued_at=proven.issued_at,
            carrier_names=body.carrier_names,
            order_status=orders[row.order_id].state.value,
            zone=body.zone,
        )

    async def balance(self, *, number: str) -> BalanceView:
        """What the line of a number has, for its owner or staff. Raises as `number`, and line_unknown."""
        msisdn = parse_msisdn(number)
        async with self._parts.database.read() as transaction:
            snapshot = await self._parts.catalogue.current(transaction.connection)
            return await balance_of(transaction.connection, msisdn, snapshot, transaction.now)

    async def line(self, *, number: str) -> LineForecast:
        """How the line of a number stands, and what will become of it, for its owner or staff. Raises as `balance`."""
        msisdn = parse_msisdn(number)
        async with self._parts.database.read() as transaction:
            snapshot = await self._parts.catalogue.current(transaction.connection)
            return await forecast_of(transaction.connection, msisdn, snapshot, transaction.now)


async def _quote_row(connection: Connection, place: Place) -> QuoteRow:
    found = await queries.quotes(connection, [place])
    if not found:
        raise NotFound("quote_unknown")
    return found[place[1]]


async def _may_be_paid(connection: Connection, quote: Place, now: datetime) -> bool:
    """Whether an order was made of this quote and waits for its payment."""
    lane, _ = quote
    made = await queries.of_quotes(connection, [quote])
    orders = await queries.orders(connection, [(lane, identifier) for identifier in made.values()])
    return any(order.state is OrderState.AWAITING_PAYMENT and now < order.expires_at for order in orders.values())


_NOT_GENUINE: Final = VerifiedReceipt(
    genuine=False,
    number=None,
    masked_msisdn=None,
    total=None,
    issued_at=None,
    carrier_names={},
    order_status=None,
    zone=None,
)
