"""A small HTTP/1.1 server that can also misbehave.

A web framework would not let a handler hang up after reading, send half an answer or stay silent: misbehaving on
demand is what this server is for. Requests are parsed by httptools. It listens on the loopback address only.
"""

import asyncio
import contextlib
import http
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, urlsplit

import httptools

_LARGEST_REQUEST: Final = 1_048_576
_CHUNK: Final = 65_536
_IDLE_S: Final = 30.0
_LONGEST_SILENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` is decoded, `target` is as it came; header names are lower case, and the last of two wins."""

    method: str
    target: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, sent whole."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Misbehaviour(StrEnum):
    """What a handler may do instead of answering."""

    HANG_UP = "hang_up"
    """The request was read; the connection closes without a byte."""
    SILENCE = "silence"
    """The request was read; nothing comes until the caller leaves."""


Handler = Callable[[Request], Awaitable[Answer | Misbehaviour]]


class _Gathered:
    """httptools' callbacks: gathers the parts of requests and keeps the finished ones."""

    def __init__(self) -> None:
        self.finished: list[Request] = []
        self.keep_alive = True
        self.parser = httptools.HttpRequestParser(self)
        self._begin()

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        target = self._url.decode("latin-1")
        parts = urlsplit(target)
        method = self.parser.get_method().decode("latin-1")
        self.keep_alive = self.parser.should_keep_alive()
        self.finished.append(
            Request(method, target, unquote(parts.path), parts.query, self._headers, bytes(self._body))
        )

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()


class Server:
    """Serves `handler` on 127.0.0.1."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> int:
        """Listen; 0 lets the system choose. Gives the port. Raises OSError where it is taken."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port, backlog=512)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no more and drop every connection."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        self._connections.add(task)
        try:
            # A caller that leaves in the middle is everyday life, not an error of ours.
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gathered = _Gathered()
        size = 0
        while gathered.keep_alive:
            async with asyncio.timeout(_IDLE_S):
                chunk = await reader.read(_CHUNK)
            size += len(chunk)
            if not chunk or size > _LARGEST_REQUEST:
                return
            try:
                gathered.parser.feed_data(chunk)
            except httptools.HttpParserError:
                writer.write(_spell(Answer(400, b'{"code":"NOT_HTTP"}'), keep_alive=False))
                await writer.drain()
                return
            while gathered.finished:
                size = 0
                reply = await self._reply(gathered.finished.pop(0))
                if isinstance(reply, Misbehaviour):
                    await _misbehave(reply, reader)
                    return
                writer.write(_spell(reply, keep_alive=gathered.keep_alive))
                await writer.drain()

    async def _reply(self, request: Request) -> Answer | Misbehaviour:
        try:
            return await self._handler(request)
        except Exception as error:  # noqa: BLE001 - a defect of ours looks to the caller as a broken gateway would
            sys.stderr.write(f"{request.method} {request.path.split('/')[1]} failed: {type(error).__name__}: {error}\n")
            return Answer(500, b"broken", "text/plain")


async def _misbehave(misbehaviour: Misbehaviour, reader: asyncio.StreamReader) -> None:
    if misbehaviour is Misbehaviour.SILENCE:
        async with asyncio.timeout(_LONGEST_SILENCE_S):
            await reader.read()


def _spell(answer: Answer, *, keep_alive: bool) -> bytes:
    head = [
        f"HTTP/1.1 {answer.status} {http.HTTPStatus(answer.status).phrase}",
        f"content-type: {answer.content_type}",
        f"content-length: {len(answer.body)}",
        f"connection: {'keep-alive' if keep_alive else 'close'}",
        "x-content-type-options: nosniff",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + answer.body
