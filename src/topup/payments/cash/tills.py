"""Keeping a till: open it with a float, take money for payments, hand money back, and close it by a blind count.

Each is an operation in the caller's transaction. Whoever takes money shares a lock on the till's session with others
who do; whoever closes it, or lets money out of it, has it alone: nothing slips in between the count and the end, nor do
two take out what is there once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import InvalidId, PaymentId, RefundId, check_id, lane_for, new_id
from topup.kernel.money import Money
from topup.ledger import PostingRefused, Transfer, post
from topup.payments.cash import postings, records
from topup.payments.cash.records import Session
from topup.payments.queries import still_open
from topup.payments.vouchers import slips
from topup.platform.database import Connection
from topup.platform.keys import KeyRing
from topup.work.operations import Decision, close_for_person, list_for_person

TO_PAY_BACK: Final = "cash_to_pay_back"
"""The kind of what somebody at a till is to hand back."""

_TILL: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)


class LedgerRefused(RuntimeError):
    """The ledger refused a movement of cash: nothing of it may take hold."""


@dataclass(frozen=True, slots=True)
class Tendered:
    """Money on the counter for a payment. `no_change`: what is too much is given as a credit slip."""

    payment_id: str
    till: str
    amount: Money
    taken_by: str
    no_change: bool = False
    only_keeper: bool = False
    """Whether `taken_by` must be who keeps the till: a drawer has one pair of hands."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken in, what to hand back, and for want of change the slip for that."""

    payment_id: PaymentId
    session_id: str
    amount: Money
    change: Money
    slip: Money
    at: datetime


async def open_till(
    connection: Connection, *, till: str, float_: Money, opened_by: str, now: datetime, lanes: int, shop: str = ""
) -> Session:
    """Begin to keep a till. Raises Invalid till_unreadable, till_float; Conflict till_open, and till_kept_already where
    one of the staff keeps another.
    """
    if _TILL.fullmatch(till) is None:
        raise Invalid("till_unreadable")
    if float_.amount_minor < 0:
        raise Invalid("till_float")
    lane = lane_for(till, lanes)
    session_id = new_id("till", lane)
    cursor = await connection.execute(
        "INSERT INTO payments.till_sessions (lane, id, till, shop, currency, float_minor, opened_by, opened_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1",
        (lane, session_id, till, shop, float_.currency, float_.amount_minor, opened_by, now),
    )
    if await cursor.fetchone() is None:
        if await records.open_session(connection, till) is None:
            raise Conflict("till_kept_already")
        raise Conflict("till_open", till=till)
    await post_cash(connection, postings.opened(session_id, lane, till, float_.currency, float_.amount_minor), now)
    return Session(lane, session_id, till, float_.currency, float_.amount_minor, opened_by, now, None, shop)


async def take(connection: Connection, tendered: Tendered, now: datetime, *, keys: KeyRing, lanes: int) -> Taken:
    """Take money for a payment that was begun, once; the same again is told the same.

    Raises till_not_open, till_of_another, payment_unknown, cash_payment_closed, cash_too_little, currency_wrong, and
    cash_taken_otherwise where it was taken before, of another sum or at another till.
    """
    session = await _session(connection, tendered.till, keeper=tendered.taken_by if tendered.only_keeper else None)
    payment_id = _payment_id(tendered.payment_id)
    taking = await records.BOOK.payment_of(connection, payment_id, lock=True)
    if taking is None:
        raise NotFound("payment_unknown")
    if taking.state == "closed":
        raise Conflict("cash_payment_closed")
    surplus = tendered.amount.amount_minor - taking.amount.amount_minor
    change_minor, slip_minor = (0, surplus) if tendered.no_change else (surplus, 0)
    if taking.state == "taken":
        same = (session.id, tendered.amount.amount_minor, change_minor)
        if (taking.session_id, taking.tendered_minor, taking.change_minor) != same:
            raise Conflict("cash_taken_otherwise")
        return _taken(taking, session, change_minor, slip_minor, taking.taken_at or now)
    if not tendered.amount.currency == taking.amount.currency == session.currency:
        raise Invalid("currency_wrong", currency=taking.amount.currency)
    if surplus < 0:
        raise Invalid("cash_too_little")
    await connection.execute(
        "UPDATE payments.cash_takings SET state = 'taken', session_id = %s, tendered_minor = %s, change_minor = %s,"
        " slip_minor = %s, taken_by = %s, taken_at = %s WHERE lane = %s AND payment_id = %s AND state = 'waiting'",
        (
            session.id,
            tendered.amount.amount_minor,
            change_minor,
            slip_minor,
            tendered.taken_by,
            now,
            taking.lane,
            payment_id,
        ),
    )
    if slip_minor:
        slip = slips.Instead(payment_id, payment_id, Money(slip_minor, taking.amount.currency), postings.METHOD)
        await slips.give(connection, slip, now, keys=keys, lanes=lanes, from_code=postings.drawer(session.till))
    price = taking.amount
    item = postings.taken(payment_id, taking.lane, session.till, price.currency, price.amount_minor)
    await post_cash(connection, [item], now)
    return _taken(taking, session, change_minor, slip_minor, now)


async def pay_back(
    connection: Connection, *, refund_id: str, till: str, paid_by: str, now: datetime, only_keeper: bool = False
) -> records.PayBack:
    """Hand back what is to go back, once; the same again at the same till is told the same. No more leaves a drawer
    than should be in it: who hands back waits for who takes out, and the refusal says no sum.

    Raises till_not_open, till_of_another, refund_unknown, currency_wrong, cash_taken_otherwise, refund_settled,
    till_cannot_pay_back.
    """
    session = await _session(connection, till, keeper=paid_by if only_keeper else None, lock="UPDATE")
    try:
        back = await records.BOOK.back_of(connection, check_id("refund", refund_id), lock=True)
    except InvalidId:
        back = None
    if back is None:
        raise NotFound("refund_unknown")
    if back.paid_at is not None:
        if back.session_id != session.id:
            raise Conflict("cash_taken_otherwise")
        return back
    await still_open(connection, RefundId(back.id))
    if back.currency != session.currency:
        raise Invalid("currency_wrong", currency=back.currency)
    if await records.expected(connection, session) < back.amount_minor:
        raise Conflict("till_cannot_pay_back")
    await connection.execute(
        "UPDATE payments.cash_refunds SET session_id = %s, paid_by = %s, paid_at = %s WHERE lane = %s AND id = %s",
        (session.id, paid_by, now, back.lane, back.id),
    )
    await close_for_person(connection, [(back.lane, TO_PAY_BACK, back.id)], now)
    await post_cash(connection, [postings.paid_back(back.id, back.lane, till, back.currency, back.amount_minor)], now)
    return back


async def close_till(
    connection: Connection, *, till: str, counted: Money, closed_by: str, now: datetime, only_keeper: bool = False
) -> Session:
    """End keeping a till. What should have been there is not told: a difference goes to the work list.

    Raises till_not_open, till_of_another, currency_wrong, till_count.
    """
    session = await _session(connection, till, keeper=closed_by if only_keeper else None, lock="UPDATE")
    if counted.currency != session.currency:
        raise Invalid("currency_wrong", currency=session.currency)
    if counted.amount_minor < 0:
        raise Invalid("till_count")
    expected = await records.expected(connection, session)
    difference = counted.amount_minor - expected
    await connection.execute(
        "UPDATE payments.till_sessions SET counted_minor = %s, difference_minor = %s, closed_by = %s, closed_at = %s,"
        " z_number = 1 + coalesce((SELECT max(z_number) FROM payments.till_sessions WHERE lane = %s AND till = %s), 0)"
        " WHERE lane = %s AND id = %s",
        (counted.amount_minor, difference, closed_by, now, session.lane, till, session.lane, session.id),
    )
    if difference:
        evidence = {
            "till": till,
            "counted_minor": counted.amount_minor,
            "expected_minor": expected,
            "difference_minor": difference,
            "currency": session.currency,
            "kept_by": session.opened_by,
            "counted_by": closed_by,
        }
        await list_for_person(connection, [Decision(session.lane, "till_difference", session.id, evidence)], now)
    items = postings.closed(
        session.id,
        session.lane,
        till,
        session.currency,
        counted=counted.amount_minor,
        difference=difference,
    )
    await post_cash(connection, items, now)
    return session


async def _session(connection: Connection, till: str, *, keeper: str | None = None, lock: str = "SHARE") -> Session:
    session = await records.open_session(connection, till, lock=lock)
    if session is None:
        raise Conflict("till_not_open", till=till)
    if keeper is not None and session.opened_by != keeper:
        raise Conflict("till_of_another", till=till)
    return session


def _payment_id(text: str) -> PaymentId:
    try:
        return PaymentId(check_id("payment", text))
    except InvalidId:
        raise NotFound("payment_unknown") from None


def _taken(taking: records.Taking, session: Session, change_minor: int, slip_minor: int, at: datetime) -> Taken:
    currency = taking.amount.currency
    change, slip = Money(change_minor, currency), Money(slip_minor, currency)
    return Taken(taking.payment_id, session.id, taking.amount, change, slip, at)


async def post_cash(connection: Connection, items: Sequence[Transfer], now: datetime) -> None:
    """Post movements of cash; raises LedgerRefused."""
    for answer in await post(connection, items, now):
        if isinstance(answer, PostingRefused):
            raise LedgerRefused(answer.code)
