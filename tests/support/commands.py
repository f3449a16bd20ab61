"""The `topup` command as a real process, and a server of it, for tests."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

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
    """The environment of a process of its own: this data directory, English, and no other setting of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOPUP_", "LC_"))}
    return kept | {"TOPUP_DATA_DIR": str(data_dir), "TOPUP_LANG": "en", "LANG": "C.UTF-8", "COLUMNS": "120"} | more


def topup(data_dir: Path, *words: str, timeout_s: float = 120, **more: str) -> Finished:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "topup", *words],
        env=environment(data_dir, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


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
