"""Sweeps: run again at once while busy, survive failures, stop cleanly."""

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from topup.kernel.errors import Unavailable
from topup.platform import jobs
from topup.platform.jobs import Metrics, Supervisor, Sweep


def supervise(*sweeps: Sweep) -> Supervisor:
    return Supervisor(sweeps, metrics=Metrics(CollectorRegistry()))


class Work:
    """A sweep's `run` that follows a script: numbers are given, exceptions raised; then the supervisor is stopped."""

    def __init__(self, *script: int | Exception) -> None:
        self.script = list(script)
        self.runs = 0
        self.stop: Callable[[], None] = lambda: None

    async def __call__(self) -> int:
        step = self.script[self.runs]
        self.runs += 1
        if self.runs == len(self.script):
            self.stop()
        if isinstance(step, Exception):
            raise step
        return step


async def run_script(*script: int | Exception, interval_s: float = 3600.0, batch: int = 10) -> tuple[Work, Supervisor]:
    work = Work(*script)
    supervisor = supervise(Sweep("work", interval_s, work, batch))
    work.stop = supervisor.stop
    supervisor.nudge("work")
    await asyncio.wait_for(supervisor.run(), 20)
    return work, supervisor


async def test_a_full_batch_is_followed_at_once_by_the_next_run() -> None:
    work, supervisor = await run_script(10, 10, 12, 10)
    assert work.runs == 4
    assert supervisor.standings["work"].handled == 42


async def test_a_sweep_that_caught_up_waits_for_its_interval_or_a_nudge() -> None:
    work = Work(3, 0)
    supervisor = supervise(Sweep("work", 3600.0, work, batch=10))
    work.stop = supervisor.stop
    running = asyncio.create_task(supervisor.run())
    supervisor.nudge("work")
    while work.runs < 1:  # noqa: ASYNC110 - a turn of the loop at a time
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert work.runs == 1
    supervisor.nudge("work")
    await asyncio.wait_for(running, 20)
    assert work.runs == 2


async def test_failures_of_either_kind_are_counted_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LONGEST_PAUSE_S", 0.01)
    work, supervisor = await run_script(Unavailable("database_lost"), ValueError("a defect"), 5)
    assert work.runs == 3
    assert supervisor.standings["work"].failures == 0
    assert supervisor.standings["work"].last_success_s is not None
    assert supervisor._metrics.errors.labels("work")._value.get() == 2


async def test_a_failing_sweep_waits_longer_each_time_up_to_the_limit() -> None:
    async def fail() -> int:
        raise Unavailable("database_lost")

    sweep = Sweep("work", 1.0, fail)
    supervisor = supervise(sweep)
    pauses = [await supervisor._run_once(sweep) for _ in range(8)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 2.0
    assert pauses[-1] == jobs.LONGEST_PAUSE_S


async def test_one_failing_sweep_does_not_hold_up_another() -> None:
    async def fail() -> int:
        raise ValueError("poison")

    work = Work(10, 10, 1)
    supervisor = supervise(Sweep("poison", 0.01, fail), Sweep("work", 0.01, work, 10))
    work.stop = supervisor.stop
    await asyncio.wait_for(supervisor.run(), 20)
    assert work.runs == 3


async def test_stopping_lets_the_run_under_way_finish() -> None:
    begun, finished = asyncio.Event(), asyncio.Event()

    async def run() -> int:
        begun.set()
        await asyncio.sleep(0.05)
        finished.set()
        return 1

    supervisor = supervise(Sweep("work", 3600.0, run))
    running = asyncio.create_task(supervisor.run())
    supervisor.nudge("work")
    await begun.wait()
    supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert finished.is_set()


async def test_a_run_that_does_not_end_is_cut_short_at_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "STOP_WITHIN_S", 0.05)
    begun = asyncio.Event()

    async def run() -> int:
        begun.set()
        await asyncio.Event().wait()
        return 1

    supervisor = supervise(Sweep("work", 3600.0, run))
    running = asyncio.create_task(supervisor.run())
    supervisor.nudge("work")
    await begun.wait()
    supervisor.stop()
    await asyncio.wait_for(running, 20)


def test_two_sweeps_may_not_share_a_name() -> None:
    async def run() -> int:
        return 0

    with pytest.raises(ValueError, match="two sweeps"):
        supervise(Sweep("work", 1.0, run), Sweep("work", 1.0, run))
