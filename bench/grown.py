"""Credits a second with two million lines and ten million transfers behind them, beside a ledger that is fresh.

Both are on one cluster and take turns. What is there was posted by the ledger's own function, in large calls whose
items the database makes itself; only that nobody waited for the disk while it was loaded is not as it will be.
`python -m bench.grown` measures this alone; it takes about seven minutes and 9 GiB of disk.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, overload

import psycopg
import uvloop
from pydantic import SecretStr

from bench import audit
from bench.ledger import ROUNDS, UNIFORM, Figures, databases, turn
from bench.workloads import BUCKET, LANES, credit, fill, lines
from topup.kernel.ids import LineId, new_id
from topup.ledger.documents import columns_of
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.migrations import migrate
from topup.platform.settings import Settings

LINES: Final = 2_000_000
TRANSFERS: Final = 10_000_000
LOADERS: Final = 2
"""Connections that load side by side, each lanes of its own."""
DISK_BYTES: Final = 16 * 2**30
"""What a load of TRANSFERS may take of the disk, with its log; where there is less room nothing is begun."""
LONGEST_S: Final = 1_200.0

_CALL: Final = 4_096
_ZEROS: Final = "0" * 14
# Line numbers are counted through the lanes: 0 is lane 0's first, 16 its second. What comes after each line's first is
# spread over all of them by a fixed rule, so that two loads are alike.
_LOAD: Final = f"""
WITH made AS MATERIALIZED (
    SELECT n, (n %% {LANES})::smallint AS lane,
        CASE WHEN n < %(lines)s THEN n ELSE n %% {LANES} + {LANES} * (hashint8(n)::bigint & 2147483647)
            %% (%(lines)s / {LANES}) END AS line
    FROM generate_series(%(start)s::bigint, %(end)s::bigint - 1) AS n
    WHERE n %% {LOADERS} = %(loader)s
), item AS MATERIALIZED (
    SELECT n, lane,
        'lin_' || lpad((line / {LANES})::text, 10, '0') || '0' || to_hex(lane::integer) || '{_ZEROS}' AS line,
        lpad(n::text, 10, '0') || '0' || to_hex(lane::integer) AS stem, substr(md5(n::text), 1, 14) AS chance
    FROM made
)
SELECT count(*) FILTER (WHERE answer.code NOT IN ('posted', 'plain')) FROM (
    SELECT array_agg(1 ORDER BY n) AS templates, array_agg(lane ORDER BY n) AS lanes,
        string_agg('ord_' || stem || chance || ':grant:0', E'\\n' ORDER BY n) AS keys,
        string_agg(decode(md5(stem), 'hex'), ''::bytea ORDER BY n) AS fingerprints,
        string_agg(line, E'\\n' ORDER BY n) AS lines, array_agg(5000::bigint ORDER BY n) AS amounts,
        string_agg('ord_' || stem || chance, E'\\n' ORDER BY n) AS refs, repeat(E'\\n', count(*)::integer - 1) AS none,
        array_agg(NULL::bigint) AS expiries, string_agg('acc_' || stem || chance, E'\\n' ORDER BY n) AS ids
    FROM item
) AS c, LATERAL ledger.post_many(%(template)s, c.templates, c.lanes, c.keys, c.fingerprints, c.lines, c.amounts,
    c.refs, c.none, c.expiries, c.ids, FALSE, now()) AS answer
"""


@dataclass(frozen=True, slots=True)
class LoadedLines(Sequence[LineId]):
    """The lines that a load made, the nth of lane n % LANES: they need no memory."""

    size: int = LINES

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> LineId: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LineId]: ...
    def __getitem__(self, index: int | slice) -> LineId | Sequence[LineId]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(self.size))]
        if not 0 <= index < self.size:
            raise IndexError(index)
        return LineId(f"lin_{index // LANES:010}0{index % LANES:x}{_ZEROS}")


async def measure(database_url: str, seconds: float, rounds: int = ROUNDS) -> dict[str, float]:
    """Ratios of credits a second, 64 callers, `seconds` for each turn of each round, on the cluster of `database_url`.

    `grown_vs_empty`: as many lines as the fresh ledger has, drawn from all of the grown one's. `grown_all_vs_empty`:
    each credit to any of the two million: hardly a page is met twice. `grown_audit_per_s`: transfers audited.
    """
    figures = Figures()
    with databases(database_url) as urls:
        for url in urls:
            await asyncio.to_thread(migrate, url)
        await load(urls[1])
        async with _opened(urls[0]) as fresh, _opened(urls[1]) as grown:
            owned = lines(UNIFORM)
            await fill(fresh, owned, (BUCKET,))
            # As many of each lane, and each met once before it counts: a fresh ledger's were just opened.
            everyone = LoadedLines()
            some = [everyone[LANES * random.randrange(LINES // LANES) + n % LANES] for n in range(UNIFORM)]
            await fill(grown, some, (BUCKET,))
            # One after the other: who credits everyone leaves nothing of the others' pages in memory.
            for name, credited in (("grown", some), ("grown_all", everyone)):
                for _ in range(rounds):
                    await turn(fresh, figures, "fresh", owned=owned, callers=64, seconds=seconds)
                    await turn(grown, figures, name, owned=credited, callers=64, seconds=seconds)
            audited = await audit.transfers_per_s(grown)
    return {
        "grown_vs_empty": figures.rate("grown") / figures.rate("fresh"),
        "grown_all_vs_empty": figures.rate("grown_all") / figures.rate("fresh"),
        "grown_audit_per_s": audited,
    }


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    async with Database.open(settings=Settings(database_url=SecretStr(url)), migrating=False) as database:
        yield database


class NoRoom(RuntimeError):
    """The disk has no room for a grown ledger."""


async def load(url: str, *, owned: int = LINES, transfers: int = TRANSFERS) -> float:
    """Load the migrated, empty ledger of `url`, on this machine; gives the seconds it took. Tells how far it is.

    Raises NoRoom, and TimeoutError after LONGEST_S.
    """
    started = time.perf_counter()
    with psycopg.connect(url) as connection:
        [where] = connection.execute("SHOW data_directory").fetchone() or [""]
    wanted = DISK_BYTES * transfers // TRANSFERS
    if shutil.disk_usage(where).free < wanted:
        raise NoRoom(f"a grown ledger wants {wanted >> 20} MiB")
    async with asyncio.timeout(LONGEST_S):
        loaded = [_load(url, loader, owned, transfers) for loader in range(LOADERS)]
        await asyncio.gather(*loaded)
        await asyncio.to_thread(_settle, url)
    seconds = time.perf_counter() - started
    _tell(f"loaded in {seconds:.0f} s")
    return seconds


async def _load(url: str, loader: int, owned: int, transfers: int) -> None:
    step = _CALL * LOADERS
    template, *_ = columns_of([credit(LineId(new_id("line", 0)), 0, BUCKET)])
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            "SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan; SET jit = off"
        )
        for number, start in enumerate(range(0, transfers, step)):
            parameters = {
                "lines": owned,
                "start": start,
                "end": min(start + step, transfers),
                "loader": loader,
                "template": template,
            }
            cursor = await connection.execute(_LOAD, parameters)
            row = await cursor.fetchone()
            assert row == (0,), f"not posted: {row}"
            if loader == 0 and number % 100 == 0:
                _tell(f"loading {transfers} transfers: {start / transfers:.0%}")


def _settle(url: str) -> None:
    """Leave nothing for later that a ledger which grew slowly would have behind it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) ledger.transfers, ledger.buckets, ledger.house_accounts, ledger.lanes")
        connection.execute("CHECKPOINT")


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    """Measure on a server of our own and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="for each turn of each round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the server's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        with EmbeddedServer.start(data_dir) as server:
            figures = uvloop.run(measure(server.url, arguments.seconds))
    print(json.dumps({name: round(figure, 3) for name, figure in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
