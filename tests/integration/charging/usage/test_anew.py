"""What is judged anew leaves the connection as it was: the next batch on it finds every statement it prepared."""

from dataclasses import dataclass

from topup.charging.usage.anew import SAVEPOINT, written
from topup.lines.queries import LineRef
from topup.platform.database import Connection


@dataclass
class Quicker:
    """Use that somebody else was quicker with, at the first judging."""

    again: bool
    refs: tuple[LineRef, ...] = ()

    async def write(self, connection: Connection) -> bool:
        cursor = await connection.execute("SELECT count(*) FROM lines.lines WHERE lane = %s", (1,))
        await cursor.fetchone()
        return self.again


async def judge(again: bool) -> Quicker:  # noqa: FBT001 - what is judged is told so
    return Quicker(again)


async def test_batches_follow_one_that_was_judged_anew(database):
    """The driver has the database forget what is prepared, and it may not be what was prepared just now."""
    hot = database.hot_connection()
    try:
        for _ in range(3):
            connection = await hot.get()
            async with database.read() as transaction:
                now = transaction.now
            await connection.execute("BEGIN", prepare=False)
            async with connection.pipeline():
                await connection.execute(SAVEPOINT, prepare=False)
                await written(connection, now, judge)
            await connection.execute("COMMIT", prepare=False)
    finally:
        await hot.aclose()
