"""What the command line needs of the house around it, given by the composition root."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Flag, auto
from typing import TYPE_CHECKING, Protocol

# For checking only: whoever starts servers must be able to name these without loading everything behind them.
if TYPE_CHECKING:
    from topup.orders.desk import Desk
    from topup.platform.database import Database
    from topup.platform.installation import Installation
    from topup.platform.keys import KeyRing
    from topup.platform.settings import Settings


class Part(Flag):
    """What a server process does."""

    WEB = auto()
    JOBS = auto()


@dataclass(frozen=True, slots=True)
class Store:
    """An open installation: its database, its keys, and what it is."""

    settings: "Settings"
    database: "Database"
    keyring: "KeyRing"
    installation: "Installation"


@dataclass(frozen=True, slots=True)
class House:
    """An open installation with its desk."""

    store: Store
    desk: "Desk"


class Runtime(Protocol):
    """How commands get at the house. All raise kernel Problems."""

    def serve(self, settings: "Settings", parts: Part) -> None:
        """Serve until told to stop."""
        ...

    def store(self, settings: "Settings") -> AbstractAsyncContextManager[Store]:
        """What is installed; raises Unavailable `nothing_installed` where nothing is."""
        ...

    def install(self, settings: "Settings") -> AbstractAsyncContextManager[Store]:
        """Bring the schema up to date, and mark a new database as a production installation."""
        ...

    def house(self, settings: "Settings", *, outside: bool) -> AbstractAsyncContextManager[House]:
        """The desk; with `outside` also the way to gateways and carriers, and jobs that run while it is open."""
        ...

    def plugins(self, settings: "Settings", *, demo: bool) -> Mapping[str, list[str]]:
        """The names of the plugins the settings choose, by kind (`payments`, `carriers`, `messengers`)."""
        ...
