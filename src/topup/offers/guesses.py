"""Codes that do not exist are counted, by payer, by address and in total; from a number of them on none is looked up.

Words that everybody may know need no secrecy; those that are made one by one have 50 random bits, so that the total's
budget is far from finding one.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from topup.platform.database import Connection
from topup.platform.guesses import WINDOW, Guesser, Guesses

OF_A_PAYER: Final = 10
OF_AN_ADDRESS: Final = 40
"""More people than one may be behind an address."""
OF_ALL: Final = 1_000_000
"""A day: of a million codes that are good, all guessing together finds one in about three years."""
RETRY_AFTER_S: Final = int(WINDOW.total_seconds())

_COUNTERS: Final = Guesses("offers.code_guesses", {"payer": OF_A_PAYER, "address": OF_AN_ADDRESS})

total: Final = _COUNTERS.total
count: Final = _COUNTERS.count
forget: Final = _COUNTERS.forget


async def shut_out(connection: Connection, guessing: Iterable[Guesser], now: datetime) -> set[Guesser]:
    """Those for whom nothing is looked up now. Their counters stay locked until the transaction ends, in one order for
    all who ask.
    """
    asked = set(guessing)
    if not asked:
        return set()
    places = sorted({place for one in asked for place in one.places})
    out = {place for place in places if await _COUNTERS.is_shut_out(connection, Guesser((place,)), now)}
    if await total(connection, now) >= OF_ALL:
        return asked
    return {one for one in asked if out.intersection(one.places)}
