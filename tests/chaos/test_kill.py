"""G11: a crash at any step is survived. topup is killed with -9 at every labelled point, one after another, each time
while it takes up what the kill before left lying; then everything must come to its end, and every book agree.
"""

import asyncio
import itertools
import random
from collections.abc import Sequence

import pytest

from tests.support.callers import OWN
from tests.support.chaos import Topup
from tests.support.crowd import Crowd, hurried
from tests.support.labels import labels_by_start, triggers_of
from tests.support.nursery import Nursery, nursery
from tests.support.truth import Books, wrongs
from topup_simulators.carrier.endings import Ending

pytestmark = pytest.mark.chaos

PATIENCE_S = 90.0
ROUNDS = 10
"""How often somebody is sent to pass a label: whether an event or a question comes first is chance."""
SLOW = {Ending.SILENT_DONE, Ending.SILENT_UNDONE}
"""Those keep a caller waiting for ten seconds: a few are enough."""
AGED = {"request_keys.before_forget", "request_keys.forgotten"}
ENDING = {"ledger.before_expire", "ledger.expired"}
SELDOM = ("ledger.", "bill.", "request_keys.before_forget", "request_keys.forgotten")
"""What runs once after a start and then for minutes not: there is no second passing to wait for."""
STRANGE = {"inbox.before_park", "inbox.after_park", "bill.before_list", "bill.after_list"}
OTHERS = [*OWN, *(ending for ending in range(80, 100) if ending not in SLOW), 0]


async def survive(topup: Topup, crowd: Crowd, labels: Sequence[str], *, passing: int = 1) -> Books:
    """Kill topup at each label's n-th passing, start it again, and let it finish at the end."""
    async with nursery() as starts:
        await _kill_at(topup, crowd, labels, passing=passing, starts=starts)
    await topup.start()
    crowd.send([Ending.SILENT_DONE])
    return await crowd.settle(patience_s=PATIENCE_S)


async def _kill_at(topup: Topup, crowd: Crowd, labels: Sequence[str], *, passing: int, starts: Nursery) -> None:
    others = itertools.cycle(OTHERS)
    for label in labels:
        if label in AGED:
            await topup.age_a_key()
        if label in ENDING:
            await topup.leave_a_due_bucket()
        times = 1 if label.startswith(SELDOM) else passing
        if label in STRANGE:
            for _ in range(times):
                await topup.outside.a_stranger_pays(topup.url)
        await topup.start(crash_at=f"{label}:{times}", from_=starts)
        for _ in range(times):
            crowd.send([next(others), next(others)])
        for _ in range(ROUNDS):
            crowd.send(triggers_of(label) * times)
            if await crowd.until_killed(patience_s=PATIENCE_S / ROUNDS):
                break
        else:
            raise AssertionError(f"{label} was not passed: {topup.said()}")
        crowd.complain()
        await topup.time_passes_while_dead()


HALVES = [pytest.param(half, marks=pytest.mark.xdist_group(f"chaos-{half}")) for half in (0, 1)]
"""Two chains side by side: as many as the usual machine has cores. In the second, payments begin with a call."""


def labels_of(topup: Topup, half: int) -> list[str]:
    """The labels of a half, for an installation that begins payments as the half does."""
    if half == 1:
        topup.outside.starts_by_call()
    return labels_by_start()[half]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("half", HALVES)
async def test_a_kill_at_any_step_is_survived(topup, crowd, figures, half):
    labels = labels_of(topup, half)
    books = await survive(topup, crowd, labels)
    assert wrongs(books, crowd.journeys) == []
    of_all = sum(map(len, labels_by_start()))
    figures("G11", half=half, labels_hit=len(labels), of_all=of_all, orders=len(books.orders), wrong=0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("passing", [2, 3, 4, 5])
@pytest.mark.parametrize("half", HALVES)
async def test_a_kill_at_a_later_passing_is_survived(topup, crowd, figures, half, passing):
    labels = labels_of(topup, half)
    books = await survive(topup, crowd, labels, passing=passing)
    assert wrongs(books, crowd.journeys) == []
    figures("G11", half=half, passing=passing, labels_hit=len(labels), orders=len(books.orders), wrong=0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("half", HALVES)
async def test_a_kill_at_any_instant_is_survived(topup, crowd, figures, half):
    """Where no label stands: at random instants, some before topup serves at all."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kills = 40
    async with nursery() as starts:
        for _ in range(kills):
            crowd.send(chance.choices(OTHERS, k=6))
            await topup.launch(from_=starts)
            starting = asyncio.create_task(topup.serves(may_die=True))
            async with hurried(topup):
                await asyncio.sleep(chance.uniform(0.1, 3.0))
                await topup.kill()
            await starting
            crowd.complain()
            await topup.time_passes_while_dead()
    await topup.start()
    books = await crowd.settle(patience_s=PATIENCE_S)
    assert wrongs(books, crowd.journeys) == []
    figures("G11", half=half, kills_at_random=kills, orders=len(books.orders), wrong=0)
