"""The price before it is paid, and the press that orders and pays."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from uuid import uuid4

from topup.channels.web.forms import Form, read_form
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.reviewing import Answers, Question, method_rows, quote_sheet
from topup.channels.web.tracking import open_payment
from topup.kernel.errors import Conflict, Invalid, Problem, Unavailable
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.orders.desk import Desk
from topup.orders.ordering import DUPLICATE, LARGE_AMOUNT
from topup.orders.views import OrderView, PaymentView, QuoteView
from topup.platform.once import Key
from topup.platform.request_keys import KeyedRequest, RequestKeys, Stored, check_key
from topup.platform.web import limit
from topup.platform.web.edge import caller_of

Made = TypeVar("Made")

PRINCIPAL: Final = "guest"
_PATIENCE_S: Final = 10.0
_ASK_AGAIN_S: Final = 0.1


class ReviewPages:
    """From a signed price to the payment page."""

    def __init__(self, desk: Desk, keys: RequestKeys) -> None:
        self._desk = desk
        self._keys = keys

    async def review(self, request: WebRequest, quote_id: str) -> Page:
        """The whole price, and the ways to pay it."""
        limit(request, "read")
        quote = await self._desk.get_quote(quote_id=quote_id)
        if quote.expired:
            raise Conflict("quote_expired")
        return await self._show(request, quote, Answers(), key=str(uuid4()))

    async def again(self, request: WebRequest, quote_id: str) -> Page:
        """The same top-up at today's price."""
        limit(request, "quote")
        old = await self._desk.get_quote(quote_id=quote_id)
        return go_to(await requoted(self._desk, old))

    async def order(self, request: WebRequest, quote_id: str) -> Page:
        """Order and begin to pay. What must be asked first is asked on the same page, with everything kept."""
        limit(request, "order")
        form = await read_form(request)
        key = check_key(form.one("key"))
        quote = await self._desk.get_quote(quote_id=quote_id)
        try:
            order_id, repeated = await self._ordered(request, quote, form)
        except Conflict as problem:
            if problem.code != "confirmation_needed":
                raise
            answers = _asked(request, quote, form, problem)
            return await self._show(request, quote, answers, key=key, status=409)
        except Invalid as problem:
            if not problem.code.startswith("contact_"):
                raise
            wrong = reader_of(request).wording.problem(problem)
            confirmed = sorted(form.many("confirmations") & {DUPLICATE, LARGE_AMOUNT})
            answers = Answers(form.one("method"), form.one("contact"), confirmed=confirmed, contact_wrong=wrong)
            return await self._show(request, quote, answers, key=key, status=422)
        method = form.one("method")
        if repeated:
            # Pressed again after coming back: on with the payment that is open, where it is of the same kind.
            open_one = open_payment(await self._desk.get_order(order_id=order_id))
            if open_one is not None and open_one.method == method:
                return go_to(f"/orders/{order_id}/payments/{open_one.id}")
        return await pay(request, self._desk, self._keys, order_id=order_id, method=method, key=key)

    async def _show(
        self, request: WebRequest, quote: QuoteView, answers: Answers, *, key: str, status: int = 200
    ) -> Page:
        wording = reader_of(request).wording
        methods = await self._desk.methods(quote_id=quote.id)
        return page(
            request,
            "review.html",
            status=status,
            here=f"/quotes/{quote.id}",
            quote=quote_sheet(quote, wording),
            methods=method_rows(methods, wording, wish=answers.method),
            key=key,
            questions=answers.questions,
            confirmed=answers.confirmed,
            contact=answers.contact,
            contact_wrong=answers.contact_wrong,
        )

    async def _ordered(self, request: WebRequest, quote: QuoteView, form: Form) -> tuple[OrderId, bool]:
        """The order of this price. A price makes one order, so the price's id is the key: two presses, a reload and
        the back button all come to the same one. The second value says whether it was there already.
        """
        wish = KeyedRequest(PRINCIPAL, "web:order", quote.id, b"", new_id("order", lane_of(quote.id)))
        key: Key[OrderView] = Key(wish, lambda order: (303, order.id.encode()))
        made = await patiently(
            lambda: self._desk.order_once(
                key,
                order_id=OrderId(wish.resource),
                quote_id=quote.id,
                contact=form.one("contact") or None,
                confirmations=form.many("confirmations"),
                locale=reader_of(request).wording.locale,
                channel="web",
                payer=caller_of(request),
            )
        )
        return (OrderId(made.body.decode()), True) if isinstance(made, Stored) else (made.id, False)


async def requoted(desk: Desk, old: QuoteView | OrderView) -> str:
    """The path of a new price for what an old price or order was about."""
    amount = None if old.product else old.face
    fresh = await desk.quote(number=old.msisdn.e164, product=old.product, amount=amount, payment_method=None)
    return f"/quotes/{fresh.id}"


async def pay(request: WebRequest, desk: Desk, keys: RequestKeys, *, order_id: OrderId, method: str, key: str) -> Page:
    """Begin to pay, once for each key and method, and go to the payment page; where that cannot be, to the order,
    which says so and offers the ways that are left.
    """
    content = f"{order_id} {method}".encode()
    wish = KeyedRequest(PRINCIPAL, "web:pay", f"{key}:{method}", content, new_id("payment", lane_of(order_id)))
    once: Key[PaymentView] = Key(wish, lambda payment: (303, payment.id.encode()))
    try:
        begun = await patiently(
            lambda: desk.pay_once(
                once,
                keys,
                payment_id=PaymentId(wish.resource),
                order_id=order_id,
                method=method,
                locale=reader_of(request).wording.locale,
            )
        )
    except (Conflict, Unavailable) as problem:
        return go_to(f"/orders/{order_id}?trouble={problem.code}")
    payment_id = begun.body.decode() if isinstance(begun, Stored) else begun.id
    return go_to(f"/orders/{order_id}/payments/{payment_id}")


async def patiently(run: Callable[[], Awaitable[Made | Stored]]) -> Made | Stored:
    """What `run` gives, once the same request that is running already has ended: of two presses a browser shows only
    the answer to the second. Raises Conflict `request_running` when that takes too long.
    """
    waited_s = 0.0
    while True:
        try:
            return await run()
        except Conflict as problem:
            if problem.code != "request_running" or waited_s >= _PATIENCE_S:
                raise
        await asyncio.sleep(_ASK_AGAIN_S)
        waited_s += _ASK_AGAIN_S


def _asked(request: WebRequest, quote: QuoteView, form: Form, problem: Problem) -> Answers:
    """The questions the order waits for, as sentences with a box to tick."""
    wording = reader_of(request).wording
    wanted = problem.parameters.get("confirmations", [])
    minutes = problem.parameters.get("minutes", "")
    sum_ = wording.money(quote.total)
    questions = [
        Question(
            name,
            wording.text(
                f"ask_own_{name}" if name == DUPLICATE and minutes else f"ask_{name}",
                sum=sum_,
                number=quote.msisdn.grouped(),
                minutes=minutes,
            ),
            name in form.many("confirmations"),
        )
        for name in (wanted if isinstance(wanted, list) else [])
    ]
    return Answers(form.one("method"), form.one("contact"), questions)
