"""Lines that are used: a carrier with round prices, lines with credit and allowances, and records of what they did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.ledger import fresh_key
from tests.support.sharing import LANES, Circle
from topup.charging.usage.reading import UsageRecord, read_record
from topup.charging.usage.records import Outcome, rate_records
from topup.ledger import BucketSpec, Credit, Posted, post
from topup.ledger.audit import audit
from topup.lines.living import Happened, happen
from topup.platform.database import Database

ANN, BOB, EVE = "+639081234501", "+639081234502", "+639081234503"
NUMBERS = tuple(f"+6390812346{number:02}" for number in range(40))

CARRIER = b"""
id = "acme"
names = { zh_Hans = "\xe7\x94\xb2", zh_Hant = "\xe7\x94\xb2", en = "Acme" }
country = "PH"
time_zone = "Asia/Manila"
currency = "PHP"
network = "own"
[numbering]
ranges = ["+63908"]
[credit]
face_values = [{ amount = 10 }]
validity = { rule = "never" }
[[rates]]
id = "voice"
service = "voice"
steps = "60+60"
price = 2
per = "1 min"
free_numbers = ["10086"]
[[rates]]
id = "data"
service = "data"
steps = "1 MB"
price = "0.5"
per = "1 MB"
daily_cap = 10
[[rates]]
id = "sms"
service = "sms"
price = 1
[warnings]
low = [{ asset = "CREDIT", below = 5 }, { asset = "VOICE", below = "5 min" }]
expiring_days = [3, 1]
"""
LIVING = b"""
[clocks.number]
days = 10
policy = "renew"
restarts = ["activation", "topup", "activity"]
[life_cycle]
starts = "active"
[[life_cycle.states]]
id = "active"
shows = "active"
leave = [{ when = "clock", clock = "number", to = "over" }, { when = "credit_used_up", to = "empty" }]
[[life_cycle.states]]
id = "empty"
shows = "one_way_blocked"
blocks = ["voice_out", "sms_out"]
leave = [{ when = "credit_back", to = "active" }, { when = "clock", clock = "number", to = "over" }]
[[life_cycle.states]]
id = "over"
shows = "recycled"
blocks = ["voice_out", "voice_in", "sms_out", "sms_in", "data", "topup"]
on_entry = { close_line = true, release_number = true }
"""
"""What makes the carrier's lines live: they end ten days after the last activity, and stop when they are empty."""


def a_record(number: str, service: str, quantity: int, **changes: Any) -> UsageRecord:
    """A record of a minute ago, unless it says otherwise."""
    said = {
        "number": number,
        "service": service,
        "quantity": quantity,
        "at": datetime.now(UTC) - timedelta(minutes=1),
        "country": None,
        "called": None,
        "source": "api",
    }
    return read_record(**said | changes)


@dataclass
class Traffic:
    """What lines of a carrier did."""

    circle: Circle
    database: Database = field(init=False)
    ids: int = 0

    def __post_init__(self) -> None:
        self.database = self.circle.database

    @classmethod
    async def of(cls, database: Database, carrier: bytes = CARRIER) -> "Traffic":
        return cls(await Circle.of(database, carrier))

    @classmethod
    async def found(cls, database: Database, *numbers: str) -> "Traffic":
        """Of lines that are there already."""
        return cls(await Circle.found(database, *numbers))

    async def open(self, *numbers: str, main: int = 0, **kinds: int) -> None:
        await self.circle.open(*numbers, main=main, **kinds)

    async def gives_up(self, number: str) -> None:
        """Take a number from its line: nobody has it, and the next line may."""
        async with self.database.transaction() as transaction:
            statement = "UPDATE lines.numbers SET until = %s WHERE msisdn = %s AND until IS NULL"
            await transaction.connection.execute(statement, (transaction.now, number))

    async def grant(self, number: str, asset: str, amount: int, **bucket: Any) -> None:
        line = self.circle.lines[number]
        spec = {"kind": "plan", "priority": 10, "rule": {"id": "why_never_ends"}, **bucket}
        item = Credit(
            lane=line.lane,
            key=fresh_key(),
            purpose="test",
            reference="test",
            from_code="suspense",
            line_id=line.id,
            bucket=BucketSpec(**spec),
            asset=asset,
            amount=amount,
        )
        async with self.database.transaction() as transaction:
            [answer] = await post(transaction.connection, [item], transaction.now)
        assert isinstance(answer, Posted)

    def record(self, number: str = ANN, service: str = "voice", quantity: int = 60, **changes: Any) -> UsageRecord:
        self.ids += 1
        return a_record(number, service, quantity, **{"identifier": f"r{self.ids}", **changes})

    async def rate(self, *records: UsageRecord) -> list[Outcome]:
        async with self.database.transaction() as transaction:
            snapshot = await self.circle.catalogue.current(transaction.connection)
            return await rate_records(transaction.connection, records, transaction.now, snapshot=snapshot, lanes=LANES)

    async def sees_its_money(self, number: str = ANN) -> None:
        """Let a line's life see what money it was given."""
        async with self.database.transaction() as transaction:
            snapshot = await self.circle.catalogue.current(transaction.connection)
            happened = [Happened(self.circle.lines[number], "funds")]
            await happen(transaction.connection, happened, transaction.now, snapshot=snapshot)

    async def rows(self, statement: str, *parameters: Any) -> Sequence[tuple[Any, ...]]:
        async with self.database.read() as transaction:
            return await (await transaction.connection.execute(statement, parameters)).fetchall()

    async def has(self, number: str = ANN) -> dict[str, int]:
        """What a line has of each asset."""
        found = await self.rows(
            "SELECT asset, sum(balance)::bigint FROM ledger.buckets WHERE line_id = %s GROUP BY asset",
            self.circle.lines[number].id,
        )
        return {asset: balance for asset, balance in found if balance}

    async def charged(self) -> dict[tuple[str, str], int]:
        """What the ledger has of use, by line and asset."""
        found = await self.rows(
            "SELECT line_id, asset, sum(amount)::bigint FROM ledger.transfers WHERE credit = 'usage' GROUP BY 1, 2"
        )
        return {(line, asset): amount for line, asset, amount in found}

    async def told(self, number: str = ANN) -> list[tuple[str, dict[str, Any]]]:
        return [
            (name, facts)
            for name, facts in await self.rows(
                "SELECT name, facts FROM charging.usage_events WHERE line_id = %s ORDER BY id",
                self.circle.lines[number].id,
            )
        ]

    async def is_sound(self) -> None:
        """The books of the ledger hold, and what was charged is what the history says."""
        await self.circle.is_sound()
        async with self.database.read() as transaction:
            assert (await audit(transaction.connection)).faults == ()
        kept = await self.rows(
            """
            SELECT r.line_id, p ->> 'asset', sum((p ->> 'amount')::bigint)::bigint
            FROM charging.usage_records AS r CROSS JOIN jsonb_array_elements(r.paid) AS p GROUP BY 1, 2
            """
        )
        assert {(line, asset): amount for line, asset, amount in kept} == await self.charged()
        assert not await self.rows(
            """
            SELECT FROM charging.usage_records AS r WHERE cost_minor <> coalesce((
                SELECT sum((p ->> 'amount')::bigint) FROM jsonb_array_elements(r.paid) AS p
                WHERE p ->> 'asset' = r.currency), 0)
            """
        )


@pytest.fixture
async def traffic(database: Database) -> Traffic:
    """A line with 10.00, and one with nothing."""
    found = await Traffic.of(database)
    await found.open(ANN, main=1000)
    await found.open(BOB)
    return found
