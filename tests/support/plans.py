"""Lines with plans in a database, and letting their cycles follow one another at any time one likes."""

import contextlib
from datetime import datetime
from pathlib import Path

from tests.support.lines import LANES, Village
from topup.catalogue.checking import check
from topup.catalogue.operations import AlreadyPublished, publish
from topup.catalogue.queries import Snapshot
from topup.kernel.money import Money
from topup.ledger.queries import buckets
from topup.lines import lives
from topup.lines.course import zone_of
from topup.lines.plans import operations, rows
from topup.lines.plans.desk import Asked, take
from topup.lines.plans.operations import Place
from topup.lines.plans.renewing import renew
from topup.lines.plans.rows import Held
from topup.lines.queries import LineRef, blocks_of, lines_now, number_of
from topup.platform.database import Connection, Database

NUMBER = "+85366120000"
_FILE = """
id = "planned"
names = { zh_Hans = "计", zh_Hant = "計", en = "Planned" }
country = "MO"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"

[numbering]
ranges = ["+85366"]

[credit]
face_values = [10, 50]

[clocks.number]
days = 140
restarts = ["activation", "topup", "activity"]

[[life_cycle.states]]
id = "active"
shows = "active"
leave = [{ when = "clock", clock = "number", to = "over" }]

[[life_cycle.states]]
id = "over"
shows = "recycled"
on_entry = { forfeit = ["all"], close_line = true, release_number = true }
"""
PLANS = """
[[plans]]
id = "monthly"
names = { zh_Hans = "月", zh_Hant = "月", en = "Monthly" }
price = 30
cycle = "monthly"
without_credit = { grace_days = 3, blocks = ["data"], lapse_days = 10 }
grants = [
    { asset = "DATA", amount = "10 GiB", services = ["data"], roll = { days = 31, cap = "1 GiB" } },
    { asset = "VOICE", amount = "100 min", services = ["voice"] },
]

[[plans]]
id = "calendar"
names = { zh_Hans = "历", zh_Hant = "曆", en = "Calendar" }
price = 60
cycle = "monthly"
renews = "calendar"
proration = "day"
grants = [{ asset = "DATA", amount = "30 GiB", services = ["data"] }]

[[plans]]
id = "small"
names = { zh_Hans = "小", zh_Hant = "小", en = "Small" }
price = 6
cycle = "monthly"
renews = "calendar"
proration = "day"
counts_as_activity = false

[[plans]]
id = "week"
names = { zh_Hans = "周", zh_Hant = "週", en = "A week" }
price = 8
cycle = "once"
days = 7
grants = [{ asset = "SMS", amount = 50, services = ["sms"] }]

[[plans]]
id = "keep"
names = { zh_Hans = "保号", zh_Hant = "保號", en = "Keep" }
price = 36
cycle = "yearly"
keeps_number = true
"""

FILE = f"{_FILE}\n{PLANS}"


class Street(Village):
    """A village whose lines have plans."""

    @classmethod
    async def with_plans(cls, database: Database, folder: Path) -> "Street":
        """Lines of a carrier that has plans; published once."""
        file = folder / "planned.toml"
        file.write_text(FILE, encoding="utf-8")
        async with database.transaction() as transaction:
            with contextlib.suppress(AlreadyPublished):
                await publish(transaction.connection, check(file), transaction.now)
            return cls(database, await Snapshot.load(transaction.connection))

    async def republishes(self, folder: Path, old: str, new: str) -> None:
        """The carrier publishes its file with one thing changed."""
        assert old in FILE
        file = folder / "planned.toml"
        file.write_text(FILE.replace(old, new), encoding="utf-8")
        async with self.database.transaction() as transaction:
            await publish(transaction.connection, check(file), transaction.now)
            self.snapshot = await Snapshot.load(transaction.connection)

    async def place(self, connection: Connection, line: LineRef) -> Place:
        life = (await lives.locked(connection, [(line.lane, str(line.id))]))[line.id]
        carrier = self.snapshot.carrier(life.carrier_id)
        assert carrier is not None
        held = (await rows.plans_of(connection, [line])).get(line.id)
        return Place(line, carrier, zone_of(life.zone), held)

    async def takes(self, line: LineRef, plan: str, *, at: datetime, when="now", at_most: int | None = None) -> Held:
        async with self.database.transaction() as transaction:
            place = await self.place(transaction.connection, line)
            told = Money(at_most, place.carrier.currency) if at_most is not None else None
            asked = Asked(operations.on_sale(place.carrier, plan), when, told)
            return await take(transaction.connection, place, asked, at, snapshot=self.snapshot)

    async def cancels(self, line: LineRef, *, at: datetime) -> Held:
        async with self.database.transaction() as transaction:
            return await operations.cancel(transaction.connection, await self.place(transaction.connection, line), at)

    async def renews(self, at: datetime, *, limit: int = 100) -> int:
        """Look at what is due as often as something is; gives how many looks that took."""
        looks = 0
        for lane in range(LANES):
            while True:
                async with self.database.transaction() as transaction:
                    found = await renew(transaction.connection, at, lane=lane, snapshot=self.snapshot, limit=limit)
                looks += found
                if not found:
                    break
                assert looks < 10_000, "a plan is looked at for ever"
        return looks

    async def plan(self, line: LineRef) -> Held:
        async with self.database.read() as transaction:
            return (await rows.plans_of(transaction.connection, [line]))[line.id]

    async def has(self, line: LineRef, at: datetime) -> dict[str, int]:
        """What can be used at `at`, by asset."""
        async with self.database.read() as transaction:
            held = (await buckets(transaction.connection, [line.id])).get(line.id, [])
        found: dict[str, int] = {}
        for bucket in held:
            if bucket.is_usable(at) and bucket.available:
                found[bucket.asset] = found.get(bucket.asset, 0) + bucket.available
        return found

    async def blocked(self, line: LineRef) -> tuple[str, ...]:
        """What cannot be done with the line, as usage asks."""
        async with self.database.read() as transaction:
            number = await number_of(transaction.connection, line)
            found = (await lines_now(transaction.connection, [number or ""]))[number or ""]
        return blocks_of(found, self.snapshot)

    async def told(self, line: LineRef) -> list[str]:
        """What became of its plans, in order."""
        found = await self.rows(
            "SELECT what FROM lines.plan_changes WHERE lane = %s AND line_id = %s ORDER BY sequence", line.lane, line.id
        )
        return [what for (what,) in found]
