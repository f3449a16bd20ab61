"""Starts `topup` many times at the price of loading it once.

Two thirds of a start are Python's imports, which no kill ever meets. The nursery is a process that has made them; each
start is a fork of it that runs the command `topup` with its own words, environment and log from there on. What is then
killed is a process like any other, with nothing of ours in it.

Run as a module it is that process: it reads one JSON object a line, `{"words", "env", "log"}`, and writes `{"started":
pid}` and later `{"ended": pid, "code": …}`. It ends, and kills what it started, when its standard input closes.
"""

import asyncio
import contextlib
import importlib
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

LOADED = (
    "alembic.command",
    "topup.bootstrap.application",
    "topup.bootstrap.demonstration",
    "topup.bootstrap.runtime",
    "topup.bootstrap.serving",
    "topup.bootstrap.simulators",
    "topup.bootstrap.welcome",
    "topup.channels.cli.app",
    "topup.channels.cli.running",
    "topup.platform.migrations",
    "topup.plugins.carriers.external_demo",
    "topup.plugins.messengers.mailbox",
    "topup.plugins.payments.sandbox",
)


@dataclass
class Child:
    """A start, as asyncio's Process shows one."""

    pid: int
    returncode: int | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> int:
        await self._ended.wait()
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def end(self, code: int) -> None:
        self.returncode = code
        self._ended.set()


@dataclass
class Nursery:
    """The process, spoken to."""

    process: asyncio.subprocess.Process
    children: dict[int, Child] = field(default_factory=dict)
    _started: asyncio.Queue[Child] = field(default_factory=asyncio.Queue)

    async def start(self, env: dict[str, str], words: list[str], log: Path) -> Child:
        """Run `topup` with these words in this environment."""
        wish = {"words": words, "env": env, "log": str(log)}
        self.process.stdin.write(json.dumps(wish).encode() + b"\n")
        await self.process.stdin.drain()
        return await self._started.get()

    async def listen(self) -> None:
        async for line in self.process.stdout:
            said = json.loads(line)
            if "started" in said:
                child = self.children[said["started"]] = Child(said["started"])
                self._started.put_nowait(child)
            else:
                self.children.pop(said["ended"]).end(said["code"])


@contextlib.asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery for the time of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.nursery", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    found = Nursery(process)
    listening = asyncio.create_task(found.listen())
    try:
        yield found
    finally:
        process.stdin.close()
        await process.wait()
        await listening


def main() -> None:
    """Be the process."""
    for name in LOADED:
        importlib.import_module(name)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    children: set[int] = set()
    wishes = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_the_dead(children)
        if 0 in ready:
            read = os.read(0, 65_536)
            if not read:
                break
            *whole, wishes = (wishes + read).split(b"\n")
            for line in whole:
                children.add(_fork(json.loads(line)))
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        _say({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell_the_dead(children: set[int]) -> None:
    for pid in list(children):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            children.discard(pid)
            _say({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _fork(wish: dict) -> int:
    pid = os.fork()
    if pid:
        _say({"started": pid})
        return pid
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(wish["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(wish["env"])
    sys.argv = ["topup", *wish["words"]]
    from topup.__main__ import main as topup  # noqa: PLC0415 - the child's whole life

    topup()
    sys.exit(0)


def _say(what: dict) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
