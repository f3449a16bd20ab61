"""A drawer beside its sales: money put in and taken out with a reason, handing it over, and what its reports say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import args_row

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import InvalidId, check_id, lane_of
from topup.kernel.money import Money
from topup.payments.cash import postings, records
from topup.payments.cash.records import SESSION, Session
from topup.payments.cash.tills import close_till, open_till, post_cash
from topup.platform.database import Connection
from topup.work import trail

CHANGE: Final = "change"
"""Change was fetched from the safe."""
CARD: Final = "card"
"""A voucher card was handed over for its face."""
SAFE: Final = "safe"
"""Notes were brought to the safe."""
EXPENSE: Final = "expense"
"""Something was bought."""
LONGEST_REASON: Final = 200
SHORT: Final = "counter.drawer_short"
"""What the trail calls it that more was to go out than there is: who tries often learns what they are to count."""
SHORT_ALONE: Final = 2
"""So often in a session it is taken for a mistake."""
_MOST_SHOWN: Final = 50

_COUNT: Final = "s.z_number, s.counted_minor, s.difference_minor, s.closed_by"
_KEPT_BY: Final = f"SELECT {SESSION} FROM payments.till_sessions s WHERE opened_by = %s AND closed_at IS NULL"
_LAST_SHOP: Final = "SELECT shop FROM payments.till_sessions WHERE opened_by = %s ORDER BY opened_at DESC LIMIT 1"
_ONE: Final = f"""
SELECT {SESSION}, {_COUNT} FROM payments.till_sessions s
WHERE lane = %s AND id = %s
"""
_PAST: Final = f"""
SELECT {SESSION}, {_COUNT} FROM payments.till_sessions s WHERE opened_by = %s AND closed_at IS NOT NULL
ORDER BY opened_at DESC LIMIT %s
"""
_MOVE: Final = """
INSERT INTO payments.till_movements
    (lane, session_id, form, why, amount_minor, reason, moved_by, allowed_by, moved_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1
"""
_SAME: Final = """
SELECT why, amount_minor FROM payments.till_movements WHERE lane = %s AND session_id = %s AND form = %s
"""
_MOVES: Final = """
SELECT form, why, amount_minor, reason, moved_at FROM payments.till_movements WHERE lane = %s AND session_id = %s
ORDER BY moved_at DESC, form LIMIT %s
"""
_FIGURES: Final = """
SELECT (SELECT count(*) FROM payments.cash_takings WHERE session_id = %(id)s),
    (SELECT coalesce(sum(amount_minor), 0)::bigint FROM payments.cash_takings WHERE session_id = %(id)s),
    (SELECT coalesce(sum(slip_minor), 0)::bigint FROM payments.cash_takings WHERE session_id = %(id)s),
    (SELECT count(*) FROM payments.cash_refunds WHERE session_id = %(id)s),
    (SELECT coalesce(sum(amount_minor), 0)::bigint FROM payments.cash_refunds WHERE session_id = %(id)s),
    coalesce(sum(amount_minor) FILTER (WHERE why = 'change'), 0)::bigint,
    coalesce(-sum(amount_minor) FILTER (WHERE why = 'safe'), 0)::bigint,
    coalesce(-sum(amount_minor) FILTER (WHERE why = 'expense'), 0)::bigint,
    coalesce(sum(amount_minor) FILTER (WHERE why = 'card'), 0)::bigint
FROM payments.till_movements WHERE lane = %(lane)s AND session_id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Movement:
    """Money to go into a drawer or out of it. `amount` is above zero; `why` says which way. `form` is the key of the
    form: sent twice, it moves once. `allowed_by` is the second person, of what takes two. `knows_expected`: whether who
    moves it may know what should be in the drawer.
    """

    form: str
    why: str
    amount: Money
    reason: str
    by: str
    allowed_by: str | None = None
    knows_expected: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """A movement that was booked, in minor units of the session's currency: below zero, it went out."""

    form: str
    why: str
    amount_minor: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A till as it was kept once, with its count; or as it is kept, without. For reports: who counts is not told."""

    session: Session
    z_number: int | None
    counted_minor: int | None
    difference_minor: int | None
    closed_by: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a drawer's report says of cash, in minor units of the session's currency."""

    sales: int
    sold_minor: int
    slips_minor: int
    refunds: int
    refunded_minor: int
    change_minor: int
    safe_minor: int
    expense_minor: int
    cards_minor: int

    def expected_minor(self, session: Session) -> int:
        """What should be in the drawer."""
        came = session.float_minor + self.sold_minor + self.slips_minor + self.change_minor + self.cards_minor
        return came - self.refunded_minor - self.safe_minor - self.expense_minor


async def kept_by(connection: Connection, staff_id: str) -> Session | None:
    """The till that somebody keeps now."""
    async with connection.cursor(row_factory=args_row(Session)) as cursor:
        await cursor.execute(_KEPT_BY, (staff_id,))
        return await cursor.fetchone()


async def last_shop(connection: Connection, staff_id: str) -> str:
    """The id of the shop where somebody keeps a till, or kept one last; empty for who never did."""
    row = await (await connection.execute(_LAST_SHOP, (staff_id,))).fetchone()
    return str(row[0]) if row else ""


async def session_of(connection: Connection, session_id: str) -> Kept:
    """A till as it was kept once, or is; raises NotFound till_session_unknown."""
    try:
        place = lane_of(check_id("till", session_id)), session_id
    except InvalidId:
        raise NotFound("till_session_unknown") from None
    row = await (await connection.execute(_ONE, place)).fetchone()
    if row is None:
        raise NotFound("till_session_unknown")
    return _kept(row)


async def past_of(connection: Connection, staff_id: str) -> list[Kept]:
    """The tills that somebody kept, the newest first."""
    cursor = await connection.execute(_PAST, (staff_id, _MOST_SHOWN))
    return [_kept(row) for row in await cursor.fetchall()]


async def moves_of(connection: Connection, session: Session) -> list[Moved]:
    """What was put into a drawer and taken out beside its sales, the newest first."""
    async with connection.cursor(row_factory=args_row(Moved)) as cursor:
        await cursor.execute(_MOVES, (session.lane, session.id, _MOST_SHOWN))
        return await cursor.fetchall()


def _kept(row: tuple[Any, ...]) -> Kept:
    return Kept(Session(*row[:-4]), *row[-4:])


def check_reason(reason: str) -> None:
    """Raises Invalid till_reason."""
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Invalid("till_reason", longest=LONGEST_REASON)


async def move(connection: Connection, *, till: str, movement: Movement, now: datetime) -> Session | None:
    """Put money into a drawer, or take it out, and give the session it was in; None for the same form again, which
    moves nothing. No more goes out than should be there, and the refusal does not say how much that is: whoever is to
    count is not to learn it. Nor by trying: after SHORT_ALONE refusals that `note_short` wrote down, nothing goes out
    of the session that no second person allowed.

    Raises till_not_open, till_of_another, currency_wrong, till_amount, till_reason, form_reused, till_asks_supervisor,
    till_holds_less.
    """
    session = await records.open_session(connection, till, lock="UPDATE")
    if session is None:
        raise Conflict("till_not_open", till=till)
    if session.opened_by != movement.by:
        raise Conflict("till_of_another", till=till)
    amount = movement.amount
    if amount.currency != session.currency:
        raise Invalid("currency_wrong", currency=session.currency)
    if amount.amount_minor <= 0:
        raise Invalid("till_amount")
    check_reason(movement.reason)
    moved_minor = amount.amount_minor if movement.why in {CHANGE, CARD} else -amount.amount_minor
    same = await (await connection.execute(_SAME, (session.lane, session.id, movement.form))).fetchone()
    if same is not None:
        if tuple(same) != (movement.why, moved_minor):
            raise Conflict("form_reused")
        return None
    if moved_minor < 0:
        told = movement.knows_expected or movement.allowed_by is not None
        if not told and await asks_supervisor(connection, session):
            raise Conflict("till_asks_supervisor")
        if await records.expected(connection, session) + moved_minor < 0:
            raise Conflict("till_holds_less")
    row = (session.lane, session.id, movement.form, movement.why, moved_minor, movement.reason)
    await connection.execute(_MOVE, (*row, movement.by, movement.allowed_by, now))
    posting = postings.between(
        session.id,
        session.lane,
        till,
        session.currency,
        form=movement.form,
        why=movement.why,
        amount=moved_minor,
    )
    await post_cash(connection, [posting], now)
    return session


async def asks_supervisor(connection: Connection, session: Session) -> bool:
    """Whether a drawer refused so often that what goes out takes a second person. Certain only for who has it alone."""
    return len(await trail.entries(connection, subject=session.id, action=SHORT, limit=SHORT_ALONE)) == SHORT_ALONE


async def note_short(connection: Connection, *, till: str, movement: Movement, now: datetime) -> None:
    """Count a refusal of `move`, in the transaction that was refused: who tries at the same time waits for it."""
    session = await records.open_session(connection, till, lock="UPDATE")
    if session is not None:
        facts = {"till": till, "amount_minor": movement.amount.amount_minor, "currency": session.currency}
        await trail.write(connection, actor=movement.by, action=SHORT, subject=session.id, facts=facts, now=now)


async def hand_over(
    connection: Connection, *, till: str, counted: Money, given_by: str, taken_by: str, now: datetime, lanes: int
) -> tuple[Session, Session]:
    """Have another keep a till from now on, with a count in between: what was counted is the float of the next. Gives
    the session that ended and the one that begins. Raises those of `close_till` and `open_till`, till_of_another, and
    till_same_keeper.
    """
    session = await records.open_session(connection, till, lock="UPDATE")
    if session is None:
        raise Conflict("till_not_open", till=till)
    if session.opened_by != given_by:
        raise Conflict("till_of_another", till=till)
    if given_by == taken_by:
        raise Invalid("till_same_keeper")
    ended = await close_till(connection, till=till, counted=counted, closed_by=given_by, now=now)
    begun = await open_till(
        connection, till=till, float_=counted, opened_by=taken_by, now=now, lanes=lanes, shop=session.shop
    )
    return ended, begun


async def figures(connection: Connection, session: Session) -> Figures:
    """What a session's reports say of its cash."""
    cursor = await connection.execute(_FIGURES, {"lane": session.lane, "id": session.id})
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("a sum gave no row")
    return Figures(*row)
