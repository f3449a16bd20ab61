"""The real server under load: `topup serve --demo` as a newcomer starts it, on a data directory of its own."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.client import Connection, Refused

READY_S: Final = 60.0
STOP_S: Final = 20.0

# One address sends all the load; a person's limits would measure the limits.
_NO_LIMITS: Final = {f"TOPUP_WEB_{kind}_PER_MINUTE": "0" for kind in ("NUMBERS", "QUOTES", "ORDERS", "READS", "KEYS")}


@dataclass(frozen=True, slots=True)
class Server:
    """A running process of ours: its port, its process id, and the seconds from its start until it was ready."""

    port: int
    pid: int
    start_s: float


@contextlib.asynccontextmanager
async def serving(data_dir: Path, *words: str) -> AsyncIterator[Server]:
    """Start `topup` with `words` (else `serve --demo`), wait until it is ready, and stop it as Ctrl-C does."""
    port = _free_port()
    environment: Mapping[str, str] = {
        **os.environ,
        **_NO_LIMITS,
        "TOPUP_DATA_DIR": str(data_dir),
        "TOPUP_PORT": str(port),
        "TOPUP_DEMO": "1",
        # Made beside the first load, it would be measured with it.
        "TOPUP_DEMO_HISTORY": "0",
    }
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "topup",
        *(words or ("serve", "--demo")),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await _until_ready(port, process)
        yield Server(port, process.pid, time.perf_counter() - started)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), STOP_S)


async def _until_ready(port: int, process: asyncio.subprocess.Process) -> None:
    deadline = time.perf_counter() + READY_S
    while time.perf_counter() < deadline:
        if process.returncode is not None:
            _, errors = await process.communicate()
            raise RuntimeError(f"the server ended: {errors.decode()[-500:]}")
        try:
            connection = await Connection.to(port)
            await connection.get("/health/ready")
            connection.close()
        except (OSError, Refused):
            await asyncio.sleep(0.02)
        else:
            return
    raise RuntimeError(f"the server was not ready within {READY_S} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
