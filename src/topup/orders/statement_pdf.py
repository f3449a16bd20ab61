"""A statement of what somebody paid in a period, as PDF: a row for each order, and the sums by currency."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Final

import typst

from topup.kernel.money import Money
from topup.orders.past import STANDINGS
from topup.orders.receipt_pdf import DOCUMENTS
from topup.orders.views import OrderView, PaymentView
from topup.orders.wording import amount_words, method_name
from topup.platform.i18n import format_date, format_datetime, format_money, language_tag, translate

MOST: Final = 1_000
"""Orders of one statement: thirty pages."""

# As for receipts: a compiler keeps its fonts, and compiles one document at a time.
_lock: Final = Lock()
_compilers: Final[list[typst.Compiler]] = []


async def render_statement(
    orders: Sequence[OrderView], *, locale: str, zone: str, period: str, narrowed: bool, now: datetime
) -> bytes:
    """The statement of these orders, oldest first; those that nobody paid are left out. `period` in words (empty: all
    there is); `narrowed`: not all of the period's orders are among them. In a thread.
    """
    sheet = statement_sheet(orders, locale=locale, zone=zone, period=period, narrowed=narrowed, now=now)
    return await asyncio.to_thread(_render, sheet, int(now.timestamp()))


def statement_sheet(
    orders: Sequence[OrderView], *, locale: str, zone: str, period: str, narrowed: bool, now: datetime
) -> dict[str, Any]:
    """Everything the statement says, in words."""

    def text(message_id: str, **parameters: object) -> str:
        return translate(locale, "orders", f"statement.{message_id}", **parameters)

    paid = [(order, kept) for order in orders for kept in [_kept(order)] if kept is not None]
    return {
        "lang": language_tag(locale).split("-")[0],
        "title": text("title"),
        "period": period or text("all"),
        "made": text("made", at=format_datetime(now, locale, zone=zone), zone=zone),
        "narrowed": text("narrowed") if narrowed else "",
        "columns": [text(column) for column in ("date", "number", "what", "method", "receipt", "paid", "back")],
        "rows": [_row(order, kept, locale=locale, zone=zone) for order, kept in paid],
        "sums": [
            {
                "label": text("sum", currency=currency),
                "paid": format_money(came, locale),
                "back": format_money(back, locale) if back.amount_minor else "",
            }
            for currency, came, back in _sums(paid)
        ],
        "none": text("none"),
        "note": text("note"),
    }


def _kept(order: OrderView) -> PaymentView | None:
    """The payment that paid the order; None where nobody has paid it."""
    if order.status in STANDINGS["not_paid"] or order.status == "awaiting_payment":
        return None
    own = [one for one in order.payments if one.received and one.received.amount_minor and not one.returned]
    return next((one for one in own if not one.second), None)


def _row(order: OrderView, kept: PaymentView, *, locale: str, zone: str) -> list[str]:
    return [
        format_date(order.created_at, locale, zone=zone),
        order.shown_number,
        ", ".join(amount_words(grant.asset, grant.amount, locale=locale) for grant in order.grants),
        method_name(kept.method, locale=locale),
        order.receipt_number or "",
        format_money(kept.amount, locale),
        format_money(kept.refunded, locale) if kept.refunded.amount_minor else "",
    ]


def _sums(paid: Sequence[tuple[OrderView, PaymentView]]) -> list[tuple[str, Money, Money]]:
    """What came and what went back, by currency."""
    found: dict[str, tuple[int, int]] = {}
    for _, kept in paid:
        came, back = found.get(kept.amount.currency, (0, 0))
        found[kept.amount.currency] = (came + kept.amount.amount_minor, back + kept.refunded.amount_minor)
    return [
        (currency, Money(came, currency), Money(back, currency)) for currency, (came, back) in sorted(found.items())
    ]


def _render(sheet: dict[str, Any], made: int) -> bytes:
    inputs = {"sheet": json.dumps(sheet, ensure_ascii=False)}
    with _lock:
        if not _compilers:
            template = DOCUMENTS / "statement.typ"
            _compilers.append(typst.Compiler(template, root=DOCUMENTS, font_paths=[DOCUMENTS]))
        pdf = _compilers[0].compile(format="pdf", sys_inputs=inputs, timestamp=made)
    assert isinstance(pdf, bytes)  # noqa: S101 - a PDF is one file, whatever its pages
    return pdf
