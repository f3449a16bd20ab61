"""What the ways to pay have alike whose money a person takes and gives back: over a till, at a card terminal.

Behind the port of gateways: a payment is written down when it is begun, somebody takes the money, and then it is paid.
What goes back is given back by hand too, and waits on the work list until then.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Generic

from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Outcome, Reason, Refused
from topup.payments.cash import records as cash
from topup.payments.methods.own import NOT_PAID, OVER_REFUND, OwnMethod, closed, unpaid
from topup.payments.ports import Action, BillLine, PaymentFact, PaymentRequest, PaymentStanding, RefundRequest
from topup.payments.taken_by_hand import B, Book, P
from topup.payments.terminal import records as terminal
from topup.payments.transfers.queries import return_of
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection
from topup.work.operations import Decision, list_for_person

REFUNDS_TAKE: Final = timedelta(days=30)
"""How long a payer may take to collect what goes back before another person is asked about it."""


async def is_given_by_hand(connection: Connection, refund_id: RefundId) -> bool:
    """Whether a person is to give this refund back, or did, and notes it where that is done; asked of what is written
    down, so that it holds of a way to pay that was turned off since, too.
    """
    return (
        await return_of(connection, refund_id) is not None
        or await cash.BOOK.back_of(connection, refund_id) is not None
        or await terminal.BOOK.back_of(connection, refund_id) is not None
    )


@dataclass(frozen=True, slots=True)
class Points:
    """The points at which a test may end the process, around each commit."""

    begin: tuple[str, str]
    close: tuple[str, str]
    refund: tuple[str, str]

    @classmethod
    def of(cls, name: str) -> "Points":
        """Declared under `name`."""
        return cls(*((_label(name, deed, "before"), _label(name, deed, "after")) for deed in cls.__slots__))


def _label(name: str, deed: str, when: str) -> str:
    return crash_label(f"{name}.{deed}.{when}_commit")


class ByHand(OwnMethod, Generic[P, B]):
    """A way to pay by hand. Each names its `book`, its `points`, and what the work list calls a giving back."""

    refunds_take = REFUNDS_TAKE
    book: Book[P, B]
    points: Points
    to_give_back: str

    async def start(self, request: PaymentRequest) -> Action | PaymentFact | Outcome:
        """Write down what is to be taken, before anything is."""
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            await self.book.begin(connection, request.payment_id, request.amount, transaction.now, state="waiting")
            found = await self.book.payment_of(connection, request.payment_id)
            crash_point(self.points.begin[0])
        crash_point(self.points.begin[1])
        if found is not None and found.state == "taken":
            return self._fact(found)
        return Refused(Reason.USER, "payment_closed") if found is None or found.state == "closed" else Action("wait")

    async def close(self, payment_id: PaymentId) -> Outcome:
        """Nobody takes money for it any more, unless somebody has."""
        async with self._database.transaction() as transaction:
            taken = await self.book.close(transaction.connection, payment_id, transaction.now)
            crash_point(self.points.close[0])
        crash_point(self.points.close[1])
        return closed(payment_id, is_paid=taken)

    async def refund(self, request: RefundRequest) -> Outcome:
        """Have it given back by hand. Refused: not_paid, over_refund."""
        async with self._database.transaction() as transaction:
            outcome = await self._promised(transaction.connection, request, transaction.now)
            crash_point(self.points.refund[0])
        crash_point(self.points.refund[1])
        return outcome

    async def bill(self, day: date) -> list[BillLine]:
        """What was taken and given back on that day in UTC."""
        async with self._database.read() as transaction:
            taken = await self.book.taken_on(transaction.connection, day)
            back = await self.book.given_back_on(transaction.connection, day)
        return [
            *(
                BillLine("payment", one.payment_id, self._reference(one), one.amount, at)
                for one in taken
                if (at := self._taken_at(one))
            ),
            *(BillLine("refund", b.id, b.id, Money(b.amount_minor, b.currency), b.paid_at) for b in back if b.paid_at),
        ]

    @abstractmethod
    def _reference(self, taken: P) -> str:
        """What one who took the money calls the payment."""

    @abstractmethod
    def _taken_at(self, taken: P) -> datetime | None:
        """When its money was taken."""

    def _evidence(self, taken: P) -> Mapping[str, Any]:  # noqa: ARG002 - some have none
        """What whoever gives it back must know beside its amount."""
        return {}

    async def _known(self, connection: Connection, payment_id: PaymentId) -> list[PaymentFact]:
        found = await self.book.payment_of(connection, payment_id)
        return [self._fact(found)] if found else []

    async def _known_back(self, connection: Connection, refund_id: RefundId) -> Outcome | None:
        back = await self.book.back_of(connection, refund_id)
        return _given_back(back) if back else None

    async def _promised(self, connection: Connection, request: RefundRequest, now: datetime) -> Outcome:
        taken = await self.book.payment_of(connection, request.payment_id, lock=True)
        if taken is None or taken.state != "taken":
            return NOT_PAID
        if (before := await self.book.back_of(connection, request.refund_id)) is not None:
            return _given_back(before)
        amount = request.amount
        if not await self.book.promise_back(connection, taken, request.refund_id, amount, now):
            return OVER_REFUND
        evidence = {
            "payment": request.payment_id,
            "amount_minor": amount.amount_minor,
            "currency": amount.currency,
            **self._evidence(taken),
            "reason": request.reason,
        }
        wish = Decision(taken.lane, self.to_give_back, request.refund_id, evidence)
        await list_for_person(connection, [wish], now)
        return Accepted(request.refund_id)

    def _fact(self, found: P) -> PaymentFact:
        if found.state == "taken":
            at = self._taken_at(found)
            return PaymentFact(found.payment_id, PaymentStanding.PAID, self._reference(found), found.amount, at)
        standing = PaymentStanding.CLOSED if found.state == "closed" else PaymentStanding.WAITING
        return unpaid(found.payment_id, standing)


def _given_back(back: B) -> Outcome:
    return Done(back.id) if back.paid_at is not None else Accepted(back.id)
