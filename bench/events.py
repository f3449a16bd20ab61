"""How many signed events of a gateway a second are accepted, processed and delivered over HTTP, and how soon.

The orders and their payments are there before, and the events are signed before: what is measured is what an event
costs from the wire to the credited line.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.client import Connection
from bench.gateway import Cashier
from bench.orders import created, status_of
from bench.server import Server

CONNECTIONS: Final = 64
LOOKERS: Final = 8
PACE_PER_S: Final = 200
LOOK_S: Final = 0.005
PATIENCE_S: Final = 30.0

_QUOTE: Final = '{"number":"%s","amount":{"amount_minor":5000,"currency":"CNY"},"payment_method":"sandbox"}'


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that waits for its money, and the event that says it came."""

    order: str
    body: bytes
    headers: tuple[str, ...]


async def measure(servers: Sequence[Server], data_dir: Path, *, burst: int, paced_s: float) -> dict[str, float]:
    """`paid_events_per_s`: `burst` events as fast as 64 connections send them, until all are delivered.
    `paced_event_to_delivered_p99_s`: at 200 a second for `paced_s` seconds, each watched.
    """
    cashier = Cashier(data_dir)
    waiting = await _ordered(servers, cashier, burst + int(PACE_PER_S * paced_s))
    waits = await _paced(servers, waiting[burst:])
    return {
        "paid_events_per_s": await _burst(servers, waiting[:burst]),
        "paced_event_to_delivered_p99_s": sorted(waits)[int(len(waits) * 0.99)],
    }


async def _ordered(servers: Sequence[Server], cashier: Cashier, count: int) -> list[Waiting]:
    left = iter(range(count))

    async def shop(port: int) -> list[Waiting]:
        connection = await Connection.to(port)
        try:
            return [await _begun(connection, cashier) for _ in left]
        finally:
            connection.close()

    shops = [shop(servers[n % len(servers)].port) for n in range(CONNECTIONS)]
    return [one for found in await asyncio.gather(*shops) for one in found]


async def _begun(connection: Connection, cashier: Cashier) -> Waiting:
    quote = created(await connection.post("/api/v1/quotes", (_QUOTE % f"138{random.randrange(10**8):08d}").encode()))
    key = f"idempotency-key: {secrets.token_hex(16)}"
    wanted = b'{"quote_id":"%b","confirmations":["duplicate"]}' % quote.encode()
    order = created(await connection.post("/api/v1/orders", wanted, key))
    payment = created(await connection.post(f"/api/v1/orders/{order}/payments", b'{"method":"sandbox"}', key))
    return Waiting(order, *cashier.paid(payment, amount_minor=5000, currency="CNY"))


async def _burst(servers: Sequence[Server], waiting: Sequence[Waiting]) -> float:
    """Events a second, from the first that is sent to the last that is delivered."""
    left = iter(waiting)

    async def tell(port: int) -> None:
        connection = await Connection.to(port)
        try:
            last = None
            for one in left:
                await connection.post("/webhooks/sandbox", one.body, *one.headers)
                last = one
            if last is not None:
                # Those of one connection are delivered in no order, but the last of each is a good sample of the end.
                await _delivered(connection, last.order)
        finally:
            connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(tell(servers[n % len(servers)].port) for n in range(CONNECTIONS)))
    elapsed = time.perf_counter() - started
    unseen = iter(waiting)

    async def look(port: int) -> None:
        connection = await Connection.to(port)
        for one in unseen:
            await _delivered(connection, one.order)
        connection.close()

    await asyncio.gather(*(look(servers[n % len(servers)].port) for n in range(LOOKERS)))
    return len(waiting) / elapsed


async def _paced(servers: Sequence[Server], waiting: Sequence[Waiting]) -> list[float]:
    """Seconds from each event to its delivered order, one event every 5 ms."""

    async def one_event(one: Waiting, at: float, port: int) -> float:
        await asyncio.sleep(at - time.perf_counter())
        connection = await Connection.to(port)
        try:
            told = time.perf_counter()
            await connection.post("/webhooks/sandbox", one.body, *one.headers)
            await _delivered(connection, one.order)
            return time.perf_counter() - told
        finally:
            connection.close()

    begin = time.perf_counter() + 0.1
    events = [one_event(one, begin + n / PACE_PER_S, servers[n % len(servers)].port) for n, one in enumerate(waiting)]
    return list(await asyncio.gather(*events))


async def _delivered(connection: Connection, order: str) -> None:
    """Wait for it; raises TimeoutError when what was acknowledged does not arrive."""
    async with asyncio.timeout(PATIENCE_S):
        while status_of(await connection.get(f"/api/v1/orders/{order}")) != "delivered":  # noqa: ASYNC110 - another process tells
            await asyncio.sleep(LOOK_S)
