"""Reading the whole ledger at one moment: several connections on one snapshot, and plans that stay linear."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from topup.platform.database import Connection, Database

READERS: Final = 2
"""Connections that read one snapshot: each has a process of the database behind it."""

_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

# A nested loop or a merge over one column is quick where little is found and quadratic where all is read; a sort of a
# lane is a copy of it on disk. No name is looked up where whoever tampers could have put another.
_LINEAR: Final = """
SELECT set_config('search_path', 'pg_catalog, pg_temp', TRUE), set_config('enable_nestloop', 'off', TRUE),
    set_config('enable_mergejoin', 'off', TRUE), set_config('enable_sort', 'off', TRUE),
    set_config('work_mem', '64MB', TRUE), set_config('statement_timeout', '0', TRUE), set_config('jit', 'off', TRUE)
"""


@contextlib.asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[tuple[Connection, ...]]:
    """Connections that all see the ledger as it is now, and change nothing. Raises Unavailable."""
    async with contextlib.AsyncExitStack() as stack:
        first = (await stack.enter_async_context(database.read())).connection
        cursor = await first.execute("SELECT pg_export_snapshot()")
        [name] = await cursor.fetchone() or [""]
        others = []
        for _ in range(1, READERS):
            other = await stack.enter_async_context(contextlib.aclosing(_Closing(await database.connect())))
            await other.connection.execute(_BEGIN)
            await other.connection.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
            others.append(other.connection)
        yield first, *others


class _Closing:
    """A connection that `aclosing` can close."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def aclose(self) -> None:
        await self.connection.close()


@contextlib.asynccontextmanager
async def linear(connection: Connection) -> AsyncIterator[None]:
    """Read everything in the block with plans whose cost grows with what there is, and without a limit of time.

    Nothing stays of it afterwards, not even a cursor: it is a savepoint that is rolled back.
    """
    async with connection.transaction(force_rollback=True):
        await connection.execute(_LINEAR)
        yield
