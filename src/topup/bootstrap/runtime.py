"""What the command line is given. Everything is imported when it is used: `topup --help` must be quick."""

# ruff: noqa: PLC0415 - see above

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from topup.channels.cli.ports import House, Part, Store
    from topup.platform.plugs import Finding
    from topup.platform.settings import Settings
    from topup.shops.printing.ports import Printers


class HouseRuntime:
    """`channels.cli.ports.Runtime`, on the real house."""

    def serve(self, settings: "Settings", parts: "Part") -> None:
        """Serve until SIGTERM or SIGINT."""
        from topup.bootstrap.serving import serve

        serve(settings, parts)

    @asynccontextmanager
    async def store(self, settings: "Settings") -> "AsyncIterator[Store]":
        """What is installed."""
        from topup.bootstrap.store import open_store

        async with open_store(settings) as store:
            yield store

    @asynccontextmanager
    async def install(self, settings: "Settings") -> "AsyncIterator[Store]":
        """Bring the schema up to date, and mark a new database as a production installation."""
        from topup.bootstrap.store import Creation, open_store

        async with open_store(settings, create=Creation.PRODUCTION) as store:
            yield store

    @asynccontextmanager
    async def house(self, settings: "Settings", *, outside: bool, method: str | None = None) -> "AsyncIterator[House]":
        """The desk, and with `outside` the way to gateways and carriers and the jobs."""
        from topup.bootstrap.visiting import visit

        async with visit(settings, outside=outside, method=method) as house:
            yield house

    def address(self, settings: "Settings") -> str:
        """How people reach what is installed."""
        from topup.bootstrap.neighbours import reached_at

        return reached_at(settings)

    def plugins(self, settings: "Settings", *, demo: bool) -> dict[str, list[str]]:
        """The names of the plugins the settings choose, by kind."""
        from topup.bootstrap.plugins import KINDS, choose

        chosen = choose(settings, demo=demo)
        return {kind: chosen.names(kind) for kind in KINDS}

    def printers(self, settings: "Settings", *, demo: bool) -> "Mapping[str, Printers]":
        """The receipt printers of tills, by till."""
        from topup.bootstrap.plugins import printers_of

        return printers_of(settings, demo=demo)

    async def plugin_findings(
        self, settings: "Settings", *, demo: bool, now: "datetime"
    ) -> "Mapping[str, Sequence[Finding]]":
        """What each plugin's own check finds."""
        from topup.bootstrap.plugins import checked, choose
        from topup.bootstrap.simulators import running_now
        from topup.platform.logging import configure_logging

        configure_logging(level="error", console=True)
        wanted = await running_now(settings.data_dir) if demo else None
        if demo and wanted is None:
            return {}
        return await checked(choose(settings, demo=demo, wanted=wanted), now=now, demo=demo)
