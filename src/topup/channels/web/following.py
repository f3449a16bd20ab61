"""The page of an order, live: where the money is, and what its payer can do about it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from uuid import uuid4

from litestar import Response

from topup.channels.web.forms import read_form
from topup.channels.web.handing_over import handover_page
from topup.channels.web.rendering import HEADERS, Page, WebRequest, go_to, page, reader_of, scene_of
from topup.channels.web.review import pay, requoted
from topup.channels.web.saved.pages import saved_of
from topup.channels.web.saved.picking import Picking
from topup.channels.web.sent_gifts.wording import parcel_rows
from topup.channels.web.tracking import OrderPage, masked_page, order_page, with_gifts, with_ways_to_pay
from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import Conflict, NotFound, Problem
from topup.orders.awaited import open_payment
from topup.orders.declines import GENERAL, why_declined
from topup.orders.desk import Desk
from topup.orders.order_gifts import OrderGift, OrderGifts
from topup.orders.views import OrderView, PaymentView
from topup.payments.vouchers.pins import grouped
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

    def __init__(self, desk: Desk, keys: RequestKeys, public_url: str, picking: Picking, gifts: OrderGifts) -> None:
        self._desk = desk
        self._keys = keys
        self._public_url = public_url
        self._picking = picking
        self._gifts = gifts

    async def order(self, request: WebRequest, order_id: str) -> Page:
        """Where it is now."""
        limit(request, "read")
        order = await self._desk.get_order(order_id=order_id)
        trouble = trouble_of(request.query_params.get("trouble", ""), reader_of(request).wording)
        shown = await self._shown(request, order)
        saved = saved_of(request)
        return page(request, "order.html", order=replace(shown, trouble=trouble or shown.trouble, saved=saved))

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
        method, code = form.one("method"), form.one("code")
        return await pay(request, self._desk, self._keys, order_id=order.id, method=method, key=key, code=code)

    async def handover(self, request: WebRequest, order_id: str, payment_id: str) -> Page:
        """The step from here to the payment page."""
        limit(request, "read")
        order = await self._desk.get_order(order_id=order_id)
        payment = open_payment(order)
        if payment is None or payment.id != payment_id or payment.action is None:
            return go_to(f"/orders/{order.id}")
        simulated = self._desk.is_simulated(method=payment.method)
        return handover_page(request, order, payment, back=f"/orders/{order.id}", simulated=simulated)

    async def cancel(self, request: WebRequest, order_id: str) -> Page:
        """Call it off, as long as it is not paid."""
        limit(request, "order")
        try:
            order = await self._desk.cancel(order_id=order_id)
        except Conflict as problem:
            return go_to(f"/orders/{order_id}?trouble={problem.code}")
        return go_to(f"/orders/{order.id}")

    async def slips(self, request: WebRequest, order_id: str) -> Page:
        """What came back as vouchers, with their PINs for as long as those may be looked at."""
        limit(request, "order")
        order = await self._desk.get_order(order_id=order_id)
        wording = reader_of(request).wording
        found = [
            {
                "worth": wording.money(one.slip.amount),
                "serial": one.slip.serial,
                "until": wording.moment_in(one.slip.valid_until, order.zone),
                "pin": grouped(one.pin) if one.pin else "",
            }
            for one in await self._desk.credit_slips(order_id=order_id)
        ]
        return page(request, "slips.html", slips=found, order_id=order.id)

    async def again(self, request: WebRequest, order_id: str) -> Page:
        """The same top-up once more, at today's price."""
        limit(request, "quote")
        fresh = await requoted(self._desk, request, await self._desk.get_order(order_id=order_id))
        return go_to(f"/quotes/{fresh.id}")

    async def _shown(self, request: WebRequest, order: OrderView) -> OrderPage:
        wording = reader_of(request).wording
        token = await self._desk.share_token(order_id=order.id)
        shown = replace(
            order_page(order, wording), share_path=f"/s/{token}", share_address=f"{self._public_url}/s/{token}"
        )
        gifts = await self._gifts.of_order(order)
        shown = with_gifts(shown, [one for one in gifts if not one.is_sent], wording)
        who = reader_of(request).subscriber
        if who is not None and order.status == "delivered":
            money = await self._desk.balance_around(order=order, subscriber_id=who.id)
            shown = replace(
                shown,
                balance=(wording.money(money[0]), wording.money(money[1])) if money else None,
                may_save=not order.hides_number and await self._picking.may_save(who, order.msisdn),
            )
        sent = {one.sku: one for one in gifts if one.is_sent}
        if sent:
            shown = await self._with_parcels(shown, order, sent, request)
        shown = replace(shown, slip=any(_came_as_slip(payment) for payment in order.payments))
        if not shown.payable:
            return shown
        try:
            methods = await self._desk.methods(quote_id=order.quote_id, scene=scene_of(request))
        except (Conflict, NotFound):
            # Its price holds no longer, so there is nothing to pay; the order will say so itself in a moment.
            methods = []
        shown = replace(shown, trouble=why_declined_last(order, wording))
        return with_ways_to_pay(shown, order, methods, wording, key=str(uuid4()))

    async def _with_parcels(
        self, shown: OrderPage, order: OrderView, sent: Mapping[str, OrderGift], request: WebRequest
    ) -> OrderPage:
        """The page with what is sent with the order, which changes by itself too."""
        reader = reader_of(request)
        who = reader.subscriber
        parcels = await self._desk.sending.parcels(order_id=order.id, subscriber_id=who.id if who else None)
        standing = [f"{one.state}{'-addressed' if one.addressed_at else ''}" for one in parcels.gifts]
        token = ".".join((shown.token, *standing))
        return replace(shown, token=token, parcels=parcel_rows(parcels, sent, reader.wording))


def trouble_of(code: str, wording: Wording) -> Said | None:
    """What the address of a page may have it say, in words."""
    return wording.problem(Problem(code)) if code in _TROUBLES else None


def _came_as_slip(payment: PaymentView) -> bool:
    return payment.method == "voucher" and payment.refunded.amount_minor > 0


def why_declined_last(order: OrderView, wording: Wording) -> Said | None:
    """Of the last payment, where it was declined: why, and what its payer can do."""
    last = order.payments[-1] if order.payments else None
    words = why_declined(last, locale=wording.locale) if last is not None and last.reason != GENERAL else None
    return Said(*words) if words else None
