"""What is known of the bills that were read: the sums of a day, its differences, what is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from topup.kernel.errors import NotFound
from topup.ledger.queries import house_balances
from topup.platform.database import Connection
from topup.reconciliation.listing import COLUMNS, Difference
from topup.reconciliation.parties import party_of

MOST_SHOWN: Final = 1_000
"""Differences of one report; all are counted."""
MOST_OTHERS: Final = 100

_BILL: Final = """
SELECT begins, ends, lines, read_at, compared_at, waiting FROM reconciliation.bills WHERE method = %s AND day = %s
"""
_TOTALS: Final = """
SELECT currency, figure, count, minor FROM reconciliation.totals
WHERE method = %s AND day = %s ORDER BY currency, figure
"""
_POSTED: Final = "SELECT account, currency, minor FROM reconciliation.posted WHERE method = %s AND day = %s"
_OPEN: Final = f"""
SELECT {COLUMNS}
FROM reconciliation.differences WHERE method = %s AND day = %s AND resolved_at IS NULL AND decided_at IS NULL
ORDER BY class, at, our_id, reference, nth LIMIT %s
"""
_COUNTS: Final = """
SELECT class, count(*) FILTER (WHERE resolved_at IS NULL AND decided_at IS NULL),
    count(*) FILTER (WHERE resolved_at IS NOT NULL),
    count(*) FILTER (WHERE resolved_at IS NULL AND decided_at IS NOT NULL)
FROM reconciliation.differences WHERE method = %s AND day = %s GROUP BY class ORDER BY class
"""
_OTHERS: Final = """
SELECT reference, amount_minor, currency, at FROM reconciliation.bill_lines
WHERE method = %s AND day = %s AND kind NOT IN ('payment', 'refund', 'dispute', 'delivery', 'reversal')
ORDER BY n LIMIT %s
"""
_DAYS: Final = """
SELECT b.day, b.lines, b.compared_at, (
    SELECT count(*) FROM reconciliation.differences AS d
    WHERE d.method = b.method AND d.day = b.day AND d.resolved_at IS NULL AND d.decided_at IS NULL
)
FROM reconciliation.bills AS b WHERE b.method = %s ORDER BY b.day DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Sum:
    """So many movements, and what they come to in minor units."""

    count: int = 0
    minor: int = 0


@dataclass(frozen=True, slots=True)
class Tie:
    """The sums of one currency of a day. Amounts in minor units; `bill` what the provider says, `books` what our books
    count of the same, `ledger` what their transfers in the clearing account come to.
    """

    currency: str
    bill: Mapping[str, Sum]
    """By kind: payment, refund, dispute, other, fee; of a carrier delivery, reversal, undelivered."""
    books: Mapping[str, Sum]
    ledger: Mapping[str, Sum]
    explained: Sum
    """By the differences, as they make the bill's payments less refunds more than the books'."""
    returned: Sum
    """Refunds that failed and came back: in the bill, and rightly not in the books."""
    waiting: Sum
    """Of our books, near the day's end: the next day's bill may have it."""
    posted: Mapping[str, int]
    """By account: what of this bill is in the ledger beside payments and refunds."""
    clearing_minor: int
    """What the provider owes us now of all days: positive, as a rule until it pays out. What we owe a carrier."""

    @property
    def moved_minor(self) -> int:
        """The bill's payments less its refunds; a carrier's deliveries less what it reversed."""
        return _moved(self.bill)

    @property
    def booked_minor(self) -> int:
        """The same by the books."""
        return _moved(self.books)

    @property
    def ledger_minor(self) -> int:
        """What these came to in the provider's account."""
        return _moved(self.ledger)

    @property
    def unexplained_minor(self) -> int:
        """What no difference explains: nothing, always."""
        return self.moved_minor - self.booked_minor - self.explained.minor - self.returned.minor

    @property
    def due_minor(self) -> int:
        """What is to be paid for this day by the bill: what moved, less disputes and fees."""
        return self.moved_minor - _of(self.bill, "dispute") - _of(self.bill, "fee")


@dataclass(frozen=True, slots=True)
class OtherLine:
    """A line about no payment: a payout, a monthly charge."""

    reference: str
    amount_minor: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """A day of a provider, held against our books. `open`, `resolved` and `decided` (accepted or written off) count
    differences by class; `differences` are
    the first MOST_SHOWN of those open.
    """

    method: str
    day: date
    begins: datetime
    ends: datetime
    lines: int
    read_at: datetime
    compared_at: datetime | None
    waiting: int
    ties: tuple[Tie, ...]
    open: Mapping[str, int]
    resolved: Mapping[str, int]
    decided: Mapping[str, int]
    differences: tuple[Difference, ...]
    others: tuple[OtherLine, ...]

    @property
    def is_tied(self) -> bool:
        """Whether every sum ties and nothing is unexplained."""
        return all(tie.unexplained_minor == 0 for tie in self.ties)


@dataclass(frozen=True, slots=True)
class ReadDay:
    """A day whose bill was read, and how many of its differences are open."""

    day: date
    lines: int
    compared_at: datetime | None
    open: int


async def report(connection: Connection, *, method: str, day: date) -> Report:
    """The report of a day. Raises NotFound bill_not_read."""
    place = (method, day)
    bill = await (await connection.execute(_BILL, place)).fetchone()
    if bill is None:
        raise NotFound("bill_not_read", method=method, day=day.isoformat())
    counts = await (await connection.execute(_COUNTS, place)).fetchall()
    begins, ends, lines, read_at, compared_at, waiting = bill
    return Report(
        method=method,
        day=day,
        begins=begins,
        ends=ends,
        lines=lines,
        read_at=read_at,
        compared_at=compared_at,
        waiting=waiting,
        ties=await _ties(connection, method, day),
        open={cls: count for cls, count, _, _ in counts if count},
        resolved={cls: count for cls, _, count, _ in counts if count},
        decided={cls: count for cls, _, _, count in counts if count},
        differences=tuple(
            Difference(*row) for row in await (await connection.execute(_OPEN, (*place, MOST_SHOWN))).fetchall()
        ),
        others=tuple(
            OtherLine(*row) for row in await (await connection.execute(_OTHERS, (*place, MOST_OTHERS))).fetchall()
        ),
    )


async def days(connection: Connection, *, method: str, limit: int = 31) -> list[ReadDay]:
    """The days whose bills were read, newest first."""
    return [ReadDay(*row) for row in await (await connection.execute(_DAYS, (method, limit))).fetchall()]


async def _ties(connection: Connection, method: str, day: date) -> tuple[Tie, ...]:
    figures: dict[str, dict[str, Sum]] = {}
    for currency, figure, count, minor in await (await connection.execute(_TOTALS, (method, day))).fetchall():
        figures.setdefault(currency, {})[figure] = Sum(count, minor)
    posted: dict[str, dict[str, int]] = {}
    for account, currency, minor in await (await connection.execute(_POSTED, (method, day))).fetchall():
        posted.setdefault(currency, {})[account] = minor
    balances = await house_balances(connection)
    party = party_of(method)
    return tuple(
        Tie(
            currency,
            _beginning(sums, "bill_"),
            _beginning(sums, "books_"),
            _beginning(sums, "ledger_"),
            sums.get("explained", Sum()),
            sums.get("returned", Sum()),
            sums.get("waiting", Sum()),
            posted.get(currency, {}),
            party.owing(balances.get((party.account, currency), 0)),
        )
        for currency, sums in sorted(figures.items())
    )


def _beginning(sums: Mapping[str, Sum], beginning: str) -> dict[str, Sum]:
    return {figure.removeprefix(beginning): total for figure, total in sums.items() if figure.startswith(beginning)}


def _of(sums: Mapping[str, Sum], name: str) -> int:
    return sums.get(name, Sum()).minor


def _moved(sums: Mapping[str, Sum]) -> int:
    """What came less what went back; a carrier's bill has the second pair, all others the first."""
    return sum(_of(sums, came) - _of(sums, back) for came, back in (("payment", "refund"), ("delivery", "reversal")))
