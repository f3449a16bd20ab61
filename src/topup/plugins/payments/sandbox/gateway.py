"""The port of payments, spoken to the simulated gateway. Whatever is on no list of codes here is Unknown."""

import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.outcome import Accepted, Done, NotSent, Outcome, Reason, Refused, Throttled, Unknown
from topup.payments.ports import (
    Action,
    BillLine,
    BillUnavailable,
    Capability,
    EventRejected,
    Fact,
    PaymentAnswer,
    PaymentFact,
    PaymentRequest,
    PaymentStanding,
    RefundFact,
    RefundRequest,
    VerifiedEvent,
)
from topup.platform.http import Client, Response
from topup.plugins.payments.sandbox.wire import Answer, Charge, Distrusted, Event, SandboxSettings, Wire, control_code

_BILL_PAGES: Final = 10_000
_OK: Final = 200

# Refused before anything was done, and a person of ours must mend it.
_OURS_TO_MEND: Final = frozenset(
    {"BAD_SIGNATURE", "STALE_REQUEST", "UNKNOWN_MERCHANT", "BAD_REQUEST", "UNKNOWN_CHARGE", "REFUND_EXCEEDS_PAYMENT"}
)
# ALREADY_FINAL is none of them: what is over may have been paid, so it is asked about.
_NOT_TO_BEGIN: Final = frozenset({"OTHER_CONTENT", "BAD_AMOUNT", "BAD_CURRENCY"})
_REFUND_REASONS: Final = {"ACCOUNT_CLOSED": Reason.USER, "REFUND_CHANNEL_DOWN": Reason.CONFIGURATION}
_STANDINGS: Final = {
    "waiting": PaymentStanding.WAITING,
    "declined": PaymentStanding.DECLINED,
    "closed": PaymentStanding.CLOSED,
}
_EVENT_STANDINGS: Final = {"payment.declined": PaymentStanding.DECLINED, "payment.closed": PaymentStanding.CLOSED}

_Problem = NotSent | Throttled | Unknown | Refused


class Sandbox:
    """What the plug makes. Raises OSError or ValueError for a bad key file, ForbiddenAddress for a bad `base_url`.

    A refusal for the sake of the request itself (its signature, its time) speaks of that one sending: as the answer of
    a question it is Unknown, for what was asked about may be in any state.
    """

    name = "sandbox"
    capabilities = frozenset(Capability) - {Capability.KEEP, Capability.AGREEMENT}

    def __init__(self, settings: SandboxSettings, client: Client) -> None:
        client.check_address(settings.base_url)
        self._base = settings.base_url.rstrip("/")
        self._timeout_s = settings.timeout_s
        self._client = client
        self._wire = Wire(settings)
        self._starts_on_page = settings.start == "page"

    def pay_page(self, request: PaymentRequest) -> Action | None:
        """The address of the pay page, with the whole request signed: nothing is sent. None by the setting `start`."""
        return self._page(self._form(request)) if self._starts_on_page else None

    async def start(self, request: PaymentRequest) -> Action | Outcome:
        """The address of the pay page; by the setting `start` after the gateway was told, else nothing is sent."""
        form = self._form(request)
        if self._starts_on_page:
            return self._page(form)
        answer = await self._ask("create", {"form": form})
        if not isinstance(answer, Answer):
            return answer
        if (answer.code, answer.payment_id) == ("OK", request.payment_id):
            return self._page(form)
        return Refused(Reason.USER, answer.code) if answer.code in _NOT_TO_BEGIN else _unlisted(answer)

    def _page(self, form: str) -> Action:
        return Action(type="redirect", url=f"{self._base}/pay?{form}")

    async def query(self, payment_id: PaymentId) -> PaymentAnswer:
        """Every real payment under the number, or its standing without one."""
        answer = await self._ask("query", {"payment_id": payment_id})
        if not isinstance(answer, Answer):
            return PaymentAnswer((), _unanswered(answer))
        if answer.payment_id != payment_id:
            return PaymentAnswer((), Unknown("the answer is about another payment"))
        if answer.code == "PAYMENT_NOT_FOUND":
            return PaymentAnswer((_standing(payment_id, PaymentStanding.ABSENT),))
        if answer.code == "OK" and answer.status == "paid" and answer.payments:
            return _paid(payment_id, answer.payments)
        standing = _STANDINGS.get(answer.status)
        if answer.code == "OK" and standing is not None and not answer.payments:
            return PaymentAnswer((_standing(payment_id, standing),))
        return PaymentAnswer((), _unlisted(answer))

    async def close(self, payment_id: PaymentId) -> Outcome:
        """Forbid further payment. One that is being made at this moment cannot be closed: Unknown."""
        answer = await self._ask("close", {"payment_id": payment_id})
        if isinstance(answer, Answer) and (answer.code, answer.payment_id) == ("ALREADY_PAID", payment_id):
            return Refused(Reason.USER, "paid")
        return _done(answer, payment_id)

    async def cancel(self, payment_id: PaymentId) -> Outcome:
        """Close, and give back whatever was paid; Done also where the gateway never knew it."""
        return _done(await self._ask("cancel", {"payment_id": payment_id}), payment_id)

    async def refund(self, request: RefundRequest) -> Outcome:
        """Give back; the gateway answers a repetition with what became of the first."""
        question: dict[str, str | int] = {
            "refund_id": request.refund_id,
            "payment_id": request.payment_id,
            "reference": request.reference,
            "amount_minor": request.amount.amount_minor,
            "currency": request.amount.currency,
            "reason": request.reason,
        }
        return _refund(await self._ask("refund", question), request.refund_id)

    async def query_refund(self, refund_id: RefundId, payment_id: PaymentId) -> Outcome:
        """What became of a refund; ABSENT where the gateway never had it."""
        answer = await self._ask("refund_query", {"refund_id": refund_id, "payment_id": payment_id})
        if isinstance(answer, Answer) and (answer.code, answer.refund_id) == ("REFUND_NOT_FOUND", refund_id):
            return Refused(Reason.ABSENT, answer.code)
        return _refund(answer, refund_id) if isinstance(answer, Answer) else _unanswered(answer)

    def parse_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        """The facts of an event. One of a type we do not know is genuine and says nothing: no facts.

        `now` plays no part: the gateway resends the same event for hours. Raises EventRejected.
        """
        del now
        event = self._wire.event(headers=headers, body=body)
        try:
            return VerifiedEvent(event.event_id, _facts(event))
        except InvalidMoney:
            raise EventRejected("the amount cannot be read") from None

    def acknowledge(self) -> tuple[int, str, bytes]:
        """`success` and nothing else."""
        return _OK, "text/plain", b"success"

    async def bill(self, day: date) -> list[BillLine]:
        """Every payment and refund of that day, which this gateway counts in UTC. Raises BillUnavailable."""
        lines: list[BillLine] = []
        after = ""
        for _ in range(_BILL_PAGES):
            answer = await self._ask("bill", {"day": day.isoformat(), "after": after})
            if not isinstance(answer, Answer) or answer.code != "OK":
                raise BillUnavailable(str(answer.code if isinstance(answer, Answer) else answer))
            lines += _bill_lines(answer)
            if not answer.next:
                return lines
            after = answer.next
        raise BillUnavailable("the bill does not end")

    async def aclose(self) -> None:
        """Nothing is held here: connections belong to the client."""

    async def sandbox_outcome(self, request: PaymentRequest, outcome: str) -> Outcome:
        """Do without a browser what a payer does on the pay page, for demonstrations and tests.

        `outcome` is `pay`, `decline`, `late`, `twice` or `silent`. The form that `start` signs goes along, so the
        gateway need not have seen the payment before. Refused where the payment can no longer be paid
        (`ALREADY_FINAL`), the outcome is none (`BAD_OUTCOME`), or the form was refused; the code is the gateway's.
        """
        response = await self._client.send(
            method="POST",
            url=f"{self._base}/control/payments/{quote(request.payment_id, safe='')}",
            route="sandbox.control",
            headers={"content-type": "application/json"},
            content=msgspec.json.encode({"outcome": outcome, "form": self._form(request)}),
            timeout_s=self._timeout_s,
        )
        if not isinstance(response, Response):
            return response
        if response.status == _OK:
            return Done(request.payment_id)
        try:
            return Refused(Reason.USER, control_code(response.body))
        except Distrusted as error:
            return Unknown(str(error))

    def _form(self, request: PaymentRequest) -> str:
        return self._wire.form(request=request, timestamp=int(time.time()))

    async def _ask(self, action: str, content: Mapping[str, str | int]) -> Answer | _Problem:
        question = self._wire.question(path=f"/api/{action}", content=content, timestamp=int(time.time()))
        response = await self._client.send(
            method="POST",
            url=self._base + question.path,
            route=f"sandbox.{action}",
            headers=question.headers,
            content=question.body,
            timeout_s=self._timeout_s,
        )
        if not isinstance(response, Response):
            return response
        try:
            answer = self._wire.answer(question=question, response=response)
        except Distrusted as error:
            return Unknown(str(error))
        if answer.code == "THROTTLED":
            return Throttled(max(1, answer.retry_after_s))
        if answer.code in _OURS_TO_MEND:
            return Refused(Reason.CONFIGURATION, answer.code)
        return answer


def _unlisted(answer: Answer) -> Unknown:
    return Unknown(f"unlisted: {answer.code[:40]} {answer.status[:20]}")


def _unanswered(problem: _Problem) -> Outcome:
    return Unknown(f"the question was refused: {problem.code}") if isinstance(problem, Refused) else problem


def _standing(payment_id: PaymentId, standing: PaymentStanding) -> PaymentFact:
    return PaymentFact(payment_id, standing, "", None, None)


def _paid(payment_id: PaymentId, charges: list[Charge]) -> PaymentAnswer:
    try:
        return PaymentAnswer(
            tuple(
                PaymentFact(
                    payment_id,
                    PaymentStanding.PAID,
                    charge.reference,
                    Money(charge.amount_minor, charge.currency),
                    charge.paid_at,
                )
                for charge in charges
            )
        )
    except InvalidMoney:
        return PaymentAnswer((), Unknown("the amount cannot be read"))


def _done(answer: Answer | _Problem, payment_id: PaymentId) -> Outcome:
    if not isinstance(answer, Answer):
        return answer
    if (answer.code, answer.payment_id) == ("OK", payment_id):
        return Done(payment_id)
    return _unlisted(answer)


def _refund(answer: Answer | _Problem, refund_id: RefundId) -> Outcome:
    if not isinstance(answer, Answer):
        return answer
    if (answer.code, answer.refund_id) != ("OK", refund_id):
        return _unlisted(answer)
    return _refund_state(answer.status, answer.reference, answer.reason) or _unlisted(answer)


def _refund_state(status: str, reference: str, reason: str) -> Outcome | None:
    if status == "done" and reference:
        return Done(reference)
    if status == "pending":
        return Accepted(reference)
    if status == "refused" and reason in _REFUND_REASONS:
        return Refused(_REFUND_REASONS[reason], reason)
    return None


def _facts(event: Event) -> tuple[Fact, ...]:
    payment_id = PaymentId(event.payment_id)
    if event.type == "payment.paid":
        if event.amount_minor is None or event.paid_at is None or not event.reference:
            raise EventRejected("paid, without saying what or when")
        money = Money(event.amount_minor, event.currency)
        return (PaymentFact(payment_id, PaymentStanding.PAID, event.reference, money, event.paid_at),)
    if event.type in _EVENT_STANDINGS:
        return (_standing(payment_id, _EVENT_STANDINGS[event.type]),)
    if event.type in ("refund.done", "refund.refused") and event.refund_id:
        outcome = _refund_state(event.type.removeprefix("refund."), event.reference, event.reason)
        return (RefundFact(RefundId(event.refund_id), outcome),) if outcome else ()
    return ()


def _bill_lines(answer: Answer) -> list[BillLine]:
    try:
        return [
            BillLine(line.kind, line.our_id, line.reference, Money(line.amount_minor, line.currency), line.at)
            for line in answer.lines
        ]
    except InvalidMoney:
        raise BillUnavailable("an amount cannot be read") from None
