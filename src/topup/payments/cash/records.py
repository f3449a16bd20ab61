"""The rows of cash: sessions of tills, takings, and what is to be paid back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.payments.taken_by_hand import Book, Handed, HandedBack
from topup.platform.arrays import selected
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Session:
    """A till kept by somebody, from its float to its count."""

    lane: int
    id: str
    till: str
    currency: str
    float_minor: int
    opened_by: str
    opened_at: datetime
    closed_at: datetime | None
    shop: str = ""


@dataclass(frozen=True, slots=True)
class Taking(Handed):
    """A payment in cash, and in which session it was taken, with what was tendered and handed back."""

    session_id: str | None
    tendered_minor: int | None
    change_minor: int | None
    slip_minor: int | None
    taken_at: datetime | None


@dataclass(frozen=True, slots=True)
class PayBack(HandedBack):
    """Cash of a payment that is to be handed back, or was, and out of which session's drawer."""

    session_id: str | None


SESSION: Final = selected(Session, "s")
BOOK: Final = Book(
    payments="payments.cash_takings",
    backs="payments.cash_refunds",
    row=Taking,
    back_row=PayBack,
    counts="state = 'taken'",
    counts_back="paid_at IS NOT NULL",
)


async def open_session(connection: Connection, till: str, *, lock: str = "SHARE") -> Session | None:
    """The session of a till that somebody keeps; its row is locked, shared with others who take money or alone."""
    async with connection.cursor(row_factory=args_row(Session)) as cursor:
        strength = "UPDATE" if lock == "UPDATE" else "SHARE"
        await cursor.execute(
            f"SELECT {SESSION} FROM payments.till_sessions s WHERE till = %s AND closed_at IS NULL FOR {strength}",
            (till,),
        )
        return await cursor.fetchone()


async def expected(connection: Connection, session: Session) -> int:
    """What should be in the drawer: the float, and what was taken in and handed out since."""
    cursor = await connection.execute(
        "SELECT %s::bigint"
        " + (SELECT coalesce(sum(amount_minor + slip_minor), 0) FROM payments.cash_takings WHERE session_id = %s)"
        " - (SELECT coalesce(sum(amount_minor), 0) FROM payments.cash_refunds WHERE session_id = %s)"
        " + (SELECT coalesce(sum(amount_minor), 0) FROM payments.till_movements WHERE lane = %s AND session_id = %s)",
        (session.float_minor, session.id, session.id, session.lane, session.id),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
