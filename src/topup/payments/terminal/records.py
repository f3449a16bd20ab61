"""The rows of card terminals: charges, and what is to go back to a card."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.payments.taken_by_hand import Book, Handed, HandedBack
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Charge(Handed):
    """A payment by card, which waits for its slip. `batch` is the terminal's batch it was counted in, and `vouched`
    whether that vouches for it: its total agreed, or people let it be.
    """

    terminal: str | None
    reference: str | None
    taken_at: datetime | None
    batch: str | None
    vouched: bool


@dataclass(frozen=True, slots=True)
class CardBack(HandedBack):
    """What is to go back to a card, or went, by the slip `reference`."""

    terminal: str | None
    reference: str | None
    batch: str | None
    vouched: bool


BOOK: Final = Book(
    payments="payments.card_charges",
    backs="payments.card_backs",
    row=Charge,
    back_row=CardBack,
    counts="vouched",
    counts_back="vouched",
)


@dataclass(frozen=True, slots=True)
class Batch:
    """A terminal's own total, and what was entered of it since the one before."""

    id: str
    terminal: str
    currency: str
    charges: int
    backs: int
    entered_minor: int
    total_minor: int
    closed_by: str
    closed_at: datetime

    @property
    def difference_minor(self) -> int:
        """What the terminal says, less what was entered."""
        return self.total_minor - self.entered_minor


_BATCHES: Final = """
SELECT id, terminal, currency, coalesce(charges, 0), coalesce(backs, 0), coalesce(entered_minor, 0), total_minor,
    closed_by, closed_at
FROM payments.card_batches WHERE terminal = ANY (%s) ORDER BY closed_at DESC, id LIMIT %s
"""
_WAITING: Final = """
SELECT terminal, count(*) FROM payments.card_charges
WHERE terminal = ANY (%s) AND batch IS NULL AND state = 'taken' AND NOT vouched GROUP BY 1
"""


async def batches_of(connection: Connection, terminals: Sequence[str], *, limit: int) -> list[Batch]:
    """The totals that were typed in of these terminals, the newest first."""
    async with connection.cursor(row_factory=args_row(Batch)) as cursor:
        await cursor.execute(_BATCHES, (list(terminals), limit))
        return await cursor.fetchall()


async def slips_waiting(connection: Connection, terminals: Sequence[str]) -> dict[str, int]:
    """How many slips of each terminal are in no batch yet; not how much, for somebody is to type a total."""
    cursor = await connection.execute(_WAITING, (list(terminals),))
    return dict(await cursor.fetchall())
