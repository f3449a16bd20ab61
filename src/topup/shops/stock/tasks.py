"""What runs by itself for stock: gifts that were held too long, or that nobody came for, are there for others again;
and where gifts were sent is forgotten.
"""

from functools import partial
from typing import Final

from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Sweep
from topup.shops.stock import addresses, gifts

_EVERY_S: Final = 10.0
_ERASING_S: Final = 600.0
_AT_ONCE: Final = 200

_BEFORE = crash_label("gifts.lapse.before_commit")
_AFTER = crash_label("gifts.lapse.after_commit")
_BEFORE_ERASING = crash_label("gifts.erase.before_commit")
_AFTER_ERASING = crash_label("gifts.erase.after_commit")


def sweeps(database: Database) -> list[Sweep]:
    """The sweeps of gifts whose time is over, and of addresses whose is."""
    return [
        Sweep("shops.gifts", _EVERY_S, partial(lapse, database), batch=_AT_ONCE),
        Sweep("shops.gift_addresses", _ERASING_S, partial(erase, database), batch=_AT_ONCE),
    ]


async def lapse(database: Database) -> int:
    """Let go of gifts whose time is over; how many that were."""
    async with database.transaction() as transaction:
        lapsed = await gifts.lapse(transaction.connection, _AT_ONCE, transaction.now)
        if lapsed:
            crash_point(_BEFORE)
    if lapsed:
        crash_point(_AFTER)
    return lapsed


async def erase(database: Database) -> int:
    """Erase addresses whose gifts were sent long enough ago; how many that were."""
    async with database.transaction() as transaction:
        erased = await addresses.erase_old(transaction.connection, _AT_ONCE, transaction.now)
        if erased:
            crash_point(_BEFORE_ERASING)
    if erased:
        crash_point(_AFTER_ERASING)
    return erased
