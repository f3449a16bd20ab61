"""A command that needs the desk: beside a running server, or without one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from socket import socket
from typing import Final

from topup.bootstrap.house import Furnished, at_work, furnished
from topup.bootstrap.neighbours import reached_at
from topup.bootstrap.plugins import Chosen, choose
from topup.bootstrap.store import open_store
from topup.channels.cli.ports import ANY_METHOD, House, Store
from topup.platform.logging import configure_logging
from topup.platform.settings import Settings

_LOOPBACK: Final = "127.0.0.1"


@asynccontextmanager
async def visit(settings: Settings, *, outside: bool, method: str | None = None) -> AsyncIterator[House]:
    """The desk of what is installed.

    With `outside`, gateways and carriers too, and the jobs of the house run meanwhile: an order goes its way whether or
    not a server runs beside. In a demonstration its simulators are joined; where no server runs, they are started for
    the time (of the providers' only that of `method`), and what they tell is taken in at a port of our own. Raises
    those of `open_store` and of the plugins.
    """
    configure_logging(level="error", console=True)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings))
        methods: list[str] = []
        if not outside:
            house = await stack.enter_async_context(furnished(store, Chosen(), public_url=reached_at(settings)))
        elif store.installation.demo:
            house, methods = await _demonstration(stack, store, method)
        else:
            chosen = choose(settings, demo=False)
            methods = chosen.names("payments")
            house = await stack.enter_async_context(furnished(store, chosen, public_url=reached_at(settings)))
            await stack.enter_async_context(at_work(house))
        yield House(store, house.desk, house.reconciliation, methods)


async def _demonstration(stack: AsyncExitStack, store: Store, method: str | None) -> tuple[Furnished, list[str]]:
    """The house, and the ways to pay that it has or could simulate."""
    from topup.bootstrap.listening import bound  # noqa: PLC0415 - slow to load, and most commands do without
    from topup.bootstrap.simulators import PROVIDERS, simulators  # noqa: PLC0415

    settings = store.settings
    # Each is a process: a command starts none that it does not speak to.
    wanted = [name for name in PROVIDERS if method in {name, ANY_METHOD}]
    found = await stack.enter_async_context(simulators(settings.data_dir, address=None, providers=wanted))
    chosen = choose(settings, demo=True, wanted=found.wanted, controls=found.controls)
    methods = sorted({*PROVIDERS, *chosen.names("payments")})
    if found.server is not None:
        house = await stack.enter_async_context(furnished(store, chosen, public_url=found.server))
        await stack.enter_async_context(at_work(house))
        return house, methods
    listening = stack.enter_context(bound(_LOOPBACK, 0))
    address = f"http://{_LOOPBACK}:{listening.getsockname()[1]}"
    house = await stack.enter_async_context(furnished(store, chosen, public_url=address))
    await stack.enter_async_context(at_work(house))
    await stack.enter_async_context(_listening(house, listening))
    return house, methods


@asynccontextmanager
async def _listening(house: Furnished, listening: socket) -> AsyncIterator[None]:
    """Take in what the simulators tell, while the block runs."""
    from topup.bootstrap.hearing import Hearing  # noqa: PLC0415 - slow to load
    from topup.bootstrap.listening import Listener  # noqa: PLC0415

    ready = asyncio.Event()
    listener = Listener(Hearing(house), on_ready=ready.set, for_long=False)
    serving = asyncio.create_task(listener.serve(sockets=[listening]), name="listener")
    try:
        await ready.wait()
        yield
    finally:
        listener.should_exit = True
        await serving
