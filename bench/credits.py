"""How many credits a second one process posts through the batcher, beside `pgbench -N` on the same cluster.

Run `python -m bench.credits`: it starts an embedded server of its own, durable (fsync on), and prints rates and ratios.
Each caller credits a random line, waits until that is committed, and credits the next: what a busy shop does.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
import uvloop
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from bench import pgbench
from topup.kernel.ids import LineId, new_id
from topup.ledger import BucketSpec, Credit, Item, Posted, post_batcher
from topup.platform.batching import Batcher
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.migrations import migrate
from topup.platform.settings import Settings

LANES: Final = 16
LINES: Final = 5_000
CALLERS: Final = (64, 256)
BUCKET: Final = BucketSpec(rule={"id": "never"})


@dataclass(slots=True)
class Load:
    """Callers that credit until told to stop, and how long each credit took them."""

    batcher: Batcher[Item, Posted]
    lines: list[LineId]
    running: bool = True
    seconds: list[float] = field(default_factory=list)

    async def call(self) -> None:
        """Credit one line after another."""
        while self.running:
            started = time.perf_counter()
            await self.batcher.submit(self._item())
            self.seconds.append(time.perf_counter() - started)

    def _item(self) -> Credit:
        number = random.randrange(len(self.lines))
        order = new_id("order", number % LANES)
        return Credit(
            lane=number % LANES,
            key=f"{order}:grant:0",
            from_code="suspense",
            line_id=self.lines[number],
            bucket=BUCKET,
            asset="CNY",
            amount=5_000,
            purpose="topup",
            reference=order,
        )


async def credits_per_s(database: Database, *, callers: int, seconds: float) -> dict[str, float]:
    """Rate and 99th percentile of `callers` at once, after a second to warm up."""
    lines = [LineId(new_id("line", number % LANES)) for number in range(LINES)]
    load = Load(post_batcher(database), lines)
    tasks = [asyncio.create_task(load.call()) for _ in range(callers)]
    await asyncio.sleep(1)
    load.seconds.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    taken, elapsed = sorted(load.seconds), time.perf_counter() - started
    load.running = False
    await asyncio.gather(*tasks)
    await load.batcher.aclose()
    return {"per_s": len(taken) / elapsed, "p99_ms": taken[int(len(taken) * 0.99)] * 1000}


async def measure(database_url: str, seconds: int) -> dict[str, float]:
    """Rates and ratios on the cluster of `database_url` (an owner's address), about `seconds` for each of four runs.

    Makes two databases of its own there and drops them again.
    """
    with _databases(database_url) as (yardstick_url, ledger_url):
        await pgbench.prepare(yardstick_url)
        await asyncio.to_thread(migrate, ledger_url)
        best = 0.0
        figures: dict[str, float] = {}
        async with Database.open(settings=Settings(database_url=SecretStr(ledger_url)), migrating=False) as database:
            for clients, callers in zip(pgbench.CLIENTS, CALLERS, strict=True):
                rate = await pgbench.transactions_per_s(yardstick_url, clients=clients, seconds=seconds)
                best = max(best, rate)
                found = await credits_per_s(database, callers=callers, seconds=seconds)
                figures[f"pgbench_n_{clients}_per_s"] = rate
                figures[f"credits_{callers}_per_s"] = found["per_s"]
                figures[f"credits_{callers}_p99_ms"] = found["p99_ms"]
        for callers in CALLERS:
            figures[f"credits_{callers}_vs_pgbench_n"] = figures[f"credits_{callers}_per_s"] / best
        return figures


@contextmanager
def _databases(url: str) -> Iterator[tuple[str, str]]:
    """Two databases beside that of `url`, dropped at the end."""
    names = [f"bench_{purpose}_{random.randrange(10**9)}" for purpose in ("pgbench", "credits")]
    with psycopg.connect(url, autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield make_conninfo(url, dbname=names[0]), make_conninfo(url, dbname=names[1])
        finally:
            for name in names:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def main() -> None:
    """Measure on a server of our own and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="for each of the four runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the server's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        with EmbeddedServer.start(data_dir) as server:
            figures = uvloop.run(measure(server.url, arguments.seconds))
    print(json.dumps({name: round(figure, 2) for name, figure in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
