"""The port of payments, spoken to WeChat Pay by API v3. Whatever is on no list of `outcomes` is Unknown.

Our ids are its numbers as they are: `out_trade_no` has up to 32 letters, digits, `_`, `-`, `|` and `*`, and an id of a
payment has 30 of them; `out_refund_no` has up to 64. Native, H5, JSAPI and code payments are one order each, of one
payment: it never gives two under one number.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final
from urllib.parse import quote

from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Outcome, Reason, Refused, Unknown
from topup.payments.ports import (
    Action,
    BillLine,
    BillUnavailable,
    Capability,
    EventRejected,
    Fact,
    NoBillYet,
    PaymentAnswer,
    PaymentFact,
    PaymentRequest,
    PaymentStanding,
    RefundRequest,
    Scene,
    Unfit,
    VerifiedEvent,
)
from topup.platform.http import Client
from topup.plugins.payments.wechatpay import bill, outcomes, shapes
from topup.plugins.payments.wechatpay.calling import Calls, Problem
from topup.plugins.payments.wechatpay.orders import CHINA, Incomplete, wanted, with_return
from topup.plugins.payments.wechatpay.settings import WechatpaySettings
from topup.plugins.payments.wechatpay.trust import Distrusted, UnknownSerial
from topup.plugins.payments.wechatpay.wire import Answer, read

_LONGEST_EVENT: Final = 65_536
_NO_CONTENT: Final = 204
_LONGEST_REASON: Final = 80
_NO_STATEMENT: Final = "NO_STATEMENT_EXIST"
_BILL_AFTER: Final = timedelta(hours=34)
"""A day's bill is there at ten in the morning of the next: 34 hours after the day began."""
_CODE_PAYMENT: Final = "MICROPAY"
_REFUND_EVENTS: Final = frozenset({"REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"})


class Wechatpay:
    """What the plug makes. Raises OSError or ValueError for a bad key file, ForbiddenAddress for a bad `base_url`."""

    name = "wechatpay"
    capabilities = frozenset(Capability) - {Capability.KEEP, Capability.AGREEMENT}
    bill_zone: tzinfo = CHINA

    def __init__(self, settings: WechatpaySettings, client: Client) -> None:
        self._settings = settings
        self._calls = Calls(settings, client)

    def unfit(self, amount: Money, scene: Scene) -> Unfit | None:
        """Yuan only, where the merchant has the product, up to its largest amount."""
        if amount.currency != "CNY":
            return Unfit.CURRENCY
        if scene not in self._settings.scenes:
            return Unfit.SCENE
        if amount.amount_minor < 1:
            return Unfit.AMOUNT_TOO_SMALL
        return Unfit.AMOUNT_TOO_LARGE if amount.amount_minor > self._settings.largest_minor else None

    async def start(self, request: PaymentRequest) -> Action | PaymentFact | Outcome:
        """Native, H5 or JSAPI: an order, and how its payer comes to it. A payment code: paid, or waited for."""
        try:
            call = wanted(request, self._settings)
        except Incomplete as incomplete:
            return Refused(Reason.CONFIGURATION, incomplete.code)
        answer = await self._calls.ask("POST", call.path, route="start", content=call.body)
        if not isinstance(answer, Answer):
            return answer
        if request.scene is Scene.COUNTER:
            return await self._code_paid(request.payment_id, answer)
        return self._prepaid(request, answer)

    async def query(self, payment_id: PaymentId) -> PaymentAnswer:
        """The one payment there can be under the number, or its standing without one."""
        found = await self._order(payment_id)
        if found is None:
            return PaymentAnswer((outcomes.standing(payment_id, PaymentStanding.ABSENT),))
        if not isinstance(found, shapes.Order):
            return PaymentAnswer((), found)
        try:
            return PaymentAnswer((self._fact(found),))
        except Distrusted as error:
            return PaymentAnswer((), Unknown(str(error)))

    async def close(self, payment_id: PaymentId) -> Outcome:
        """Forbid further payment. An open order of a payment code is not closed but reversed."""
        content = {"mchid": self._settings.merchant_id}
        answer = await self._calls.ask("POST", f"{_order_path(payment_id)}/close", route="close", content=content)
        if not isinstance(answer, Answer):
            return answer
        if answer.status == _NO_CONTENT or answer.code in outcomes.CLOSED | outcomes.ABSENT:
            return Done(payment_id)
        if answer.code in outcomes.PAID:
            return Refused(Reason.USER, "paid")
        return await self._close_code_payment(payment_id) or outcomes.unlisted(answer)

    async def cancel(self, payment_id: PaymentId) -> Outcome:
        """What is not paid is closed. What is paid goes back: a code payment by being reversed, any other by a refund
        under a number of its own, which is Accepted until it is through.
        """
        order = await self._order(payment_id)
        if order is None:
            return Done(payment_id)
        if not isinstance(order, shapes.Order):
            return order
        try:
            fact = self._fact(order)
        except Distrusted as error:
            return Unknown(str(error))
        if fact.standing is PaymentStanding.CLOSED:
            return Done(payment_id)
        if order.trade_type == _CODE_PAYMENT:
            return await self._reverse(payment_id)
        if fact.standing is PaymentStanding.WAITING:
            closed = await self.close(payment_id)
            return Unknown("paid just now") if isinstance(closed, Refused) else closed
        if fact.amount is None:
            return Unknown("neither paid nor open")
        number = outcomes.cancel_number(payment_id)
        return await self._give_back(number, fact, fact.amount, fact.amount, reason="cancelled")

    async def refund(self, request: RefundRequest) -> Outcome:
        """Give back. The call must say how much was paid in all: so the order is asked for first."""
        order = await self._order(request.payment_id)
        if order is None:
            return Refused(Reason.CONFIGURATION, "ORDER_NOT_EXIST")
        if not isinstance(order, shapes.Order):
            return order
        try:
            fact = self._fact(order)
        except Distrusted as error:
            return Unknown(str(error))
        if fact.amount is None or (fact.reference, fact.amount.currency) != (
            request.reference,
            request.amount.currency,
        ):
            return Refused(Reason.CONFIGURATION, "UNKNOWN_PAYMENT")
        return await self._give_back(request.refund_id, fact, request.amount, fact.amount, reason=request.reason)

    async def query_refund(self, refund_id: RefundId, payment_id: PaymentId) -> Outcome:
        """What became of a refund; ABSENT where it never was taken in."""
        path = f"/v3/refund/domestic/refunds/{quote(refund_id, safe='')}"
        answer = await self._calls.ask("GET", path, route="query_refund")
        if not isinstance(answer, Answer):
            return answer
        if answer.code == outcomes.REFUND_ABSENT:
            return Refused(Reason.ABSENT, answer.code)
        return _refund_answer(answer, refund_id, payment_id) if answer.is_success else outcomes.unlisted(answer)

    def parse_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        """The facts of an event; one of a type we do not know is genuine and says nothing. Raises EventRejected.

        One that is signed with a certificate we have not seen is rejected, and the certificates are fetched meanwhile:
        it comes again in fifteen seconds.
        """
        if len(body) > _LONGEST_EVENT:
            raise EventRejected("too long")
        try:
            self._calls.trust.verify(headers, body, now)
            notice = read(body, shapes.Notice)
            content = self._calls.trust.unseal(notice.resource)
            return VerifiedEvent(notice.id, self._facts(notice.event_type, content))
        except UnknownSerial as error:
            self._calls.begin_to_fetch()
            raise EventRejected(str(error)) from None
        except Distrusted as error:
            raise EventRejected(str(error)) from None

    def acknowledge(self) -> tuple[int, str, bytes]:
        """Status 204 and nothing."""
        return _NO_CONTENT, "application/json", b""

    async def bill(self, day: date) -> list[BillLine]:
        """Every payment and refund of that day in China Standard Time, there from ten in the morning of the next."""
        return [line async for page in self.bill_lines(day) for line in page]

    async def bill_lines(self, day: date) -> AsyncIterator[Sequence[BillLine]]:
        """The lines of `bill`, page by page, of a file that arrived whole and adds up. Raises BillUnavailable."""
        path = f"/v3/bill/tradebill?bill_date={day.isoformat()}&bill_type=ALL&tar_type=GZIP"
        answer = await self._calls.ask("GET", path, route="bill")
        if not isinstance(answer, Answer):
            raise BillUnavailable(str(answer))
        if answer.code == _NO_STATEMENT:
            if datetime.now(UTC) > _begin_of(day) + _BILL_AFTER:
                return  # no payment and no refund on that day
            raise NoBillYet(answer.code)
        if not answer.is_success:
            raise BillUnavailable(answer.code)
        try:
            place = read(answer.body, shapes.BillPlace)
        except Distrusted as error:
            raise BillUnavailable(str(error)) from None
        target = self._calls.target_here(place.download_url)
        if target is None:
            raise BillUnavailable("the bill lies at another address")
        file = await self._calls.fetch_file(target)
        if file is None:
            raise BillUnavailable("the file could not be had")
        pages = bill.pages_of(file, place, day)
        # A day may have a million lines: they are read beside the loop, not in it.
        while page := await asyncio.to_thread(next, pages, None):
            yield page

    async def aclose(self) -> None:
        """Let go of what is being fetched; connections belong to the client."""
        await self._calls.aclose()

    def _prepaid(self, request: PaymentRequest, answer: Answer) -> Action | Outcome:
        if not answer.is_success:
            return outcomes.refused_start(answer)
        try:
            prepaid = read(answer.body, shapes.Prepaid)
        except Distrusted as error:
            return Unknown(str(error))
        if request.scene is Scene.PHONE and prepaid.h5_url:
            return Action("redirect", with_return(prepaid.h5_url, request))
        if request.scene is Scene.WALLET and prepaid.prepay_id:
            now = datetime.now(UTC)
            parameters = self._calls.wire.wallet_call(prepay_id=prepaid.prepay_id, now=now)
            return Action("wallet", parameters=parameters)
        if request.scene in (Scene.DESKTOP, Scene.SCREEN) and prepaid.code_url:
            return Action("qr", prepaid.code_url)
        return outcomes.unlisted(answer)

    async def _code_paid(self, payment_id: PaymentId, answer: Answer) -> Action | PaymentFact | Outcome:
        if answer.code == outcomes.PAYING:
            return Action("wait")
        if answer.is_success:
            facts = self._facts_or_problem(answer.body, payment_id)
        elif answer.code in outcomes.CODE_REFUSED:
            facts = await self.query(payment_id)
        else:
            return outcomes.refused_start(answer)
        if not facts.facts:
            return facts.problem or Unknown("nothing said")
        [fact] = facts.facts
        if fact.standing is PaymentStanding.WAITING:
            return Action("wait")
        if fact.standing is PaymentStanding.ABSENT:
            return Refused(Reason.USER, outcomes.decline_of(answer))
        return replace(fact, reason=outcomes.decline_of(answer)) if fact.standing is PaymentStanding.DECLINED else fact

    async def _close_code_payment(self, payment_id: PaymentId) -> Outcome | None:
        """What became of an order that could not be closed; None where it is not a payment code's."""
        order = await self._order(payment_id)
        if not isinstance(order, shapes.Order) or order.trade_type != _CODE_PAYMENT:
            return None
        try:
            fact = self._fact(order)
        except Distrusted as error:
            return Unknown(str(error))
        if fact.standing is PaymentStanding.PAID:
            return Refused(Reason.USER, "paid")
        return Done(payment_id) if fact.standing is PaymentStanding.CLOSED else await self._reverse(payment_id)

    async def _reverse(self, payment_id: PaymentId) -> Outcome:
        content = {"appid": self._settings.app_id, "mchid": self._settings.merchant_id}
        answer = await self._calls.ask("POST", f"{_order_path(payment_id)}/reverse", route="reverse", content=content)
        if not isinstance(answer, Answer):
            return answer
        if not answer.is_success:
            return outcomes.unlisted(answer)
        try:
            reversed_ = read(answer.body, shapes.Reversed)
        except Distrusted as error:
            return Unknown(str(error))
        return Done(payment_id) if reversed_.out_trade_no == payment_id else Unknown("the answer is about another")

    async def _give_back(self, number: str, paid: PaymentFact, amount: Money, total: Money, *, reason: str) -> Outcome:
        content: dict[str, Any] = {
            "transaction_id": paid.reference,
            "out_refund_no": number,
            "reason": reason.encode()[:_LONGEST_REASON].decode(errors="ignore") or "refund",
            "amount": {"refund": amount.amount_minor, "total": total.amount_minor, "currency": amount.currency},
        }
        if self._settings.refund_notify_url is not None:
            content["notify_url"] = self._settings.refund_notify_url
        answer = await self._calls.ask("POST", "/v3/refund/domestic/refunds", route="refund", content=content)
        if not isinstance(answer, Answer):
            return answer
        if not answer.is_success:
            return outcomes.refused_refund(answer)
        return _refund_answer(answer, number, paid.payment_id, amount_minor=amount.amount_minor)

    async def _order(self, payment_id: PaymentId) -> shapes.Order | Problem | None:
        """The order; None where there is none."""
        path = f"{_order_path(payment_id)}?mchid={self._settings.merchant_id}"
        answer = await self._calls.ask("GET", path, route="query")
        if not isinstance(answer, Answer):
            return answer
        if answer.code in outcomes.ABSENT:
            return None
        if not answer.is_success:
            return outcomes.unlisted(answer)
        try:
            order: shapes.Order = read(answer.body, shapes.Order)
        except Distrusted as error:
            return Unknown(str(error))
        return order if order.out_trade_no == payment_id else Unknown("the answer is about another payment")

    def _fact(self, order: shapes.Order) -> PaymentFact:
        return outcomes.fact_of(order, merchant=self._settings.merchant_id, app=self._settings.app_id)

    def _facts_or_problem(self, body: bytes, payment_id: PaymentId) -> PaymentAnswer:
        try:
            fact = self._fact(read(body, shapes.Order))
        except Distrusted as error:
            return PaymentAnswer((), Unknown(str(error)))
        if fact.payment_id != payment_id:
            return PaymentAnswer((), Unknown("the answer is about another payment"))
        return PaymentAnswer((fact,))

    def _facts(self, event_type: str, content: bytes) -> tuple[Fact, ...]:
        """Raises Distrusted, EventRejected."""
        if event_type == "TRANSACTION.SUCCESS":
            fact = self._fact(read(content, shapes.Order))
            if fact.standing is not PaymentStanding.PAID:
                raise EventRejected("paid, and yet not paid")
            return (fact,)
        if event_type in _REFUND_EVENTS:
            refunded = outcomes.refund_fact(read(content, shapes.RefundNews), merchant=self._settings.merchant_id)
            return () if refunded is None else (refunded,)
        return ()


def _order_path(payment_id: PaymentId) -> str:
    return f"/v3/pay/transactions/out-trade-no/{quote(payment_id, safe='')}"


def _refund_answer(answer: Answer, number: str, payment_id: PaymentId, *, amount_minor: int | None = None) -> Outcome:
    try:
        refund = read(answer.body, shapes.RefundAnswer)
    except Distrusted as error:
        return Unknown(str(error))
    if (refund.out_refund_no, refund.out_trade_no) != (number, payment_id):
        return Unknown("the answer is about another refund")
    if amount_minor not in (None, refund.amount.refund):
        return Unknown("the answer is about another amount")
    return outcomes.refund_outcome(refund.status, refund.refund_id) or outcomes.unlisted(answer)


def _begin_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)
