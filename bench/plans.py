"""How many plans a second renew: the night on which all of an operator's lines do. `python -m bench.plans [LINES]`.

All that a renewal is: the price taken, what is included given, the row, its history and what is told of it, and the
life of the line; one process, durable. Beside it `pgbench -N` with one client and with 64 on the same cluster.
"""

import asyncio
import gc
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import uvloop
from pydantic import SecretStr

from bench import pgbench
from bench.ledger import databases
from topup.bootstrap import GENERATIONS
from topup.catalogue.checking import check_bytes
from topup.catalogue.operations import publish
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.kernel.msisdn import Msisdn
from topup.ledger import BucketSpec, Credit, post
from topup.lines.operations import open_lines
from topup.lines.plans import rows
from topup.lines.plans.rows import Held
from topup.lines.plans.states import PlanStanding
from topup.lines.plans.tasks import Renewals
from topup.lines.queries import LineRef
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.migrations import migrate
from topup.platform.settings import Settings

LANES: Final = 16
PORTION: Final = 2_000
FILE: Final = """
id = "bench"
names = { zh_Hans = "测", zh_Hant = "測", en = "Bench" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138"]
[credit]
face_values = [50]
[[plans]]
id = "monthly"
names = { zh_Hans = "月", zh_Hant = "月", en = "Monthly" }
price = 30
cycle = "monthly"
grants = [
    { asset = "DATA", amount = "10 GiB", services = ["data"] },
    { asset = "VOICE", amount = "100 min", services = ["voice"] },
]
"""


async def renewals_per_s(database: Database, count: int) -> float:
    """How many of `count` plans, all due, renew a second."""
    async with database.transaction() as transaction:
        await publish(transaction.connection, check_bytes(FILE.encode(), name="bench.toml"), transaction.now)
    for start in range(0, count, PORTION):
        await _settle(database, [f"+86138{n:08}" for n in range(start, min(start + PORTION, count))])
    renewals = Renewals(database=database, catalogue=CatalogueCache(), lanes=LANES)
    began, looked_at = time.perf_counter(), 0
    while found := await renewals.run():
        looked_at += found
    took = time.perf_counter() - began
    async with database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM lines.plans WHERE cycle = 2")
        row = await cursor.fetchone()
    if row is None or row[0] != count:
        raise RuntimeError(f"{row} of {count} renewed")
    return count / took


async def _settle(database: Database, numbers: list[str]) -> None:
    """Lines with money, whose first cycle has just ended."""
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        wanted = [(Msisdn(number, "CN"), "bench", "Asia/Shanghai") for number in numbers]
        snapshot = await Snapshot.load(connection)
        opened = await open_lines(connection, wanted, now, lanes=LANES, snapshot=snapshot)
        refs = list(opened.values())
        plans = [(None, _held(ref, now - timedelta(days=32), now)) for ref in refs]
        await rows.save(connection, plans, [], now)
        spec = BucketSpec(rule={"id": "why_never_ends"})
        await post(connection, [
            Credit(lane=ref.lane, key=f"bench:{ref.id}", from_code="suspense", line_id=ref.id, bucket=spec, asset="CNY",
                   amount=10_000, purpose="topup", reference=ref.id)
            for ref in refs
        ], now)  # fmt: skip


def _held(ref: LineRef, began: datetime, now: datetime) -> Held:
    return Held(
        ref.lane, ref.id, "bench", "monthly", PlanStanding.ACTIVE.value, began, began, 1, began, now, 3000, [], None,
        ending=False, blocks=[], next_at=now,
    )  # fmt: skip


async def renewed(url: str, count: int) -> dict[str, float]:
    """`renewals_per_s` of so many plans, in a database of its own on the cluster of `url` (an owner's address)."""
    with databases(url) as (_, ours):
        await asyncio.to_thread(migrate, ours)
        async with Database.open(settings=Settings(database_url=SecretStr(ours)), migrating=False) as database:
            return {"renewals_per_s": await renewals_per_s(database, count)}


async def measure(url: str, count: int) -> dict[str, float]:
    """`renewals_per_s`, and its ratios to pgbench on the cluster of `url` (an owner's address)."""
    with databases(url) as (yardstick, ours):
        await pgbench.prepare(yardstick, seconds=10)
        await asyncio.to_thread(migrate, ours)
        async with Database.open(settings=Settings(database_url=SecretStr(ours)), migrating=False) as database:
            rate = await renewals_per_s(database, count)
        one, many = [await pgbench.transactions_per_s(yardstick, clients=clients, seconds=5) for clients in (1, 64)]
    return {
        "renewals_per_s": rate, "pgbench_n_1_per_s": one, "pgbench_n_64_per_s": many,
        "renewals_per_s_vs_pgbench_n": rate / many,
    }  # fmt: skip


def main() -> None:
    """Measure, and print."""
    gc.set_threshold(*GENERATIONS)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the database's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        with EmbeddedServer.start(data_dir) as server:
            found = uvloop.run(measure(server.url, count))
    print("\n".join(f"{name} {figure:.2f}" for name, figure in found.items()))


if __name__ == "__main__":
    main()
