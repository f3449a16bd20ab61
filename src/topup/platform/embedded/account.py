"""Whom the database server runs as: PostgreSQL refuses to run as root, so root lends it to a system user."""

import os
import pwd
import stat
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

    def process(self) -> dict[str, int | list[int]]:
        """The arguments of `subprocess` that start a program as this user, with no group of ours."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.borrowed else {}

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
    """Ourselves, or as root the first of SYSTEM_USERS that exists; raises Unavailable `database_broken`."""
    if os.geteuid() != _ROOT:
        return Account(os.geteuid(), os.getegid(), borrowed=False)
    for name in SYSTEM_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, borrowed=True)
    raise Unavailable("database_no_user", users=list(SYSTEM_USERS))
