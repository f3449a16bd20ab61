"""An operator's way: a database of one's own (Debian's PostgreSQL 15 over TCP, an owner of few rights), `topup db
upgrade`, and web and worker as two processes, of which one dies.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from tests.support.chaos import Topup, ended, spawn, topup_at
from tests.support.crowd import crowd_of
from tests.support.servers import debian_over_tcp
from tests.support.simulators import until
from tests.support.truth import wrongs

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-1")]


@pytest.fixture
async def shop(data_dir: Path) -> AsyncIterator[Topup]:
    """An installation on that database; its web process does no jobs."""
    with debian_over_tcp() as url:
        settings = {"TOPUP_DATABASE_URL": url, "TOPUP_DEMO": "1"}
        async with topup_at(data_dir, url, words=("web",), **settings) as installed:
            installed.settings["TOPUP_PUBLIC_URL"] = installed.url
            yield installed


async def worker(shop: Topup, **settings: str) -> asyncio.subprocess.Process:
    return await spawn(shop.data_dir, {**shop.settings, **settings}, "worker")


async def test_a_worker_dies_with_a_delivery_in_its_hands_and_another_takes_over(shop):
    await shop.start()
    doomed = await worker(shop, TOPUP_CRASH_AT="delivery.after_submit")
    successor = None
    async with crowd_of(shop) as crowd:
        try:
            crowd.send(["pays", "pays twice, refunded slowly", 0])
            assert await asyncio.wait_for(doomed.wait(), 60) == -9, shop.said()
            assert shop.process.returncode is None
            await shop.lease_ends()
            successor = await worker(shop)
            books = await crowd.settle(patience_s=90)
        finally:
            for process in (doomed, successor):
                if process is not None:
                    await ended(process)
    assert wrongs(books, crowd.journeys) == []
    assert [row["received"] for row in books.deliveries.values()] == [1]
    assert successor.returncode == 0
    await shop.stop()


async def test_production_is_prepared_by_its_command_and_served_by_two(shop):
    production = {**shop.settings, "TOPUP_DEMO": "0"}
    refused = await spawn(shop.data_dir, production, "worker")
    assert await asyncio.wait_for(refused.wait(), 60) not in {0, -9}
    assert await (await spawn(shop.data_dir, production, "db", "upgrade")).wait() == 0, shop.said()
    assert await (await spawn(shop.data_dir, production, "db", "upgrade")).wait() == 0, shop.said()
    shop.settings = production
    await shop.start()
    jobs = await worker(shop)
    try:
        async with crowd_of(shop) as crowd:
            assert (await crowd.caller.ask("GET", "/health/ready")).status_code == 200
            number = await crowd.caller.ask("GET", "/api/v1/numbers/13800138000")
            assert number.json()["code"] == "number_not_served"
        await until(lambda: asyncio.to_thread(shop.said), lambda said: '"working"' in said)
    finally:
        code = await ended(jobs)
    assert code == 0, shop.said()
    await shop.stop()
    with psycopg.connect(shop.database) as connection:
        user = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        assert user == (False,)
        assert connection.info.server_version // 10_000 == 15
        assert connection.execute("SELECT demo FROM platform.installation").fetchone() == (False,)
