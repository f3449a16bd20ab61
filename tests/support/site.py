"""The whole site for browser tests: the house of `bootstrap` on a real database and the simulators, in its own thread.

The test drives it from outside, as a browser does; `later` moves the time that the site's database tells.
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from topup.bootstrap.application import build
from topup.bootstrap.demonstration import furnish
from topup.bootstrap.house import Furnished, at_work, furnished
from topup.bootstrap.plugins import choose
from topup.channels.cli.ports import Store
from topup.platform.database import Database, Transaction
from topup.platform.installation import mark_installation
from topup.platform.keys import KeyRing
from topup.platform.settings import Settings

from .simulators import CarrierRunning, GatewayRunning

LANES = 16
Given = TypeVar("Given")


@dataclass
class Site:
    """A running site: where it is, and what is inside."""

    url: str
    gateway_url: str
    house: Furnished
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop

    @contextmanager
    def later(self, by: timedelta) -> Iterator[None]:
        """The site some time from now: what asks the database for the time is answered so."""
        database = self.house.store.database
        database.clock_offset += by
        try:
            yield
        finally:
            database.clock_offset -= by

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction in the test's own loop, at the site's time: the site's pool belongs to the site's loop."""
        database = self.house.store.database
        async with await database.connect() as connection, connection.transaction():
            [now] = await (await connection.execute("SELECT now()")).fetchone() or ()
            yield Transaction(connection, now + database.clock_offset)

    async def within(self, work: Coroutine[Any, Any, Given]) -> Given:
        """Do something in the site's own loop, where its desks wait for each other."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))


async def _serve(
    settings: Settings, directory: Path, gateway: GatewayRunning, carrier: CarrierRunning, ready: Callable[[Site], None]
) -> None:
    listening = socket.create_server(("127.0.0.1", settings.port))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    wanted = {
        "payments": {"sandbox": gateway.settings.model_dump(), "cash": {}, "card_terminal": {}},
        "carriers": {"external_demo": carrier.settings.model_dump()},
    }
    chosen = choose(settings, demo=True, wanted=wanted)
    async with Database.open(settings=settings, migrating=False) as database:
        async with database.transaction() as transaction:
            installation = await mark_installation(transaction.connection, demo=True, lanes=LANES, now=transaction.now)
            await furnish(transaction, lanes=LANES)
        store = Store(settings, database, KeyRing(directory / "keys"), installation)
        async with furnished(store, chosen, public_url=url) as house, at_work(house) as supervisor:
            config = uvicorn.Config(
                build(house, settings, supervisor), log_config=None, access_log=False, timeout_graceful_shutdown=1
            )
            server = uvicorn.Server(config)
            ready(Site(url, gateway.url, house, server, asyncio.get_running_loop()))
            await server.serve(sockets=[listening])


@contextmanager
def running_site(
    settings: Settings, directory: Path, gateway: GatewayRunning, carrier: CarrierRunning
) -> Iterator[Site]:
    """A site on `settings.database_url`, migrated and empty; its keys go into `directory`."""
    started: Future[Site] = Future()

    def run() -> None:
        try:
            asyncio.run(_serve(settings, directory, gateway, carrier, started.set_result))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="site")
    thread.start()
    try:
        yield started.result(60)
    finally:
        if started.done() and started.exception() is None:
            started.result().server.should_exit = True
        thread.join(30)
