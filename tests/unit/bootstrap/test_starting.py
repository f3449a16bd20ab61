"""Starts that run beside each other: where one fails, the end of the others is not told as a defect."""

import asyncio

from topup.bootstrap import serving


async def test_a_start_that_fails_when_it_is_called_off_is_told_to_nobody():
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["message"]))

    async def start():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise RuntimeError("the simulator did not come up") from None

    beside = asyncio.create_task(start())
    await asyncio.sleep(0)
    await serving._settled(beside)
    del beside
    await asyncio.sleep(0)
    assert told == []
