"""Who has a line in their account is told of it: once for each cause, as they chose, in the hours they want."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.canaries import stored
from tests.support.households import Households
from tests.support.lines import LANES, Village, days
from topup.care.reminders.hearing import LinesHearing, UsageHearing
from topup.care.reminders.sending import Reminding
from topup.catalogue.queries import CatalogueCache
from topup.charging.usage.events import Event, tell
from topup.kernel.outcome import Done, Outcome
from topup.lines import reminding as lines_reminding
from topup.lines.queries import LineRef
from topup.notifications import notices
from topup.notifications.notices import GATHERED_FOR
from topup.notifications.ports import AddressKind, OutgoingMessage
from topup.notifications.tasks import send_due
from topup.people.subscribers.reminders import Reminders, Subject, Way, stop
from topup.platform.database import Database
from topup.platform.keys import KeyRing

NOON = datetime(2030, 3, 1, 4, tzinfo=UTC)  # in Shanghai
NIGHT = NOON + timedelta(hours=11)
MORNING = NOON + timedelta(hours=21)
OWN, MUMS = "+8613900139000", "+8613900139001"
ADDRESS = "canary.person@example.com"
BOTH = frozenset(Way)
ALL = Reminders(dict.fromkeys(Subject, BOTH))


class Post:
    """Keeps what was sent to anybody."""

    name = "post"

    def __init__(self) -> None:
        self.got: list[OutgoingMessage] = []

    async def send(self, message: OutgoingMessage) -> Outcome:
        self.got.append(message)
        return Done(message.message_id)

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass
class Told:
    """Lines with owners, who are told what comes about."""

    village: Village
    households: Households
    post: Post

    @property
    def database(self) -> Database:
        return self.village.database

    def reminding(self) -> Reminding:
        return Reminding(
            database=self.database, keyring=self.households.keyring, lanes=LANES, public_url="https://topup.example"
        )

    def hearing(self) -> UsageHearing:
        return UsageHearing(database=self.database, lanes=LANES)

    async def at(self, instant: datetime) -> None:
        async with self.database.read() as transaction:
            self.database.clock_offset += instant - transaction.now

    async def happens(self, line: LineRef, name: str, occasion: str = "once", **facts: object) -> None:
        async with self.database.transaction() as transaction:
            event = Event(line, name, occasion, facts)  # type: ignore[arg-type]
            await tell(transaction.connection, [event], transaction.now)

    async def heard(self) -> None:
        while await self.hearing().hear():
            pass

    async def delivered(self, *, after: timedelta = GATHERED_FOR) -> Sequence[OutgoingMessage]:
        """What people were sent when all was done, so much later."""
        await self.heard()
        self.database.clock_offset += after
        before = len(self.post.got)
        while await self.reminding().send() + await send_due(self.database, self.households.keyring, self.post):
            pass
        return self.post.got[before:]

    async def shown(self, reader: str) -> list[str]:
        async with self.database.read() as transaction:
            return [one.template for one in await notices.page(transaction.connection, reader=reader)]


@pytest.fixture
async def told(database: Database, tmp_path: Path) -> Told:
    village = await Village.of(database)
    found = Told(village, Households(database, KeyRing(tmp_path / "keys")), Post())
    await found.at(NOON)
    return found


@pytest.fixture
async def lines(told: Told) -> list[LineRef]:
    return await told.village.opened("china", OWN, MUMS, at=NOON)


async def test_an_owner_is_told_by_what_they_chose_and_in_the_app(told: Told, lines: list[LineRef]) -> None:
    reader = await told.households.moves_in(OWN, lines[0], email=ADDRESS, reminders=ALL)
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)
    by_sms, by_mail = sorted(await told.delivered(), key=lambda one: one.address, reverse=True)
    assert (by_sms.address, by_sms.body) == (
        f"tel:{OWN}",
        "139 **** 9000: Balance running low, CN¥4.80 left. Top up in time.",
    )
    assert by_mail.address == ADDRESS
    assert by_mail.stop_url.startswith("https://topup.example/stop/")
    assert by_mail.stop_url in by_mail.body
    assert by_sms.stop_url == ""
    assert await told.shown(reader) == ["low"]
    assert await told.delivered(after=days(2)) == []


async def test_everybody_who_has_the_line_is_told_and_nobody_else(told: Told, lines: list[LineRef]) -> None:
    daughter = await told.households.moves_in(OWN, *lines)
    mum = await told.households.moves_in(MUMS, lines[1], locale="zh_Hans", lane=5)
    stranger = await told.households.moves_in("+8613900139009", lane=7)
    await told.happens(lines[1], "used_up", asset="DATA", left=0)
    got = {one.address: one.body for one in await told.delivered()}
    assert got == {
        f"tel:{OWN}": "139 **** 9001: Data used up. Top up and you can go on.",
        f"tel:{MUMS}": "139 **** 9001 的流量已用完。充值后即可继续使用。",
    }
    assert [await told.shown(one) for one in (daughter, mum, stranger)] == [["used_up"], ["used_up"], []]


async def test_what_nobody_wants_to_hear_is_in_the_app_alone(told: Told, lines: list[LineRef]) -> None:
    silent = Reminders(dict.fromkeys(Subject, frozenset()))
    reader = await told.households.moves_in(OWN, lines[0], email=ADDRESS, reminders=silent)
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)
    await told.happens(lines[0], "restored", asset="CNY", left=5000)
    assert await told.delivered() == []
    assert sorted(await told.shown(reader)) == ["filled", "low"]


async def test_nobody_is_woken_and_what_came_by_night_comes_together(told: Told, lines: list[LineRef]) -> None:
    await told.households.moves_in(OWN, lines[0])
    await told.at(NIGHT)
    for asset in ("CNY", "DATA", "VOICE", "SMS"):
        await told.happens(lines[0], "used_up", asset, asset=asset, left=0)
    assert await told.delivered() == []
    await told.at(MORNING)
    (digest,) = await told.delivered()
    assert digest.body == "There are 4 new messages about your numbers. Sign in to read them."


async def test_a_digest_by_mail_says_each_and_stops_all(told: Told, lines: list[LineRef]) -> None:
    mail = Reminders(dict.fromkeys(Subject, frozenset({Way.MAIL})))
    await told.households.moves_in(OWN, *lines, email=ADDRESS, reminders=mail)
    for line in lines:
        await told.happens(line, "low", asset="CNY", left=480, mark=1000)
        await told.happens(line, "blocked", state="frozen", shows="one_way_blocked", at="…", blocks=["voice_out"])
        await told.happens(line, "used_up", asset="DATA", left=0)
    (digest,) = await told.delivered()
    print(digest.body)
    # That a line is blocked says that its balance is low.
    assert digest.subject == "4 messages about your numbers"
    assert digest.body.count("Data used up") == 2
    assert digest.body.count("one-way blocked") == 2
    assert "running low" not in digest.body


async def test_of_one_cause_nobody_is_told_twice_however_many_look(told: Told, lines: list[LineRef]) -> None:
    readers = [await told.households.moves_in(f"+86139001392{n:02}", lines[0], lane=n) for n in range(5)]
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)
    await asyncio.gather(*(told.hearing().hear() for _ in range(4)))
    told.database.clock_offset += GATHERED_FOR
    await asyncio.gather(*(told.reminding().send() for _ in range(4)))
    await asyncio.gather(*(send_due(told.database, told.households.keyring, told.post) for _ in range(4)))
    assert len(told.post.got) == len(readers) == len({one.address for one in told.post.got})
    print(f"readers={len(readers)} told={len(told.post.got)} twice=0")


async def test_what_is_undone_half_way_is_told_all_the_same_and_once(
    told: Told, lines: list[LineRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    await told.households.moves_in(OWN, lines[0])
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)

    def dies(label: str) -> None:
        if label == dying:
            raise KeyboardInterrupt(label)

    for module in ("hearing", "sending", "orders", "tasks"):
        monkeypatch.setattr(f"topup.care.reminders.{module}.crash_point", dies)
    for dying in ("reminders.before_hear", "reminders.heard", "reminders.before_send", "reminders.sent"):
        with pytest.raises(KeyboardInterrupt, match=dying):
            await told.delivered()
    dying = ""
    assert len(await told.delivered()) == 1


async def test_a_line_that_will_be_blocked_tells_itself_and_its_owners_but_nobody_twice(
    told: Told, lines: list[LineRef]
) -> None:
    await told.households.moves_in(OWN, *lines, email=ADDRESS, reminders=ALL)
    reminding = lines_reminding.Reminding(
        database=told.database,
        catalogue=CatalogueCache(),
        keyring=told.households.keyring,
        lanes=LANES,
        listener=LinesHearing(told.households.keyring),
    )
    for day in range(1, 400, 3):
        await told.at(NOON + days(day))
        await told.village.passes(NOON + days(day))
        await reminding.remind()
        if got := await told.delivered():
            break
    addresses = sorted(one.address for one in got)
    # Each line by its own number; the owner by mail of both, by SMS of Mum's alone.
    assert addresses == sorted([f"tel:{OWN}", f"tel:{MUMS}", ADDRESS, ADDRESS, f"tel:{OWN}"])


async def test_what_is_long_past_or_no_longer_so_is_not_told(told: Told, lines: list[LineRef]) -> None:
    reader = await told.households.moves_in(OWN, lines[0])
    until = (NOON + days(3)).isoformat()
    await told.happens(lines[0], "expiring", asset="CNY", left=5, bucket_id="gone", usable_until=until, days=3)
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)
    await told.at(NOON + days(2))
    assert await told.delivered() == []
    assert await told.shown(reader) == []


async def test_what_expires_says_why_that_day_and_what_to_do(told: Told, lines: list[LineRef]) -> None:
    mail = Reminders(dict.fromkeys(Subject, frozenset({Way.MAIL})))
    await told.households.moves_in(OWN, lines[0], email=ADDRESS, reminders=mail)
    until = NOON + days(3)
    await told.village.credits(lines[0], 500, at=NOON, until=until)
    (bucket,) = await told.village.buckets(lines[0])
    facts = {"asset": "CNY", "left": 500, "bucket_id": bucket.id, "usable_until": until.isoformat(), "days": 3}
    await told.happens(lines[0], "expiring", **facts)
    (letter,) = await told.delivered()
    assert "CN¥5.00 of 139 **** 9000 will expire on Mar 4, 2030" in letter.body
    assert "\nWhy that day: By the carrier's rules.\n" in letter.body
    assert "\nWhat to do: Use it before then" in letter.body


async def test_who_stopped_one_kind_by_mail_has_it_no_more_and_all_else_still(told: Told, lines: list[LineRef]) -> None:
    reader = await told.households.moves_in(OWN, lines[0], email=ADDRESS, reminders=ALL)
    async with told.database.transaction() as transaction:
        for _ in range(2):
            await stop(transaction.connection, subscriber_id=reader, subjects=[Subject.LOW], way=Way.MAIL)
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)
    await told.happens(lines[0], "blocked", state="frozen", shows="one_way_blocked", at="…", blocks=["data"])
    got = sorted(one.address for one in await told.delivered())
    assert got == sorted([ADDRESS, f"tel:{OWN}"])
    await told.happens(lines[0], "low", "again", asset="CNY", left=480, mark=1000)
    assert [one.address for one in await told.delivered()] == [f"tel:{OWN}"]


async def test_what_nobody_sends_to_is_in_the_app_and_does_not_wait_for_the_day_that_somebody_does(
    told: Told, lines: list[LineRef]
) -> None:
    reader = await told.households.moves_in(OWN, lines[0], email=ADDRESS, reminders=ALL)
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)
    await told.heard()
    told.database.clock_offset += GATHERED_FOR
    by_mail = Reminding(
        database=told.database,
        keyring=told.households.keyring,
        lanes=LANES,
        public_url="https://topup.example",
        served=[AddressKind.MAIL],
    )
    assert await by_mail.send() == 1
    assert [one.address for one in await told.delivered()] == [ADDRESS]
    assert await told.shown(reader) == ["low"]


async def test_read_and_unread_are_told_apart(told: Told, lines: list[LineRef]) -> None:
    reader = await told.households.moves_in(OWN, lines[0])
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)
    await told.heard()
    async with told.database.transaction() as transaction:
        connection = transaction.connection
        assert await notices.unread(connection, reader=reader) == 1
        (one,) = await notices.page(connection, reader=reader)
        await notices.read(connection, reader=reader, up_to=one.id, now=transaction.now)
        assert await notices.unread(connection, reader=reader) == 0


async def test_who_erased_their_account_is_told_nothing_and_leaves_nothing(told: Told, lines: list[LineRef]) -> None:
    reader = await told.households.moves_in(OWN, lines[0])
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)
    await told.heard()
    async with told.database.transaction() as transaction:
        erase = (
            "UPDATE people.subscribers SET erased_at = now(), secret = NULL, number = NULL, mark = NULL WHERE id = %s"
        )
        await transaction.connection.execute(erase, [reader])
    assert await told.delivered() == []
    async with told.database.transaction() as transaction:
        await notices.forget(transaction.connection, reader=reader)
    assert await told.shown(reader) == []


async def test_no_address_or_number_lies_open_or_is_logged(
    told: Told, lines: list[LineRef], database_url: str, logs
) -> None:
    await told.households.moves_in("+8613911122233", lines[0], email=ADDRESS, reminders=ALL)
    await told.happens(lines[0], "low", asset="CNY", left=480, mark=1000)
    assert len(await told.delivered()) == 2
    places = [place for place, text in stored(database_url) if ADDRESS in text or "13911122233" in text]
    print(f"canaries=2 open={len(places)}")
    assert places == []
    assert ADDRESS not in logs.getvalue()
    assert "13911122233" not in logs.getvalue()
