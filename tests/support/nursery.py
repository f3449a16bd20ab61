"""Starts `topup` many times at the price of loading it once.

Two thirds of a start are Python's imports. The nursery is a process that has made them; each start is a fork of it that
runs the command `topup` with its own words, environment, directory and streams from there on, and is otherwise a
process like any other, with nothing of ours in it. What chooses its words or colours when it is loaded is left to each
of them to load. That `topup` loads by itself is shown by those tests that start Python (`commands.begin`).

Run as a module it is that process. Its standard input is a socket of messages: a message is one JSON object, `{"words",
"env", "cwd", "in_terminal"}`, with four descriptors beside it, the three streams of the start and a pipe into which its
process id is written and, when it ended, its exit code. The nursery ends, and kills what it started, when the socket
closes.
"""

import asyncio
import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LOADED = (
    "alembic.command",
    "rich.markdown",
    "rich.prompt",
    "rich.table",
    "topup.bootstrap.application",
    "topup.bootstrap.demonstration",
    "topup.bootstrap.plugins",
    "topup.bootstrap.runtime",
    "topup.bootstrap.serving",
    "topup.bootstrap.simulators",
    "topup.bootstrap.visiting",
    "topup.platform.migrations",
    "topup.plugins.carriers.external_demo",
    "topup.plugins.messengers.mailbox",
    "topup.plugins.payments.alipay",
    "topup.plugins.payments.sandbox",
    "topup.plugins.payments.stripe",
    "topup.plugins.payments.wechatpay",
    "typer.main",
)
_LONGEST_WISH = 2**18
_HERE = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def _streams(*paths_and_modes: tuple[Path, int]) -> Iterator[list[int]]:
    opened: list[int] = []
    try:
        for path, mode in paths_and_modes:
            opened.append(os.open(path, mode, 0o600))
        yield opened
    finally:
        for descriptor in opened:
            os.close(descriptor)


@dataclass
class Asked:
    """The nursery, asked: its process, and the socket it hears by."""

    process: subprocess.Popen[bytes]
    wishes: socket.socket

    @classmethod
    def begin(cls) -> "Asked":
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            process = subprocess.Popen([sys.executable, "-m", "tests.support.nursery"], stdin=its, cwd=_HERE)
        return cls(process, ours)

    def start(
        self, env: dict[str, str], words: Sequence[str], streams: Sequence[int], *, in_terminal: bool = False
    ) -> int:
        """Run `topup` with these; where its process id and exit code are to be read, each with a line's end.

        In a terminal, which its standard input must be, the keys of that reach it as signals.
        """
        told, tell = os.pipe()
        try:
            wish = json.dumps({"words": words, "env": env, "cwd": str(Path.cwd()), "in_terminal": in_terminal}).encode()
            socket.send_fds(self.wishes, [wish], [*streams, tell])
        except BaseException:
            os.close(told)
            raise
        finally:
            os.close(tell)
        return told

    def end(self) -> None:
        """Have it end, with everything that it started."""
        self.wishes.close()
        self.process.wait()


@dataclass(frozen=True)
class Started:
    """A start of a test without a loop."""

    pid: int
    words: Sequence[str]
    _told: IO[bytes]

    def wait(self, timeout_s: float) -> int:
        """Its exit code; it is killed, and subprocess.TimeoutExpired raised, where it takes longer."""
        with self._told:
            ready, _, _ = select.select([self._told], [], [], timeout_s)
            if not ready:
                os.kill(self.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(self.words), timeout_s)
            return int(self._told.readline())


def start(env: dict[str, str], words: Sequence[str], streams: Sequence[int], *, in_terminal: bool = False) -> Started:
    """Run `topup` with these words in this environment on these three streams, from this test process's own nursery."""
    asked = _of_this_process()
    told = os.fdopen(asked.start(env, words, streams, in_terminal=in_terminal), "rb", buffering=0)
    return Started(int(told.readline()), words, told)


@functools.cache
def _of_this_process() -> Asked:
    asked = Asked.begin()
    atexit.register(asked.end)
    return asked


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
    """The nursery of a test with a loop."""

    asked: Asked
    _listening: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, env: dict[str, str], words: list[str], log: Path) -> Child:
        """Run `topup` with these words in this environment."""
        appended = (log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        with _streams((Path(os.devnull), os.O_RDONLY), appended, appended) as streams:
            told = self.asked.start(env, words, streams)
        reader = asyncio.StreamReader()
        pipe = os.fdopen(told, "rb", buffering=0)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        child = Child(int(await reader.readline()))
        listening = asyncio.create_task(self._listen(child, reader))
        self._listening.add(listening)
        listening.add_done_callback(self._listening.discard)
        return child

    async def _listen(self, child: Child, reader: asyncio.StreamReader) -> None:
        child.end(int(await reader.readline()))
        await reader.read()

    async def end(self) -> None:
        await asyncio.to_thread(self.asked.end)
        await asyncio.gather(*self._listening)


@contextlib.asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery for the time of the block."""
    found = Nursery(Asked.begin())
    try:
        yield found
    finally:
        await found.end()


def main() -> None:
    """Be the process."""
    for name in LOADED:
        importlib.import_module(name)
    # What is loaded stays: nobody's collector needs to look at it, or to write to pages that all share.
    gc.collect()
    gc.freeze()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    wishes = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    tells: dict[int, int] = {}
    asked = True
    while asked:
        ready, _, _ = select.select([wishes, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            for pid in list(tells):
                _tell_if_ended(pid, tells, os.WNOHANG)
        if wishes in ready:
            asked = _begin_one(wishes, tells, ours=(woken, wake))
    for pid in list(tells):
        os.kill(pid, signal.SIGKILL)
        _tell_if_ended(pid, tells, 0)


def _begin_one(wishes: socket.socket, tells: dict[int, int], *, ours: Sequence[int]) -> bool:
    """Begin what is wished for next; False when nobody will wish any more."""
    said, descriptors, _, _ = socket.recv_fds(wishes, _LONGEST_WISH, 4)
    if not said:
        return False
    *streams, tell = descriptors
    pid = os.fork()
    if not pid:
        for other in (wishes.detach(), *ours, tell, *tells.values()):
            os.close(other)
        _be_topup(json.loads(said), streams)
    for stream in streams:
        os.close(stream)
    tells[pid] = tell
    _say(tell, pid)
    return True


def _tell_if_ended(pid: int, tells: dict[int, int], how: int) -> None:
    found, status = os.waitpid(pid, how)
    if found:
        tell = tells.pop(pid)
        _say(tell, os.waitstatus_to_exitcode(status))
        os.close(tell)


def _say(tell: int, number: int) -> None:
    # Whoever asked may be gone.
    with contextlib.suppress(BrokenPipeError):
        os.write(tell, b"%d\n" % number)


def _be_topup(wish: dict, streams: list[int]) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    if wish["in_terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # A shell that runs the tests in its background lets them ignore Ctrl-C, and so all they start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(wish["cwd"])
    os.environ.clear()
    os.environ.update(wish["env"])
    import topup  # noqa: PLC0415 - the child's whole life
    from topup.__main__ import main as run  # noqa: PLC0415

    # As `python -m topup` has it.
    sys.argv = [str(Path(topup.__file__).with_name("__main__.py")), *wish["words"]]
    run()
    sys.exit(0)


if __name__ == "__main__":
    main()
