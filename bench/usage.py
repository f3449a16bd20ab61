"""How many updates of usage sessions a second the server does over HTTP: a network reports data and asks for more.

64 connections, each with sessions of its own lines: an update of one, then of the next, each charged (a step of data
paid from money) and each granted the next slice. A session is released after fifty updates, and another opened.
`python -m bench.usage` is this part alone.
"""

import argparse
import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from bench import pgbench
from bench.client import Connection
from bench.ledger import databases
from bench.server import Server, serving
from topup.catalogue.checking import check_bytes
from topup.catalogue.operations import publish
from topup.catalogue.queries import Snapshot
from topup.kernel.ids import LineId
from topup.kernel.msisdn import Msisdn
from topup.ledger import BucketSpec, Credit, post
from topup.lines.operations import open_lines
from topup.people.operations import create_key
from topup.people.permissions import Role
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.settings import Settings

CONNECTIONS: Final = 64
LINES: Final = 2_048
UPDATES: Final = 50
"""Of one session, before it is released."""
SLICE: Final = 1_000_000
WARM_UP_S: Final = 0.7
PLENTY: Final = 10**11

_ROOT: Final = "/api/v1/usage/sessions"
_CARRIER: Final = b"""
id = "bench-mobile"
names = { zh_Hans = "bench", zh_Hant = "bench", en = "bench" }
country = "PH"
time_zone = "Asia/Manila"
currency = "PHP"
network = "own"
[numbering]
ranges = ["+63908"]
[credit]
face_values = [10]
validity = { rule = "never" }
[[rates]]
id = "data"
service = "data"
steps = "100 kB"
price = "0.5"
per = "1 MB"
"""


class _Opened(msgspec.Struct):
    id: str


_opened: Final = msgspec.json.Decoder(_Opened).decode


async def furnish_at(data_dir: Path) -> str:
    """The same in the running database of a data directory."""
    embedded = await asyncio.to_thread(EmbeddedServer.start, data_dir)
    try:
        return await furnish(embedded.url)
    finally:
        await asyncio.to_thread(embedded.close)


async def furnish(url: str) -> str:
    """A carrier with a rate, lines with money, and the secret of a key."""
    settings = Settings(database_url=url)  # type: ignore[arg-type]  # as the environment would give it
    async with Database.open(settings=settings, migrating=False) as database, database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        await publish(connection, check_bytes(_CARRIER, name="bench.toml"), now)
        snapshot = await Snapshot.load(connection)
        wanted = [(Msisdn(number, "PH"), "bench-mobile", "Asia/Manila") for number in map(_number, range(LINES))]
        lines = await open_lines(connection, wanted, now, lanes=16, snapshot=snapshot)
        made = await create_key(connection, role=Role.NETWORK, label="bench", now=now)
        await post(connection, [_credit(line.lane, line.id) for line in lines.values()], now)
    return made.secret


def _number(n: int) -> str:
    return f"+63908{n:07d}"


def _credit(lane: int, line_id: LineId) -> Credit:
    return Credit(
        lane=lane, key=f"bench:{line_id}", purpose="topup", reference="bench", from_code="suspense", line_id=line_id,
        bucket=BucketSpec(rule={"id": "never"}), asset="PHP", amount=PLENTY,
    )  # fmt: skip


@dataclass(slots=True)
class Load:
    """Connections that update until told to stop: when each update was answered, and how long it took."""

    secret: str
    running: bool = True
    finished: list[tuple[float, float]] = field(default_factory=list)

    async def network(self, port: int, first: int) -> None:
        """One connection: its lines' sessions in turn."""
        connection = await Connection.to(port)
        key = f"authorization: Bearer {self.secret}"
        try:
            number = first
            while self.running:
                await self._session(connection, key, _number(number))
                number = number + CONNECTIONS if number + CONNECTIONS < LINES else first
        finally:
            connection.close()

    async def _session(self, connection: Connection, key: str, number: str) -> None:
        body = (
            f'{{"number":"{number}","session_id":"{secrets.token_hex(8)}",'
            f'"services":[{{"service":"data","requested":{SLICE}}}]}}'
        )
        session = _opened(await connection.post(_ROOT, body.encode(), key)).id
        path = f"{_ROOT}/{session}/update"
        for sequence in range(1, UPDATES + 1):
            report = b'{"sequence":%d,"services":[{"used":%d,"requested":%d}]}' % (sequence, SLICE, SLICE)
            started = time.perf_counter()
            await connection.post(path, report, key)
            ended = time.perf_counter()
            self.finished.append((ended, ended - started))
        await connection.post(f"{_ROOT}/{session}/release", b'{"sequence":%d}' % (UPDATES + 1), key)


async def measure(servers: Sequence[Server], secret: str, seconds: float) -> dict[str, float]:
    """Updates a second over `seconds` after a warm-up, and their 99th percentile; connections divided among servers."""
    load = Load(secret)
    tasks = [asyncio.create_task(load.network(servers[n % len(servers)].port, n)) for n in range(CONNECTIONS)]
    await asyncio.sleep(WARM_UP_S)
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    ended = time.perf_counter()
    load.running = False
    await asyncio.gather(*tasks)
    waits = sorted(took for at, took in load.finished if started <= at < ended)
    return {
        "usage_updates_per_s": len(waits) / (ended - started),
        "usage_update_p99_ms": waits[int(len(waits) * 0.99)] * 1000,
    }


async def _alone(data_dir: Path, seconds: float) -> dict[str, float]:
    async with serving(data_dir) as server:
        secret = await furnish_at(data_dir)
        one = await measure([server], secret, seconds)
        async with serving(data_dir, "web") as beside:
            two = await measure([server, beside], secret, seconds)
    embedded = await asyncio.to_thread(EmbeddedServer.start, data_dir)
    try:
        with databases(embedded.url) as (yardstick, _):
            await pgbench.prepare(yardstick)
            rates = [
                await pgbench.transactions_per_s(yardstick, clients=clients, seconds=round(seconds) or 1)
                for clients in pgbench.CLIENTS
            ]
    finally:
        await asyncio.to_thread(embedded.close)
    best = max(rates)
    return {
        **{f"one_process_{name}": figure for name, figure in one.items()},
        **{f"two_processes_{name}": figure for name, figure in two.items()},
        "pgbench_n_per_s": best,
        "usage_http_vs_pgbench_n": two["usage_updates_per_s"] / best,
        "usage_one_process_vs_pgbench_n": one["usage_updates_per_s"] / best,
    }


def main() -> None:
    """Measure on a server of our own and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the server's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        figures = uvloop.run(_alone(data_dir, seconds))
    print(json.dumps({name: round(figure, 3) for name, figure in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
