"""Card terminals, as a counter uses them: slips entered for orders, money given back to cards, batches held against.
All of it is in the trail.
"""

from collections.abc import Awaitable, Callable

from topup.kernel.ids import RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Done
from topup.orders.refunding import RefundHeard
from topup.orders.settlement import Settled, Told
from topup.payments.ports import PaymentFact, PaymentStanding
from topup.payments.terminal import charges
from topup.payments.terminal.charges import METHOD, Slip
from topup.payments.terminal.records import CardBack, Charge
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database, Transaction
from topup.work import trail

_BEFORE_SLIP = crash_label("terminal.enter.before_commit")
_AFTER_SLIP = crash_label("terminal.enter.after_commit")
_BEFORE_BACK = crash_label("terminal.give_back.before_commit")
_AFTER_BACK = crash_label("terminal.give_back.after_commit")
_BEFORE_TOTAL = crash_label("terminal.total.before_commit")
_AFTER_TOTAL = crash_label("terminal.total.after_commit")


class TerminalDesk:
    """The terminals of this installation. What is entered is told to the orders at once; were the process to end before
    that, asking finds it.
    """

    def __init__(
        self,
        *,
        database: Database,
        lanes: int,
        hear_payment: Callable[[Told], Awaitable[Settled]],
        hear_refund: Callable[[RefundHeard], Awaitable[Settled]],
    ) -> None:
        self._database = database
        self._lanes = lanes
        self._hear_payment = hear_payment
        self._hear_refund = hear_refund

    async def enter(self, slip: Slip) -> Charge:
        """Enter a slip for a payment; the same again is told the same. Raises those of `charges.enter`."""
        async with self._database.transaction() as transaction:
            charge = await charges.enter(transaction.connection, slip, transaction.now)
            await _note_charge(transaction, charge, by=slip.by)
            crash_point(_BEFORE_SLIP)
        crash_point(_AFTER_SLIP)
        reference = f"{charge.terminal}:{charge.reference}"
        fact = PaymentFact(charge.payment_id, PaymentStanding.PAID, reference, charge.amount, charge.taken_at)
        await self._hear_payment(Told(fact, METHOD))
        return charge

    async def give_back(self, *, refund_id: str, terminal: str, reference: str, by: str) -> CardBack:
        """Enter the slip of what went back; the same again is told the same. Raises those of `charges.give_back`."""
        async with self._database.transaction() as transaction:
            back = await charges.give_back(
                transaction.connection,
                refund_id=refund_id,
                terminal=terminal,
                reference=reference,
                by=by,
                now=transaction.now,
            )
            await _note_back(transaction, back, (terminal, reference), by=by)
            crash_point(_BEFORE_BACK)
        crash_point(_AFTER_BACK)
        await self._hear_refund(RefundHeard(RefundId(back.id), Done(back.id), METHOD))
        return back

    async def close_batch(self, *, terminal: str, total: Money, form: str, by: str) -> bool:
        """Hold a terminal's total against what was entered; whether they agree. Raises as `charges.close_batch`."""
        async with self._database.transaction() as transaction:
            agrees = await charges.close_batch(
                transaction.connection,
                terminal=terminal,
                total=total,
                form=form,
                by=by,
                now=transaction.now,
                lanes=self._lanes,
            )
            crash_point(_BEFORE_TOTAL)
        crash_point(_AFTER_TOTAL)
        return agrees


async def _note_charge(transaction: Transaction, charge: Charge, *, by: str) -> None:
    """What is told again was entered before, and is in the trail."""
    if charge.taken_at != transaction.now:
        return
    facts = {
        "terminal": charge.terminal,
        "reference": charge.reference,
        "amount_minor": charge.amount.amount_minor,
        "currency": charge.amount.currency,
        **trail.change({"state": "waiting"}, {"state": "taken"}),
    }
    connection, now = transaction.connection, transaction.now
    await trail.write(connection, actor=by, action="terminal.charged", subject=charge.payment_id, facts=facts, now=now)


async def _note_back(transaction: Transaction, back: CardBack, slip: tuple[str, str], *, by: str) -> None:
    """`back` is as it was before: what is told again was entered then, and is in the trail."""
    if back.paid_at is not None:
        return
    terminal, reference = charges.as_kept(*slip)
    facts = {
        "terminal": terminal,
        "reference": reference,
        "payment": back.payment_id,
        "amount_minor": back.amount_minor,
        "currency": back.currency,
        **trail.change({"state": "waiting"}, {"state": "handed_back"}),
    }
    connection, now = transaction.connection, transaction.now
    await trail.write(connection, actor=by, action="terminal.given_back", subject=back.id, facts=facts, now=now)
