"""What runs by itself for offers: what was held too long is let go."""

from functools import partial
from typing import Final

from topup.offers import guesses, operations
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Sweep

_EVERY_S: Final = 10.0
_FORGET_EVERY_S: Final = 600.0
_AT_ONCE: Final = 200

_BEFORE = crash_label("offers.lapse.before_commit")
_AFTER = crash_label("offers.lapse.after_commit")
_BEFORE_FORGETTING = crash_label("offers.guesses.before_commit")
_AFTER_FORGETTING = crash_label("offers.guesses.after_commit")


def sweeps(database: Database, *, lanes: int) -> list[Sweep]:
    """The sweeps of what lapsed, and of counters of wrong codes."""
    return [
        Sweep("offers.lapse", _EVERY_S, partial(lapse, database, lanes=lanes), batch=_AT_ONCE),
        Sweep("offers.guesses", _FORGET_EVERY_S, partial(forget_guesses, database), batch=_AT_ONCE),
    ]


async def forget_guesses(database: Database) -> int:
    """Let go of counters of wrong codes whose time is over; how many that were."""
    async with database.transaction() as transaction:
        forgotten = await guesses.forget(transaction.connection, _AT_ONCE, transaction.now)
        crash_point(_BEFORE_FORGETTING)
    crash_point(_AFTER_FORGETTING)
    return forgotten


async def lapse(database: Database, *, lanes: int) -> int:
    """Let go of what is held for orders that were never made or never paid; how many that were."""
    async with database.transaction() as transaction:
        released = await operations.release_lapsed(transaction.connection, _AT_ONCE, transaction.now, lanes=lanes)
        if released:
            crash_point(_BEFORE)
    if released:
        crash_point(_AFTER)
    return released
