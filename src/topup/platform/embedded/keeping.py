"""Keeping the embedded server alive while we use it: one that was killed is started again by those it left behind.

Every process that uses it watches it, so it comes back whichever of them is there. They meet at the gate: the first
starts it, the others find it running. There are never two, as PostgreSQL itself sees to it that a cluster has one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from topup.kernel.errors import Unavailable
from topup.platform.embedded.server import Condition, EmbeddedServer

LONGEST_PAUSE_S: Final = 30.0
"""Between two tries to start it: a disk that has room again is noticed within it."""

_LOOK_EVERY_S: Final = 0.25
_GRACE_S: Final = 3.0
"""Whoever stopped it in order may be about to start it: `pg_ctl restart` does."""
_FIRST_PAUSE_S: Final = 0.5
_STEADY_S: Final = 60.0
"""One that ran so long is no longer one that ends again and again."""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def kept(server: EmbeddedServer, *, on_return: Callable[[], None]) -> AsyncIterator[None]:
    """Bring `server` back whenever it is gone, while the block runs; `on_return` is called when it is there again.

    It goes on for as long as it is wanted, with pauses that grow up to LONGEST_PAUSE_S: it knows of nobody to give up
    to. A start under way when the block ends is waited for, as it would go on behind our back.
    """
    keeper = Keeper(server, on_return)
    keeping = asyncio.create_task(keeper.run(), name="database-keeper")
    try:
        yield
    finally:
        keeper.stopping.set()
        await keeping


class Keeper:
    """Watches one server until `stopping` is set."""

    def __init__(self, server: EmbeddedServer, on_return: Callable[[], None]) -> None:
        self.stopping = asyncio.Event()
        self._server = server
        self._on_return = on_return
        self.tries = 0
        """Since it last ran for long."""
        self._returned_at_s = 0.0

    async def run(self) -> None:
        """Look, and start it where it is gone, until told to stop."""
        while not await self._stopped_within(_LOOK_EVERY_S):
            if await self._is_gone():
                await self._bring_back()

    async def _is_gone(self) -> bool:
        """Whether it died; of one that was stopped in order, only when nobody started it again."""
        condition = await asyncio.to_thread(self._server.condition)
        if condition is Condition.STOPPED:
            await self._stopped_within(_GRACE_S)
            condition = await asyncio.to_thread(self._server.condition)
        return condition is not Condition.ALIVE and not self.stopping.is_set()

    async def _bring_back(self) -> None:
        """Try until it is there, or we are told to stop."""
        if time.monotonic() - self._returned_at_s > _STEADY_S:
            self.tries = 0
        begun = time.monotonic()
        _log.warning("database_gone", tries=self.tries)
        while not await self._stopped_within(self.pause_s()):
            self.tries += 1
            try:
                by_us = await asyncio.to_thread(self._server.revive)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may find it mended
                code = error.code if isinstance(error, Unavailable) else type(error).__name__
                _log.error("database_start_failed", error=code, tries=self.tries, again_in_s=self.pause_s())
                continue
            self._returned_at_s = time.monotonic()
            _log.warning("database_back", by_us=by_us, seconds=round(self._returned_at_s - begun, 2))
            self._on_return()
            return

    def pause_s(self) -> float:
        """Before the next try, in seconds: none before the first, then doubling up to LONGEST_PAUSE_S."""
        return min(_FIRST_PAUSE_S * 2.0 ** min(self.tries - 1, 10), LONGEST_PAUSE_S) if self.tries else 0.0

    async def _stopped_within(self, pause_s: float) -> bool:
        try:
            async with asyncio.timeout(pause_s):
                await self.stopping.wait()
        except TimeoutError:
            pass
        return self.stopping.is_set()
