"""The client's one promise: after a call, one knows whether the other side may have received it."""

import asyncio
import json
import socket

import pytest
import structlog

from tests.support.misbehaving import (
    AFTER_SENDING,
    misbehaving,
    read_request,
    refused_address,
    saying,
    with_body,
)
from topup.kernel.outcome import NotSent, Unknown
from topup.platform.http import Bounds, Client, ForbiddenAddress, Response


@pytest.fixture
async def client():
    client = Client(development=True, bounds=Bounds(connect_s=0.5, read_s=0.5, total_s=2.0, pool_s=0.2, connections=2))
    yield client
    await client.aclose()


async def post(client, url, **more):
    return await client.send(method="POST", url=url, route="test.post", content=b"{}", **more)


async def test_a_whole_answer_of_any_status_is_a_response(client):
    for status in (b"200 OK", b"404 Not Found", b"503 Service Unavailable"):
        answer = with_body("充值".encode(), status=status, headers=b"X-Some: Thing\r\n")
        async with misbehaving(saying(answer)) as (url, _):
            response = await post(client, url)
        assert isinstance(response, Response)
        assert (response.status, response.body) == (int(status[:3]), "充值".encode())
        assert response.headers["x-some"] == "Thing"


async def test_a_refused_connection_is_not_sent(client):
    with refused_address() as url:
        assert isinstance(await post(client, url), NotSent)


async def test_a_name_that_does_not_exist_is_not_sent(monkeypatch):
    client = Client(development=True)

    async def no_such_name(*_arguments, **_named):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_such_name)
    assert isinstance(await post(client, "https://gateway.example"), NotSent)
    await client.aclose()


async def test_a_connection_that_does_not_come_about_in_time_is_not_sent(client):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:  # Linux drops what comes once the queue is full
            each.settimeout(0)
            each.connect_ex(address)
        assert isinstance(await post(client, f"http://127.0.0.1:{address[1]}"), NotSent)
        for each in waiting:
            each.close()


@pytest.mark.parametrize("way", AFTER_SENDING)
async def test_whatever_goes_wrong_after_sending_is_unknown(client, way):
    async with misbehaving(AFTER_SENDING[way]) as (url, served):
        assert isinstance(await post(client, url), Unknown)
        assert len(served) == 1, "nothing is sent a second time"


async def test_an_answer_that_trickles_in_is_unknown_when_the_total_time_is_over(client):
    async def trickle(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not reader.at_eof():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with misbehaving(trickle) as (url, _):
        assert isinstance(await post(client, url, timeout_s=0.3), Unknown)


async def test_a_call_that_found_no_free_connection_is_not_sent(client):
    release = asyncio.Event()
    arrived = asyncio.Semaphore(0)

    async def wait(reader, writer):
        await read_request(reader)
        arrived.release()
        await release.wait()
        writer.write(with_body(b"done"))
        await writer.drain()

    async with misbehaving(wait) as (url, served):
        first = [asyncio.create_task(post(client, url)) for _ in range(2)]
        for _ in first:
            await arrived.acquire()
        assert isinstance(await post(client, url), NotSent)
        release.set()
        assert [type(answer) for answer in await asyncio.gather(*first)] == [Response, Response]
        assert len(served) == 2


async def test_a_compressed_answer_is_unknown_for_it_could_be_a_bomb(client):
    async with misbehaving(saying(with_body(b"\x1f\x8b", headers=b"content-encoding: gzip\r\n"))) as (url, _):
        assert isinstance(await post(client, url), Unknown)


async def test_redirects_are_not_followed_and_cookies_not_kept(client):
    requests = []

    async def script(reader, writer):
        requests.append(await read_request(reader))
        writer.write(with_body(b"", status=b"302 Found", headers=b"location: /b\r\nset-cookie: a=b\r\n"))
        await writer.drain()

    async with misbehaving(script) as (url, _):
        answers = [await post(client, url) for _ in range(2)]
    assert [answer.status for answer in answers] == [302, 302]
    assert len(requests) == 2
    assert b"cookie" not in requests[1].lower()


async def test_a_server_that_closes_idle_connections_does_not_make_an_unknown(client):
    async with misbehaving(saying(with_body(b"ok"))) as (url, served):
        answers = [await post(client, url) for _ in range(20)]
    assert all(isinstance(answer, Response) for answer in answers)
    assert len(served) == 20


@pytest.mark.parametrize(
    ("development", "url"),
    [
        (True, "http://gateway.example/"),
        (True, "http://127.0.0.1.example/"),
        (True, "http://2130706433.example/"),
        (True, "http://10.0.0.1/"),
        (True, "ftp://127.0.0.1/"),
        (True, "file:///etc/passwd"),
        (True, "127.0.0.1"),
        (True, "http://[bad/"),
        (False, "http://127.0.0.1/"),
        (False, "http://localhost/"),
    ],
)
async def test_only_https_is_called_and_in_development_this_machine(development, url):
    client = Client(development=development)
    with pytest.raises(ForbiddenAddress):
        client.check_address(url)
    assert isinstance(await post(client, url), NotSent)
    await client.aclose()


def test_https_and_in_development_loopback_may_be_called():
    Client().check_address("https://gateway.example/api")
    for url in ("http://127.0.0.1:8080", "http://[::1]:8080/", "http://localhost/x", "https://gateway.example"):
        Client(development=True).check_address(url)


async def test_the_log_holds_the_route_and_nothing_of_address_headers_or_body(client):
    canaries = ("13800138000", "canary-header", "canary-body", "canary-answer")
    with structlog.testing.capture_logs() as logs:
        for script in (saying(with_body(b"canary-answer")), AFTER_SENDING["garbage"]):
            async with misbehaving(script) as (url, _):
                await client.send(
                    method="POST",
                    url=f"{url}/lookup/13800138000",
                    route="carrier.lookup",
                    headers={"x-secret": "canary-header"},
                    content=b"canary-body",
                )
    assert [entry["route"] for entry in logs] == ["carrier.lookup"] * 2
    assert not [canary for canary in canaries if canary in json.dumps(logs)]


async def test_cancelling_a_call_is_left_to_the_caller(client):
    async with misbehaving(AFTER_SENDING["never answers"]) as (url, _):
        call = asyncio.create_task(post(client, url))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
