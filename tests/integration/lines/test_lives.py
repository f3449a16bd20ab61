"""Lines live by their carriers' files: by time, by what happens to them, and their money with them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.lines import EXAMPLES, Village, days
from topup.kernel.msisdn import parse_msisdn
from topup.ledger import Debit, Hold
from topup.lines.queries import route
from topup.platform.database import Database

from .conftest import FREEZING, FROZEN, START

VODAFONE, FLOW, SMART, CHINA = "+447717123456", "+13459161234", "+639081234567", "+8613900139000"


@pytest.fixture
async def village(database: Database) -> Village:
    return await Village.of(database)


def midnight(year: int, month: int, day: int, zone: str) -> datetime:
    """The beginning of a day there."""
    return datetime(year, month, day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


async def test_a_line_without_activity_goes_after_its_180_and_90_days(village: Village) -> None:
    (line,) = await village.opened("vodafone-uk", VODAFONE, at=START)
    life = await village.life(line)
    assert (life.state, life.shows) == ("active", "active")
    reminded = midnight(2030, 8, 29, "Europe/London")
    assert life.next_at == reminded
    assert await village.passes(reminded - timedelta(seconds=1)) == 0
    await village.passes(reminded + timedelta(hours=3))
    assert (await village.life(line)).state == "reminded"
    assert (await village.history(line)) == [("active", "reminded", reminded)]
    gone = midnight(2030, 11, 27, "Europe/London")
    await village.passes(gone)
    life = await village.life(line)
    assert (life.state, life.shows, life.status, life.closed_at) == ("gone", "recycled", "closed", gone)
    assert await village.rows("SELECT count(*) FROM lines.numbers WHERE until IS NULL") == [(0,)]
    assert life.next_at is None


async def test_a_late_job_finds_the_same_dates(village: Village) -> None:
    (line,) = await village.opened("vodafone-uk", VODAFONE, at=START)
    await village.passes(START + days(2_000))
    assert [at for _, _, at in await village.history(line)] == [
        midnight(2030, 8, 29, "Europe/London"),
        midnight(2030, 11, 27, "Europe/London"),
    ]


async def test_looking_again_changes_nothing(village: Village) -> None:
    (line,) = await village.opened("vodafone-uk", VODAFONE, at=START)
    now = START + days(200)
    assert await village.passes(now) == 1
    life = await village.life(line)
    assert await village.passes(now) == 0
    assert await village.life(line) == life


async def test_activity_restarts_the_clock_and_brings_a_reminded_line_back(village: Village) -> None:
    (line,) = await village.opened("vodafone-uk", VODAFONE, at=START)
    await village.passes(START + days(200))
    assert await village.happens(line, "activity", at=START + days(201)) == {line.id: "active"}
    life = await village.life(line)
    assert life.next_at is not None
    assert life.next_at > START + days(201 + 180)
    assert life.active_at == START + days(201)


async def test_a_topup_restarts_the_clock(village: Village) -> None:
    (line,) = await village.opened("vodafone-uk", VODAFONE, at=START)
    assert await village.tops_up(line, 1000, at=START + days(100))
    life = await village.life(line)
    assert life.next_at is not None
    assert START + days(100 + 180) < life.next_at <= START + days(100 + 182)


async def test_nothing_restarts_the_clock_of_a_line_that_is_gone(village: Village) -> None:
    (line,) = await village.opened("vodafone-uk", VODAFONE, at=START)
    # Nobody has looked yet: that time is up decides, not that a job has noticed.
    assert not await village.tops_up(line, 1000, at=START + days(400))
    await village.passes(START + days(400))
    assert not await village.tops_up(line, 1000, at=START + days(401))
    assert (await village.life(line)).status == "closed"
    assert await village.buckets(line) == []


async def test_used_up_credit_makes_a_line_low_and_90_days_later_it_is_over_with_all_it_has(village: Village) -> None:
    (line,) = await village.opened("flow-cayman", FLOW, at=START)
    await village.tops_up(line, 1000, at=START, until=START + days(120))
    await village.passes(START)
    assert (await village.life(line)).shows == "active"
    await village.credits(line, 500, at=START, asset="DATA", kind="promo")
    debit = Debit(
        lane=line.lane,
        key="use",
        purpose="use",
        reference="x",
        line_id=line.id,
        to_code="sales",
        asset="KYD",
        amount=1000,
    )
    used_up = START + days(10)
    await village.posts(debit, at=used_up)
    assert await village.happens(line, "funds", at=used_up) == {line.id: "low-balance"}
    life = await village.life(line)
    assert (life.shows, life.state_since, life.gone) == ("low", used_up, "used_up")
    await village.passes(START + days(101))
    life = await village.life(line)
    assert (life.state, life.status) == ("ended", "closed")
    assert sum(bucket.balance for bucket in await village.buckets(line)) == 0


async def test_expired_credit_is_found_at_its_end_though_nobody_told(village: Village) -> None:
    (line,) = await village.opened("flow-cayman", FLOW, at=START)
    ends = START + days(90)
    await village.tops_up(line, 700, at=START, until=ends)
    await village.passes(START)
    life = await village.life(line)
    assert (life.has_funds, life.funds_until) == (True, ends)
    await village.passes(ends + days(3))
    life = await village.life(line)
    assert (life.state, life.state_since) == ("low-balance", ends)
    # Its ninety days count from the end of the credit, also where the ledger has closed the bucket since.
    assert life.next_at is not None
    assert life.next_at < ends + days(91)


async def test_a_credit_that_expired_and_is_closed_ended_when_it_ended(village: Village) -> None:
    (line,) = await village.opened("flow-cayman", FLOW, at=START)
    ends = START + days(90)
    await village.tops_up(line, 700, at=START, until=ends)
    await village.passes(START)
    await village.posts(
        Debit(
            lane=line.lane,
            key="x",
            purpose="x",
            reference="x",
            line_id=line.id,
            to_code="expired",
            asset="KYD",
            amount=700,
        ),
        at=ends - timedelta(seconds=1),
    )
    await village.passes(ends + days(60))
    life = await village.life(line)
    assert (life.state, life.state_since, life.gone) == ("low-balance", ends, "expired")


async def test_what_is_promised_is_no_used_up_credit(village: Village) -> None:
    (line,) = await village.opened("flow-cayman", FLOW, at=START)
    await village.tops_up(line, 1000, at=START, until=START + days(120))
    hold = Hold(
        lane=line.lane, key="call", purpose="call", reference="x", line_id=line.id, asset="KYD", amount=1000,
        expires_at=START + days(30),
    )  # fmt: skip
    await village.posts(hold, at=START)
    assert await village.happens(line, "funds", at=START + timedelta(hours=1)) == {line.id: "active"}


async def test_arrears_block_a_line_step_by_step_and_paying_brings_it_back(village: Village) -> None:
    (line,) = await village.opened("china", CHINA, at=START)
    await village.tops_up(line, 1000, at=START)
    first = midnight(2030, 4, 1, "Asia/Shanghai")
    await village.passes(first)
    assert await village.money(line, first) == 200
    second = midnight(2030, 5, 1, "Asia/Shanghai")
    await village.passes(second + timedelta(minutes=7))
    life = await village.life(line)
    assert (life.state, life.arrears_minor, life.state_since) == ("one-way-blocked", 600, second)
    assert await village.money(line, second) == 0
    await village.passes(second + days(20))
    assert (await village.life(line)).shows == "two_way_blocked"
    # The fee is not charged any more, so that what is owed stays as it is.
    later = second + days(50)
    await village.passes(later)
    assert (await village.life(line)).arrears_minor == 600
    assert await village.tops_up(line, 1000, at=later)
    await village.passes(later)
    life = await village.life(line)
    assert (life.state, life.arrears_minor, await village.money(line, later)) == ("active", 0, 400)
    assert life.fee_at == midnight(2030, 7, 1, "Asia/Shanghai")


async def test_a_part_of_what_is_owed_does_not_bring_it_back(village: Village) -> None:
    (line,) = await village.opened("china", CHINA, at=START)
    await village.passes(midnight(2030, 4, 1, "Asia/Shanghai"))
    now = midnight(2030, 4, 2, "Asia/Shanghai")
    await village.tops_up(line, 300, at=now)
    await village.passes(now)
    life = await village.life(line)
    assert (life.state, life.arrears_minor, await village.money(line, now)) == ("one-way-blocked", 500, 0)


async def test_fees_of_months_in_which_no_job_ran_are_taken_all(village: Village) -> None:
    (line,) = await village.opened("china", CHINA, at=START)
    await village.tops_up(line, 5000, at=START)
    now = midnight(2030, 6, 15, "Asia/Shanghai")
    await village.passes(now)
    assert await village.money(line, now) == 5000 - 3 * 800
    assert (await village.life(line)).state == "active"


async def test_a_number_waits_in_quarantine_and_its_next_line_is_new_and_empty(cold: Village) -> None:
    (line,) = await cold.opened("freezing", FROZEN, at=START)
    await cold.credits(line, 500, at=START)
    closed = START + days(60)
    await cold.passes(closed)
    life = await cold.life(line)
    assert (life.status, life.number_free_at is not None) == ("closed", True)
    assert life.closed_at is not None
    assert life.number_free_at == life.closed_at + days(30)
    await cold.passes(closed + timedelta(hours=1))
    async with cold.database.read() as transaction:
        (way,) = await route(transaction.connection, [parse_msisdn(FROZEN)], cold.snapshot, lanes=16)
    assert (way.line, way.barred) == (line, True)
    assert await cold.opened("freezing", FROZEN, at=closed + days(1)) == [line]
    await cold.passes(life.number_free_at)
    (new,) = await cold.opened("freezing", FROZEN, at=life.number_free_at + days(1))
    assert new != line
    assert await cold.buckets(new) == []
    assert await cold.history(new) == []
    assert (await cold.life(new)).status == "active"
    assert len(await cold.rows("SELECT FROM lines.numbers WHERE msisdn = %s", FROZEN)) == 2


async def test_reminders_are_noted_once(cold: Village) -> None:
    (line,) = await cold.opened("freezing", FROZEN, at=START)
    for hour in range(24 * 12):
        await cold.passes(START + timedelta(hours=hour))
    found = await cold.rows(
        "SELECT days, entering, due FROM lines.reminders WHERE line_id = %s ORDER BY days DESC", line.id
    )
    frozen = next(at for _, entered, at in await cold.history(line) if entered == "frozen")
    assert found == [(3, "frozen", frozen), (1, "frozen", frozen)]


async def test_a_near_end_is_shown(cold: Village) -> None:
    (line,) = await cold.opened("freezing", FROZEN, at=START)
    await cold.passes(START + days(9))
    assert (await cold.life(line)).shows == "expiring"


async def test_a_new_file_with_other_rules_is_lived_by_and_starts_no_clock_anew(cold: Village, tmp_path: Path) -> None:
    (line,) = await cold.opened("freezing", FROZEN, at=START)
    due = (await cold.life(line)).clocks
    file = tmp_path / "freezing.toml"
    file.write_text(
        FREEZING.replace("[[life_cycle", '[clocks.more]\ndays = 5\nrestarts = ["activation"]\n\n[[life_cycle', 1),
        "utf-8",
    )
    newer = await Village.of(cold.database, file)
    await newer.happens(line, "funds", at=START + days(1))
    clocks = (await cold.life(line)).clocks
    assert due is not None
    assert clocks is not None
    assert clocks["credit"] == due["credit"]
    assert set(clocks) == {"credit", "more"}


async def test_a_line_of_a_carrier_without_rules_has_nothing_to_wait_for(database: Database, tmp_path: Path) -> None:
    head, _, _ = FREEZING.partition("[clocks")
    file = tmp_path / "freezing.toml"
    file.write_text(head, "utf-8")
    quiet = await Village.of(database, file)
    (line,) = await quiet.opened("freezing", FROZEN, at=START)
    life = await quiet.life(line)
    assert (life.rules, life.next_at, life.state) == (0, None, "active")
    assert await quiet.happens(line, "activity", at=START) == {}


async def test_lines_that_somebody_works_on_are_left_to_them(village: Village) -> None:
    await village.opened("vodafone-uk", *(f"+4477171{index:05d}" for index in range(40)), at=START)
    now = START + days(200)
    async with village.database.transaction() as transaction:
        await transaction.connection.execute("SELECT FROM lines.lines WHERE lane < 8 FOR UPDATE")
        seen = await village.passes(now)
        (held,) = (await village.rows("SELECT count(*) FROM lines.lines WHERE lane < 8"))[0]
    assert seen == 40 - held
    assert await village.passes(now) == held


async def test_a_line_of_nobody_is_not_lost_for_the_others(village: Village) -> None:
    (line,) = await village.opened("vodafone-uk", VODAFONE, at=START)
    async with village.database.transaction() as transaction:
        await transaction.connection.execute("UPDATE lines.lines SET state = 'nowhere', next_at = %s", (START,))
    assert await village.passes(START) == 1
    life = await village.life(line)
    assert (life.state, life.next_at) == ("nowhere", START + timedelta(hours=1))


def test_the_examples_are_there() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.toml")} >= {"china", "flow-cayman", "vodafone-uk"}
