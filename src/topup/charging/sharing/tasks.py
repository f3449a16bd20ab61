"""Shares that nobody drives any more are driven to their end."""

from typing import Final

from topup.catalogue.queries import CatalogueCache
from topup.charging.sharing.desk import BATCH, Sharing
from topup.platform.database import Database
from topup.platform.jobs import Sweep

_EVERY_S: Final = 5.0


def sweeps(*, database: Database, catalogue: CatalogueCache) -> list[Sweep]:
    """What runs by itself."""
    sharing = Sharing(database=database, catalogue=catalogue)
    return [Sweep("charging.sharing", _EVERY_S, sharing.sweep, batch=BATCH)]
