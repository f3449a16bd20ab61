"""Supervised sweeps: what must happen some time later is a due time in a row, and a sweep takes the rows that are due.

A sweep runs again at once while it finds full batches, waits its interval when it has caught up, waits longer and
longer while it fails, and never ends before it is told to. It survives the database going away and coming back. Several
processes may sweep the same rows: each run takes its rows with `FOR UPDATE SKIP LOCKED`.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from topup.kernel.errors import Problem

LONGEST_PAUSE_S: Final = 30.0
"""The longest a failing sweep waits before it tries again: recovery is noticed within it."""
STOP_WITHIN_S: Final = 5.0
"""How long a run under way may finish in when the process stops; whatever it holds is given back by the database."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One recurring task: `run` handles what is due and gives how many that were.

    It runs every `interval_s` seconds, and again at once after a run that handled `batch` or more.
    """

    name: str
    interval_s: float
    run: Callable[[], Awaitable[int]]
    batch: int = 100


@dataclass(slots=True)
class Standing:
    """How a sweep is doing: when it last succeeded (monotonic seconds; None: not yet), and its failures since."""

    last_success_s: float | None = None
    failures: int = 0
    handled: int = 0


@dataclass(slots=True)
class Metrics:
    """What operators see of the sweeps, by name."""

    registry: CollectorRegistry = field(default_factory=lambda: REGISTRY)
    handled: Counter = field(init=False)
    errors: Counter = field(init=False)
    succeeded_at: Gauge = field(init=False)

    def __post_init__(self) -> None:
        names = ["sweep"]
        self.handled = Counter("topup_sweep_handled", "Rows handled by sweeps", names, registry=self.registry)
        self.errors = Counter("topup_sweep_errors", "Runs of sweeps that failed", names, registry=self.registry)
        self.succeeded_at = Gauge(
            "topup_sweep_succeeded_timestamp_seconds", "When each sweep last succeeded", names, registry=self.registry
        )


class Supervisor:
    """Runs sweeps side by side until `stop`. Raises ValueError when two have one name."""

    def __init__(self, sweeps: Sequence[Sweep], *, metrics: Metrics) -> None:
        if len({sweep.name for sweep in sweeps}) != len(sweeps):
            raise ValueError("two sweeps of one name")
        self._sweeps = tuple(sweeps)
        self._metrics = metrics
        self._stopping = asyncio.Event()
        self._nudges = {sweep.name: asyncio.Event() for sweep in sweeps}
        self.standings = {sweep.name: Standing() for sweep in sweeps}

    async def run(self) -> None:
        """Run until `stop`; a run under way then gets STOP_WITHIN_S to finish."""
        tasks = [asyncio.create_task(self._keep_running(sweep), name=f"sweep-{sweep.name}") for sweep in self._sweeps]
        try:
            await self._stopping.wait()
            if tasks:
                await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """Begin no more runs."""
        self._stopping.set()
        for nudge in self._nudges.values():
            nudge.set()

    def nudge(self, name: str) -> None:
        """Let a waiting sweep run now: its rows became due."""
        self._nudges[name].set()

    async def _keep_running(self, sweep: Sweep) -> None:
        # Sweeps of several processes started together should not meet at the same rows for ever.
        pause_s = random.uniform(0, min(sweep.interval_s, 1.0))  # noqa: S311 - nothing secret
        while not self._stopping.is_set():
            await self._pause(sweep, pause_s)
            if not self._stopping.is_set():
                pause_s = await self._run_once(sweep)

    async def _run_once(self, sweep: Sweep) -> float:
        """Run, note how it went, and give the pause before the next run in seconds."""
        standing = self.standings[sweep.name]
        try:
            handled = await sweep.run()
        except Exception as error:  # noqa: BLE001 - a supervisor survives whatever its sweeps raise, and says so
            standing.failures += 1
            self._metrics.errors.labels(sweep.name).inc()
            code = error.code if isinstance(error, Problem) else type(error).__name__
            report = _log.warning if isinstance(error, Problem) else _log.exception
            report("sweep_failed", sweep=sweep.name, error=code, failures=standing.failures)
            return min(max(sweep.interval_s, 0.1) * 2.0 ** min(standing.failures, 10), LONGEST_PAUSE_S)
        standing.failures = 0
        standing.handled += handled
        standing.last_success_s = time.monotonic()
        self._metrics.handled.labels(sweep.name).inc(handled)
        self._metrics.succeeded_at.labels(sweep.name).set_to_current_time()
        return 0.0 if handled >= sweep.batch else sweep.interval_s

    async def _pause(self, sweep: Sweep, pause_s: float) -> None:
        """Wait, unless nudged or stopped; always let the others have their turn."""
        nudge = self._nudges[sweep.name]
        if pause_s <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(pause_s):
                await nudge.wait()
        except TimeoutError:
            pass
        if not self._stopping.is_set():
            nudge.clear()
