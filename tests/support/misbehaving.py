"""A server on loopback that does to each connection what a test scripts: every way a call can go wrong."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager, suppress

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def read_request(reader) -> bytes:
    """One request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0]) if lengths else 0)


def saying(answer: bytes) -> Script:
    """Reads the request, says these bytes, closes."""

    async def script(reader, writer):
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    return script


def with_body(body: bytes, *, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, headers, len(body), body)


async def close_before_reading(_reader, _writer):
    """Accepts, and closes without having read."""


async def read_and_close(reader, _writer):
    await read_request(reader)


async def read_and_reset(reader, writer):
    await read_request(reader)
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def never_answer(reader, _writer):
    await read_request(reader)
    await reader.read()  # until the caller leaves


half_an_answer = saying(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this")
half_a_head = saying(b"HTTP/1.1 200 OK\r\ncontent-le")
garbage = saying(b"\x00\x01\x02 what is this\r\n\r\n")
not_json = saying(with_body(b"<html>Bad gateway</html>", headers=b"content-type: application/json\r\n"))
empty_object = saying(with_body(b"{}"))
broken = saying(with_body(b"oops", status=b"500 Internal Server Error"))
redirected = saying(with_body(b"", status=b"302 Found", headers=b"location: http://127.0.0.1:1/elsewhere\r\n"))
oversize = saying(with_body(b"x" * 2_000_000))
unsigned_success = saying(with_body(b'{"code":"OK","status":"paid","reference":"X","payment_id":"x"}'))

AFTER_SENDING: dict[str, Script] = {
    "closes before reading": close_before_reading,
    "reads and closes": read_and_close,
    "reads and resets": read_and_reset,
    "never answers": never_answer,
    "half an answer": half_an_answer,
    "half a head": half_a_head,
    "garbage": garbage,
    "oversize": oversize,
}
"""Ways after which nobody can know whether it was done."""

NOT_UNDERSTOOD: dict[str, Script] = {
    "no JSON": not_json,
    "an empty object": empty_object,
    "500": broken,
    "a redirect": redirected,
    "an unsigned success": unsigned_success,
}
"""Whole answers that say nothing one may believe."""


@asynccontextmanager
async def misbehaving(script: Script):
    """Gives the address and the list of requests' counts; `script` gets every connection."""
    served: list[int] = []
    tasks: set[asyncio.Task] = set()

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        served.append(1)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await script(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def refused_address():
    """An address of this machine that refuses: bound, so that nobody else takes it, but not listened to."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}"
