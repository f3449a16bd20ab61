"""Writing down what carriers answered: attempts, orders, receipts, refunds and the ledger, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from topup.fulfilment import inbox
from topup.fulfilment import operations as fulfilment
from topup.fulfilment.operations import NewAttempt, Step
from topup.fulfilment.ports import Limits
from topup.fulfilment.queries import Attempt, attempts
from topup.fulfilment.states import AttemptState
from topup.kernel.errors import NotFound, Problem
from topup.kernel.ids import FulfilmentId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Outcome, Reason, Refused
from topup.ledger import Item
from topup.orders import operations, postings, queries
from topup.orders.completion import Completed, issue_all, post_all
from topup.orders.delivery import Effect, Verdict, judge, path_of
from topup.orders.news import Told, tell
from topup.orders.queries import Order
from topup.orders.quotes import StoredQuote, decoded
from topup.orders.receipts import Paid
from topup.orders.settlement import Settled
from topup.orders.states import Cause, OrderState
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.queries import Capture, Payment, Refund
from topup.payments.states import BACK, Disposition
from topup.platform.database import Connection
from topup.platform.inbox import EventKey
from topup.platform.keys import KeyRing
from topup.platform.together import together
from topup.work.operations import Decision, list_for_person

_UNPLUGGED: Final = Limits(timedelta(0), timedelta(hours=24), timedelta(hours=24))
"""For a carrier whose plugin is gone: nobody can be asked, and after a day a person decides."""


_CALLED_OFF: Final = "called_off"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a carrier (`said_by`, its plugin) said of an attempt: as the answer of its submission, or later."""

    fulfilment_id: FulfilmentId
    outcome: Outcome
    said_by: str
    submission: bool = False
    event: EventKey | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    attempt: Attempt
    order: Order
    quote: StoredQuote
    payment: Payment
    kept: Capture
    is_back: bool
    """Whether the payer has all of the money already: staff gave it back, and no refund is under way."""


@dataclass(slots=True)
class _Plan:
    steps: list[Step] = field(default_factory=list)
    later: list[tuple[int, str, datetime]] = field(default_factory=list)
    moves: list[operations.Move] = field(default_factory=list)
    intents: list[NewAttempt] = field(default_factory=list)
    refunds: list[tuple[Capture, int, str]] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    news: list[Told] = field(default_factory=list)


class Concluding:
    """Concludes deliveries of this installation. `limits` are those of each carrier plugin."""

    def __init__(self, *, keys: KeyRing, public_url: str, limits: Mapping[str, Limits]) -> None:
        self._keys = keys
        self._public_url = public_url
        self._limits = limits

    async def conclude(self, connection: Connection, heard: Sequence[Heard], now: datetime) -> list[Settled | Problem]:
        """Write down many answers. One about an attempt we do not know, or of another carrier's, is NotFound
        `fulfilment_unknown`; of two answers about one attempt in one call the second waits for the next.
        """
        cases = await self._open(connection, heard)
        plan = _Plan()
        answers: list[Settled | Problem] = []
        judged: set[str] = set()
        for item in heard:
            case = cases.get(item.fulfilment_id)
            if case is None or case.attempt.carrier != item.said_by:
                answers.append(NotFound("fulfilment_unknown"))
                continue
            if case.attempt.id in judged or case.order.id in judged:
                answers.append(_collision(case))
                continue
            judged |= {case.attempt.id, case.order.id}
            limits = self._limits.get(case.attempt.carrier, _UNPLUGGED)
            verdict = judge(case.attempt, item.outcome, submission=item.submission, limits=limits, now=now)
            answers.append(self._apply(plan, case, verdict, now))
        await self._write(connection, plan, _done_events(heard, answers), now)
        return answers

    async def withdraw(self, connection: Connection, attempts_: Sequence[FulfilmentId], now: datetime) -> set[str]:
        """Take deliveries back that never left this machine, as their payers wish; the orders whose money goes back.

        The caller holds the attempts locked, each seen `intended` under that lock.
        """
        cases = await self._open(connection, [Heard(one, Refused(Reason.USER, _CALLED_OFF), "") for one in attempts_])
        plan = _Plan()
        verdict = Verdict(AttemptState.REFUSED, Effect.REFUND, cause=Cause.CANCELLED_BY_PAYER, code=_CALLED_OFF)
        for case in cases.values():
            self._apply(plan, case, verdict, now)
        await self._write(connection, plan, [], now)
        return {str(case.order.id) for case in cases.values()}

    def _apply(self, plan: _Plan, case: _Case, verdict: Verdict, now: datetime) -> Settled:
        attempt, order = case.attempt, case.order
        if verdict.state is not None:
            step = Step(attempt.lane, attempt.id, verdict.state, verdict.act_at, verdict.reference, verdict.code)
            plan.steps.append(step)
        elif verdict.act_at is not None:
            plan.later.append((attempt.lane, attempt.id, verdict.act_at))
        path = path_of(verdict, order.state)
        if path and case.is_back and verdict.effect is Effect.REVERSE:
            path = (*path, (OrderState.REFUNDED, Cause.MONEY_BACK))
        if path:
            plan.moves.append(operations.Move(order.lane, order.id, path))
        self._effect(plan, case, verdict, now)
        return Settled(order.id, path[-1][0] if path else order.state, verdict.effect is Effect.RETRY)

    def _effect(self, plan: _Plan, case: _Case, verdict: Verdict, now: datetime) -> None:
        attempt, order, payment = case.attempt, case.order, case.payment
        divided = postings.divided(order, case.quote, payment=payment, carrier=attempt.carrier)
        match verdict.effect:
            case Effect.DELIVER:
                by = Paid(payment, case.kept.reference, case.kept.paid_at)
                plan.completed.append(Completed(order, case.quote, by))
                plan.items += divided
            case Effect.REVERSE:
                plan.items += postings.reversed_(divided)
                # All that went back of a delivered order was given by staff.
                plan.items += postings.goodwill_reversed(order, payment, case.kept.refunded_minor)
                self._refund(plan, case, verdict)
            case Effect.REFUND:
                self._refund(plan, case, verdict)
            case Effect.RETRY:
                plan.intents.append(_next(attempt, now))
            case Effect.PERSON:
                plan.decisions.append(_decision("delivery_unresolved", case, verdict))
            case Effect.CONTRADICTION:
                plan.decisions.append(_decision("carrier_contradicts_itself", case, verdict))

    def _refund(self, plan: _Plan, case: _Case, verdict: Verdict) -> None:
        left = case.kept.amount_minor - case.kept.refunded_minor
        if not left:
            return
        plan.refunds.append((case.kept, left, verdict.cause.value))
        plan.news.append(
            Told(
                order=case.order,
                news="failed",
                public_url=self._public_url,
                money=Money(left, case.kept.currency),
                zone=case.quote.zone,
            )
        )

    async def _open(self, connection: Connection, heard: Sequence[Heard]) -> dict[str, _Case]:
        """The attempts that were spoken of, their orders locked, and the money that pays for them."""
        places = [(lane_of(identifier), identifier) for identifier in {item.fulfilment_id for item in heard}]
        first_seen = await attempts(connection, places)
        orders, known = await together(
            queries.locked(connection, sorted({(a.lane, str(a.order_id)) for a in first_seen.values()})),
            attempts(connection, places),
        )
        quotes = await queries.quotes(connection, [(order.lane, order.quote_id) for order in orders.values()])
        kept = [(order.lane, str(order.kept_payment_id)) for order in orders.values()]
        by_id = await paid.payments(connection, kept)
        captures = await paid.captures(connection, kept)
        given = [(c.lane, str(c.payment_id)) for of in captures.values() for c in of if c.refunded_minor]
        refunds = await paid.refunds_of_payments(connection, given) if given else {}
        cases = {}
        for attempt in known.values():
            order = orders[attempt.order_id]
            payment = by_id[str(order.kept_payment_id)]
            capture = next(c for c in captures[payment.id] if c.disposition is Disposition.KEPT)
            back = sum(one.amount_minor for one in refunds.get(payment.id, []) if _is_back(one, capture))
            is_back = back == capture.amount_minor
            quote = decoded(quotes[order.quote_id].body)
            cases[str(attempt.id)] = _Case(attempt, order, quote, payment, capture, is_back)
        return cases

    async def _write(self, connection: Connection, plan: _Plan, events: Sequence[EventKey], now: datetime) -> None:
        _, _, moved, *_ = await together(
            fulfilment.advance(connection, plan.steps, now),
            fulfilment.act_later(connection, plan.later),
            operations.advance(connection, plan.moves, now),
            payments.request_refunds(connection, plan.refunds, now),
            list_for_person(connection, plan.decisions, now),
            tell(connection, plan.news, now),
            inbox.settled(connection, events, now),
            issue_all(connection, plan.completed, now, keys=self._keys, public_url=self._public_url),
        )
        operations.all_moved(plan.moves, moved)
        # After the attempt before it has been closed: an order has one that is open.
        await fulfilment.intend(connection, plan.intents, now)
        await post_all(connection, plan.items, now)


def _is_back(refund: Refund, capture: Capture) -> bool:
    return refund.reference == capture.reference and refund.state in BACK


class Collided(Problem):
    """`answers_collided`: two answers about one attempt came at once; the second is judged when it is told again."""

    category = "unavailable"


def _collision(case: _Case) -> Problem:
    return Collided("answers_collided", order=case.order.id)


def _done_events(heard: Sequence[Heard], answers: Sequence[Settled | Problem]) -> list[EventKey]:
    """The events that had their effect, or can have none; one that collided stays open for the sweep."""
    return [
        item.event
        for item, answer in zip(heard, answers, strict=True)
        if item.event is not None and not isinstance(answer, Collided)
    ]


def _next(attempt: Attempt, now: datetime) -> NewAttempt:
    return NewAttempt(
        lane=attempt.lane,
        id=FulfilmentId(new_id("fulfilment", attempt.lane)),
        order_id=attempt.order_id,
        number=attempt.number + 1,
        carrier=attempt.carrier,
        msisdn=attempt.msisdn,
        amount=Money(attempt.amount_minor, attempt.currency),
        product=attempt.product,
        submit_at=now,
    )


def _decision(kind: str, case: _Case, verdict: Verdict) -> Decision:
    attempt = case.attempt
    evidence = {
        "order": case.order.id,
        "order_state": case.order.state.value,
        "carrier": attempt.carrier,
        "attempt": attempt.id,
        "attempt_state": attempt.state.value,
        "reference": attempt.reference,
        "code": verdict.code or attempt.code,
        "submitted_at": attempt.submitted_at.isoformat() if attempt.submitted_at else None,
        "asked": attempt.asked,
    }
    return Decision(attempt.lane, kind, attempt.id, evidence)
