"""G1, G4, G12, G13, G14 for the ledger by itself: every kind of operation while the database is restarted, killed and
filled up, its connections are cut and its clock jumps. What was acknowledged stays, nothing happens twice.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.support.cutting import Cut, cut_off
from tests.support.database import settings_for
from tests.support.embedded import postmaster
from tests.support.servers import filled, restart, small_disk
from tests.support.spending import Spenders, spending
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.settings import Settings, prepare_data_dir

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-1"), pytest.mark.timeout(300)]

KINDS = {"credit", "debit", "hold", "settle", "release", "move", "expire", "transfer"}
SMALL_WAL = {"min_wal_size": "'32MB'", "max_wal_size": "'48MB'", "shared_buffers": "'32MB'"}
SEED = 7


@contextlib.asynccontextmanager
async def installed(data_dir, **settings) -> AsyncIterator[tuple[EmbeddedServer, Database]]:
    """A server that may be hurt, and a database that joins it and brings it back."""
    prepare_data_dir(data_dir)
    with EmbeddedServer.start(data_dir, settings=settings) as server:
        ours = Settings(data_dir=data_dir, demo=True, pool_size=4, pool_wait_s=5.0)
        async with Database.open(settings=ours) as database:
            yield server, database


async def is_right(spenders: Spenders) -> None:
    assert await spenders.wrongs() == []
    assert set(spenders.kinds) == KINDS


def told(figures, promise: str, spenders: Spenders, **more: object) -> None:
    figures(promise, ledger="yes", **more, acknowledged=spenders.acknowledged, lost=0, twice=0)


@pytest.mark.parametrize("rounds", [3, pytest.param(30, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
async def test_restarts_and_kills_lose_nothing_and_do_nothing_twice(data_dir, figures, rounds):
    seconds = []
    async with installed(data_dir) as (server, database), spending(database) as spenders:
        for number in range(rounds):
            await spenders.have_done(150)
            begun = time.monotonic()
            if number % 2:
                os.kill(postmaster(data_dir), signal.SIGKILL)
            else:
                await asyncio.to_thread(restart, server)
            await spenders.have_done(1)
            seconds.append(time.monotonic() - begun)
        await spenders.have_done(100)
        await spenders.quiet()
        await is_right(spenders)
    assert spenders.unavailable.total() > 0
    told(figures, "G12", spenders, restarts=rounds, seconds_to_recover=f"{max(seconds):.2f}")


async def test_a_full_disk_refuses_every_kind_and_then_goes_on(data_dir, figures):
    prepare_data_dir(data_dir).chmod(0o711)
    disk = data_dir / "database"
    disk.mkdir(mode=0o711)
    with small_disk(disk, megabytes=180):
        async with installed(data_dir, **SMALL_WAL) as (_, database), spending(database) as spenders:
            await spenders.have_done(300)
            with filled(disk):
                await spenders.met_trouble(20)
            begun = time.monotonic()
            await spenders.have_done(300)
            seconds = time.monotonic() - begun
            await spenders.quiet()
            await is_right(spenders)
    told(figures, "G13", spenders, refused=spenders.unavailable.total(), seconds_for_300=f"{seconds:.2f}")


@pytest.mark.parametrize("goal", [60, pytest.param(2000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
async def test_cut_connections_lose_nothing_and_do_nothing_twice(database_url, figures, goal):
    """Cut before a request is sent, after it was done and before its answer, and in the midst of the answer."""
    async with cut_off(database_url, share=0.05, seed=SEED) as proxy:
        settings = settings_for(proxy.url)
        async with Database.open(settings=settings, migrating=False) as database, spending(database) as spenders:
            await spenders.have_done(50)
            proxy.cutting = True
            async with asyncio.timeout(200):
                while proxy.cuts.total() < goal:
                    await spenders.have_done(1)
            proxy.cutting = False
            await spenders.have_done(100)
            await spenders.quiet()
            await is_right(spenders)
    assert set(proxy.cuts) == set(Cut)
    cuts = {cut.value: number for cut, number in sorted(proxy.cuts.items())}
    told(figures, "G12", spenders, cuts=cuts, connections=proxy.connections)


async def test_a_clock_that_jumps_expires_nothing_early_and_breaks_no_chain(database, figures):
    chance = random.Random(SEED)
    jumps = 40
    async with spending(database) as spenders:
        for _ in range(jumps):
            await spenders.have_done(20)
            database.clock_offset = timedelta(minutes=chance.choice([-10, 0, 10]))
        await spenders.quiet()
        await is_right(spenders)
    async with database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE t.created_at < b.forfeit_at), count(DISTINCT t.created_at > now())"
            " FROM ledger.transfers t JOIN ledger.buckets b ON b.lane = t.lane AND b.id = t.debit"
            " JOIN ledger.bound_keys k ON k.lane = t.lane AND k.key = t.key AND k.kind = 'expire'"
        )
        [expired, early, times] = await cursor.fetchone()
    assert times == 2, "the clock was really ahead for some"
    assert (early, expired > 0) == (0, True)
    told(figures, "G14", spenders, jumps=jumps, expired=expired, early=early)
