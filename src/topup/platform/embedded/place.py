"""Where an embedded database lives.

`<data_dir>/database` holds `gate.lock`, `use.lock`, `password` (ours, 0600), `topup.conf`, `server.log`, and the
server's own `cluster` and `socket` (0700). As root the server runs as a system user, which must be able to reach them:
the data directory lets that user's group pass (0710), and where a directory above is closed to it (root's home) the
place lies in `/var/lib/topup` instead, under a random name, and `<data_dir>/database` points there. No permission is
widened above the data directory.
"""

import fcntl
import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

from topup.kernel.errors import Unavailable
from topup.platform.embedded.account import Account

ELSEWHERE: Final = Path("/var/lib/topup")
PORT: Final = 5432
"""Part of the socket's file name only: nothing listens on the network."""

_LONGEST_SOCKET: Final = 107
"""`sun_path` of unix(7) less its closing zero, in bytes."""


def prepare(data_dir: Path, account: Account) -> Path:
    """The place of `data_dir`'s database, made where it does not exist; raises OSError as the file system does.

    Of several processes that come first, one makes it: the data directory itself is locked meanwhile.
    """
    descriptor = os.open(data_dir, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return _find(data_dir, account) or _make(data_dir, account)
    finally:
        os.close(descriptor)


def _find(data_dir: Path, account: Account) -> Path | None:
    pointer = data_dir / "database"
    if not pointer.is_symlink() and not pointer.is_dir():
        return None
    place = pointer.resolve()
    if not place.is_dir():
        raise Unavailable("database_moved", path=str(place))
    if account.borrowed:
        # Again, in case the one who made it was killed before, or somebody has closed the data directory since.
        _lend(place, account)
        if place.parent == data_dir.resolve():
            _lend(data_dir, account)
    return place


def _make(data_dir: Path, account: Account) -> Path:
    pointer = data_dir / "database"
    if not account.borrowed:
        pointer.mkdir(mode=0o700)
        return pointer
    if account.may_enter(data_dir.resolve().parent):
        _lend(data_dir, account)
        pointer.mkdir(mode=0o700)
        _lend(pointer, account)
        return pointer
    ELSEWHERE.mkdir(mode=0o755, parents=True, exist_ok=True)
    place = ELSEWHERE / secrets.token_hex(6)
    place.mkdir(mode=0o700)
    _lend(place, account)
    pointer.symlink_to(place)
    return place


def _lend(directory: Path, account: Account) -> None:
    """Let the server's group pass through, and nobody else."""
    os.chown(directory, -1, account.gid)
    directory.chmod(0o710)


def password(place: Path) -> str:
    """The superuser's password, made at first use."""
    file = place / "password"
    if not file.exists():
        descriptor, unfinished = tempfile.mkstemp(dir=place)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(32))
            stream.flush()
            os.fsync(descriptor)
        Path(unfinished).rename(file)
    return file.read_text()


def socket_directory(place: Path, account: Account) -> Path:
    """A directory for the server's socket, its alone, short enough for a socket's address.

    Where the place's own path is too long, one with a random name under the run-time or temporary directory, which
    `<place>/socket` points to. To be called inside the gate.
    """
    near = place / "socket"
    if _fits(near):
        near.mkdir(mode=0o700, exist_ok=True)
        account.own(near)
        return near
    if near.is_symlink() and near.is_dir():
        return near.readlink()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    roots = [Path(runtime)] if runtime and not account.borrowed and Path(runtime).is_dir() else []
    root = next((root for root in roots if _fits(root / "topup-12345678")), Path("/tmp"))  # noqa: S108 - mkdtemp's name is random and its mode 0700
    short = Path(tempfile.mkdtemp(prefix="topup-", dir=root))
    account.own(short)
    near.unlink(missing_ok=True)
    near.symlink_to(short)
    return short


def forget_socket(place: Path) -> None:
    """Remove a socket directory that lies elsewhere, after the server stopped."""
    near = place / "socket"
    if near.is_symlink():
        short = near.readlink()
        near.unlink()
        if short.is_dir():
            for left in short.iterdir():
                left.unlink()
            short.rmdir()


def _fits(directory: Path) -> bool:
    return len(os.fsencode(directory / f".s.PGSQL.{PORT}.lock")) <= _LONGEST_SOCKET
