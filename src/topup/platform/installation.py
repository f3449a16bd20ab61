"""What this installation is: marked once, at its creation, and never changed."""

from dataclasses import dataclass
from datetime import datetime

from topup.kernel.errors import Forbidden
from topup.platform.database import Connection


class NotADemonstration(Forbidden):
    """`not_a_demonstration`: development mode was asked for on a database that was not created as a demonstration."""


@dataclass(frozen=True, slots=True)
class Installation:
    """`demo`: development mode is allowed on this database; `lanes`: into how many its hot tables are divided."""

    demo: bool
    lanes: int
    created_at: datetime


async def installation(connection: Connection) -> Installation | None:
    """What the database says it is; None when it was not marked yet."""
    cursor = await connection.execute("SELECT demo, lanes, created_at FROM platform.installation")
    row = await cursor.fetchone()
    return Installation(*row) if row else None


async def mark_installation(connection: Connection, *, demo: bool, lanes: int, now: datetime) -> Installation:
    """Mark a new database; on a marked one nothing changes. Gives what the database is.

    Raises NotADemonstration when `demo` is asked for and the database is not one.
    """
    await connection.execute(
        "INSERT INTO platform.installation (demo, lanes, created_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (demo, lanes, now),
    )
    found = await installation(connection)
    if found is None:
        raise RuntimeError("the mark of the installation did not stay")
    if demo and not found.demo:
        raise NotADemonstration("not_a_demonstration")
    return found
