"""A gift that no offer promised: out of the shop's stock with an order that arrived, allowed by a supervisor."""

from topup.channels.counter.booth import Booth, status_of
from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Throttled, Unauthenticated
from topup.orders.views import OrderView
from topup.payments.cash.records import Session
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform.request_keys import check_key
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.shops.stock import gifts
from topup.shops.stock import queries as stock
from topup.shops.stock.desk import Stock
from topup.shops.stock.movements import given
from topup.work.approvals import checked_reason

_GIFT = "gift"
_WRONG = (Invalid, Conflict, NotFound, Forbidden, Unauthenticated, Throttled)


class GiftPages:
    """Handing a gift over."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth

    async def show(
        self, request: WebRequest, who: SignedIn, form: Form, order_id: str, *, problem: Problem | None = None
    ) -> Page:
        """What there is to give, and what was given with this order."""
        session = await self._booth.own_till(who)
        order = await self._booth.desk.get_order(order_id=order_id)
        words = self._booth.words(request)
        async with self._booth.database.read() as transaction:
            given_with = await stock.given_with(transaction.connection, order.id)
        return self._booth.look.page(
            request,
            "gift.html",
            who=who,
            place="sell",
            back=f"/counter/orders/{order_id}/gift",
            status=status_of(problem) if problem else 200,
            order_id=order.id,
            number=order.msisdn.masked(),
            delivered=order.status == "delivered",
            choices=await self._booth.in_stock(session, _GIFT, words),
            given=[(words.name(one.item.names), one.quantity) for one in given_with],
            alone=who.may(Permission.CHECK_TILLS),
            filled={name: form.one(name) for name in ("item", "reason", "login")},
            mistake=words.problem(problem) if problem else None,
        )

    async def hand_over(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """One piece leaves the stock with this order, for a reason, by a supervisor's code; who checks tills gives it
        alone, by their own. The same form again gives nothing, and another of the same kind does not go with it.
        """
        try:
            session = await self._booth.own_till(who)
            order = await self._booth.desk.get_order(order_id=order_id)
            if order.status != "delivered":
                raise Conflict("gift_not_yet")
            sku, reason = form.one("item"), checked_reason(form.one("reason"))
            key = f"gift:{order.id}:{check_key(form.one('form'))}"
            if not await self._is_new(key, session, sku, order):
                return go_to(f"/counter/orders/{order_id}/gift")
            allowed_by = ""
            if who.may(Permission.CHECK_TILLS):
                await self._booth.confirmed(request, who, form)
            else:
                allowed_by = await self._booth.another(request, form, by=who.id, may=Permission.CHECK_TILLS)
            movement = given(key, sku, session.shop, 1, by=who.id, reference=order.id, reason=reason)
            stocked = Stock(database=self._booth.database, lanes=await self._booth.lanes())
            await stocked.move(movement, allowed_by=allowed_by)
        except _WRONG as problem:
            return await self.show(request, who, form, order_id, problem=problem)
        return go_to(f"/counter/orders/{order_id}/gift")

    async def _is_new(self, key: str, session: Session, sku: str, order: OrderView) -> bool:
        """Whether this form gave nothing yet, before anybody's code is spent. Raises NotFound stock_item_unknown,
        Conflict stock_short, gift_given_already, gift_promised.
        """
        async with self._booth.database.read() as transaction:
            connection = transaction.connection
            if await stock.movement_under(connection, key) is not None:
                return False
            item = await stock.item(connection, sku)
            left = await stock.free(connection, session.shop, sku)
            given_with = await stock.given_with(connection, order.id)
            promised = {one.key.sku for one in await gifts.of_order(connection, order.id)}
        if item.kind != _GIFT:
            raise NotFound("stock_item_unknown", sku=sku)
        if sku in {one.item.sku for one in given_with}:
            raise Conflict("gift_given_already")
        if sku in promised:
            raise Conflict("gift_promised")
        if not left:
            raise Conflict("stock_short", sku=sku, left=0)
        return True
