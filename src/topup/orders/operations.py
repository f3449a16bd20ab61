"""Writing orders. One function changes the state of an order, and writes its history with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from topup.kernel.ids import PaymentId
from topup.orders.queries import Order, Place
from topup.orders.states import DECIDES_OFFERS, DECIDES_POINTS, ORDER, Cause, OrderState
from topup.platform.arrays import columns, texts
from topup.platform.database import Connection


class ForbiddenStep(RuntimeError):
    """A path that the table of transitions does not have: a defect of ours, never of the caller's data."""


@dataclass(frozen=True, slots=True)
class Move:
    """The states an order goes through now, with the cause of each; and the payment it keeps from now on."""

    lane: int
    id: str
    path: tuple[tuple[OrderState, Cause], ...]
    kept: PaymentId | None = None


async def advance(connection: Connection, moves: Sequence[Move], now: datetime) -> set[str]:
    """Move orders along the table of transitions; the ids that moved. An order that is not in a state from which its
    path begins stays as it is. Raises ForbiddenStep for a path the table does not have.
    """
    moved: set[str] = set()
    for path in dict.fromkeys(move.path for move in moves):
        _check(path)
        group = [move for move in moves if move.path == path]
        last = path[-1][0]
        cursor = await connection.execute(
            "WITH moved AS (UPDATE orders.orders o SET state = %s, state_since = %s, steps = o.steps + %s,"
            " kept_payment_id = coalesce(u.kept, o.kept_payment_id),"
            " closed_at = CASE WHEN %s THEN least(%s, o.expires_at) ELSE o.closed_at END,"
            " offers_due = o.offers_due OR (o.holds_offers AND %s),"
            " points_marks = o.points_marks + (o.moves_points AND %s)::int"
            " FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS u (lane, id, kept)"
            " WHERE o.lane = u.lane AND o.id = u.id AND o.state = ANY (%s) RETURNING o.lane, o.id, o.steps),"
            " remembered AS (INSERT INTO orders.history (lane, order_id, step, state, cause, at)"
            " SELECT m.lane, m.id, m.steps - %s + p.number, p.state, p.cause, %s FROM moved m,"
            " unnest(%b::text[], %b::text[]) WITH ORDINALITY AS p (state, cause, number))"
            " SELECT id FROM moved",
            (
                last.value,
                now,
                len(path),
                last in {OrderState.EXPIRED, OrderState.CANCELLED},
                now,
                any(state in DECIDES_OFFERS for state, _ in path),
                any(state in DECIDES_POINTS for state, _ in path),
                *columns((move.lane, move.id, move.kept) for move in group),
                [source.value for source in ORDER.sources(path[0][0])],
                len(path),
                now,
                *columns((state.value, cause.value) for state, cause in path),
            ),
        )
        moved |= {identifier for (identifier,) in await cursor.fetchall()}
    return moved


class NotMoved(RuntimeError):
    """An order was not where its lock said it was: nothing that goes with the move may take hold."""


def all_moved(moves: Sequence[Move], moved: set[str]) -> None:
    """Raise NotMoved unless every one of `moves` moved: what goes with the state takes hold with it or not at all."""
    left = {move.id for move in moves} - moved
    if left:
        raise NotMoved(f"{len(left)} of {len(moves)}")


def _check(path: tuple[tuple[OrderState, Cause], ...]) -> None:
    for (before, _), (after, _) in pairwise(path):
        if not ORDER.permits(before, after):
            raise ForbiddenStep(f"{before} -> {after}")


async def remember(
    connection: Connection, steps: Sequence[tuple[int, str, int, OrderState, Cause]], now: datetime
) -> None:
    """Write history rows: lane, order, number of the step, state, cause."""
    if steps:
        await connection.execute(
            "INSERT INTO orders.history (lane, order_id, step, state, cause, at)"
            " SELECT u.*, %s FROM unnest(%b::smallint[], %b::text[], %b::smallint[], %b::text[], %b::text[]) AS u",
            (now, *columns((lane, order, step, state.value, cause.value) for lane, order, step, state, cause in steps)),
        )


async def store_quotes(connection: Connection, quotes: Sequence[tuple[int, str, str, str, bytes, datetime]]) -> None:
    """Store signed quotes: lane, id, body, key id, signature, end."""
    await connection.execute(
        "INSERT INTO orders.quotes (lane, id, body, kid, signature, expires_at) SELECT * FROM"
        " unnest(%b::smallint[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::timestamptz[])",
        columns(quotes),
    )


async def create(connection: Connection, orders: Sequence[tuple[Order, str, bytes | None]], now: datetime) -> None:
    """Write new orders, each with its channel and its payer, and the first step of their history."""
    if not orders:
        return
    await connection.execute(
        "INSERT INTO orders.orders (lane, id, quote_id, msisdn, carrier_id, currency, face_minor, expires_at,"
        " contact_id, locale, payer_id, holds_offers, moves_points, channel, payer, state, state_since, steps,"
        " created_at)"
        " SELECT u.*, 'awaiting_payment', %s, 1, %s FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[],"
        " %b::text[], %b::text[], %b::bigint[], %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::bool[],"
        " %b::bool[], %b::text[], %b::bytea[]) AS u",
        (
            now,
            now,
            *columns(
                (
                    o.lane,
                    o.id,
                    o.quote_id,
                    o.msisdn,
                    o.carrier_id,
                    o.currency,
                    o.face_minor,
                    o.expires_at,
                    o.contact_id,
                    o.locale,
                    o.payer_id,
                    o.holds_offers,
                    o.moves_points,
                    channel,
                    payer,
                )
                for o, channel, payer in orders
            ),
        ),
    )
    steps = [(o.lane, str(o.id), 1, OrderState.AWAITING_PAYMENT, Cause.ORDERED) for o, _, _ in orders]
    await remember(connection, steps, now)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """An order that goes through its first states in the transaction that makes it: `path` is what follows upon its
    being ordered. `quote` is its price as `store_quotes` takes it, `channel` and `payer` are as of `create`.
    """

    order: Order
    quote: tuple[int, str, str, str, bytes, datetime]
    channel: str
    payer: bytes | None
    path: tuple[tuple[OrderState, Cause], ...]
    kept: PaymentId


async def create_at_once(connection: Connection, made: Sequence[AtOnce], now: datetime) -> None:
    """Write orders with their quotes and their history in the states they have come to: nothing is written as begun, to
    be moved on. Raises ForbiddenStep for a path the table does not have.
    """
    for path in dict.fromkeys(one.path for one in made):
        steps = ((OrderState.AWAITING_PAYMENT, Cause.ORDERED), *path)
        _check(steps)
        these = [one for one in made if one.path == path]
        rows = texts(map(_at_once, these))
        ends = ([one.order.expires_at for one in these], [one.quote[5] for one in these])
        states = columns((state.value, cause.value) for state, cause in steps)
        await connection.execute(_AT_ONCE, (*rows, *ends, path[-1][0].value, now, len(steps), now, now, *states))


def _at_once(one: AtOnce) -> tuple[object, ...]:
    o, (_, _, body, kid, signature, _) = one.order, one.quote
    return (
        o.lane,
        o.id,
        o.quote_id,
        o.msisdn,
        o.carrier_id,
        o.currency,
        o.face_minor,
        one.kept,
        o.contact_id,
        o.locale,
        one.channel,
        one.payer.hex() if one.payer else None,
        o.payer_id,
        body,
        kid,
        signature.hex(),
    )


_AT_ONCE: Final = """
WITH made AS MATERIALIZED (
    SELECT * FROM unnest(string_to_array(%s, E'\\n')::smallint[], string_to_array(%s, E'\\n'),
        string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'),
        string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n')::bigint[], string_to_array(%s, E'\\n'),
        string_to_array(%s, E'\\n', ''), string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'),
        string_to_array(%s, E'\\n', ''), string_to_array(%s, E'\\n', ''), string_to_array(%s, E'\\n'),
        string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'), %b::timestamptz[], %b::timestamptz[])
        AS u (lane, id, quote_id, msisdn, carrier_id, currency, face_minor, kept, contact_id, locale, channel, payer,
            payer_id, body, kid, signature, expires_at, quote_expires_at)
), priced AS (
    INSERT INTO orders.quotes (lane, id, body, kid, signature, expires_at)
    SELECT m.lane, m.quote_id, m.body, m.kid, decode(m.signature, 'hex'), m.quote_expires_at FROM made AS m
), ordered AS (
    INSERT INTO orders.orders (lane, id, quote_id, msisdn, carrier_id, currency, face_minor, expires_at,
        kept_payment_id, contact_id, locale, channel, payer, payer_id, state, state_since, steps, created_at)
    SELECT m.lane, m.id, m.quote_id, m.msisdn, m.carrier_id, m.currency, m.face_minor, m.expires_at,
        m.kept, m.contact_id, m.locale, m.channel, decode(m.payer, 'hex'), m.payer_id, %s, %s, %s, %s FROM made AS m
)
INSERT INTO orders.history (lane, order_id, step, state, cause, at)
SELECT m.lane, m.id, p.number, p.state, p.cause, %s FROM made AS m,
    unnest(%b::text[], %b::text[]) WITH ORDINALITY AS p (state, cause, number)
"""


async def keep_payable(connection: Connection, orders: Sequence[tuple[int, str, datetime]]) -> None:
    """Let orders (lane, id), which the caller holds locked, be paid until then, though they would expire sooner."""
    if orders:
        await connection.execute(
            "UPDATE orders.orders o SET expires_at = greatest(o.expires_at, u.expires_at),"
            " offers_due = o.offers_due OR o.holds_offers,"
            " points_marks = o.points_marks + o.moves_points::int"
            " FROM (SELECT lane, id, max(until) FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[])"
            " AS v (lane, id, until) GROUP BY 1, 2) AS u (lane, id, expires_at)"
            " WHERE o.lane = u.lane AND o.id = u.id AND o.state = 'awaiting_payment'",
            columns(orders),
        )


async def follow_money(connection: Connection, orders: Sequence[Place]) -> None:
    """Have what orders hold of offers, and their points, brought to where they are, though their state stays: some of
    their money went back, or goes.
    """
    await connection.execute(
        "UPDATE orders.orders o SET offers_due = o.offers_due OR o.holds_offers,"
        " points_marks = o.points_marks + o.moves_points::int"
        " FROM unnest(%b::smallint[], %b::text[]) AS u (lane, id)"
        " WHERE o.lane = u.lane AND o.id = u.id AND (o.holds_offers OR o.moves_points)",
        columns(orders),
    )


async def due_to_expire(connection: Connection, limit: int, now: datetime) -> list[Place]:
    """Lock up to `limit` orders that were not paid in time and that nobody else is at."""
    cursor = await connection.execute(
        "SELECT lane, id FROM orders.orders WHERE state = 'awaiting_payment' AND expires_at <= %s"
        " ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED",
        (now, limit),
    )
    return [(lane, identifier) for lane, identifier in await cursor.fetchall()]


async def lock_numbers(connection: Connection, numbers: Sequence[str]) -> None:
    """Hold these numbers until the transaction ends, so that two orders of one number see each other."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(k) FROM"
        " (SELECT DISTINCT hashtextextended(n, 7) AS k FROM unnest(%b::text[]) AS n ORDER BY 1) AS keys",
        (list(numbers),),
    )


async def take_receipt_numbers(
    connection: Connection, wanted: dict[tuple[int, int], int]
) -> dict[tuple[int, int], int]:
    """Take that many numbers for each (lane, year); the first of each block. Gapless: the counter moves with the
    transaction that issues, and waits for whoever is issuing.
    """
    ordered = sorted(wanted)
    cursor = await connection.execute(
        "INSERT INTO orders.receipt_counters AS c (lane, year, last)"
        " SELECT * FROM unnest(%b::smallint[], %b::smallint[], %b::int[])"
        " ON CONFLICT (lane, year) DO UPDATE SET last = c.last + excluded.last RETURNING lane, year, last",
        ([lane for lane, _ in ordered], [year for _, year in ordered], [wanted[place] for place in ordered]),
    )
    return {(lane, year): last - wanted[lane, year] + 1 for lane, year, last in await cursor.fetchall()}


async def issue(
    connection: Connection, receipts: Sequence[tuple[int, str, int, int, str, str, bytes]], now: datetime
) -> None:
    """Store signed receipts: lane, order, year, number, body, key id, signature."""
    await connection.execute(
        "INSERT INTO orders.receipts (lane, order_id, year, number, body, kid, signature, issued_at)"
        " SELECT u.lane, u.order_id, u.year, u.number, u.body, u.kid, decode(u.signature, 'hex'), %s"
        " FROM unnest(string_to_array(%s, E'\\n')::smallint[], string_to_array(%s, E'\\n'),"
        " string_to_array(%s, E'\\n')::smallint[], string_to_array(%s, E'\\n')::int[], string_to_array(%s, E'\\n'),"
        " string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'))"
        " AS u (lane, order_id, year, number, body, kid, signature)",
        (now, *texts((*rest, signature.hex()) for *rest, signature in receipts)),
    )
