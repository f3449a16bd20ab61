"""What callers ask of the ledger while it is measured: each waits until its item is committed, then asks the next."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from topup.kernel.ids import LineId, new_id
from topup.ledger import BucketSpec, Credit, Debit, Hold, Item, Posted, Release, Settle, post
from topup.platform.database import Database

LANES: Final = 16
BUCKET: Final = BucketSpec(rule={"id": "never"})
THREE: Final = (
    BUCKET,
    BucketSpec(kind="bonus", priority=50, rule={"id": "never"}),
    BucketSpec(kind="promo", priority=20, rule={"id": "never"}),
)
PLENTY: Final = 10**9
"""What each bucket of a line has before it is spent from."""

SOON: Final = datetime.now(UTC) + timedelta(days=1)
"""When the holds of a measurement would end."""

Submit = Callable[[Item], Awaitable[Posted]]


def lines(count: int) -> list[LineId]:
    """New lines, spread over the lanes."""
    return [LineId(new_id("line", number % LANES)) for number in range(count)]


def credit(line: LineId, lane: int, bucket: BucketSpec = BUCKET, amount: int = 5_000) -> Credit:
    """What an order credits."""
    order = new_id("order", lane)
    return Credit(
        lane=lane, key=f"{order}:grant:0", from_code="suspense", line_id=line, bucket=bucket, asset="CNY",
        amount=amount, purpose="topup", reference=order,
    )  # fmt: skip


async def fill(database: Database, owned: Sequence[LineId], buckets: Sequence[BucketSpec]) -> None:
    """Open the buckets of the lines, and put PLENTY in each."""
    items = [credit(line, n % LANES, bucket, PLENTY) for n, line in enumerate(owned) for bucket in buckets]
    for start in range(0, len(items), 4_000):
        async with database.transaction() as transaction:
            await post(transaction.connection, items[start : start + 4_000], transaction.now)


@dataclass(slots=True)
class Callers:
    """Callers that ask until told to stop, and how long each item took them in seconds."""

    submit: Submit
    lines: Sequence[LineId]
    running: bool = True
    seconds: list[float] = field(default_factory=list)

    async def credits(self) -> None:
        """Credit one random line after another."""
        while self.running:
            number = random.randrange(len(self.lines))
            await self._timed(credit(self.lines[number], number % LANES))

    async def mixed(self) -> None:
        """Half credits; half debits, and holds that are settled or released, over whatever buckets the line has."""
        while self.running:
            number = random.randrange(len(self.lines))
            line, lane = self.lines[number], number % LANES
            match random.randrange(4):
                case 0 | 1:
                    await self._timed(credit(line, lane, random.choice(THREE)))
                case 2:
                    await self._timed(
                        Debit(
                            lane=lane, key=new_id("event", lane), line_id=line, to_code="sales", asset="CNY",
                            amount=random.randint(100, 1_000), purpose="usage", reference="bench",
                        )
                    )  # fmt: skip
                case _:
                    await self._hold(line, lane)

    async def _hold(self, line: LineId, lane: int) -> None:
        reference = new_id("event", lane)
        held = await self._timed(
            Hold(
                lane=lane, key=f"{reference}:hold", line_id=line, asset="CNY", amount=500, purpose="usage",
                reference=reference, expires_at=SOON,
            )
        )  # fmt: skip
        assert held.hold_id is not None
        key = f"{reference}:close"
        if random.randrange(2):
            taken = Settle(
                lane=lane, key=key, purpose="usage", reference=reference, hold_id=held.hold_id, to_code="sales",
                amount=300,
            )  # fmt: skip
            await self._timed(taken)
        else:
            await self._timed(Release(lane=lane, key=key, purpose="usage", reference=reference, hold_id=held.hold_id))

    async def _timed(self, item: Item) -> Posted:
        started = time.perf_counter()
        answer = await self.submit(item)
        self.seconds.append(time.perf_counter() - started)
        return answer
