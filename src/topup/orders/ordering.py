"""Making quotes and orders, many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NotRequired, TypedDict

from topup.catalogue.pricing import Priced, price
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.fulfilment.own import Given
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.ids import LineId, OrderId, QuoteId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger.queries import Bucket, buckets
from topup.lines.queries import Route, route
from topup.orders import operations, queries
from topup.orders.granting import foresee
from topup.orders.offering import Offered, Offering, Wish
from topup.orders.presentation import new_order_view, order_views
from topup.orders.promising import NotHeld
from topup.orders.queries import Order, QuoteRow, Recent, place_of
from topup.orders.quotes import PAYABLE_FOR, StoredQuote, checked, compose, sign
from topup.orders.states import OrderState
from topup.orders.views import OrderView, QuoteView
from topup.payments.ports import Converts, Gateway
from topup.people.operations import SealedContact, add_contacts
from topup.platform.database import Connection
from topup.platform.guesses import NOBODY, Guesser
from topup.platform.keys import KeyRing
from topup.platform.together import together

DUPLICATE: Final = "duplicate"
LARGE_AMOUNT: Final = "large_amount"


@dataclass(frozen=True, slots=True)
class QuoteWanted:
    """A price asked for: a product or an amount of credit for a number. `sees_balance`: its owner asks, or staff.
    `link`: through which one, and whether the number is that link's. `channel`: where it is asked for, as campaigns
    name that; without one there are no offers. `coupons`: codes as they were typed, by `guesser`; `payer_id`: the
    subscriber who is signed in, who pays with so many `points` at most. `shop`: the one whose counter asks.
    """

    msisdn: Msisdn
    product: str | None
    amount: Money | None
    method: str | None
    sees_balance: bool = False
    link: str | None = None
    hides_number: bool = False
    channel: str | None = None
    coupons: tuple[str, ...] = ()
    payer_id: str | None = None
    guesser: Guesser = NOBODY
    shop: str | None = None
    points: int = 0


class NewOrder(TypedDict):
    """What a channel says of an order it wants. `payer`: whoever is asking, in the channel's words; `payer_id`: the
    subscriber who is signed in.
    """

    order_id: OrderId
    quote_id: str
    contact: str | None
    confirmations: frozenset[str]
    locale: str
    channel: str
    sees_balance: NotRequired[bool]
    payer: NotRequired[str | None]
    payer_id: NotRequired[str | None]


@dataclass(frozen=True, slots=True)
class OrderWanted:
    """An order to be made from a quote, under an id that its caller's key decided. `sees_balance` as in QuoteWanted.

    `payer` tells the caller's own orders from others'; None knows no own ones. `holds`: the quote's offers are held for
    this order.
    """

    order_id: OrderId
    quote_id: str
    contact: SealedContact | None
    confirmations: frozenset[str]
    locale: str
    channel: str
    sees_balance: bool = False
    payer: bytes | None = None
    payer_id: str | None = None
    holds: bool = False


class Ordering:
    """Quotes and orders of this installation; `gateways` are the ways to pay it has."""

    def __init__(
        self,
        *,
        catalogue: CatalogueCache,
        keys: KeyRing,
        lanes: int,
        gateways: Mapping[str, Gateway],
        networks: frozenset[str],
    ) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._lanes = lanes
        self._methods = frozenset(gateways)
        self._converting = {name: one for name, one in gateways.items() if isinstance(one, Converts)}
        self._networks = networks
        self._offering = Offering(keys=keys, lanes=lanes)

    async def quote(
        self, connection: Connection, wanted: Sequence[QuoteWanted], now: datetime
    ) -> list[QuoteView | Problem]:
        """Price, sign and store. Refusals: number_not_served, number_cannot_be_topped_up, method_unknown, those of
        `catalogue.pricing.price`, for who may see the balance those of `granting.foresee`, and Throttled
        `coupons_guessed` for who entered too many codes that do not exist.
        """
        snapshot = await self._catalogue.current(connection)
        routes = await route(connection, [item.msisdn for item in wanted], snapshot, lanes=self._lanes)
        held = await _held(connection, [way for item, way in zip(wanted, routes, strict=True) if item.sees_balance])
        rows = []
        answers: list[QuoteView | Problem] = []
        asked = list(zip(wanted, routes, strict=True))
        offered = await self._offered(connection, asked, snapshot, now)
        for (item, way), found in zip(asked, offered, strict=True):
            try:
                quote = self._composed(item, way, snapshot, found, now)
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

    def _priced(self, item: QuoteWanted, way: Route, snapshot: Snapshot, now: datetime) -> Priced | Problem:
        """The price without offers."""
        try:
            carrier = self.carrier_at(way, snapshot)
            if item.method is not None and item.method not in self._methods:
                raise Invalid("method_unknown")
            return price(carrier, product=item.product, amount=item.amount, now=now)
        except Problem as problem:
            return problem

    async def _offered(
        self, connection: Connection, asked: Sequence[tuple[QuoteWanted, Route]], snapshot: Snapshot, now: datetime
    ) -> list[Offered | Problem]:
        """Each price with its offers."""
        priced = [self._priced(item, way, snapshot, now) for item, way in asked]
        wishes = {
            place: Wish(
                carrier=self.carrier_at(way, snapshot),
                priced=found,
                e164=item.msisdn.e164,
                lane=way.lane,
                product=item.product,
                channel=item.channel,
                coupons=item.coupons,
                payer_id=item.payer_id,
                guesser=item.guesser,
                shop=item.shop,
                spend=item.points,
            )
            for place, ((item, way), found) in enumerate(zip(asked, priced, strict=True))
            if item.channel is not None and not isinstance(found, Problem)
        }
        offered = await self._offering.choose(connection, wishes, now) if wishes else {}
        return [
            found if isinstance(found, Problem) else offered.get(place) or Offered(found)
            for place, found in enumerate(priced)
        ]

    def _composed(
        self, item: QuoteWanted, way: Route, snapshot: Snapshot, offered: Offered | Problem, now: datetime
    ) -> StoredQuote:
        """The quote of a price; raises what is against it."""
        if isinstance(offered, Problem):
            raise offered
        carrier = self.carrier_at(way, snapshot)
        return compose(
            quote_id=QuoteId(new_id("quote", way.lane)),
            msisdn=item.msisdn,
            carrier=carrier,
            priced=offered.priced,
            line_id=way.line.id if way.line else None,
            product=item.product,
            method=item.method,
            rates={name: one.rates(carrier.document.currency, now) for name, one in self._converting.items()},
            now=now,
            link=item.link,
            hides_number=item.hides_number,
            offers=offered.offers,
            persons=offered.persons,
            codes=offered.codes,
            held=offered.held,
            gifts=offered.gifts,
            points=offered.points,
        )

    def carrier_at(self, way: Route, snapshot: Snapshot) -> CarrierVersion:
        """The carrier that would be asked to top up where a number leads. Raises Invalid `number_not_served`,
        `number_cannot_be_topped_up`.
        """
        carrier = snapshot.carrier(way.carrier_id) if way.carrier_id else None
        if carrier is None or (not carrier.is_own_network and carrier.plugin not in self._networks):
            raise Invalid("number_not_served")
        if not _can_be_topped_up(way, opens=carrier.document.opens_lines_on_first_credit, own=carrier.is_own_network):
            raise Invalid("number_cannot_be_topped_up")
        return carrier

    async def order(
        self, connection: Connection, wanted: Sequence[OrderWanted], now: datetime
    ) -> list[OrderView | Problem]:
        """Make orders. Refusals: quote_unknown, quote_altered, quote_expired, quote_used, carrier_changed,
        number_cannot_be_topped_up, confirmation_needed (with the `minutes` since the other top-up where a duplicate is
        asked about that the caller may know of), and for who may see the balance those of `granting.foresee`; last
        NotHeld, where nothing else is against it and its offers are not held. An order that its key made before is
        given again.
        """
        places = [place_of("quote", item.quote_id) for item in wanted]
        rows = await queries.quotes(connection, places)
        quotes = {row.id: _opened(row, self._keys, now) for row in rows.values()}
        good = {identifier: quote for identifier, quote in quotes.items() if isinstance(quote, StoredQuote)}
        await operations.lock_numbers(connection, [quote.msisdn for quote in good.values()])
        used, routes, earlier = await together(
            queries.of_quotes(connection, places),
            self._routes(connection, good),
            earlier_top_ups(connection, [(rows[quote.id].lane, quote) for quote in good.values()], now),
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
                refusal = refused(quote, routes[quote.id], item, earlier, now)
                refusal = refusal or _too_much(quote, routes[quote.id], item, held, now)
                if refusal is None and (quote.offers or quote.points_spent) and not item.holds:
                    refusal = NotHeld(item.order_id, quote, item.payer_id)
                if refusal is None:
                    order = new_order(item, quote, rows[quote.id].lane, now)
                    made.append((order, item.channel, item.payer))
                    contacts += [item.contact] if item.contact else []
                    used[quote.id] = order.id
                    earlier.setdefault(top_up_of(quote), []).append(Recent(now, item.payer, paid=False))
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


def top_up_of(quote: StoredQuote) -> tuple[str, int, str]:
    """What makes two top-ups the same: the number, the face, the currency."""
    return quote.msisdn, quote.face_minor, quote.currency


async def earlier_top_ups(
    connection: Connection, quotes: Sequence[tuple[int, StoredQuote]], now: datetime
) -> dict[tuple[str, int, str], list[Recent]]:
    """The top-ups that each quote (with its lane) would be a duplicate of, as `queries.recent`. One query."""
    wanted = [(lane, *top_up_of(quote), now - timedelta(seconds=quote.duplicate_window_s)) for lane, quote in quotes]
    return await queries.recent(connection, wanted, now) if wanted else {}


def refused(
    quote: StoredQuote,
    way: Route,
    item: OrderWanted,
    earlier: Mapping[tuple[str, int, str], Sequence[Recent]],
    now: datetime,
) -> Problem | None:
    """Why nothing is ordered at this price, where the number leads there now: carrier_changed,
    number_cannot_be_topped_up, confirmation_needed; None where nothing is against it.
    """
    if way.carrier_id != quote.carrier_id:
        return Conflict("carrier_changed")
    line = way.line.id if way.line else None
    if way.barred or (quote.line_id is not None and line != quote.line_id):
        return Invalid("number_cannot_be_topped_up")
    others = earlier.get(top_up_of(quote), ())
    # Staff and keys see all orders; whoever is signed in sees the line they own, and of others' orders the paid ones.
    all_ = item.sees_balance and item.payer_id is None
    own = [other for other in others if all_ or (item.payer is not None and other.payer == item.payer)]
    # What others have not paid is no top-up, and nobody else's to know; when they paid is not either.
    asked = [DUPLICATE] if own or any(other.paid for other in others) else []
    asked += [LARGE_AMOUNT] if quote.large_amount else []
    missing = [confirmation for confirmation in asked if confirmation not in item.confirmations]
    if not missing:
        return None
    if not own or DUPLICATE not in missing:
        return Conflict("confirmation_needed", confirmations=missing)
    # What was paid weighs more than what was begun since.
    told = max(own, key=lambda other: (other.paid, other.at))
    minutes = max(1, int((now - told.at).total_seconds() // 60))
    if told.paid:
        return Conflict("confirmation_needed", confirmations=missing, minutes=minutes)
    return Conflict("confirmation_needed", confirmations=missing, minutes=minutes, unpaid=True)


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


def new_order(item: OrderWanted, quote: StoredQuote, lane: int, now: datetime) -> Order:
    """The order of a quote, which waits for its payment."""
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
        payer_id=item.payer_id,
        holds_offers=bool(quote.offers),
        moves_points=bool(item.payer_id and (quote.points_spent or quote.points_earned)),
    )
