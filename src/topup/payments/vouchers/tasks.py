"""What runs by itself for vouchers: batches end, PINs that were shown are forgotten, and so are old guesses."""

from functools import partial
from typing import Final

from topup.payments.vouchers import guesses, operations, slips
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Sweep

_EXPIRE_EVERY_S: Final = 60.0
_FORGET_EVERY_S: Final = 60.0
_BATCHES: Final = 20
_ROWS: Final = 1_000

_BEFORE_EXPIRY = crash_label("voucher.expire.before_commit")
_AFTER_EXPIRY = crash_label("voucher.expire.after_commit")
_BEFORE_FORGETTING = crash_label("voucher.forget.before_commit")
_AFTER_FORGETTING = crash_label("voucher.forget.after_commit")


def sweeps(database: Database) -> list[Sweep]:
    """The sweeps of vouchers."""
    return [
        Sweep("payments.vouchers.expire", _EXPIRE_EVERY_S, partial(expire, database), batch=_BATCHES),
        Sweep("payments.vouchers.forget", _FORGET_EVERY_S, partial(forget, database), batch=_ROWS),
    ]


async def expire(database: Database) -> int:
    """End batches whose time has come; how many."""
    async with database.transaction() as transaction:
        ended = await operations.expire(transaction.connection, _BATCHES, transaction.now)
        if ended:
            crash_point(_BEFORE_EXPIRY)
    if ended:
        crash_point(_AFTER_EXPIRY)
    return ended


async def forget(database: Database) -> int:
    """Let go of PINs that were shown, and of counters whose time is over; the larger number."""
    async with database.transaction() as transaction:
        pins = await slips.forget_pins(transaction.connection, _ROWS, transaction.now)
        counters = await guesses.forget(transaction.connection, _ROWS, transaction.now)
        if pins or counters:
            crash_point(_BEFORE_FORGETTING)
    if pins or counters:
        crash_point(_AFTER_FORGETTING)
    return max(pins, counters)
