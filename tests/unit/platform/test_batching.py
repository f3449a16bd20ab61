"""Whoever gathers waits no longer than the timer, by whatever clock the loop goes."""

import asyncio
from types import SimpleNamespace

import pytest
import uvloop

from topup.platform.batching import Batching


class Slow(Batching):
    """Answers with what it was asked, after some milliseconds."""

    def __init__(self):
        super().__init__(SimpleNamespace(turns=asyncio.Semaphore(1)), "test", cap=8, queue_limit=8, gathers=True)

    async def _once(self, items):
        await asyncio.sleep(0.005)
        return items

    async def _disconnect(self):
        pass


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_comes_back_alone_after_several_were_answered_is_answered(loop):
    """Servers run on uvloop, whose timers and clock count whole milliseconds: a timer may come before its time."""

    async def comes_back_alone():
        batcher = Slow()
        for _ in range(40):
            await asyncio.gather(*(batcher.submit(item) for item in range(3)))
            async with asyncio.timeout(5):
                assert await batcher.submit(3) == 3
        await batcher.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(comes_back_alone())
