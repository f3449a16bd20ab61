"""Which keys there are, by their file names and times alone: no key is read."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from topup.platform.keys import KeyRing

_HALVES: Final = (".public", ".secret", ".lost")
"""What a key is known by: a private half is removed once another key signs."""


class KeyUse(StrEnum):
    """What a key does."""

    CURRENT = "current"
    """Signs, seals or marks what is new."""
    OLDER = "older"
    """Verifies, opens or finds what it made before."""
    LOST = "lost"
    """Given up by the operator: what it made cannot be verified."""


@dataclass(frozen=True, slots=True)
class KeyFact:
    """One key of a purpose, and since when it is there."""

    purpose: str
    kid: str
    made_at: datetime
    use: KeyUse


def key_facts(keys: KeyRing) -> list[KeyFact]:
    """Every key, by purpose; the one that is used now first, the others by age, newest first."""
    found = [
        _fact(file)
        for folder in sorted(keys.directory.glob("*/"))
        for file in folder.iterdir()
        if file.suffix in _HALVES and not file.name.startswith(".")
    ]
    return sorted(found, key=lambda one: (one.purpose, one.use is not KeyUse.CURRENT, -one.made_at.timestamp()))


def _fact(file: Path) -> KeyFact:
    current = file.parent / "current"
    is_current = current.exists() and current.read_text("ascii", errors="replace") == file.stem
    use = KeyUse.LOST if file.suffix == ".lost" else KeyUse.CURRENT if is_current else KeyUse.OLDER
    return KeyFact(file.parent.name, file.stem, datetime.fromtimestamp(file.stat().st_mtime, UTC), use)
