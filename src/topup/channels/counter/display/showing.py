"""What a display shows of a sale, in the customer's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from topup.orders.awaited import open_payment
from topup.orders.counter_sales import SaleView
from topup.orders.order_gifts import OrderGift, gift_standing_words
from topup.orders.receipt_pdf import qr_svg
from topup.orders.wording import amount_words, end_words, gift_words, line_words, method_name, name_in
from topup.platform.i18n import format_money, language_tag, translate
from topup.shops.displays import Screen

DOMAIN: Final = "display"
THANKS_FOR: Final = timedelta(seconds=45)
"""After that a sale that is done is shown no more."""
_FAILED: Final = frozenset({"expired", "cancelled", "refunding", "refunded", "unresolved", "needs_person"})
_SCANNED: Final = frozenset({"qr", "redirect"})
"""What a payer's phone opens: a wallet's code, or the address of a page to pay on."""
_COMING: Final = frozenset({"paid", "delivering"})


@dataclass(frozen=True, slots=True)
class Row:
    """A name and a value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything on the screen, in words. `step` is confirm, pay, coming, done or failed; of a plan confirm or
    agreed.
    """

    sale: str
    step: str
    headline: str
    number: str
    carrier: str
    lines: tuple[Row, ...]
    total_label: str
    total: str
    grants: tuple[Row, ...]
    gifts: tuple[Row, ...]
    """What is handed over with it, and how that stands."""
    more: tuple[Row, ...]
    """Of cash: what was taken, and the change."""
    hint: str
    code: str
    """The QR to pay by, as SVG; empty where there is none."""
    code_label: str


def step_of(view: SaleView, screen: Screen) -> str:
    """How far a sale is, as its customer sees it."""
    status = view.order.status if view.order else ""
    if status == "delivered":
        return "done"
    if status in _FAILED:
        return "failed"
    if status in _COMING:
        return "coming"
    return "confirm" if screen.asks else "pay"


def is_over(view: SaleView, age: timedelta) -> bool:
    """Whether nothing of it is to be seen any more; `age` is how long it stands as it does."""
    order = view.order
    return order is not None and order.status in {"delivered", *_FAILED} and age > THANKS_FOR


def shown(view: SaleView, screen: Screen, locale: str, *, gifts: Sequence[OrderGift] = ()) -> Shown:
    """A sale on the screen, with the gifts that come with it."""

    def text(message_id: str, **parameters: object) -> str:
        return translate(locale, DOMAIN, message_id, **parameters)

    step = step_of(view, screen)
    order, quote = view.order, view.quote
    payment = open_payment(order) if order and step == "pay" else None
    code = payment.action.url if payment and payment.action and payment.action.type in _SCANNED else ""
    lines = order.lines if order else quote.lines
    grants = () if view.hides_number else order.grants if order else quote.grants
    total = order.paid if order else quote.total
    return Shown(
        sale=quote.id,
        step=step,
        headline=text(f"{step}.title"),
        number=view.shown_number,
        carrier=name_in(quote.carrier_names, locale=locale),
        lines=tuple(
            Row(line_words(line.type, line.label, line.parameters, locale=locale), format_money(line.amount, locale))
            for line in lines
        ),
        total_label=text("total_paid" if step in {"coming", "done"} else "total"),
        total=format_money(payment.amount if payment else total, locale),
        grants=tuple(
            Row(
                amount_words(grant.asset, grant.amount, locale=locale),
                end_words(grant, zone=quote.zone, locale=locale),
            )
            for grant in grants
        ),
        gifts=()
        if view.hides_number
        else tuple(
            Row(gift_words(one.names, one.quantity, locale=locale), gift_standing_words(one, locale=locale))
            for one in gifts
        ),
        more=_cash(view, locale),
        hint=text("pay.scan", method=method_name(payment.method, locale=locale))
        if code and payment
        else text(f"{step}.hint"),
        code=qr_svg(code) if code else "",
        code_label=text("code_label"),
    )


def _cash(view: SaleView, locale: str) -> tuple[Row, ...]:
    tendered, change = view.tendered, view.change
    if tendered is None or change is None:
        return ()
    return (
        Row(translate(locale, DOMAIN, "tendered"), format_money(tendered, locale)),
        Row(translate(locale, DOMAIN, "change"), format_money(change, locale)),
    )


def lang_of(locale: str) -> str:
    """The `lang` attribute: `zh-Hans`."""
    return language_tag(locale)
