"""How many items a second one process posts, beside `pgbench -N` on the same cluster in the same run.

`python -m bench.ledger` starts an embedded server of its own, durable (fsync on), and prints rates and ratios: medians
of rounds in which everything takes its turn, so that a machine that is slower for a while is slower for all of it.
"""

import argparse
import asyncio
import gc
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
import uvloop
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from bench import audit, pgbench
from bench.workloads import BUCKET, THREE, Callers, Submit, fill, lines
from topup.bootstrap import GENERATIONS
from topup.kernel.ids import LineId
from topup.ledger import Item, Posted, post, post_batcher
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.migrations import migrate
from topup.platform.settings import Settings

ROUNDS: Final = 3
UNIFORM: Final = 5_000
"""Lines that are credited."""
HOT: Final = 300
"""The few of them that are hot."""
SPENT: Final = 3_000
"""Lines that are spent from."""
SINGLES: Final = 8
"""Connections of those who commit each item by itself: more of them wait for one another on two cores."""
WARM_S: Final = 0.3


@dataclass(slots=True)
class Figures:
    """Rates by name (a second), one of each round, and 99th percentiles in milliseconds."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    p99_ms: dict[str, list[float]] = field(default_factory=dict)
    bytes_per_credit: float = 0.0

    def note(self, name: str, rate: float, seconds: list[float] | None = None) -> None:
        """Take down one measurement."""
        self.rates.setdefault(name, []).append(rate)
        if seconds:
            self.p99_ms.setdefault(name, []).append(sorted(seconds)[int(len(seconds) * 0.99)] * 1000)

    def rate(self, name: str) -> float:
        """The median of its rounds."""
        return statistics.median(self.rates[name])

    def flat(self) -> dict[str, float]:
        """Medians and ratios by the names of docs/performance.md."""
        yardstick = max(self.rate("pgbench_n_8"), self.rate("pgbench_n_32"))
        flat = {f"{name}_per_s": self.rate(name) for name in self.rates}
        flat |= {f"{name}_p99_ms": statistics.median(found) for name, found in self.p99_ms.items()}
        flat |= {f"{name}_vs_pgbench_n": self.rate(name) / yardstick for name in ("credits_64", "credits_256", "mixed")}
        return flat | {
            "batched_vs_single": self.rate("credits_64") / self.rate("single"),
            "skew_vs_uniform": self.rate("skew") / self.rate("credits_64"),
            "bytes_per_credit": self.bytes_per_credit,
            "pgbench_n_per_s": yardstick,
        }


async def measure(database_url: str, seconds: float, rounds: int = ROUNDS) -> dict[str, float]:
    """Rates and ratios on the cluster of `database_url` (an owner's address); `seconds` for each turn of each round.

    Makes two databases of its own there and drops them again.
    """
    figures = Figures()
    with databases(database_url) as (yardstick_url, ledger_url):
        await pgbench.prepare(yardstick_url, seconds=seconds * rounds)
        await asyncio.to_thread(migrate, ledger_url)
        async with Database.open(settings=Settings(database_url=SecretStr(ledger_url)), migrating=False) as database:
            credited, spent = lines(UNIFORM), lines(SPENT)
            await fill(database, credited, (BUCKET,))
            await fill(database, spent, THREE)
            for _ in range(rounds):
                for clients in pgbench.CLIENTS:
                    rate = await pgbench.transactions_per_s(yardstick_url, clients=clients, seconds=round(seconds) or 1)
                    figures.note(f"pgbench_n_{clients}", rate)
                await _credits(database, figures, credited, seconds)
                await turn(database, figures, "mixed", owned=spent, callers=64, seconds=seconds, mixed=True)
                await turn(database, figures, "skew", owned=credited[:HOT], callers=64, seconds=seconds)
                await _single(database, figures, credited, seconds)
                figures.note("audit", await audit.transfers_per_s(database))
    return figures.flat()


async def _credits(database: Database, figures: Figures, owned: list[LineId], seconds: float) -> None:
    """Plain credits by 64 and 256 callers, and what one takes of the disk: tables and indexes."""
    before, posted = await _size(database)
    for callers in (64, 256):
        await turn(database, figures, f"credits_{callers}", owned=owned, callers=callers, seconds=seconds)
    after, posted_after = await _size(database)
    figures.bytes_per_credit = (after - before) / (posted_after - posted)


async def _size(database: Database) -> tuple[int, int]:
    async with database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT (SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c"
            " WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind = 'r'),"
            " (SELECT sum(head_sequence)::bigint FROM ledger.lanes)"
        )
        row = await cursor.fetchone()
        assert row is not None
        return row[0], row[1]


async def turn(
    database: Database,
    figures: Figures,
    name: str,
    *,
    owned: Sequence[LineId],
    callers: int,
    seconds: float,
    mixed: bool = False,
) -> None:
    """Take down under `name` what callers of the batcher get done in `seconds`, each with one item at a time."""
    batcher = post_batcher(database)
    load = Callers(batcher.submit, owned)
    await _run(figures, name, load, load.mixed if mixed else load.credits, callers=callers, seconds=seconds)
    await batcher.aclose()


async def _run(
    figures: Figures, name: str, load: Callers, call: Callable[[], Awaitable[None]], *, callers: int, seconds: float
) -> None:
    tasks = [asyncio.ensure_future(call()) for _ in range(callers)]
    await asyncio.sleep(WARM_S)
    load.seconds.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    taken, elapsed = list(load.seconds), time.perf_counter() - started
    load.running = False
    await asyncio.gather(*tasks)
    figures.note(name, len(taken) / elapsed, taken)


async def _single(database: Database, figures: Figures, owned: list[LineId], seconds: float) -> None:
    """The same credits, each in a transaction of its own, by as many as there are connections."""
    async with singles(database) as submit:
        load = Callers(submit, owned)
        await _run(figures, "single", load, load.credits, callers=SINGLES, seconds=seconds)


@asynccontextmanager
async def singles(database: Database) -> AsyncIterator[Submit]:
    """A way to post one item in one transaction over a connection that is free."""
    free: asyncio.Queue[psycopg.AsyncConnection] = asyncio.Queue()
    held = [database.hot_connection() for _ in range(SINGLES)]
    for hot in held:
        free.put_nowait(await hot.get())

    async def submit(item: Item) -> Posted:
        connection = await free.get()
        async with connection.transaction():
            cursor = await connection.execute("SELECT statement_timestamp()")
            row = await cursor.fetchone()
            assert row is not None
            [answer] = await post(connection, [item], row[0])
        free.put_nowait(connection)
        if not isinstance(answer, Posted):
            raise answer
        return answer

    try:
        yield submit
    finally:
        for hot in held:
            await hot.aclose()


@contextmanager
def databases(url: str) -> Iterator[tuple[str, str]]:
    """Two databases beside that of `url`, dropped at the end."""
    names = [f"bench_{purpose}_{random.randrange(10**9)}" for purpose in ("pgbench", "ledger")]
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
    gc.set_threshold(*GENERATIONS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2, help="for each turn of each round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the server's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        with EmbeddedServer.start(data_dir) as server:
            figures = uvloop.run(measure(server.url, arguments.seconds, arguments.rounds))
    print(json.dumps({name: round(figure, 2) for name, figure in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
