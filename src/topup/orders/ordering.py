"""Making quotes and orders, many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NotRequired, TypedDict

from topup.catalogue.pricing import price
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.fulfilment.own import Given
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.ids import LineId, OrderId, QuoteId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger.queries import Bucket, buckets
from topup.lines.queries import Route, route
from topup.orders import operations, queries
from topup.orders.granting import foresee
from topup.orders.presentation import new_order_view, order_views
from topup.orders.queries import Order, QuoteRow, Recent, place_of
from topup.orders.quotes import StoredQuote, checked, compose, sign
from topup.orders.states import OrderState
from topup.orders.views import OrderView, QuoteView
from topup.people.operations import SealedContact, add_contacts
from topup.platform.database import Connection
from topup.platform.keys import KeyRing
from topup.platform.together import together

PAYABLE_FOR: Final = timedelta(minutes=15)
"""How long an order waits for its payment."""

DUPLICATE: Final = "duplicate"
LARGE_AMOUNT: Final = "large_amount"


@dataclass(frozen=True, slots=True)
class QuoteWanted:
    """A price asked for: a product or an amount of credit for a number. `sees_balance`: its owner asks, or staff."""

    msisdn: Msisdn
    product: str | None
    amount: Money | None
    method: str | None
    sees_balance: bool = False


class NewOrder(TypedDict):
    """What a channel says of an order it wants. `payer`: whoever is asking, in the channel's words."""

    order_id: OrderId
    quote_id: str
    contact: str | None
    confirmations: frozenset[str]
    locale: str
    channel: str
    sees_balance: NotRequired[bool]
    payer: NotRequired[str | None]


@dataclass(frozen=True, slots=True)
class OrderWanted:
    """An order to be made from a quote, under an id that its caller's key decided. `sees_balance` as in QuoteWanted.

    `payer` tells the caller's own orders from others'; None knows no own ones.
    """

    order_id: OrderId
    quote_id: str
    contact: SealedContact | None
    confirmations: frozenset[str]
    locale: str
    channel: str
    sees_balance: bool = False
    payer: bytes | None = None


class Ordering:
    """Quotes and orders of this installation; `methods` are the ways to pay it has."""

    def __init__(
        self, *, catalogue: CatalogueCache, keys: KeyRing, lanes: int, methods: frozenset[str], networks: frozenset[str]
    ) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._lanes = lanes
        self._methods = methods
        self._networks = networks

    async def quote(
        self, connection: Connection, wanted: Sequence[QuoteWanted], now: datetime
    ) -> list[QuoteView | Problem]:
        """Price, sign and store. Refusals: number_not_served, number_cannot_be_topped_up, method_unknown, those of
        `catalogue.pricing.price`, and for who may see the balance those of `granting.foresee`.
        """
        snapshot = await self._catalogue.current(connection)
        routes = await route(connection, [item.msisdn for item in wanted], snapshot, lanes=self._lanes)
        held = await _held(connection, [way for item, way in zip(wanted, routes, strict=True) if item.sees_balance])
        rows = []
        answers: list[QuoteView | Problem] = []
        for item, way in zip(wanted, routes, strict=True):
            try:
                quote = self._compose(item, way, snapshot, now)
                given = _foreseen(quote, way, held, now) if item.sees_balance else None
            except Problem as problem:
                answers.append(problem)
                continue
            body, kid, signature = sign(quote, self._keys)
            rows.append((way.lane, quote.id, body, kid, signature, quote.expires_at))
            answers.append(quote.view(now=now, given=given))
        if rows:
            await operations.store_quotes(connection, rows)
        return answers

    def _compose(self, item: QuoteWanted, way: Route, snapshot: Snapshot, now: datetime) -> StoredQuote:
        carrier = snapshot.carrier(way.carrier_id) if way.carrier_id else None
        if carrier is None or (not carrier.is_own_network and carrier.plugin not in self._networks):
            raise Invalid("number_not_served")
        if not _can_be_topped_up(way, opens=carrier.document.opens_lines_on_first_credit, own=carrier.is_own_network):
            raise Invalid("number_cannot_be_topped_up")
        if item.method is not None and item.method not in self._methods:
            raise Invalid("method_unknown")
        return compose(
            quote_id=QuoteId(new_id("quote", way.lane)),
            msisdn=item.msisdn,
            carrier=carrier,
            priced=price(carrier, product=item.product, amount=item.amount, now=now),
            line_id=way.line.id if way.line else None,
            product=item.product,
            method=item.method,
            now=now,
        )

    async def order(
        self, connection: Connection, wanted: Sequence[OrderWanted], now: datetime
    ) -> list[OrderView | Problem]:
        """Make orders. Refusals: quote_unknown, quote_altered, quote_expired, quote_used, carrier_changed,
        number_cannot_be_topped_up, confirmation_needed (with the `minutes` since the other top-up where a duplicate is
        asked about that the caller may know of), and for who may see the balance those of `granting.foresee`. An order
        that its key made before is given again.
        """
        places = [place_of("quote", item.quote_id) for item in wanted]
        rows = await queries.quotes(connection, places)
        quotes = {row.id: _opened(row, self._keys, now) for row in rows.values()}
        good = {identifier: quote for identifier, quote in quotes.items() if isinstance(quote, StoredQuote)}
        await operations.lock_numbers(connection, [quote.msisdn for quote in good.values()])
        used, routes, earlier = await together(
            queries.of_quotes(connection, places),
            self._routes(connection, good),
            _earlier(connection, good, rows, now),
        )
        mine = [(lane_of(item.order_id), item.order_id) for item in wanted if used.get(item.quote_id) == item.order_id]
        repeated = await order_views(connection, mine)
        seen = {item.quote_id for item in wanted if item.sees_balance}
        held = await _held(connection, [way for identifier, way in routes.items() if identifier in seen])
        made: list[tuple[Order, str, bytes | None]] = []
        contacts: list[SealedContact] = []
        answers: list[OrderView | Problem] = []
        for item in wanted:
            quote = quotes.get(item.quote_id) or NotFound("quote_unknown")
            if isinstance(quote, StoredQuote) and item.quote_id not in used:
                refusal = _refusal(quote, routes[quote.id], item, earlier, now)
                refusal = refusal or _too_much(quote, routes[quote.id], item, held, now)
                if refusal is None:
                    order = _order(item, quote, rows[quote.id].lane, now)
                    made.append((order, item.channel, item.payer))
                    contacts += [item.contact] if item.contact else []
                    used[quote.id] = order.id
                    earlier.setdefault(_topup(quote), []).append(Recent(now, item.payer, paid=False))
                    answers.append(new_order_view(order, quote))
                else:
                    answers.append(refusal)
            elif item.quote_id not in used:
                answers.append(quote if isinstance(quote, Problem) else NotFound("quote_unknown"))
            else:
                answers.append(repeated.get(item.order_id) or Conflict("quote_used"))
        await together(add_contacts(connection, contacts, now), operations.create(connection, made, now))
        return answers

    async def _routes(self, connection: Connection, quotes: Mapping[str, StoredQuote]) -> dict[str, Route]:
        if not quotes:
            return {}
        snapshot = await self._catalogue.current(connection)
        numbers = [Msisdn(quote.msisdn, quote.country) for quote in quotes.values()]
        found = await route(connection, numbers, snapshot, lanes=self._lanes)
        return dict(zip(quotes, found, strict=True))


def _can_be_topped_up(way: Route, *, opens: bool, own: bool) -> bool:
    """Nonexistent, barred and recycled numbers are refused alike."""
    return not way.barred and (way.line is not None or opens or not own)


def _opened(row: QuoteRow, keys: KeyRing, now: datetime) -> StoredQuote | Problem:
    try:
        quote = checked(row, keys)
    except Problem as problem:
        return problem
    return Conflict("quote_expired") if now >= quote.expires_at else quote


def _topup(quote: StoredQuote) -> tuple[str, int, str]:
    return quote.msisdn, quote.face_minor, quote.currency


async def _earlier(
    connection: Connection, quotes: Mapping[str, StoredQuote], rows: Mapping[str, QuoteRow], now: datetime
) -> dict[tuple[str, int, str], list[Recent]]:
    wanted = [
        (rows[identifier].lane, *_topup(quote), now - timedelta(seconds=quote.duplicate_window_s))
        for identifier, quote in quotes.items()
    ]
    return await queries.recent(connection, wanted, now) if wanted else {}


def _refusal(
    quote: StoredQuote,
    way: Route,
    item: OrderWanted,
    earlier: Mapping[tuple[str, int, str], Sequence[Recent]],
    now: datetime,
) -> Problem | None:
    if way.carrier_id != quote.carrier_id:
        return Conflict("carrier_changed")
    line = way.line.id if way.line else None
    if way.barred or (quote.line_id is not None and line != quote.line_id):
        return Invalid("number_cannot_be_topped_up")
    others = earlier.get(_topup(quote), ())
    own = [other.at for other in others if item.sees_balance or (item.payer is not None and other.payer == item.payer)]
    # What others have not paid is no top-up, and nobody else's to know; when they paid is not either.
    asked = [DUPLICATE] if own or any(other.paid for other in others) else []
    asked += [LARGE_AMOUNT] if quote.large_amount else []
    missing = [confirmation for confirmation in asked if confirmation not in item.confirmations]
    if not missing:
        return None
    if not own or DUPLICATE not in missing:
        return Conflict("confirmation_needed", confirmations=missing)
    minutes = max(1, int((now - max(own)).total_seconds() // 60))
    return Conflict("confirmation_needed", confirmations=missing, minutes=minutes)


async def _held(connection: Connection, ways: Sequence[Route]) -> Mapping[LineId, Sequence[Bucket]]:
    lines = [way.line.id for way in ways if way.line]
    return await buckets(connection, lines) if lines else {}


def _foreseen(
    quote: StoredQuote, way: Route, held: Mapping[LineId, Sequence[Bucket]], now: datetime
) -> list[Given] | None:
    """What the line would get as it is now; None for a line of another network. Raises as `granting.foresee`."""
    if not quote.is_own_network:
        return None
    return foresee(quote.grants, held.get(way.line.id, ()) if way.line else (), now)


def _too_much(
    quote: StoredQuote, way: Route, item: OrderWanted, held: Mapping[LineId, Sequence[Bucket]], now: datetime
) -> Problem | None:
    if not item.sees_balance:
        return None
    try:
        _foreseen(quote, way, held, now)
    except Conflict as refusal:
        return refusal
    return None


def _order(item: OrderWanted, quote: StoredQuote, lane: int, now: datetime) -> Order:
    return Order(
        lane=lane,
        id=item.order_id,
        quote_id=QuoteId(quote.id),
        msisdn=quote.msisdn,
        carrier_id=quote.carrier_id,
        currency=quote.currency,
        face_minor=quote.face_minor,
        state=OrderState.AWAITING_PAYMENT,
        created_at=now,
        expires_at=now + PAYABLE_FOR,
        closed_at=None,
        kept_payment_id=None,
        contact_id=item.contact.id if item.contact else None,
        locale=item.locale,
    )
