"""The staff of a demonstration: what they sign in with, in a file of its data directory, for its owner alone."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FILE: Final = "demonstration-staff.json"


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody signs in with; `secret` is their device's."""

    login: str
    password: str
    secret: str


def shown_staff(data_dir: Path) -> list[Shown]:
    """All of them; nobody where there is no such file, as in production."""
    file = data_dir / FILE
    return [Shown(**one) for one in json.loads(file.read_text())] if file.exists() else []


def keep_staff(data_dir: Path, people: Sequence[Shown]) -> None:
    """Write them down, whole or not at all."""
    unfinished = data_dir / f".{FILE}"
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps([asdict(one) for one in people], indent=2))
    unfinished.rename(data_dir / FILE)
