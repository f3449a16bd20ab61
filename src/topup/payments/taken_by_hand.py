"""The rows of a way to pay whose money a person takes at a counter: written down before any is taken, then `taken` or
`closed` for ever; and what of it is to go back, or went.

Each such way has two tables of its own, with columns of its own beside those that are told here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from psycopg.rows import args_row

from topup.kernel.ids import PaymentId, lane_of
from topup.kernel.money import Money
from topup.platform.arrays import columns, selected
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Handed:
    """A payment: `waiting` for its money, `taken`, or `closed` for ever; one that was closed before it was heard of has
    no amount.
    """

    lane: int
    payment_id: PaymentId
    amount_minor: int | None
    currency: str | None
    state: str

    @property
    def amount(self) -> Money:
        """What was to be paid; raises ValueError where that was never heard."""
        if self.amount_minor is None or self.currency is None:
            raise ValueError("it was closed before it was heard of")
        return Money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True)
class HandedBack:
    """What of a payment is to go back, or went (`paid_at`)."""

    lane: int
    id: str
    payment_id: PaymentId
    amount_minor: int
    currency: str
    paid_at: datetime | None


P = TypeVar("P", bound=Handed)
B = TypeVar("B", bound=HandedBack)


@dataclass(frozen=True, slots=True)
class Book(Generic[P, B]):
    """The two tables of such a way to pay, and what their rows are read as. `counts` and `counts_back` say which rows
    its bill has, as conditions on `t` and `b`.
    """

    payments: str
    backs: str
    row: type[P]
    back_row: type[B]
    counts: str
    counts_back: str

    async def payment_of(self, connection: Connection, payment_id: str, *, lock: bool = False) -> P | None:
        """A payment's row; None where it was never begun."""
        async with connection.cursor(row_factory=args_row(self.row)) as cursor:
            await cursor.execute(
                f"SELECT {selected(self.row, 't')} FROM {self.payments} t WHERE lane = %s AND payment_id = %s"
                f"{' FOR UPDATE' if lock else ''}",
                (lane_of(payment_id), payment_id),
            )
            return await cursor.fetchone()

    async def payments_of(self, connection: Connection, places: Sequence[tuple[int, str]]) -> dict[str, P]:
        """The rows of these payments (lane, id), by payment; what was never begun is absent."""
        if not places:
            return {}
        async with connection.cursor(row_factory=args_row(self.row)) as cursor:
            await cursor.execute(
                f"SELECT {selected(self.row, 't')} FROM unnest(%b::smallint[], %b::text[]) AS place (lane, id)"
                f" JOIN {self.payments} t ON t.lane = place.lane AND t.payment_id = place.id",
                columns(places),
            )
            return {str(found.payment_id): found for found in await cursor.fetchall()}

    async def begin(
        self, connection: Connection, payment_id: PaymentId, amount: Money | None, now: datetime, *, state: str
    ) -> bool:
        """Write a payment down before any money is taken (or as `closed`, so that none ever is, and whatever its amount
        would have been); whether it was new.
        """
        cursor = await connection.execute(
            f"INSERT INTO {self.payments} (lane, payment_id, amount_minor, currency, state, begun_at)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1",
            (
                lane_of(payment_id),
                payment_id,
                amount.amount_minor if amount else None,
                amount.currency if amount else None,
                state,
                now,
            ),
        )
        return await cursor.fetchone() is not None

    async def close(self, connection: Connection, payment_id: PaymentId, now: datetime) -> bool:
        """Close a payment, for ever; whether its money was taken before, and then it stays."""
        if await self.begin(connection, payment_id, None, now, state="closed"):
            return False
        found = await self.payment_of(connection, payment_id, lock=True)
        if found is not None and found.state == "taken":
            return True
        await connection.execute(
            f"UPDATE {self.payments} SET state = 'closed' WHERE lane = %s AND payment_id = %s AND state = 'waiting'",
            (lane_of(payment_id), payment_id),
        )
        return False

    async def back_of(self, connection: Connection, refund_id: str, *, lock: bool = False) -> B | None:
        """What is to go back under a refund's number."""
        async with connection.cursor(row_factory=args_row(self.back_row)) as cursor:
            await cursor.execute(
                f"SELECT {selected(self.back_row, 'b')} FROM {self.backs} b WHERE lane = %s AND id = %s"
                f"{' FOR UPDATE' if lock else ''}",
                (lane_of(refund_id), refund_id),
            )
            return await cursor.fetchone()

    async def backs_waiting(self, connection: Connection, places: Sequence[tuple[int, str]]) -> list[B]:
        """What is to go back of these payments (lane, id), and did not yet; the oldest first."""
        if not places:
            return []
        async with connection.cursor(row_factory=args_row(self.back_row)) as cursor:
            await cursor.execute(
                f"SELECT {selected(self.back_row, 'b')} FROM unnest(%b::smallint[], %b::text[]) AS place (lane, id)"
                f" JOIN {self.backs} b ON b.lane = place.lane AND b.payment_id = place.id"
                " WHERE b.paid_at IS NULL ORDER BY b.asked_at, b.id",
                columns(places),
            )
            return await cursor.fetchall()

    async def promise_back(
        self, connection: Connection, payment: P, refund_id: str, amount: Money, now: datetime
    ) -> bool:
        """Promise that so much of a payment goes back; False where it is more than is left, or another currency. The
        payment's row is locked.
        """
        place = (payment.lane, payment.payment_id)
        cursor = await connection.execute(
            f"SELECT coalesce(sum(amount_minor), 0)::bigint FROM {self.backs} WHERE lane = %s AND payment_id = %s",
            place,
        )
        row = await cursor.fetchone()
        promised = int(row[0]) if row else 0
        if amount.currency != payment.currency or promised + amount.amount_minor > payment.amount.amount_minor:
            return False
        await connection.execute(
            f"INSERT INTO {self.backs} (lane, id, payment_id, amount_minor, currency, asked_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (payment.lane, refund_id, payment.payment_id, amount.amount_minor, amount.currency, now),
        )
        return True

    async def taken_on(self, connection: Connection, day: date) -> list[P]:
        """What was taken on a day (UTC), of what the bill has."""
        async with connection.cursor(row_factory=args_row(self.row)) as cursor:
            await cursor.execute(
                f"SELECT {selected(self.row, 't')} FROM {self.payments} t WHERE {self.counts}"
                " AND taken_at >= %s::date AND taken_at < %s::date + 1 ORDER BY taken_at, payment_id",
                (day, day),
            )
            return await cursor.fetchall()

    async def given_back_on(self, connection: Connection, day: date) -> list[B]:
        """What went back on a day (UTC), of what the bill has."""
        async with connection.cursor(row_factory=args_row(self.back_row)) as cursor:
            await cursor.execute(
                f"SELECT {selected(self.back_row, 'b')} FROM {self.backs} b WHERE {self.counts_back}"
                " AND paid_at >= %s::date AND paid_at < %s::date + 1 ORDER BY paid_at, id",
                (day, day),
            )
            return await cursor.fetchall()
