"""People who use what they have while the database is hurt: operations of the ledger, each asked again under its key
until there is an answer. What was answered is remembered, and held against the books at the end.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tests.support.ledger import SPEC, credit, debit, expire, fresh_key, fresh_line, hold, release, settle, transfer
from tests.support.simulators import until
from topup.kernel.errors import Unavailable
from topup.ledger import Item, Move, Posted, PostingRefused, post_batcher
from topup.ledger.audit import audit
from topup.platform.batching import Batching
from topup.platform.database import Database

ENDED = datetime(2020, 1, 1, tzinfo=UTC)
PAUSE_S = 0.05
PATIENCE_S = 60.0
SPENT = replace(SPEC, kind="moved")


@dataclass
class Spender:
    """One line and what it was answered."""

    lane: int
    chance: random.Random
    line: str = ""
    answered: list[tuple[Item, Posted]] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self.line = fresh_line(self.lane)

    def next(self) -> Item:
        """Something of every kind; what is not possible may be refused."""
        place = {"lane": self.lane}
        amount = self.chance.randint(1, 50)
        kinds = ["credit", "credit", "ending", "debit", "hold", "move", "transfer"]
        kinds += ["settle", "release"] * bool(self.holds) + ["expire"] * bool(self.ended)
        match self.chance.choice(kinds):
            case "ending":
                return credit(self.line, amount, bucket=replace(SPEC, kind=fresh_key(), usable_until=ENDED), **place)
            case "debit":
                return debit(self.line, amount, **place)
            case "hold":
                return hold(self.line, amount, **place)
            case "move":
                base = {"key": fresh_key(), "purpose": "test", "reference": "ref_test", "asset": "CNY"}
                return Move(line_id=self.line, bucket=SPENT, amount=amount, kinds=("main",), **base, **place)
            case "transfer":
                return transfer(amount=amount, **place)
            case "settle":
                return settle(self.holds.pop(), 1, **place)
            case "release":
                return release(self.holds.pop(), **place)
            case "expire":
                return expire(self.ended.pop(), **place)
        return credit(self.line, amount, **place)

    def hear(self, item: Item, answer: Posted) -> None:
        self.answered.append((item, answer))
        if item.KIND == "hold":
            self.holds.append(answer.hold_id)
        if item.KIND == "credit" and item.bucket.usable_until == ENDED:
            self.ended.append(answer.legs[0].credit)

    @property
    def balance(self) -> int:
        """What the answers say the line has."""
        legs = [leg for _, answer in self.answered for leg in answer.legs if leg.sequence is not None]
        given = sum(leg.amount for leg in legs if leg.credit.startswith("acc_"))
        return given - sum(leg.amount for leg in legs if leg.debit.startswith("acc_"))


@dataclass
class Spenders:
    """All of them, and what they met."""

    database: Database
    batcher: Batching[Item, Posted]
    people: list[Spender]
    unavailable: Counter[str] = field(default_factory=Counter)
    going: bool = True
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def spend(self, spender: Spender) -> None:
        while self.going:
            item = spender.next()
            try:
                spender.hear(item, await self.answer(item))
            except PostingRefused:
                spender.refused += 1

    async def answer(self, item: Item) -> Posted:
        """Ask, and ask again under the same key while nobody can say whether it took hold."""
        while True:
            try:
                return await self.batcher.submit(item)
            except Unavailable as problem:
                self.unavailable[problem.code] += 1
                await asyncio.sleep(PAUSE_S)

    @property
    def acknowledged(self) -> int:
        return sum(len(spender.answered) for spender in self.people)

    async def have_done(self, more: int) -> None:
        """Wait until they were answered so often again."""
        goal = self.acknowledged + more
        await until(self._acknowledged, lambda number: number >= goal, patience_s=PATIENCE_S)

    async def met_trouble(self, more: int) -> None:
        """Wait until so many more questions had no answer."""
        goal = self.unavailable.total() + more
        await until(self._unanswered, lambda number: number >= goal, patience_s=PATIENCE_S)

    async def _acknowledged(self) -> int:
        return self.acknowledged

    async def _unanswered(self) -> int:
        return self.unavailable.total()

    async def quiet(self) -> None:
        """Stop asking anew, and wait for the last answers."""
        self.going = False
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*self.tasks)

    async def wrongs(self) -> list[str]:
        """Whatever was acknowledged and is not there, happened twice, or is not sound."""
        found = []
        for spender in self.people:
            for item, answer in spender.answered:
                again = await self.answer(item)
                if not again.replayed or again.legs != answer.legs or again.hold_id != answer.hold_id:
                    found.append(f"{item.KIND} {item.key}: {answer} and later {again}")
        async with self.database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT line_id, sum(balance)::bigint FROM ledger.buckets GROUP BY line_id"
            )
            stored = dict(await cursor.fetchall())
            report = await audit(transaction.connection)
        found += [
            f"{spender.line}: {stored.get(spender.line, 0)} instead of {spender.balance}"
            for spender in self.people
            if stored.get(spender.line, 0) != spender.balance
        ]
        return found + [str(fault) for fault in report.faults]

    @property
    def kinds(self) -> Counter[str]:
        return Counter(item.KIND for spender in self.people for item, _ in spender.answered)


@contextlib.asynccontextmanager
async def spending(database: Database, *, people: int = 24, seed: int = 7) -> AsyncIterator[Spenders]:
    """Have them spend while the block runs, or until they are to be `quiet`."""
    chance = random.Random(seed)
    batcher = post_batcher(database)
    spenders = Spenders(
        database, batcher, [Spender(number % 16, random.Random(chance.random())) for number in range(people)]
    )
    spenders.tasks += [asyncio.create_task(spenders.spend(spender)) for spender in spenders.people]
    try:
        yield spenders
    finally:
        for task in spenders.tasks:
            task.cancel()
        await asyncio.gather(*spenders.tasks, return_exceptions=True)
        await batcher.aclose()
