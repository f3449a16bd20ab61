"""The simulated gateways and the carrier of a demonstration: child processes, one set for each data directory.

Whoever holds the lock runs them and writes where they are; other processes on the same data directory (a command
beside a server) use them. They end with their starter, however it ends, and come back on the same ports: a pay page
left open still works after a restart.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from topup.kernel.errors import Unavailable
from topup.plugins.payments.sandbox import ensure_merchant_keys

PROVIDERS: Final = ("alipay", "wechatpay", "stripe")
"""Gateways whose simulator makes everything the plugin is set up with, the merchant's keys too, as a portal would."""
_MERCHANT: Final = "demo"
_READY_S: Final = 30.0
_JOIN_S: Final = 30.0
_LOOK_S: Final = 0.1
_END_S: Final = 3.0
_PORT_TAKEN: Final = 3
"""The exit code of a simulator whose port is in use."""
_RESTART_PAUSE_S: Final = 0.5

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outside:
    """The simulators: settings for their plugins, the addresses of the gateways' controls, and the address of the
    server that runs them (None: it is us).
    """

    wanted: Mapping[str, Mapping[str, Mapping[str, Any]]]
    controls: Mapping[str, str]
    server: str | None


@contextlib.asynccontextmanager
async def simulators(
    data_dir: Path, *, address: str | None, providers: Sequence[str] = PROVIDERS
) -> AsyncIterator[Outside]:
    """The data directory's simulators, started or joined; of the providers' only those that are named.

    `address` is that of the server which starts them, for commands to find; None for a command that serves nothing.
    Raises Unavailable `simulator_failed`.
    """
    folder = data_dir / "simulators"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        lock = held.enter_context(_opened(folder / "lock"))
        running = await _take_or_join(lock, folder / "running.json")
        if running is not None:
            yield Outside(_wanted(data_dir, running), _controls(running), running["address"])
            return
        _rates_file(data_dir).write_text(_RATES.format(at=datetime.now(UTC), until=datetime.now(UTC) + _RATES_HOLD))
        async with _started(folder, providers) as ready:
            running = {**ready, "address": address}
            _write(folder / "running.json", running)
            yield Outside(_wanted(data_dir, running), _controls(running), None)


async def running_now(data_dir: Path) -> dict[str, dict[str, dict[str, Any]]] | None:
    """The settings of the plugins for simulators that somebody runs now; None where nobody does."""
    running = _read(data_dir / "simulators" / "running.json")
    if running is None:
        return None
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", running["gateway"]["port"])
    except OSError:
        return None
    writer.close()
    return _wanted(data_dir, running)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def _take_or_join(lock: int, running: Path) -> dict[str, Any] | None:
    """None when the lock is ours; else where the holder's simulators are, as soon as it says so."""
    for _ in range(int(_JOIN_S / _LOOK_S)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Not written yet: the holder is starting them.
            found = _read(running)
            if found is not None:
                return found
            await asyncio.sleep(_LOOK_S)
        else:
            _forget(running)
            return None
    raise Unavailable("simulator_failed", kind="", log=str(running.parent))


@contextlib.asynccontextmanager
async def _started(folder: Path, providers: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
    """All, started side by side, kept alive, and ended; gives what each said when it was ready."""
    ensure_merchant_keys(private_key_file=folder / "merchant.key.pem", public_key_file=folder / "merchant.pub.pem")
    gateway_words = ("--merchant-id", _MERCHANT, "--merchant-public-key", str(folder / "merchant.pub.pem"))
    children = [_Child("gateway", folder, gateway_words), _Child("carrier", folder, ())]
    children += [_Child(name, folder, ()) for name in providers]
    keepers: list[asyncio.Task[None]] = []
    try:
        ready = await asyncio.gather(*(child.start() for child in children))
        keepers = [asyncio.create_task(child.keep()) for child in children]
        yield {child.kind: said for child, said in zip(children, ready, strict=True)}
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        await asyncio.gather(*(child.end() for child in children))


class _Child:
    """One simulator's process, started again on its port when it dies."""

    def __init__(self, kind: str, folder: Path, words: tuple[str, ...]) -> None:
        self.kind = kind
        self._folder = folder
        self._words = words
        self._process: Process | None = None
        self._log_file = folder / f"{kind}.log"
        self._port_file = folder / f"{kind}.port"

    async def start(self) -> dict[str, Any]:
        """Start it on the port it had before, else on any; gives its ready line."""
        before = _port(self._port_file)
        said = await self._try(before) if before else None
        said = said or await self._try(0)
        if said is None:
            raise Unavailable("simulator_failed", kind=self.kind, log=str(self._log_file))
        self._port_file.write_text(str(said["port"]))
        return said

    async def keep(self) -> None:
        """Start it again whenever it ends by itself."""
        while True:
            if self._process is not None:
                code = await self._process.wait()
                _log.warning("simulator_ended", kind=self.kind, code=code)
            await asyncio.sleep(_RESTART_PAUSE_S)
            with contextlib.suppress(Unavailable):
                await self.start()

    async def end(self) -> None:
        """Close its standard input, which ends it; kill it where that is not enough."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _END_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _try(self, port: int) -> dict[str, Any] | None:
        """Start it on a port; None when that one is taken. Raises Unavailable when it does not come up."""
        arguments = ("--port", str(port), "--state-dir", str(self._folder / self.kind), *self._words)
        with self._log_file.open("ab") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "topup_simulators", self.kind, *arguments,
                stdin=PIPE, stdout=PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _READY_S) if process.stdout else b""
            said: dict[str, Any] = json.loads(line)
        except (TimeoutError, ValueError):
            await self.end()
            if process.returncode == _PORT_TAKEN and port:
                return None
            raise Unavailable("simulator_failed", kind=self.kind, log=str(self._log_file)) from None
        return said


def _port(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(file.read_text())
    return 0


def _read(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(FileNotFoundError):
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    return None


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(content))
    unfinished.rename(path)


_RATES_HOLD: Final = timedelta(days=30)
_RATES: Final = """\
# Rates of a demonstration, which nobody changes money at. docs/guides/payments.md says what is in such a file.
source = "Demonstration"
at = {at:%Y-%m-%dT%H:%M:%SZ}
valid_until = {until:%Y-%m-%dT%H:%M:%SZ}

[CNY]
USD = "7.1062"
EUR = "8.2350"
JPY = "0.045320"

[SGD]
USD = "1.2678"
EUR = "1.5222"
JPY = "0.008310"
"""


def _rates_file(data_dir: Path) -> Path:
    return data_dir / "simulators" / "rates.toml"


_ACCOUNT: Final = {
    "payee": "Topup Demonstration",
    "account": "6222000000000000000",
    "bank": "Demonstration Bank",
    "currency": "CNY",
    "zone": "Asia/Shanghai",
}
"""An account that nobody has."""


def _wanted(data_dir: Path, running: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """The settings of the plugins that speak to the simulators, and of the development mailbox."""
    gateway, carrier = running["gateway"], running["carrier"]
    sandbox = {
        "base_url": gateway["url"],
        "merchant_id": gateway["merchant_id"],
        "private_key_file": data_dir / "simulators" / "merchant.key.pem",
        "gateway_public_key_file": gateway["public_key_file"],
        "start": gateway["start"],
    }
    providers = {name: running[name]["plugin"] for name in PROVIDERS if name in running}
    if "stripe" in providers:
        rates = {"pays_in": ["USD", "EUR", "JPY"], "rates_file": _rates_file(data_dir)}
        providers["stripe"] = {**providers["stripe"], **rates}
    return {
        "payments": {
            **providers,
            "sandbox": sandbox,
            "voucher": {},
            "cash": {},
            "card_terminal": {},
            "balance": {},
            "bank_transfer": _ACCOUNT,
        },
        "carriers": {"external_demo": {"base_url": carrier["url"], "secret_file": carrier["secret_file"]}},
        "messengers": {"mailbox": {"directory": data_dir / "mailbox"}},
    }


def _controls(running: Mapping[str, Any]) -> dict[str, str]:
    return {name: running[name]["url"] for name in PROVIDERS if name in running}
