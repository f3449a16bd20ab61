"""What clients do with HTTP itself, beside sending whole requests."""

import asyncio
from urllib.parse import urlsplit

import pytest

from topup.platform.logging import masked
from topup.platform.web import protocol

NUMBER = "/api/v1/numbers/13800138000"


@pytest.mark.parametrize("path", [NUMBER, "/api/openapi.json", "/health/live", "/api/v1/numbers/1", "/api/v1/nothing"])
async def test_head_is_answered_as_get_without_its_body(still_api, path):
    whole = await still_api.client.get(path)
    head = await still_api.client.head(path)
    assert head.status_code == whole.status_code
    assert head.content == b""
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert (await still_api.client.get(path)).status_code == whole.status_code, "the connection is still in step"


async def test_head_makes_nothing(still_api):
    assert (await still_api.client.head("/api/v1/quotes")).status_code == 405


async def until_closed(url: str, sent: list[bytes], *, every_s: float) -> bytes:
    """What comes back until the server closes the connection, if it does within seconds."""
    at = urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    try:
        async with asyncio.timeout(5):
            for part in sent:
                writer.write(part)
                await asyncio.sleep(every_s)
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("sent", [[], [b"GET /health/live HTTP/1.1\r\nhost: x\r\n"], [b"GET /", b"he", b"al"]])
async def test_a_head_that_does_not_come_is_not_waited_for(still_api, monkeypatch, sent):
    monkeypatch.setattr(protocol, "HEAD_S", 0.2)
    assert await until_closed(still_api.url, sent, every_s=0.01) == b""


async def test_a_second_head_that_does_not_come_is_not_waited_for_either(still_api, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_S", 0.2)
    whole = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
    answered = await until_closed(still_api.url, [whole, b"GET /health"], every_s=0.05)
    assert answered.startswith(b"HTTP/1.1 200")


async def test_a_request_whose_answer_takes_long_is_waited_for(still_api, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_S", 0.05)
    body = b'{"number": "13800138000", "amount": {"amount_minor": 5000, "currency": "CNY"}}'
    head = b"POST /api/v1/quotes HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
    sent = [head + b"content-length: %d\r\n\r\n" % len(body), body[:10], body[10:]]
    assert (await until_closed(still_api.url, sent, every_s=0.1)).startswith(b"HTTP/1.1 201")


async def test_a_request_s_id_can_be_found_in_a_log(still_api):
    """What has digits in a row would be masked there as a number."""
    ids = {(await still_api.client.get(NUMBER)).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20
    assert all(masked(one) == one for one in ids)
