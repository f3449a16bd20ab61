"""What runs by itself: whatever bill was read is held against the books. Reading is `orders`' sweep of bills."""

from typing import Final

from topup.platform.jobs import Sweep
from topup.reconciliation.desk import Reconciliation

_EVERY_S: Final = 60.0
_BATCH: Final = 20


def sweeps(desk: Reconciliation) -> list[Sweep]:
    """The sweep of bills that were read."""
    return [Sweep("reconciliation.compare", _EVERY_S, desk.compare_due, batch=_BATCH)]
