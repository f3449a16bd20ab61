"""What the command line is given. Everything is imported when it is used: `topup --help` must be quick."""

# ruff: noqa: PLC0415 - see above

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topup.channels.cli.ports import House, Part, Store
    from topup.platform.settings import Settings


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
    async def house(self, settings: "Settings", *, outside: bool) -> "AsyncIterator[House]":
        """The desk, and with `outside` the way to gateways and carriers and the jobs."""
        from topup.bootstrap.visiting import visit

        async with visit(settings, outside=outside) as house:
            yield house

    def plugins(self, settings: "Settings", *, demo: bool) -> dict[str, list[str]]:
        """The names of the plugins the settings choose, by kind."""
        from topup.bootstrap.plugins import KINDS, choose

        chosen = choose(settings, demo=demo)
        return {kind: chosen.names(kind) for kind in KINDS}
