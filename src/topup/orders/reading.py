"""What the desk shows without changing anything: numbers, products, quotes, receipts, balances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from topup.catalogue.queries import CatalogueCache
from topup.catalogue.storefront import products_for
from topup.fulfilment.ports import Carrier
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import LineId, lane_of
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.statements import around
from topup.lines.abroad import Abroad, abroad
from topup.lines.cards.searching import own_number_by_card
from topup.lines.forecasts import LineForecast, forecast_of
from topup.lines.keeping.advice import Advice, advise, line_to_keep
from topup.lines.owners import owns
from topup.lines.queries import LineRef, route
from topup.orders import own_lines, queries, receipts
from topup.orders.accounts import balance_of
from topup.orders.balance_views import BalanceView
from topup.orders.bills import Keeping
from topup.orders.habits import Habit, habit_of
from topup.orders.own_lines import Glance, OwnLine
from topup.orders.own_months import OwnMonth, own_month
from topup.orders.own_quotes import has_line, seen_by
from topup.orders.preference import place_of_method
from topup.orders.presentation import given_back
from topup.orders.queries import Place, QuoteRow, place_of
from topup.orders.quotes import StoredQuote, checked, decoded
from topup.orders.states import OrderState
from topup.orders.views import (
    MethodView,
    NumberView,
    OrderView,
    PayView,
    ProductsView,
    QuoteView,
    ReceiptView,
    VerifiedReceipt,
)
from topup.payments import queries as paid
from topup.payments.demonstrations import Demonstration
from topup.payments.methods.own import Unlisted
from topup.payments.ports import Gateway, Particular, Patient, Personal, Scene, Unfit
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
    keeping: Keeping | None = None
    """Takes the bills that are read; None where nobody keeps them."""
    payers: Mapping[str, Demonstration] = field(default_factory=dict)
    """Of a demonstration: who pays without a browser, by method."""


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

    async def get_quote(self, *, quote_id: str, subscriber_id: str | None = None) -> QuoteView:
        """A quote that was given; for who has its line in their account (`subscriber_id`) in view of what that has.
        Raises NotFound quote_unknown, and for them Conflict line_full, line_nearly_full.
        """
        async with self._parts.database.read() as transaction:
            row = await _quote_row(transaction.connection, place_of("quote", quote_id))
            quote = decoded(row.body)
            return await seen_by(transaction.connection, quote, subscriber_id=subscriber_id, now=transaction.now)

    async def has_line(self, *, subscriber_id: str, number: str) -> bool:
        """Whether the line of a number is in somebody's account. Raises InvalidNumber."""
        msisdn = parse_msisdn(number)
        async with self._parts.database.read() as transaction:
            return await has_line(transaction.connection, subscriber_id=subscriber_id, msisdn=msisdn)

    async def own_card(self, *, subscriber_id: str, text: str) -> str | None:
        """The number (E.164) of somebody's own line whose SIM card has this ICCID or IMSI; None for all others."""
        async with self._parts.database.read() as transaction:
            return await own_number_by_card(transaction.connection, subscriber_id=subscriber_id, text=text)

    async def methods(
        self, *, quote_id: str, scene: Scene = Scene.PHONE, payer_known: bool = False
    ) -> list[MethodView]:
        """The ways to pay a quote, as `orders.preference` orders them; those last that do not take it, with an Unfit
        each. `payer_known`: the channel can say who pays, and that it is them. Raises quote_unknown,
        quote_altered, and quote_expired unless an order that was made of it may still be paid: the order holds the
        price.
        """
        place = place_of("quote", quote_id)
        async with self._parts.database.read() as transaction:
            quote = checked(await _quote_row(transaction.connection, place), self._parts.keys)
            now = transaction.now
            if now >= quote.expires_at and not await _may_be_paid(transaction.connection, place, now):
                raise Conflict("quote_expired")
        views = [
            _method(name, gateway, quote, scene, now, payer_known=payer_known)
            for name, gateway in self._parts.gateways.items()
            if not isinstance(gateway, Unlisted)
        ]
        slow = {name for name, gateway in self._parts.gateways.items() if isinstance(gateway, Patient)}
        return sorted(views, key=lambda view: place_of_method(view, scene, takes_days=view.method in slow))

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
            payment = str(orders[order_id].kept_payment_id)
            of_payment = await paid.refunds_of_payments(transaction.connection, [(place[0], payment)])
        state = orders[order_id].state
        refunds = [step.at for step in steps if step.state == OrderState.REFUNDED.value]
        return receipts.view(
            found[order_id],
            stands=state is OrderState.DELIVERED,
            refunded_at=refunds[-1] if state is OrderState.REFUNDED else None,
            given_back=given_back(of_payment.get(payment, [])),
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

    async def keeping(self, *, number: str, until: date | None) -> Advice:
        """What keeps the number until the end of a day (None: for a year), for its owner or staff. Raises as `balance`,
        and TooFar for the day.
        """
        msisdn = parse_msisdn(number)
        async with self._parts.database.read() as transaction:
            snapshot = await self._parts.catalogue.current(transaction.connection)
            line = await line_to_keep(transaction.connection, msisdn, snapshot, transaction.now)
        return await advise(line, until)

    async def abroad(self, *, number: str) -> Abroad:
        """What a line can do outside its country, and what keeps it meanwhile, for its owner. Raises as `balance`."""
        msisdn = parse_msisdn(number)
        async with self._parts.database.read() as transaction:
            snapshot = await self._parts.catalogue.current(transaction.connection)
            forecast = await forecast_of(transaction.connection, msisdn, snapshot, transaction.now)
            carrier = snapshot.carrier(forecast.carrier_id)
        if carrier is None:
            raise NotFound("line_unknown")
        return abroad(forecast, carrier)

    async def own_line(self, *, number: str) -> OwnLine:
        """All there is to a line, for its owner. Raises as `balance`."""
        msisdn = parse_msisdn(number)
        async with self._parts.database.read() as transaction:
            snapshot = await self._parts.catalogue.current(transaction.connection)
            return await own_lines.own_line(transaction.connection, msisdn, snapshot, transaction.now)

    async def glances(self, *, lines: Sequence[LineRef]) -> dict[LineId, Glance]:
        """Several lines at a glance, for their owner; those that ended are absent."""
        async with self._parts.database.read() as transaction:
            snapshot = await self._parts.catalogue.current(transaction.connection)
            return await own_lines.glances(transaction.connection, lines, snapshot, transaction.now)

    async def own_month(self, *, number: str, first: date | None) -> OwnMonth:
        """The month of a line that begins with `first` (None: the present one), for its owner. Raises as `balance`."""
        msisdn = parse_msisdn(number)
        async with self._parts.database.read() as transaction:
            return await own_month(
                transaction.connection, msisdn, self._parts.catalogue, first=first, now=transaction.now
            )

    async def balance_around(self, *, order: OrderView, subscriber_id: str) -> tuple[Money, Money] | None:
        """The money of an order's line before and after it was credited, for who has that line in their account; None
        for everybody else, and where no money was credited.
        """
        lane = lane_of(order.id)
        async with self._parts.database.read() as transaction:
            connection = transaction.connection
            found = (await around(connection, [(lane, order.id, order.face.currency)])).get(order.id)
            ref = LineRef(lane, found.line_id) if found else None
            if found is None or ref is None or not await owns(connection, subscriber_id=subscriber_id, line=ref):
                return None
        return Money(found.before, order.face.currency), Money(found.after, order.face.currency)

    async def habit(self, *, payer_id: str, number: str) -> Habit:
        """What a subscriber paid last for a number, and how. Raises InvalidNumber."""
        msisdn = parse_msisdn(number)
        async with self._parts.database.read() as transaction:
            return await habit_of(transaction.connection, payer_id=payer_id, e164=msisdn.e164)


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


def unfit_of(gateway: Gateway, amount: Money, scene: Scene, *, payer_known: bool) -> Unfit | None:
    """Why a gateway is not offered for a payment; None where it is."""
    if isinstance(gateway, Personal) and gateway.for_known_payers and not payer_known:
        return Unfit.PAYER
    return gateway.unfit(amount, scene) if isinstance(gateway, Particular) else None


def _method(
    name: str, gateway: Gateway, quote: StoredQuote, scene: Scene, now: datetime, *, payer_known: bool
) -> MethodView:
    total = Money(quote.total_minor(name), quote.currency)
    exchanges = quote.exchanges_of(name) if quote.rates_hold(now) else []
    ways = [PayView(total), *(PayView(exchange.paid, exchange) for exchange in exchanges)]
    unfit = [unfit_of(gateway, way.amount, scene, payer_known=payer_known) for way in ways]
    pay = tuple(way for way, why_not in zip(ways, unfit, strict=True) if why_not is None)
    return MethodView(
        method=name,
        fee=Money(quote.fee_minor(name), quote.currency),
        total=total,
        unavailable=unfit[0].value if unfit[0] and not pay else None,
        pay=pay,
    )
