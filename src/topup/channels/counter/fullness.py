"""Whether a drawer has room for more cash, by what its shop says that it should hold at most."""

from typing import Final

from topup.channels.counter.booth import Booth
from topup.kernel.errors import Conflict
from topup.payments.cash import records
from topup.payments.cash.records import Session

NEARLY: Final = "nearly"
FULL: Final = "full"
_NEARLY_PERCENT: Final = 80


async def fullness(booth: Booth, session: Session) -> str:
    """`nearly` from four fifths of the ceiling, `full` above it; empty where there is room, or no ceiling."""
    most = await booth.ceilings.of(session.shop, session.currency)
    if most is None:
        return ""
    async with booth.database.read() as transaction:
        holds = await records.expected(transaction.connection, session)
    if holds > most.amount_minor:
        return FULL
    return NEARLY if holds * 100 >= most.amount_minor * _NEARLY_PERCENT else ""


async def check_room(booth: Booth, session: Session) -> None:
    """Raises Conflict drawer_full: no more cash is taken before some is in the safe. So a drawer never holds more than
    its ceiling and one sale.
    """
    if await fullness(booth, session) == FULL:
        raise Conflict("drawer_full")
