"""How many top-ups a second an agent sells over HTTP: each one call that orders, pays from the float and delivers.

64 connections with one agent's key, each selling one top-up after another to lines that were topped up before; every
sale earns a commission, and is answered when it is committed.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from bench.client import Connection
from bench.server import Server
from topup.bootstrap.store import open_store
from topup.catalogue.pricing import price
from topup.catalogue.queries import Snapshot
from topup.fulfilment.own import credits_of
from topup.kernel.ids import AgentId, OrderId, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.ledger import Item, PostingRefused, post
from topup.lines.operations import open_lines
from topup.lines.queries import LineRef
from topup.payments.floats import plans
from topup.payments.floats.postings import filled
from topup.payments.postings import SUSPENSE
from topup.people.agents import operations
from topup.people.agents.operations import NewAgent, Terms
from topup.platform.settings import load_settings

CONNECTIONS: Final = 64
LINES: Final = 5_000
FLOAT_MINOR: Final = 10**13
EARNED_LESS_MINOR: Final = 4900
"""What a sale takes of the float, the commission given."""
WARM_UP_S: Final = 1.0
_PLAN: Final = 'name = "bench"\ncurrency = "CNY"\n[[rule]]\npercent = "2"\n'
_BODY: Final = (
    b'{"number":"%b","amount":{"amount_minor":5000,"currency":"CNY"},"confirmations":["duplicate","large_amount"]}'
)


class _Sold(msgspec.Struct):
    status: str
    float_left: "_Left"


class _Left(msgspec.Struct):
    amount_minor: int


_sold = msgspec.json.Decoder(_Sold).decode


async def furnish_at(data_dir: Path) -> str:
    """An agent with a float that is not used up, and lines to top up; the secret of the agent's key."""
    async with open_store(load_settings(data_dir=data_dir)) as store, store.database.transaction() as transaction:
        connection, now, lanes = transaction.connection, transaction.now, store.installation.lanes
        snapshot = await Snapshot.load(connection)
        numbers = [parse_msisdn(number) for number in _numbers()]
        rows = [(number, "qingfeng", "Asia/Shanghai") for number in numbers]
        lines = await open_lines(connection, rows, now, lanes=lanes, snapshot=snapshot)
        await plans.publish(connection, plans.read_plan(_PLAN), now)
        wanted = NewAgent("bench", "", "CNY", "Asia/Shanghai", "en", Terms(plan="bench"))
        agent = await operations.add(connection, wanted, keyring=store.keyring, lanes=lanes, by="bench", now=now)
        key = await operations.give_key(connection, agent.id, label="bench", by="bench", now=now)
        top_up = new_id("float_top_up", agent.lane)
        item = filled(top_up_id=top_up, agent_id=AgentId(agent.id), amount=Money(FLOAT_MINOR, "CNY"))
        for answer in await post(connection, [item, *_earlier(snapshot, lines.values(), now)], now):
            if isinstance(answer, PostingRefused):
                raise answer
    return key.secret


def _earlier(snapshot: Snapshot, lines: Iterable[LineRef], now: datetime) -> Iterator[Item]:
    """A first top-up of each line."""
    carrier = snapshot.carrier("qingfeng")
    if carrier is None:
        raise RuntimeError("the demonstration's carrier is not there")
    grants = price(carrier, product=None, amount=Money(5000, "CNY"), now=now).grants
    for line in lines:
        order = OrderId(new_id("order", line.lane))
        yield from credits_of(
            order_id=order, lane=line.lane, line_id=line.id, grants=grants, paid_from=SUSPENSE, now=now
        )


def _numbers() -> list[str]:
    return [f"1380077{n:04d}" for n in range(LINES)]


@dataclass(slots=True)
class Load:
    """Sales until told to stop: when each was answered, and how long that took."""

    secret: str
    running: bool = True
    finished: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    most: int = 0
    least: int = FLOAT_MINOR
    """What was in the float after the first sale, and after the last."""

    async def sell(self, port: int) -> None:
        """One connection's sales."""
        connection, numbers = await Connection.to(port), _numbers()
        authorization = f"authorization: Bearer {self.secret}"
        try:
            while self.running:
                began = time.perf_counter()
                key = f"idempotency-key: {secrets.token_hex(16)}"
                body = _BODY % random.choice(numbers).encode()
                answer = _sold(await connection.post("/api/v1/agents/topups", body, authorization, key))
                if answer.status != "delivered":
                    raise RuntimeError(f"a sale is {answer.status}")
                self.most = max(self.most, answer.float_left.amount_minor)
                self.least = min(self.least, answer.float_left.amount_minor)
                self.finished.append(time.perf_counter())
                self.took_s.append(self.finished[-1] - began)
        finally:
            connection.close()


async def measure(servers: Sequence[Server], secret: str, seconds: float) -> dict[str, float]:
    """Sales a second over `seconds` after a warm-up, and the 99th percentile of an answer, milliseconds.

    The connections are divided among `servers`, processes on one database.
    """
    load = Load(secret)
    tasks = [asyncio.create_task(load.sell(servers[n % len(servers)].port)) for n in range(CONNECTIONS)]
    await asyncio.sleep(WARM_UP_S)
    load.took_s.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    ended = time.perf_counter()
    load.running = False
    await asyncio.gather(*tasks)
    counted = sum(started <= moment < ended for moment in load.finished)
    if load.most - load.least != (len(load.finished) - 1) * EARNED_LESS_MINOR:
        raise RuntimeError("the float is not what was sold of it, less the commission")
    waits = sorted(load.took_s)
    return {
        "agent_topups_per_s": counted / (ended - started),
        "agent_topup_p99_ms": waits[int(len(waits) * 0.99)] * 1e3,
    }
