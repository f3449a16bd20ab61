"""Gifts that come with what was sold: handed over out of the shop's stock, today or another day, and taken back where
the money went back.
"""

from collections.abc import Awaitable

from topup.channels.counter.booth import Booth
from topup.channels.counter.selling import SalePages
from topup.channels.counter.tending import OrderPages
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.orders.views import OrderView
from topup.people.sessions import SignedIn
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.shops.stock.gifts import GiftKey

_WRONG = (Invalid, Conflict, NotFound)


class PromisedGiftPages:
    """What is done about the gifts of an order; a mistake is told on the page it was made on."""

    def __init__(self, booth: Booth, sales: SalePages, orders: OrderPages) -> None:
        self._booth = booth
        self._sales = sales
        self._orders = orders

    async def of_sale(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:
        """Hand over what was just sold with it."""
        try:
            sale = await self._booth.own_sale(who, quote_id)
            if sale.order is None:
                raise NotFound("order_unknown")
            await self._hand_over(who, form, sale.order)
        except _WRONG as problem:
            return await self._sales.show(request, who, form, quote_id, problem=problem)
        return go_to(f"/counter/sales/{quote_id}")

    async def of_order(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """Hand over what waits for the customer since another day."""
        order = await self._booth.desk.get_order(order_id=order_id)
        return await self._done(request, who, form, order_id, self._hand_over(who, form, order))

    async def returned(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """The customer brought it back."""
        return await self._done(request, who, form, order_id, self._back(who, form, order_id, is_here=True))

    async def kept(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """The customer keeps it."""
        return await self._done(request, who, form, order_id, self._back(who, form, order_id, is_here=False))

    async def _done(self, request: WebRequest, who: SignedIn, form: Form, order_id: str, deed: Awaitable[None]) -> Page:
        try:
            await deed
        except _WRONG as problem:
            return await self._orders.show(request, who, form, order_id, problem=problem)
        return go_to(f"/counter/orders/{order_id}")

    async def _hand_over(self, who: SignedIn, form: Form, order: OrderView) -> None:
        """Raises Conflict till_first, gift_not_yet, and those of `HandingOver.hand_over`."""
        session = await self._booth.own_till(who)
        if order.status != "delivered":
            raise Conflict("gift_not_yet")
        handing_over = await self._booth.handing_over()
        await handing_over.hand_over(GiftKey(order.id, form.one("sku")), place=session.shop, by=who.id)

    async def _back(self, who: SignedIn, form: Form, order_id: str, *, is_here: bool) -> None:
        """Raises Conflict till_first, and those of `HandingOver.take_back`."""
        session = await self._booth.own_till(who)
        handing_over = await self._booth.handing_over()
        decide = handing_over.take_back if is_here else handing_over.leave
        await decide(GiftKey(order_id, form.one("sku")), place=session.shop, by=who.id)
