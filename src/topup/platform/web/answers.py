"""An answer of bytes: what a handler of a program's route gives, and how it is put on the wire in one piece."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

Header = tuple[bytes, bytes]
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

WHOLE: Final = "topup.whole"
"""The name of our extension of ASGI: under it the server offers a `Whole`."""


class Whole(Protocol):
    """One request that is here whole, and may be answered whole: no messages for its parts."""

    def body(self) -> bytes | None:
        """The body, or None while some of it is still on its way."""
        ...

    def send(self, head: bytes, body: bytes) -> bool:
        """Send status line and headers (each ending in CR LF) and the body; False where it must go in parts."""
        ...


class Answer:
    """Bytes as they are: nothing is encoded or negotiated on the way. Called, it is an ASGI application."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: bytes, *, status: int, headers: Iterable[Header]) -> None:
        self.body = body
        self.status = status
        self.headers = list(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, message by message."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})

    def head(self) -> bytes:
        """Status line and headers, each ending in CR LF, as HTTP/1.1 writes them."""
        return STATUS_LINE[self.status] + lines(self.headers)


def answer(body: bytes, *, status: int = 200, media_type: str = "application/json", **headers: str) -> Answer:
    """An answer of that media type; text is UTF-8. Further headers by name, with `_` for `-`."""
    return Answer(body, status=status, headers=_headers(len(body), media_type, headers))


def lines(headers: Iterable[Header]) -> bytes:
    """Headers as HTTP/1.1 writes them, each ending in CR LF."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def told(body: bytes, *, status: int, media_type: str, headers: Mapping[str, str]) -> Answer:
    """The same with headers by their own names."""
    return Answer(body, status=status, headers=_headers(len(body), media_type, headers))


def _headers(length: int, media_type: str, more: Mapping[str, str]) -> list[Header]:
    found = [_header(name.replace("_", "-"), value) for name, value in more.items()]
    found += [_content_type(media_type), (b"content-length", b"%d" % length)]
    return found


@lru_cache(maxsize=64)
def _content_type(media_type: str) -> Header:
    bare = media_type.startswith("text/") and "charset=" not in media_type
    return _header("content-type", f"{media_type}; charset=utf-8" if bare else media_type)


def _header(name: str, value: str) -> Header:
    if not value.isprintable():
        # A line break would begin another header.
        raise ValueError(f"the header {name} cannot be written")
    return name.encode("ascii"), value.encode("latin-1")
