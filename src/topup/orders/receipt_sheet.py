"""A receipt in words: what the screen, the PDF, the printer and the terminal all show."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.orders.views import ReceiptView
from topup.orders.wording import amount_words, line_words, method_name, name_in, until_words
from topup.platform.i18n import format_datetime, format_money, translate

_WIDTH: Final = 42
"""Columns of the text: an 80 mm printer has 42 or 48."""


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
    credited: str
    """The heading over `grants`."""
    grants: tuple[Row, ...]
    """What was credited, and until when it may be used."""
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
        summary=text("summary", number=number, carrier=carrier),
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
        credited=text("credited"),
        grants=tuple(
            Row(
                amount_words(grant.asset, grant.amount, locale=locale),
                until_words(grant.usable_until, zone=body.zone, locale=locale),
            )
            for grant in body.grants
        ),
        verify=text("verify"),
        verify_hint=text("verify_hint"),
    )


def render_text(receipt: ReceiptView, *, locale: str) -> str:
    """The receipt as lines of plain text for a terminal or a thermal printer, 42 columns wide; Chinese characters
    count two.
    """
    sheet = receipt_sheet(receipt, locale=locale)
    rule = "-" * _WIDTH
    rows: list[str] = [_centred(sheet.title), _centred(sheet.number), rule, *_folded(sheet.summary), rule]
    for row in (*sheet.lines, Row(sheet.paid, sheet.total)):
        rows += _sides(row)
    rows += [rule, sheet.credited]
    for row in sheet.grants:
        rows += [f"  {row.label}", f"  {row.value}"]
    rows.append(rule)
    for row in sheet.facts:
        rows += _sides(row)
    return "\n".join([*rows, ""])


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _centred(text: str) -> str:
    return " " * max(0, (_WIDTH - _columns(text)) // 2) + text


def _folded(text: str) -> list[str]:
    """The text on as many lines as it takes, parted at spaces and between Chinese characters."""
    lines, line = [], ""
    for word in re.split(r"(?<= )|(?<=[^\x00-\x7f])", text):
        if _columns((line + word).rstrip()) > _WIDTH:
            lines.append(line.rstrip())
            line = ""
        line += word
    return [*lines, line.rstrip()]


def _sides(row: Row) -> list[str]:
    """Label left, value right; on two lines where they do not fit on one."""
    gap = _WIDTH - _columns(row.label) - _columns(row.value)
    if gap >= 1:
        return [row.label + " " * gap + row.value]
    return [row.label, " " * max(0, _WIDTH - _columns(row.value)) + row.value]
