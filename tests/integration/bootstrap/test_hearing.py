"""A command that runs without a server takes in events at once, and builds the pages when somebody asks for one."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.database import settings_for
from topup.bootstrap import application
from topup.bootstrap.hearing import Hearing
from topup.bootstrap.house import furnished
from topup.bootstrap.plugins import Chosen
from topup.channels.cli.ports import Store
from topup.platform.installation import mark_installation
from topup.platform.keys import KeyRing


@pytest.fixture
def built(monkeypatch) -> list[str]:
    """How often the whole application was built."""
    times: list[str] = []
    whole = application.build

    def build(*words):
        times.append("built")
        return whole(*words)

    monkeypatch.setattr(application, "build", build)
    return times


@pytest.fixture
async def outside(database, database_url, tmp_path) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever calls at the port of a command."""
    async with database.transaction() as transaction:
        installed = await mark_installation(transaction.connection, demo=True, lanes=16, now=transaction.now)
    store = Store(settings_for(database_url), database, KeyRing(tmp_path / "keys"), installed)
    async with furnished(store, Chosen(), public_url="http://127.0.0.1:9") as house:
        transport = httpx.ASGITransport(Hearing(house), client=("127.0.0.1", 9))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9") as client:
            yield client


async def test_an_event_is_heard_without_the_pages(outside, built) -> None:
    for path in ("/webhooks/nobody", "/webhooks/carriers/nobody"):
        answer = await outside.post(path, content=b"{}")
        assert answer.status_code == 404
        assert answer.json()["code"] in {"method_unknown", "carrier_unknown"}
    assert built == []


async def test_who_asks_for_a_page_gets_it_and_all_is_built_once(outside, built) -> None:
    for path in ("/", "/api/openapi.json", "/health/live", "/nowhere"):
        answer = await outside.get(path, headers={"accept": "text/html"})
        assert answer.status_code == (404 if path == "/nowhere" else 200), path
    assert built == ["built"]
