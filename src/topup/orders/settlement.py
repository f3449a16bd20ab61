"""What gateways say of payments, settled: many orders at once, in one transaction, the ledger last.

Whatever comes first, event or query, settles the order; both meet on the gateway's reference. Money that came is never
dropped: it pays the order, or it goes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from topup.catalogue.queries import CatalogueCache
from topup.fulfilment import own
from topup.fulfilment.operations import NewAttempt, intend
from topup.kernel.errors import NotFound, Problem
from topup.kernel.ids import FulfilmentId, LineId, OrderId, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger import Item
from topup.lines import operations as lines
from topup.lines.queries import Line, LineRef, lines_now
from topup.lines.rules import rulings
from topup.orders import operations, postings, queries
from topup.orders.cases import LONGEST_REASON, Case, Told, judge, opened
from topup.orders.completion import Completed, Numbered, issue, issue_all, issue_rest, number, post_all
from topup.orders.living_lines import LivingLines
from topup.orders.news import Told as ToldPerson
from topup.orders.news import tell
from topup.orders.queries import Order, QuoteRow
from topup.orders.quotes import StoredQuote, checked
from topup.orders.receipts import Paid
from topup.orders.states import Cause, OrderState
from topup.payments import at_once, inbox
from topup.payments import operations as payments
from topup.payments.operations import NewCapture, Step
from topup.payments.ports import PaymentFact
from topup.payments.postings import SUSPENSE, captured
from topup.payments.queries import Payment
from topup.payments.states import Disposition, PaymentState
from topup.platform.database import Connection
from topup.platform.inbox import EventKey
from topup.platform.keys import KeyRing
from topup.platform.together import together

__all__ = ["LONGEST_REASON", "PaidAtOnce", "Settled", "Settlement", "Told"]


@dataclass(frozen=True, slots=True)
class PaidAtOnce:
    """An order that is made in this very transaction, and paid in full by money that is there: nothing of it is written
    yet, and nothing need be looked up.

    `row`, `channel` and `payer` are as `operations.AtOnce` has them; `line` is the line that its number leads to, if
    one does; `items` is how the money came, to be posted with the rest.
    """

    order: Order
    quote: StoredQuote
    row: tuple[int, str, str, str, bytes, datetime]
    channel: str
    payer: bytes | None
    payment: Payment
    fact: PaymentFact
    line: Line | None
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an order: its state after this, and whether a delivery waits to be submitted."""

    order_id: OrderId
    state: OrderState
    to_submit: bool


Path = tuple[tuple[OrderState, Cause], ...]

_TO_LINE: Final[Path] = ((OrderState.DELIVERING, Cause.CREDITING), (OrderState.DELIVERED, Cause.CREDITED))
_TO_CARRIER: Final[Path] = ((OrderState.DELIVERING, Cause.SENT_TO_CARRIER),)


@dataclass(slots=True)
class _Plan:
    """Everything this flush will write."""

    moves: list[operations.Move] = field(default_factory=list)
    intents: list[NewAttempt] = field(default_factory=list)
    credited: list[Completed] = field(default_factory=list)
    first: list[Item] = field(default_factory=list)
    """What is posted before the captures: how money came that was there already."""
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
        cases = await opened(connection, told)
        for item in told:
            case = cases.get(item.fact.payment_id)
            if case is not None and case.payment.method == item.method:
                judge(case, item, now)
                case.full = item.full or case.full
        changed = [case for case in cases.values() if case.captures or case.state is not case.payment.state]
        await payments.confirm(connection, [named for case in cases.values() for named in case.named])
        plan = await self._planned(connection, [case for case in changed if case.kept], now)
        await self._write(connection, changed, plan, [item.event for item in told if item.event], now)
        final = {move.id: move.path[-1][0] for move in plan.moves}
        waiting = {intent.order_id for intent in plan.intents}
        for case in cases.values():
            # They hold one another: a circle for each order, which only the collector of garbage would undo.
            case.siblings.clear()
        return [_answer(item, cases, final, waiting) for item in told]

    async def settle_at_once(self, connection: Connection, paid_: Sequence[PaidAtOnce], now: datetime) -> list[Settled]:
        """Write orders that are made and paid in this transaction, of each number one, with all that becomes of them.
        Raises LineIsFull as `settle` does, and then nothing of all that has happened.
        """
        cases = [_kept_at_once(one) for one in paid_]
        found = {one.order.msisdn: one.line for one in paid_ if one.line is not None}
        plan = await self._plan(connection, cases, {one.order.id: one.quote for one in paid_}, found, now)
        plan.first = [item for one in paid_ for item in one.items]
        made = [
            operations.AtOnce(one.order, one.row, one.channel, one.payer, move.path, one.payment.id)
            for one, move in zip(paid_, plan.moves, strict=True)
        ]
        numbered = await number(connection, plan.credited, now)
        # What is sent here needs no answer: the database works on it while the receipts are written.
        await operations.create_at_once(connection, made, now)
        await at_once.record(connection, [capture for case in cases for capture in case.captures], now)
        waiting = await issue(connection, numbered, now, keys=self._keys, public_url=self._public_url)
        await self._finish(connection, cases, plan, waiting, now)
        waits = {intent.order_id for intent in plan.intents}
        return [
            Settled(one.order.id, move.path[-1][0], one.order.id in waits)
            for one, move in zip(paid_, plan.moves, strict=True)
        ]

    async def _planned(self, connection: Connection, kept: Sequence[Case], now: datetime) -> _Plan:
        if not kept:
            return _Plan()
        rows, found = await together(
            queries.quotes(connection, [(case.order.lane, case.order.quote_id) for case in kept]),
            lines_now(connection, [case.order.msisdn for case in kept]),
        )
        quotes = {case.order.id: self._signed(rows[case.order.quote_id]) for case in kept}
        return await self._plan(connection, kept, quotes, found, now)

    async def _plan(
        self,
        connection: Connection,
        kept: Sequence[Case],
        quotes: Mapping[OrderId, StoredQuote],
        found: Mapping[str, Line],
        now: datetime,
    ) -> _Plan:
        plan = _Plan()
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

    def _credit(self, plan: _Plan, case: Case, quote: StoredQuote, line: LineId, now: datetime) -> None:
        order = case.order
        plan.items += postings.divided(order, quote, payment=case.payment, carrier=None)
        credits_ = own.credits_of(
            order_id=order.id, lane=order.lane, line_id=line, grants=quote.grants, paid_from=SUSPENSE, now=now
        )
        plan.items += credits_
        fact = case.kept
        if fact is None or fact.paid_at is None:
            raise ValueError("money that is kept has a time")
        paid_by = Paid(case.payment, fact.reference, fact.paid_at)
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
        cases: Sequence[Case],
        plan: _Plan,
        events: Sequence[EventKey],
        now: datetime,
    ) -> None:
        captures = [capture for case in cases for capture in case.captures]
        steps = [_step(case) for case in cases if case.state is not case.payment.state]
        kept = [(case.order.lane, str(case.order.id)) for case in cases if case.kept]
        _, _, moved, _, _, waiting = await together(
            payments.record(connection, captures, now),
            payments.advance(connection, steps, now),
            operations.advance(connection, plan.moves, now),
            inbox.settled(connection, events, now),
            # Nobody should pay a second time by another attempt that is open: its gateway is told at once.
            payments.close_open(connection, kept, now),
            issue_all(connection, plan.credited, now, keys=self._keys, public_url=self._public_url),
        )
        operations.all_moved(plan.moves, moved)
        await self._finish(connection, cases, plan, waiting, now)

    async def _finish(
        self, connection: Connection, cases: Sequence[Case], plan: _Plan, waiting: Sequence[Numbered], now: datetime
    ) -> None:
        """What goes with orders and payments that are written; the ledger last."""
        captures = [capture for case in cases for capture in case.captures]
        back = [
            (capture.row, capture.amount.amount_minor, _reason(capture, plan.back))
            for capture in captures
            if capture.disposition is not Disposition.KEPT or capture.payment.id in plan.back
        ]
        failed = [self._failed(case, plan.back[case.payment.id]) for case in cases if case.payment.id in plan.back]
        await payments.request_refunds(connection, back, now)
        await intend(connection, plan.intents, now)
        await tell(connection, failed, now)
        await plan.lives.write(connection)
        items = [*plan.first, *map(_received, captures), *plan.items]
        posted = await post_all(connection, items, now, before=plan.lives.items())
        await issue_rest(connection, waiting, posted, now, keys=self._keys)
        await plan.lives.pay_arrears(connection)

    def _failed(self, case: Case, cause: Cause) -> ToldPerson:
        paid_ = Money(case.payment.amount_minor, case.payment.currency)
        news = "failed" if cause is Cause.NUMBER_CANNOT_BE_TOPPED_UP else "full"
        return ToldPerson(order=case.order, news=news, public_url=self._public_url, money=paid_, zone="UTC")


def _kept_at_once(one: PaidAtOnce) -> Case:
    """The case of a payment which is all that its order ever had: it is kept."""
    capture = NewCapture(one.payment, one.fact, Disposition.KEPT)
    return Case(one.payment, one.order, set(), PaymentState.PAID, [], captures=[capture], kept=one.fact)


def _received(capture: NewCapture) -> Item:
    amount = capture.amount
    return captured(
        capture.payment,
        reference=capture.fact.reference,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        typed=capture.typed,
    )


def _is_same(line: Line, quote: StoredQuote) -> bool:
    """Whether the number still leads to the line that was quoted: a recycled number must not inherit a top-up."""
    same = quote.line_id is None or line.ref.id == quote.line_id
    return same and line.status == "active" and line.carrier_id == quote.carrier_id


def _intent(case: Case, quote: StoredQuote, now: datetime) -> NewAttempt:
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


def _step(case: Case) -> Step:
    # A payer who was declined may try again on the gateway's page: asked about once more when the time is up.
    ask_at = case.payment.expires_at if case.state is PaymentState.DECLINED else None
    reason = case.reason if case.state is PaymentState.DECLINED else ""
    return Step(case.payment.lane, case.payment.id, case.state, ask_at, reason=reason)


def _reason(capture: NewCapture, back: Mapping[str, Cause]) -> str:
    kept = capture.disposition is Disposition.KEPT
    return back[capture.payment.id].value if kept else capture.disposition.value


def _answer(
    item: Told, cases: dict[str, Case], final: dict[str, OrderState], waiting: set[OrderId]
) -> Settled | Problem:
    case = cases.get(item.fact.payment_id)
    if case is None or case.payment.method != item.method:
        return NotFound("payment_unknown")
    return Settled(case.order.id, final.get(case.order.id, case.order.state), case.order.id in waiting)
