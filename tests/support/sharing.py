"""Lines that share credit: opened, filled, and looked at."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.ledger import fresh_key
from topup.catalogue.checking import check, check_bytes
from topup.catalogue.operations import publish
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.charging.sharing.desk import ShareView, Sharing
from topup.charging.sharing.invariants import violations
from topup.charging.sharing.rules import Wish
from topup.kernel.ids import ShareId, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.ledger import BucketSpec, Credit, Posted, post
from topup.ledger.invariants import violations as ledger_violations
from topup.ledger.queries import Bucket, buckets, house_balances
from topup.lines.operations import open_lines
from topup.lines.queries import LineRef, lines_now
from topup.platform.database import Database
from topup.platform.installation import mark_installation

LANES = 16
SMART = Path(__file__).parents[2] / "examples" / "carriers" / "smart-philippines.toml"
ANA, BEN, CARLA = "+639181234501", "+639181234502", "+639181234517"
MAIN = BucketSpec(rule={"id": "why_never_ends"})


@dataclass
class Circle:
    """A database with a carrier whose lines may share credit, and what tests do with them."""

    database: Database
    sharing: Sharing
    catalogue: CatalogueCache
    lines: dict[str, LineRef] = field(default_factory=dict)

    @classmethod
    async def of(cls, database: Database, *files: Path | bytes) -> "Circle":
        """The carriers of these files, by default Smart's, each with the lines that `open` asks for."""
        async with database.transaction() as transaction:
            await mark_installation(transaction.connection, demo=False, lanes=LANES, now=transaction.now)
            for file in files or (SMART,):
                read = check(file) if isinstance(file, Path) else check_bytes(file, name="test.toml")
                await publish(transaction.connection, read, transaction.now)
        catalogue = CatalogueCache()
        return cls(database, Sharing(database=database, catalogue=catalogue), catalogue)

    @classmethod
    async def found(cls, database: Database, *numbers: str) -> "Circle":
        """The circle of lines that are there already."""
        async with database.read() as transaction:
            lines = await lines_now(transaction.connection, numbers)
        catalogue = CatalogueCache()
        sharing = Sharing(database=database, catalogue=catalogue)
        return cls(database, sharing, catalogue, {number: line.ref for number, line in lines.items()})

    async def open(self, *numbers: str, zone: str | None = None, main: int = 0, **kinds: int) -> None:
        """Open lines, and give each so much credit of each kind, in minor units."""
        async with self.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            snapshot = await Snapshot.load(connection)
            wanted = []
            for number in numbers:
                carrier = snapshot.carrier_of(number)
                wanted.append((parse_msisdn(number), carrier.carrier_id, zone or carrier.document.time_zone))
            self.lines |= await open_lines(connection, wanted, now, lanes=LANES, snapshot=snapshot)
        for number in numbers:
            for kind, amount in {"main": main, **kinds}.items():
                if amount:
                    await self.give(number, amount, kind=kind)

    async def give(self, number: str, amount: int, *, kind: str = "main", until: datetime | None = None) -> None:
        line = self.lines[number]
        async with self.database.transaction() as transaction:
            snapshot = await Snapshot.load(transaction.connection)
            spec = BucketSpec(kind=kind, rule={"id": "why_never_ends"}, usable_until=until)
            item = Credit(
                lane=line.lane,
                key=fresh_key(),
                purpose="test",
                reference="test",
                from_code="suspense",
                line_id=line.id,
                bucket=spec,
                asset=snapshot.carrier_of(number).currency,
                amount=amount,
            )
            [answer] = await post(transaction.connection, [item], transaction.now)
            assert isinstance(answer, Posted)

    async def currency(self, number: str) -> str:
        async with self.database.read() as transaction:
            return (await self.catalogue.current(transaction.connection)).carrier_of(number).currency

    async def wish(self, sender: str, receiver: str, amount: int, *conditions: str) -> Wish:
        currency = await self.currency(sender)
        return Wish(parse_msisdn(sender), parse_msisdn(receiver), Money(amount, currency), conditions)

    def new_share(self, sender: str) -> ShareId:
        return ShareId(new_id("share", self.lines[sender].lane))

    async def send(
        self, sender: str, receiver: str, amount: int, *conditions: str, share_id: ShareId | None = None
    ) -> ShareView:
        wish = await self.wish(sender, receiver, amount, *conditions)
        return await self.sharing.send(share_id=share_id or self.new_share(sender), wish=wish, asked_by="test")

    async def buckets(self, number: str) -> list[Bucket]:
        """The line's buckets that are not empty."""
        line = self.lines[number]
        async with self.database.read() as transaction:
            found = await buckets(transaction.connection, [line.id])
        return [bucket for bucket in found.get(line.id, []) if bucket.balance]

    async def has(self, number: str) -> dict[str, int]:
        """What a line has that is not promised, by kind; empty kinds left out."""
        found: dict[str, int] = {}
        for bucket in await self.buckets(number):
            found[bucket.kind] = found.get(bucket.kind, 0) + bucket.available
        return {kind: amount for kind, amount in found.items() if amount}

    async def house(self, code: str, asset: str = "PHP") -> int:
        async with self.database.read() as transaction:
            return (await house_balances(transaction.connection)).get((code, asset), 0)

    async def is_sound(self) -> None:
        """Every invariant of the ledger and of sharing holds."""
        async with self.database.read() as transaction:
            assert await ledger_violations(transaction.connection) == []
            assert await violations(transaction.connection) == []

    async def all_done(self) -> None:
        """Nothing is on its way, so nothing is left in the clearing account."""
        async with self.database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT state FROM charging.shares WHERE state NOT IN ('shared', 'refused', 'returned')"
            )
            assert await cursor.fetchall() == []
            found = await house_balances(transaction.connection)
        assert [balance for (code, _), balance in found.items() if code == "clearing:sharing" and balance] == []
        await self.is_sound()

    async def it_is(self, instant: datetime) -> None:
        """Move the clock to this instant; it goes on from there."""
        async with self.database.read() as transaction:
            self.database.clock_offset += instant.astimezone(UTC) - transaction.now

    async def status_of(self, number: str) -> str:
        async with self.database.read() as transaction:
            return (await lines_now(transaction.connection, [number]))[number].status


@pytest.fixture
async def circle(database: Database) -> Circle:
    return await Circle.of(database)
