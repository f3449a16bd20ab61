"""The web application of a house: every channel that speaks HTTP."""

from collections.abc import Awaitable, Callable
from typing import Final

from litestar import Response, Router

from topup.bootstrap.house import Furnished, lasting_of
from topup.bootstrap.mailbox import MAILBOX, mailbox_router
from topup.bootstrap.store import PURPOSES
from topup.bootstrap.telling import installed
from topup.care.answering import Answering
from topup.channels.api.routes import create_api_router
from topup.channels.console.rendering import assets as console_assets
from topup.channels.console.router import Console
from topup.channels.counter.display.router import create_display_router
from topup.channels.counter.rendering import Look
from topup.channels.counter.router import PATH as COUNTER
from topup.channels.counter.router import Counter
from topup.channels.web.assets import assets
from topup.channels.web.problems import problem_page
from topup.channels.web.router import create_web_router
from topup.charging.adjustments import Adjustments
from topup.kernel.errors import Unavailable
from topup.orders.counter_sales import CounterSales
from topup.orders.evidence import Evidence
from topup.people.proving import Proving
from topup.platform.jobs import Supervisor
from topup.platform.keys import KeyRing
from topup.platform.settings import Settings
from topup.platform.web import ProblemDocument, application, load_web_settings
from topup.platform.web.edge import AnyRequest, App
from topup.plugins.messengers.mailbox import Mailbox
from topup.shops.displays import Displays

_CONSOLE: Final = "/console"
_FAILURES: Final = 3
"""Runs of a sweep that may fail in a row before the process is not ready: one loss of the database is no reason."""


def build(house: Furnished, settings: Settings, supervisor: Supervisor | None) -> App:
    """The application; `supervisor` runs its jobs, or None where another process does."""
    store = house.store
    checks: dict[str, Callable[[], Awaitable[None]]] = {"keys": lambda: _check_keys(store.keyring)}
    if supervisor is not None:
        checks["jobs"] = lambda: _check_jobs(supervisor)
    api = create_api_router(
        desk=house.desk,
        keys=house.request_keys,
        database=store.database,
        usage=house.usage_records,
        sessions=house.usage_sessions,
        address=house.public_url,
        demo=store.installation.demo,
        approvals=house.approvals,
        adjust_most=settings.adjust_ceiling,
        checks=checks,
    )
    pages = create_web_router(
        house.desk,
        care=house.care,
        database=store.database,
        keys=house.request_keys,
        keyring=store.keyring,
        lanes=store.installation.lanes,
        public_url=house.public_url,
        codes_per_address=settings.codes_per_address,
        mailbox=MAILBOX if any(isinstance(one, Mailbox) for one in house.plugins.messengers.values()) else "",
    )
    proving = Proving(
        database=store.database,
        keyring=store.keyring,
        lasting=lasting_of(settings),
        public_url=house.public_url,
        script=lambda: assets()["passkeys.js"].path,
    )
    console = _console(house, settings, proving)
    display = create_display_router(
        displays=Displays(database=store.database),
        sales=CounterSales(database=store.database),
        database=store.database,
        catalogue=house.catalogue,
        keyring=store.keyring,
        secure=house.public_url.startswith("https://"),
    )
    counter = _counter(house, settings, proving)
    routers: list[Router] = [api, pages, console.router(), display, counter.router()]
    for messenger in house.plugins.messengers.values():
        if isinstance(messenger, Mailbox):
            routers.append(mailbox_router(messenger))
            break  # one mailbox for all kinds of address

    def told(request: AnyRequest, document: ProblemDocument) -> Response[bytes]:
        path = request.scope["path"]
        if path.startswith(COUNTER):
            return counter.problem_page(request, document)
        shown = console.problem_page if path.startswith(_CONSOLE) else problem_page
        return shown(request, document)

    return application(routers=routers, settings=settings, web_settings=load_web_settings(), problem_page=told)


def _counter(house: Furnished, settings: Settings, proving: Proving) -> Counter:
    store = house.store
    return Counter(
        database=store.database,
        keyring=store.keyring,
        desk=house.desk,
        keys=house.request_keys,
        care=house.care,
        approvals=house.approvals,
        catalogue=house.catalogue,
        printing=house.printing,
        public_url=house.public_url,
        secure=house.public_url.startswith("https://"),
        look=Look(lambda: (assets()["topup.css"].path, console_assets()["console.css"].path), settings.time_zone),
        proving=proving,
    )


def _console(house: Furnished, settings: Settings, proving: Proving) -> Console:
    store = house.store
    answering = Answering(
        database=store.database, keys=store.keyring, catalogue=house.catalogue, public_url=house.public_url
    )
    return Console(
        database=store.database,
        keyring=store.keyring,
        approvals=house.approvals,
        adjustments=Adjustments(database=store.database, catalogue=house.catalogue),
        evidence=Evidence(database=store.database, keys=store.keyring),
        post_room=house.desk.post_room,
        sending=house.desk.sending,
        catalogue=house.catalogue,
        answering=answering,
        lanes=store.installation.lanes,
        secure=house.public_url.startswith("https://"),
        stylesheet=lambda: assets()["topup.css"].path,
        proving=proving,
        installed=installed(house, settings),
        zone=settings.time_zone,
    )


async def _check_keys(keyring: KeyRing) -> None:
    keyring.try_out(PURPOSES)


async def _check_jobs(supervisor: Supervisor) -> None:
    if any(standing.failures >= _FAILURES for standing in supervisor.standings.values()):
        raise Unavailable("jobs_failing")
