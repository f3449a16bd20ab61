"""How a sale stands, in words: of one that was begun elsewhere nothing that only its payer may know."""

from dataclasses import dataclass

from topup.channels.counter.wording import PriceRow, Said, Wording
from topup.orders.awaited import next_words
from topup.orders.counter_sales import SaleView
from topup.orders.declines import why_declined
from topup.orders.receipt_pdf import qr_svg
from topup.orders.views import OrderView, PaymentView
from topup.payments.cash.postings import METHOD as CASH
from topup.payments.terminal.charges import METHOD as CARD


def state_of(order: OrderView | None) -> str:
    """What changes whenever the page of a sale does: its order's status first, as `Desk.wait_for_change` takes it."""
    if order is None:
        return "quoted"
    last = order.payments[-1].status if order.payments else ""
    return f"{order.status}:{order.next_step}:{len(order.timeline)}:{len(order.payments)}:{last}"


def order_words(sale: SaleView, words: Wording) -> list[PriceRow]:
    """Whose turn it is. The order's id, which is its payer's capability, only where it was ordered here."""
    order = sale.order
    if order is None:
        return []
    rows = [
        PriceRow(words.text("order_status"), words.status(order.status)),
        PriceRow(words.text("order_next"), next_words(order, locale=words.locale)),
    ]
    if not sale.hides_number:
        rows.append(PriceRow(words.text("order_id"), order.id))
    if order.receipt_number:
        rows.append(PriceRow(words.text("receipt_number"), order.receipt_number))
    return rows


def declined_words(order: OrderView | None, words: Wording) -> Said | None:
    """Why the last payment was declined, and what to do; None where it was not, or the order can be paid no more."""
    if order is None or order.status != "awaiting_payment" or not order.payments:
        return None
    said = why_declined(order.payments[-1], locale=words.locale)
    return Said(*said) if said else None


def took_words(sale: SaleView, words: Wording) -> tuple[str, str] | None:
    """The cash that was taken, and the change."""
    if sale.tendered is None or sale.change is None:
        return None
    return words.money(sale.tendered), words.money(sale.change)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A payment that is under way: by what, and the QR to show."""

    method: str
    amount: str
    qr: str


def waiting_words(payment: PaymentView | None, words: Wording) -> Waiting | None:
    """The payment that is under way, as far as something of it is to be shown."""
    if payment is None or payment.method in {CASH, CARD} or payment.action is None:
        return None
    qr = qr_svg(payment.action.url) if payment.action.type in {"qr", "redirect"} and payment.action.url else ""
    return Waiting(words.method(payment.method), words.money(payment.amount), qr)
