"""Lines are told that their state will end: once, by day, to their own number, and only while it is so."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.lines import LANES, Village, days
from topup.catalogue.queries import CatalogueCache
from topup.kernel.outcome import Done, Outcome
from topup.lines.operations import LineStatus, set_status
from topup.lines.reminding import REMINDED, Reminding
from topup.notifications.ports import OutgoingMessage
from topup.notifications.tasks import send_due
from topup.platform.database import Database
from topup.platform.keys import KeyRing

from .conftest import FROZEN, START

NINE = START.replace(hour=1)  # in Singapore
END = START.replace(hour=16) + days(10)  # the midnight that ends the tenth day there


class Phones:
    """Keeps what was sent to numbers."""

    name = "phones"

    def __init__(self) -> None:
        self.got: list[OutgoingMessage] = []

    async def send(self, message: OutgoingMessage) -> Outcome:
        self.got.append(message)
        return Done(message.message_id)

    async def aclose(self) -> None:
        """Nothing is open."""


class Told:
    """A village that is looked after, and whose lines are told."""

    def __init__(self, village: Village, keyring: KeyRing) -> None:
        self.village, self._keyring = village, keyring
        self.phones = Phones()
        self.reminding = Reminding(database=village.database, catalogue=CatalogueCache(), keyring=keyring, lanes=LANES)

    async def at(self, instant: datetime, *, living: bool = True) -> Sequence[OutgoingMessage]:
        """What was sent by then, when everything that is due has been done then."""
        database = self.village.database
        async with database.read() as transaction:
            database.clock_offset += instant - transaction.now
        if living:
            await self.village.passes(instant)
        while await self.reminding.remind() >= REMINDED:
            pass
        before = len(self.phones.got)
        while await send_due(database, self._keyring, self.phones):
            pass
        return self.phones.got[before:]

    async def waiting(self) -> int:
        [(count,)] = await self.village.rows("SELECT count(*) FROM lines.reminders WHERE tell_at IS NOT NULL")
        return count


@pytest.fixture
def told(cold: Village, tmp_path: Path) -> Told:
    return Told(cold, KeyRing(tmp_path / "keys"))


async def test_a_line_is_told_once_for_each_reminder_what_will_be_and_what_to_do(told: Told) -> None:
    await told.village.opened("freezing", FROZEN, at=START)
    assert await told.at(END - days(4)) == []
    [first] = await told.at(NINE + days(8))
    assert (first.address, first.locale) == (f"tel:{FROZEN}", "en")
    assert first.subject == ""
    assert first.body.startswith("+65 8 **** 56 will be one-way blocked on Mar 12, 2030.")
    assert first.body.endswith(" Top up any amount.")
    assert await told.at(NINE + days(8) + timedelta(hours=1)) == []
    [second] = await told.at(NINE + days(10))
    assert second.body == first.body
    assert await told.at(END + days(1)) == []


async def test_nobody_is_told_at_night(told: Told) -> None:
    await told.village.opened("freezing", FROZEN, at=START)
    midnight = END - days(3)
    assert await told.at(midnight) == []
    assert await told.waiting() == 1
    assert await told.at(midnight + timedelta(hours=8, minutes=59)) == []
    assert len(await told.at(midnight + timedelta(hours=9))) == 1
    assert await told.waiting() == 0


async def test_a_message_that_is_late_does_not_leave_at_night_either(told: Told) -> None:
    await told.village.opened("freezing", FROZEN, at=START)
    await told.at(END - days(3))
    database = told.village.database
    # Written at nine, and the messenger stood still until midnight.
    database.clock_offset += timedelta(hours=9)
    assert await told.reminding.remind() == 1
    database.clock_offset += timedelta(hours=15)
    assert await told.at(END - days(2), living=False) == []
    assert len(await told.at(END - days(2) + timedelta(hours=9), living=False)) == 1


async def test_what_is_found_at_night_is_looked_at_again_in_the_morning(told: Told) -> None:
    [line] = await told.village.opened("freezing", FROZEN, at=START)
    await told.village.passes(END - days(3))
    assert await told.at(END - days(3) + timedelta(hours=22)) == []
    assert await told.waiting() == 1
    assert await told.village.tops_up(line, 500, at=END - days(3) + timedelta(hours=23))
    assert await told.at(END - days(2) + timedelta(hours=9)) == []
    assert await told.waiting() == 0


async def test_who_topped_up_meanwhile_is_not_told(told: Told) -> None:
    [line] = await told.village.opened("freezing", FROZEN, at=START)
    assert await told.at(END - days(3)) == []
    assert await told.village.tops_up(line, 500, at=END - days(3) + timedelta(hours=1))
    assert await told.at(END - days(3) + timedelta(hours=10)) == []
    assert await told.waiting() == 0
    [(told_at,)] = await told.village.rows("SELECT told_at FROM lines.reminders")
    assert told_at is None


async def test_a_line_that_was_closed_or_is_past_its_day_is_not_told(told: Told) -> None:
    lines = await told.village.opened("freezing", FROZEN, "+6589123457", at=START)
    await told.at(END - days(3))
    async with told.village.database.transaction() as transaction:
        await set_status(transaction.connection, lines[0], LineStatus.CLOSED, END - days(3))
    assert len(await told.at(END - days(3) + timedelta(hours=9))) == 1
    await told.at(END - days(1))
    assert await told.at(END + timedelta(hours=9), living=False) == []
    assert await told.waiting() == 0


async def test_of_several_that_waited_only_the_latest_is_told(told: Told) -> None:
    await told.village.opened("freezing", FROZEN, at=START)
    await told.village.passes(END - days(3))
    await told.village.passes(END - days(1))
    assert await told.waiting() == 2
    assert len(await told.at(END - days(1) + timedelta(hours=9))) == 1


async def test_several_processes_tell_each_line_once_however_many_there_are(told: Told) -> None:
    numbers = [f"+65891{n:05}" for n in range(2 * REMINDED)]
    await told.village.opened("freezing", *numbers, at=START)
    assert await told.at(END - days(3)) == []
    told.village.database.clock_offset += timedelta(hours=9)

    async def tell() -> None:
        while await told.reminding.remind():
            pass

    await asyncio.gather(*(tell() for _ in range(3)))
    got = await told.at(END - days(3) + timedelta(hours=10))
    assert sorted(message.address for message in got) == [f"tel:{number}" for number in numbers]


async def test_a_line_is_told_in_what_its_country_writes(database: Database, tmp_path: Path) -> None:
    village = await Village.of(database)
    told = Told(village, KeyRing(tmp_path / "keys"))
    [line] = await village.opened("china", "+8613900139000", at=datetime(2030, 3, 1, 4, tzinfo=UTC))
    assert line
    got = [message for day in range(1, 400, 3) for message in await told.at(START + days(day))]
    assert got
    assert {message.locale for message in got} == {"zh_Hans"}
    assert all("将于" in message.body for message in got)
