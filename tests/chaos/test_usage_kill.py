"""G11 for usage that is sent as records: topup is killed with -9 at every labelled point of charging for them and of
telling lines, while the network sends each record until it is answered, and again under other keys. Each is charged
once, and each thing told once.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.callers import Caller
from tests.support.database import settings_for
from tests.support.labels import usage_labels
from tests.support.nursery import nursery
from tests.support.simulators import until
from tests.support.usage import ANN, BOB, Traffic
from topup.people.operations import create_key
from topup.people.permissions import Role
from topup.platform.database import Database

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

PATIENCE_S = 60.0
GIVEN = 1_000_000
CALLS = 5
"""Records of one request."""
_WAITING = "SELECT count(*) FROM charging.usage_events WHERE look_at IS NOT NULL"


@contextlib.asynccontextmanager
async def opened(topup) -> AsyncIterator[Database]:
    async with Database.open(settings=settings_for(topup.database), migrating=False) as database:
        yield database


async def furnish(topup) -> str:
    """ANN who has much, BOB who has used up what he had, and the secret of the network's key."""
    async with opened(topup) as database:
        traffic = await Traffic.of(database)
        await traffic.open(ANN, main=GIVEN)
        await traffic.open(BOB, main=100)
        await traffic.rate(traffic.record(BOB, "sms", 1))
        async with database.transaction() as transaction:
            made = await create_key(transaction.connection, role=Role.NETWORK, label="test", now=transaction.now)
    return made.secret


class Network:
    """A system that sends records until it is answered, and then once more under another key."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._numbers = itertools.count()
        self._at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
        self.tasks: list[asyncio.Task] = []

    def send(self) -> None:
        self.tasks.append(asyncio.create_task(self._use()))

    async def _use(self) -> int:
        number = next(self._numbers)
        records = [
            {"id": f"cdr-{number}-{n}", "number": ANN, "service": "voice", "quantity": 60, "at": self._at}
            for n in range(CALLS)
        ]
        usages = []
        for key in (f"use-{number}", f"again-{number}"):
            said = await self._caller.get("POST", "/api/v1/usage", {"records": records}, key=key)
            assert [found["status"] for found in said["results"]] == ["rated"] * CALLS, said
            usages.append([found["usage"] for found in said["results"]])
        assert usages[0] == usages[1]
        return CALLS


@pytest.mark.timeout(600)
async def test_a_kill_at_any_step_of_charging_records_is_survived(topup, figures):
    labels = [*usage_labels(of="records"), *usage_labels(of="events")]
    assert len(labels) == 4
    await topup.start()
    secret = await furnish(topup)
    await topup.kill()
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=topup.url, trust_env=False, timeout=30, headers=headers) as client:
        network = Network(Caller(topup, client))
        async with nursery() as starts:
            for label in labels:
                await topup.start(crash_at=label, from_=starts)
                network.send()
                assert await topup.killed(within_s=PATIENCE_S), f"{label} was not passed: {topup.said()}"
                await topup.time_passes_while_dead()
        async with opened(topup) as database:
            traffic = await Traffic.found(database, ANN, BOB)
            await traffic.circle.give(BOB, 100)
        await topup.start()
        async with asyncio.timeout(PATIENCE_S):
            charged = sum(await asyncio.gather(*network.tasks))
            await until(lambda: topup.value(_WAITING), lambda left: left == 0, patience_s=PATIENCE_S)
    assert charged == len(labels) * CALLS
    async with opened(topup) as database:
        traffic = await Traffic.found(database, ANN, BOB)
        assert await traffic.has(ANN) == {"PHP": GIVEN - charged * 200}
        assert [name for name, _ in await traffic.told(BOB)] == ["used_up", "restored"]
        await traffic.is_sound()
    figures("G11", of="usage records and events", labels_hit=len(labels), charged=charged, wrong=0)
