"""Named points at which a test may kill this process, so that surviving a crash is proven and not hoped for.

A point costs one comparison. It does something only when `TOPUP_CRASH_AT=label[:n]` is set at start *and* the process
declared itself in development mode: the n-th passing then ends it as `kill -9` would, with nothing flushed or closed.
"""

import os
import signal
from typing import Final

LABELS: Final[set[str]] = set()
"""Every label that the imported code declares; a test of survival must hit them all."""


class _Armed:
    """Which label kills, and after how many passings; nothing until `arm` was called."""

    label: str | None = None
    remaining: int = 0


def crash_label(label: str) -> str:
    """Declare `orders.paid.before_commit` and the like where it is used, at import, so that LABELS knows it."""
    LABELS.add(label)
    return label


def arm(*, development: bool) -> None:
    """Read `TOPUP_CRASH_AT` once, at start; ignored outside development mode."""
    label, _, count = os.environ.get("TOPUP_CRASH_AT", "").partition(":")
    _Armed.label = label if development and label else None
    _Armed.remaining = int(count or 1)


def crash_point(label: str) -> None:
    """Where the process may be made to end: the armed label kills the process at its n-th passing."""
    if label != _Armed.label:
        return
    _Armed.remaining -= 1
    if _Armed.remaining <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
