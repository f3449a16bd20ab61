"""What the command line needs of the house around it, given by the composition root."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Flag, auto
from typing import TYPE_CHECKING, Final, Protocol

# For checking only: whoever starts servers must be able to name these without loading everything behind them.
if TYPE_CHECKING:
    from datetime import datetime

    from topup.orders.desk import Desk
    from topup.platform.database import Database
    from topup.platform.installation import Installation
    from topup.platform.keys import KeyRing
    from topup.platform.plugs import Finding
    from topup.platform.settings import Settings
    from topup.reconciliation.desk import Reconciliation
    from topup.shops.printing.ports import Printers


ANY_METHOD: Final = "*"
"""Which way to pay is wanted is not known yet."""


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
    """An open installation with its desk. `methods` are the ways to pay that are set up, those of a demonstration too
    that are not simulated just now; none where nothing outside was asked for.
    """

    store: Store
    desk: "Desk"
    reconciliation: "Reconciliation"
    methods: Sequence[str] = ()


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

    def house(
        self, settings: "Settings", *, outside: bool, method: str | None = None
    ) -> AbstractAsyncContextManager[House]:
        """The desk; with `outside` also the way to gateways and carriers, and jobs that run while it is open.

        `method` is the way to pay that is wanted: a demonstration without a server simulates no other provider; every
        one of them for ANY_METHOD.
        """
        ...

    def address(self, settings: "Settings") -> str:
        """How people reach what is installed, without a slash at the end: the public address, else that of the server
        that runs.
        """
        ...

    def plugins(self, settings: "Settings", *, demo: bool) -> Mapping[str, list[str]]:
        """The names of the plugins the settings choose, by kind (`payments`, `carriers`, `messengers`)."""
        ...

    def printers(self, settings: "Settings", *, demo: bool) -> Mapping[str, "Printers"]:
        """The receipt printers of tills, by till."""
        ...

    async def plugin_findings(
        self, settings: "Settings", *, demo: bool, now: "datetime"
    ) -> Mapping[str, Sequence["Finding"]]:
        """What each plugin's own check finds (keys, certificates, clock, reach), by its name; those without are left
        out. Of a demonstration only while a server runs its simulators.
        """
        ...
