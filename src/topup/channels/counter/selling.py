"""A sale: its price, the ways to pay it, and what became of it. Nothing is credited before money came.

Cash is taken in two steps: what was handed over, which says the change; and that it is in the drawer, which books it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlencode

from topup.channels.counter.booth import Booth, status_of
from topup.channels.counter.fullness import check_room
from topup.channels.counter.gift_rows import gift_rows
from topup.channels.counter.papers import printed_words
from topup.channels.counter.rendering import money_of
from topup.channels.counter.standing import (
    declined_words,
    order_words,
    state_of,
    took_words,
    waiting_words,
)
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.orders.awaited import open_payment
from topup.orders.counter_sales import CHANNEL, SaleView
from topup.orders.ordering import DUPLICATE, LARGE_AMOUNT
from topup.orders.paying import Presented
from topup.orders.views import MethodView, OrderView, PaymentView
from topup.payments.cash.postings import METHOD as CASH
from topup.payments.cash.tills import Tendered
from topup.payments.ports import Scene
from topup.payments.terminal.charges import METHOD as CARD
from topup.payments.terminal.charges import Slip
from topup.payments.vouchers.postings import METHOD as VOUCHER
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform.once import Key
from topup.platform.request_keys import KeyedRequest, Stored, check_key
from topup.platform.web import client_address
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work import trail

NOT_HERE: Final = frozenset({"balance", "bank_transfer"})
"""What takes a payer who is known, or days."""
_BY_CODE: Final = (
    ("alipay", re.compile(r"(2[5-9]|30)\d{14,22}", re.ASCII)),
    ("wechatpay", re.compile(r"1[0-5]\d{16}", re.ASCII)),
)
"""The payment codes that wallets show, by how they begin (their documentation of payments by bar code)."""
CONFIRMED: Final = "confirmations"
"""The name of the boxes that were ticked, in forms and in the address of the change."""
_LONG_POLL_S: Final = 20.0
_SHORT_LOOK_S: Final = 3.0
_WRONG = (Invalid, Conflict, NotFound, Unavailable)


@dataclass(frozen=True, slots=True)
class Question:
    """Something the customer is asked before paying."""

    id: str
    text: str
    confirmed: bool


class SalePages:
    """A sale from its price to its receipt."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth

    async def show(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        quote_id: str,
        *,
        problem: Problem | None = None,
        status: int = 200,
        questions: list[Question] | None = None,
    ) -> Page:
        """The sale as it stands: to be paid, being paid, or done."""
        sale = await self._booth.own_sale(who, quote_id)
        words = self._booth.words(request)
        order = sale.order
        payable = order is None or order.status == "awaiting_payment"
        methods = await self._methods(quote_id) if payable and not (order is None and sale.quote.expired) else []
        payment = open_payment(order) if order else None
        confirmed_at = await self._on_display(who, sale)
        return self._booth.look.page(
            request,
            "sale.html",
            who=who,
            place="sell",
            back=f"/counter/sales/{quote_id}",
            status=status_of(problem) if problem else status,
            sale_id=quote_id,
            number=sale.shown_number,
            carrier=words.name(sale.quote.carrier_names),
            price=words.lines(sale.quote),
            coupons=sale.quote.codes,
            held=sale.quote.held,
            gifts=words.gifts(sale.quote) if order is None or not order.final else [],
            given=await gift_rows(self._booth, order, await self._booth.till(who), words),
            grants=[] if sale.hides_number else words.grants(sale.quote.grants, sale.quote.zone),
            total=words.money(order.paid if order else sale.quote.total),
            order=order_words(sale, words),
            state=state_of(order),
            live=order is not None and not order.final,
            took=took_words(sale, words),
            waiting=waiting_words(payment, words),
            declined=declined_words(order, words),
            methods=[one for one in methods if one.method not in {CASH, CARD, VOUCHER}],
            fees={one.method: words.money(one.total) for one in methods},
            cash=any(one.method == CASH for one in methods),
            voucher=any(one.method == VOUCHER for one in methods),
            card=any(one.method == CARD for one in methods),
            terminal=form.one("terminal"),
            terminals=await self._booth.terminals_of(await self._booth.till(who)),
            codes=any(one.method == name for one in methods for name, _ in _BY_CODE),
            expired=order is None and sale.quote.expired,
            display=None if confirmed_at is False else bool(confirmed_at),
            receipt=order.receipt_number if order else None,
            prints=sale.sale.till in self._booth.printing.tills,
            printed=await printed_words(self._booth, order.id, words.locale) if order else None,
            questions=questions or [],
            confirmed=_confirmed(form.many(CONFIRMED)),
            tendered=form.one("tendered"),
            mistake=words.problem(problem) if problem else None,
        )

    async def change(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:
        """To what is to be handed back of the cash that was handed over; nothing is booked yet."""
        sale = await self._booth.own_sale(who, quote_id)
        try:
            tendered, _ = await self._handed(who, sale, form.one("tendered"))
        except (Invalid, Conflict) as problem:
            return await self.show(request, who, form, quote_id, problem=problem)
        said = [("tendered", tendered.to_major()), *((CONFIRMED, one) for one in _confirmed(form.many(CONFIRMED)))]
        return go_to(f"/counter/sales/{quote_id}/change?{urlencode(said)}")

    async def giving_change(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:
        """What is to be handed back, on a page that one can come back to; the sale itself once the money was taken."""
        sale = await self._booth.own_sale(who, quote_id)
        if sale.tendered is not None:
            return go_to(f"/counter/sales/{quote_id}")
        try:
            tendered, total = await self._handed(who, sale, request.query_params.get("tendered", ""))
        except (Invalid, Conflict) as problem:
            return await self.show(request, who, form, quote_id, problem=problem)
        words = self._booth.words(request)
        return self._booth.look.page(
            request,
            "change.html",
            who=who,
            place="sell",
            back=f"/counter/sales/{quote_id}",
            sale_id=quote_id,
            total=words.money(total),
            tendered=words.money(tendered),
            tendered_text=tendered.to_major(),
            change=words.money(tendered - total),
            confirmed=_confirmed(request.query_params.getall(CONFIRMED, [])),
        )

    async def _handed(self, who: SignedIn, sale: SaleView, typed: str) -> tuple[Money, Money]:
        """The cash that is on the counter, exactly the price where nothing was typed, and the price. Raises Invalid
        amount_unreadable, cash_too_little; Conflict till_first, drawer_full.
        """
        total = await self._cash_total(sale)
        tendered = money_of(typed, total.currency) if typed else total
        if tendered is None:
            raise Invalid("amount_unreadable")
        if tendered.amount_minor < total.amount_minor:
            raise Invalid("cash_too_little")
        await check_room(self._booth, await self._booth.own_till(who))
        return tendered, total

    async def take_cash(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:
        """The money is in the drawer: it is booked, and the order paid. The same again changes nothing."""
        try:
            sale = await self._booth.own_sale(who, quote_id)
            session = await self._booth.own_till(who)
            tendered = money_of(form.one("tendered"), sale.quote.total.currency)
            if tendered is None:
                raise Invalid("amount_unreadable")
            if sale.tendered is None:
                await check_room(self._booth, session)
            order_id = await self._ordered(request, who, form, sale)
            payment_id = await self._begun(request, sale, order_id, CASH, key=f"{quote_id}:cash")
            await self._booth.desk.cash.take(Tendered(payment_id, session.till, tendered, who.id, only_keeper=True))
        except _WRONG as problem:
            return await self._refused(request, who, form, quote_id, problem)
        return go_to(f"/counter/sales/{quote_id}")

    async def charge_card(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:
        """The terminal charged the card: its slip is entered, and the order paid. The same again changes nothing."""
        try:
            sale = await self._booth.own_sale(who, quote_id)
            session = await self._booth.own_till(who)
            terminal, reference = form.one("terminal").lower(), form.one("reference")
            await self._booth.terminals.check(terminal, shop=session.shop)
            if not reference:
                raise Invalid("reference_unreadable")
            order_id = await self._ordered(request, who, form, sale)
            payment_id = await self._begun(request, sale, order_id, CARD, key=f"{quote_id}:card")
            await self._booth.desk.terminals.enter(Slip(payment_id, terminal, reference, who.id))
        except _WRONG as problem:
            return await self._refused(request, who, form, quote_id, problem)
        return go_to(f"/counter/sales/{quote_id}")

    async def pay(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:
        """Begin to pay by something else: a QR to show, a payment code or a voucher that was scanned."""
        try:
            sale = await self._booth.own_sale(who, quote_id)
            method, scene, code = self._way(form)
            key = check_key(form.one("form"))
            order_id = await self._ordered(request, who, form, sale)
            await self._begun(request, sale, order_id, method, key=key, scene=scene, code=code, payer=who.id, by=who.id)
        except _WRONG as problem:
            return await self._refused(request, who, form, quote_id, problem)
        return go_to(f"/counter/sales/{quote_id}")

    async def cancel(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:
        """Call an order off that nobody paid."""
        try:
            sale = await self._booth.own_sale(who, quote_id)
            if sale.order is not None:
                await self._booth.desk.cancel(order_id=sale.order.id, by=who.id)
                trail.notice("order.cancelled")
        except _WRONG as problem:
            return await self.show(request, who, form, quote_id, problem=problem)
        return go_to("/counter")

    async def state(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """How the sale stands, as soon as it changes: what the page's script waits for."""
        sale = await self._booth.own_sale(who, quote_id)
        if sale.order is None:
            return _plain(state_of(None))
        seen = str(request.query_params.get("seen", ""))
        if state_of(sale.order) != seen:
            return _plain(state_of(sale.order))
        status = sale.order.status
        # A payment that is declined changes nothing of the order's status, and so wakes nobody.
        patience_s = _SHORT_LOOK_S if status == "awaiting_payment" else _LONG_POLL_S
        order = await self._booth.desk.wait_for_change(order_id=sale.order.id, seen=status, timeout_s=patience_s)
        return _plain(state_of(order))

    async def _on_display(self, who: SignedIn, sale: SaleView) -> datetime | Literal[False] | None:
        """Show the sale on the customer's display of its till; gives when the customer confirmed it (None: not yet;
        False: there is no display, or it is not who keeps the till that looks).
        """
        till, displays = sale.sale.till, self._booth.displays
        session = await self._booth.till(who)
        if session is None or session.till != till or not await displays.is_bound(till):
            return False
        if sale.order is None or not sale.order.final:
            asks = not sale.sale.continued and (sale.order is None or await self._waits_for_customer(sale))
            await displays.show(till=till, sale=sale.sale.quote_id, asks=asks)
        return False if sale.sale.continued else await displays.confirmed(till=till, sale=sale.sale.quote_id)

    async def _waits_for_customer(self, sale: SaleView) -> bool:
        """Whether no money is to be taken yet: the customer must say yes on the display first, and has not. What was
        confirmed where it was ordered, and what is paid, waits for nobody.
        """
        if sale.sale.continued or (sale.order is not None and sale.order.status != "awaiting_payment"):
            return False
        return await self._booth.displays.waits_for_customer(till=sale.sale.till, sale=sale.sale.quote_id)

    async def _methods(self, quote_id: str) -> list[MethodView]:
        """What can be offered here, once each."""
        found: dict[str, MethodView] = {}
        try:
            for scene in (Scene.SCREEN, Scene.COUNTER):
                for one in await self._booth.desk.methods(quote_id=quote_id, scene=scene):
                    if one.unavailable is None and one.method not in NOT_HERE:
                        found.setdefault(one.method, one)
        except Conflict:
            return []
        return list(found.values())

    async def _cash_total(self, sale: SaleView) -> Money:
        methods = await self._methods(sale.sale.quote_id)
        return next((one.total for one in methods if one.method == CASH), sale.quote.total)

    def _way(self, form: Form) -> tuple[str, Scene, str]:
        """The method, the scene and the code of a form. Raises Invalid payment_code_unreadable."""
        code = re.sub(r"\s", "", form.one("code"))
        if form.one("way") == "code":
            method = next((name for name, shape in _BY_CODE if shape.fullmatch(code)), None)
            if method is None:
                raise Invalid("payment_code_unreadable")
            return method, Scene.COUNTER, code
        if form.one("way") == VOUCHER:
            return VOUCHER, Scene.COUNTER, form.one("code")
        return form.one("way"), Scene.SCREEN, ""

    async def _ordered(self, request: WebRequest, who: SignedIn, form: Form, sale: SaleView) -> OrderId:
        """The order of a sale: a price makes one, so the price's id is the key. Every way to pay comes through here.
        Raises Conflict display_not_confirmed.
        """
        if await self._waits_for_customer(sale):
            raise Conflict("display_not_confirmed")
        if sale.order is not None:
            return sale.order.id
        quote_id = sale.sale.quote_id
        wish = KeyedRequest(CHANNEL, "counter:order", quote_id, b"", new_id("order", lane_of(quote_id)))
        key: Key[OrderView] = Key(wish, lambda order: (303, order.id.encode()))
        made = await self._booth.desk.order_once(
            key,
            order_id=OrderId(wish.resource),
            quote_id=quote_id,
            contact=None,
            confirmations=form.many(CONFIRMED),
            locale=await self._language(request, sale.sale.till, quote_id),
            channel=CHANNEL,
            sees_balance=who.may(Permission.READ_LINES),
            payer=None,
        )
        return OrderId(made.body.decode()) if isinstance(made, Stored) else made.id

    async def _begun(
        self,
        request: WebRequest,
        sale: SaleView,
        order_id: OrderId,
        method: str,
        *,
        key: str,
        scene: Scene = Scene.COUNTER,
        code: str = "",
        payer: str = "",
        by: str = "",
    ) -> PaymentId:
        """Begin to pay, once for each key."""
        content = f"{order_id} {method}".encode()
        wish = KeyedRequest(CHANNEL, "counter:pay", f"{key}:{method}", content, new_id("payment", lane_of(order_id)))
        once: Key[PaymentView] = Key(wish, lambda payment: (303, payment.id.encode()))
        begun = await self._booth.desk.pay_once(
            once,
            self._booth.keys,
            payment_id=PaymentId(wish.resource),
            order_id=order_id,
            method=method,
            locale=await self._language(request, sale.sale.till, sale.sale.quote_id),
            scene=scene,
            presented=Presented(client_address(request), code or None, payer=payer or None),
            by=by,
        )
        return PaymentId(begun.body.decode()) if isinstance(begun, Stored) else begun.id

    async def _language(self, request: WebRequest, till: str, sale: str) -> str:
        """The customer's, where they chose one on the display; else the clerk's."""
        return await self._booth.displays.spoken(till=till, sale=sale) or self._booth.words(request).locale

    async def _refused(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str, problem: Problem) -> Page:
        """The sale again, with what is wrong; or with what must be asked first."""
        if problem.code != "confirmation_needed":
            return await self.show(request, who, form, quote_id, problem=problem)
        words = self._booth.words(request)
        asked = [str(one) for one in problem.parameters.get("confirmations", ())]  # type: ignore[union-attr]  # a list
        ticked = form.many(CONFIRMED)
        minutes = problem.parameters.get("minutes", "")
        own = "ask.duplicate.unpaid" if "unpaid" in problem.parameters else "ask.duplicate.own"
        questions = [
            Question(
                one,
                words.text(own if one == DUPLICATE and minutes else f"ask.{one}", minutes=minutes),
                one in ticked,
            )
            for one in asked
        ]
        return await self.show(request, who, form, quote_id, status=409, questions=questions)


def _confirmed(ticked: Iterable[str]) -> list[str]:
    return sorted(set(ticked) & {DUPLICATE, LARGE_AMOUNT})


def _plain(text: str) -> Page:
    return Page(text.encode(), media_type="text/plain", headers={"Cache-Control": "no-store"})
