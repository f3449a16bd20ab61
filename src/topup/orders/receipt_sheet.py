"""A receipt in words: what the screen and the PDF both show."""

from dataclasses import dataclass
from datetime import datetime

from topup.kernel.money import Money
from topup.orders.views import Exchange, ReceiptView
from topup.orders.wording import (
    amount_words,
    exchange_words,
    line_words,
    method_name,
    name_in,
    points_words,
    until_words,
)
from topup.platform.i18n import format_moment, format_money, translate


@dataclass(frozen=True, slots=True)
class Row:
    """A name and a value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ReceiptSheet:
    """The parts of a receipt from top to bottom, each a finished text."""

    title: str
    number: str
    total: str
    summary: str
    facts: tuple[Row, ...]
    price: str
    """The heading over `lines`."""
    lines: tuple[Row, ...]
    paid: str
    """The words beside the total under `lines`."""
    refunded: tuple[Row, ...]
    """What went back of it, and when, or is on its way; else empty."""
    credited: str
    """The heading over `grants`."""
    grants: tuple[Row, ...]
    """What was credited, and until when it may be used; or that it was taken back."""
    verify: str
    verify_hint: str


def receipt_sheet(receipt: ReceiptView, *, locale: str) -> ReceiptSheet:
    """A receipt in one of our languages. Times are in the line's own zone."""
    body = receipt.body
    number = body.shown_number
    carrier = name_in(body.carrier_names, locale=locale)
    total = format_money(body.paid, locale)
    exchanged = body.exchanged

    def text(message_id: str, **parameters: str) -> str:
        return translate(locale, "orders", f"receipt.{message_id}", **parameters)

    def money(amount_minor: int) -> str:
        return format_money(Money(amount_minor, body.currency), locale)

    return ReceiptSheet(
        title=text("title"),
        number=text("number", number=receipt.number),
        total=total,
        summary=text("summary" if receipt.stands else "summary_taken_back", number=number, carrier=carrier),
        facts=(
            Row(text("paid_at"), format_moment(body.paid_at, locale, zone=body.zone)),
            Row(text("delivered_at"), format_moment(body.delivered_at, locale, zone=body.zone)),
            Row(text("method"), method_name(body.method, locale=locale)),
            *(_rate(exchanged, body.zone, locale) if exchanged else ()),
            Row(text("payment_reference"), body.payment_reference),
            *((Row(text("order"), body.order_id),) if body.order_id else ()),
            *_points(receipt, locale),
        ),
        price=text("price"),
        lines=tuple(
            Row(line_words(line.type, line.label, line.parameters, locale=locale), money(line.amount_minor))
            for line in body.lines
        )
        + ((Row(text("total"), money(body.total_minor)),) if exchanged else ()),
        paid=text("paid"),
        refunded=_refunded(receipt, total, locale),
        credited=text("credited" if receipt.stands else "credited_once"),
        grants=tuple(
            Row(
                amount_words(grant.asset, grant.amount, locale=locale),
                until_words(grant.usable_until, zone=body.zone, locale=locale)
                if receipt.stands
                else text("taken_back"),
            )
            for grant in body.grants
        ),
        verify=text("verify"),
        verify_hint=text("verify_hint"),
    )


def _points(receipt: ReceiptView, locale: str) -> tuple[Row, ...]:
    """The points that came of it; none of what was taken back."""
    count = receipt.body.points_earned
    if not count or not receipt.stands:
        return ()
    return (Row(translate(locale, "orders", "receipt.points"), points_words(count, locale=locale)),)


def _rate(exchanged: Exchange, zone: str, locale: str) -> tuple[Row, ...]:
    """How the total became what was paid, and who said the rate."""
    at = format_moment(exchanged.at, locale, zone=zone)
    said = translate(locale, "orders", "receipt.rate_said", source=exchanged.source, time=at)
    return (
        Row(translate(locale, "orders", "receipt.rate"), exchange_words(exchanged, locale=locale)),
        Row(translate(locale, "orders", "receipt.rate_source"), said),
    )


def _refunded(receipt: ReceiptView, total: str, locale: str) -> tuple[Row, ...]:
    """An order that is refunded got all that was paid back; of one that is not, staff may give back."""

    def label(at: datetime | None) -> str:
        if at is None:
            return translate(locale, "orders", "receipt.refunding")
        moment = format_moment(at, locale, zone=receipt.body.zone)
        return translate(locale, "orders", "receipt.refunded", at=moment)

    if receipt.refunded_at is not None:
        return (Row(label(receipt.refunded_at), total),)
    return tuple(Row(label(money.at), format_money(money.amount, locale)) for money in receipt.given_back)
