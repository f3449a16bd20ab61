"""What follows orders by a sweep, in lanes of its own: what they hold of offers, and the points that go with them.

An order that cannot be followed stops nobody (G15): where a batch fails each of it is tried alone, and who fails alone
is put off, for longer each time, and in front of a person in the end. Whoever repairs what is wrong need do no more: it
is tried again each hour for as long as it takes.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, LiteralString

import structlog

from topup.platform.arrays import columns
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.metrics import item_parked
from topup.platform.one_by_one import alone, together_or_alone
from topup.work.operations import Decision, close_for_person, list_anew

AGAIN: Final = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
"""When an order that could not be followed is tried again, the last for as long as it takes."""
LISTED_AT: Final = len(AGAIN)
"""A person hears of it with this try."""
_ALONE: Final = 20
"""So many that were put off are tried again in one go, each alone."""

_BEFORE: Final = crash_label("offers.put_off.before_commit")
_AFTER: Final = crash_label("offers.put_off.after_commit")
_log: Final = structlog.get_logger(__name__)

_LOCK: Final = """
SELECT 1 FROM orders.orders AS o WHERE (o.lane, o.id) IN (SELECT * FROM unnest(%b::smallint[], %b::text[]))
ORDER BY o.lane, o.id FOR UPDATE
"""
_PUT_OFF: Final = """
INSERT INTO orders.put_off AS p (lane, order_id, what, tries, at)
VALUES (%(lane)s, %(order)s, %(what)s, 1, %(now)s + (%(again)s::interval[])[1])
ON CONFLICT (lane, order_id, what) DO UPDATE SET tries = least(p.tries + 1, 32767),
    at = %(now)s + (%(again)s::interval[])[least(p.tries + 1, cardinality(%(again)s::interval[]))]
RETURNING tries
"""
_DUE_AGAIN: Final = """
SELECT p.lane, p.order_id FROM orders.put_off AS p WHERE p.what = %s AND p.at <= %s ORDER BY p.at LIMIT %s
"""
_FOLLOWED: Final = """
DELETE FROM orders.put_off AS p USING unnest(%b::smallint[], %b::text[]) AS k (lane, order_id)
WHERE p.lane = k.lane AND p.order_id = k.order_id AND p.what = %b RETURNING p.lane, p.order_id
"""

Row = tuple[Any, ...]
"""An order that is due: lane, id, and as what it is read; once it is followed so, it is due no more."""


class What(StrEnum):
    """What follows an order."""

    OFFERS = "offers"
    POINTS = "points"

    @property
    def listed_as(self) -> str:
        """The kind of what a person hears of where it cannot."""
        return f"{self.value}_not_followed"


@dataclass(frozen=True, slots=True)
class Statements:
    """`due`: the rows that are marked, given how many at most. `known`: those of places, with `%b` for lanes and ids.
    `done`: takes the mark away, given such rows as columns, where the order is still as it was read.
    """

    due: LiteralString
    known: LiteralString
    done: LiteralString


class Following:
    """Has `bring` bring something to where its orders are: it is given rows, and calls `done` with those it brought."""

    def __init__(
        self,
        *,
        database: Database,
        what: What,
        statements: Statements,
        bring: Callable[[Sequence[Row]], Awaitable[None]],
    ) -> None:
        self._database = database
        self._what = what
        self._statements = statements
        self._bring = bring

    async def follow(self, limit: int) -> int:
        """Bring up to `limit` that are marked, and some that were put off; how many that were."""
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            marked: list[Row] = await (await connection.execute(self._statements.due, (limit,))).fetchall()
            again = await self._due_again(connection, {row[:2] for row in marked}, now)
        if marked:
            await together_or_alone(marked, self._bring, self._put_off)
        for row in again:
            await alone(row, self._bring, self._put_off)
        return len(marked) + len(again)

    async def _due_again(self, connection: Connection, marked: Collection[Row], now: datetime) -> list[Row]:
        """Some that were put off until now, and are not marked again."""
        found = await (await connection.execute(_DUE_AGAIN, (self._what.value, now, _ALONE))).fetchall()
        places = [place for place in found if place not in marked]
        return await (await connection.execute(self._statements.known, columns(places))).fetchall() if places else []

    async def lock(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Lock these orders in the order in which all who lock some do."""
        await connection.execute(_LOCK, columns([row[:2] for row in rows]))

    async def done(self, connection: Connection, rows: Sequence[Row], now: datetime) -> None:
        """They were followed, and are locked: each is due no more, unless it has moved on meanwhile."""
        if not rows:
            return
        await connection.execute(self._statements.done, columns(rows))
        places = columns([row[:2] for row in rows])
        solved = await (await connection.execute(_FOLLOWED, (*places, self._what.value))).fetchall()
        await close_for_person(connection, [(lane, self._what.listed_as, order) for lane, order in solved], now)

    async def _put_off(self, row: Row, error: Exception) -> None:
        """Not marked any more, and due later: what comes next of the order marks it again, and it is tried at once."""
        lane, order_id = row[:2]
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await self.lock(connection, [row])
            await connection.execute(self._statements.done, columns([row]))
            wanted = {"lane": lane, "order": order_id, "what": self._what.value, "again": list(AGAIN), "now": now}
            [(tries,)] = await (await connection.execute(_PUT_OFF, wanted)).fetchall()
            if tries == LISTED_AT:
                evidence = {"order": order_id, "reason": type(error).__name__}
                await list_anew(connection, [Decision(lane, self._what.listed_as, order_id, evidence)], now)
            crash_point(_BEFORE)
        crash_point(_AFTER)
        if tries == 1:
            # Once: it is tried for as long as it takes.
            _log.error("order_not_followed", order=order_id, what=self._what.value, exc_info=error)
            item_parked(place=f"orders.{self._what}")
