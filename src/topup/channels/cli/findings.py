"""What a check of `topup doctor` finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    GOOD = "ok"
    WARNING = "warning"
    BROKEN = "broken"
    SKIPPED = "skipped"
    """It could not be looked at, for want of what another check found broken."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, in words, and what to do. `name` is what to call the check; by default by its text."""

    check: str
    level: Level
    what: str
    remedy: str | None = None
    name: str | None = None
