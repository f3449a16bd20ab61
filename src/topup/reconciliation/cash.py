"""Cash by till, safe and keeper: what each count found beside what should have been there, by the tills and by the
ledger; who kept it, who counted it, who explained it.

Promise: what the tills say and what the ledger has tie, till by till and in the accounts of cash; what does not is told
as unexplained, which is a defect of ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.ledger.queries import amounts_under, house_balances
from topup.payments.cash import postings
from topup.payments.cash.counts import Counted, accounts, counted
from topup.platform.database import Connection
from topup.work.queries import Explained, explained

DIFFERENCE: Final = "till_difference"
"""The kind of item that a count with a difference puts on the work list."""
DRAWERS: Final = postings.drawer("")
"""All drawers together, as an account."""
ACCOUNTS: Final = (DRAWERS, postings.SAFE, postings.DIFFERENCES, postings.EXPENSES)
# Of these money of ours is in the account as a debit; of what counts found, too much is a credit.
_DEBITS: Final = frozenset({DRAWERS, postings.SAFE, postings.EXPENSES})


@dataclass(frozen=True, slots=True)
class TillRow:
    """A till as it was kept, what the ledger says should have been in it (minor units), and what was said of a
    difference.
    """

    till: Counted
    ledger_minor: int
    explained: Explained | None

    @property
    def unexplained_minor(self) -> int:
        """What the till's rows and the ledger differ by: nothing, always."""
        return self.till.expected_minor - self.ledger_minor

    @property
    def is_open(self) -> bool:
        """Whether somebody has to decide on its difference."""
        return self.explained is not None and self.explained.state == "open"


@dataclass(frozen=True, slots=True)
class TillSum:
    """The tills of a time that were counted, in one currency, in minor units."""

    currency: str
    counts: int
    float_minor: int
    came_minor: int
    went_minor: int
    expected_minor: int
    ledger_minor: int
    counted_minor: int
    difference_minor: int
    open: int


@dataclass(frozen=True, slots=True)
class AccountTie:
    """An account of cash as it is now, by the tills and by the ledger, in minor units."""

    account: str
    currency: str
    tills_minor: int
    ledger_minor: int

    @property
    def unexplained_minor(self) -> int:
        """Nothing, always."""
        return self.tills_minor - self.ledger_minor


@dataclass(frozen=True, slots=True)
class Cash:
    """All of it: tills of a time, their sums, and our accounts of cash now."""

    rows: tuple[TillRow, ...]
    sums: tuple[TillSum, ...]
    ties: tuple[AccountTie, ...]

    @property
    def people(self) -> list[str]:
        """Who is named: keepers, who counted, who explained and who decided."""
        named = [name for row in self.rows for name in (row.till.kept_by, row.till.counted_by)]
        named += [name for row in self.rows if row.explained for name in (row.explained.by, row.explained.decided_by)]
        return [name for name in named if name]


async def cash_between(connection: Connection, *, since: date, until: date, zone: str) -> Cash:
    """The tills that were counted on the days from `since` to `until`, both of them, by the clock of `zone`."""
    begins, ends = (
        datetime.combine(day, time(), ZoneInfo(zone)) for day in (since, min(until, date.max - timedelta(days=1)))
    )
    tills = await counted(connection, begins=begins, ends=ends + timedelta(days=1))
    balances = await house_balances(connection)
    should = await _should_have(connection, tills, balances)
    said = await explained(connection, DIFFERENCE, [one.key for one in tills if one.difference_minor])
    rows = tuple(TillRow(one, should[one.session_id], said.get(one.session_id)) for one in tills)
    by_tills = await accounts(connection)
    return Cash(rows, tuple(_sums(rows)), tuple(_ties(by_tills, balances)))


async def _should_have(
    connection: Connection, tills: Sequence[Counted], balances: dict[tuple[str, str], int]
) -> dict[str, int]:
    """By session, what the ledger says should be in the drawer: of one that was counted what left it then, of one that
    is kept what is in its account.
    """
    keys = [(one.lane, f"{one.session_id}:{word}") for one in tills for word in ("count", "missing", "surplus")]
    posted = await amounts_under(connection, keys)
    found: dict[str, int] = {}
    for one in tills:
        if one.counted_minor is None:
            found[one.session_id] = -balances.get((postings.drawer(one.till), one.currency), 0)
            continue
        of = {word: posted.get(f"{one.session_id}:{word}", 0) for word in ("count", "missing", "surplus")}
        found[one.session_id] = of["count"] + of["missing"] - of["surplus"]
    return found


def _sums(rows: Sequence[TillRow]) -> list[TillSum]:
    done = [row for row in rows if row.till.counted_minor is not None]
    return [
        _sum(currency, [row for row in done if row.till.currency == currency])
        for currency in sorted({row.till.currency for row in done})
    ]


def _sum(currency: str, of: Sequence[TillRow]) -> TillSum:
    return TillSum(
        currency,
        len(of),
        sum(row.till.float_minor for row in of),
        sum(row.till.came_minor for row in of),
        sum(row.till.went_minor for row in of),
        sum(row.till.expected_minor for row in of),
        sum(row.ledger_minor for row in of),
        sum(row.till.counted_minor or 0 for row in of),
        sum(row.till.difference_minor or 0 for row in of),
        sum(row.is_open for row in of),
    )


def _ties(by_tills: dict[tuple[str, str], int], balances: dict[tuple[str, str], int]) -> list[AccountTie]:
    ledger: dict[tuple[str, str], int] = {}
    for (code, asset), balance in balances.items():
        account = DRAWERS if code.startswith(DRAWERS) else code
        if account in ACCOUNTS:
            ledger[account, asset] = ledger.get((account, asset), 0) + (-balance if account in _DEBITS else balance)
    places = sorted(by_tills.keys() | ledger.keys(), key=lambda place: (place[1], ACCOUNTS.index(place[0])))
    return [
        AccountTie(account, currency, by_tills.get((account, currency), 0), ledger.get((account, currency), 0))
        for account, currency in places
    ]
