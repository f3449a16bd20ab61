"""Natural batching: what queued while the last flush ran goes to the database as one transaction.

Nothing waits for a timer, but where a batcher `gathers`: those whom a flush answered mostly come back at once, each a
little after the other, and would go as a small flush and a large one, which cost the database twice what is the same
for each. So the next one leaves when as many wait as were answered, or a part of the time that the last one took is
over. Whoever comes alone never waits: then one was answered.

A flush under way is never cut short by a waiter who goes away. A flush that fails because of its data is bisected, so
that one bad item cannot fail its neighbours: the culprit's waiter gets the error, and the item is parked. A flush that
fails because the connection was lost fails all its waiters with `database_lost`: nobody knows whether it took hold, and
each caller's idempotency key makes repeating it safe.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

import psycopg
import structlog
from psycopg import errors

from topup.kernel.errors import Problem, Unavailable, WhoMustAct
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, begin, problem_of, rollback
from topup.platform.metrics import item_parked
from topup.platform.pipelined import HotStatement, Pipelined

Item = TypeVar("Item")
Result = TypeVar("Result")
Operation = Callable[[Connection, Sequence[Item], datetime], Awaitable[Sequence[Result | Problem]]]
"""(connection, items, now) -> one result or Problem per item, in order, inside the batcher's transaction."""

CAP: Final = 256
QUEUE_LIMIT: Final = 10_000
WIDE_FROM: Final = 48
"""Items, waiting or under way, up to which one flush at a time is quicker than two."""

GATHERING: Final = 0.25
"""So much of the time that the last flush took, those whom it answered are waited for."""
LONGEST_GATHERING_S: Final = 0.02

_COLLISIONS: Final = 3
_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Entry(Generic[Item, Result]):
    item: Item
    waiter: asyncio.Future[Result]


class Batching(ABC, Generic[Item, Result]):
    """Items offered one at a time, and committed together; `cap` is the most one flush takes."""

    def __init__(self, database: Database, name: str, *, cap: int, queue_limit: int, gathers: bool = False) -> None:
        self.name = name
        self._cap = cap
        self._queue_limit = queue_limit
        self._turns = database.turns
        self._queue: deque[_Entry[Item, Result]] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._flying = 0
        self._gathers = gathers
        self._answered = 0
        """How many the last flush answered, who are waited for while that is set."""
        self._gathering: asyncio.TimerHandle | None = None
        self._scheduled = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._before_commit = crash_label(f"{name}.before_commit")
        self._after_commit = crash_label(f"{name}.after_commit")

    @property
    def waiting(self) -> int:
        """Items queued and not yet in a flush."""
        return len(self._queue)

    async def submit(self, item: Item) -> Result:
        """The item's result, once it is committed.

        Raises the item's own Problem; Unavailable `overloaded` when the queue is full, `database_lost` when it is
        unknown whether it took hold (repeat with the same key), `database_slow`, `database_full`, `stopping`; or
        the error of the database when the item itself is the cause.
        """
        if self._closing:
            raise Unavailable("stopping", who=WhoMustAct.WAIT)
        if self.waiting >= self._queue_limit:
            raise Unavailable("overloaded", who=WhoMustAct.WAIT)
        waiter: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append(_Entry(item, waiter))
        self._idle.clear()
        self._schedule()
        return await waiter

    async def aclose(self) -> None:
        """Take nothing more, finish what was taken, close the connection."""
        self._closing = True
        self._schedule()
        await self._idle.wait()
        await self._disconnect()

    def _schedule(self) -> None:
        """Dispatch at the end of this turn of the loop, so that what arrives together leaves together."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._scheduled = False
        if self._queue:
            if self._may_leave():
                flight = asyncio.create_task(self._fly(), name=self.name)
                self._flights.add(flight)
                flight.add_done_callback(self._landed)
        elif not self._flights:
            self._idle.set()

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.remove(flight)
        self._schedule()

    def _may_leave(self) -> bool:
        """Whether some of what waits leaves now."""
        return not self._flights and not self._is_gathering()

    def _is_gathering(self) -> bool:
        """Whether more of those who were answered together are still waited for."""
        return self._gathering is not None and not self._closing and self.waiting < self._answered

    def _gather(self, answered: int, took_s: float) -> None:
        """Wait for those who were answered just now, but not for long."""
        if self._gathering is not None:
            self._gathering.cancel()
        self._answered = answered
        wait_s = min(took_s * GATHERING, LONGEST_GATHERING_S)
        self._gathering = asyncio.get_running_loop().call_later(wait_s, self._gathered)

    def _gathered(self) -> None:
        """The timer itself ends the wait, whatever the clock says: uvloop rounds to whole milliseconds, and a timer
        that comes a little early would leave who waits then to whoever comes next.
        """
        self._gathering = None
        self._schedule()

    def _lot(self) -> int:
        """How many leave together."""
        return self._cap

    async def _fly(self) -> None:
        """One flush, of what waits when its turn among all batchers of the process has come."""
        entries: list[_Entry[Item, Result]] = []
        began = asyncio.get_running_loop().time()
        try:
            async with self._turns:
                entries = [self._queue.popleft() for _ in range(min(len(self._queue), self._lot()))]
                self._flying += len(entries)
                self._schedule()
                await self._flush(entries)
        finally:
            for entry in entries:
                # Only if this task itself was cancelled or has a defect: nobody may wait for ever.
                _fail(entry, Unavailable("database_lost", who=WhoMustAct.WAIT))
            self._flying -= len(entries)
            if self._gathers:
                self._gather(len(entries), asyncio.get_running_loop().time() - began)

    async def _flush(self, entries: list[_Entry[Item, Result]]) -> None:
        """Commit the entries together; where their data forbid it, in halves down to the culprit."""
        try:
            results = await self._transact([entry.item for entry in entries])
        except Unavailable as problem:
            for entry in entries:
                _fail(entry, Unavailable(problem.code, who=problem.who_must_act, **problem.parameters))
        except Exception as error:  # noqa: BLE001 - whatever an item's data provoke must not touch its neighbours
            if len(entries) == 1:
                self._give_up(entries[0], error)
                return
            middle = len(entries) // 2
            await self._flush(entries[:middle])
            await self._flush(entries[middle:])
        else:
            for entry, result in zip(entries, results, strict=True):
                _settle(entry, result)

    async def _transact(self, items: list[Item]) -> Sequence[Result | Problem]:
        """One transaction, repeated a few times when it only collided with another; raises Unavailable or the error."""
        for _ in range(_COLLISIONS):
            try:
                return await self._once(items)
            except (errors.SerializationFailure, errors.DeadlockDetected):
                continue
        raise Unavailable("database_slow", who=WhoMustAct.WAIT)

    @abstractmethod
    async def _once(self, items: list[Item]) -> Sequence[Result | Problem]:
        """One transaction, committed; raises Unavailable where the database is what fails, else its error."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Close the connection, if there is one; the next transaction opens another."""

    async def _understood(self, error: psycopg.Error, connection: Connection) -> Exception:
        """What to raise for an error: itself, where it is no fault of the database."""
        problem = problem_of(error, connection)
        if problem is not None and problem.code == "database_lost":
            await self._disconnect()
        return problem or error

    def _check(self, results: Sequence[Result | Problem], items: list[Item]) -> None:
        """Before the commit: an operation that lost count must not commit, for nobody knows whose result is whose."""
        if len(results) != len(items):
            raise RuntimeError(f"{self.name} gave {len(results)} results for {len(items)} items")

    def _give_up(self, entry: _Entry[Item, Result], error: Exception) -> None:
        """A Problem is no poison: it says that the item, once begun, was found to be refused, and undoes it."""
        if isinstance(error, Problem):
            _fail(entry, error)
        else:
            self._park(entry, error)

    def _park(self, entry: _Entry[Item, Result], error: Exception) -> None:
        item_parked(place=self.name)
        _log.error("item_parked", batcher=self.name, error=type(error).__name__)
        _fail(entry, error)


class Batcher(Batching[Item, Result]):
    """One operation on lists, each flush in a transaction."""

    def __init__(
        self,
        database: Database,
        name: str,
        operation: Operation[Item, Result],
        *,
        cap: int = CAP,
        queue_limit: int = QUEUE_LIMIT,
        gathers: bool = False,
    ) -> None:
        super().__init__(database, name, cap=cap, queue_limit=queue_limit, gathers=gathers)
        self._operation = operation
        self._hot = database.hot_connection()

    async def _once(self, items: list[Item]) -> Sequence[Result | Problem]:
        connection, now = await self._begin()
        try:
            return await self._committed(connection, items, now)
        except psycopg.Error as error:
            raise await self._understood(error, connection) from error

    async def _begin(self) -> tuple[Connection, datetime]:
        """Nothing was done yet when BEGIN finds the connection lost: once more, on a new one."""
        connection = await self._hot.get()
        try:
            return connection, await begin(connection) + self._hot.clock_offset
        except psycopg.Error:
            await self._hot.aclose()
        connection = await self._hot.get()
        try:
            return connection, await begin(connection) + self._hot.clock_offset
        except psycopg.Error as error:
            await self._hot.aclose()
            raise Unavailable("database_lost", who=WhoMustAct.WAIT) from error

    async def _committed(self, connection: Connection, items: list[Item], now: datetime) -> Sequence[Result | Problem]:
        try:
            # What needs no answer on the way goes out without waiting for one.
            async with connection.pipeline():
                results = await self._operation(connection, items, now)
                self._check(results, items)
                crash_point(self._before_commit)
                await connection.execute("COMMIT", prepare=False)
        except BaseException:
            await rollback(connection)
            raise
        crash_point(self._after_commit)
        return results

    async def _disconnect(self) -> None:
        await self._hot.aclose()


class StatementBatcher(Batching[Item, Result]):
    """A batcher whose operation is one statement, which is its own transaction: one round trip instead of three.

    The operation asks it, and gives one result or Problem per item. Where much waits, the next flush is with the
    database while it works on the last. A connection lost since the last flush is found by the statement itself: its
    waiters are told `database_lost`, where a Batcher would have begun anew.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        statement: str,
        operation: Callable[[Pipelined, Sequence[Item]], Awaitable[Sequence[Result | Problem]]],
    ) -> None:
        super().__init__(database, name, cap=CAP, queue_limit=QUEUE_LIMIT)
        self._hot = HotStatement(database, statement)
        self._operation = operation

    def _may_leave(self) -> bool:
        """A second flush only where both are large: each costs the database something whatever is in it."""
        if not self._flights:
            return True
        return len(self._flights) == 1 and self.waiting >= self._flying / 2 and self._wide

    def _lot(self) -> int:
        return min(self._cap, -(-(self.waiting + self._flying) // 2)) if self._wide else self._cap

    @property
    def _wide(self) -> bool:
        return self.waiting + self._flying >= WIDE_FROM

    async def _once(self, items: list[Item]) -> Sequence[Result | Problem]:
        line = await self._hot.get()
        crash_point(self._before_commit)
        try:
            results = await self._operation(line, items)
        except psycopg.Error as error:
            raise await self._understood(error, line.connection) from error
        crash_point(self._after_commit)
        self._check(results, items)
        return results

    async def _disconnect(self) -> None:
        await self._hot.aclose()


def _settle(entry: _Entry[Item, Result], result: Result | Problem) -> None:
    if isinstance(result, Problem):
        _fail(entry, result)
    elif not entry.waiter.done():
        entry.waiter.set_result(result)


def _fail(entry: _Entry[Item, Result], error: BaseException) -> None:
    if not entry.waiter.done():
        entry.waiter.set_exception(error)
