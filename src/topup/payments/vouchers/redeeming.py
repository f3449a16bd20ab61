"""One PIN, one payment: everything that decides it is one transaction.

A payment is answered once, and told the same whenever it is started again, whatever PIN comes with it. What was never
started can be closed for ever by the same means. So a PIN that was redeemed is known by its payment, and nothing of it
needs to be remembered elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from topup.kernel.ids import PaymentId, lane_of
from topup.kernel.money import Money
from topup.ledger import PostingRefused, post
from topup.payments.vouchers import postings
from topup.payments.vouchers.guesses import Guesser, count, is_shut_out
from topup.payments.vouchers.operations import LedgerRefused
from topup.payments.vouchers.states import VoucherState
from topup.platform.arrays import columns
from topup.platform.database import Connection


class Answer(StrEnum):
    """What a payment by voucher was told; those that refuse are message ids of the catalogue `problems`."""

    PAID = "paid"
    CLOSED = "closed"
    """It was given up before a PIN came."""
    REFUSED = "voucher_refused"
    """No such PIN, or it pays nothing (any more, or yet): all of that is told alike, to whoever may be guessing."""
    OTHER_FACE = "voucher_other_face"
    OTHER_CARRIER = "voucher_other_carrier"
    SHUT_OUT = "voucher_shut_out"


@dataclass(frozen=True, slots=True)
class Answered:
    """A payment's answer; for PAID the voucher's serial number and what it paid."""

    payment_id: PaymentId
    answer: Answer
    serial: str
    amount: Money | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """A PIN that was shown, and what it is to pay: `places` are what it may be filed under, lane and mark."""

    amount: Money
    carrier_id: str
    places: Sequence[tuple[int, bytes]]
    who: Guesser


@dataclass(frozen=True, slots=True)
class Found:
    """A voucher that pays."""

    lane: int
    mark: bytes
    serial: str
    face: Money


_ANSWER: Final = (
    "SELECT answer, serial, amount_minor, currency, at"
    " FROM payments.voucher_answers WHERE lane = %s AND payment_id = %s"
)
# Locked: the voucher for us alone; its batch so that it neither ends nor is blocked until we have.
_FIND: Final = (
    "SELECT v.lane, v.mark, v.serial, b.face_minor, b.currency, b.carrier_id, coalesce(v.state, b.state), b.valid_until"
    " FROM unnest(%b::smallint[], %b::bytea[]) AS w (lane, mark)"
    " JOIN payments.vouchers v ON v.lane = w.lane AND v.mark = w.mark"
    " JOIN payments.voucher_batches b ON b.id = v.batch_id FOR UPDATE OF v FOR SHARE OF b"
)


async def answered(connection: Connection, payment_id: PaymentId) -> Answered | None:
    """What a payment was told; None where it never asked."""
    cursor = await connection.execute(_ANSWER, (lane_of(payment_id), payment_id))
    row = await cursor.fetchone()
    if row is None:
        return None
    answer, serial, amount_minor, currency, at = row
    amount = None if amount_minor is None else Money(amount_minor, currency)
    return Answered(payment_id, Answer(answer), serial or "", amount, at)


async def look(connection: Connection, shown: Shown, now: datetime) -> Found | Answer:
    """The voucher that a PIN would pay with, locked, or why it would not. Whoever shows a wrong one has guessed,
    whether they meant to pay with it or only to look.
    """
    if await is_shut_out(connection, shown.who, now):
        return Answer.SHUT_OUT
    cursor = await connection.execute(_FIND, columns(shown.places))
    row = await cursor.fetchone()
    if row is None or VoucherState(row[6]) is not VoucherState.ACTIVATED or now >= row[7]:
        await count(connection, shown.who, now)
        return Answer.REFUSED
    lane, mark, serial, face_minor, currency, carrier_id, _, _ = row
    face = Money(face_minor, currency)
    if face != shown.amount:
        return Answer.OTHER_FACE
    if carrier_id is not None and carrier_id != shown.carrier_id:
        return Answer.OTHER_CARRIER
    return Found(lane, mark, serial, face)


async def redeem(connection: Connection, payment_id: PaymentId, shown: Shown, now: datetime) -> Answered:
    """Pay with a PIN, or say why not. Two that show one PIN at once: one of them pays."""
    if not await _take(connection, payment_id):
        return await _settled(connection, payment_id)
    found = await look(connection, shown, now)
    if isinstance(found, Answer):
        return await _write(connection, Answered(payment_id, found, "", None, now))
    await connection.execute(
        "UPDATE payments.vouchers SET state = 'redeemed', payment_id = %s, state_since = %s"
        " WHERE lane = %s AND mark = %s AND (state IS NULL OR state = 'activated')",
        (payment_id, now, found.lane, found.mark),
    )
    face = found.face
    paid = await _write(connection, Answered(payment_id, Answer.PAID, found.serial, face, now))
    transfer = postings.redeemed(found.serial, found.lane, face.currency, face.amount_minor, payment_id)
    [posted] = await post(connection, [transfer], now)
    if isinstance(posted, PostingRefused):
        raise LedgerRefused(posted.code)
    return paid


async def close(connection: Connection, payment_id: PaymentId, now: datetime) -> Answered:
    """Forbid a payment that was not answered yet; else its answer."""
    if not await _take(connection, payment_id):
        return await _settled(connection, payment_id)
    return await _write(connection, Answered(payment_id, Answer.CLOSED, "", None, now))


async def paid_on(connection: Connection, day: date) -> list[Answered]:
    """What was paid by vouchers on a day (UTC)."""
    cursor = await connection.execute(
        "SELECT payment_id, serial, amount_minor, currency, at FROM payments.voucher_answers"
        " WHERE answer = 'paid' AND at >= %s::date AND at < %s::date + 1 ORDER BY at, payment_id",
        (day, day),
    )
    return [
        Answered(PaymentId(payment_id), Answer.PAID, serial, Money(amount_minor, currency), at)
        for payment_id, serial, amount_minor, currency, at in await cursor.fetchall()
    ]


async def _take(connection: Connection, payment_id: PaymentId) -> bool:
    """Be the one who answers this payment: others wait until we have. Whether it is still to be answered."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"voucher:{payment_id}",))
    return await answered(connection, payment_id) is None


async def _settled(connection: Connection, payment_id: PaymentId) -> Answered:
    found = await answered(connection, payment_id)
    if found is None:
        raise RuntimeError("an answer that was there is gone")
    return found


async def _write(connection: Connection, answer: Answered) -> Answered:
    amount = answer.amount
    await connection.execute(
        "INSERT INTO payments.voucher_answers (lane, payment_id, answer, serial, amount_minor, currency, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            lane_of(answer.payment_id),
            answer.payment_id,
            answer.answer.value,
            answer.serial or None,
            amount.amount_minor if amount else None,
            amount.currency if amount else None,
            answer.at,
        ),
    )
    return answer
