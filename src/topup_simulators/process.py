"""The life of a simulator's process: it says when it is ready, and ends with whoever started it.

Its one line of standard output is `{"ready": true, "kind": …, "port": …, "url": …, …}`. It ends on SIGTERM and
SIGINT, and, unless told to stay, when its standard input closes or its parent is gone: so that a topup killed with -9
leaves no orphan.
"""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final, Protocol

from topup_simulators.agenda import Agenda
from topup_simulators.store import Store
from topup_simulators.web import Answer, Misbehaviour, Request, Server

_LOOK_AT_PARENT_S: Final = 0.5
_PORT_TAKEN: Final = 3


class Simulator(Protocol):
    """What a process runs."""

    kind: str
    store: Store
    agenda: Agenda

    async def handle(self, request: Request) -> Answer | Misbehaviour:
        """Answer one request."""
        ...

    def announce(self, url: str) -> Mapping[str, Any]:
        """What the ready line says beside kind, port and address, which is `url`."""
        ...


async def live(simulator: Simulator, *, port: int, parent: int | None) -> int:
    """Serve until told to end, or until `parent`, a process id, is our parent no more; gives the exit code.

    With None the process stays whatever becomes of its parent and of its standard input.
    """
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    server = Server(simulator.handle)
    try:
        port = await server.start(port)
    except OSError as error:
        sys.stderr.write(f"port {port} cannot be used: {error.strerror}\n")
        return _PORT_TAKEN
    agenda = asyncio.create_task(simulator.agenda.run())
    agenda.add_done_callback(lambda _: ending.set())
    watch = None if parent is None else asyncio.create_task(_watch_parent(parent, ending))
    _say_ready(simulator, port)
    await ending.wait()
    for task in (agenda, watch):
        if task is not None:
            task.cancel()
    await asyncio.gather(*(task for task in (agenda, watch) if task is not None), return_exceptions=True)
    await server.close()
    simulator.store.close()
    return 0


def _say_ready(simulator: Simulator, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    ready = {"ready": True, "kind": simulator.kind, "port": port, "url": url}
    sys.stdout.write(json.dumps({**ready, **simulator.announce(url)}) + "\n")
    sys.stdout.flush()


async def _watch_parent(parent: int, ending: asyncio.Event) -> None:
    """Set `ending` when standard input closes or the parent changes: the one is quick, the other cannot be missed."""
    loop = asyncio.get_running_loop()

    def read_until_closed() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(ending.set)

    threading.Thread(target=read_until_closed, daemon=True).start()
    while os.getppid() == parent:  # noqa: ASYNC110 - the system tells nobody that a parent is gone
        await asyncio.sleep(_LOOK_AT_PARENT_S)
    ending.set()
