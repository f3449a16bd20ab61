"""The one way to PostgreSQL: a bounded pool, transactions that know their time, and connections for batchers.

Only this file reads a clock, and it is the database's: `now` is read once per transaction and passed down.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from topup.kernel.errors import Unavailable, WhoMustAct
from topup.platform.embedded import EmbeddedServer, kept
from topup.platform.settings import Settings, prepare_data_dir

Connection = AsyncConnection[tuple[Any, ...]]

OLDEST: Final = 15
"""The oldest major version of PostgreSQL we run on."""
APPLICATION_ROLE: Final = "topup_app"
LEDGER_ROLE: Final = "topup_ledger"

_BEGIN: Final = "BEGIN; SELECT now()"
_BEGIN_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT now()"
# Batches find their rows by key. A generic plan made while a table was young would read it whole, for ever.
_BY_INDEX: Final = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0
_CONNECT_S: Final = 5
TURNS: Final = 2
"""Batches of one process that are with the database at once: more of them are only smaller (measured: 12 % slower)."""
_SEEN_FOR_S: Final = 10.0
_BEGINNINGS: Final = 3
_SILENCE_MS: Final = 10_000
_GROWN: Final = 2**16
"""Turns of a connection after which its tables have statistics."""
_RECONNECT_S: Final = 4.0
"""After it the pool begins anew with whoever asks next: its pauses between attempts double, and after a minute without
a database nobody would be served for another half."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction: its connection, and the time it happens at (UTC, from the database)."""

    connection: Connection
    now: datetime


class Database:
    """A process's database. Made by `Database.open(settings=…)`, or by `Database(url=…)` with `await start()`."""

    def __init__(self, *, url: str, settings: Settings) -> None:
        self.turns = asyncio.Semaphore(TURNS)
        """Whose turn it is among this process's batchers."""
        self.url = url
        """As given: connects as the owner. Holds a password: never printed."""
        self.clock_offset = timedelta(seconds=settings.clock_offset_s)
        """Added to the database's time; tests move it."""
        self.returned = asyncio.Event()
        """Set when the embedded server was gone and is there again; whoever acts upon it clears it."""
        self._conninfo = application_conninfo(url, statement_timeout_s=settings.statement_timeout_s)
        self._seen: tuple[datetime, float] | None = None
        self._looking = asyncio.Lock()
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._conninfo,
            kwargs={"autocommit": True, "prepare_threshold": 2},
            min_size=1,
            max_size=settings.pool_size,
            timeout=settings.pool_wait_s,
            max_waiting=settings.pool_size * 64,
            reconnect_timeout=_RECONNECT_S,
            open=False,
            name="topup",
        )

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, *, settings: Settings, migrating: bool = True) -> AsyncIterator[Self]:
        """Start or join the embedded database (or use `database_url`), bring its schema up to date, connect.

        Raises Unavailable: those of `EmbeddedServer.start`, `database_unreachable`, `database_too_old`, and of
        `migrations.migrate`.
        """
        from topup.platform.migrations import migrate  # noqa: PLC0415 - needs this module

        server: EmbeddedServer | None = None
        if settings.database_url is None:
            server = await _start(settings)
        try:
            url = server.url if server else settings.database_url.get_secret_value()  # type: ignore[union-attr]  # one of the two
            if migrating:
                await asyncio.to_thread(migrate, url)
            database = cls(url=url, settings=settings)
            try:
                await database.start()
                async with kept(server, on_return=database.returned.set) if server else contextlib.nullcontext():
                    yield database
            finally:
                await database.aclose()
        finally:
            if server:
                await asyncio.to_thread(server.close)

    async def start(self) -> None:
        """Open the pool with a first connection; raises Unavailable `database_unreachable` or `database_too_old`."""
        connection = await self.connect()
        await connection.close()
        try:
            await self._pool.open(wait=True, timeout=_CONNECT_S)
        except PoolTimeout as error:
            raise unreachable(error) from error

    async def aclose(self) -> None:
        """Close the pool; connections in use are closed when they come back."""
        await self._pool.close()

    async def connect(self) -> Connection:
        """A connection of one's own, as the application; raises Unavailable."""
        try:
            connection = await AsyncConnection.connect(
                self._conninfo, autocommit=True, prepare_threshold=0, connect_timeout=_CONNECT_S
            )
        except psycopg.OperationalError as error:
            raise unreachable(error) from error
        if connection.info.server_version < OLDEST * 10_000:
            await connection.close()
            raise too_old(connection.info.server_version)
        return connection

    async def roughly_now(self) -> datetime:
        """The database's time to within the drift of ten seconds of this machine's clock, usually without asking it:
        for freshness windows of messages from outside, never for what is written.
        """
        at, monotonic = self._seen or (None, 0.0)
        if at is None or time.monotonic() - monotonic > _SEEN_FOR_S:
            at, monotonic = await self._look_at_the_clock()
        return at + timedelta(seconds=time.monotonic() - monotonic) + self.clock_offset

    async def _look_at_the_clock(self) -> tuple[datetime, float]:
        """Of many who want to know at once, one asks: a burst of events must not become a burst of transactions."""
        async with self._looking:
            if self._seen is None or time.monotonic() - self._seen[1] > _SEEN_FOR_S:
                async with self.read() as transaction:
                    self._seen = (transaction.now - self.clock_offset, time.monotonic())
            return self._seen

    def hot_connection(self) -> "HotConnection":
        """A connection that a batcher keeps for itself and that comes back after a loss."""
        return HotConnection(self)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction, committed at the end of the block, rolled back when it raises.

        Raises Unavailable: `overloaded` when no connection comes free in time, `database_lost` when the connection was
        lost (it is unknown whether a commit under way took hold), `database_slow`, `database_full`.
        """
        async with self._begun(_BEGIN) as transaction:
            try:
                yield transaction
            except BaseException:
                await rollback(transaction.connection)
                raise
            await transaction.connection.execute("COMMIT", prepare=False)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """One snapshot to read from; writing in it is refused by the database. Raises as `transaction`."""
        async with self._begun(_BEGIN_READ) as transaction:
            try:
                yield transaction
            finally:
                await rollback(transaction.connection)

    @contextlib.asynccontextmanager
    async def _begun(self, statement: str) -> AsyncIterator[Transaction]:
        """A pooled connection in a transaction that has begun; what the database raises becomes a Problem."""
        connection, now = await self._begin(statement)
        try:
            yield Transaction(connection, now + self.clock_offset)
        except psycopg.Error as error:
            problem = problem_of(error, connection)
            if problem is None:
                raise
            raise problem from error
        finally:
            await self._pool.putconn(connection)

    async def _begin(self, statement: str) -> tuple[Connection, datetime]:
        """Nothing was done yet when BEGIN finds the connection lost: another is tried, and a restart goes unseen."""
        for _ in range(_BEGINNINGS):
            connection = await self._take()
            try:
                return connection, await begin(connection, statement)
            except psycopg.Error:
                await self._pool.putconn(connection)
                # One loss usually means that all are lost: look at the idle ones before they are lent.
                await self._pool.check()
            except BaseException:
                await self._pool.putconn(connection)
                raise
        raise Unavailable("database_lost", who=WhoMustAct.WAIT)

    async def _take(self) -> Connection:
        try:
            return await self._pool.getconn()
        except PoolClosed as error:
            raise Unavailable("stopping", who=WhoMustAct.WAIT) from error
        except (PoolTimeout, TooManyRequests) as error:
            raise Unavailable("overloaded", who=WhoMustAct.WAIT) from error


class HotConnection:
    """One connection kept open for a batcher; `get` opens it anew after a loss, with a bounded pause that grows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._pause_s = 0.0
        self._turns = 0

    @property
    def clock_offset(self) -> timedelta:
        """The database's, for the batcher's `now`."""
        return self._database.clock_offset

    async def get(self) -> Connection:
        """The connection, opened where there is none; raises Unavailable when the database does not answer."""
        if self._connection is not None and not self._connection.closed:
            await self._plan_anew(self._connection)
            return self._connection
        return await self.open()

    async def open(self) -> Connection:
        """A new connection; raises Unavailable when the database does not answer."""
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(max(self._pause_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        connection = await self._database.connect()
        try:
            await connection.execute(_BY_INDEX, prepare=False)
        except psycopg.OperationalError as error:
            await connection.close()
            raise unreachable(error) from error
        self._connection, self._pause_s, self._turns = connection, 0.0, 0
        return connection

    async def _plan_anew(self, connection: Connection) -> None:
        self._turns += 1
        if not plans_are_young(self._turns):
            return
        try:
            await connection.execute("DISCARD PLANS", prepare=False)
        except psycopg.OperationalError:
            # Lost: whoever begins on it finds that out, and comes for another.
            return

    async def aclose(self) -> None:
        """Close it; `get` would open a new one."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


def plans_are_young(turn: int) -> bool:
    """Whether to forget the plans at this turn: at the 1st, 2nd, 4th, 8th … On an empty table all indexes look alike,
    and a plan that was made then reads a whole lane for each row until statistics come, minutes later.
    """
    return turn.bit_count() == 1 and turn <= _GROWN


async def begin(connection: Connection, statement: str = _BEGIN) -> datetime:
    """Begin, and read the time of the transaction in the same round trip."""
    cursor = await connection.execute(statement, prepare=False)
    cursor.nextset()
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("SELECT now() gave no row")
    now: datetime = row[0]
    return now


async def plan_by_values(connection: Connection) -> None:
    """Have every statement of the transaction from here on planned for the very values it is asked with. For lists that
    people narrow down: whether what they ask for is recent, or rare, decides between milliseconds and all there is.
    """
    await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan", prepare=False)


async def rollback(connection: Connection) -> None:
    """Undo what is open; a lost connection has undone it already."""
    if connection.closed or connection.broken:
        return
    with contextlib.suppress(psycopg.OperationalError):
        # Lost on the way: the server rolls back what it did not hear the end of.
        await connection.execute("ROLLBACK", prepare=False)


@contextlib.asynccontextmanager
async def savepoint(connection: Connection) -> AsyncIterator[None]:
    """A part of the open transaction that is undone alone where it raises; what raised is raised on."""
    async with connection.transaction():
        yield


def problem_of(error: psycopg.Error, connection: Connection) -> Unavailable | None:
    """What of an error is no data's fault: the connection, the disk, the time, a shutdown. Else None."""
    if isinstance(error, errors.DiskFull):
        return Unavailable("database_full")
    if isinstance(error, errors.QueryCanceled | errors.LockNotAvailable):
        return Unavailable("database_slow", who=WhoMustAct.WAIT)
    if connection.closed or connection.broken or isinstance(error, errors.ReadOnlySqlTransaction):
        return Unavailable("database_lost", who=WhoMustAct.WAIT)
    # SQLSTATE classes: 53 insufficient resources, 57 operator intervention, 58 system error.
    if (error.sqlstate or "")[:2] in {"53", "57", "58"}:
        return Unavailable("database_lost", who=WhoMustAct.WAIT)
    return None


def application_conninfo(url: str, *, statement_timeout_s: float) -> str:
    """`url` with what the application's connections carry: its role, no JIT, generic plans, limits of time."""
    given = conninfo_to_dict(url)
    options = (
        f"{given.get('options') or ''} -c role={APPLICATION_ROLE} -c jit=off -c plan_cache_mode=force_generic_plan "
        f"-c statement_timeout={int(statement_timeout_s * 1000)} -c timezone=UTC"
    )
    # A peer that vanished without a word is noticed in seconds, not in the kernel's quarter of an hour.
    silence = given.get("tcp_user_timeout") or _SILENCE_MS
    return make_conninfo(url, options=options.strip(), application_name="topup", tcp_user_timeout=silence)


def unreachable(error: psycopg.OperationalError) -> Unavailable:
    """That the database does not answer, without the address (it may hold a password)."""
    if "role" in str(error) and "does not exist" in str(error):
        return Unavailable("database_not_migrated")
    return Unavailable("database_unreachable", reason=type(error).__name__)


def too_old(server_version: int) -> Unavailable:
    """That the server is older than OLDEST; `server_version` as libpq gives it (150004)."""
    return Unavailable("database_too_old", found=server_version // 10_000, oldest=OLDEST)


async def _start(settings: Settings) -> EmbeddedServer:
    """Start the embedded server in a thread; one that comes up after we were cancelled is left again."""
    data_dir = prepare_data_dir(settings.data_dir)
    starting = asyncio.ensure_future(asyncio.to_thread(EmbeddedServer.start, data_dir))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        server = await starting
        await asyncio.to_thread(server.close)
        raise
