"""G11 for credit that staff and programs move: topup is killed with -9 at every labelled point of a share and an
adjustment, while callers repeat themselves under their keys; then all of it is at its end, and each happened once.
"""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.callers import Caller
from tests.support.database import settings_for
from tests.support.labels import credit_labels
from tests.support.nursery import nursery
from tests.support.sharing import ANA, SMART, Circle
from tests.support.simulators import until
from topup.ledger.audit import audit
from topup.people.operations import create_key
from topup.people.permissions import Role
from topup.platform.database import Database

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

PATIENCE_S = 60.0
# Of 30 there is room with everybody once, of 60 never: that goes back.
FILE = SMART.read_bytes().replace(
    b"[clocks.number]", b'[[caps]]\nasset = "CREDIT"\nkind = "shared"\namount = 50\n\n[clocks.number]'
)
OTHERS = [f"+63918{n:07}" for n in range(1_000_000, 1_000_200)]
GIVEN = 10_000_000
_DUE = "UPDATE charging.shares SET act_at = now() WHERE act_at IS NOT NULL"
_OPEN = "SELECT count(*) FROM charging.shares WHERE act_at IS NOT NULL"


@contextlib.asynccontextmanager
async def opened(topup) -> AsyncIterator[Database]:
    async with Database.open(settings=settings_for(topup.database), migrating=False) as database:
        yield database


async def furnish(topup) -> str:
    """A carrier whose lines share credit, ANA who has some, and the secret of a key."""
    async with opened(topup) as database:
        circle = await Circle.of(database, FILE)
        await circle.open(ANA, main=GIVEN)
        await circle.open(*OTHERS)
        async with database.transaction() as transaction:
            made = await create_key(transaction.connection, role=Role.OPERATOR, label="test", now=transaction.now)
    return made.secret


class Callers:
    """Programs that share and adjust, each until it is answered."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._numbers = itertools.count()
        self.tasks: list[asyncio.Task] = []

    def send(self) -> None:
        """One of each: a share that arrives, one that goes back, an adjustment."""
        for wish in (self._share(3000), self._share(6000), self._adjust(-700)):
            self.tasks.append(asyncio.create_task(wish))

    async def _share(self, amount: int) -> str:
        number = next(self._numbers)
        body = {"to": OTHERS[number], "amount": {"amount_minor": amount, "currency": "PHP"}}
        said = await self._caller.get("POST", f"/api/v1/lines/{ANA}/shares", body, key=f"share-{number}")
        wanted = "shared" if amount == 3000 else "returned"
        assert said["status"] == wanted, said
        assert await self._caller.get("GET", f"/api/v1/shares/{said['id']}") == said
        return wanted

    async def _adjust(self, amount: int) -> str:
        body = {"amount": {"amount_minor": amount, "currency": "PHP"}, "reason": "correction"}
        path = f"/api/v1/lines/{ANA}/adjustments"
        said = await self._caller.get("POST", path, body, key=f"adjust-{next(self._numbers)}")
        assert said["status"] == "posted", said
        return "adjusted"


@pytest.mark.timeout(600)
async def test_a_kill_at_any_step_of_a_share_or_an_adjustment_is_survived(topup, figures):
    labels = credit_labels()
    assert len(labels) >= 16
    await topup.start()
    secret = await furnish(topup)
    await topup.kill()
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=topup.url, trust_env=False, timeout=30, headers=headers) as client:
        callers = Callers(Caller(topup, client))
        async with nursery() as starts:
            for label in labels:
                await topup.start(crash_at=label, from_=starts)
                callers.send()
                assert await topup.killed(within_s=PATIENCE_S), f"{label} was not passed: {topup.said()}"
                await topup.time_passes_while_dead()
                await topup.sql(_DUE)
        await topup.start()
        async with asyncio.timeout(PATIENCE_S):
            ends = Counter(await asyncio.gather(*callers.tasks))
            await until(lambda: topup.value(_OPEN), lambda left: left == 0, patience_s=PATIENCE_S)
    assert ends == dict.fromkeys(("shared", "returned", "adjusted"), len(labels))
    async with opened(topup) as database:
        circle = await Circle.found(database, ANA, *OTHERS)
        await circle.all_done()
        async with database.read() as transaction:
            assert (await audit(transaction.connection)).sound
        assert await circle.has(ANA) == {"main": GIVEN - len(labels) * (3100 + 700)}
        got = [await circle.has(number) for number in OTHERS]
        assert Counter(map(str, got)) == {"{'shared': 3000}": len(labels), "{}": len(OTHERS) - len(labels)}
        assert await circle.house("fees") == len(labels) * 100
        assert await circle.house("adjustments") == len(labels) * 700
    figures("G11", of="shares and adjustments", labels_hit=len(labels), done=sum(ends.values()), wrong=0)
