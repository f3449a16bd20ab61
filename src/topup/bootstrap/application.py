"""The web application of a house: every channel that speaks HTTP."""

from collections.abc import Awaitable, Callable
from typing import Final

from litestar import Router

from topup.bootstrap.house import Furnished
from topup.bootstrap.mailbox import mailbox_router
from topup.bootstrap.store import PURPOSES
from topup.channels.api import create_api_router
from topup.channels.web.problems import problem_page
from topup.channels.web.router import create_web_router
from topup.kernel.errors import Unavailable
from topup.platform.jobs import Supervisor
from topup.platform.keys import KeyRing
from topup.platform.settings import Settings
from topup.platform.web import application, load_web_settings
from topup.platform.web.edge import App
from topup.plugins.messengers.mailbox import Mailbox

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
        checks=checks,
    )
    routers: list[Router] = [api, create_web_router(house.desk, keys=house.request_keys, public_url=house.public_url)]
    if isinstance(house.plugins.messenger, Mailbox):
        routers.append(mailbox_router(house.plugins.messenger))
    return application(routers=routers, settings=settings, web_settings=load_web_settings(), problem_page=problem_page)


async def _check_keys(keyring: KeyRing) -> None:
    keyring.try_out(PURPOSES)


async def _check_jobs(supervisor: Supervisor) -> None:
    if any(standing.failures >= _FAILURES for standing in supervisor.standings.values()):
        raise Unavailable("jobs_failing")
