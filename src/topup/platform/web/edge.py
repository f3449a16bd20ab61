"""The outermost layer of the application: gives each request its facts, and each answer its headers and its count."""

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import structlog
from litestar import Request
from litestar.connection import ASGIConnection

from topup.platform.addresses import FORWARDING, NOBODY, client_of, is_loopback
from topup.platform.i18n import negotiate
from topup.platform.metrics import request_answered
from topup.platform.settings import Network
from topup.platform.web.answers import WHOLE, Answer, Header, Message, Receive, Scope, Send, Whole, lines
from topup.platform.web.limits import Limits, neighbourhood
from topup.platform.web.settings import WebSettings
from topup.platform.web.shortcuts import Shortcut, Shortcuts

App = Callable[[Scope, Receive, Send], Awaitable[None]]
AnyConnection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]
Tell = Callable[[AnyRequest, Exception], Answer]
"""How a failure is told to a program."""

LOCALE_COOKIE: Final = "topup_language"
LOCALE_QUERY: Final = "lang"

_FACTS: Final = "topup.facts"
_LETTERS: Final = str.maketrans("0123456789", "ghijkmnpqr")
"""Ids of requests are without digits: a log masks whatever might be a number."""
_SERVER_ERROR: Final = 500
_UNMATCHED: Final = "unmatched"

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)
"""What an answer carries unless its handler said otherwise."""
_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _House:
    """What is the same for all requests."""

    limits: Limits
    trusted: tuple[Network, ...]
    settings: WebSettings
    demo: bool


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of one request before anybody looked at it."""

    id: str
    house: _House


class Edge:
    """An ASGI application around another one; what takes a shortcut does not reach it, and `tell` says its failures."""

    def __init__(
        self,
        app: App,
        *,
        trusted_proxies: tuple[Network, ...],
        settings: WebSettings,
        https: bool,
        demo: bool,
        shortcuts: Shortcuts,
        tell: Tell,
    ) -> None:
        self._app = app
        self._house = _House(Limits(rates=settings.rates()), trusted_proxies, settings, demo)
        self._headers = (*HEADERS, _HTTPS_ONLY) if https else HEADERS
        self._names = frozenset(name for name, _ in self._headers)
        self._lines = lines(self._headers)
        self._shortcuts = shortcuts
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or the lifespan)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # As a GET, whose body the server keeps back.
            scope = {**scope, "method": "GET"}
            scope.pop("extensions", None)
        facts = _Facts(os.urandom(10).hex().translate(_LETTERS), self._house)
        scope[_FACTS] = facts
        found = self._shortcuts.find(scope["method"], scope["path"])
        status = _SERVER_ERROR
        started = time.perf_counter()

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._dressed(message["headers"], facts)
            await send(message)

        try:
            if found is None:
                await self._app(scope, receive, send_dressed)
            else:
                answer = await self._ask(Request(scope, receive, send), *found)  # type: ignore[arg-type]  # ours are wider
                status = answer.status
                await self._give(answer, facts, scope, receive, send)
        finally:
            # What the server offers refers to the scope: a circle that only the collector of garbage would undo.
            scope.pop("extensions", None)
            self._note(scope, facts, status, time.perf_counter() - started)

    async def _ask(self, request: AnyRequest, shortcut: Shortcut, parameters: dict[str, str]) -> Answer:
        """What the shortcut's handler answers, or its failure."""
        cast("Scope", request.scope)["path_template"] = shortcut.template
        try:
            return await shortcut.handler(request, **parameters)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is told, and a defect is logged
            return self._tell(request, error)

    async def _give(self, answer: Answer, facts: _Facts, scope: Scope, receive: Receive, send: Send) -> None:
        whole = whole_of(scope)
        if whole is not None:
            own = [name for name, _ in answer.headers if name in self._names]
            usual = lines(header for header in self._headers if header[0] not in own) if own else self._lines
            if whole.send(b"%b%bx-request-id: %b\r\n" % (answer.head(), usual, facts.id.encode()), answer.body):
                return
        answer.headers = self._dressed(answer.headers, facts)
        await answer(scope, receive, send)

    def _dressed(self, headers: Any, facts: _Facts) -> list[Header]:
        given = list(headers)
        names = {name.lower() for name, _ in given}
        given += [header for header in self._headers if header[0] not in names]
        given.append((b"x-request-id", facts.id.encode()))
        return given

    def _note(self, scope: Scope, facts: _Facts, status: int, duration_s: float) -> None:
        """Count every request; log only those that failed or were slow. Never a path: it may hold a number."""
        route = scope.get("path_template") or _UNMATCHED
        request_answered(route=route, method=scope["method"], status=status, duration_s=duration_s)
        slow = duration_s > self._house.settings.slow_request_s and not _is_patient(scope)
        if status < _SERVER_ERROR and not slow:
            return
        _log.warning(
            "request_failed" if status >= _SERVER_ERROR else "request_slow",
            route=route,
            method=scope["method"],
            status=status,
            duration_ms=round(duration_s * 1000, 1),
            request_id=facts.id,
        )


def _is_patient(scope: Scope) -> bool:
    """Whether the handler says (`opt={"patient": True}`) that it waits for news on purpose."""
    handler = scope.get("route_handler")
    return bool(handler is not None and handler.opt.get("patient"))


def whole_of(scope: Scope) -> Whole | None:
    """What the server offers for whole requests and answers, if it does."""
    found = (scope.get("extensions") or {}).get(WHOLE)
    return cast("Whole", found) if found is not None else None


def header(connection: AnyConnection, name: bytes) -> str | None:
    """The first header of that lower-case name, without reading all the others."""
    for key, value in connection.scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


def _facts(connection: AnyConnection) -> _Facts:
    return cast("_Facts", cast("Scope", connection.scope)[_FACTS])


def request_id(connection: AnyConnection) -> str:
    """The id of this request, which its answer and the log name: twenty hexadecimal digits."""
    return _facts(connection).id


def web_settings(connection: AnyConnection) -> WebSettings:
    """The limits this process runs with."""
    return _facts(connection).house.settings


def client_address(connection: AnyConnection) -> str:
    """The address of the caller; of a proxy only as far as the settings trust it."""
    client = connection.scope.get("client")
    trusted = _facts(connection).house.trusted
    peer = client[0] if client else NOBODY
    if not trusted:
        return peer
    forwarded = b",".join(value for name, value in connection.scope["headers"] if name == b"x-forwarded-for")
    return client_of(peer, forwarded.decode("latin-1"), trusted)


def caller_of(connection: AnyConnection) -> str:
    """What counts as one caller who said no name: an address, or a subscriber's whole range of them."""
    return f"address:{neighbourhood(client_address(connection))}"


def is_local(connection: AnyConnection) -> bool:
    """Whether the caller is on this machine.

    A proxy on this machine that the settings do not name passes strangers on: where one left its mark, nobody is local
    until it is trusted and says who asks.
    """
    client = connection.scope.get("client")
    peer = client[0] if client else NOBODY
    address = client_address(connection)
    if not is_loopback(peer) or not is_loopback(address):
        return False
    passed_on = any(name.lower() in FORWARDING for name, _ in connection.scope["headers"])
    return not passed_on or address != peer


def limit(connection: AnyConnection, kind: str) -> None:
    """Count this request against the caller's address: `number`, `quote`, `order`, `read`, `key`, `sign_in`,
    `console` or `display`.

    In a demonstration a caller on this machine is not counted: whoever builds against it may ask at any rate. Raises
    Throttled `too_many_requests`.
    """
    house = _facts(connection).house
    if house.demo and is_local(connection):
        return
    house.limits.check(kind=kind, address=client_address(connection), now_s=time.monotonic())


def request_locale(connection: AnyConnection) -> str:
    """The language to answer in: `?lang=`, else the cookie `topup_language`, else Accept-Language."""
    query = connection.query_params.get(LOCALE_QUERY) if connection.scope["query_string"] else None
    cookie = connection.cookies.get(LOCALE_COOKIE) if header(connection, b"cookie") else None
    return negotiate(query=query, cookie=cookie, accept_language=header(connection, b"accept-language"))
