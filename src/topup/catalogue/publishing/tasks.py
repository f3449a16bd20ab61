"""What runs by itself for the catalogue: what two people planned begins at its time."""

from typing import Final

from topup.catalogue.publishing.publications import Publications
from topup.platform.database import Database
from topup.platform.jobs import Sweep

EVERY_S: Final = 5.0
"""So much later at most does a planned version begin; every process reads it with its next look at the catalogue."""
_BATCH: Final = 20


def sweeps(database: Database) -> list[Sweep]:
    """The sweeps of the catalogue."""
    return [Sweep("catalogue.publications", EVERY_S, Publications(database).publish_due, batch=_BATCH)]
