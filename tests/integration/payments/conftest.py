"""The pages and REST of a shop that takes vouchers: as a browser without any script, and as a program, come to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.integration.api.conftest import NO_LIMITS, serving_api
from tests.support.database import settings_for
from tests.support.desk import LANES
from tests.support.serving import free_socket, serving
from topup.care.desk import Care
from topup.catalogue.queries import CatalogueCache
from topup.channels.web.problems import problem_page
from topup.channels.web.router import create_web_router
from topup.people.subscribers import devices
from topup.people.subscribers.devices import Browser
from topup.platform.request_keys import RequestKeys
from topup.platform.web import WebSettings, application


@asynccontextmanager
async def visiting(shop) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's bare requests to the pages of a shop."""
    keys = RequestKeys(database=shop.database, lanes=LANES)
    with free_socket() as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        pages = create_web_router(
            shop.desk,
            care=Care(
                database=shop.database,
                desk=shop.desk,
                catalogue=CatalogueCache(),
                keys=shop.keys,
                lanes=LANES,
                public_url=url,
            ),
            database=shop.database,
            keys=keys,
            keyring=shop.keys,
            lanes=LANES,
            public_url=url,
        )
        settings = settings_for(shop.database.url, public_url=url)
        app = application(
            routers=[pages], settings=settings, web_settings=WebSettings(**NO_LIMITS), problem_page=problem_page
        )
        async with serving(app, bound), httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
            yield client
    await keys.aclose()


async def signed_in(shop, subscriber_id: str) -> dict[str, str]:
    """The cookies of a browser where a subscriber is signed in."""
    browser = Browser(mark="", before="", name="chrome.android", locale="en", elder=False)
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        begun = await devices.begin(connection, subscriber_id=subscriber_id, browser=browser, door="code", now=now)
    return {"here": begun.token}


@pytest.fixture
async def visitor(voucher_shop):
    """A browser's bare requests to the pages."""
    async with visiting(voucher_shop) as client:
        yield client


@pytest.fixture
async def api(voucher_shop, data_dir):
    async with serving_api(voucher_shop.database, data_dir, {}, desk=voucher_shop.desk) as served:
        yield served
