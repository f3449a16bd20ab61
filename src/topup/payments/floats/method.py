"""An agent's float as a way to pay, behind the port of gateways: what was sold is known here, and goes back here.

Nobody begins to pay with it: a sale takes the price in the transaction that makes its order (`orders.agents`). So it
is never offered, and `start` refuses.
"""

from datetime import date
from typing import Final

from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Outcome, Reason, Refused
from topup.ledger import PostingRefused, post
from topup.payments.floats import postings
from topup.payments.floats.records import bill_of, sale_of, was_refunded, write_refund
from topup.payments.methods.balance_records import day_of
from topup.payments.methods.own import NOT_PAID, OVER_REFUND, OwnMethod, closed
from topup.payments.ports import BillLine, PaymentFact, PaymentRequest, PaymentStanding, RefundRequest, Scene, Unfit
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Transaction

_BEFORE_REFUND: Final = crash_label("agent_float.refund.before_commit")
_AFTER_REFUND: Final = crash_label("agent_float.refund.after_commit")


class AgentFloat(OwnMethod):
    """The payments from floats of this installation."""

    name = postings.METHOD
    for_known_payers = True
    unlisted = True

    def unfit(self, amount: Money, scene: Scene) -> Unfit:  # noqa: ARG002 - the port's
        """It is chosen by nobody: an agent's sale pays with it by itself."""
        return Unfit.PAYER

    async def start(self, request: PaymentRequest) -> Outcome:  # noqa: ARG002 - the port's
        """Refused: a sale begins and is paid at once."""
        return Refused(Reason.USER, Unfit.PAYER.value)

    async def close(self, payment_id: PaymentId) -> Outcome:
        """What was sold was paid; what was not never begins."""
        async with self._database.read() as transaction:
            return closed(payment_id, is_paid=await sale_of(transaction.connection, payment_id) is not None)

    async def refund(self, request: RefundRequest) -> Outcome:
        """Give it back to the float it came from, and take back its share of the commission, once per number. Refused:
        not_paid, over_refund.
        """
        async with self._database.transaction() as transaction:
            outcome = await _refund(transaction, request)
            crash_point(_BEFORE_REFUND)
        crash_point(_AFTER_REFUND)
        return outcome

    async def bill(self, day: date) -> list[BillLine]:
        """What was sold and given back on that day, in UTC."""
        async with self._database.read() as transaction:
            return await bill_of(transaction.connection, *day_of(day))

    async def _known(self, connection: Connection, payment_id: PaymentId) -> list[PaymentFact]:
        sale = await sale_of(connection, payment_id)
        return [PaymentFact(payment_id, PaymentStanding.PAID, payment_id, sale.price, sale.paid_at)] if sale else []

    async def _known_back(self, connection: Connection, refund_id: RefundId) -> Outcome | None:
        return Done(refund_id) if await was_refunded(connection, refund_id) else None


async def _refund(transaction: Transaction, request: RefundRequest) -> Outcome:
    connection, now = transaction.connection, transaction.now
    sale = await sale_of(connection, request.payment_id, lock=True)
    if sale is None:
        return NOT_PAID
    if await was_refunded(connection, request.refund_id):
        return Done(request.refund_id)
    left = sale.amount_minor - sale.back_minor
    if request.amount.currency != sale.currency or request.amount.amount_minor > left:
        return OVER_REFUND
    commission_minor = sale.commission_with(request.amount.amount_minor)
    await write_refund(connection, sale, request, commission_minor, now)
    items = postings.given_back(
        refund_id=request.refund_id,
        payment_id=sale.payment_id,
        agent_id=sale.agent_id,
        bucket_id=sale.bucket_id,
        amount=request.amount,
        commission_minor=commission_minor,
    )
    for answer in await post(connection, items, now):
        if isinstance(answer, PostingRefused):
            raise answer
    return Done(request.refund_id)
