"""How many whole top-ups a second the server does over HTTP: quote, order, payment, paid event, delivered.

256 connections, each doing one top-up after another; every fiftieth is watched until it is delivered, which gives
the time from event to credit under this load.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from bench.client import Connection
from bench.gateway import Cashier
from bench.server import Server

CONNECTIONS: Final = 256
WATCHED: Final = 50
"""One top-up in this many is watched."""
LOOK_S: Final = 0.005
WARM_UP_S: Final = 1.5

_QUOTE: Final = '{"number":"%s","amount":{"amount_minor":5000,"currency":"CNY"},"payment_method":"sandbox"}'


class _Created(msgspec.Struct):
    id: str


class _Order(msgspec.Struct):
    status: str


_created = msgspec.json.Decoder(_Created).decode
_order = msgspec.json.Decoder(_Order).decode


def created(answer: bytes) -> str:
    """The id of what was made."""
    return _created(answer).id


def status_of(answer: bytes) -> str:
    """Where an order stands."""
    return _order(answer).status


@dataclass(slots=True)
class Load:
    """Top-ups until told to stop: when each was delivered or acknowledged, and the watched ones' seconds."""

    cashier: Cashier
    running: bool = True
    finished: list[float] = field(default_factory=list)
    event_to_delivered_s: list[float] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)

    async def shop(self, port: int) -> None:
        """One connection's top-ups."""
        connection = await Connection.to(port)
        try:
            while self.running:
                await self._top_up(connection)
        finally:
            connection.close()

    async def _top_up(self, connection: Connection) -> None:
        number = f"138{random.randrange(10**8):08d}"
        quote = _created(await connection.post("/api/v1/quotes", (_QUOTE % number).encode())).id
        key = f"idempotency-key: {secrets.token_hex(16)}"
        wanted = b'{"quote_id":"%b","confirmations":["duplicate"]}' % quote.encode()
        order = _created(await connection.post("/api/v1/orders", wanted, key)).id
        path = f"/api/v1/orders/{order}"
        payment = _created(await connection.post(f"{path}/payments", b'{"method":"sandbox"}', key)).id
        body, headers = self.cashier.paid(payment, amount_minor=5000, currency="CNY")
        told = time.perf_counter()
        await connection.post("/webhooks/sandbox", body, *headers)
        self.orders.append(order)
        if len(self.orders) % WATCHED == 0:
            while _order(await connection.get(path)).status != "delivered":  # noqa: ASYNC110 - another process tells
                await asyncio.sleep(LOOK_S)  # as often as a live page could, not as often as a loop can
            self.event_to_delivered_s.append(time.perf_counter() - told)
        self.finished.append(time.perf_counter())


async def measure(servers: Sequence[Server], data_dir: Path, seconds: float) -> dict[str, float]:
    """Top-ups a second over `seconds` after a warm-up, and the 99th percentile from event to credit.

    The connections are divided among `servers`, processes on one database. Raises RuntimeError unless what was
    acknowledged last was delivered in the end.
    """
    load = Load(Cashier(data_dir))
    tasks = [asyncio.create_task(load.shop(servers[n % len(servers)].port)) for n in range(CONNECTIONS)]
    await asyncio.sleep(WARM_UP_S)
    load.event_to_delivered_s.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    ended = time.perf_counter()
    load.running = False
    await asyncio.gather(*tasks)
    await _all_delivered(load, servers[0].port)
    counted = sum(started <= moment < ended for moment in load.finished)
    waits = sorted(load.event_to_delivered_s)
    return {
        "orders_per_s": counted / (ended - started),
        "event_to_delivered_p99_s": waits[int(len(waits) * 0.99)],
    }


async def _all_delivered(load: Load, port: int) -> None:
    """Look at the last of each connection's top-ups: what was acknowledged must have arrived."""
    connection = await Connection.to(port)
    try:
        for order in load.orders[-CONNECTIONS:]:
            for _ in range(200):
                if _order(await connection.get(f"/api/v1/orders/{order}")).status == "delivered":
                    break
                await asyncio.sleep(0.05)
            else:
                raise RuntimeError(f"{order} was paid and is not delivered")
    finally:
        connection.close()
