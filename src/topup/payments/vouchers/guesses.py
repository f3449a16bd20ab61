"""Wrong PINs are counted, by payer, by address and in total, and from a number of them on nothing is looked up.

The total is a budget by density: however many guess, and from wherever, they are expected to find less than one voucher
in FINDS_IN days. With 10 million live vouchers among 10^17 PINs that is 10 million wrong ones a day.
"""

from datetime import datetime
from typing import Final

from topup.payments.vouchers.pins import CHANCE
from topup.payments.vouchers.queries import live_count
from topup.platform import guesses
from topup.platform.database import Connection
from topup.platform.guesses import DAY, WINDOW, Guesser, Guesses, guesser

__all__ = ["DAY", "WINDOW", "Guesser", "budget", "count", "forget", "guesser", "is_shut_out", "total"]

OF_A_PAYER: Final = 5
OF_AN_ADDRESS: Final = 20
"""More people than one may be behind an address."""
FINDS_IN: Final = 1_000
"""Days in which all guessing together is expected to find one voucher."""
FEWEST: Final = 1_000
"""Wrong PINs a day that are looked up in any case: with so few, people would be shut out by people's mistakes."""

_COUNTERS: Final = Guesses("payments.voucher_guesses", {"payer": OF_A_PAYER, "address": OF_AN_ADDRESS})

total: Final = _COUNTERS.total
count: Final = _COUNTERS.count
forget: Final = _COUNTERS.forget


def budget(live: int) -> int:
    """How many wrong PINs are looked up in a day, in total, while `live` vouchers would pay."""
    return guesses.budget(live, chance=CHANCE, finds_in=FINDS_IN, fewest=FEWEST)


async def is_shut_out(connection: Connection, who: Guesser, now: datetime) -> bool:
    """Whether nothing is looked up for them now; their own counters stay locked until the transaction ends."""
    if await _COUNTERS.is_shut_out(connection, who, now):
        return True
    return await total(connection, now) >= budget(await live_count(connection, now))
