"""Whom the database server runs as: PostgreSQL refuses to run as root, so root lends it to a system user."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from topup.kernel.errors import Unavailable

SYSTEM_USERS: Final = ("postgres", "nobody")
"""In order of preference; every Debian has the second."""

_ROOT: Final = 0


@dataclass(frozen=True, slots=True)
class Account:
    """A user id and group id; `borrowed` when it is not who we are ourselves."""

    uid: int
    gid: int
    borrowed: bool

    def run(self, program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the server's as this user, with no group of ours, and wait for it; raises OSError."""
        command = [str(program), *map(str, arguments)]
        if self.borrowed:
            return subprocess.run(  # noqa: S603 - our own program, no shell
                command, cwd="/", env=_environment(), capture_output=True, text=True, errors="replace", check=False,
                stdin=subprocess.DEVNULL, user=self.uid, group=self.gid, extra_groups=[],
            )  # fmt: skip
        return subprocess.run(  # noqa: S603 - the same
            command, cwd="/", env=_environment(), capture_output=True, text=True, errors="replace", check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def own(self, path: Path) -> None:
        """Make the file or directory this user's."""
        if self.borrowed:
            os.chown(path, self.uid, self.gid)

    def may_enter(self, directory: Path) -> bool:
        """Whether this user can reach what lies in `directory`, judged by the permission bits of each step."""
        return all(self._may_pass(step) for step in (directory, *directory.parents))

    def _may_pass(self, directory: Path) -> bool:
        facts = directory.stat()
        if facts.st_uid == self.uid:
            return bool(facts.st_mode & stat.S_IXUSR)
        if facts.st_gid == self.gid:
            return bool(facts.st_mode & stat.S_IXGRP)
        return bool(facts.st_mode & stat.S_IXOTH)


def server_account() -> Account:
    """Ourselves, or as root the first of SYSTEM_USERS that exists; raises Unavailable `database_no_user`."""
    if os.geteuid() != _ROOT:
        return Account(os.geteuid(), os.getegid(), borrowed=False)
    for name in SYSTEM_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, borrowed=True)
    raise Unavailable("database_no_user", users=list(SYSTEM_USERS))


def _environment() -> dict[str, str]:
    """Ours without PG*: a PGPORT or PGDATA meant for another server must not reach this one. Messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
