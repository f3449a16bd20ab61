"""Wrong guesses of what is short enough to be typed, counted by who guesses, by address and in total.

From a number of them on nothing is looked up. The total is a budget by density: however many guess, and from wherever,
they are expected to find less than one of the live ones in so many days (`budget`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.platform.database import Connection
from topup.platform.keys import KeyRing

WINDOW: Final = timedelta(hours=1)
"""From the first wrong one on; then counting begins anew."""
DAY: Final = timedelta(days=1)
"""The same of the total."""

_TOTAL: Final = "total"


@dataclass(frozen=True, slots=True)
class Guesser:
    """Who guesses, as pseudonyms: (scope, who). Locked in this order."""

    places: tuple[tuple[str, bytes], ...]


NOBODY: Final = Guesser(())
"""Nobody in particular: only the total counts."""


def guesser(*, payer: str | None, address: str | None, keys: KeyRing) -> Guesser:
    """Whom to count a wrong guess against; nobody in particular where neither is known (a clerk, the command line)."""
    from topup.platform.web.limits import neighbourhood  # noqa: PLC0415 - slow to load, and no command line has addresses

    named = (("address", address and neighbourhood(address)), ("payer", payer))
    return Guesser(tuple((scope, keys.pseudonym(f"{scope}:{text}")) for scope, text in named if text))


def budget(live: int, *, chance: int, finds_in: int, fewest: int) -> int:
    """How many wrong ones are looked up in a day, in total, while `live` of `chance` are good: so few that one is
    found in `finds_in` days; but `fewest` in any case, for with less people would be shut out by people's mistakes.
    """
    return max(fewest, chance // finds_in // max(live, 1))


@dataclass(frozen=True, slots=True)
class Guesses:
    """The counters of one kind of guesses: their table, and how many wrong ones each scope has."""

    table: str
    most: Mapping[str, int]

    async def is_shut_out(self, connection: Connection, who: Guesser, now: datetime) -> bool:
        """Whether they themselves have used up what is theirs.

        Their counters stay locked until the transaction ends: of many guesses at once each finds the one before it
        counted. The total's is not, for all would wait for it: as many as there are connections may go beyond it.
        """
        for scope, mark in who.places:
            cursor = await connection.execute(
                f"INSERT INTO {self.table} AS g (scope, who, since, wrong) VALUES (%s, %s, %s, 0)"
                " ON CONFLICT (scope, who) DO UPDATE SET since = CASE WHEN g.since <= %s THEN excluded.since"
                " ELSE g.since END, wrong = CASE WHEN g.since <= %s THEN 0 ELSE g.wrong END RETURNING wrong",
                (scope, mark, now, now - WINDOW, now - WINDOW),
            )
            row = await cursor.fetchone()
            if row is not None and row[0] >= self.most[scope]:
                return True
        return False

    async def total(self, connection: Connection, now: datetime) -> int:
        """The wrong ones of everybody in the running day."""
        cursor = await connection.execute(
            f"SELECT wrong FROM {self.table} WHERE scope = 'total' AND since > %s", (now - DAY,)
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def count(self, connection: Connection, who: Guesser, now: datetime) -> None:
        """One more wrong one, by them and in total. The total last: everybody's goes through it."""
        for scope, mark, window in (*((scope, mark, WINDOW) for scope, mark in who.places), (_TOTAL, b"", DAY)):
            await connection.execute(
                f"INSERT INTO {self.table} AS g (scope, who, since, wrong) VALUES (%s, %s, %s, 1)"
                " ON CONFLICT (scope, who) DO UPDATE SET since = CASE WHEN g.since <= %s THEN excluded.since"
                " ELSE g.since END, wrong = CASE WHEN g.since <= %s THEN 1 ELSE g.wrong + 1 END",
                (scope, mark, now, now - window, now - window),
            )

    async def forget(self, connection: Connection, limit: int, now: datetime) -> int:
        """Let go of counters whose time is over; how many."""
        cursor = await connection.execute(
            f"DELETE FROM {self.table} WHERE (scope, who) IN (SELECT scope, who FROM {self.table}"
            " WHERE since <= %s ORDER BY since LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING 1",
            (now - DAY, limit),
        )
        return len(await cursor.fetchall())
