"""What runs by itself for stock: gifts that were held too long, or that nobody came for, are there for others again."""

from functools import partial
from typing import Final

from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Sweep
from topup.shops.stock import gifts

_EVERY_S: Final = 10.0
_AT_ONCE: Final = 200

_BEFORE = crash_label("gifts.lapse.before_commit")
_AFTER = crash_label("gifts.lapse.after_commit")


def sweeps(database: Database) -> list[Sweep]:
    """The sweep of gifts whose time is over."""
    return [Sweep("shops.gifts", _EVERY_S, partial(lapse, database), batch=_AT_ONCE)]


async def lapse(database: Database) -> int:
    """Let go of gifts whose time is over; how many that were."""
    async with database.transaction() as transaction:
        lapsed = await gifts.lapse(transaction.connection, _AT_ONCE, transaction.now)
        if lapsed:
            crash_point(_BEFORE)
    if lapsed:
        crash_point(_AFTER)
    return lapsed
