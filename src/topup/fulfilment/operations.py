"""Writing down attempts to deliver. Whoever changes one holds its order's row first; but for `due`, which passes over
rows that somebody holds, and so never waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.fulfilment.states import ATTEMPT, AttemptState
from topup.kernel.ids import FulfilmentId, OrderId
from topup.kernel.money import Money
from topup.platform.arrays import columns
from topup.platform.database import Connection

LEASE: Final = timedelta(seconds=60)
"""How long a call to a carrier may be under way before another process takes the row up again. Longer than any
call's own timeout."""


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """A delivery to be written down before the carrier hears of it."""

    lane: int
    id: FulfilmentId
    order_id: OrderId
    number: int
    carrier: str
    msisdn: str
    amount: Money
    product: str
    submit_at: datetime


async def intend(connection: Connection, attempts: Sequence[NewAttempt], now: datetime) -> None:
    """Write deliveries down, to be submitted at `submit_at`. A second open attempt of an order is refused by the
    database (UniqueViolation): the caller has looked under the order's lock.
    """
    if not attempts:
        return
    await connection.execute(
        "INSERT INTO fulfilment.attempts (lane, id, order_id, number, carrier, msisdn, amount_minor, currency, product,"
        " act_at, state, created_at, state_since)"
        " SELECT u.*, 'intended', %s, %s FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::smallint[],"
        " %b::text[], %b::text[], %b::bigint[], %b::text[], %b::text[], %b::timestamptz[]) AS u",
        (
            now,
            now,
            *columns(
                (
                    a.lane,
                    a.id,
                    a.order_id,
                    a.number,
                    a.carrier,
                    a.msisdn,
                    a.amount.amount_minor,
                    a.amount.currency,
                    a.product,
                    a.submit_at,
                )
                for a in attempts
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class Due:
    """An attempt taken up: to be submitted when it was `intended`, to be asked about otherwise."""

    lane: int
    id: FulfilmentId
    submit: bool


async def due(connection: Connection, limit: int, now: datetime) -> list[Due]:
    """Take up to `limit` attempts whose time has come; nobody else takes them for LEASE.

    One to be submitted becomes `submitting` here, committed before the call: whoever finds it later asks.
    """
    cursor = await connection.execute(
        "UPDATE fulfilment.attempts a SET act_at = %s, asked = least(a.asked + 1, 32000),"
        " state = CASE a.state WHEN 'intended' THEN 'submitting' ELSE a.state END,"
        " submitted_at = CASE a.state WHEN 'intended' THEN %s ELSE a.submitted_at END,"
        " state_since = CASE a.state WHEN 'intended' THEN %s ELSE a.state_since END"
        " FROM (SELECT lane, id, state FROM fulfilment.attempts WHERE act_at <= %s"
        " ORDER BY act_at LIMIT %s FOR UPDATE SKIP LOCKED) AS d"
        " WHERE a.lane = d.lane AND a.id = d.id RETURNING a.lane, a.id, d.state = 'intended'",
        (now + LEASE, now, now, now, limit),
    )
    return [Due(lane, FulfilmentId(identifier), submit) for lane, identifier, submit in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Step:
    """An attempt's next state, when to act next (None: never again), and what the carrier called it."""

    lane: int
    id: str
    state: AttemptState
    act_at: datetime | None
    reference: str | None = None
    code: str | None = None


async def advance(connection: Connection, steps: Sequence[Step], now: datetime) -> set[str]:
    """Move attempts along the table of transitions; the ids that moved. A step it does not have moves nothing."""
    moved: set[str] = set()
    for state in dict.fromkeys(step.state for step in steps):
        group = [step for step in steps if step.state is state]
        cursor = await connection.execute(
            "UPDATE fulfilment.attempts a SET state = %s, state_since = %s, act_at = u.act_at,"
            " reference = coalesce(u.reference, a.reference), code = coalesce(u.code, a.code)"
            " FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[], %b::text[], %b::text[])"
            " AS u (lane, id, act_at, reference, code)"
            " WHERE a.lane = u.lane AND a.id = u.id AND a.state = ANY (%s) RETURNING a.id",
            (
                state.value,
                now,
                *columns((s.lane, s.id, s.act_at, s.reference, s.code) for s in group),
                [source.value for source in ATTEMPT.sources(state)],
            ),
        )
        moved |= {identifier for (identifier,) in await cursor.fetchall()}
    return moved


async def lock_intended(connection: Connection, orders: Sequence[tuple[int, str]]) -> list[FulfilmentId]:
    """The attempts of these orders (lane, id) that nothing has left this machine of, each held until the transaction
    ends: nobody takes one up to submit it meanwhile. The caller holds the orders.
    """
    cursor = await connection.execute(
        "SELECT a.id FROM unnest(%b::smallint[], %b::text[]) AS place (lane, id)"
        " JOIN fulfilment.attempts a ON a.lane = place.lane AND a.order_id = place.id"
        " WHERE a.state = 'intended' ORDER BY a.lane, a.id FOR UPDATE OF a",
        columns(orders),
    )
    return [FulfilmentId(identifier) for (identifier,) in await cursor.fetchall()]


async def act_later(connection: Connection, times: Sequence[tuple[int, str, datetime]]) -> None:
    """Note when each attempt (lane, id) is taken up next, in the state it is in."""
    if not times:
        return
    await connection.execute(
        "UPDATE fulfilment.attempts a SET act_at = u.act_at"
        " FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[]) AS u (lane, id, act_at)"
        " WHERE a.lane = u.lane AND a.id = u.id AND a.act_at IS NOT NULL",
        columns(times),
    )


async def ask_at_once(connection: Connection, orders: Sequence[tuple[int, str]], now: datetime) -> int:
    """Have the carriers asked at once that were told of these orders' attempts; how many are. What is yet to be
    submitted keeps its time: a carrier that put us off is not pressed.
    """
    cursor = await connection.execute(
        "UPDATE fulfilment.attempts a SET act_at = %s FROM unnest(%b::smallint[], %b::text[]) AS u (lane, order_id)"
        " WHERE a.lane = u.lane AND a.order_id = u.order_id AND a.act_at > %s"
        " AND a.state IN ('submitting', 'accepted', 'unknown')",
        (now, *columns(orders), now),
    )
    return cursor.rowcount
