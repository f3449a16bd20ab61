"""Bank transfer: the payer is told an account and a reference, and the bank's statement says what came.

Behind the port of gateways, though it is of the house. Nobody is called: what is known is what was imported. A transfer
cannot be forbidden: money that comes after the payment was closed is taken in all the same, and goes back.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from topup.kernel.ids import PaymentId, RefundId, is_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Outcome
from topup.payments.methods.own import NOT_PAID, OVER_REFUND, OwnMethod, closed, unpaid
from topup.payments.methods.settings import BankTransferSettings
from topup.payments.ports import (
    Action,
    BillLine,
    PaymentFact,
    PaymentRequest,
    PaymentStanding,
    RefundRequest,
    Scene,
    Unfit,
)
from topup.payments.transfers.codes import grouped
from topup.payments.transfers.operations import METHOD, ask_to_send_back, give_reference
from topup.payments.transfers.queries import (
    Return,
    bill_of,
    entries_of_payment,
    entry_of,
    given_to,
    promised_back,
    return_of,
)
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction

REFUNDS_TAKE: Final = timedelta(days=10)
"""How long a person may take to send money back before another is asked about it."""
_SCENES: Final = frozenset({Scene.PHONE, Scene.DESKTOP, Scene.WALLET})
"""Where somebody is who can go and send money by bank."""

_BEFORE_REFERENCE = crash_label("transfers.reference.before_commit")
_AFTER_REFERENCE = crash_label("transfers.reference.after_commit")
_BEFORE_RETURN = crash_label("transfers.return.before_commit")
_AFTER_RETURN = crash_label("transfers.return.after_commit")


class BankTransfer(OwnMethod):
    """The bank transfers of this installation, to one account."""

    name = METHOD
    refunds_take = REFUNDS_TAKE

    def __init__(self, settings: BankTransferSettings, *, database: Database) -> None:
        super().__init__(database=database)
        self.settings = settings
        self.payable_for = timedelta(days=settings.payable_days)

    def unfit(self, amount: Money, scene: Scene) -> Unfit | None:
        """It takes the currency of the account, from somebody who can go to the bank."""
        if amount.currency != self.settings.currency:
            return Unfit.CURRENCY
        return None if scene in _SCENES else Unfit.SCENE

    async def start(self, request: PaymentRequest) -> Action:
        """The account, and the reference of this payment; the same each time."""
        async with self._database.transaction() as transaction:
            given = await give_reference(
                transaction.connection,
                payment_id=request.payment_id,
                amount=request.amount,
                expires_at=request.expires_at,
                now=transaction.now,
            )
            crash_point(_BEFORE_REFERENCE)
        crash_point(_AFTER_REFERENCE)
        return self._action(request, given.code)

    def _action(self, request: PaymentRequest, code: str) -> Action:
        of = self.settings
        parameters = {
            "payee": of.payee,
            "account": of.account,
            "bic": of.bic,
            "bank": of.bank,
            "amount": request.amount.to_major(),
            "currency": request.amount.currency,
            "reference": grouped(code),
            "until": request.expires_at.astimezone(UTC).isoformat(),
        }
        code_ = epc(of, request.amount, code) if of.is_sepa else ""
        return Action("transfer", code_, {name: value for name, value in parameters.items() if value})

    async def close(self, payment_id: PaymentId) -> Outcome:
        """Nothing keeps anybody from sending money; but it is not waited for any more."""
        async with self._database.read() as transaction:
            paid = await entries_of_payment(transaction.connection, payment_id)
        return closed(payment_id, is_paid=bool(paid))

    async def refund(self, request: RefundRequest) -> Outcome:
        """Have a person send it back to whoever sent it. Refused: not_paid, over_refund."""
        async with self._database.transaction() as transaction:
            outcome = await _asked(transaction, request)
            crash_point(_BEFORE_RETURN)
        crash_point(_AFTER_RETURN)
        return outcome

    async def bill(self, day: date) -> list[BillLine]:
        """What the imported statements say came on that day, and what was sent back, by the bank's clock."""
        begin = datetime.combine(day, time.min, self.settings.time_zone)
        end = datetime.combine(day + timedelta(days=1), time.min, self.settings.time_zone)
        async with self._database.read() as transaction:
            return await bill_of(transaction.connection, day, begin, end)

    async def _known(self, connection: Connection, payment_id: PaymentId) -> list[PaymentFact]:
        given = await given_to(connection, payment_id)
        entries = await entries_of_payment(connection, payment_id)
        if entries:
            begun = given.created_at if given else entries[0].booked_at
            return [entry.fact(begun) for entry in entries]
        return [unpaid(payment_id, PaymentStanding.WAITING)] if given else []

    async def _known_back(self, connection: Connection, refund_id: RefundId) -> Outcome | None:
        found = await return_of(connection, refund_id)
        return _sent_back(found) if found else None


async def _asked(transaction: Transaction, request: RefundRequest) -> Outcome:
    connection = transaction.connection
    # Alone with what came: what goes back of it already stands while we look.
    known = is_id("entry", request.reference)
    entry = await entry_of(connection, request.reference, lock=True) if known else None
    if entry is None or entry.payment_id != request.payment_id:
        return NOT_PAID
    before = await return_of(connection, request.refund_id)
    if before is not None:
        return _sent_back(before)
    back = await promised_back(connection, entry) + request.amount.amount_minor
    if request.amount.currency != entry.currency or back > entry.amount_minor:
        return OVER_REFUND
    await ask_to_send_back(
        connection,
        refund_id=request.refund_id,
        payment_id=request.payment_id,
        entry_id=entry.id,
        amount=request.amount,
        now=transaction.now,
    )
    return Accepted(request.refund_id)


def _sent_back(found: Return) -> Outcome:
    """Whether a person noted that it was sent."""
    return Done(found.bank_reference) if found.bank_reference else Accepted(found.refund_id)


def epc(settings: BankTransferSettings, amount: Money, code: str) -> str:
    """What a banking app reads from a QR code: EPC069-12 version 2, with the reference as free text."""
    lines = ("BCD", "002", "1", "SCT", settings.bic, settings.payee[:70], settings.account)
    return "\n".join((*lines, f"EUR{amount.to_major()}", "", "", code))
