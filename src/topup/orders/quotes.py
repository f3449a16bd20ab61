"""A signed price: what is stored, and checked again when it is used."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from topup.catalogue.pricing import Grant, Priced
from topup.catalogue.versions import CarrierVersion
from topup.fulfilment.own import Given
from topup.kernel.errors import Conflict
from topup.kernel.ids import QuoteId
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.orders.granting import beside, promised
from topup.orders.queries import QuoteRow
from topup.orders.views import QuoteGrant, QuoteLine, QuoteView
from topup.platform.keys import KeyRing

VALID_FOR: Final = timedelta(minutes=15)
PURPOSE: Final = "quotes"


class StoredLine(msgspec.Struct, frozen=True, array_like=True):
    """A line of the price; `amount_minor` in the quote's currency."""

    type: str
    amount_minor: int
    label: str
    parameters: dict[str, str | dict[str, str]]


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

    def view(self, *, now: datetime, given: Sequence[Given] | None = None) -> QuoteView:
        """The quote as channels show it at `now`."""
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
        )


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
    now: datetime,
) -> StoredQuote:
    """The quote of a price that was just worked out."""
    document = carrier.document
    threshold = document.confirmation.large_amount_minor
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
        base_minor=priced.total_before_fee.amount_minor,
        lines=[
            StoredLine(line.type, line.amount.amount_minor, line.label_id, dict(line.parameters))
            for line in priced.lines
        ],
        grants=list(priced.grants),
        fees={name: fee for name, fee in priced.fees.items() if fee},
        method=method,
        large_amount=threshold is not None and priced.total_before_fee.amount_minor >= threshold,
        duplicate_window_s=document.confirmation.duplicate_window_s,
        created_at=now,
        expires_at=now + VALID_FOR,
    )


def sign(quote: StoredQuote, keys: KeyRing) -> tuple[str, str, bytes]:
    """The quote's body, the id of the key, and the signature (Ed25519 over the body's bytes)."""
    body = _encoder.encode(quote)
    kid, signature = keys.sign(PURPOSE, body)
    return body.decode(), kid, signature


def opened(body: str, kid: str, signature: bytes, keys: KeyRing) -> StoredQuote:
    """The quote after its signature held; raises Conflict `quote_altered`: nothing may be ordered from it."""
    if not keys.verify(PURPOSE, kid, bytes(signature), body.encode()):
        raise Conflict("quote_altered")
    return decoded(body)


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
