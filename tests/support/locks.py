"""Who waits for whom in a database: for tests that have two meet at a lock."""

_WAITING = """
SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE NOT l.granted AND a.datname = current_database()
"""


async def somebody_waits(database) -> bool:
    """Whether a connection to this database waits for a lock."""
    async with database.read() as transaction:
        [[waiting]] = await (await transaction.connection.execute(_WAITING)).fetchall()
    return bool(waiting)
