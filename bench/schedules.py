"""Automatic top-ups at the end of a month on a simulated clock: how long each waits. `python -m bench.schedules [DAY]`.

Ten times an average day's top-ups are due on the last one. When each is due is what `rules.monthly_at` says; how they
are seen to is what the two sweeps do, so many at a time and so often, with how long a look really takes measured here
on a database, and with a gateway that takes GATEWAY_S over each charge. A top-up that is begun after the day's closing
has failed its owner.
"""

import asyncio
import heapq
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import uvloop
from pydantic import SecretStr

from bench.ledger import databases
from bench.plans import FILE
from topup.catalogue.checking import check_bytes
from topup.catalogue.operations import publish
from topup.catalogue.queries import CatalogueCache
from topup.kernel.ids import new_id
from topup.kernel.msisdn import Msisdn
from topup.orders.schedules import records
from topup.orders.schedules.looking import Looking
from topup.orders.schedules.records import Schedule
from topup.orders.schedules.rules import CLOSES, Agreement, Trigger, monthly_at
from topup.orders.schedules.running import AT_ONCE
from topup.orders.schedules.states import ScheduleState
from topup.orders.schedules.tasks import CARRIED_OUT, LOOK_EVERY_S, LOOKED_AT, RUN_EVERY_S
from topup.payments.instruments import records as instruments
from topup.payments.ports import Instrument
from topup.platform.database import Connection, Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.keys import KeyRing
from topup.platform.migrations import migrate
from topup.platform.settings import Settings

LANES: Final = 16
ZONE: Final = ZoneInfo("Asia/Shanghai")
MONTH: Final = date(2026, 11, 1)
DAYS: Final = 30
TIMES: Final = 10
"""So many times an average day's are due on the last."""
AVERAGE_DAY: Final = 5_000
LOOKS: Final = 4_000
GATEWAY_S: Final = 2.0
"""A charge takes the gateway so long; cards and wallets that answer at once take less."""
GRACE_S: Final = 60.0
"""Who is due in the last second of a day is begun a moment later."""
MONTHLY: Final = Agreement(Trigger.MONTHLY, day=DAYS, amount_minor=5000, cap_minor=20_000)


async def looks_per_s(database: Database, keys: KeyRing, count: int) -> float:
    """How many of `count` schedules, all due, are looked at and written down a second."""
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        await publish(connection, check_bytes(FILE.encode(), name="bench.toml"), now)
        for place in range(count):
            await _agree(connection, keys, place, now)
    looking = Looking(database=database, catalogue=CatalogueCache(), keys=keys, lanes=LANES)
    began, looked = time.perf_counter(), 0
    while found := await looking.look(LOOKED_AT):
        looked += found
    took = time.perf_counter() - began
    async with database.read() as transaction:
        row = await (await transaction.connection.execute("SELECT count(*) FROM orders.schedule_runs")).fetchone()
    if row is None or row[0] != count:
        raise RuntimeError(f"{row} of {count} written down")
    return count / took


async def _agree(connection: Connection, keys: KeyRing, place: int, now: datetime) -> None:
    """Somebody's card, and what they agreed to for a number, long enough ago for a month of it to be due."""
    lane = place % LANES
    who, since = new_id("subscriber", lane), now - timedelta(days=65)
    left = Instrument(f"cus_{place}:pm_1", "Visa 4242")
    await instruments.keep(connection, keys, subscriber_id=who, method="bench", instrument=left, now=now)
    [kept] = await instruments.kept_by(connection, subscriber_id=who)
    made = Schedule(
        new_id("schedule", lane), who, Msisdn(f"+86138{place:08}", "CN"), None, "bench", ZONE, "CNY", MONTHLY,
        kept.id, ScheduleState.ACTIVE, "", "en", since, since, since, None, 0,
    )  # fmt: skip
    await records.make(connection, made)


def begun_s(due_s: Sequence[float], *, look_s: float) -> list[tuple[float, float]]:
    """When each of these is due, and when its charge begins; `look_s` is what a look costs.

    A sweep that found as many as it takes at once begins anew without a pause, as `platform.jobs` does; a round of
    charges lasts until all of it have been answered.
    """
    seen = _seen(sorted(due_s), look_s)
    begun, now, waiting = [], 0.0, deque(seen)
    while waiting:
        now = max(now, waiting[0][1])
        taken = [waiting.popleft() for _ in range(min(CARRIED_OUT, len(waiting))) if waiting[0][1] <= now]
        free = [now] * AT_ONCE
        for due, _ in taken:
            begins = heapq.heappop(free)
            begun.append((due, begins))
            heapq.heappush(free, begins + GATEWAY_S)
        now = max(free) if len(taken) == CARRIED_OUT else max(*free, now + RUN_EVERY_S)
    return begun


def _seen(due_s: Sequence[float], look_s: float) -> list[tuple[float, float]]:
    """When each was due, and when it was written down by the sweep that looks."""
    found, now, place = [], 0.0, 0
    while place < len(due_s):
        now = max(now, due_s[place])
        last = place
        while last < len(due_s) and last - place < LOOKED_AT and due_s[last] <= now:
            last += 1
        now += look_s * (last - place)
        found += [(due, now) for due in due_s[place:last]]
        now += 0.0 if last - place == LOOKED_AT else LOOK_EVERY_S
        place = last
    return found


def month_end(average_day: int, *, look_s: float) -> dict[str, float]:
    """What those of the last day wait, p50 and p99, spread as they are; and all at its opening. Raises RuntimeError
    where one is begun after its closing.
    """
    at = [monthly_at(new_id("schedule", 0), MONTHLY, MONTH, ZONE) for _ in range(average_day * TIMES)]
    opens = min(at)
    due_s = [(moment - opens).total_seconds() for moment in at]
    closes = datetime.combine(MONTH.replace(day=DAYS), CLOSES, ZONE)
    begun = begun_s(due_s, look_s=look_s)
    late = sum(begins > (closes - opens).total_seconds() + GRACE_S for _, begins in begun)
    if len(begun) != len(at) or late:
        raise RuntimeError(f"{late} of {len(at)} were begun after the closing of their day")
    spread = sorted(begins - due for due, begins in begun)
    at_once = sorted(begins for _, begins in begun_s([0.0] * len(at), look_s=look_s))
    return {
        "month_end_topups": float(len(at)),
        "month_end_wait_p50_s": spread[len(spread) // 2],
        "month_end_wait_p99_s": spread[len(spread) * 99 // 100],
        "month_end_wait_longest_s": spread[-1],
        "all_at_once_wait_p50_s": at_once[len(at_once) // 2],
        "all_at_once_wait_p99_s": at_once[len(at_once) * 99 // 100],
    }


async def measure(url: str, keys_in: Path, *, looks: int = LOOKS, average_day: int = AVERAGE_DAY) -> dict[str, float]:
    """The figures of `month_end`, and `schedule_looks_per_s` on a database of its own on the cluster of `url`."""
    with databases(url) as (_, ours):
        await asyncio.to_thread(migrate, ours)
        async with Database.open(settings=Settings(database_url=SecretStr(ours)), migrating=False) as database:
            rate = await looks_per_s(database, KeyRing(keys_in), looks)
    return {"schedule_looks_per_s": rate, **month_end(average_day, look_s=1 / rate)}


def main() -> None:
    """Measure, and print."""
    average_day = int(sys.argv[1]) if len(sys.argv) > 1 else AVERAGE_DAY
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the database's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        with EmbeddedServer.start(data_dir) as server:
            found = uvloop.run(measure(server.url, Path(above) / "keys", average_day=average_day))
    print("\n".join(f"{name} {figure:.2f}" for name, figure in found.items()))


if __name__ == "__main__":
    main()
