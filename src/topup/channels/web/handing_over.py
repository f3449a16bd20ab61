"""The step from here to where a payment is made: a gateway's page, a code to scan, an account to send money to.

A page and not a redirect: browsers hold the answer to a form to `form-action`, whatever it redirects to, and where a
gateway leads next is not ours to know.
"""

from datetime import datetime
from typing import Final

from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.orders.awaited import unheard_of
from topup.orders.receipt_pdf import qr_svg
from topup.orders.views import OrderView, PaymentView

TRANSFER_FACTS: Final = ("reference", "amount", "currency", "payee", "account", "bic", "bank")
"""What a payer writes on a bank's form, the most important first."""


def handover_page(
    request: WebRequest, order: OrderView, payment: PaymentView, *, back: str, simulated: bool = False
) -> Page:
    """What the payer does next; `back` is where they come back to, at once where there is nothing to do. Where the
    provider is `simulated`, a code is a link as well: no phone can scan it.
    """
    wording, action = reader_of(request).wording, payment.action
    if action is None:
        return go_to(back)
    if action.type == "transfer":
        return page(
            request,
            "transfer.html",
            here=back,
            sum=wording.money(payment.amount),
            rows=[
                (name, wording.text(f"transfer_{name}"), action.parameters[name])
                for name in TRANSFER_FACTS
                if action.parameters.get(name)
            ],
            until=wording.moment_in(datetime.fromisoformat(action.parameters["until"]), order.zone),
            code=qr_svg(action.url) if action.url else "",
            back=back,
        )
    return page(
        request,
        "handover.html" if action.type == "redirect" else "scan.html",
        here=back,
        url=action.url,
        code=qr_svg(action.url) if action.type == "qr" else "",
        simulated=simulated and action.type == "qr",
        unheard=unheard_of(order) == payment,
        sum=wording.money(payment.amount),
        method=wording.method(payment.method),
        back=back,
    )
