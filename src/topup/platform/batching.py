"""Natural batching: what queued while the last flush ran goes to the database as one transaction. No timer.

A flush under way is never cut short by a waiter who goes away. A flush that fails because of its data is bisected, so
that one bad item cannot fail its neighbours: the culprit's waiter gets the error, and the item is parked. A flush that
fails because the connection was lost fails all its waiters with `database_lost`: nobody knows whether it took hold, and
each caller's idempotency key makes repeating it safe.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Final, Generic, TypeVar

import psycopg
import structlog
from psycopg import errors

from topup.kernel.errors import Problem, Unavailable, WhoMustAct
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, HotConnection, begin, problem_of, rollback
from topup.platform.metrics import item_parked

Item = TypeVar("Item")
Result = TypeVar("Result")
Operation = Callable[[Connection, Sequence[Item], datetime], Awaitable[Sequence[Result | Problem]]]
"""(connection, items, now) -> one result or Problem per item, in order, inside the batcher's transaction."""

CAP: Final = 256
QUEUE_LIMIT: Final = 10_000
WIDE_FROM: Final = 64
"""Waiting items up to which one connection is quicker than two."""

_COLLISIONS: Final = 3
_NUMBER: Final = attrgetter("number")
_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Entry(Generic[Item, Result]):
    item: Item
    waiter: asyncio.Future[Result]
    number: int


class Batcher(Generic[Item, Result]):
    """One operation on lists, offered one item at a time.

    `connections` above one need `key`: items of one key (their lane) modulo `connections` never run in two transactions
    at once.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        operation: Operation[Item, Result],
        *,
        cap: int = CAP,
        queue_limit: int = QUEUE_LIMIT,
        connections: int = 1,
        key: Callable[[Item], int] | None = None,
    ) -> None:
        if connections > 1 and key is None:
            raise ValueError("several connections need a key")
        self.name = name
        self._operation = operation
        self._cap = cap
        self._queue_limit = queue_limit
        self._key = key or (lambda _item: 0)
        self._connections: list[HotConnection] = [database.hot_connection() for _ in range(connections)]
        self._turns = database.turns
        self._queues: list[deque[_Entry[Item, Result]]] = [deque() for _ in range(connections)]
        self._flights: dict[int, asyncio.Task[None]] = {}
        self._flying = 0
        self._narrow = False
        self._submitted = 0
        self._scheduled = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._before_commit = crash_label(f"{name}.before_commit")
        self._after_commit = crash_label(f"{name}.after_commit")

    @property
    def waiting(self) -> int:
        """Items queued and not yet in a flush."""
        return sum(map(len, self._queues))

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
        self._submitted += 1
        waiter: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        entry = _Entry(item, waiter, self._submitted)
        self._queues[self._key(item) % len(self._queues)].append(entry)
        self._idle.clear()
        self._schedule()
        return await waiter

    async def aclose(self) -> None:
        """Take nothing more, finish what was taken, close the connections."""
        self._closing = True
        await self._idle.wait()
        for connection in self._connections:
            await connection.aclose()

    def _schedule(self) -> None:
        """Dispatch at the end of this turn of the loop, so that what arrives together leaves together."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        """Start what may start: all through one connection while little waits, else each key's through its own."""
        self._scheduled = False
        waiting = self.waiting
        if not waiting:
            if not self._flights:
                self._idle.set()
            return
        if not self._flights and (len(self._queues) == 1 or waiting <= WIDE_FROM):
            self._narrow = True
            self._launch(0, self._gather)
            return
        if self._flights and (self._narrow or waiting + self._flying <= WIDE_FROM):
            return
        self._narrow = False
        for index, queue in enumerate(self._queues):
            if queue and index not in self._flights:
                self._launch(index, partial(self._take, queue))

    def _take(self, queue: deque[_Entry[Item, Result]]) -> list[_Entry[Item, Result]]:
        """The oldest entries of one queue."""
        return [queue.popleft() for _ in range(min(len(queue), self._cap))]

    def _gather(self) -> list[_Entry[Item, Result]]:
        """The oldest entries of all queues, in the order of their arrival."""
        if len(self._queues) == 1:
            return self._take(self._queues[0])
        waiting = sorted((entry for queue in self._queues for entry in queue), key=_NUMBER)
        for queue in self._queues:
            queue.clear()
        for entry in waiting[self._cap :]:
            self._queues[self._key(entry.item) % len(self._queues)].append(entry)
        return waiting[: self._cap]

    def _launch(self, index: int, take: Callable[[], list[_Entry[Item, Result]]]) -> None:
        self._flights[index] = asyncio.create_task(self._fly(index, take), name=f"{self.name}-{index}")

    async def _fly(self, index: int, take: Callable[[], list[_Entry[Item, Result]]]) -> None:
        """One flush, of what waits when its turn among all batchers of the process has come."""
        entries: list[_Entry[Item, Result]] = []
        try:
            async with self._turns:
                entries = take()
                self._flying += len(entries)
                await self._flush(self._connections[index], entries)
        finally:
            for entry in entries:
                # Only if this task itself was cancelled or has a defect: nobody may wait for ever.
                _fail(entry, Unavailable("database_lost", who=WhoMustAct.WAIT))
            self._flying -= len(entries)
            del self._flights[index]
            self._schedule()

    async def _flush(self, hot: HotConnection, entries: list[_Entry[Item, Result]]) -> None:
        """Commit the entries together; where their data forbid it, in halves down to the culprit."""
        try:
            results = await self._transact(hot, [entry.item for entry in entries])
        except Unavailable as problem:
            for entry in entries:
                _fail(entry, Unavailable(problem.code, who=problem.who_must_act, **problem.parameters))
        except Exception as error:  # noqa: BLE001 - whatever an item's data provoke must not touch its neighbours
            if len(entries) == 1:
                self._give_up(entries[0], error)
                return
            middle = len(entries) // 2
            await self._flush(hot, entries[:middle])
            await self._flush(hot, entries[middle:])
        else:
            for entry, result in zip(entries, results, strict=True):
                _settle(entry, result)

    async def _transact(self, hot: HotConnection, items: list[Item]) -> Sequence[Result | Problem]:
        """One transaction, repeated a few times when it only collided with another; raises Unavailable or the error."""
        for _ in range(_COLLISIONS):
            connection, now = await self._begin(hot)
            try:
                return await self._once(connection, items, now)
            except (errors.SerializationFailure, errors.DeadlockDetected):
                continue
            except psycopg.Error as error:
                problem = problem_of(error, connection)
                if problem is None:
                    raise
                if problem.code == "database_lost":
                    await hot.aclose()
                raise problem from error
        raise Unavailable("database_slow", who=WhoMustAct.WAIT)

    async def _begin(self, hot: HotConnection) -> tuple[Connection, datetime]:
        """Nothing was done yet when BEGIN finds the connection lost: once more, on a new one."""
        connection = await hot.get()
        try:
            return connection, await begin(connection) + hot.clock_offset
        except psycopg.Error:
            await hot.aclose()
        connection = await hot.get()
        try:
            return connection, await begin(connection) + hot.clock_offset
        except psycopg.Error as error:
            await hot.aclose()
            raise Unavailable("database_lost", who=WhoMustAct.WAIT) from error

    async def _once(self, connection: Connection, items: list[Item], now: datetime) -> Sequence[Result | Problem]:
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


class StatementBatcher(Batcher[Item, Result]):
    """A batcher whose operation is one statement, which is its own transaction: one round trip instead of three.

    The operation gets what to add to the database's time instead of a time. A connection lost since the last flush is
    found by the statement itself: its waiters are told `database_lost`, where a Batcher would have begun anew.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        statement: Callable[[Connection, Sequence[Item], timedelta], Awaitable[Sequence[Result | Problem]]],
        *,
        connections: int = 1,
        key: Callable[[Item], int] | None = None,
    ) -> None:
        super().__init__(database, name, self._said, connections=connections, key=key)
        self._statement = statement
        self._database = database

    async def _begin(self, hot: HotConnection) -> tuple[Connection, datetime]:
        return await hot.get(), datetime.min  # noqa: DTZ901 - nobody reads it: the statement asks the database

    async def _once(self, connection: Connection, items: list[Item], now: datetime) -> Sequence[Result | Problem]:
        crash_point(self._before_commit)
        results = await self._operation(connection, items, now)
        crash_point(self._after_commit)
        self._check(results, items)
        return results

    async def _said(self, connection: Connection, items: Sequence[Item], _now: datetime) -> Sequence[Result | Problem]:
        return await self._statement(connection, items, self._database.clock_offset)


def _settle(entry: _Entry[Item, Result], result: Result | Problem) -> None:
    if isinstance(result, Problem):
        _fail(entry, result)
    elif not entry.waiter.done():
        entry.waiter.set_result(result)


def _fail(entry: _Entry[Item, Result], error: BaseException) -> None:
    if not entry.waiter.done():
        entry.waiter.set_exception(error)
