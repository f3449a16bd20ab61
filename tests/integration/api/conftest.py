"""The REST API of a real desk on a real database, over real HTTP."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.database import Cluster, settings_for
from tests.support.desk import LANES, publish_demonstration
from tests.support.serving import free_socket, serving
from topup.catalogue.queries import CatalogueCache
from topup.channels.api.routes import create_api_router
from topup.charging.adjustments import Adjustments
from topup.charging.approving import Approving
from topup.charging.sessions.desk import Sessions
from topup.charging.usage.desk import UsageRecords
from topup.kernel.msisdn import parse_msisdn
from topup.lines.operations import open_lines
from topup.orders.desk import Desk
from topup.orders.reading import Parts
from topup.platform.database import Database
from topup.platform.http import Client
from topup.platform.installation import mark_installation
from topup.platform.keys import KeyRing
from topup.platform.request_keys import RequestKeys
from topup.platform.web import WebSettings, application
from topup.plugins.payments.sandbox import Sandbox
from topup.work.approvals import Approvals

OPENED = "13800138000"
UNOPENED = "13800138001"
FIFTY = {"amount_minor": 5000, "currency": "CNY"}
NO_LIMITS = dict.fromkeys(
    ("numbers_per_minute", "quotes_per_minute", "orders_per_minute", "reads_per_minute", "keys_per_minute"), 0
)


@dataclass
class Api:
    """A served API: a client of it, and what stands behind."""

    client: httpx.AsyncClient
    desk: Desk
    database: Database
    url: str

    async def quote(self, number: str = OPENED, **changes: Any) -> dict[str, Any]:
        answer = await self.client.post("/api/v1/quotes", json={"number": number, "amount": FIFTY, **changes})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def order(self, quote_id: str | None = None, key: str | None = None, **body: Any) -> httpx.Response:
        quote_id = quote_id or (await self.quote())["id"]
        headers = {"Idempotency-Key": key or uuid4().hex}
        return await self.client.post("/api/v1/orders", json={"quote_id": quote_id, **body}, headers=headers)

    async def pay(self, order_id: str, key: str | None = None, method: str = "sandbox") -> httpx.Response:
        return await self.client.post(
            f"/api/v1/orders/{order_id}/payments",
            json={"method": method},
            headers={"Idempotency-Key": key or uuid4().hex},
        )


async def furnish(database: Database) -> None:
    """The demonstration's carriers, and one line."""
    await publish_demonstration(database)
    async with database.transaction() as transaction:
        await mark_installation(transaction.connection, demo=True, lanes=LANES, now=transaction.now)
        msisdn = parse_msisdn(OPENED)
        await open_lines(transaction.connection, [(msisdn, "qingfeng", "Asia/Shanghai")], transaction.now, lanes=LANES)


@contextlib.asynccontextmanager
async def serving_api(
    database: Database,
    data_dir: Path,
    gateways: dict[str, Any],
    *,
    desk: Desk | None = None,
    demo: bool = True,
    checks: dict[str, Any] | None = None,
    **web: Any,
) -> AsyncIterator[Api]:
    """The API served with these gateways, or of a desk that is there already; `web` are WebSettings."""
    async with contextlib.AsyncExitStack() as stack:
        bound = free_socket()
        stack.callback(bound.close)
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        desk = desk or await stack.enter_async_context(Desk(parts_of(database, data_dir, gateways, url)))
        keys = RequestKeys(database=database, lanes=LANES)
        stack.push_async_callback(keys.aclose)
        usage = UsageRecords(database=database, catalogue=CatalogueCache(), lanes=LANES)
        stack.push_async_callback(usage.aclose)
        sessions = Sessions(database=database, catalogue=CatalogueCache(), lanes=LANES)
        stack.push_async_callback(sessions.aclose)
        adjusting = Approving(Adjustments(database=database, catalogue=CatalogueCache()))
        router = create_api_router(
            desk=desk,
            keys=keys,
            database=database,
            usage=usage,
            sessions=sessions,
            address=url,
            demo=demo,
            approvals=Approvals(database=database, kinds=adjusting.kinds()),
            adjust_most=lambda _: (Decimal(500), Decimal(2500)),
            checks=checks,
        )
        settings = settings_for(database.url, public_url=url)
        app = application(routers=[router], settings=settings, web_settings=WebSettings(**{**NO_LIMITS, **web}))
        await stack.enter_async_context(serving(app, bound))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30))
        yield Api(client, desk, database, url)


def parts_of(database: Database, data_dir: Path, gateways: dict[str, Any], url: str) -> Parts:
    return Parts(
        database=database,
        catalogue=CatalogueCache(),
        keys=KeyRing(data_dir / "keys"),
        lanes=LANES,
        gateways=gateways,
        carriers={},
        public_url=url,
    )


@pytest.fixture
async def api(database: Database, tmp_path: Path, sandbox: Any) -> AsyncIterator[Api]:
    """The API of a demonstration, with the simulated gateway."""
    await furnish(database)
    async with serving_api(database, tmp_path, {"sandbox": sandbox}) as served:
        yield served


@pytest.fixture(scope="module")
async def still_api(postgres: Cluster, gateway: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """One API for all tests of a module that leave nothing behind for each other."""
    name = postgres.clone()
    client = Client(development=True)
    directory = tmp_path_factory.mktemp("still")
    async with Database.open(settings=settings_for(postgres.url(name)), migrating=False) as database:
        await furnish(database)
        gateways = {"sandbox": Sandbox(gateway.settings, client)}
        async with serving_api(database, directory, gateways) as served:
            yield served
    await client.aclose()
    postgres.drop(name)
