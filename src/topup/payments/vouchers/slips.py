"""Credit slips: money that goes back as a voucher, of the very amount, for whoever paid.

A slip's PIN is made where nobody looks, so it is kept sealed until its owner asks for it; it is then shown, again for a
little while (an answer may be lost on its way), and after that it is nowhere but with its owner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Final

from psycopg.rows import args_row

from topup.kernel.ids import PaymentId, lane_of
from topup.kernel.money import Money
from topup.ledger import PostingRefused, post
from topup.payments.postings import clearing
from topup.payments.vouchers import postings
from topup.payments.vouchers.operations import LedgerRefused, Wanted, lane_of_mark, make
from topup.payments.vouchers.states import VoucherState
from topup.platform.arrays import selected
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

VALID_FOR: Final = timedelta(days=366)
"""How long a slip pays, from the day it is given: whatever the voucher said that it stands for."""
SHOWN_FOR: Final = timedelta(minutes=10)
"""How long a PIN may be looked at once it has been."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip as its row says; `id` is what it was given for (a refund's id). `pin` is sealed."""

    lane: int
    id: str
    payment_id: PaymentId
    method: str
    serial: str
    amount_minor: int
    currency: str
    valid_until: datetime
    pin: bytes | None
    created_at: datetime
    shown_at: datetime | None

    @property
    def amount(self) -> Money:
        """What it pays: exactly that."""
        return Money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True)
class ShownSlip:
    """A slip as its owner sees it; `pin` None once it has been shown. Not shown when this is printed or logged."""

    slip: Slip
    pin: str | None

    def __repr__(self) -> str:
        return f"ShownSlip(serial={self.slip.serial!r})"


_COLUMNS: Final = selected(Slip, "s")


@dataclass(frozen=True, slots=True)
class Back:
    """Money of a payment by `method` that goes back as a slip: `amount` of all that it was `paid`."""

    slip_id: str
    payment_id: PaymentId
    amount: Money
    paid: Money
    method: str


async def give_back(connection: Connection, back: Back, now: datetime, *, keys: KeyRing, lanes: int) -> Slip | None:
    """A slip for what goes back; the same id again finds the one that was given. None, and nothing happened, where
    more would go back than was paid.
    """
    # Alone with the payment: what went back of it before stands while we look.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"slips:{back.payment_id}",))
    earlier = await slips_of(connection, [back.payment_id])
    found = next((slip for slip in earlier if slip.id == back.slip_id), None)
    if found is not None:
        return found
    gone_minor = sum(slip.amount_minor for slip in earlier)
    if back.amount.currency != back.paid.currency or gone_minor + back.amount.amount_minor > back.paid.amount_minor:
        return None
    instead = Instead(back.slip_id, back.payment_id, back.amount, back.method)
    return await give(connection, instead, now, keys=keys, lanes=lanes, from_code=clearing(back.method))


@dataclass(frozen=True, slots=True)
class Instead:
    """A slip for money of a payment by `method`; `slip_id` is what it is given for, once: the caller has looked."""

    slip_id: str
    payment_id: PaymentId
    amount: Money
    method: str


async def give(
    connection: Connection, back: Instead, now: datetime, *, keys: KeyRing, lanes: int, from_code: str
) -> Slip:
    """A new slip; `from_code` is our account that has the money."""
    amount = back.amount
    wanted = Wanted(amount, 1, now + VALID_FOR, made_by=back.slip_id, kind="slip")
    batch, [printed] = await make(connection, wanted, now, keys=keys, lanes=lanes, state=VoucherState.ACTIVATED)
    slip = Slip(
        lane=lane_of(back.payment_id),
        id=back.slip_id,
        payment_id=back.payment_id,
        method=back.method,
        serial=printed.serial,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        valid_until=batch.valid_until,
        pin=keys.seal(printed.pin.encode(), back.slip_id),
        created_at=now,
        shown_at=None,
    )
    names = [column.name for column in fields(Slip)]
    await connection.execute(
        f"INSERT INTO payments.credit_slips ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})",
        [getattr(slip, name) for name in names],
    )
    transfer = postings.slip_given(
        printed.serial,
        lane_of_mark(keys.marks(printed.pin)[0], lanes),
        amount.currency,
        amount.amount_minor,
        given_for=back.slip_id,
        from_code=from_code,
    )
    [posted] = await post(connection, [transfer], now)
    if isinstance(posted, PostingRefused):
        raise LedgerRefused(posted.code)
    return slip


async def slip_of(connection: Connection, slip_id: str) -> Slip | None:
    """The slip that was given for this."""
    async with connection.cursor(row_factory=args_row(Slip)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM payments.credit_slips s WHERE lane = %s AND id = %s", (lane_of(slip_id), slip_id)
        )
        return await cursor.fetchone()


async def slips_of(connection: Connection, payments: Sequence[PaymentId]) -> list[Slip]:
    """The slips that were given for what payments brought, oldest first."""
    async with connection.cursor(row_factory=args_row(Slip)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM payments.credit_slips s WHERE lane = ANY (%s) AND payment_id = ANY (%s)"
            " ORDER BY created_at, id",
            (sorted({lane_of(payment) for payment in payments}), list(payments)),
        )
        return await cursor.fetchall()


async def given_on(connection: Connection, day: date, *, method: str) -> list[Slip]:
    """The slips of a day (UTC) for payments by a method."""
    async with connection.cursor(row_factory=args_row(Slip)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM payments.credit_slips s WHERE created_at >= %s::date"
            " AND created_at < %s::date + 1 AND method = %s ORDER BY created_at, id",
            (day, day, method),
        )
        return await cursor.fetchall()


async def show(
    connection: Connection, payments: Sequence[PaymentId], now: datetime, *, keys: KeyRing
) -> list[ShownSlip]:
    """The slips of payments with their PINs, for their owner: from the first look on for SHOWN_FOR, then never more."""
    await connection.execute(
        "UPDATE payments.credit_slips SET shown_at = coalesce(shown_at, %s),"
        " pin = CASE WHEN shown_at <= %s THEN NULL ELSE pin END"
        " WHERE lane = ANY (%s) AND payment_id = ANY (%s) AND pin IS NOT NULL",
        (now, now - SHOWN_FOR, sorted({lane_of(payment) for payment in payments}), list(payments)),
    )
    return [
        ShownSlip(slip, keys.unseal(slip.pin, slip.id).decode() if slip.pin is not None else None)
        for slip in await slips_of(connection, payments)
    ]


async def forget_pins(connection: Connection, limit: int, now: datetime) -> int:
    """Let go of PINs that have been shown; how many."""
    cursor = await connection.execute(
        "UPDATE payments.credit_slips SET pin = NULL WHERE (lane, id) IN (SELECT lane, id FROM payments.credit_slips"
        " WHERE shown_at <= %s AND pin IS NOT NULL ORDER BY shown_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING 1",
        (now - SHOWN_FOR, limit),
    )
    return len(await cursor.fetchall())
