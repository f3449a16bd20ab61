"""The `topup` command as a real process, and a server of it, for tests: commands are forks of a process that has loaded
their modules (`tests.support.nursery`), servers load them by themselves.
"""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.support.nursery import start

START_S = 120
STOP_S = 30


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit code and its two streams."""

    code: int
    out: str
    err: str


@dataclass
class Server:
    """A running `topup serve`; `log` has what it wrote, `start_s` how long it took to be ready."""

    process: subprocess.Popen[str]
    address: str
    start_s: float
    log: list[str] = field(default_factory=list)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(STOP_S)
        self.log += self.process.stdout.readlines() if self.process.stdout else []
        return code


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a process of its own: this data directory, English, and no other setting of ours. A
    demonstration has nothing in it that no test put there.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOPUP_", "LC_"))}
    ours = {"TOPUP_DATA_DIR": str(data_dir), "TOPUP_LANG": "en", "TOPUP_DEMO_HISTORY": "0"}
    return kept | ours | {"LANG": "C.UTF-8", "COLUMNS": "120"} | more


def topup(data_dir: Path, *words: str, timeout_s: float = 120, **more: str) -> Finished:
    """Run a command to its end: a fork of the nursery."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
        started = start(environment(data_dir, **more), words, [stream.fileno() for stream in (nothing, out, err)])
        return Finished(started.wait(timeout_s), _whole(out), _whole(err))


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def answered(data_dir: Path, answer: str, *words: str, timeout_s: float = 120, **more: str) -> Finished:
    """Run a command in a terminal, with this typed into it; both streams in `out`, as a terminal shows them."""
    ours, its = pty.openpty()
    with os.fdopen(ours, "r+b", buffering=0) as terminal:
        started = start(environment(data_dir, TERM="dumb", COLUMNS="200", **more), words, [its] * 3)
        os.close(its)
        terminal.write(f"{answer}\n".encode())
        shown = b""
        # The other side's end is an error here (Linux), and not an empty read.
        with contextlib.suppress(OSError):
            while part := terminal.read(4096):
                shown += part
        code = started.wait(timeout_s)
    return Finished(code, shown.decode().replace("\r\n", "\n"), "")


class Terminal:
    """A command in a terminal: what it shows, and what is typed."""

    def __init__(self, data_dir: Path, *words: str) -> None:
        self.master, slave = pty.openpty()
        self._command = start(environment(data_dir, TERM="xterm"), words, [slave] * 3, in_terminal=True)
        os.close(slave)
        self.shown = ""

    def wait_for(self, text: str, timeout_s: float = START_S) -> None:
        until = time.monotonic() + timeout_s
        while text not in self.shown:
            assert time.monotonic() < until, self.shown
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self.master, 65_536).decode(errors="replace")
                except OSError:
                    break
        assert text in self.shown, self.shown

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        code = self._command.wait(START_S)
        os.close(self.master)
        return code


def begin(data_dir: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    """Start a command and leave it running; both streams in one."""
    return subprocess.Popen(
        [sys.executable, "-m", "topup", *words],
        env=environment(data_dir, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def serving(data_dir: Path, **more: str) -> Iterator[Server]:
    """A demonstration on a port of its own, killed at the end unless it was stopped."""
    began = time.perf_counter()
    process = begin(data_dir, "serve", "--demo", "--port", "0", **more)
    log: list[str] = []
    try:
        address = _address(process, log, began + START_S)
        yield Server(process, address, time.perf_counter() - began, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(STOP_S)
        if process.stdout:
            process.stdout.close()


def _address(process: subprocess.Popen[str], log: list[str], until: float) -> str:
    found = None
    for line in process.stdout or ():
        log.append(line)
        found = found or re.search(r"http://127\.0\.0\.1:\d+", line)
        if "Ctrl-C" in line and found:
            return found[0]
        if time.perf_counter() > until:
            break
    raise AssertionError("the server did not start:\n" + "".join(log))
