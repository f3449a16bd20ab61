"""uvicorn's HTTP/1.1, with whole requests and whole answers for those who can use them (`answers.WHOLE`).

The usual way gives a request in messages and checks every header of every answer by pattern, which costs more than most
of our handlers: an answer of ours is made of headers that were checked when they were written down.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from topup.platform.web.answers import WHOLE

HEAD_S: Final = 10.0
"""How long the head of a request may take to come: who sends a byte a minute keeps a connection from others."""

_END: Final = b"\r\n"
_CLOSE: Final = b"connection: close\r\n\r\n"


class WholeProtocol(HttpToolsProtocol):
    """A connection that offers the extension with each request, and waits HEAD_S for the head of one that has begun."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # ours are stream transports
        """The first head is due."""
        super().connection_made(transport)
        self._expect_a_head()

    def on_message_begin(self) -> None:
        """A later request's head is due; until it begins, uvicorn's keep-alive holds."""
        super().on_message_begin()
        if self._deadline is None:
            self._expect_a_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect_a_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_S, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def on_headers_complete(self) -> None:
        """The request's task is made here and begins later: it finds the extension."""
        self._expect_nothing()
        super().on_headers_complete()
        if self.cycle is not None and self.cycle.scope is self.scope:
            scope: Any = self.scope
            scope["extensions"] = {WHOLE: _Whole(self.cycle)}


class _Whole:
    """`answers.Whole` of one request."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def body(self) -> bytes | None:
        cycle = self._cycle
        return None if cycle.more_body or cycle.disconnected else bytes(cycle.body)

    def send(self, head: bytes, body: bytes) -> bool:
        cycle = self._cycle
        if cycle.response_started or cycle.flow.write_paused:
            return False
        if cycle.disconnected:
            return True
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.chunked_encoding = False
        usual = b"".join([b"%b: %b\r\n" % header for header in cycle.default_headers])
        cycle.transport.write(head + usual + (_END if cycle.keep_alive else _CLOSE) + body)
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True
