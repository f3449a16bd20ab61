"""What gateways answer about refunds, written down: the refund, its order, and the ledger when the money is back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.errors import NotFound, Problem
from topup.kernel.ids import RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, NotSent, Outcome, Reason, Refused, Throttled
from topup.ledger import Item
from topup.orders import operations, queries
from topup.orders.completion import post_all
from topup.orders.news import Told, tell
from topup.orders.quotes import decoded
from topup.orders.refund_cases import DELAYED, UNRESOLVED, Case, for_person, open_cases, tell_anew
from topup.orders.settlement import Settled
from topup.orders.states import Cause, OrderState
from topup.payments import inbox
from topup.payments import operations as payments
from topup.payments.disputes import Room, room_in
from topup.payments.ports import MONEY_DISPUTED
from topup.payments.postings import gone_back
from topup.payments.queries import Place, Refund
from topup.payments.states import BACK, HORIZON, Disposition, RefundState, ask_after
from topup.platform.database import Connection
from topup.platform.inbox import EventKey
from topup.work.operations import Decision, close_for_person, list_for_person

_OPEN: Final = frozenset({RefundState.SENDING, RefundState.ACCEPTED, RefundState.UNKNOWN, RefundState.DISPUTED})
_ASKED: Final = (UNRESOLVED, DELAYED)
LOOK_AGAIN: Final = timedelta(hours=1)
"""How often a refund is looked at that waits for a bank: the news that ends the dispute has it looked at sooner."""


@dataclass(frozen=True, slots=True)
class RefundHeard:
    """What a gateway (`said_by`, its method) said of a refund: as the answer of sending it, or later. None: it was not
    asked, for the payer objected with the bank; what that leaves to be sent is judged here, under the order's lock.
    """

    refund_id: RefundId
    outcome: Outcome | None
    said_by: str
    sending: bool = False
    event: EventKey | None = None
    by_people: bool = False
    """Two people say that it was sent: so much of it as the payer's bank did not take."""


@dataclass(slots=True)
class _Plan:
    steps: list[tuple[Place, RefundState, datetime | None]] = field(default_factory=list)
    back: list[Case] = field(default_factory=list)
    taken: dict[RefundId, int] = field(default_factory=dict)
    """Of those, what the payer's bank gave back, in minor units."""
    moves: list[operations.Move] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def note(self, case: Case, state: RefundState, taken_minor: int) -> None:
        """Note what is back with the payer, and how much of it by way of their bank."""
        if state not in BACK:
            return
        self.back.append(case)
        taken_minor = case.refund.amount_minor if state is RefundState.TAKEN_BACK else taken_minor
        if taken_minor:
            self.taken[case.refund.id] = taken_minor

    def taken_of(self, other: Case) -> int:
        """What counts by this plan as taken of the same money for other refunds."""
        same = [case.refund.id for case in self.back if case.capture == other.capture]
        return sum(self.taken.get(identifier, 0) for identifier in same)


def next_of(
    refund: Refund, outcome: Outcome, *, sending: bool, now: datetime, horizon: timedelta = HORIZON
) -> tuple[RefundState, datetime | None]:
    """The refund's next state and when to act again. It may be sent again, only ever under its own number, where
    nothing was sent or the gateway positively never had it: that is tried on, hourly in the end.
    """
    later = now + ask_after(refund.tries)
    match outcome:
        case Done():
            return RefundState.REFUNDED, None
        case Refused(Reason.ABSENT, _) if not sending and refund.state is not RefundState.ACCEPTED:
            return RefundState.REQUESTED, later
        case Refused(_, code) if sending and code == MONEY_DISPUTED:
            return RefundState.DISPUTED, now + LOOK_AGAIN
        case Refused(reason, _) if sending or reason is not Reason.ABSENT:
            return RefundState.NEEDS_PERSON, None
        case NotSent() if sending:
            return RefundState.REQUESTED, later
        case Throttled(retry_after_s) if sending:
            return RefundState.REQUESTED, max(later, now + timedelta(seconds=retry_after_s))
    # What was sent just now is asked about once at least, however old the refund is.
    if not sending and now - refund.created_at > horizon:
        return RefundState.NEEDS_PERSON, None
    if isinstance(outcome, Accepted) or refund.state is RefundState.ACCEPTED:
        return RefundState.ACCEPTED, later
    return RefundState.UNKNOWN, later


def next_in_dispute(room: Room, now: datetime, *, is_left: bool) -> tuple[RefundState, datetime | None]:
    """The next state of a refund that was not sent, by what the payer's bank leaves of the money; `is_left` says
    whether it took less than all of the refund.
    """
    return {
        Room.FREE: (RefundState.REQUESTED, now),
        Room.WAITS: (RefundState.DISPUTED, now + LOOK_AGAIN),
        Room.TAKEN_BACK: (RefundState.TAKEN_BACK, None),
        Room.FOR_PERSON: (RefundState.NEEDS_PERSON if is_left else RefundState.TAKEN_BACK, None),
    }[room]


class Refunding:
    """Concludes refunds of this installation. `horizons` are how long those of a method may take, where it is not
    HORIZON.
    """

    def __init__(self, *, public_url: str, horizons: Mapping[str, timedelta]) -> None:
        self._public_url = public_url
        self._horizons = horizons

    async def conclude(
        self, connection: Connection, heard: Sequence[RefundHeard], now: datetime
    ) -> list[Settled | Problem]:
        """Write down many answers. One about a refund we do not know, or of another gateway's, is NotFound
        `refund_unknown`.
        """
        cases = await open_cases(connection, {item.refund_id for item in heard})
        plan = _Plan()
        answers: list[Settled | Problem] = []
        judged: set[str] = set()
        done: list[EventKey] = []
        for item in heard:
            case = cases.get(item.refund_id)
            # Of two answers about one refund in one call, the second one's event stays open for the sweep.
            if item.event is not None and item.refund_id not in judged:
                done.append(item.event)
            if case is None or case.payment.method != item.said_by:
                answers.append(NotFound("refund_unknown"))
                continue
            if case.refund.id not in judged:
                judged.add(case.refund.id)
                _apply(plan, case, item, now, self._horizons.get(case.payment.method, HORIZON))
            answers.append(Settled(case.order.id, case.order.state, to_submit=False))
        moved = await payments.advance_refunds(connection, plan.steps, now)
        if any(case.refund.id not in moved for case in plan.back):
            raise operations.NotMoved("a refund")
        operations.all_moved(plan.moves, await operations.advance(connection, plan.moves, now))
        await list_for_person(connection, plan.decisions, now)
        # Whoever was asked about it need not look any more.
        solved = [(case.refund.lane, kind, str(case.refund.id)) for case in plan.back for kind in _ASKED]
        await close_for_person(connection, solved, now)
        await self._tell(connection, plan.back, now)
        await inbox.settled(connection, done, now)
        await self._note_taken(connection, plan, now)
        items: list[Item] = []
        for case in plan.back:
            items += gone_back(case.payment, case.refund, taken_minor=plan.taken.get(case.refund.id, 0))
        await post_all(connection, items, now)
        return answers

    async def _note_taken(self, connection: Connection, plan: _Plan, now: datetime) -> None:
        """What a bank took of one refund it did not take of the others of the same payment."""
        taken = [((case.refund.lane, str(case.refund.id)), plan.taken.get(case.refund.id, 0)) for case in plan.back]
        await payments.note_taken(connection, [(place, minor) for place, minor in taken if minor])
        disputed = {(case.payment.lane, str(case.payment.id)) for case in plan.back if case.disputes}
        if disputed:
            await tell_anew(connection, sorted(disputed), now)

    async def _tell(self, connection: Connection, back: Sequence[Case], now: datetime) -> None:
        spoken = [case for case in back if case.order.contact_id or case.order.payer_id]
        quotes = await queries.quotes(connection, [(case.order.lane, case.order.quote_id) for case in spoken])
        news = [
            Told(
                order=case.order,
                news="refunded",
                public_url=self._public_url,
                money=Money(case.refund.amount_minor, case.refund.currency),
                zone=decoded(quotes[case.order.quote_id].body).zone,
                key=case.refund.id,
            )
            for case in spoken
        ]
        await tell(connection, news, now)


def _apply(plan: _Plan, case: Case, item: RefundHeard, now: datetime, horizon: timedelta) -> None:
    refund = case.refund
    settled = isinstance(item.outcome, Done) and refund.state in {RefundState.NEEDS_PERSON, RefundState.REQUESTED}
    if refund.state not in _OPEN and not settled:
        return
    taken_minor = case.taken_minor(meanwhile_minor=plan.taken_of(case)) if case.disputes else 0
    is_left = taken_minor < refund.amount_minor
    if item.outcome is None:
        state, act_at = next_in_dispute(room_in(case.capture, case.disputes), now, is_left=is_left)
    else:
        state, act_at = next_of(refund, item.outcome, sending=item.sending, now=now, horizon=horizon)
    if item.by_people and not is_left:
        state = RefundState.TAKEN_BACK
    plan.note(case, state, taken_minor if item.by_people else 0)
    plan.steps.append(((refund.lane, refund.id), state, act_at))
    if state is RefundState.NEEDS_PERSON:
        plan.decisions.append(for_person(UNRESOLVED, case, item.outcome))
    waits = {RefundState.REQUESTED, RefundState.DISPUTED}
    if state in waits and not case.disputes and now - refund.created_at > horizon:
        # It is tried on, and no harm is done by that; but somebody waits for their money.
        plan.decisions.append(for_person(DELAYED, case, item.outcome))
    if case.capture.disposition is not Disposition.KEPT:
        return
    # Only the money that is kept concerns the order.
    if state in BACK and case.order.state in {OrderState.REFUNDING, OrderState.NEEDS_PERSON}:
        plan.moves.append(_move(case, OrderState.REFUNDED, Cause.MONEY_BACK))
    if state is RefundState.NEEDS_PERSON and case.order.state is OrderState.REFUNDING:
        plan.moves.append(_move(case, OrderState.NEEDS_PERSON, Cause.REFUND_REFUSED))


def _move(case: Case, state: OrderState, cause: Cause) -> operations.Move:
    return operations.Move(case.order.lane, case.order.id, ((state, cause),))
