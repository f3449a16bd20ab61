"""G11 for usage that is charged as it goes on: topup is killed with -9 at every labelled point of a session's life,
while the network repeats each request until it is answered. Each report is charged once, nothing stays held.
"""

import asyncio
import itertools

import httpx
import pytest

from tests.chaos.test_usage_kill import opened
from tests.support.callers import Caller
from tests.support.labels import usage_labels
from tests.support.nursery import nursery
from tests.support.simulators import until
from tests.support.usage import ANN, BOB, Traffic
from tests.support.usage_sessions import MB, UNCAPPED
from topup.people.operations import create_key
from topup.people.permissions import Role

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

PATIENCE_S = 60.0
_LOOK_S = 5.0
GIVEN = 10_000_000
ROOT = "/api/v1/usage/sessions"
UPDATES = 6
_SILENT = "UPDATE charging.usage_sessions SET look_at = now(), deadline = now() WHERE line_id = %s AND state = 'open'"
_OLD = """
INSERT INTO charging.usage_sessions (lane, id, line_id, msisdn, carrier_id, catalogue_version, opened_by, client_key,
    opening, began_at, state, sequence, fingerprint, answer, meters, opened_at, deadline, closed_at)
SELECT 3, 'ses_' || n, 'lin_x', '+630000000', 'acme', 1, 'key:x', 'key:' || n, '', now(), 'released', 0, '', '', '[]',
    now(), now(), now() - interval '8 days'
FROM (SELECT gen_random_uuid()::text AS n)
"""
"""A session that ended a week ago."""
_FORGOTTEN = "SELECT count(*) FROM charging.usage_sessions WHERE msisdn = '+630000000'"
_OPEN = "SELECT count(*) FROM charging.usage_sessions WHERE state = 'open'"


async def furnish(topup) -> str:
    """ANN and BOB, who have much, and the secret of the network's key."""
    async with opened(topup) as database:
        traffic = await Traffic.of(database, UNCAPPED)
        await traffic.open(ANN, BOB, main=GIVEN)
        async with database.transaction() as transaction:
            made = await create_key(transaction.connection, role=Role.NETWORK, label="test", now=transaction.now)
    return made.secret


class Network:
    """A packet gateway: sessions of ANN that it ends, and of BOB of which it says no more."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._numbers = itertools.count()
        self.tasks: list[asyncio.Task] = []

    def send(self) -> None:
        self.tasks += [asyncio.create_task(self._whole()), asyncio.create_task(self._silent())]

    async def _open(self, number: str) -> str:
        body = {
            "number": number,
            "session_id": f"pgw;{next(self._numbers)}",
            "services": [{"service": "data", "requested": MB}],
        }
        said = await self._caller.get("POST", ROOT, body)
        assert said["services"][0]["granted"] == MB
        return said["id"]

    async def _whole(self) -> int:
        session = await self._open(ANN)
        for sequence in range(1, UPDATES + 1):
            update = {"sequence": sequence, "services": [{"used": MB, "requested": MB}]}
            said = await self._caller.get("POST", f"{ROOT}/{session}/update", update)
            assert said == await self._caller.get("POST", f"{ROOT}/{session}/update", update)
            assert said["services"][0]["cost"] == [{"asset": "PHP", "amount": 50 * sequence}]
        said = await self._caller.get("POST", f"{ROOT}/{session}/release", {"sequence": UPDATES + 1})
        assert (said["status"], said["services"][0]["used"]) == ("released", UPDATES * MB)
        return UPDATES * 50

    async def _silent(self) -> int:
        session = await self._open(BOB)
        update = {"sequence": 1, "services": [{"used": MB, "requested": MB}]}
        answer = await self._caller.ask("POST", f"{ROOT}/{session}/update", update)
        # Made silent by the test before it could report: then it cost nothing.
        return 50 if answer.is_success else 0


@pytest.mark.timeout(600)
async def test_a_kill_at_any_step_of_a_session_is_survived(topup, figures):
    labels = usage_labels(of="sessions")
    assert len(labels) == 6
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
                assert await killed_at_last(topup), f"{label} was not passed: {topup.said()[-200:]}"
                await topup.time_passes_while_dead()
                await silence_bob(topup)
                await topup.sql(_OLD)
        await topup.start()
        async with asyncio.timeout(PATIENCE_S):
            charged = sum(await asyncio.gather(*network.tasks))
            await silence_bob(topup)
            await until(lambda: topup.value(_OPEN), lambda left: left == 0, patience_s=PATIENCE_S)
            await until(lambda: topup.value(_FORGOTTEN), lambda left: left == 0, patience_s=PATIENCE_S)
    async with opened(topup) as database:
        traffic = await Traffic.found(database, ANN, BOB)
        left = [(await traffic.has(number))["PHP"] for number in (ANN, BOB)]
        assert 2 * GIVEN - sum(left) == charged
        assert left[0] == GIVEN - len(labels) * UPDATES * 50
        assert await traffic.rows("SELECT id FROM ledger.holds WHERE state = 'open'") == []
        await traffic.is_sound()
    figures("G11", of="sessions of usage", labels_hit=len(labels), charged_minor=charged, wrong=0)


async def killed_at_last(topup) -> bool:
    """Wait until it was killed. BOB's sessions fall silent meanwhile: one that was opened only now would outlive it."""
    for _ in range(int(PATIENCE_S / _LOOK_S)):
        if await topup.killed(within_s=_LOOK_S):
            return True
        await silence_bob(topup)
    return False


async def silence_bob(topup) -> None:
    """Nobody speaks of BOB's sessions any more, and their time has come."""
    async with opened(topup) as database:
        line = (await Traffic.found(database, BOB)).circle.lines[BOB]
        async with database.transaction() as transaction:
            await transaction.connection.execute(_SILENT, [line.id])
