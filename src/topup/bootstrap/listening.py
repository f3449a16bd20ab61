"""Listening: the port, and uvicorn behind it."""

import contextlib
import errno
import gc
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from topup.bootstrap import GENERATIONS
from topup.kernel.errors import Unavailable, WhoMustAct
from topup.platform.web.protocol import WholeProtocol

if TYPE_CHECKING:
    from topup.platform.web.edge import App

_GRACE_S: Final = 2
"""How long open requests may take when the process stops; live pages wait longer than anybody wants to."""
_BACKLOG: Final = 2_048


class Listener(uvicorn.Server):
    """uvicorn for one application, without its signal handlers: it would end the process with the signal once more.

    What listens for long lets nothing that exists by now be looked through for garbage ever again.
    """

    def __init__(self, application: "App", *, on_ready: Callable[[], None], for_long: bool = True) -> None:
        if for_long:
            _freeze()
        super().__init__(_config(application))
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop serving. Told twice, uvicorn would leave the application standing, which then complains at its end."""
        await super().shutdown(sockets=sockets)
        if self.force_exit:
            await self.lifespan.shutdown()


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """The port, ours before anything else is begun; 0 lets the system choose.

    Raises Unavailable `port_taken`, `port_forbidden`, `address_unusable`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        # A port whose last user was killed must not keep us waiting; one in use still refuses.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except PermissionError:
            raise Unavailable("port_forbidden", who=WhoMustAct.YOU, port=port) from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Unavailable("port_taken", who=WhoMustAct.YOU, port=port) from None
            reason = error.strerror or "unknown"
            raise Unavailable("address_unusable", who=WhoMustAct.YOU, host=host, reason=reason) from None
        listening.setblocking(False)  # noqa: FBT003 - a socket's own method
        yield listening


def _freeze() -> None:
    # What exists now lives as long as the process: looking through it again and again made the slowest of a hundred
    # requests more than twice as slow.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GENERATIONS)


def _config(application: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=WholeProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_S,
    )
