"""Who else serves the same data directory: each server writes down where it is, and holds a lock while it runs.

The lock goes with its process however that ends, so what a killed one left is known for what it is.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from topup.platform.settings import Settings


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A server that runs: its process, its port, and the address it tells people."""

    pid: int
    port: int
    address: str


@contextlib.contextmanager
def registered(settings: Settings) -> Iterator[None]:
    """Be found by others on this data directory, which exists, while the block runs."""
    folder = _folder(settings.data_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{os.getpid()}.json"
    # Locked before it has its name: without a lock it would be taken for a dead one's, and put away.
    unfinished = file.with_suffix(".new")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        us = Neighbour(os.getpid(), settings.port, settings.address)
        os.write(descriptor, json.dumps(asdict(us)).encode())
        unfinished.rename(file)
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)


def neighbours(data_dir: Path) -> list[Neighbour]:
    """The servers that run on this data directory, by their ports; none where there is no such directory."""
    found = [_read(file) for file in _folder(data_dir).glob("*.json")]
    return sorted((one for one in found if one is not None), key=lambda one: one.port)


def reached_at(settings: Settings) -> str:
    """How people reach what is installed here, without a slash at the end: by TOPUP_PUBLIC_URL; else where a server
    runs on this data directory, whose settings a command need not know; else where one would.
    """
    running = [] if settings.public_url else neighbours(settings.data_dir)
    return running[0].address if running else settings.address


def _read(file: Path) -> Neighbour | None:
    """Who holds it; None for what a dead process left, which is put away."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        # It ended meanwhile, or belongs to somebody whose processes are none of our business.
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(FileNotFoundError):  # it ended this moment
            return Neighbour(**json.loads(file.read_text()))
        return None
    else:
        file.unlink(missing_ok=True)
        return None
    finally:
        os.close(descriptor)


def _folder(data_dir: Path) -> Path:
    return data_dir / "servers"
