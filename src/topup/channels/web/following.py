"""The page of an order, live: where the money is, and what its payer can do about it."""

from dataclasses import replace
from typing import Final
from uuid import uuid4

from litestar import Response

from topup.channels.web.forms import read_form
from topup.channels.web.rendering import HEADERS, Page, WebRequest, go_to, page, reader_of
from topup.channels.web.review import pay, requoted
from topup.channels.web.tracking import OrderPage, masked_page, open_payment, order_page, with_ways_to_pay
from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import Conflict, NotFound, Problem
from topup.orders.desk import Desk
from topup.orders.views import OrderView
from topup.platform.request_keys import RequestKeys, check_key
from topup.platform.web import limit

LONG_LOOK_S: Final = 20.0
"""How long a live page waits for news before it asks again: shorter than proxies' patience."""
SHORT_LOOK_S: Final = 3.0
"""The same while a payment is awaited: that it was declined changes the page, but not the order's state."""

_TROUBLES: Final = frozenset(
    {"gateway_unavailable", "database_lost", "overloaded", "too_late_to_cancel", "request_running", "unavailable"}
)
"""What an order's page may be told by its address to say: nothing else, so that no link can put words in our mouth."""


class FollowingPages:
    """An order by its id, which is its payer's capability; and by its shared, masked token."""

    def __init__(self, desk: Desk, keys: RequestKeys, public_url: str) -> None:
        self._desk = desk
        self._keys = keys
        self._public_url = public_url

    async def order(self, request: WebRequest, order_id: str) -> Page:
        """Where it is now."""
        limit(request, "read")
        order = await self._desk.get_order(order_id=order_id)
        trouble = _trouble(request.query_params.get("trouble", ""), reader_of(request).wording)
        return page(request, "order.html", order=replace(await self._shown(request, order), trouble=trouble))

    async def live(self, request: WebRequest, order_id: str) -> Page:
        """The order once it differs from what the page has; 204 when nothing came in a while."""
        limit(request, "read")
        seen = request.query_params.get("seen", "")
        status = seen.partition(".")[0]
        look_s = SHORT_LOOK_S if status == "awaiting_payment" else LONG_LOOK_S
        order = await self._desk.wait_for_change(order_id=order_id, seen=status, timeout_s=look_s)
        shown = await self._shown(request, order)
        if shown.token == seen:
            return Response(b"", status_code=204, headers=HEADERS | {"HX-Trigger": "again"})
        return page(request, "live.html", here=f"/orders/{order_id}", order=shown)

    async def shared(self, request: WebRequest, token: str) -> Page:
        """The progress alone, for whoever got the link."""
        limit(request, "read")
        order = await self._desk.shared_order(token=token)
        return page(request, "shared.html", order=masked_page(order, reader_of(request).wording), shared=True)

    async def pay(self, request: WebRequest, order_id: str) -> Page:
        """Pay again, or another way."""
        limit(request, "order")
        form = await read_form(request)
        order = await self._desk.get_order(order_id=order_id)
        key = check_key(form.one("key"))
        return await pay(request, self._desk, self._keys, order_id=order.id, method=form.one("method"), key=key)

    async def handover(self, request: WebRequest, order_id: str, payment_id: str) -> Page:
        """The step from here to the payment page.

        A page and not a redirect: browsers hold the answer to a form to `form-action`, whatever it redirects to, and
        where a gateway leads next is not ours to know.
        """
        limit(request, "read")
        order = await self._desk.get_order(order_id=order_id)
        payment = open_payment(order)
        if payment is None or payment.id != payment_id or payment.action is None:
            return go_to(f"/orders/{order.id}")
        wording = reader_of(request).wording
        return page(
            request,
            "handover.html",
            here=f"/orders/{order.id}",
            url=payment.action[1],
            sum=wording.money(payment.amount),
            method=wording.method(payment.method),
            order_id=order.id,
        )

    async def cancel(self, request: WebRequest, order_id: str) -> Page:
        """Call it off, as long as it is not paid."""
        limit(request, "order")
        try:
            order = await self._desk.cancel(order_id=order_id)
        except Conflict as problem:
            return go_to(f"/orders/{order_id}?trouble={problem.code}")
        return go_to(f"/orders/{order.id}")

    async def again(self, request: WebRequest, order_id: str) -> Page:
        """The same top-up once more, at today's price."""
        limit(request, "quote")
        return go_to(await requoted(self._desk, await self._desk.get_order(order_id=order_id)))

    async def _shown(self, request: WebRequest, order: OrderView) -> OrderPage:
        wording = reader_of(request).wording
        token = await self._desk.share_token(order_id=order.id)
        shown = replace(
            order_page(order, wording), share_path=f"/s/{token}", share_address=f"{self._public_url}/s/{token}"
        )
        if not shown.payable:
            return shown
        try:
            methods = await self._desk.methods(quote_id=order.quote_id)
        except (Conflict, NotFound):
            # Its price holds no longer, so there is nothing to pay; the order will say so itself in a moment.
            methods = []
        return with_ways_to_pay(shown, order, methods, wording, key=str(uuid4()))


def _trouble(code: str, wording: Wording) -> Said | None:
    return wording.problem(Problem(code)) if code in _TROUBLES else None
