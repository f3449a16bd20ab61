"""The short way: which requests take it, and what their connection is spared."""

import asyncio
import contextlib
import gc

import pytest
from litestar import get, post
from litestar.params import FromPath
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tests.support.serving import free_socket, serving
from topup.platform.settings import Settings
from topup.platform.web import WebSettings, application, read_body
from topup.platform.web.answers import WHOLE, Answer, answer
from topup.platform.web.edge import AnyRequest
from topup.platform.web.shortcuts import SHORTCUT

END = b"\r\n\r\n"


@get("/things/{thing:str}/parts/{part:str}", opt=dict(SHORTCUT))
async def part_of(request: AnyRequest, thing: FromPath[str], part: FromPath[str]) -> Answer:
    return answer(f"{thing}|{part}|{'route_handler' in request.scope}".encode(), media_type="text/plain")


@post("/length", opt=dict(SHORTCUT))
async def length(request: AnyRequest) -> Answer:
    offered = request.scope["extensions"][WHOLE].body() is not None
    return answer(f"{len(await read_body(request))} {offered}".encode(), status=201)


@pytest.fixture
async def port():
    app = application(
        routers=[part_of, length], settings=Settings(), web_settings=WebSettings(body_limit_bytes=200_000)
    )
    async with serving(app, free_socket()) as url:
        yield int(url.rpartition(":")[2])


@contextlib.asynccontextmanager
async def connected(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def heard(reader):
    """Status and body of the next answer, and its headers by name."""
    status, *lines = (await reader.readuntil(END)).removesuffix(END).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(status.split()[1]), body.decode(), headers


async def test_parameters_reach_the_handler_and_what_fits_no_lane_goes_the_frameworks_way(port):
    async with connected(port) as (reader, writer):
        for path, status, body in (
            ("/things/a%20b/parts/%E5%8D%81", 200, "a b|十|False"),
            ("/things/a/parts/b/", 200, "a|b|True"),
            ("/things//parts/b", 404, None),
            ("/things/a/pieces/b", 404, None),
        ):
            writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            found, said, _ = await heard(reader)
            assert (found, said if body else None) == (status, body)
        writer.write(b"DELETE /things/a/parts/b HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await heard(reader))[0] == 405


async def test_a_body_is_taken_whole_or_waited_for(port):
    head = b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    async with connected(port) as (reader, writer):
        writer.write(head % 5 + b"\r\n12345")
        assert (await heard(reader))[:2] == (201, "5 True")
        writer.write(head % 5 + b"expect: 100-continue\r\n\r\n1")
        assert await reader.readuntil(END) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"2345")
        assert (await heard(reader))[:2] == (201, "5 False")
        # More than uvicorn reads before somebody takes it.
        writer.write(head % 150_000 + b"\r\n" + b"x" * 150_000)
        status, said, _ = await heard(reader)
        assert (status, said.split()[0]) == (201, "150000")


async def test_requests_in_a_row_are_answered_in_their_order(port):
    async with connected(port) as (reader, writer):
        writer.write(b"".join(b"GET /things/%d/parts/p HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(20)))
        said = [(await heard(reader))[1] for _ in range(20)]
    assert said == [f"{number}|p|False" for number in range(20)]


@pytest.mark.parametrize("rest", [b"HTTP/1.0\r\n", b"HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"])
async def test_a_connection_that_ends_with_its_answer_says_so(port, rest):
    async with connected(port) as (reader, writer):
        writer.write(b"GET /things/a/parts/b " + rest + b"\r\n")
        status, said, headers = await heard(reader)
        assert (status, said, headers["connection"]) == (200, "a|b|False", "close")
        assert headers["x-content-type-options"] == "nosniff"
        assert "date" in headers
        assert await reader.read() == b""


async def test_requests_leave_nothing_that_only_the_collector_of_garbage_would_find(port):
    async with connected(port) as (reader, writer):
        gc.collect()
        gc.disable()
        try:
            for path in (b"/things/a/parts/b", b"/things/a/parts/b/") * 20:
                writer.write(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path)
                await heard(reader)
            left = sum(isinstance(thing, RequestResponseCycle) for thing in gc.get_objects())
        finally:
            gc.enable()
    # What the connection itself holds.
    assert left <= 2


def test_a_header_cannot_begin_another():
    with pytest.raises(ValueError, match="retry-after"):
        answer(b"", retry_after="1\r\nset-cookie: a=b")
