"""The house of one process: the desk, its plugins, and what runs by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from topup.bootstrap.plugins import Chosen, Plugins, make
from topup.catalogue.queries import CatalogueCache
from topup.channels.cli.ports import Store
from topup.charging import sharing_tasks as sharing
from topup.charging import usage_events_tasks as usage_events
from topup.charging import usage_sessions_tasks as usage_sessions
from topup.charging.usage_records_desk import UsageRecords
from topup.charging.usage_sessions import Sessions
from topup.ledger import tasks as ledger
from topup.lines import tasks as lines
from topup.orders import tasks as orders
from topup.orders.desk import Desk
from topup.orders.reading import Parts
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Metrics, Supervisor, Sweep
from topup.platform.request_keys import RequestKeys, forget_old

_FORGET_EVERY_S = 300.0
_FORGET_BATCH = 1_000
_BEFORE_FORGETTING = crash_label("request_keys.before_forget")
_FORGOTTEN = crash_label("request_keys.forgotten")


@dataclass(frozen=True, slots=True)
class Furnished:
    """A desk with everything around it."""

    store: Store
    desk: Desk
    catalogue: CatalogueCache
    request_keys: RequestKeys
    usage_records: UsageRecords
    usage_sessions: Sessions
    plugins: Plugins
    public_url: str


@asynccontextmanager
async def furnished(store: Store, chosen: Chosen, *, public_url: str) -> AsyncIterator[Furnished]:
    """Make the desk and its plugins; at the end what was taken in is finished, and everything closed.

    Raises those of `plugins.make`.
    """
    demo = store.installation.demo
    async with AsyncExitStack() as stack:
        plugins = await _made(stack, chosen, demo=demo)
        keys = await stack.enter_async_context(
            aclosing(RequestKeys(database=store.database, lanes=store.installation.lanes))
        )
        catalogue = CatalogueCache()
        records = UsageRecords(database=store.database, catalogue=catalogue, lanes=store.installation.lanes)
        await stack.enter_async_context(aclosing(records))
        sessions = Sessions(database=store.database, catalogue=catalogue)
        await stack.enter_async_context(aclosing(sessions))
        parts = Parts(
            database=store.database,
            catalogue=catalogue,
            keys=store.keyring,
            lanes=store.installation.lanes,
            gateways=plugins.gateways,
            carriers=plugins.carriers,
            public_url=public_url,
        )
        desk = await stack.enter_async_context(Desk(parts))
        yield Furnished(store, desk, catalogue, keys, records, sessions, plugins, public_url)


async def _made(stack: AsyncExitStack, chosen: Chosen, *, demo: bool) -> Plugins:
    if not chosen.plugs:
        return Plugins({}, {}, None)
    from topup.platform.http import Client  # noqa: PLC0415 - slow to load, and who only looks calls nobody

    client = await stack.enter_async_context(aclosing(Client(development=demo)))
    return await stack.enter_async_context(aclosing(make(chosen, client)))


def sweeps(house: Furnished) -> list[Sweep]:
    """Everything that runs by itself."""
    database, lanes = house.store.database, house.store.installation.lanes
    found = [
        *orders.sweeps(house.desk),
        *sharing.sweeps(database=database, catalogue=house.catalogue),
        *usage_events.sweeps(database=database, catalogue=house.catalogue, lanes=house.store.installation.lanes),
        *lines.sweeps(database=database, catalogue=house.catalogue, lanes=lanes),
        *usage_sessions.sweeps(database=database, catalogue=house.catalogue, lanes=lanes),
        *ledger.sweeps(database),
        Sweep("platform.request_keys", _FORGET_EVERY_S, partial(_forget, database), batch=_FORGET_BATCH),
    ]
    if house.plugins.messenger is not None:
        from topup.notifications import tasks as notifications  # noqa: PLC0415 - slow to load, as above

        keyring = house.store.keyring
        found += notifications.sweeps(database=database, keyring=keyring, messenger=house.plugins.messenger)
        found += lines.reminders(database=database, catalogue=house.catalogue, keyring=keyring, lanes=lanes)
    return found


@asynccontextmanager
async def at_work(house: Furnished) -> AsyncIterator[Supervisor]:
    """Run the sweeps while the block runs."""
    supervisor = Supervisor(sweeps(house), metrics=Metrics())
    running = asyncio.create_task(supervisor.run(), name="sweeps")
    nudging = asyncio.create_task(_nudge(house.desk, supervisor), name="nudges")
    waking = asyncio.create_task(_wake(house.store.database, supervisor), name="waking")
    try:
        yield supervisor
    finally:
        nudging.cancel()
        waking.cancel()
        supervisor.stop()
        await asyncio.gather(running, nudging, waking, return_exceptions=True)


async def _nudge(desk: Desk, supervisor: Supervisor) -> None:
    """What this process made due need not wait for the sweep's time."""
    while True:
        await desk.deliveries_wait.wait()
        desk.deliveries_wait.clear()
        supervisor.nudge("orders.deliver")


async def _wake(database: Database, supervisor: Supervisor) -> None:
    """What failed for want of the database need not wait out its pause when that is back."""
    while True:
        await database.returned.wait()
        database.returned.clear()
        for name in supervisor.standings:
            supervisor.nudge(name)


async def _forget(database: Database) -> int:
    async with database.transaction() as transaction:
        forgotten = await forget_old(transaction.connection, now=transaction.now, limit=_FORGET_BATCH)
        if forgotten:
            crash_point(_BEFORE_FORGETTING)
    if forgotten:
        crash_point(_FORGOTTEN)
    return forgotten
