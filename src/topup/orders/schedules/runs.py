"""What is kept of the runs of schedules: one cause each, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from topup.kernel.ids import lane_of, new_id
from topup.kernel.money import Money
from topup.orders.schedules.records import Schedule
from topup.orders.schedules.rules import MEMORY, Past
from topup.orders.schedules.states import OPEN, RunState
from topup.people.subscribers import accounts
from topup.platform.arrays import columns
from topup.platform.database import Connection

LEASE: Final = timedelta(minutes=2)
"""How long a run that was taken up is left to who took it."""
CAME_BACK: Final = "came_back"
"""Why a run that was paid bought nothing in the end: it did not arrive, and all of the money went back."""
_SHOWN: Final = 24
"""Runs of a schedule that its owner is shown."""
_RUN_COLUMNS: Final = """
r.id, r.schedule_id, r.cause, r.state, r.reason, r.amount_minor, r.cost_minor, r.attempt, r.quote_id, r.order_id,
r.payment_id, r.at, r.due_at, r.tried_at, r.ended_at, r.act_at
"""
_RUNS: Final = f"""
SELECT coalesce(o.state = 'refunded', false), {_RUN_COLUMNS} FROM orders.schedule_runs AS r
LEFT JOIN orders.orders AS o ON r.state = 'done' AND o.lane = r.lane AND o.id = r.order_id
WHERE r.lane = %s AND r.schedule_id = %s ORDER BY r.at DESC, r.id DESC LIMIT {_SHOWN}
"""
_PAST: Final = """
SELECT s.msisdn, r.schedule_id, r.cause, r.state, r.at, r.cost_minor, CASE WHEN r.state = 'done' THEN r.ended_at END,
    coalesce(o.state = 'refunded', false)
FROM unnest(%b::smallint[], %b::text[]) AS w (lane, msisdn)
JOIN orders.schedules AS s ON s.lane = w.lane AND s.msisdn = w.msisdn
JOIN orders.schedule_runs AS r ON r.lane = s.lane AND r.schedule_id = s.id AND (r.ended_at > %b OR r.act_at IS NOT NULL)
LEFT JOIN orders.orders AS o ON s.keeps AND r.state = 'done' AND o.lane = r.lane AND o.id = r.order_id
"""
_BEGIN: Final = """
INSERT INTO orders.schedule_runs (lane, id, schedule_id, cause, state, reason, amount_minor, cost_minor, attempt, at,
    due_at, act_at, ended_at)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bigint[],
    %b::bigint[], %b::smallint[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[])
ON CONFLICT (lane, schedule_id, cause) DO NOTHING RETURNING lane, schedule_id
"""
_COUNTED: Final = """
UPDATE orders.schedules AS s SET runs = runs + 1 FROM unnest(%b::smallint[], %b::text[]) AS t (lane, id)
WHERE s.lane = t.lane AND s.id = t.id
"""
_RUNS_DUE: Final = """
SELECT r.lane, r.id, s.subscriber_id FROM orders.schedule_runs AS r
JOIN orders.schedules AS s ON s.lane = r.lane AND s.id = r.schedule_id
WHERE r.act_at <= %s ORDER BY r.act_at LIMIT %s FOR UPDATE OF r SKIP LOCKED
"""
_TAKE: Final = f"""
UPDATE orders.schedule_runs AS r SET act_at = %(leased)s, state = 'paying',
    tried_at = coalesce(r.tried_at, %(now)s), order_id = coalesce(r.order_id, %(order)s),
    payment_id = coalesce(r.payment_id, %(payment)s)
WHERE lane = %(lane)s AND id = %(id)s RETURNING {_RUN_COLUMNS}
"""
_RUN: Final = f"SELECT {_RUN_COLUMNS} FROM orders.schedule_runs AS r WHERE lane = %s AND id = %s"
_PRICED: Final = """
UPDATE orders.schedule_runs SET quote_id = coalesce(quote_id, %s) WHERE lane = %s AND id = %s AND state = 'paying'
RETURNING quote_id
"""
_UNPRICED: Final = "UPDATE orders.schedule_runs SET quote_id = NULL WHERE lane = %s AND id = %s AND quote_id = %s"
_LATER: Final = "UPDATE orders.schedule_runs SET act_at = %s WHERE lane = %s AND id = %s AND state = 'paying'"
_AGAIN: Final = """
UPDATE orders.schedule_runs SET state = 'waiting', reason = %(reason)s, attempt = attempt + 1, quote_id = NULL,
    order_id = NULL, payment_id = NULL, tried_at = NULL, act_at = %(act_at)s
WHERE lane = %(lane)s AND id = %(id)s AND state = 'paying' AND attempt = %(attempt)s RETURNING id
"""
_END: Final = """
UPDATE orders.schedule_runs SET state = %(state)s, reason = %(reason)s, act_at = NULL, ended_at = %(now)s
WHERE lane = %(lane)s AND id = %(id)s AND state IN ('waiting', 'paying') RETURNING id
"""
_CALL_OFF: Final = """
UPDATE orders.schedule_runs SET state = 'skipped', reason = %(reason)s, act_at = NULL, ended_at = %(now)s
WHERE lane = %(lane)s AND schedule_id = %(id)s AND state = 'waiting'
"""
_OPEN_OF: Final = """
SELECT count(*) FROM orders.schedules AS s
JOIN orders.schedule_runs AS r ON r.lane = s.lane AND r.schedule_id = s.id AND r.state = 'paying'
WHERE s.subscriber_id = %s
"""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it is kept. `cost_minor` is the most that is charged for it, fee included; `order_id` is the id that the
    order of this attempt has, if it was made; `tried_at`: when this attempt began. Of one that is DONE and whose money
    went back since, `reason` is CAME_BACK as `runs_of` gives it.
    """

    id: str
    schedule_id: str
    cause: str
    state: RunState
    reason: str
    amount_minor: int
    cost_minor: int
    attempt: int
    quote_id: str | None
    order_id: str | None
    payment_id: str | None
    at: datetime
    due_at: datetime
    tried_at: datetime | None
    ended_at: datetime | None
    act_at: datetime | None

    @property
    def lane(self) -> int:
        """The lane it lies in."""
        return lane_of(self.id)

    def amount(self, currency: str) -> Money:
        """What is bought."""
        return Money(self.amount_minor, currency)


@dataclass(frozen=True, slots=True)
class NewRun:
    """A cause to be written down: to be paid for, or SKIPPED for a reason."""

    schedule: Schedule
    cause: str
    amount_minor: int
    cost_minor: int
    due_at: datetime
    skipped: str = ""


async def runs_of(connection: Connection, schedule_id: str) -> list[RunRow]:
    """The latest of a schedule, newest first."""
    rows = await (await connection.execute(_RUNS, (lane_of(schedule_id), schedule_id))).fetchall()
    return [replace(_run(row), reason=CAME_BACK) if came_back else _run(row) for came_back, *row in rows]


async def past_of(
    connection: Connection, wanted: Sequence[Schedule], now: datetime
) -> dict[str, list[tuple[str, Past]]]:
    """What all schedules of these numbers (E.164) ended in the last MEMORY, whenever it began, and what is open, by
    number, each with its id; one query.
    """
    places = sorted({(one.lane, one.msisdn.e164) for one in wanted})
    lanes, numbers = columns(places)
    found: dict[str, list[tuple[str, Past]]] = {}
    for e164, schedule_id, cause, state, at, cost, paid_at, came_back in await (
        await connection.execute(_PAST, [lanes, numbers, now - MEMORY])
    ).fetchall():
        found.setdefault(e164, []).append(
            (schedule_id, Past(cause, RunState(state), at, cost, now if state in OPEN else paid_at, came_back))
        )
    return found


async def begin(connection: Connection, new: Sequence[NewRun], now: datetime) -> set[str]:
    """Write causes down, each once for ever; gives the schedules of those that were new."""
    if not new:
        return set()
    rows = [_new_row(one, now) for one in new]
    begun = await (await connection.execute(_BEGIN, columns(rows))).fetchall()
    if begun:
        await connection.execute(_COUNTED, columns(begun))
    return {schedule_id for _, schedule_id in begun}


async def take(connection: Connection, limit: int, now: datetime) -> list[RunRow]:
    """Up to `limit` runs for which something is to be done, left to the caller for LEASE. An attempt has the ids of its
    order and payment from the first time it is taken. An account that is ending keeps its runs from being taken, and a
    run that is taken keeps its account from ending: that it is being paid is committed before anything of it is done.
    """
    due = await (await connection.execute(_RUNS_DUE, (now, limit))).fetchall()
    staying = await accounts.staying(connection, ids=[whose for *_, whose in due]) if due else set()
    taken = []
    for lane, run_id, whose in due:
        if whose not in staying:
            continue
        ids = {"order": new_id("order", lane), "payment": new_id("payment", lane), "leased": now + LEASE, "now": now}
        row = await (await connection.execute(_TAKE, {**ids, "lane": lane, "id": run_id})).fetchone()
        taken.append(_run(row))
    return taken


async def run(connection: Connection, run_id: str) -> RunRow:
    """A run as it is now."""
    return _run(await (await connection.execute(_RUN, (lane_of(run_id), run_id))).fetchone())


async def priced(connection: Connection, run: RunRow, quote_id: str) -> str | None:
    """The quote of this attempt from now on: this one, or the one somebody else had first. None: it ended meanwhile."""
    row = await (await connection.execute(_PRICED, (quote_id, run.lane, run.id))).fetchone()
    return row[0] if row else None


async def unpriced(connection: Connection, run: RunRow) -> None:
    """Its quote is over, and no order was made of it."""
    await connection.execute(_UNPRICED, (run.lane, run.id, run.quote_id))


async def later(connection: Connection, run: RunRow, at: datetime) -> None:
    """Look at it again then."""
    await connection.execute(_LATER, (at, run.lane, run.id))


async def again(connection: Connection, run: RunRow, *, reason: str, at: datetime) -> bool:
    """Nobody paid, and nobody can any more: another attempt, with an order of its own. Whether this was the one."""
    row = {"lane": run.lane, "id": run.id, "attempt": run.attempt, "reason": reason, "act_at": at}
    return await (await connection.execute(_AGAIN, row)).fetchone() is not None


async def end(connection: Connection, run: RunRow, *, state: RunState, reason: str, now: datetime) -> bool:
    """It is over; whether it was still open."""
    row = {"lane": run.lane, "id": run.id, "state": state.value, "reason": reason, "now": now}
    return await (await connection.execute(_END, row)).fetchone() is not None


async def call_off(connection: Connection, schedule_id: str, *, reason: str, now: datetime) -> None:
    """End the runs that wait; one that is being paid goes on to its end."""
    await connection.execute(_CALL_OFF, {"lane": lane_of(schedule_id), "id": schedule_id, "reason": reason, "now": now})


async def being_paid(connection: Connection, subscriber_id: str) -> int:
    """How many runs of somebody's are being paid."""
    row = await (await connection.execute(_OPEN_OF, [subscriber_id])).fetchone()
    return row[0] if row else 0


def _new_row(new: NewRun, now: datetime) -> tuple[Any, ...]:
    state = RunState.SKIPPED if new.skipped else RunState.WAITING
    lane = new.schedule.lane
    acts, ended = (None, now) if new.skipped else (now, None)
    ids = (lane, new_id("run", lane), new.schedule.id, new.cause)
    return (*ids, state.value, new.skipped, new.amount_minor, new.cost_minor, 1, now, new.due_at, acts, ended)


def _run(row: Any) -> RunRow:
    return replace(RunRow(*row), state=RunState(row[3]))
