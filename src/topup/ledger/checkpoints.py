"""How far an audit came, kept in a file, so that an interrupted one goes on instead of beginning anew.

Signed like heads, under another purpose: whoever could write such a file could otherwise keep an audit from looking.
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from topup.ledger.faults import Fault, FaultKind
from topup.ledger.heads import HeadsRejected, lanes_of, opened, points_of
from topup.ledger.points import Point
from topup.platform.keys import KeyRing
from topup.platform.signed_documents import sealed

FILE: Final = "audit-checkpoint.json"
"""In the data directory."""

_PURPOSE: Final = "ledger-audit"
_FORMAT: Final = "topup-ledger-audit-1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where each lane's replay stood, what it had found before, and the lanes in whose midst it was."""

    points: dict[int, Point]
    faults: tuple[Fault, ...]
    unfinished: frozenset[int]


def keep(file: Path, checkpoint: Checkpoint, keyring: KeyRing, *, now: datetime) -> None:
    """Write it whole or not at all; `now` is told to whoever reads the file."""
    document = sealed(
        {
            "format": _FORMAT,
            "kept_at": now.isoformat(),
            "lanes": lanes_of(checkpoint.points),
            "unfinished": sorted(checkpoint.unfinished),
            "faults": [[fault.kind.value, fault.lane, fault.sequence, fault.subject] for fault in checkpoint.faults],
        },
        keyring,
        _PURPOSE,
    )
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(document), "utf-8")
    unfinished.replace(file)


def kept(file: Path, keyring: KeyRing) -> Checkpoint:
    """The checkpoint of a file; raises HeadsRejected `checkpoint_missing`, or those of `read_heads`."""
    try:
        document = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise HeadsRejected("checkpoint_missing") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise HeadsRejected("heads_unreadable") from error
    return opened(document, keyring, _PURPOSE, _FORMAT, _checkpoint)


def _checkpoint(document: dict[str, Any]) -> Checkpoint:
    faults = tuple(
        Fault(FaultKind(kind), lane, sequence, str(subject)) for kind, lane, sequence, subject in document["faults"]
    )
    return Checkpoint(points_of(document["lanes"]), faults, frozenset(map(int, document["unfinished"])))
