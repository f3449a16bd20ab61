"""A small HTTP/1.1 client for load: one keep-alive connection, one request at a time, as little work as can be.

The load generator shares the machine with what it measures, so what it costs is taken from the result.
"""

import asyncio
from typing import Final, cast

_END: Final = b"\r\n\r\n"


class Refused(RuntimeError):
    """The server did not answer as the flow expects; holds the status and the beginning of the body."""


class Connection(asyncio.Protocol):
    """One connection to the server under load."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def to(cls, port: int) -> "Connection":
        """A connection to the loopback port."""
        _, protocol = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return protocol

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    async def post(self, path: str, body: bytes, *headers: str) -> bytes:
        """The body of the answer to a POST; raises Refused unless its status is 2xx."""
        lines = "".join(f"{header}\r\n" for header in headers)
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n{lines}\r\n"
        )
        return await self._send(head.encode() + body)

    async def get(self, path: str) -> bytes:
        """The body of the answer to a GET; raises Refused unless its status is 2xx."""
        return await self._send(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())

    async def _send(self, request: bytes) -> bytes:
        if self._transport is None:
            raise Refused("the connection is closed")
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        status, body = await self._waiter
        if status // 100 != 2:  # noqa: PLR2004 - the class of success
            raise Refused(f"{status} {body[:200]!r}")
        return body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports are asyncio's by behaviour, not by descent.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits hears of it."""
        self._transport = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Refused(f"the connection was lost: {exc}"))

    def data_received(self, data: bytes) -> None:
        """Gather until the answer is whole."""
        self._buffer += data
        head, found, rest = self._buffer.partition(_END)
        if not found:
            return
        length = _content_length(head)
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result((int(head[9:12]), rest[:length]))


def _content_length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"content-length:")
    if start < 0:
        return 0
    end = lower.find(b"\r", start)
    return int(lower[start + 15 : end if end >= 0 else None])
