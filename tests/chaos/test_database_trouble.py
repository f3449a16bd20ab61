"""G12 and G13: the database is restarted, killed and filled up under load. What was acknowledged is kept, nothing that
failed took half hold, and topup comes back by itself.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.chaos import Topup, ended, spawn, topup_at
from tests.support.crowd import Crowd, crowd_of, hurried
from tests.support.embedded import postmaster, postmasters
from tests.support.servers import filled, kill_and_start, restart, small_disk
from tests.support.simulators import until
from tests.support.truth import wrongs
from topup.platform.embedded import EmbeddedServer
from topup.platform.embedded.locks import gate
from topup.platform.settings import prepare_data_dir

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-1")]

LOAD = ["pays", 0, "pays twice, refunded slowly", "hesitates", 84, "cancels while paying", 88, "is declined once"]
QUOTE = {"number": "13800138000", "amount": {"amount_minor": 5000, "currency": "CNY"}}
SMALL_WAL = {"min_wal_size": "'32MB'", "max_wal_size": "'48MB'", "shared_buffers": "'32MB'"}
BACK_WITHIN_S = 60.0


@dataclass
class Embedded:
    """An installation on its embedded database, which the test may hurt."""

    topup: Topup
    server: EmbeddedServer
    data_dir: Path

    def kill(self) -> int:
        """kill -9 of the postmaster, which had this process id."""
        process = postmaster(self.data_dir)
        os.kill(process, signal.SIGKILL)
        return process

    async def readiness(self) -> int:
        """What a monitor is told."""
        async with httpx.AsyncClient(base_url=self.topup.url, trust_env=False, timeout=BACK_WITHIN_S) as client:
            return (await client.get("/health/ready")).status_code

    async def restart(self) -> None:
        await asyncio.to_thread(restart, self.server)

    async def kill_and_start(self) -> None:
        await asyncio.to_thread(kill_and_start, self.server, self.data_dir)

    async def price(self) -> int:
        """The status of an answer that needs a write."""
        async with httpx.AsyncClient(base_url=self.topup.url, trust_env=False, timeout=BACK_WITHIN_S) as client:
            return (await client.post("/api/v1/quotes", json=QUOTE)).status_code

    async def back_after_s(self) -> float:
        """How long until somebody new is served."""
        begun = time.monotonic()
        await until(self.price, lambda status: status == 201, patience_s=BACK_WITHIN_S)
        return time.monotonic() - begun


@contextlib.asynccontextmanager
async def installed(data_dir: Path, **settings: str) -> AsyncIterator[Embedded]:
    """The server is started before topup, which joins it, and stopped after it."""
    prepare_data_dir(data_dir)
    with EmbeddedServer.start(data_dir, settings=settings) as server:
        async with topup_at(data_dir, server.url) as topup:
            yield Embedded(topup, server, data_dir)


async def are_busy(crowd: Crowd, since: int) -> None:
    """Some of those who came last have an order, and others not yet."""

    async def ordered() -> int:
        crowd.complain()
        return sum(journey.order_id is not None for journey in crowd.journeys[since:])

    await until(ordered, lambda number: number >= 3, patience_s=BACK_WITHIN_S)


@pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
async def test_restarts_under_load_lose_nothing_that_was_acknowledged(data_dir, figures, rounds):
    seconds = []
    async with installed(data_dir) as place, crowd_of(place.topup) as crowd:
        await place.topup.start()
        hurts = [place.restart, place.kill_and_start, place.restart] * rounds
        for hurt in hurts:
            before = len(crowd.journeys)
            crowd.send(LOAD * 2)
            async with hurried(place.topup):
                await are_busy(crowd, before)
                await hurt()
                seconds.append(await place.back_after_s())
        books = await crowd.settle(patience_s=120)
        await place.topup.stop()
    assert wrongs(books, crowd.journeys) == []
    worst = f"{max(seconds):.2f}"
    figures("G12", restarts=len(hurts), acknowledged=len(books.orders), lost=0, seconds_to_recover=worst)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
async def test_a_killed_server_is_brought_back_by_those_who_use_it(data_dir, figures, processes, kills):
    """Nobody else starts it. Of two processes that miss it, one starts it and the other finds it running."""
    seconds = []
    async with installed(data_dir) as place, crowd_of(place.topup) as crowd, at_work(place, processes=processes):
        for _ in range(kills):
            before = len(crowd.journeys)
            crowd.send(LOAD * 2)
            async with hurried(place.topup):
                await are_busy(crowd, before)
                killed = place.kill()
                seconds.append(await place.back_after_s())
            assert killed not in postmasters(data_dir)
            assert len(postmasters(data_dir)) == 1
        books = await crowd.settle(patience_s=120)
    assert wrongs(books, crowd.journeys) == []
    worst = f"{max(seconds):.2f}"
    figures("G12", kills=kills, processes=processes, acknowledged=len(books.orders), lost=0, seconds_to_recover=worst)


async def test_readiness_tells_of_a_killed_server_until_it_is_back(data_dir):
    async with installed(data_dir) as place, at_work(place, processes=1):
        await until(place.readiness, lambda status: status == 200, patience_s=BACK_WITHIN_S)
        with gate(place.server.home, timeout_s=BACK_WITHIN_S):
            # Nobody can start it while we are in the gate.
            place.kill()
            await until(place.readiness, lambda status: status == 503, patience_s=BACK_WITHIN_S)
            # Longer than a first pause between tries to connect, and than a sweep's.
            await until(lambda: heard(place.topup, "sweep_failed"), lambda times: times >= 5, patience_s=BACK_WITHIN_S)
        await until(place.readiness, lambda status: status == 200, patience_s=BACK_WITHIN_S)


async def heard(topup: Topup, event: str) -> int:
    """How often its processes have logged it."""
    return topup.whole_log().count(event)


@contextlib.asynccontextmanager
async def at_work(place: Embedded, *, processes: int) -> AsyncIterator[None]:
    """One `serve`, or a `web` and a `worker`."""
    topup = place.topup
    if processes == 1:
        await topup.start()
        yield
    else:
        topup.words, topup.settings = ("web",), {"TOPUP_DEMO": "1", "TOPUP_PUBLIC_URL": topup.url}
        await topup.start()
        worker = await spawn(topup.data_dir, {**topup.settings, "TOPUP_LOG_LEVEL": "info"}, "worker")
        try:
            # One that is only starting would end with a sentence, and its operator would start it again.
            await until(lambda: heard(topup, "working"), bool, patience_s=BACK_WITHIN_S)
            yield
        finally:
            code = await ended(worker)
        assert code == 0, topup.said()
    await topup.stop()


async def test_a_full_disk_refuses_and_then_goes_on(data_dir, figures):
    prepare_data_dir(data_dir).chmod(0o711)
    disk = data_dir / "database"
    disk.mkdir(mode=0o711)
    answers: Counter[int] = Counter()
    with small_disk(disk, megabytes=180):
        async with installed(data_dir, **SMALL_WAL) as place, crowd_of(place.topup) as crowd:
            await place.topup.start()
            crowd.send(LOAD)
            with filled(disk):
                crowd.send(LOAD)
                await until(lambda: counted(place, answers), lambda found: found[503] >= 5, patience_s=BACK_WITHIN_S)
            seconds = await place.back_after_s()
            books = await crowd.settle(patience_s=120)
            await place.topup.stop()
    assert wrongs(books, crowd.journeys) == []
    assert set(answers) <= {201, 503}
    figures("G13", refused=answers[503], corruptions=0, seconds_to_recover=f"{seconds:.2f}")


async def counted(place: Embedded, answers: Counter[int]) -> Counter[int]:
    answers[await place.price()] += 1
    return answers
