"""Lines in a database, their carriers' files, and looking after them at any time one likes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from topup.catalogue.checking import check
from topup.catalogue.line_facts import Portion
from topup.catalogue.operations import publish
from topup.catalogue.queries import Snapshot
from topup.kernel.msisdn import Msisdn
from topup.ledger import BucketSpec, Credit, Item, Posted, post
from topup.ledger.queries import Bucket, buckets
from topup.lines import lives
from topup.lines.lives import Life
from topup.lines.living import Happened, ToppingUp, happen, look_after
from topup.lines.operations import open_lines
from topup.lines.queries import LineRef
from topup.platform.database import Database

LANES = 16
EXAMPLES = Path(__file__).parents[2] / "examples" / "carriers"


@dataclass
class Village:
    """A database with published carriers, in which lines live as time is told to pass."""

    database: Database
    snapshot: Snapshot

    @classmethod
    async def of(cls, database: Database, *files: Path) -> "Village":
        async with database.transaction() as transaction:
            for file in files or sorted(EXAMPLES.glob("*.toml")):
                await publish(transaction.connection, check(file), transaction.now)
            return cls(database, await Snapshot.load(transaction.connection))

    async def opened(self, carrier_id: str, *e164s: str, at: datetime) -> list[LineRef]:
        carrier = self.snapshot.carrier(carrier_id)
        assert carrier is not None
        document = carrier.document
        wanted = [(Msisdn(e164, document.country), carrier_id, document.time_zone) for e164 in e164s]
        async with self.database.transaction() as transaction:
            found = await open_lines(transaction.connection, wanted, at, lanes=LANES, snapshot=self.snapshot)
        return [found[e164] for e164 in e164s]

    async def passes(self, until: datetime, *, limit: int = 100) -> int:
        """Look after all lines as often as something is due; gives how many looks that took."""
        looks = 0
        for lane in range(LANES):
            while True:
                async with self.database.transaction() as transaction:
                    found = await look_after(
                        transaction.connection, until, lane=lane, snapshot=self.snapshot, limit=limit
                    )
                looks += found
                if not found:
                    break
                assert looks < 10_000, "a line is looked at for ever"
        return looks

    async def life(self, line: LineRef) -> Life:
        async with self.database.read() as transaction:
            return (await lives.seen(transaction.connection, [(line.lane, str(line.id))]))[line.id]

    async def happens(self, line: LineRef, on: str, *, at: datetime) -> dict[str, str]:
        async with self.database.transaction() as transaction:
            happened = [Happened(line, on)]  # type: ignore[arg-type]
            return await happen(transaction.connection, happened, at, snapshot=self.snapshot)

    async def tops_up(
        self, line: LineRef, amount_minor: int, *, at: datetime, until: datetime | None = None, plain: bool = True
    ) -> bool:
        """A top-up as an order does it, of money that ends at `until`."""
        async with self.database.transaction() as transaction:
            connection = transaction.connection
            topping_up = await ToppingUp.open(connection, [line], at, snapshot=self.snapshot)
            brings = [Portion(amount_minor, until)]
            if not topping_up.take(line.id, amount_minor=amount_minor, plain=plain, brings=brings):
                return False
            await topping_up.write(connection)
            credit = await self._credit(line, amount_minor, at, until=until)
            answers = await post(connection, [*topping_up.items(), credit], at)
            assert all(isinstance(answer, Posted) for answer in answers)
        return True

    async def credits(self, line: LineRef, amount: int, *, at: datetime, until: datetime | None = None, **more) -> None:
        await self.posts(await self._credit(line, amount, at, until=until, **more), at=at)

    async def posts(self, *items: Item, at: datetime) -> None:
        async with self.database.transaction() as transaction:
            answers = await post(transaction.connection, items, at)
        assert all(isinstance(answer, Posted) for answer in answers), answers

    async def _credit(self, line: LineRef, amount: int, at: datetime, *, until=None, asset=None, kind="main") -> Credit:
        life = await self.life(line)
        carrier = self.snapshot.carrier(life.carrier_id)
        assert carrier is not None
        return Credit(
            lane=line.lane,
            key=f"test:{line.id}:{amount}:{kind}:{at.isoformat()}",
            from_code="suspense",
            line_id=line.id,
            bucket=BucketSpec(kind=kind, usable_until=until, rule={"id": "test"}),
            asset=asset or carrier.currency,
            amount=amount,
            purpose="grant",
            reference="test",
        )

    async def buckets(self, line: LineRef) -> list[Bucket]:
        async with self.database.read() as transaction:
            return (await buckets(transaction.connection, [line.id])).get(line.id, [])

    async def money(self, line: LineRef, at: datetime) -> int:
        return sum(b.available for b in await self.buckets(line) if b.is_usable(at) and b.asset.isalpha())

    async def history(self, line: LineRef) -> list[tuple[str, str, datetime]]:
        return [
            (row[0], row[1], row[2])
            for row in await self.rows(
                "SELECT left_state, entered, at FROM lines.changes WHERE lane = %s AND line_id = %s ORDER BY sequence",
                line.lane,
                line.id,
            )
        ]

    async def rows(self, statement: str, *parameters) -> Sequence[tuple[Any, ...]]:
        async with self.database.read() as transaction:
            return await (await transaction.connection.execute(statement, parameters)).fetchall()


def days(count: int) -> timedelta:
    return timedelta(days=count)
