"""Many journeys at once through deaths and starts of topup, until each is at its end."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field

import httpx

from tests.support.callers import Caller, Course, Journey, abroad, own
from tests.support.chaos import Topup
from tests.support.simulators import until
from tests.support.truth import Books, open_books, unfinished

_HASTE_S = 0.3
_HORIZON_AFTER_S = 4.0


@dataclass
class Crowd:
    """The people of one installation; `courses` are under way."""

    topup: Topup
    caller: Caller
    journeys: list[Journey] = field(default_factory=list)
    courses: list[asyncio.Task[None]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def send(self, kinds: Iterable[str | int]) -> None:
        """Send people on their way: a kind of callers.OWN, or an ending of a number abroad, each."""
        for kind in kinds:
            make = own if isinstance(kind, str) else abroad
            self._begin(*make(self.caller, kind, next(self.numbers)))

    def _begin(self, journey: Journey, course: Course) -> None:
        self.journeys.append(journey)
        self.courses.append(asyncio.create_task(course(journey), name=journey.kind))

    def complain(self) -> None:
        """Raise what a journey has raised."""
        for task in self.courses:
            if task.done() and task.exception() is not None:
                task.result()

    async def until_killed(self, *, patience_s: float) -> bool:
        """Let things happen, faster than they would, until topup dies; False where it does not."""
        async with hurried(self.topup):
            return await self.topup.killed(within_s=patience_s)

    async def settle(self, *, patience_s: float) -> Books:
        """Let a living topup finish everything; the books then. Fails with what is left after `patience_s`."""
        async with hurried(self.topup, years=True):
            try:
                async with asyncio.timeout(patience_s):
                    await asyncio.gather(*self.courses)
                    books = await until(lambda: open_books(self.topup), _is_done, patience_s=patience_s)
            except TimeoutError:
                waiting = [(j.kind, j.order_id, j.status) for j in self.journeys if j.status not in j.allowed]
                left = unfinished(await open_books(self.topup))
                raise AssertionError(f"not finished: {left}; people wait: {waiting}; {self.topup.said()}") from None
        return books


def _is_done(books: Books) -> bool:
    return not unfinished(books)


@contextlib.asynccontextmanager
async def crowd_of(topup: Topup) -> AsyncIterator[Crowd]:
    """A crowd that goes home at the end, wherever each of it is."""
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=topup.url, trust_env=False, timeout=30, limits=limits) as client:
        crowd = Crowd(topup, Caller(topup, client))
        try:
            yield crowd
        finally:
            for task in crowd.courses:
                task.cancel()
            await asyncio.gather(*crowd.courses, return_exceptions=True)


@contextlib.asynccontextmanager
async def hurried(topup: Topup, *, years: bool = False) -> AsyncIterator[None]:
    """Time passes quickly inside the block."""
    hurrying = asyncio.create_task(_hurry(topup, years=years))
    try:
        yield
    finally:
        hurrying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hurrying


async def _hurry(topup: Topup, *, years: bool) -> None:
    for beat in itertools.count(1):
        await asyncio.sleep(_HASTE_S)
        await topup.time_passes()
        if beat % 3 == 0:
            await topup.outside.hasten()
        if years and beat * _HASTE_S > _HORIZON_AFTER_S:
            await topup.days_pass_for_silent_carriers()
