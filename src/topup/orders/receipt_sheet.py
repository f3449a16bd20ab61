"""A receipt in words: what the screen and the PDF both show."""

from dataclasses import dataclass

from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.orders.views import ReceiptView
from topup.orders.wording import amount_words, line_words, method_name, name_in, until_words
from topup.platform.i18n import format_datetime, format_money, translate


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
    """What went back of it, and when; empty while nothing did."""
    credited: str
    """The heading over `grants`."""
    grants: tuple[Row, ...]
    """What was credited, and until when it may be used; or that it was taken back."""
    verify: str
    verify_hint: str


def receipt_sheet(receipt: ReceiptView, *, locale: str) -> ReceiptSheet:
    """A receipt in one of our languages. Times are in the line's own zone."""
    body = receipt.body
    number = Msisdn(body.msisdn, body.country).grouped()
    carrier = name_in(body.carrier_names, locale=locale)
    total = format_money(Money(body.total_minor, body.currency), locale)

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
            Row(text("paid_at"), format_datetime(body.paid_at, locale, zone=body.zone)),
            Row(text("delivered_at"), format_datetime(body.delivered_at, locale, zone=body.zone)),
            Row(text("method"), method_name(body.method, locale=locale)),
            Row(text("payment_reference"), body.payment_reference),
            Row(text("order"), body.order_id),
        ),
        price=text("price"),
        lines=tuple(
            Row(line_words(line.type, line.label, line.parameters, locale=locale), money(line.amount_minor))
            for line in body.lines
        ),
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


def _refunded(receipt: ReceiptView, total: str, locale: str) -> tuple[Row, ...]:
    """An order that is refunded got all that was paid back."""
    if receipt.refunded_at is None:
        return ()
    at = format_datetime(receipt.refunded_at, locale, zone=receipt.body.zone)
    return (Row(translate(locale, "orders", "receipt.refunded", at=at), total),)
