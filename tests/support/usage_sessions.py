"""A client of sessions that counts its requests, as a network does."""

import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from tests.support.sharing import LANES
from tests.support.usage import ANN, BOB, CARRIER, Traffic
from topup.charging.sessions.desk import Sessions, place_of
from topup.charging.sessions.requests import Opening, Reporting, ServiceReport, Told
from topup.charging.sessions.tasks import expire
from topup.platform.database import Database

MB = 10**6
UNCAPPED = CARRIER.replace(b"daily_cap = 10\n", b"")
"""Data at 0.50 a megabyte, whatever the day."""


def mark_of(*said: Any) -> bytes:
    return blake2b(repr(said).encode(), digest_size=16).digest()


@dataclass
class Session:
    """One session as its client sees it; `last` is what it was told."""

    network: "Network"
    id: str
    last: dict[str, Any]

    @property
    def service(self) -> dict[str, Any]:
        """The only service."""
        [service] = self.last["services"]
        return service

    @property
    def granted(self) -> int:
        return self.service["granted"]

    def next(self, *services: ServiceReport, at: datetime | None = None, closing: bool = False) -> Reporting:
        lane, identifier = place_of(self.id)
        sequence = self.last["sequence"] + 1
        return Reporting(lane, identifier, sequence, services, at, mark_of(services, at, closing), closing)

    async def send(self, request: Reporting) -> Told:
        told = await self.network.sessions.report(request)
        self.last = msgspec.json.decode(told.body)
        return told

    async def use(self, used: int, requested: int | None = None, *, at: datetime | None = None) -> dict[str, Any]:
        """Report the use of the only service, and ask for more."""
        await self.send(self.next(ServiceReport(0, used, requested), at=at))
        return self.service

    async def end(self, used: int = 0) -> dict[str, Any]:
        await self.send(self.next(ServiceReport(0, used), closing=True))
        return self.service

    async def shown(self) -> dict[str, Any]:
        return msgspec.json.decode(await self.network.sessions.get(self.id))


@dataclass
class Network:
    """What asks for the lines of a carrier."""

    traffic: Traffic
    sessions: Sessions
    keys: Any = field(default_factory=itertools.count)

    def opening(self, number: str = ANN, *services: ServiceReport, key: str | None = None, **changes: Any) -> Opening:
        said = services or (ServiceReport(0, 0, MB, "data"),)
        key = key or f"session:{next(self.keys)}"
        return Opening(
            **{
                "opened_by": "key:test",
                "client_key": key,
                "msisdn": number,
                "sequence": 0,
                "services": said,
                "at": None,
                "fingerprint": mark_of(number, said, changes),
            }
            | changes
        )

    async def open(self, number: str = ANN, *services: ServiceReport, **changes: Any) -> Session:
        told = await self.sessions.open(self.opening(number, *services, **changes))
        said = msgspec.json.decode(told.body)
        return Session(self, said["id"], said)

    async def expire(self) -> int:
        """Look after the sessions as the sweep does."""
        return await expire(self.traffic.database, self.traffic.circle.catalogue, LANES)

    async def time_passes(self, **span: float) -> None:
        self.traffic.database.clock_offset += timedelta(**span)

    @contextlib.asynccontextmanager
    async def beside(self) -> AsyncIterator["Network"]:
        """Another process that serves the same lines."""
        sessions = Sessions(database=self.traffic.database, catalogue=self.traffic.circle.catalogue, lanes=LANES)
        async with contextlib.aclosing(sessions):
            yield Network(self.traffic, sessions, self.keys)

    async def free(self, number: str = ANN) -> dict[str, int]:
        """What a line has that nobody holds, by asset."""
        found = await self.traffic.rows(
            "SELECT asset, sum(balance - held)::bigint FROM ledger.buckets WHERE line_id = %s GROUP BY asset",
            self.traffic.circle.lines[number].id,
        )
        return {asset: amount for asset, amount in found if amount}

    async def is_sound(self, *, over: bool = True) -> None:
        """The books hold, what sessions hold is what the ledger has, and at the end they hold nothing."""
        held = await self.traffic.rows(
            "SELECT id, amount - settled FROM ledger.holds WHERE state = 'open' AND reference LIKE 'ses\\_%%'"
        )
        kept = await self.traffic.rows("SELECT meters FROM charging.usage_sessions")
        meters = [meter for (text,) in kept for meter in msgspec.json.decode(text)]
        assert {hold[0]: hold[6] for meter in meters for hold in meter[16]} == dict(held)
        if over:
            assert held == []
            await self.traffic.is_sound()


@pytest.fixture
async def network(database: Database) -> AsyncIterator[Network]:
    """A line with 10.00 of credit, and one with nothing; data costs 0.50 a megabyte."""
    traffic = await Traffic.of(database, UNCAPPED)
    await traffic.open(ANN, main=1000)
    await traffic.open(BOB)
    sessions = Sessions(database=database, catalogue=traffic.circle.catalogue, lanes=LANES)
    yield Network(traffic, sessions)
    await sessions.aclose()
