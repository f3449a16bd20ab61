"""The price before it is paid, and the press that orders and pays."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import uuid4

from litestar.datastructures import Cookie

from topup.care.desk import Care
from topup.channels.web import typed_codes
from topup.channels.web.forms import Form, read_form
from topup.channels.web.helping.tips import rush_tip
from topup.channels.web.keeping import Keeping, problem_of
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of, scene_of
from topup.channels.web.reviewing import Answers, Question, chosen_way, method_rows, quote_sheet
from topup.channels.web.whereabouts import currency_of
from topup.kernel.errors import Conflict, Invalid, Problem, Throttled, Unavailable
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import MAXIMUM_AMOUNT
from topup.orders.awaited import open_payment
from topup.orders.desk import Desk
from topup.orders.ordering import DUPLICATE, LARGE_AMOUNT
from topup.orders.paying import Presented
from topup.orders.views import MethodView, OrderView, PaymentView, QuoteView
from topup.platform.once import Key
from topup.platform.request_keys import KeyedRequest, RequestKeys, Stored, check_key
from topup.platform.web import client_address, limit
from topup.platform.web.edge import caller_of

Made = TypeVar("Made")

PRINCIPAL: Final = "guest"
_FIELDS: Final = {"contact_": "contact", "voucher_": "code", "coupons_": "coupon"}
"""How the codes of problems begin that are told at a field of the price's form, and which field."""
_FILLED: Final = ("method", "contact")
_GONE: Final = frozenset({"offer_gone", "points_gone"})
_SPENDS: Final = {"all": MAXIMUM_AMOUNT, "none": 0}
"""What the payer may say of their points: as many as may be, or none."""
_GUESSED: Final = "coupons_guessed"
_PATIENCE_S: Final = 10.0
_ASK_AGAIN_S: Final = 0.1


class ReviewPages:
    """From a signed price to the payment page."""

    def __init__(self, desk: Desk, care: Care, keys: RequestKeys, keeping: Keeping) -> None:
        self._desk = desk
        self._care = care
        self._keys = keys
        self._keeping = keeping

    async def review(self, request: WebRequest, quote_id: str) -> Page:
        """The whole price, and the ways to pay it."""
        limit(request, "read")
        quote = await self._seen(request, quote_id)
        return await self._show(request, quote, Answers(), key=str(uuid4()))

    async def again(self, request: WebRequest, quote_id: str) -> Page:
        """The same top-up at today's price."""
        limit(request, "quote")
        old = await self._desk.get_quote(quote_id=quote_id)
        return go_to(f"/quotes/{(await requoted(self._desk, request, old)).id}")

    async def coded(self, request: WebRequest, quote_id: str) -> Page:
        """The same top-up with one more code, or with one's points or without, at the price that comes of it, with
        everything kept.
        """
        form = await read_form(request)
        return await self._with_code(request, await self._desk.get_quote(quote_id=quote_id), form)

    async def _with_code(self, request: WebRequest, old: QuoteView, form: Form) -> Page:
        limit(request, "quote")
        try:
            points = _SPENDS.get(form.one("points"))
            fresh = await requoted(self._desk, request, old, coupon=form.one("coupon"), points=points)
        except Throttled as problem:
            if problem.code != _GUESSED or old.expired:
                raise
            return self._ask(old, form, problem=problem, cookie=self._pin(request, old, form), key=str(uuid4()))
        if not any(form.one(name) for name in _FILLED):
            return go_to(f"/quotes/{fresh.id}")
        return self._ask(fresh, form, cookie=self._pin(request, fresh, form), key=str(uuid4()))

    async def order(self, request: WebRequest, quote_id: str) -> Page:
        """Order and begin to pay. What must be asked first is asked on the same page, with everything kept."""
        limit(request, "order")
        form = await read_form(request)
        key = check_key(form.one("key"))
        quote = await self._desk.get_quote(quote_id=quote_id)
        if _is_news(form.one("coupon"), quote):
            # Typed, and not yet in the price: nobody pays more than they think they will.
            return await self._with_code(request, quote, form)
        try:
            await self._look_at_code(request, quote, form)
            order_id, repeated = await self._ordered(request, quote, form)
        except Conflict as problem:
            if problem.code in _GONE:
                return self._ask(await requoted(self._desk, request, quote), form, problem=problem)
            if problem.code != "confirmation_needed":
                raise
            cookie = self._pin(request, quote, form)
            return self._ask(quote, form, cookie=cookie, asked=dict(problem.parameters))
        except Invalid as problem:
            if not problem.code.startswith(tuple(_FIELDS)):
                raise
            return self._ask(quote, form, problem=problem)
        if form.one("where") == "elsewhere":
            return go_to(f"/orders/{order_id}/elsewhere")
        method = form.one("method")
        if repeated:
            # Pressed again after coming back: on with the payment that is open, where it is of the same kind.
            open_one = open_payment(await self._desk.get_order(order_id=order_id))
            if open_one is not None and (open_one.method, open_one.amount.currency) == _meant(method, quote):
                return go_to(f"/orders/{order_id}/payments/{open_one.id}")
        code = form.one("code")
        who = reader_of(request).subscriber
        keep_for = who.id if who is not None and form.one("keep") == method else None
        return await pay(
            request, self._desk, self._keys, order_id=order_id, method=method, key=key, code=code, keep_for=keep_for
        )

    def _ask(
        self,
        quote: QuoteView,
        form: Form,
        *,
        problem: Problem | None = None,
        cookie: Cookie | None = None,
        key: str | None = None,
        **more: object,
    ) -> Page:
        """To the price again, with everything kept, and with what must be asked or is wrong."""
        fields = {"key": key or form.one("key")} | {name: form.one(name) for name in _FILLED}
        ticked = sorted(form.many("confirmations") & {DUPLICATE, LARGE_AMOUNT})
        token = self._keeping.seal(fields, place=quote.id, problem=problem, ticked=ticked, **more)
        return go_to(f"/quotes/{quote.id}/asked/{token}", cookie=cookie)

    def _pin(self, request: WebRequest, quote: QuoteView, form: Form) -> Cookie | None:
        """The voucher's PIN that was typed, for the page of that price."""
        code = form.one("code")
        return typed_codes.kept(request, self._keeping, code, quote_id=quote.id) if code else None

    async def asked(self, request: WebRequest, quote_id: str, token: str) -> Page:
        """The price once more, with what must be asked before, or is wrong."""
        limit(request, "read")
        quote = await self._seen(request, quote_id)
        kept = self._keeping.open(token, place=quote.id)
        problem = problem_of(kept)
        # A PIN that was wrong is not shown again.
        code = typed_codes.typed(request, self._keeping, quote_id=quote.id) if _keeps_pin(problem) else ""
        if problem is None:
            answers = _questions(request, quote, kept)
        else:
            said, fields = reader_of(request).wording.problem(problem), kept["fields"]
            wrong = {} if problem.code in _GONE else {_field_of(problem): said}
            notice = said if problem.code in _GONE else None
            answers = Answers(fields["method"], fields["contact"], confirmed=kept["ticked"], wrong=wrong, notice=notice)
        return await self._show(request, quote, answers, key=kept["fields"]["key"], code=code)

    async def _seen(self, request: WebRequest, quote_id: str) -> QuoteView:
        """A price that still holds, as whoever looks may see it; raises Conflict `quote_expired` and others."""
        who = reader_of(request).subscriber
        quote = await self._desk.get_quote(quote_id=quote_id, subscriber_id=who.id if who else None)
        if quote.expired:
            raise Conflict("quote_expired")
        return quote

    async def _show(self, request: WebRequest, quote: QuoteView, answers: Answers, *, key: str, code: str = "") -> Page:
        wording = reader_of(request).wording
        methods = await self._desk.methods(quote_id=quote.id, scene=scene_of(request))
        wish = answers.method or await self._last_way(request, quote)
        return page(
            request,
            "review.html",
            code=code,
            quote=quote_sheet(quote, wording),
            methods=method_rows(
                methods, wording, zone=quote.zone, wish=wish, near=currency_of(request, quote.created_at)
            ),
            key=key,
            keeps=self._keeps(request, methods),
            questions=answers.questions,
            confirmed=answers.confirmed,
            contact=answers.contact,
            typed=next((one.shown for one in quote.codes if not one.exists), ""),
            wrong=answers.wrong,
            notice=answers.notice,
            rush=await rush_tip(self._care, request, zone=quote.zone),
        )

    def _keeps(self, request: WebRequest, methods: Sequence[MethodView]) -> frozenset[str]:
        """The ways to pay with which somebody who is signed in may leave a card; in the price's own currency, for that
        is what they are charged in later.
        """
        if reader_of(request).subscriber is None:
            return frozenset()
        return frozenset(one.method for one in methods if self._desk.instruments.keeps(one.method))

    async def _last_way(self, request: WebRequest, quote: QuoteView) -> str:
        """The id of the row that somebody who is signed in paid by last; empty where they never did, or nobody is."""
        who = reader_of(request).subscriber
        if who is None:
            return ""
        habit = await self._desk.habit(payer_id=who.id, number=quote.msisdn.e164)
        if not habit.method or habit.currency in {None, quote.total.currency}:
            return habit.method or ""
        return f"{habit.method}:{habit.currency}"

    async def _look_at_code(self, request: WebRequest, quote: QuoteView, form: Form) -> None:
        """That a code which was typed would pay, before anything is ordered: a wrong one is told where it was typed. It
        is not kept for that page: no address has it, not even sealed.
        """
        if form.one("where") == "elsewhere":
            return
        method, _ = chosen_way(form.one("method"))
        presented = Presented(client_address(request), form.one("code") or None, payer=caller_of(request))
        await self._desk.look_at_code(quote_id=quote.id, method=method, presented=presented)

    async def _ordered(self, request: WebRequest, quote: QuoteView, form: Form) -> tuple[OrderId, bool]:
        """The order of this price. A price makes one order, so the price's id is the key: two presses, a reload and
        the back button all come to the same one. The second value says whether it was there already.
        """
        wish = KeyedRequest(PRINCIPAL, "web:order", quote.id, b"", new_id("order", lane_of(quote.id)))
        key: Key[OrderView] = Key(wish, lambda order: (303, order.id.encode()))
        reader = reader_of(request)
        who = reader.subscriber
        owner = who is not None and await self._desk.has_line(subscriber_id=who.id, number=quote.msisdn.e164)
        made = await patiently(
            lambda: self._desk.order_once(
                key,
                order_id=OrderId(wish.resource),
                quote_id=quote.id,
                contact=form.one("contact") or None,
                confirmations=form.many("confirmations"),
                locale=reader.wording.locale,
                channel="link" if quote.link else "web",
                sees_balance=owner,
                payer=caller_of(request),
                payer_id=who.id if who else None,
            )
        )
        return (OrderId(made.body.decode()), True) if isinstance(made, Stored) else (made.id, False)


def _field_of(problem: Invalid) -> str:
    return next(field for prefix, field in _FIELDS.items() if problem.code.startswith(prefix))


def _meant(way: str, quote: QuoteView) -> tuple[str, str]:
    method, currency = chosen_way(way)
    return method, currency or quote.total.currency


async def requoted(
    desk: Desk, request: WebRequest, old: QuoteView | OrderView, *, coupon: str = "", points: int | None = None
) -> QuoteView:
    """A new price for what an old price or order was about, with the codes that were entered for it, and one more; with
    so many `points` at most, or as many as were asked to be spent before.
    """
    before = old.points.asked if old.points else 0
    amount = None if old.product else old.face
    if old.link:
        # Through a link for as long as it leads anywhere: raises NotFound link_over.
        await desk.links.open(link_id=old.link)
    who = reader_of(request).subscriber
    entered = await desk.coupons(quote_id=old.quote_id if isinstance(old, OrderView) else old.id)
    return await desk.quote(
        number=old.msisdn.e164,
        product=old.product,
        amount=amount,
        payment_method=None,
        link=old.link,
        hides_number=old.hides_number,
        channel="link" if old.link else "web",
        coupons=(*entered, coupon),
        payer_id=who.id if who else None,
        guessing=desk.guesser(payer=who.id if who else None, address=client_address(request)),
        points=before if points is None else points,
    )


async def pay(
    request: WebRequest,
    desk: Desk,
    keys: RequestKeys,
    *,
    order_id: OrderId,
    method: str,
    key: str,
    code: str = "",
    at: str = "",
    keep_for: str | None = None,
) -> Page:
    """Begin to pay, once for each key and way (the id of a row), and go to the payment page; where that cannot be, to
    the page it is paid on, which says so and offers the ways that are left: the order's, unless another is named by
    `at`. `code` is what the payer showed, a voucher's PIN; `keep_for` the subscriber who leaves their card.
    """
    by, currency = chosen_way(method)
    content = f"{order_id} {method} {keep_for or ''}".encode()
    wish = KeyedRequest(PRINCIPAL, "web:pay", f"{key}:{method}", content, new_id("payment", lane_of(order_id)))
    once: Key[PaymentView] = Key(wish, lambda payment: (303, payment.id.encode()))
    try:
        begun = await patiently(
            lambda: desk.pay_once(
                once,
                keys,
                payment_id=PaymentId(wish.resource),
                order_id=order_id,
                method=by,
                currency=currency,
                locale=reader_of(request).wording.locale,
                scene=scene_of(request),
                keep_for=keep_for,
                presented=Presented(
                    client_address(request), code or None, payer=caller_of(request), return_path=at or None
                ),
            )
        )
    except (Conflict, Unavailable) as problem:
        return go_to(f"{at or f'/orders/{order_id}'}?trouble={problem.code}")
    payment_id = begun.body.decode() if isinstance(begun, Stored) else begun.id
    return go_to(f"{at or f'/orders/{order_id}'}/payments/{payment_id}")


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


def _keeps_pin(problem: Problem | None) -> bool:
    return problem is None or problem.code == _GUESSED


def _is_news(coupon: str, quote: QuoteView) -> bool:
    """Whether a code was typed that this price does not know; a wrong one that it does know is in its field still."""
    return bool(coupon) and not any(one.was_typed_as(coupon) for one in quote.codes)


def _questions(request: WebRequest, quote: QuoteView, kept: Mapping[str, Any]) -> Answers:
    """The questions the order waits for, as sentences with a box to tick."""
    wording = reader_of(request).wording
    asked = kept.get("asked", {})
    minutes = asked.get("minutes", "")
    own = "ask_own_duplicate_unpaid" if asked.get("unpaid") else "ask_own_duplicate"
    sum_ = wording.money(quote.total)
    questions = [
        Question(
            name,
            wording.text(
                own if name == DUPLICATE and minutes else f"ask_{name}",
                sum=sum_,
                number=quote.shown_number,
                minutes=minutes,
            ),
            name in kept["ticked"],
        )
        for name in asked.get("confirmations", ())
    ]
    known = [] if questions else kept["ticked"]
    return Answers(kept["fields"]["method"], kept["fields"]["contact"], questions, known)
