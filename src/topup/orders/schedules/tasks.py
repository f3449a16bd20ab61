"""What runs by itself: looking at schedules that are due, and carrying out what they wrote down."""

from functools import partial
from typing import Final

from topup.catalogue.queries import CatalogueCache
from topup.orders.desk import Desk
from topup.orders.schedules.looking import Looking
from topup.orders.schedules.running import Runner
from topup.platform.database import Database
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing

LOOKED_AT: Final = 200
KEPT: Final = 10
"""What each of them may have to search for takes a moment."""
CARRIED_OUT: Final = 50
LOOK_EVERY_S: Final = 5.0
RUN_EVERY_S: Final = 1.0


def sweeps(*, database: Database, desk: Desk, catalogue: CatalogueCache, keys: KeyRing, lanes: int) -> list[Sweep]:
    """The sweeps of schedules."""
    looking = Looking(database=database, catalogue=catalogue, keys=keys, lanes=lanes)
    runner = Runner(database=database, desk=desk, keys=keys, looking=looking, catalogue=catalogue)
    return [
        Sweep("orders.schedules.look", LOOK_EVERY_S, partial(looking.look, LOOKED_AT), batch=LOOKED_AT),
        Sweep("orders.schedules.keep", LOOK_EVERY_S, partial(looking.look_to_keep, KEPT), batch=KEPT),
        Sweep("orders.schedules.run", RUN_EVERY_S, partial(runner.run_due, CARRIED_OUT), batch=CARRIED_OUT),
    ]
