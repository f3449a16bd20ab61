"""`topup serve`, `web` and `worker`: one process that serves until it is told to stop.

What a start waits for goes side by side: the database, the simulators, and loading the program itself, which takes as
long as the two. So what is heavy is imported here while the others come up.
"""

# ruff: noqa: PLC0415 - see above

import asyncio
import contextlib
import importlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import structlog
import uvloop

from topup.bootstrap.neighbours import Neighbour, neighbours, registered
from topup.bootstrap.store import Creation, open_store
from topup.channels.cli.ports import Part, Store
from topup.kernel.errors import Forbidden, Unavailable, WhoMustAct
from topup.platform.crash import arm
from topup.platform.logging import configure_logging
from topup.platform.settings import Settings, prepare_data_dir

if TYPE_CHECKING:
    from topup.bootstrap.house import Furnished
    from topup.bootstrap.listening import Listener
    from topup.bootstrap.plugins import Chosen

_HEAVY: Final = ("topup.bootstrap.application", "topup.platform.http", "topup.notifications.tasks")
"""Also what the house itself imports only when it needs it."""

_PATIENCE_S: Final = 4.0
"""How long a start may take without a word: more than a usual one."""

_HIGHEST_PORT: Final = 65_535

_log = structlog.get_logger(__name__)


def serve(settings: Settings, parts: Part) -> None:
    """Serve until SIGTERM or SIGINT; a second one cuts short what still runs.

    Raises Unavailable: `port_taken`, `port_taken_by_topup`, `port_forbidden`, `address_unusable`, and those of
    `open_store`; Forbidden `demo_loopback_only`, `is_a_demonstration`; Invalid of `plugins.choose`; BrokenPipeError
    where nobody reads the welcome of a demonstration.
    """
    if settings.demo and not _is_loopback(settings.host):
        raise Forbidden("demo_loopback_only", host=settings.host)
    configure_logging(level=_level(settings), console=settings.demo)
    arm(development=settings.demo)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Server(settings, parts).live())


class _Server:
    """One server process, from its start to its end."""

    def __init__(self, settings: Settings, parts: Part) -> None:
        self._settings = settings
        self._parts = parts
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None
        self._listener: Listener | None = None
        self._unread: BrokenPipeError | None = None
        self._others: list[Neighbour] = []
        self._listening = asyncio.Event()
        self._remembered = asyncio.Event()

    async def live(self) -> None:
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        try:
            await self._serve()
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise

    def _stop(self) -> None:
        """The first signal ends the serving, or a start that is not done; the second one ends the waiting."""
        again = self._stopping.is_set()
        self._stopping.set()
        if self._listener is not None and self._listener.started:
            self._listener.should_exit = True
            self._listener.force_exit = again
        elif self._task is not None and (Part.WEB in self._parts or again):
            self._task.cancel()

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            # The port first: whoever started us twice should hear of that, and of nothing else.
            listening = None
            if Part.WEB in self._parts:
                listening = stack.enter_context(_ours(self._settings))
                self._settings = self._settings.model_copy(update={"port": listening.getsockname()[1]})
            waiting = asyncio.create_task(_say_what_is_waited_for(self._settings), name="waiting")
            stack.push_async_callback(_settled, waiting)
            house = await stack.enter_async_context(_opened(self._settings))
            waiting.cancel()
            await self._work(stack, house, listening)

    async def _work(self, stack: AsyncExitStack, house: "Furnished", listening: socket.socket | None) -> None:
        from topup.bootstrap.house import at_work

        remembering = self._settings.demo and self._settings.demo_history and listening is not None
        at = at_work(house, begins=self._remembered if remembering else None)
        supervisor = await stack.enter_async_context(at) if Part.JOBS in self._parts else None
        if listening is None:
            _log.info("working")
            await self._stopping.wait()
            return
        from topup.bootstrap.application import build
        from topup.bootstrap.listening import Listener

        self._others = neighbours(self._settings.data_dir)
        stack.enter_context(registered(self._settings))
        application = build(house, self._settings, supervisor)
        if remembering:
            telling = asyncio.create_task(self._remember(house), name="history")
            stack.push_async_callback(_settled, telling)
        self._listener = Listener(application, on_ready=lambda: self._say_ready(house))
        await self._listener.serve(sockets=[listening])
        if self._unread is not None:
            raise self._unread

    async def _remember(self, house: "Furnished") -> None:
        """Give a demonstration somebody with a history, as soon as it is listening; its jobs wait for that."""
        await self._listening.wait()
        from topup.bootstrap.demonstration_history import make_history
        from topup.channels.cli.speech import locale

        try:
            await make_history(house, locale=locale())
        except Exception:  # noqa: BLE001 - whatever it is: said, and served on
            # A demonstration without it works as well.
            _log.exception("history_not_made")
        finally:
            self._remembered.set()

    def _say_ready(self, house: "Furnished") -> None:
        self._listening.set()
        if not house.store.installation.demo:
            beside = [other.address for other in self._others]
            _log.info("serving", host=self._settings.host, port=self._settings.port, beside=beside)
            return
        from topup.bootstrap.welcome import welcome

        try:
            welcome(self._settings, address=house.public_url, others=self._others)
        except BrokenPipeError as error:
            # `topup serve --demo | head`: nobody knows the address. An end like any other, and then it is told.
            self._unread = error
            self._stop()


async def _say_what_is_waited_for(settings: Settings) -> None:
    """In a demonstration, where somebody sits in front of it: silence for so long looks like a failure."""
    await asyncio.sleep(_PATIENCE_S)
    if settings.demo and settings.database_url is None:
        from topup.channels.cli.screen import out
        from topup.channels.cli.speech import say

        out.print(f"[dim]{say('welcome.waiting')}[/]")


@contextlib.contextmanager
def _ours(settings: Settings) -> Iterator[socket.socket]:
    """The port; where another server of this data directory has it, Unavailable `port_taken_by_topup` names that."""
    from topup.bootstrap.listening import bound

    with contextlib.ExitStack() as stack:
        try:
            listening = stack.enter_context(bound(settings.host, settings.port))
        except Unavailable as problem:
            same = [other for other in neighbours(settings.data_dir) if other.port == settings.port]
            if problem.code != "port_taken" or not same:
                raise
            facts = asdict(same[0]) | {"another": settings.port + 1 if settings.port < _HIGHEST_PORT else 0}
            raise Unavailable("port_taken_by_topup", who=WhoMustAct.YOU, **facts) from None
        yield listening


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator["Furnished"]:
    """The house of these settings; for a demonstration with everything that plays the outside."""
    async with AsyncExitStack() as stack:
        loading = asyncio.create_task(asyncio.to_thread(_load), name="loading")
        stack.push_async_callback(_settled, loading)
        store, chosen = await (_demonstration if settings.demo else _production)(stack, settings, loading)
        from topup.bootstrap.house import furnished

        yield await stack.enter_async_context(furnished(store, chosen, public_url=settings.address))


def _load() -> None:
    """Import what the house is made of, while others wait for their processes."""
    for name in _HEAVY:
        importlib.import_module(name)


async def _production(stack: AsyncExitStack, settings: Settings, loading: asyncio.Task[None]) -> tuple[Store, "Chosen"]:
    store = await stack.enter_async_context(open_store(settings))
    if store.installation.demo:
        raise Forbidden("is_a_demonstration")
    await loading
    from topup.bootstrap.plugins import choose

    chosen = choose(settings, demo=False)
    if not chosen.names("payments"):
        _log.warning("no_payment_method", file="plugins.toml")
    return store, chosen


async def _demonstration(
    stack: AsyncExitStack, settings: Settings, loading: asyncio.Task[None]
) -> tuple[Store, "Chosen"]:
    from topup.bootstrap.simulators import simulators

    prepare_data_dir(settings.data_dir)
    others = await stack.enter_async_context(AsyncExitStack())
    entering = others.enter_async_context(simulators(settings.data_dir, address=settings.address))
    starting = asyncio.create_task(entering, name="simulators")
    stack.push_async_callback(_settled, starting)
    store = await stack.enter_async_context(open_store(settings, create=Creation.DEMONSTRATION))
    await loading
    from topup.bootstrap.demonstration import furnish
    from topup.bootstrap.demonstration_cards import furnish_cards
    from topup.bootstrap.demonstration_staff import furnish_staff
    from topup.bootstrap.plugins import choose

    async with store.database.transaction() as transaction:
        await furnish(transaction, lanes=store.installation.lanes)
    await furnish_cards(store.database, keys=store.keyring, lanes=store.installation.lanes)
    await furnish_staff(store)
    outside = await starting
    return store, choose(settings, demo=True, wanted=outside.wanted, controls=outside.controls)


async def _settled(task: asyncio.Task[Any]) -> None:
    """Let a start that nobody waits for any more come to its end. Where it fails as well, what failed first is told."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # looked at, or asyncio would tell it with all its frames


def _level(settings: Settings) -> str:
    """What is logged: in a demonstration, unless asked for, only what somebody should look at."""
    return "warning" if settings.demo and "log_level" not in settings.model_fields_set else settings.log_level


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
