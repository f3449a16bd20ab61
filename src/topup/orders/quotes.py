"""A signed price: what is stored, and checked again when it is used."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from topup.catalogue.pricing import Grant, Priced
from topup.catalogue.versions import CarrierVersion
from topup.fulfilment.own import Given
from topup.kernel.errors import Conflict
from topup.kernel.exchange import ExchangeRate
from topup.kernel.ids import QuoteId
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import Msisdn
from topup.orders.granting import beside, promised
from topup.orders.offer_views import CodeView, DiscountView, GiftView, HeldView, PointsView
from topup.orders.queries import QuoteRow
from topup.orders.stored_offers import StoredCode, StoredGift, StoredHeld, StoredOffer, StoredPoints
from topup.orders.views import Exchange, QuoteGrant, QuoteLine, QuoteView
from topup.platform.keys import CannotOpen, KeyRing

VALID_FOR: Final = timedelta(minutes=15)
PAYABLE_FOR: Final = timedelta(minutes=15)
"""How long an order waits for its payment, unless that is under way by a method that takes days."""
PURPOSE: Final = "quotes"
MARKED: Final = "marked"
"""In the place of a key's id: see `mark`."""


class StoredLine(msgspec.Struct, frozen=True, array_like=True):
    """A line of the price; `amount_minor` in the quote's currency."""

    type: str
    amount_minor: int
    label: str
    parameters: dict[str, str | dict[str, str]]


class StoredExchange(msgspec.Struct, frozen=True):
    """The whole price, fee included, in another currency, as `kernel.exchange` converts and rounds it."""

    currency: str
    amount_minor: int
    rate: str
    step_minor: int
    source: str
    at: datetime


class StoredQuote(msgspec.Struct, frozen=True):
    """What is signed, to the byte. Stored for ever, so fields are only ever added, with defaults."""

    id: str
    msisdn: str
    country: str
    carrier_id: str
    catalogue_version: int
    names: dict[str, str]
    zone: str
    network: str
    line_id: str | None
    product: str | None
    carrier_product: str
    """What an outside carrier calls it."""
    currency: str
    face_minor: int
    base_minor: int
    """What is paid before the fee of a method."""
    lines: list[StoredLine]
    grants: list[Grant]
    fees: dict[str, int]
    """The fee of each method that has one, minor units: signed, so that no method can cost more later."""
    method: str | None
    large_amount: bool
    duplicate_window_s: int
    created_at: datetime
    expires_at: datetime
    exchanges: dict[str, list[StoredExchange]] = {}
    """What each method that converts takes in other currencies: signed, so that nobody pays more than was shown."""
    link: str | None = None
    """The link it was asked for through."""
    hides_number: bool = False
    """The number is the link's: who opened it is shown it masked."""
    offers: list[StoredOffer] = []
    """What is held when it is ordered, in the order in which it applies."""
    persons: list[str] = []
    """Pseudonyms of who gets the offers, each counted by itself."""
    codes: list[StoredCode] = []
    held: list[StoredHeld] = []
    gifts: list[StoredGift] = []
    """What is held of a shop's stock when it is ordered; each item once."""
    points: StoredPoints | None = None
    """Of who was signed in, where the carrier has points."""

    @property
    def points_spent(self) -> int:
        """Points that pay for it: held when it is ordered."""
        return self.points.spent if self.points else 0

    @property
    def points_earned(self) -> int:
        """Points that come of it once it is delivered."""
        return self.points.earned if self.points else 0

    @property
    def points_view(self) -> PointsView | None:
        """What channels show of them."""
        return self.points.view(self.currency) if self.points else None

    @property
    def holders(self) -> list[str]:
        """The orders that hold what this price lacks."""
        held = [*(one.holders for one in self.codes), *(one.holders for one in self.held)]
        return list(dict.fromkeys(one for some in held for one in some))

    @property
    def delivered_minor(self) -> int:
        """What is bought: the face value without the product fee, minor units."""
        return sum(line.amount_minor for line in self.lines if line.type == "face")

    def fee_minor(self, method: str) -> int:
        """The fee of paying by `method`."""
        return self.fees.get(method, 0)

    def total_minor(self, method: str | None) -> int:
        """The whole price when paid by `method`."""
        return self.base_minor + (self.fee_minor(method) if method else 0)

    def asked(self, method: str, currency: str | None, now: datetime) -> Money | None:
        """What is asked for by `method` in `currency` (None: the price's own); None where that was not quoted, or the
        rate does not hold any more.
        """
        if currency is None or currency == self.currency:
            return Money(self.total_minor(method), self.currency)
        found = self.exchange(method, currency) if self.rates_hold(now) else None
        return found.paid if found else None

    def rates_hold(self, now: datetime) -> bool:
        """Whether a payment may begin at these rates: for as long as an order waits that is paid at once, and not for
        the days that another way to pay may have given it.
        """
        return now < self.expires_at + PAYABLE_FOR

    def exchange(self, method: str, currency: str) -> Exchange | None:
        """How the price by `method` is paid in another currency, where it can be."""
        return next((found for found in self.exchanges_of(method) if found.paid.currency == currency), None)

    def exchanges_of(self, method: str) -> list[Exchange]:
        """The price by `method` in every other currency it can be paid in, as the operator lists them."""
        return [
            Exchange(
                price=Money(self.total_minor(method), self.currency),
                paid=Money(one.amount_minor, one.currency),
                rate=one.rate,
                step=Money(one.step_minor, one.currency),
                source=one.source,
                at=one.at,
            )
            for one in self.exchanges.get(method, ())
        ]

    def lines_for(self, method: str | None) -> tuple[QuoteLine, ...]:
        """The lines of the price when paid by `method`: they add up to its total, product fees apart."""
        lines = [
            QuoteLine(line.type, Money(line.amount_minor, self.currency), line.label, line.parameters)
            for line in self.lines
        ]
        if method and self.fee_minor(method):
            fee = Money(self.fee_minor(method), self.currency)
            lines.append(QuoteLine("payment_fee", fee, "line_payment_fee", {"method": method}))
        return tuple(lines)

    @property
    def is_own_network(self) -> bool:
        """Whether the line to credit is of our own network."""
        return self.network == "own"

    def grants_view(self, given: Sequence[Given] | None = None) -> tuple[QuoteGrant, ...]:
        """What the line will get; `given` in view of what it has, where its reader may know that."""
        return promised(self.grants, own=self.is_own_network) if given is None else beside(self.grants, given)

    @property
    def gifts_view(self) -> tuple[GiftView, ...]:
        """What is handed over with it, or sent."""
        return tuple(GiftView(one.sku, one.names, one.quantity, one.shop, one.until, one.is_sent) for one in self.gifts)

    def view(self, *, now: datetime, given: Sequence[Given] | None = None, own: Collection[str] = ()) -> QuoteView:
        """The quote as channels show it at `now`; `own` are the reader's own unpaid orders of its `holders`."""
        return QuoteView(
            id=QuoteId(self.id),
            msisdn=Msisdn(self.msisdn, self.country),
            carrier_id=self.carrier_id,
            carrier_names=self.names,
            catalogue_version=self.catalogue_version,
            product=self.product,
            face=Money(self.face_minor, self.currency),
            lines=self.lines_for(self.method),
            grants=self.grants_view(given),
            payment_method=self.method,
            total=Money(self.total_minor(self.method), self.currency),
            zone=self.zone,
            created_at=self.created_at,
            expires_at=self.expires_at,
            expired=now >= self.expires_at,
            link=self.link,
            hides_number=self.hides_number,
            discounts=tuple(
                DiscountView(one.campaign, one.names, Money(one.off_minor, self.currency)) for one in self.offers
            ),
            gifts=self.gifts_view,
            codes=tuple(
                CodeView(one.shown, one.reason, one.said, one.names, _first(one.holders, own)) for one in self.codes
            ),
            held=tuple(
                HeldView(one.campaign, one.reason, one.said, one.names, _first(one.holders, own)) for one in self.held
            ),
            points=self.points_view,
        )


def _first(holders: Sequence[str], own: Collection[str]) -> str | None:
    return next((one for one in holders if one in own), None)


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(StoredQuote)


def compose(
    *,
    quote_id: QuoteId,
    msisdn: Msisdn,
    carrier: CarrierVersion,
    priced: Priced,
    line_id: str | None,
    product: str | None,
    method: str | None,
    rates: Mapping[str, Sequence[ExchangeRate]],
    now: datetime,
    link: str | None = None,
    hides_number: bool = False,
    offers: Sequence[StoredOffer] = (),
    persons: Sequence[str] = (),
    codes: Sequence[StoredCode] = (),
    held: Sequence[StoredHeld] = (),
    gifts: Sequence[StoredGift] = (),
    points: StoredPoints | None = None,
) -> StoredQuote:
    """The quote of a price that was just worked out; `rates` are those of each method that converts."""
    document = carrier.document
    threshold = document.confirmation.large_amount_minor
    base = priced.total_before_fee
    return StoredQuote(
        id=quote_id,
        msisdn=msisdn.e164,
        country=msisdn.country,
        carrier_id=carrier.carrier_id,
        catalogue_version=carrier.version,
        names=dict(document.names),
        zone=document.time_zone,
        network=document.network,
        line_id=line_id,
        product=product,
        carrier_product=priced.carrier_product,
        currency=document.currency,
        face_minor=priced.face.amount_minor,
        base_minor=base.amount_minor,
        lines=[
            StoredLine(line.type, line.amount.amount_minor, line.label_id, dict(line.parameters))
            for line in priced.lines
        ],
        grants=list(priced.grants),
        fees={name: fee for name, fee in priced.fees.items() if fee},
        method=method,
        large_amount=threshold is not None and base.amount_minor >= threshold,
        duplicate_window_s=document.confirmation.duplicate_window_s,
        created_at=now,
        expires_at=now + VALID_FOR,
        exchanges={
            name: _exchanged(base + Money(priced.fees.get(name, 0), base.currency), found)
            for name, found in rates.items()
            if found
        },
        link=link,
        hides_number=hides_number,
        offers=list(offers),
        persons=list(persons) if offers else [],
        codes=list(codes),
        held=list(held),
        gifts=list(gifts),
        points=points,
    )


def _exchanged(price: Money, rates: Sequence[ExchangeRate]) -> list[StoredExchange]:
    """The price in each other currency; those in which it would be too much to write down are left out."""
    found = []
    for rate in rates:
        try:
            paid = rate.convert(price)
        except InvalidMoney:
            continue
        found.append(
            StoredExchange(paid.currency, paid.amount_minor, f"{rate.rate:f}", rate.step_minor, rate.source, rate.at)
        )
    return found


def sign(quote: StoredQuote, keys: KeyRing) -> tuple[str, str, bytes]:
    """The quote's body, the id of the key, and the signature (Ed25519 over the body's bytes)."""
    body = _encoder.encode(quote)
    kid, signature = keys.sign(PURPOSE, body)
    return body.decode(), kid, signature


def mark(quote: StoredQuote, keys: KeyRing) -> tuple[str, str, bytes]:
    """As `sign`, for a quote that is used up in the transaction it is made in, and is nobody's to show: body, MARKED,
    and an empty sealing that is bound to the body. Only our own data keys make or check it, in a fifth of the time; an
    edited body shows as it does beside a signature.
    """
    body = _encoder.encode(quote).decode()
    return body, MARKED, keys.seal(b"", _bound(body))


def opened(body: str, kid: str, signature: bytes, keys: KeyRing) -> StoredQuote:
    """The quote after its signature, or its mark, held; raises Conflict `quote_altered`: nothing may follow from it."""
    if not _holds(body, kid, bytes(signature), keys):
        raise Conflict("quote_altered")
    return decoded(body)


def _holds(body: str, kid: str, signature: bytes, keys: KeyRing) -> bool:
    if kid != MARKED:
        return keys.verify(PURPOSE, kid, signature, body.encode())
    try:
        return keys.unseal(signature, _bound(body)) == b""
    except CannotOpen:
        return False


def _bound(body: str) -> str:
    return f"{PURPOSE}:{body}"


def checked(row: QuoteRow, keys: KeyRing) -> StoredQuote:
    """The quote of a row; raises Conflict `quote_altered` where it was not signed, or signed and put in the place of
    another.
    """
    quote = opened(row.body, row.kid, row.signature, keys)
    if quote.id != row.id:
        raise Conflict("quote_altered")
    return quote


def decoded(body: str) -> StoredQuote:
    """A quote to show, without checking its signature."""
    return _decoder.decode(body)
