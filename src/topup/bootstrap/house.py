"""The house of one process: the desk, its plugins, and what runs by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from topup.bootstrap.plugins import Chosen, Plugins, make
from topup.care import waiting
from topup.care.desk import Care
from topup.care.erasing import kind as erasure_kind
from topup.care.personal import leaving
from topup.care.reminders import tasks as reminders
from topup.care.reminders.hearing import LinesHearing
from topup.catalogue.publishing import tasks as publishing
from topup.catalogue.publishing.publications import kind as publication_kind
from topup.catalogue.queries import CatalogueCache
from topup.channels.cli.ports import Store
from topup.charging.adjustments import Adjustments
from topup.charging.approving import Approving
from topup.charging.sessions import tasks as usage_sessions
from topup.charging.sessions.desk import Sessions
from topup.charging.sharing import tasks as sharing
from topup.charging.usage import tasks as usage_events
from topup.charging.usage.desk import UsageRecords
from topup.fulfilment.floats import Floats
from topup.ledger import tasks as ledger
from topup.lines import owners
from topup.lines import tasks as lines
from topup.notifications.ports import AddressKind
from topup.offers import stopping
from topup.offers import tasks as offers
from topup.offers.batches.approving import kind as coupon_kind
from topup.orders import tasks as orders
from topup.orders.deciding_transfers import DecidingTransfers
from topup.orders.desk import Desk
from topup.orders.giving_back import kind as refund_kind
from topup.orders.reading import Parts
from topup.orders.schedules import tasks as schedules
from topup.payments.floats.filling import kind as float_kind
from topup.payments.floats.method import AgentFloat
from topup.payments.vouchers import tasks as vouchers
from topup.payments.vouchers.approving import kind as voucher_kind
from topup.people import tasks as people
from topup.people.permissions import Permission
from topup.people.sessions import Lasting
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Metrics, Supervisor, Sweep
from topup.platform.request_keys import RequestKeys, forget_old
from topup.platform.settings import Settings
from topup.reconciliation import tasks as reconciliation
from topup.reconciliation.comparing import FeeTerms
from topup.reconciliation.desk import Reconciliation
from topup.reconciliation.writing_off import kinds as differences
from topup.shops.printing.desk import Printing
from topup.shops.stock import tasks as stock
from topup.work.approvals import Approvals, Kind
from topup.work.limits import Limits

_FORGET_EVERY_S = 300.0
_EXPIRE_EVERY_S = 60.0
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
    reconciliation: Reconciliation
    approvals: Approvals
    care: Care
    printing: Printing
    chosen: Chosen


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
        sessions = Sessions(database=store.database, catalogue=catalogue, lanes=store.installation.lanes)
        await stack.enter_async_context(aclosing(sessions))
        gateways = plugins.gateways
        if chosen.own:
            from topup.payments.methods import own_methods  # noqa: PLC0415 - slow to load, and not everybody has some

            gateways = {**gateways, **own_methods(chosen.own, store=store, catalogue=catalogue)}
        gateways = {**gateways, AgentFloat.name: AgentFloat(database=store.database)}
        terms = {method: FeeTerms(*agreed) for method, agreed in store.settings.provider_fees.items()}
        bills = Reconciliation(database=store.database, gateways=gateways, carriers=plugins.carriers, terms=terms)
        parts = Parts(
            database=store.database,
            catalogue=catalogue,
            keys=store.keyring,
            lanes=store.installation.lanes,
            gateways=gateways,
            carriers=plugins.carriers,
            public_url=public_url,
            keeping=bills.keeping,
            payers=plugins.payers,
        )
        desk = await stack.enter_async_context(Desk(parts))
        printing = Printing(database=store.database, keys=store.keyring, printers=plugins.printers)
        await stack.enter_async_context(aclosing(printing))
        limits = Limits(store.settings.alone)
        approvals = Approvals(database=store.database, kinds=_kinds(store, desk, catalogue), limits=limits)
        care = Care(
            database=store.database,
            desk=desk,
            catalogue=catalogue,
            keys=store.keyring,
            lanes=store.installation.lanes,
            public_url=public_url,
        )
        yield Furnished(
            store,
            desk,
            catalogue,
            keys,
            records,
            sessions,
            plugins,
            public_url,
            bills,
            approvals,
            care,
            printing,
            chosen,
        )


def _kinds(store: Store, desk: Desk, catalogue: CatalogueCache) -> list[Kind]:
    """Everything that takes two people, of whichever room."""
    return [
        *desk.deciding.kinds(),
        *DecidingTransfers(desk.transfers).kinds(),
        refund_kind(),
        float_kind(),
        publication_kind(request=Permission.PUBLISH_CATALOGUE.value, approve=Permission.APPROVE_CATALOGUE.value),
        stopping.kind(lanes=store.installation.lanes),
        voucher_kind(),
        coupon_kind(lanes=store.installation.lanes),
        *Approving(Adjustments(database=store.database, catalogue=catalogue)).kinds(),
        *differences(),
        erasure_kind(leaving(database=store.database, keyring=store.keyring)),
    ]


async def _made(stack: AsyncExitStack, chosen: Chosen, *, demo: bool) -> Plugins:
    if not chosen.plugs:
        return Plugins({}, {}, {}, {})
    from topup.platform.http import Client  # noqa: PLC0415 - slow to load, and who only looks calls nobody

    client = await stack.enter_async_context(aclosing(Client(development=demo)))
    return await stack.enter_async_context(aclosing(make(chosen, client)))


def lasting_of(settings: Settings) -> Lasting:
    """How long staff stay signed in."""
    return Lasting(
        timedelta(minutes=settings.staff_idle_min),
        timedelta(hours=settings.staff_longest_h),
        timedelta(minutes=settings.staff_fresh_min),
    )


def sweeps(house: Furnished) -> list[Sweep]:
    """Everything that runs by itself."""
    database, lanes = house.store.database, house.store.installation.lanes
    found = [
        *orders.sweeps(house.desk),
        *schedules.sweeps(
            database=database, desk=house.desk, catalogue=house.catalogue, keys=house.store.keyring, lanes=lanes
        ),
        *reconciliation.sweeps(house.reconciliation),
        *sharing.sweeps(database=database, catalogue=house.catalogue),
        *usage_events.sweeps(database=database, catalogue=house.catalogue, lanes=house.store.installation.lanes),
        *lines.sweeps(database=database, catalogue=house.catalogue, lanes=lanes),
        *usage_sessions.sweeps(database=database, catalogue=house.catalogue, lanes=lanes),
        *ledger.sweeps(database),
        *vouchers.sweeps(database),
        *offers.sweeps(database, lanes=lanes),
        *stock.sweeps(database),
        *people.sweeps(database, lasting=lasting_of(house.store.settings)),
        *publishing.sweeps(database),
        *waiting.sweeps(database),
        *house.printing.sweeps(),
        *Floats(database=database, carriers=house.plugins.carriers, alarms=house.store.settings.float_alarms).sweeps(),
        *leaving(database=database, keyring=house.store.keyring).sweeps(),
        *owners.sweeps(database=database, lanes=lanes),
        Sweep("work.approvals", _EXPIRE_EVERY_S, house.approvals.expire),
        Sweep("platform.request_keys", _FORGET_EVERY_S, partial(_forget, database), batch=_FORGET_BATCH),
    ]
    if messengers := house.plugins.messengers:
        from topup.notifications import tasks as notifications  # noqa: PLC0415 - slow to load, as above

        keyring = house.store.keyring
        found += notifications.sweeps(database=database, keyring=keyring, messengers=messengers)
    found += lines.reminders(
        database=database,
        catalogue=house.catalogue,
        keyring=house.store.keyring,
        lanes=lanes,
        by_sms=AddressKind.SMS in messengers,
        listener=LinesHearing(house.store.keyring),
    )
    found += reminders.sweeps(
        database=database,
        keyring=house.store.keyring,
        lanes=lanes,
        public_url=house.public_url,
        served=frozenset(messengers),
    )
    return found


@asynccontextmanager
async def at_work(house: Furnished, *, begins: asyncio.Event | None = None) -> AsyncIterator[Supervisor]:
    """Run the sweeps while the block runs; where `begins` is given, from when it is set."""
    supervisor = Supervisor(sweeps(house), metrics=Metrics())
    running = asyncio.create_task(_run(supervisor, begins), name="sweeps")
    nudging = asyncio.create_task(_nudge(house.desk, supervisor), name="nudges")
    waking = asyncio.create_task(_wake(house.store.database, supervisor), name="waking")
    try:
        yield supervisor
    finally:
        nudging.cancel()
        waking.cancel()
        supervisor.stop()
        if begins is not None and not begins.is_set():
            running.cancel()
        await asyncio.gather(running, nudging, waking, return_exceptions=True)


async def _run(supervisor: Supervisor, begins: asyncio.Event | None) -> None:
    if begins is not None:
        await begins.wait()
    await supervisor.run()


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
