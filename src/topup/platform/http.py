"""The one way out of this machine: a call whose answer says what may have left.

A caller outside must know one thing above all: could the other side have received it? So `send` never raises for the
network. It gives a `Response`, or `NotSent` (no connection was made, and no byte of the request left), or `Unknown`
(everything else, from a timeout to half an answer). Nothing is retried here: asking again is the caller's decision.

There are no redirects, cookies, proxies or credentials of the environment: the calls go through httpx's transport, not
through its client, which has all four. Connections are kept for two seconds only: a server that hangs up on an
idle connection at the moment we reuse it would make an `Unknown` out of nothing.
"""

import asyncio
import ipaddress
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import httpx
import structlog

from topup.kernel.outcome import NotSent, Unknown

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_log = structlog.get_logger("topup.http")
# At DEBUG, httpcore logs the headers of answers, and those may carry what must not be in a log.
logging.getLogger("httpcore").setLevel(logging.WARNING)


class ForbiddenAddress(ValueError):
    """An address we never call: not https, unless it is this machine's own in development mode."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, of any status: what it means is for the caller to say. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how much at most. `total_s` holds for the whole call, waiting for a free connection included."""

    connect_s: float = 3.0
    read_s: float = 10.0
    total_s: float = 15.0
    pool_s: float = 5.0
    response_bytes: int = 1_048_576
    connections: int = 32
    idle_s: float = 2.0


@dataclass(slots=True)
class _Trace:
    """Whether the first byte of a request may have left."""

    sending: bool = False

    async def __call__(self, event: str, _details: Mapping[str, Any]) -> None:
        if event.endswith(".send_request_headers.started"):
            self.sending = True


class _TooLarge(Exception):
    """The answer is longer than we read."""


class _Encoded(Exception):
    """The answer is compressed, though we said that we do not read that."""


# What httpx raises while no connection is there yet. A failed TLS handshake is among them: no early data is sent.
_BEFORE_SENDING: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class Client:
    """A bounded pool of connections. `development` allows plain http, to this machine only."""

    def __init__(self, *, development: bool = False, bounds: Bounds | None = None) -> None:
        self._development = development
        self._bounds = bounds or Bounds()
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(
                max_connections=self._bounds.connections,
                max_keepalive_connections=self._bounds.connections,
                keepalive_expiry=self._bounds.idle_s,
            )
        )

    def check_address(self, url: str) -> None:
        """Raises ForbiddenAddress for an address `send` would not call; plugins ask when they are made."""
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise ForbiddenAddress("not an address") from None
        if parsed.scheme == "https" and parsed.host:
            return
        if parsed.scheme == "http" and self._development and _is_this_machine(parsed.host):
            return
        raise ForbiddenAddress("only https is called (in development mode also http on this machine)")

    async def send(
        self,
        *,
        method: str,
        url: str,
        route: str,
        headers: Mapping[str, str] = _NO_HEADERS,
        content: bytes = b"",
        timeout_s: float | None = None,
        most_bytes: int | None = None,
    ) -> Response | NotSent | Unknown:
        """Send once. `route` is the label that is logged (`sandbox.refund`), for addresses may be personal.

        `timeout_s` replaces the total time allowed, and `most_bytes` the longest answer that is read (the file of a
        day's bill). Only cancellation is raised.
        """
        began = time.perf_counter()
        bounds = replace(
            self._bounds,
            total_s=self._bounds.total_s if timeout_s is None else timeout_s,
            response_bytes=self._bounds.response_bytes if most_bytes is None else most_bytes,
        )
        answer = await self._send(method, url, headers, content, bounds)
        _log.info(
            "called_outside",
            route=route,
            result=type(answer).__name__,
            status=answer.status if isinstance(answer, Response) else None,
            detail=None if isinstance(answer, Response) else answer.detail,
            milliseconds=round((time.perf_counter() - began) * 1000),
        )
        return answer

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, bounds: Bounds
    ) -> Response | NotSent | Unknown:
        trace = _Trace()
        try:
            self.check_address(url)
        except ForbiddenAddress as error:
            return NotSent(str(error))
        request = self._request(method, url, headers, content, trace)
        try:
            async with asyncio.timeout(bounds.total_s):
                return await self._exchange(request, bounds.response_bytes)
        except TimeoutError:
            return Unknown("no answer in time") if trace.sending else NotSent("no connection in time")
        except Exception as error:  # noqa: BLE001 - whatever went wrong, all that counts is what may have left
            detail = type(error).__name__.lstrip("_")
            if isinstance(error, _BEFORE_SENDING) and not trace.sending:
                return NotSent(detail)
            return Unknown(detail)

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, trace: _Trace
    ) -> httpx.Request:
        bounds = self._bounds
        timeout = httpx.Timeout(connect=bounds.connect_s, read=bounds.read_s, write=bounds.read_s, pool=bounds.pool_s)
        return httpx.Request(
            method,
            url,
            headers={"accept-encoding": "identity", "user-agent": "topup", **headers},
            content=content,
            extensions={"timeout": timeout.as_dict(), "trace": trace},
        )

    async def _exchange(self, request: httpx.Request, most_bytes: int) -> Response:
        response = await self._transport.handle_async_request(request)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise _Encoded
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > most_bytes:
                    raise _TooLarge
        finally:
            await response.aclose()
        headers = MappingProxyType({name.lower(): value for name, value in response.headers.items()})
        return Response(response.status_code, headers, bytes(body))


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
