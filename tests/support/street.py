"""The way from providers to a desk: an address where their events arrive, heard in the test's own loop.

What is heard is kept. `open` is whether it is handed on to the desk at once; while the street is closed, the provider
is told that it was heard, and the test hands it on when it likes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.misbehaving import read_request
from topup.orders.desk import Desk

_PATIENCE_S = 20.0
Answer = tuple[int, str, bytes]


@dataclass(frozen=True)
class Notice:
    """One event as it came in."""

    method: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Street:
    """Made by `street()`; `desk` is given when it is there."""

    url: str = ""
    desk: Desk | None = None
    open: bool = True
    heard: list[Notice] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def hand_on(self, notice: Notice, desk: Desk | None = None) -> Answer:
        """Give it to the desk, as the web would."""
        desk = desk or self.desk
        return await desk.receive_event(method=notice.method, headers=notice.headers, body=notice.body)

    async def carry(self, notice: Notice) -> Answer | None:
        """What becomes of one that came in; None: its sender is hung up on."""
        if self.open:
            return await self.hand_on(notice)
        return self.desk._parts.gateways[notice.method].acknowledge()

    async def until(self, wanted: Callable[[Notice], bool], number: int = 1) -> list[Notice]:
        """The first `number` that are wanted; fails where they do not come."""
        async with asyncio.timeout(_PATIENCE_S), self._more:
            await self._more.wait_for(lambda: sum(map(wanted, self.heard)) >= number)
        return [notice for notice in self.heard if wanted(notice)][:number]

    async def serve(self, reader, writer) -> None:
        """One connection."""
        try:
            while True:
                head, _, body = (await read_request(reader)).partition(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                notice = Notice(first.split(" ")[1].rpartition("/")[2], headers, body)
                answer = await self.carry(notice)
                async with self._more:
                    self.heard.append(notice)
                    self._more.notify_all()
                if answer is None:
                    return
                status, kind, content = answer
                head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n"
                writer.write(head.encode() + content)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            """The sender went."""
        finally:
            writer.close()


@asynccontextmanager
async def listening(street: Street) -> AsyncIterator[Street]:
    """Have the street listen on loopback."""
    server = await asyncio.start_server(street.serve, "127.0.0.1", 0)
    street.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield street
    finally:
        server.close()
