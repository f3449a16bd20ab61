"""Paying from a balance: credit of one line pays for another line's order, where the carrier's file allows it.

Behind the port of gateways, though it is of the house: it may use the database and the ledger. Each step is a
transaction of its own, under a lock on the payment's row: hold, then settle. Whoever dies in between has left a payment
that `query` takes to its end; `close` gives a hold back, and keeps what never began from ever beginning.
"""

from datetime import date
from typing import Final

from topup.catalogue.documents import PayingForOthers
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.kernel.ids import PaymentId, RefundId, lane_of
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.kernel.outcome import Done, Outcome, Reason, Refused
from topup.ledger import PostingRefused, post
from topup.ledger.queries import buckets
from topup.lines import lives
from topup.lines.living import Happened, happen
from topup.lines.queries import Line, LineRef, lines_now
from topup.lines.standing import standings
from topup.payments.methods import balance_postings as postings
from topup.payments.methods.balance_records import (
    BalancePayment,
    BalanceState,
    advance,
    bill_of,
    close_before,
    create,
    day_of,
    payment_of,
    was_refunded,
    write_portions,
    write_refund,
)
from topup.payments.methods.own import NOT_PAID, OVER_REFUND, OwnMethod, closed, unpaid
from topup.payments.ports import (
    BillLine,
    Decline,
    PaymentFact,
    PaymentRequest,
    PaymentStanding,
    RefundRequest,
)
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction

_BEFORE_HOLD = crash_label("balance.hold.before_commit")
_AFTER_HOLD = crash_label("balance.hold.after_commit")
_BEFORE_SETTLE = crash_label("balance.settle.before_commit")
_AFTER_SETTLE = crash_label("balance.settle.after_commit")
_BEFORE_CLOSE = crash_label("balance.close.before_commit")
_AFTER_CLOSE = crash_label("balance.close.after_commit")
_BEFORE_REFUND = crash_label("balance.refund.before_commit")
_AFTER_REFUND = crash_label("balance.refund.after_commit")

_TOLD: Final = {
    "insufficient_funds": Decline.FUNDS,
    "bucket_frozen": "line_cannot_pay",
    "currency_wrong": Decline.UNSUPPORTED,
}
"""What the payer is told of what the ledger, or the line's currency, did not allow; other reasons are told as they
are."""
_STANDINGS: Final = {
    BalanceState.HELD: PaymentStanding.WAITING,
    BalanceState.PAID: PaymentStanding.PAID,
    BalanceState.REFUSED: PaymentStanding.DECLINED,
    BalanceState.CLOSED: PaymentStanding.CLOSED,
}


class Balance(OwnMethod):
    """The payments from balances of this installation. It is told who pays as the request's `wallet_user`: the number
    of a line whose owner the caller has made sure of.
    """

    name = "balance"
    for_known_payers = True

    def __init__(self, *, database: Database, catalogue: CatalogueCache) -> None:
        super().__init__(database=database)
        self._catalogue = catalogue

    async def start(self, request: PaymentRequest) -> PaymentFact | Outcome:
        """Hold the price, then take it; the same payment again goes on where it was.

        Refused: payer_missing, line_unknown, line_cannot_pay, balance_not_offered, currency_wrong, insufficient_funds,
        bucket_frozen.
        """
        async with self._database.transaction() as transaction:
            await self._hold(transaction, request)
            crash_point(_BEFORE_HOLD)
        crash_point(_AFTER_HOLD)
        [fact] = (await self.query(request.payment_id)).facts
        if fact.standing is PaymentStanding.DECLINED:
            return Refused(Reason.USER, fact.reason)
        return fact

    async def close(self, payment_id: PaymentId) -> Outcome:
        """Give back what is held, and never begin it."""
        async with self._database.transaction() as transaction:
            paid = await self._close(transaction, payment_id)
            crash_point(_BEFORE_CLOSE)
        crash_point(_AFTER_CLOSE)
        return closed(payment_id, is_paid=paid)

    async def refund(self, request: RefundRequest) -> Outcome:
        """Credit it back to the line it came from, once per number. Refused: line_closed, over_refund."""
        async with self._database.transaction() as transaction:
            outcome = await self._refund(transaction, request)
            crash_point(_BEFORE_REFUND)
        crash_point(_AFTER_REFUND)
        return outcome

    async def bill(self, day: date) -> list[BillLine]:
        """What was paid and given back on that day, in UTC."""
        async with self._database.read() as transaction:
            return await bill_of(transaction.connection, *day_of(day))

    async def _known(self, connection: Connection, payment_id: PaymentId) -> list[PaymentFact]:
        payment = await payment_of(connection, payment_id)
        return [_fact(payment)] if payment else []

    async def _known_back(self, connection: Connection, refund_id: RefundId) -> Outcome | None:
        return Done(refund_id) if await was_refunded(connection, refund_id) else None

    async def _go_on(self, payment_id: PaymentId) -> None:
        """Take what is held, so that a payment does not stop half-way."""
        async with self._database.read() as transaction:
            payment = await payment_of(transaction.connection, payment_id)
        if payment is not None and payment.state is BalanceState.HELD:
            async with self._database.transaction() as transaction:
                await self._settle(transaction, payment_id)
                crash_point(_BEFORE_SETTLE)
            crash_point(_AFTER_SETTLE)

    # Each step under the lock of the payment's row

    async def _hold(self, transaction: Transaction, request: PaymentRequest) -> None:
        connection, now = transaction.connection, transaction.now
        if not await create(connection, request, now):
            return
        payment = await _locked(connection, request.payment_id)
        snapshot = await self._catalogue.current(connection)
        line, refusal = await _payer(connection, request, snapshot)
        if line is None:
            await advance(connection, payment, BalanceState.REFUSED, reason=refusal)
            return
        kinds = _kinds(line, snapshot)
        [answer] = await post(connection, [postings.hold(payment, line.ref.id, kinds)], now)
        if isinstance(answer, PostingRefused):
            await advance(connection, payment, BalanceState.REFUSED, reason=answer.code, line_id=line.ref.id)
            return
        await advance(connection, payment, BalanceState.HELD, line_id=line.ref.id, kinds=kinds, hold_id=answer.hold_id)

    async def _settle(self, transaction: Transaction, payment_id: PaymentId) -> None:
        connection, now = transaction.connection, transaction.now
        payment = await _locked(connection, payment_id)
        if payment.state is not BalanceState.HELD or payment.line_id is None:
            return
        snapshot = await self._catalogue.current(connection)
        line = LineRef(lane_of(payment.line_id), payment.line_id)
        # Locked before the ledger's lane, as whoever looks after lines does it.
        await lives.locked(connection, [(line.lane, str(line.id))])
        # What is held is open until it is settled: these are the buckets it is taken from.
        held = (await buckets(connection, [line.id])).get(line.id, [])
        [answer] = await post(connection, [postings.settled(payment)], now)
        if isinstance(answer, PostingRefused):
            raise answer
        portions = [portion.written() for portion in postings.taken(answer, held)]
        await advance(connection, payment, BalanceState.PAID, portions=portions, paid_at=now)
        await happen(connection, [Happened(line, "funds")], now, snapshot=snapshot)

    async def _close(self, transaction: Transaction, payment_id: PaymentId) -> bool:
        """Whether it was paid, and cannot be closed."""
        connection, now = transaction.connection, transaction.now
        if await close_before(connection, payment_id, now):
            return False
        payment = await _locked(connection, payment_id)
        if payment.state is BalanceState.HELD:
            [answer] = await post(connection, [postings.released(payment)], now)
            if isinstance(answer, PostingRefused):
                raise answer
            await advance(connection, payment, BalanceState.CLOSED)
        return payment.state is BalanceState.PAID

    async def _refund(self, transaction: Transaction, request: RefundRequest) -> Outcome:
        connection, now = transaction.connection, transaction.now
        payment = await payment_of(connection, request.payment_id, lock=True)
        if payment is None or payment.state is not BalanceState.PAID or payment.line_id is None:
            return NOT_PAID
        if await was_refunded(connection, request.refund_id):
            return Done(request.refund_id)
        back = postings.given_back(postings.read_portions(payment.portions), payment.line_id, request, now)
        if back is None or request.amount.currency != payment.currency:
            return OVER_REFUND
        place = LineRef(lane_of(payment.line_id), payment.line_id)
        stands = (await standings(connection, [place])).get(payment.line_id)
        if stands is None or stands.line.status == "closed":
            return Refused(Reason.USER, "line_closed")
        portions, credits_ = back
        await write_refund(connection, request, now)
        await write_portions(connection, payment, [portion.written() for portion in portions])
        snapshot = await self._catalogue.current(connection)
        await lives.locked(connection, [(place.lane, str(place.id))])
        for answer in await post(connection, credits_, now):
            if isinstance(answer, PostingRefused):
                raise answer
        await happen(connection, [Happened(place, "funds")], now, snapshot=snapshot)
        return Done(request.refund_id)


async def _locked(connection: Connection, payment_id: PaymentId) -> BalancePayment:
    payment = await payment_of(connection, payment_id, lock=True)
    if payment is None:
        raise LookupError(f"{payment_id} was there a moment ago")
    return payment


async def _payer(connection: Connection, request: PaymentRequest, snapshot: Snapshot) -> tuple[Line | None, str]:
    """The line that pays, or why none does."""
    if not request.wallet_user:
        return None, "payer_missing"
    try:
        msisdn = parse_msisdn(request.wallet_user)
    except InvalidNumber:
        return None, "line_unknown"
    line = (await lines_now(connection, [msisdn.e164])).get(msisdn.e164)
    carrier = snapshot.carrier(line.carrier_id) if line else None
    if line is None or carrier is None or line.status == "closed":
        return None, "line_unknown"
    if line.status != "active":
        return None, "line_cannot_pay"
    if _rule_of(line, snapshot) is None:
        return None, "balance_not_offered"
    if carrier.currency != request.amount.currency:
        return None, "currency_wrong"
    return line, ""


def _rule_of(line: Line, snapshot: Snapshot) -> PayingForOthers | None:
    """What the carrier's file allows."""
    carrier = snapshot.carrier(line.carrier_id)
    return carrier.document.paying_for_others if carrier else None


def _kinds(line: Line, snapshot: Snapshot) -> tuple[str, ...]:
    rule = _rule_of(line, snapshot)
    return rule.kinds if rule else ()


def _fact(payment: BalancePayment) -> PaymentFact:
    standing = _STANDINGS[payment.state]
    if standing is not PaymentStanding.PAID:
        return unpaid(payment.payment_id, standing, _TOLD.get(payment.reason, payment.reason))
    return PaymentFact(payment.payment_id, standing, str(payment.hold_id), payment.amount, payment.paid_at)
