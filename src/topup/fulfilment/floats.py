"""What is left of our prepaid floats at carriers: asked for now and then, kept with its time, with an alarm when low.

Promise: a float below its alarm is on the work list once, and leaves it by itself when it is filled up again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import structlog
from psycopg.rows import args_row

from topup.fulfilment.ports import Carrier, CarrierCapability, FloatUnavailable
from topup.kernel.money import Money
from topup.platform.arrays import selected
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.jobs import Sweep
from topup.work.operations import Decision, close_for_person, list_anew
from topup.work.queries import is_open

FLOAT_LOW: Final = "float_low"
"""The kind of item on the work list."""
_EVERY_S: Final = 60.0
_LANE: Final = 0
"""A float belongs to no line."""
_BEFORE = crash_label("carriers.float.before_commit")
_AFTER = crash_label("carriers.float.after_commit")
_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Float:
    """What a carrier said, and when. `alarm_minor`: below that it is low; None: nobody said so. `asked_at` is when we
    asked last: later than `at` where no answer came.
    """

    carrier: str
    amount_minor: int | None
    currency: str | None
    at: datetime | None
    asked_at: datetime
    alarm_minor: int | None

    @property
    def low(self) -> bool:
        """Whether somebody should fill it up."""
        return self.amount_minor is not None and self.alarm_minor is not None and self.amount_minor < self.alarm_minor


async def known(connection: Connection) -> list[Float]:
    """What is known of all floats."""
    async with connection.cursor(row_factory=args_row(Float)) as cursor:
        await cursor.execute(f"SELECT {selected(Float, 'f')} FROM fulfilment.floats AS f ORDER BY f.carrier")
        return await cursor.fetchall()


class Floats:
    """Asks the carriers that have floats of ours. `alarms`: by carrier, in major units of its currency."""

    def __init__(self, *, database: Database, carriers: Mapping[str, Carrier], alarms: Mapping[str, Decimal]) -> None:
        self._database = database
        self._carriers = {
            name: carrier for name, carrier in carriers.items() if CarrierCapability.FLOAT in carrier.capabilities
        }
        self._alarms = alarms

    def sweeps(self) -> list[Sweep]:
        """The one that asks; none where no carrier has a float of ours."""
        return [Sweep("fulfilment.floats", _EVERY_S, self.ask)] if self._carriers else []

    async def ask(self) -> int:
        """Ask each of them, and note what it says; how many answered."""
        answers = await asyncio.gather(*(self._asked(name, one) for name, one in self._carriers.items()))
        for name, money in zip(self._carriers, answers, strict=True):
            await self._note(name, money)
        return sum(money is not None for money in answers)

    async def _asked(self, name: str, carrier: Carrier) -> Money | None:
        try:
            return await carrier.float_balance()
        except FloatUnavailable as problem:
            _log.warning("float_unavailable", carrier=name, reason=str(problem))
            return None

    async def _note(self, name: str, money: Money | None) -> None:
        alarm = self._alarms.get(name)
        alarm_minor = Money.from_major(str(alarm), money.currency).amount_minor if alarm and money else None
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            if money is None:
                await connection.execute(_UNANSWERED, (name, now, now))
            else:
                await connection.execute(_ANSWERED, (name, money.amount_minor, money.currency, now, now, alarm_minor))
                await _alarm(connection, name, money, alarm_minor, now)
            crash_point(_BEFORE)
        crash_point(_AFTER)


async def _alarm(connection: Connection, name: str, money: Money, alarm_minor: int | None, now: datetime) -> None:
    if alarm_minor is None or money.amount_minor >= alarm_minor:
        await close_for_person(connection, [(_LANE, FLOAT_LOW, name)], now)
        return
    evidence = {"carrier": name, "amount_minor": money.amount_minor, "wanted_minor": alarm_minor}
    if not await is_open(connection, _LANE, FLOAT_LOW, name):
        await list_anew(connection, [Decision(_LANE, FLOAT_LOW, name, evidence | {"currency": money.currency})], now)


_ANSWERED: Final = """
INSERT INTO fulfilment.floats AS f (carrier, amount_minor, currency, at, asked_at, alarm_minor)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (carrier) DO UPDATE SET amount_minor = excluded.amount_minor,
    currency = excluded.currency, at = excluded.at, asked_at = excluded.asked_at, alarm_minor = excluded.alarm_minor
WHERE f.asked_at <= excluded.asked_at
"""
_UNANSWERED: Final = """
INSERT INTO fulfilment.floats (carrier, asked_at) VALUES (%s, %s)
ON CONFLICT (carrier) DO UPDATE SET asked_at = greatest(floats.asked_at, %s)
"""
