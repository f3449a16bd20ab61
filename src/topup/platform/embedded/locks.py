"""Two file locks: who may start or stop the server, and who uses it. The kernel drops them when a process dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from topup.kernel.errors import Unavailable, WhoMustAct

_PAUSE_S: Final = 0.02


@contextmanager
def gate(place: Path, *, timeout_s: float) -> Iterator[None]:
    """Alone at starting and stopping the server of `place`; raises Unavailable `database_busy` after `timeout_s`."""
    descriptor = os.open(place / "gate.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, timeout_s)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not _try(descriptor, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            raise Unavailable("database_busy", who=WhoMustAct.WAIT)
        time.sleep(_PAUSE_S)


class Use:
    """A shared hold on the server of `place`: while one is held, nobody stops it. Taken and dropped inside the gate."""

    def __init__(self, place: Path) -> None:
        self._descriptor = os.open(place / "use.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def drop(self) -> bool:
        """Let go; True when nobody else holds it, and the server may be stopped."""
        last = _try(self._descriptor, fcntl.LOCK_EX)
        os.close(self._descriptor)
        return last


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
