"""Paying with the PIN of a voucher: it pays exactly its face, at once, once.

Behind the port of gateways, though it is of the house: it may use the database and the ledger. Every method is one
transaction, so that nothing here is ever half-way; what goes back is a new voucher, a credit slip.
"""

from datetime import date
from typing import Final

from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Outcome, Reason, Refused
from topup.payments.methods.own import NOT_PAID, OVER_REFUND, OwnMethod, closed, unpaid
from topup.payments.ports import (
    BillLine,
    PaymentFact,
    PaymentRequest,
    PaymentStanding,
    RefundRequest,
    Scene,
    Unfit,
)
from topup.payments.shown_codes import ShownCode
from topup.payments.vouchers import redeeming, slips
from topup.payments.vouchers.guesses import guesser
from topup.payments.vouchers.operations import lane_of_mark
from topup.payments.vouchers.pins import UnreadablePin, parse_pin
from topup.payments.vouchers.postings import METHOD
from topup.payments.vouchers.redeeming import Answer, Answered, Shown
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing

_BEFORE_REDEMPTION = crash_label("voucher.redeem.before_commit")
_AFTER_REDEMPTION = crash_label("voucher.redeem.after_commit")
_BEFORE_LOOK = crash_label("voucher.look.before_commit")
_AFTER_LOOK = crash_label("voucher.look.after_commit")
_BEFORE_CLOSE = crash_label("voucher.close.before_commit")
_AFTER_CLOSE = crash_label("voucher.close.after_commit")
_BEFORE_SLIP = crash_label("voucher.slip.before_commit")
_AFTER_SLIP = crash_label("voucher.slip.after_commit")

PIN_MISSING: Final = "voucher_pin_missing"
PIN_UNREADABLE: Final = "voucher_pin_unreadable"


class Vouchers(OwnMethod):
    """The vouchers of this installation. The PIN comes as the request's `payment_code`."""

    name = METHOD

    def __init__(self, *, database: Database, keys: KeyRing, lanes: int) -> None:
        super().__init__(database=database)
        self._keys = keys
        self._lanes = lanes

    def unfit(self, amount: Money, scene: Scene) -> Unfit | None:  # noqa: ARG002 - the port's
        """Somebody must be there to show a PIN."""
        return Unfit.SCENE if scene is Scene.UNATTENDED else None

    async def start(self, request: PaymentRequest) -> PaymentFact | Outcome:
        """Pay with the PIN; the same payment again is told the same, whatever it shows.

        Refused: voucher_pin_missing, voucher_pin_unreadable (nobody's guess: its check digit is wrong), and those of
        `redeeming.Answer`.
        """
        async with self._database.read() as transaction:
            before = await redeeming.answered(transaction.connection, request.payment_id)
        if before is not None:
            return _outcome(before)
        shown = self._shown(request)
        if isinstance(shown, Refused):
            return shown
        async with self._database.transaction() as transaction:
            answer = await redeeming.redeem(transaction.connection, request.payment_id, shown, transaction.now)
            crash_point(_BEFORE_REDEMPTION)
        crash_point(_AFTER_REDEMPTION)
        return _outcome(answer)

    async def look(self, code: ShownCode) -> Refused | None:
        """Whether the PIN would pay, without a payment; refused as `start` would be, and counted as there."""
        shown = self._shown(code)
        if isinstance(shown, Refused):
            return shown
        async with self._database.transaction() as transaction:
            found = await redeeming.look(transaction.connection, shown, transaction.now)
            crash_point(_BEFORE_LOOK)
        crash_point(_AFTER_LOOK)
        return Refused(Reason.USER, found.value) if isinstance(found, Answer) else None

    def _shown(self, code: PaymentRequest | ShownCode) -> Shown | Refused:
        """What is looked for; refused where that is nobody's guess."""
        if not code.payment_code:
            return Refused(Reason.USER, PIN_MISSING)
        try:
            pin = parse_pin(code.payment_code)
        except UnreadablePin:
            return Refused(Reason.USER, PIN_UNREADABLE)
        who = guesser(payer=code.payer, address=code.payer_address, keys=self._keys)
        places = [(lane_of_mark(mark, self._lanes), mark) for mark in self._keys.marks(pin)]
        return Shown(code.amount, code.carrier_id, places, who)

    async def close(self, payment_id: PaymentId) -> Outcome:
        """Forbid it for ever, unless it has paid."""
        async with self._database.transaction() as transaction:
            answer = await redeeming.close(transaction.connection, payment_id, transaction.now)
            crash_point(_BEFORE_CLOSE)
        crash_point(_AFTER_CLOSE)
        return closed(payment_id, is_paid=answer.answer is Answer.PAID)

    async def refund(self, request: RefundRequest) -> Outcome:
        """Give a credit slip for it, once per number. Refused: not_paid, over_refund."""
        async with self._database.transaction() as transaction:
            paid = await redeeming.answered(transaction.connection, request.payment_id)
            if paid is None or paid.amount is None:
                return NOT_PAID
            given = await slips.give_back(
                transaction.connection,
                slips.Back(request.refund_id, request.payment_id, request.amount, paid.amount, METHOD),
                transaction.now,
                keys=self._keys,
                lanes=self._lanes,
            )
            crash_point(_BEFORE_SLIP)
        crash_point(_AFTER_SLIP)
        return Done(given.serial) if given else OVER_REFUND

    async def bill(self, day: date) -> list[BillLine]:
        """What was redeemed, and given back as slips, on that day in UTC."""
        async with self._database.read() as transaction:
            paid = await redeeming.paid_on(transaction.connection, day)
            back = await slips.given_on(transaction.connection, day, method=METHOD)
        return [
            *(BillLine("payment", one.payment_id, one.serial, one.amount, one.at) for one in paid if one.amount),
            *(BillLine("refund", slip.id, slip.serial, slip.amount, slip.created_at) for slip in back),
        ]

    async def _known(self, connection: Connection, payment_id: PaymentId) -> list[PaymentFact]:
        found = await redeeming.answered(connection, payment_id)
        return [_fact(found)] if found else []

    async def _known_back(self, connection: Connection, refund_id: RefundId) -> Outcome | None:
        slip = await slips.slip_of(connection, refund_id)
        return Done(slip.serial) if slip else None


def _outcome(answer: Answered) -> PaymentFact | Outcome:
    """What the start of a payment is told."""
    if answer.answer is Answer.PAID:
        return _fact(answer)
    return Refused(Reason.USER, "payment_closed" if answer.answer is Answer.CLOSED else answer.answer.value)


def _fact(answer: Answered) -> PaymentFact:
    payment_id = answer.payment_id
    match answer.answer:
        case Answer.PAID:
            return PaymentFact(payment_id, PaymentStanding.PAID, answer.serial, answer.amount, answer.at)
        case Answer.CLOSED:
            return unpaid(payment_id, PaymentStanding.CLOSED)
    return unpaid(payment_id, PaymentStanding.DECLINED, answer.answer.value)
