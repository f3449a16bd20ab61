"""What waits to be done by itself: each room names its swept columns, and whoever watches reads them alike.

A queue is a column of a table that says when a row is due; null, or outside `where`, nothing is left to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.platform.database import Connection

COUNTED: Final = 10_000
"""No queue is counted further: whoever looks sees that it is long."""


@dataclass(frozen=True, slots=True)
class Swept:
    """A queue. All but the name are SQL of the room that owns the table: `due` when it is the row's turn, `since` from
    when it waits, `where` what of the table is in the queue, `id` what to call it by; `about` is the id of the order or
    line it belongs to, where there is one.
    """

    name: str
    table: str
    due: str
    since: str
    id: str
    where: str = "true"
    about: str = "''"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a queue stands: how many rows are due (COUNTED + 1 for more than COUNTED), since when the one that waits
    longest is due, and when the next one will be.
    """

    due: int
    oldest: datetime | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row of a queue."""

    id: str
    about: str
    since: datetime
    due_at: datetime


async def standing(connection: Connection, queue: Swept, now: datetime) -> Standing:
    """How a queue stands now."""
    cursor = await connection.execute(
        f"SELECT count(*), min(due), (SELECT min({queue.due}) FROM {queue.table}"
        f" WHERE {queue.where} AND {queue.due} > %(now)s) FROM (SELECT {queue.due} AS due FROM {queue.table}"
        f" WHERE {queue.where} AND {queue.due} <= %(now)s ORDER BY {queue.due} LIMIT %(most)s) AS found",
        {"now": now, "most": COUNTED + 1},
    )
    row = await cursor.fetchone()
    return Standing(*row) if row else Standing(0, None, None)


async def waiting(connection: Connection, queue: Swept, *, limit: int) -> list[Waiting]:
    """The rows of a queue, those first whose turn comes first; due or not."""
    async with connection.cursor(row_factory=args_row(Waiting)) as cursor:
        await cursor.execute(
            f"SELECT {queue.id}, coalesce({queue.about}, ''), {queue.since}, {queue.due} FROM {queue.table}"
            f" WHERE {queue.where} AND {queue.due} IS NOT NULL ORDER BY {queue.due} LIMIT %(limit)s",
            {"limit": limit},
        )
        return await cursor.fetchall()


def named(queues: Sequence[Swept], name: str) -> Swept | None:
    """The queue of that name; None where there is none."""
    return next((one for one in queues if one.name == name), None)
