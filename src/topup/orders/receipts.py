"""Receipts: numbered without gaps per year and lane, signed, and verifiable by anyone who has the QR.

What is signed is a short statement: number, masked MSISDN, total, time, and a digest of the whole receipt. The QR
carries statement and signature, so that it proves itself with our public key alone; our books are asked as well.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from topup.fulfilment.own import Given
from topup.kernel.ids import OrderId
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.orders.queries import Order, ReceiptRow
from topup.orders.quotes import StoredQuote
from topup.orders.views import (
    ReceiptBody,
    ReceiptExchange,
    ReceiptGrant,
    ReceiptLine,
    ReceiptView,
    ReturnedMoney,
)
from topup.payments.queries import Payment
from topup.platform.keys import KeyRing

PURPOSE: Final = "receipts"
_LONGEST_TOKEN: Final = 1024
_SHARED: Final = "shared order"


class Statement(msgspec.Struct, frozen=True, array_like=True):
    """What the signature is over. `issued_at` is in seconds since 1970."""

    number: str
    masked_msisdn: str
    total_minor: int
    currency: str
    issued_at: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Paid:
    """How an order was paid: the payment that is kept, and the gateway's reference and time of it."""

    payment: Payment
    reference: str
    paid_at: datetime

    @property
    def amount(self) -> Money:
        """What was paid, in the currency it was paid in."""
        return Money(self.payment.amount_minor, self.payment.currency)


def receipt_year(now: datetime, zone: str) -> int:
    """The year a receipt is numbered in: the line's own."""
    return now.astimezone(ZoneInfo(zone)).year


def receipt_number(*, lane: int, year: int, number: int) -> str:
    """`2026-03-000017`: year, lane, number."""
    return f"{year}-{lane:02d}-{number:06d}"


def parse_receipt_number(text: str) -> tuple[int, int, int] | None:
    """Lane, year and number of a receipt's number, or None."""
    parts = text.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 11 for part in parts):  # noqa: PLR2004 - three parts
        return None
    year, lane, number = map(int, parts)
    return (lane, year, number) if max(lane, year) < 2**15 and number < 2**31 else None


def write(
    *, number: str, order: Order, quote: StoredQuote, paid: Paid, now: datetime, credited: Sequence[Given] = ()
) -> str:
    """The receipt's body, as it is stored and digested.

    `credited` is what a line of our own was given, grant by grant; another carrier's line got what was quoted.
    """
    method = paid.payment.method
    got = credited or [Given(grant.amount, grant.validity.usable_until) for grant in quote.grants]
    body = ReceiptBody(
        number=number,
        order_id=order.id,
        msisdn=order.msisdn,
        country=quote.country,
        carrier_id=order.carrier_id,
        carrier_names=quote.names,
        product=quote.product,
        currency=order.currency,
        lines=[
            ReceiptLine(line.type, line.amount.amount_minor, line.label, dict(line.parameters))
            for line in quote.lines_for(method)
        ],
        grants=[
            ReceiptGrant(grant.asset, had.amount, grant.kind, had.usable_until, grant.index)
            for grant, had in zip(quote.grants, got, strict=True)
            if had.amount
        ],
        total_minor=quote.total_minor(method),
        method=method,
        payment_id=paid.payment.id,
        payment_reference=paid.reference,
        paid_at=paid.paid_at,
        delivered_at=now,
        zone=quote.zone,
        exchange=_exchange(quote, paid),
        hides_number=quote.hides_number,
        points_earned=quote.points_earned if order.moves_points else 0,
    )
    return _encode(body).decode()


def _exchange(quote: StoredQuote, paid: Paid) -> ReceiptExchange | None:
    found = quote.exchange(paid.payment.method, paid.payment.currency)
    if found is None:
        return None
    amount, step = paid.amount, found.step
    return ReceiptExchange(amount.currency, amount.amount_minor, found.rate, step.amount_minor, found.source, found.at)


def statement_of(body: str, issued_at: datetime) -> bytes:
    """The bytes that are signed for a receipt."""
    receipt = _decode_body(body)
    return msgspec.msgpack.encode(
        Statement(
            receipt.number,
            Msisdn(receipt.msisdn, receipt.country).masked(),
            receipt.total_minor,
            receipt.currency,
            int(issued_at.timestamp()),
            digest_of(body),
        )
    )


def sign(body: str, issued_at: datetime, keys: KeyRing) -> tuple[str, bytes]:
    """The key's id and the signature of a receipt."""
    return keys.sign(PURPOSE, statement_of(body, issued_at))


def view(
    row: ReceiptRow,
    *,
    stands: bool = True,
    refunded_at: datetime | None = None,
    given_back: tuple[ReturnedMoney, ...] = (),
) -> ReceiptView:
    """A receipt as channels show it, with what became of its order since."""
    token = _text(msgspec.msgpack.encode((row.kid, bytes(row.signature), statement_of(row.body, row.issued_at))))
    return ReceiptView(
        number=receipt_number(lane=row.lane, year=row.year, number=row.number),
        order_id=OrderId(row.order_id),
        issued_at=row.issued_at,
        body=_decode_body(row.body),
        verify_path=f"/verify/{token}",
        stands=stands,
        refunded_at=refunded_at,
        given_back=given_back,
    )


@dataclass(frozen=True, slots=True)
class Proven:
    """What a token whose signature held says."""

    number: str
    masked_msisdn: str
    total: Money
    issued_at: datetime
    digest: bytes


def proven(token: str, keys: KeyRing) -> Proven | None:
    """What the token of a QR proves by itself, or None when it proves nothing."""
    if len(token) > _LONGEST_TOKEN:
        return None
    try:
        kid, signature, statement = _decode_token(_bytes(token))
        if not keys.verify(PURPOSE, kid, signature, statement):
            return None
        said = _decode_statement(statement)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    total = Money(said.total_minor, said.currency)
    return Proven(said.number, said.masked_msisdn, total, datetime.fromtimestamp(said.issued_at, UTC), said.digest)


def shared(order_id: str, keys: KeyRing) -> str:
    """A token that leads to an order to look at, and from which nobody learns the order's id."""
    return _text(keys.seal(order_id.encode(), bound_to=_SHARED))


def unshared(token: str, keys: KeyRing) -> str:
    """The order's id of a shared token; raises ValueError or `platform.keys.CannotOpen`."""
    if len(token) > _LONGEST_TOKEN:
        raise ValueError("too long for a token")
    return keys.unseal(_bytes(token), bound_to=_SHARED).decode()


def digest_of(body: str) -> bytes:
    """What the statement holds of the whole receipt."""
    return sha256(body.encode()).digest()[:16]


_encode: Final = msgspec.json.Encoder().encode
_decode_body: Final = msgspec.json.Decoder(ReceiptBody).decode
_decode_statement: Final = msgspec.msgpack.Decoder(Statement).decode
_decode_token: Final = msgspec.msgpack.Decoder(tuple[str, bytes, bytes]).decode


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
