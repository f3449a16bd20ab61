"""From what a usage comes to, to what is taken: which buckets pay how much, what is short, the ledger's items.

Purely in memory, so that many usages of one line can be judged one after the other before anything is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from topup.catalogue.rates import Rate
from topup.charging.rating import Allowance, Rating, Usage, rate, serves
from topup.charging.usage.facts import LineOfUsage
from topup.kernel.ids import AccountId, LineId
from topup.ledger import Debit
from topup.lines.queries import LineRef
from topup.platform.arrays import columns
from topup.platform.database import Connection

ACCOUNT: Final = "usage"
"""The account that what is used goes to, in every asset."""
PURPOSE: Final = "usage"
INSUFFICIENT_FUNDS: Final = "insufficient_funds"
BUCKET_FROZEN: Final = "bucket_frozen"


@dataclass(frozen=True, slots=True)
class Taken:
    """`amount` of `asset`, out of a bucket of that kind."""

    bucket_id: str
    asset: str
    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class Bill:
    """What a rating takes: `allowances` by bucket, and of money `minor` in all, by day where a cap counts by days."""

    allowances: Mapping[str, int]
    minor: int
    by_day: Mapping[tuple[str, date], int]


@dataclass(frozen=True, slots=True)
class Short:
    """What a line lacks: `insufficient_funds`, or `bucket_frozen` where what is frozen would do."""

    code: str
    needed_minor: int


def bill_of(rating: Rating, line: LineOfUsage, tariff: Rate) -> Bill:
    """What is to be taken for a rating by `tariff`."""
    allowances: dict[str, int] = {}
    by_day: dict[tuple[str, date], int] = {}
    for part in rating.charges:
        if part.bucket_id is not None:
            allowances[part.bucket_id] = allowances.get(part.bucket_id, 0) + part.amount
        elif part.amount:
            of_day = (tariff.id, part.day)
            by_day[of_day] = by_day.get(of_day, 0) + part.amount
    minor = sum(part.amount for part in rating.charges if part.bucket_id is None and part.asset == line.currency)
    return Bill(allowances, minor, by_day if tariff.daily_cap_minor is not None else {})


@dataclass(slots=True)
class Account:
    """A line while many usages of it are judged: what is left in each of its buckets, and what its days have cost."""

    line: LineOfUsage
    spent: dict[tuple[str, date], int] = field(default_factory=dict)
    rest: dict[str, int] = field(init=False)
    added: dict[tuple[str, date], int] = field(init=False, default_factory=dict)
    """What was added to `spent` meanwhile."""

    def __post_init__(self) -> None:
        self.rest = {purse.bucket_id: purse.available for purse in self.line.purses}

    def rated(self, usage: Usage) -> Rating:
        """What a usage would come to now."""
        return rate(self.line.rate_book, usage, self.line.facts, self.allowances, self.spent)

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        """What is left of what was granted, in the order of use."""
        rest = self.rest
        return tuple(
            Allowance(purse.bucket_id, purse.asset, rest[purse.bucket_id], purse.scope, purse.usable_until)
            for purse in self.line.purses
            if rest[purse.bucket_id] and purse.asset != self.line.currency
        )

    def money(self, tariff: Rate) -> int:
        """The money that may pay for a rate now, minor units."""
        return sum(self.rest[purse.bucket_id] for purse in self.line.money if serves(purse.scope, tariff))

    def short(self, bill: Bill, tariff: Rate) -> Short | None:
        """What is missing for a bill; what it takes of allowances is there, for it was rated by them."""
        available = self.money(tariff)
        if bill.minor <= available:
            return None
        frozen = sum(
            purse.available
            for purse in self.line.frozen
            if purse.asset == self.line.currency and serves(purse.scope, tariff)
        )
        code = BUCKET_FROZEN if available + frozen >= bill.minor else INSUFFICIENT_FUNDS
        return Short(code, bill.minor)

    def take(self, bill: Bill, tariff: Rate) -> tuple[Taken, ...]:
        """Take a bill that is not short; which bucket gives how much, in the order of use."""
        taken = []
        minor = bill.minor
        for purse in self.line.purses:
            amount = bill.allowances.get(purse.bucket_id, 0)
            if purse.asset == self.line.currency and serves(purse.scope, tariff):
                amount = min(self.rest[purse.bucket_id], minor)
                minor -= amount
            if amount:
                self.rest[purse.bucket_id] -= amount
                taken.append(Taken(purse.bucket_id, purse.asset, purse.kind, amount))
        for of_day, cost in bill.by_day.items():
            self.spent[of_day] = self.spent.get(of_day, 0) + cost
            self.added[of_day] = self.added.get(of_day, 0) + cost
        return tuple(taken)


def items_of(line: LineOfUsage, taken: Iterable[Taken], *, key: str, reference: str) -> list[Debit]:
    """The ledger's items: one for each bucket, so that what was judged is what is taken, or nothing is."""
    return [
        Debit(
            lane=line.ref.lane,
            key=f"{key}:{place}",
            purpose=PURPOSE,
            reference=reference,
            line_id=line.ref.id,
            to_code=ACCOUNT,
            asset=part.asset,
            amount=part.amount,
            bucket_id=AccountId(part.bucket_id),
        )
        for place, part in enumerate(taken)
    ]


# What days have cost so far

_SPENT: Final = """
SELECT s.line_id, s.rate_id, s.day, s.minor
FROM unnest(%b::smallint[], %b::text[], %b::date[]) AS wanted (lane, line_id, since)
JOIN charging.usage_spent AS s ON s.lane = wanted.lane AND s.line_id = wanted.line_id AND s.day >= wanted.since
"""
_FIRST_SPENT: Final = """
INSERT INTO charging.usage_spent (lane, line_id, rate_id, day, minor)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::date[], %b::bigint[])
ON CONFLICT DO NOTHING RETURNING day
"""
_MORE_SPENT: Final = """
UPDATE charging.usage_spent AS s SET minor = s.minor + u.added
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::date[], %b::bigint[], %b::bigint[])
    AS u (lane, line_id, rate_id, day, before, added)
WHERE s.lane = u.lane AND s.line_id = u.line_id AND s.rate_id = u.rate_id AND s.day = u.day AND s.minor = u.before
RETURNING s.day
"""


@dataclass(frozen=True, slots=True)
class Spending:
    """`added` minor units to what a capped rate has cost a line on a day, which was `before`."""

    line: LineRef
    rate_id: str
    day: date
    before: int
    added: int


def has_caps(line: LineOfUsage) -> bool:
    """Whether what days have cost matters to the line."""
    return any(tariff.daily_cap_minor is not None for tariff in line.rate_book.rates)


async def spent_since(
    connection: Connection, since: Mapping[LineRef, date]
) -> dict[LineId, dict[tuple[str, date], int]]:
    """What days from the given ones on have cost lines so far, by rate and day. No query where none is asked for."""
    if not since:
        return {}
    rows = [(line.lane, line.id, day) for line, day in since.items()]
    cursor = await connection.execute(_SPENT, columns(rows))
    found: dict[LineId, dict[tuple[str, date], int]] = {}
    for line_id, rate_id, day, minor in await cursor.fetchall():
        found.setdefault(LineId(line_id), {})[rate_id, day] = minor
    return found


async def spend(connection: Connection, spendings: Sequence[Spending]) -> bool:
    """Write down what days cost; False where another changed one since it was read: then undo, read again, repeat.

    Whoever holds the ledger's lane of a line finds nobody else at it.
    """
    first = [(s.line.lane, s.line.id, s.rate_id, s.day, s.added) for s in spendings if not s.before]
    more = [(s.line.lane, s.line.id, s.rate_id, s.day, s.before, s.added) for s in spendings if s.before]
    done = 0
    for statement, rows in ((_FIRST_SPENT, sorted(first)), (_MORE_SPENT, sorted(more))):
        written: list[tuple[Any, ...]] = list(rows)
        if written:
            done += len(await (await connection.execute(statement, columns(written))).fetchall())
    return done == len(spendings)


def spendings_of(account: Account) -> list[Spending]:
    """What an account's days cost more than when it was read."""
    return [
        Spending(account.line.ref, rate_id, day, account.spent[rate_id, day] - added, added)
        for (rate_id, day), added in account.added.items()
        if added
    ]


def first_day(line: LineOfUsage, at: datetime) -> date:
    """The day of the line's calendar from which on a usage that began at `at` may cost something."""
    return at.astimezone(line.zone).date()
