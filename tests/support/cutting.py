"""A TCP proxy between a process and its PostgreSQL that cuts connections where it hurts."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_CHUNK = 2**16
_PATIENCE_S = 10.0


class Cut(StrEnum):
    """Where."""

    BEFORE_SEND = "before_send"
    """The server never hears of it."""
    BEFORE_ANSWER = "before_answer"
    """The server has done it, and nobody is told."""
    MID_ANSWER = "mid_answer"
    """Half of the answer arrives."""


@dataclass
class Proxy:
    """Cuts each kind with the given chance per request, while `cutting`; `cuts` counts."""

    url: str
    chance: random.Random
    share: float
    cutting: bool = False
    cuts: Counter[Cut] = field(default_factory=Counter)
    connections: int = 0

    def choose(self) -> Cut | None:
        if not self.cutting or self.chance.random() >= self.share:
            return None
        cut = self.chance.choice(list(Cut))
        self.cuts[cut] += 1
        return cut


@contextlib.asynccontextmanager
async def cut_off(url: str, *, share: float, seed: int) -> AsyncIterator[Proxy]:
    """A proxy on loopback before the server at `url`, which is reached by its socket in the file system."""
    upstream = conninfo_to_dict(url)
    path = f"{upstream['host']}/.s.PGSQL.{upstream.get('port', 5432)}"
    proxy = Proxy("", random.Random(seed), share)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.add(task)
        try:
            await _between(proxy, path, reader, writer)
        except (OSError, asyncio.CancelledError):
            # One side went away: what it means is for the other side to find out.
            return
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        proxy.url = make_conninfo(url, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")
        try:
            yield proxy
        finally:
            # Whoever connected is gone by now, so each of them ends by itself.
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class _Link:
    """A connection and its other half; a request at a time, as psycopg sends them."""

    proxy: Proxy
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    above: asyncio.StreamReader
    below: asyncio.StreamWriter
    due: Cut | None = None
    """What happens to the next answer."""

    async def requests(self) -> None:
        while data := await self.reader.read(_CHUNK):
            self.due = self.proxy.choose()
            if self.due is Cut.BEFORE_SEND:
                return
            self.below.write(data)
            await self.below.drain()

    async def answers(self) -> None:
        while data := await self.above.read(_CHUNK):
            if self.due is Cut.MID_ANSWER:
                data = data[: len(data) // 2]
            if self.due is not Cut.BEFORE_ANSWER:
                self.writer.write(data)
                await self.writer.drain()
            if self.due is not None:
                return


async def _between(proxy: Proxy, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry requests and answers until one side ends or a cut is due."""
    proxy.connections += 1
    link = _Link(proxy, reader, writer, *await asyncio.open_unix_connection(path))
    ways = [asyncio.create_task(link.answers()), asyncio.create_task(link.requests())]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in done:
            way.result()
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for side in (writer, link.below):
            side.close()
            with contextlib.suppress(OSError):
                # The other end may have gone first.
                await side.wait_closed()
