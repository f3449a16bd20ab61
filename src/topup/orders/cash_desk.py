"""Tills, as a counter and a kiosk keep them: money taken for orders, and handed back. All of it is in the trail."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from topup.kernel.errors import Conflict
from topup.kernel.ids import RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Done
from topup.orders import till_reports
from topup.orders.refunding import RefundHeard
from topup.orders.settlement import Settled, Told
from topup.payments.cash import drawer, tills
from topup.payments.cash.drawer import Movement
from topup.payments.cash.postings import METHOD
from topup.payments.cash.records import PayBack, Session
from topup.payments.cash.tills import Taken, Tendered
from topup.payments.ports import PaymentFact, PaymentStanding
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database, Transaction
from topup.platform.keys import KeyRing
from topup.work import trail

_BEFORE_OPENING = crash_label("cash.open.before_commit")
_AFTER_OPENING = crash_label("cash.open.after_commit")
_BEFORE_TAKING = crash_label("cash.take.before_commit")
_AFTER_TAKING = crash_label("cash.take.after_commit")
_BEFORE_PAYING_BACK = crash_label("cash.pay_back.before_commit")
_AFTER_PAYING_BACK = crash_label("cash.pay_back.after_commit")
_BEFORE_MOVE = crash_label("cash.move.before_commit")
_AFTER_MOVE = crash_label("cash.move.after_commit")
_BEFORE_HANDING_OVER = crash_label("cash.hand_over.before_commit")
_AFTER_HANDING_OVER = crash_label("cash.hand_over.after_commit")
_BEFORE_COUNT = crash_label("cash.count.before_commit")
_AFTER_COUNT = crash_label("cash.count.after_commit")


class CashDesk:
    """The tills of this installation. What is taken, or handed back, is told to the orders at once; were the process to
    end before that, asking finds it.
    """

    def __init__(
        self,
        *,
        database: Database,
        keys: KeyRing,
        lanes: int,
        hear_payment: Callable[[Told], Awaitable[Settled]],
        hear_refund: Callable[[RefundHeard], Awaitable[Settled]],
    ) -> None:
        self._database = database
        self._keys = keys
        self._lanes = lanes
        self._hear_payment = hear_payment
        self._hear_refund = hear_refund

    async def open(self, *, till: str, float_: Money, by: str, shop: str = "") -> Session:
        """Begin to keep a till. Raises those of `tills.open_till`."""
        async with self._database.transaction() as transaction:
            session = await tills.open_till(
                transaction.connection,
                till=till,
                float_=float_,
                opened_by=by,
                now=transaction.now,
                lanes=self._lanes,
                shop=shop,
            )
            await _note(transaction, "till.opened", session, by, trail.change(None, _begun(session)))
            crash_point(_BEFORE_OPENING)
        crash_point(_AFTER_OPENING)
        return session

    async def take(self, tendered: Tendered) -> Taken:
        """Take money for a payment in cash; the same again is told the same. Raises those of `tills.take`."""
        async with self._database.transaction() as transaction:
            taken = await tills.take(
                transaction.connection, tendered, transaction.now, keys=self._keys, lanes=self._lanes
            )
            await _note_taken(transaction, tendered, taken)
            crash_point(_BEFORE_TAKING)
        crash_point(_AFTER_TAKING)
        await self._hear_payment(Told(_paid(taken), METHOD))
        return taken

    async def pay_back(self, *, refund_id: str, till: str, by: str, only_keeper: bool = False) -> PayBack:
        """Hand back what is to go back; the same again is told the same. Raises those of `tills.pay_back`."""
        async with self._database.transaction() as transaction:
            back = await tills.pay_back(
                transaction.connection,
                refund_id=refund_id,
                till=till,
                paid_by=by,
                now=transaction.now,
                only_keeper=only_keeper,
            )
            await _note_paid_back(transaction, back, till=till, by=by)
            crash_point(_BEFORE_PAYING_BACK)
        crash_point(_AFTER_PAYING_BACK)
        await self._hear_refund(RefundHeard(RefundId(back.id), Done(back.id), METHOD))
        return back

    async def close(self, *, till: str, counted: Money, by: str, only_keeper: bool = False) -> tuple[Session, datetime]:
        """End keeping a till by a blind count; gives when. Raises those of `tills.close_till`."""
        async with self._database.transaction() as transaction:
            session = await tills.close_till(
                transaction.connection,
                till=till,
                counted=counted,
                closed_by=by,
                now=transaction.now,
                only_keeper=only_keeper,
            )
            await till_reports.store(transaction.connection, session, transaction.now)
            said = trail.change(_begun(session), await _counted(transaction, session))
            await _note(transaction, "till.counted", session, by, said)
            crash_point(_BEFORE_COUNT)
        crash_point(_AFTER_COUNT)
        return session, transaction.now

    async def move(self, *, till: str, movement: Movement) -> None:
        """Put money into a drawer, or take it out. Raises those of `drawer.move`; that there is not as much is kept."""
        refused: Conflict | None = None
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            try:
                session = await drawer.move(connection, till=till, movement=movement, now=now)
            except Conflict as problem:
                if problem.code != "till_holds_less":
                    raise
                # Still alone with the drawer: whoever tries meanwhile finds this try counted.
                await drawer.note_short(connection, till=till, movement=movement, now=now)
                refused = problem
            else:
                if session is not None:
                    said = trail.change(None, _moved(movement))
                    await _note(transaction, "till.moved", session, movement.by, said)
            crash_point(_BEFORE_MOVE)
        crash_point(_AFTER_MOVE)
        if refused is not None:
            raise refused

    async def hand_over(self, *, till: str, counted: Money, given_by: str, taken_by: str) -> tuple[Session, Session]:
        """Have another keep a till from now on. Raises those of `drawer.hand_over`."""
        async with self._database.transaction() as transaction:
            both = await drawer.hand_over(
                transaction.connection,
                till=till,
                counted=counted,
                given_by=given_by,
                taken_by=taken_by,
                now=transaction.now,
                lanes=self._lanes,
            )
            ended, begun = both
            await till_reports.store(transaction.connection, ended, transaction.now)
            after = _begun(begun) | await _counted(transaction, ended)
            await _note(transaction, "till.handed_over", ended, given_by, trail.change(_begun(ended), after))
            crash_point(_BEFORE_HANDING_OVER)
        crash_point(_AFTER_HANDING_OVER)
        return both


async def _note(transaction: Transaction, action: str, session: Session, by: str, said: Mapping[str, object]) -> None:
    facts = {"till": session.till, "currency": session.currency, **said}
    connection, now = transaction.connection, transaction.now
    await trail.write(connection, actor=by, action=action, subject=session.id, facts=facts, now=now)


def _begun(session: Session) -> dict[str, object]:
    return {"session": session.id, "kept_by": session.opened_by, "float_minor": session.float_minor}


def _moved(movement: Movement) -> dict[str, object]:
    said = {"why": movement.why, "amount_minor": movement.amount.amount_minor}
    return said | ({"allowed_by": movement.allowed_by} if movement.allowed_by else {})


async def _counted(transaction: Transaction, session: Session) -> dict[str, object]:
    """What a count ended with: for who looks at the trail, never for who counts."""
    kept = await drawer.session_of(transaction.connection, session.id)
    return {"counted_minor": kept.counted_minor, "difference_minor": kept.difference_minor}


async def _note_taken(transaction: Transaction, tendered: Tendered, taken: Taken) -> None:
    """What is told again was taken before, and is in the trail."""
    connection, now = transaction.connection, transaction.now
    if taken.at != now:
        return
    after = {
        "state": "taken",
        "amount_minor": taken.amount.amount_minor,
        "tendered_minor": tendered.amount.amount_minor,
        "change_minor": taken.change.amount_minor,
    }
    if taken.slip.amount_minor:
        after["slip_minor"] = taken.slip.amount_minor
    facts = {
        "till": tendered.till,
        "session": taken.session_id,
        "currency": taken.amount.currency,
        **trail.change({"state": "waiting"}, after),
    }
    await trail.write(
        connection, actor=tendered.taken_by, action="till.cash_taken", subject=taken.payment_id, facts=facts, now=now
    )


async def _note_paid_back(transaction: Transaction, back: PayBack, *, till: str, by: str) -> None:
    """`back` is as it was before: what is told again was handed back then, and is in the trail."""
    if back.paid_at is not None:
        return
    facts = {
        "till": till,
        "payment": back.payment_id,
        "amount_minor": back.amount_minor,
        "currency": back.currency,
        **trail.change({"state": "waiting"}, {"state": "handed_back"}),
    }
    connection, now = transaction.connection, transaction.now
    await trail.write(connection, actor=by, action="till.cash_handed_back", subject=back.id, facts=facts, now=now)


def _paid(taken: Taken) -> PaymentFact:
    return PaymentFact(taken.payment_id, PaymentStanding.PAID, taken.session_id, taken.amount, taken.at)
