"""Calls to the outside under way: bounded in number, and whoever is slow to answer keeps nobody else waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import structlog

from topup.kernel.errors import Problem

MOST: Final = 100
"""Calls of one kind under way at once."""
END_S: Final = 5.0
"""How long calls may still take when the process stops; what is cut off is asked about once its lease is over."""

_log: Final = structlog.get_logger(__name__)

Thing = TypeVar("Thing")


class Calls:
    """The calls of one kind. Whoever takes things to call about takes no more than there is `room` for."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def room(self) -> int:
        """How many may be begun now."""
        return self._most - len(self._tasks)

    async def make(
        self, things: Sequence[Thing], call: Callable[[Thing], Awaitable[None]], *, patience_s: float | None
    ) -> None:
        """Call about each; back when all have answered, or after `patience_s`: slow ones then go on by themselves."""
        begun = [asyncio.create_task(_one(thing, call)) for thing in things]
        for task in begun:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if begun:
            await asyncio.wait(begun, timeout=patience_s)

    async def aclose(self) -> None:
        """Wait a little for what is under way, and cut off the rest."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=END_S)
        rest = list(self._tasks)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


async def _one(thing: Thing, call: Callable[[Thing], Awaitable[None]]) -> None:
    """What fails is logged and left to its lease: it comes due again."""
    try:
        await call(thing)
    except Problem as problem:
        _log.warning("outside_call_left", code=problem.code)
    except Exception:  # noqa: BLE001 - one thing's defect must not stop the others; it is logged
        _log.exception("outside_call_failed")
