"""What gateways say of payments, settled: many orders at once, in one transaction, the ledger last.

Whatever comes first, event or query, settles the order; both meet on the gateway's reference. Money that came is never
dropped: it pays the order, or it goes back.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from topup.catalogue.queries import CatalogueCache
from topup.fulfilment import own
from topup.fulfilment.operations import NewAttempt, intend
from topup.kernel.errors import NotFound, Problem
from topup.kernel.ids import FulfilmentId, LineId, OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger import Item
from topup.lines import operations as lines
from topup.lines.queries import Line, LineRef, lines_now
from topup.lines.rules import rulings
from topup.orders import operations, postings, queries
from topup.orders.completion import Completed, issue_all, issue_rest, post_all
from topup.orders.living_lines import LivingLines
from topup.orders.news import Told as ToldPerson
from topup.orders.news import tell
from topup.orders.queries import Order, QuoteRow
from topup.orders.quotes import StoredQuote, checked
from topup.orders.receipts import Paid
from topup.orders.states import Cause, OrderState
from topup.payments import inbox
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.operations import NewCapture, Step
from topup.payments.ports import PaymentFact, PaymentStanding
from topup.payments.postings import SUSPENSE, captured
from topup.payments.queries import Capture, Payment
from topup.payments.states import PAYMENT, Disposition, PaymentState
from topup.platform.database import Connection
from topup.platform.inbox import EventKey
from topup.platform.keys import KeyRing
from topup.platform.together import together


@dataclass(frozen=True, slots=True)
class Told:
    """A verified fact about a payment, who said it (`method`), and the event it came with, if it came with one.

    `full`: the ledger has refused the credit for this reason, so that money it brings goes back.
    """

    fact: PaymentFact
    method: str
    event: EventKey | None = None
    full: Cause | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an order: its state after this, and whether a delivery waits to be submitted."""

    order_id: OrderId
    state: OrderState
    to_submit: bool


@dataclass(slots=True)
class _Case:
    """One payment and its order, and what was decided about them in this flush."""

    payment: Payment
    order: Order
    known: set[str]
    state: PaymentState
    siblings: list["_Case"] = field(default_factory=list)
    """The cases of the same order, this one among them."""
    captures: list[NewCapture] = field(default_factory=list)
    kept: PaymentFact | None = None
    full: Cause | None = None


Path = tuple[tuple[OrderState, Cause], ...]

_TO_LINE: Final[Path] = ((OrderState.DELIVERING, Cause.CREDITING), (OrderState.DELIVERED, Cause.CREDITED))
_TO_CARRIER: Final[Path] = ((OrderState.DELIVERING, Cause.SENT_TO_CARRIER),)


@dataclass(slots=True)
class _Plan:
    """Everything this flush will write."""

    moves: list[operations.Move] = field(default_factory=list)
    intents: list[NewAttempt] = field(default_factory=list)
    credited: list[Completed] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    back: dict[str, Cause] = field(default_factory=dict)
    """Payments whose kept money goes back at once, and why: the line cannot be topped up any more, or not so much."""
    lives: LivingLines = field(default_factory=LivingLines)
    """Of the lines that are credited."""


class Settlement:
    """Settles payments of this installation: its keys sign receipts, its lanes place lines."""

    def __init__(self, *, keys: KeyRing, catalogue: CatalogueCache, lanes: int, public_url: str) -> None:
        self._keys = keys
        self._catalogue = catalogue
        self._lanes = lanes
        self._public_url = public_url

    async def settle(self, connection: Connection, told: Sequence[Told], now: datetime) -> list[Settled | Problem]:
        """Settle many facts. An unknown payment, or one of another gateway's, is NotFound `payment_unknown`.

        Raises LineIsFull where a line may not hold what was paid for: then nothing has happened, and the fact is to be
        told once more with the reason, as `Told.full`.
        """
        cases = await _open(connection, told)
        for item in told:
            case = cases.get(item.fact.payment_id)
            if case is not None and case.payment.method == item.method:
                _judge(case, item.fact, now)
                case.full = item.full or case.full
        changed = [case for case in cases.values() if case.captures or case.state is not case.payment.state]
        plan = await self._plan(connection, [case for case in changed if case.kept], now)
        await self._write(connection, changed, plan, [item.event for item in told if item.event], now)
        final = {move.id: move.path[-1][0] for move in plan.moves}
        waiting = {intent.order_id for intent in plan.intents}
        for case in cases.values():
            # They hold one another: a circle for each order, which only the collector of garbage would undo.
            case.siblings.clear()
        return [_answer(item, cases, final, waiting) for item in told]

    async def _plan(self, connection: Connection, kept: Sequence[_Case], now: datetime) -> _Plan:
        plan = _Plan()
        if not kept:
            return plan
        rows, found = await together(
            queries.quotes(connection, [(case.order.lane, case.order.quote_id) for case in kept]),
            lines_now(connection, [case.order.msisdn for case in kept]),
        )
        quotes = {case.order.id: self._signed(rows[case.order.quote_id]) for case in kept}
        homes, living = await self._lines(connection, [quotes[case.order.id] for case in kept], found, now)
        snapshot = await self._catalogue.current(connection) if living else None
        plan.lives = await LivingLines.open(connection, living, now, snapshot=snapshot)
        for case in kept:
            quote = quotes[case.order.id]
            first = Cause.PAID if case.order.state is OrderState.AWAITING_PAYMENT else Cause.PAID_IN_TIME
            if quote.network != "own":
                plan.intents.append(_intent(case, quote, now))
                path = _TO_CARRIER
            elif (line := homes.get(quote.id)) is None or case.full or not plan.lives.take(quote, line):
                cause = case.full or Cause.NUMBER_CANNOT_BE_TOPPED_UP
                plan.back[case.payment.id] = cause
                path = ((OrderState.REFUNDING, cause),)
            else:
                self._credit(plan, case, quote, line, now)
                path = _TO_LINE
            move = ((OrderState.PAID, first), *path)
            plan.moves.append(operations.Move(case.order.lane, case.order.id, move, case.payment.id))
        return plan

    def _signed(self, row: QuoteRow) -> StoredQuote:
        """The quote as it was signed; one that was edited since credits nothing, and its event is a person's matter."""
        return checked(row, self._keys)

    def _credit(self, plan: _Plan, case: _Case, quote: StoredQuote, line: LineId, now: datetime) -> None:
        order = case.order
        plan.items += postings.divided(order, quote, fee_minor=case.payment.fee_minor, carrier=None)
        credits_ = own.credits_of(
            order_id=order.id, lane=order.lane, line_id=line, grants=quote.grants, paid_from=SUSPENSE, now=now
        )
        plan.items += credits_
        fact = case.kept
        if fact is None or fact.paid_at is None:
            raise ValueError("money that is kept has a time")
        paid_by = Paid(case.payment.method, case.payment.id, fact.reference, fact.paid_at)
        plan.credited.append(Completed(order, quote, paid_by, credits_))

    async def _lines(
        self, connection: Connection, quotes: Sequence[StoredQuote], found: Mapping[str, Line], now: datetime
    ) -> tuple[dict[str, LineId], list[LineRef]]:
        """The line to credit for each quote, by its id; opened where the number has none yet. Absent: it cannot be
        topped up. Two quotes of one number may have been given for two lines: the number was recycled in between.

        And those of them whose lives a top-up may change.
        """
        homes: dict[str, LineId] = {}
        living: list[LineRef] = []
        new: list[StoredQuote] = []
        for quote in quotes:
            line = found.get(quote.msisdn)
            if quote.network == "own" and line is not None and _is_same(line, quote):
                homes[quote.id] = line.ref.id
                living += [line.ref] if line.lives else []
            elif quote.network == "own" and line is None and quote.line_id is None:
                new.append(quote)
        if new:
            rows = [(Msisdn(quote.msisdn, quote.country), quote.carrier_id, quote.zone) for quote in new]
            snapshot = await self._catalogue.current(connection)
            opened = await lines.open_lines(connection, rows, now, lanes=self._lanes, snapshot=snapshot)
            homes |= {quote.id: opened[quote.msisdn].id for quote in new if quote.msisdn in opened}
            ruled = rulings(snapshot)
            living += [opened[quote.msisdn] for quote in new if ruled[quote.carrier_id].lives]
        return homes, living

    async def _write(
        self,
        connection: Connection,
        cases: Sequence[_Case],
        plan: _Plan,
        events: Sequence[EventKey],
        now: datetime,
    ) -> None:
        captures = [capture for case in cases for capture in case.captures]
        back = [
            (_row(capture), _amount(capture).amount_minor, _reason(capture, plan.back))
            for capture in captures
            if capture.disposition is not Disposition.KEPT or capture.payment.id in plan.back
        ]
        failed = [self._failed(case, plan.back[case.payment.id]) for case in cases if case.payment.id in plan.back]
        steps = [_step(case) for case in cases if case.state is not case.payment.state]
        _, _, moved, _, waiting = await together(
            payments.record(connection, captures, now),
            payments.advance(connection, steps, now),
            operations.advance(connection, plan.moves, now),
            inbox.settled(connection, events, now),
            issue_all(connection, plan.credited, now, keys=self._keys, public_url=self._public_url),
        )
        operations.all_moved(plan.moves, moved)
        await payments.request_refunds(connection, back, now)
        await intend(connection, plan.intents, now)
        await tell(connection, failed, now)
        await plan.lives.write(connection)
        items = [*map(_received, captures), *plan.items]
        posted = await post_all(connection, items, now, before=plan.lives.items())
        await issue_rest(connection, waiting, posted, now, keys=self._keys)
        await plan.lives.pay_arrears(connection)

    def _failed(self, case: _Case, cause: Cause) -> ToldPerson:
        paid_ = Money(case.payment.amount_minor, case.payment.currency)
        news = "failed" if cause is Cause.NUMBER_CANNOT_BE_TOPPED_UP else "full"
        return ToldPerson(order=case.order, news=news, public_url=self._public_url, money=paid_, zone="UTC")


def _received(capture: NewCapture) -> Item:
    amount = _amount(capture)
    return captured(
        capture.payment,
        reference=capture.fact.reference,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
    )


async def _open(connection: Connection, told: Sequence[Told]) -> dict[str, _Case]:
    """The payments that were spoken of, with their orders locked."""
    places = [(lane_of(identifier), identifier) for identifier in {item.fact.payment_id for item in told}]
    first_seen = await paid.payments(connection, places)
    orders, known, captures = await together(
        queries.locked(connection, sorted({(p.lane, str(p.order_id)) for p in first_seen.values()})),
        # Read again under the lock: another transaction may have moved them meanwhile.
        paid.payments(connection, places),
        paid.captures(connection, places),
    )
    cases: dict[str, _Case] = {}
    siblings: defaultdict[str, list[_Case]] = defaultdict(list)
    for identifier, payment in known.items():
        seen = {capture.reference for capture in captures.get(identifier, [])}
        of_order = siblings[payment.order_id]
        cases[identifier] = _Case(payment, orders[payment.order_id], seen, payment.state, of_order)
        of_order.append(cases[identifier])
    return cases


def _judge(case: _Case, fact: PaymentFact, now: datetime) -> None:
    """Decide what a fact means for its payment and its order."""
    if fact.standing is PaymentStanding.PAID:
        if fact.reference not in case.known:
            case.known.add(fact.reference)
            disposition = _disposition(case, fact, now)
            case.captures.append(NewCapture(case.payment, fact, disposition))
            if disposition is Disposition.KEPT:
                case.kept = fact
                _keep(case)
        target = PaymentState.PAID
    elif fact.standing is PaymentStanding.DECLINED:
        target = PaymentState.DECLINED
    elif fact.standing is PaymentStanding.WAITING:
        # No news: a payment is `pending` once its payer was told where to pay, and until then may be started again.
        return
    else:
        target = PaymentState.CLOSED
    if PAYMENT.permits(case.state, target):
        case.state = target


def _disposition(case: _Case, fact: PaymentFact, now: datetime) -> Disposition:
    order, payment = case.order, case.payment
    if fact.amount != Money(payment.amount_minor, payment.currency):
        return Disposition.MISMATCHED
    if order.kept_payment_id is not None:
        return Disposition.SURPLUS
    if order.state is OrderState.AWAITING_PAYMENT and now < order.expires_at:
        return Disposition.KEPT
    in_time = fact.paid_at is not None and fact.paid_at <= order.payable_until
    return Disposition.KEPT if in_time else Disposition.LATE


def _keep(case: _Case) -> None:
    """From now on the order has its payment: later facts of this flush, of its other payments too, see it."""
    case.order = replace(case.order, kept_payment_id=PaymentId(case.payment.id))
    for other in case.siblings:
        other.order = case.order


def _is_same(line: Line, quote: StoredQuote) -> bool:
    """Whether the number still leads to the line that was quoted: a recycled number must not inherit a top-up."""
    same = quote.line_id is None or line.ref.id == quote.line_id
    return same and line.status == "active" and line.carrier_id == quote.carrier_id


def _intent(case: _Case, quote: StoredQuote, now: datetime) -> NewAttempt:
    order = case.order
    return NewAttempt(
        lane=order.lane,
        id=FulfilmentId(new_id("fulfilment", order.lane)),
        order_id=order.id,
        number=1,
        carrier=quote.network.removeprefix("external:"),
        msisdn=order.msisdn,
        amount=Money(quote.delivered_minor, quote.currency),
        product=quote.carrier_product,
        submit_at=now,
    )


def _step(case: _Case) -> Step:
    # A payer who was declined may try again on the gateway's page: asked about once more when the time is up.
    ask_at = case.payment.expires_at if case.state is PaymentState.DECLINED else None
    return Step(case.payment.lane, case.payment.id, case.state, ask_at)


def _row(capture: NewCapture) -> Capture:
    amount = _amount(capture)
    return Capture(
        capture.payment.lane,
        capture.payment.id,
        capture.fact.reference,
        amount.amount_minor,
        amount.currency,
        capture.fact.paid_at or capture.payment.created_at,
        capture.disposition,
        0,
    )


def _amount(capture: NewCapture) -> Money:
    if capture.fact.amount is None:
        raise ValueError("money that came has an amount")
    return capture.fact.amount


def _reason(capture: NewCapture, back: Mapping[str, Cause]) -> str:
    kept = capture.disposition is Disposition.KEPT
    return back[capture.payment.id].value if kept else capture.disposition.value


def _answer(
    item: Told, cases: dict[str, _Case], final: dict[str, OrderState], waiting: set[OrderId]
) -> Settled | Problem:
    case = cases.get(item.fact.payment_id)
    if case is None or case.payment.method != item.method:
        return NotFound("payment_unknown")
    return Settled(case.order.id, final.get(case.order.id, case.order.state), case.order.id in waiting)
