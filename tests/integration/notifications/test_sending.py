"""Messages are sent once, by one sender, and what is unknown is sent once more at most."""

import asyncio
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done, NotSent, Outcome, Unknown
from topup.notifications import queries
from topup.notifications.daytime import USUAL, Hours
from topup.notifications.operations import News, enqueue
from topup.notifications.ports import AddressKind, OutgoingMessage
from topup.notifications.states import LEASE
from topup.notifications.tasks import BATCH, send_due, sweeps, take
from topup.notifications.templates import LocalTime
from topup.platform.database import Database
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing
from topup.plugins.messengers.mailbox import Mailbox, MailboxSettings


class Recorder:
    """A messenger that answers from a script (the last answer again and again) and counts."""

    name = "recorder"

    def __init__(self, *script: Outcome | Exception) -> None:
        self.script = list(script) or [Done("r")]
        self.sent: list[OutgoingMessage] = []

    async def send(self, message: OutgoingMessage) -> Outcome:
        self.sent.append(message)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        pass


@pytest.fixture
def keyring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


async def write_news(
    database: Database,
    keyring: KeyRing,
    count: int = 1,
    key: str = "order:{}:refunded",
    *,
    to: str = "person{}@example.com",
    kind: AddressKind = AddressKind.MAIL,
    lasts: timedelta | None = None,
    zone: str | None = None,
    hours: Hours = USUAL,
) -> None:
    news = []
    async with database.transaction() as transaction:
        for index in range(count):
            contact = new_id("contact", index % 16)
            parameters = {
                "number": "138 0013 8000",
                "refunded": Money(5000, "CNY"),
                "at": LocalTime(transaction.now, "Asia/Shanghai"),
                "order_url": "https://topup.example/orders/1",
            }
            sealed = keyring.seal(to.format(index).encode(), contact)
            until = transaction.now + lasts if lasts else None
            news.append(
                News(
                    lane=index % 16,
                    key=key.format(index),
                    sealed_address=sealed,
                    sealed_for=contact,
                    locale="en",
                    template="refunded",
                    parameters=parameters,
                    daytime_of=zone,
                    hours=hours,
                    kind=kind,
                    until=until,
                )
            )
        await enqueue(transaction.connection, news, transaction.now)


async def counts(database: Database) -> dict[str, int]:
    async with database.read() as transaction:
        return await queries.counts(transaction.connection)


async def test_news_becomes_one_message_however_often_it_is_written(database: Database, keyring: KeyRing) -> None:
    for _ in range(3):
        await write_news(database, keyring)
    recorder = Recorder()
    assert await send_due(database, keyring, recorder) == 1
    assert await send_due(database, keyring, recorder) == 0
    assert [message.address for message in recorder.sent] == ["person0@example.com"]
    assert await counts(database) == {"sent": 1}


async def test_several_senders_send_each_message_once(database: Database, keyring: KeyRing) -> None:
    total = BATCH * 3
    await write_news(database, keyring, total)
    recorder = Recorder()

    async def worker() -> None:
        while await send_due(database, keyring, recorder):
            pass

    await asyncio.gather(*(worker() for _ in range(3)))
    addresses = [message.address for message in recorder.sent]
    print(f"messages={total} sent={len(addresses)} twice={len(addresses) - len(set(addresses))}")
    assert sorted(addresses) == sorted({f"person{index}@example.com" for index in range(total)})


async def test_what_was_not_sent_waits_and_is_tried_again(database: Database, keyring: KeyRing) -> None:
    await write_news(database, keyring)
    recorder = Recorder(NotSent("refused"), Done("r"))
    await send_due(database, keyring, recorder)
    assert await counts(database) == {"waiting": 1}
    assert await send_due(database, keyring, recorder) == 0
    database.clock_offset += timedelta(minutes=1)
    assert await send_due(database, keyring, recorder) == 1
    assert await counts(database) == {"sent": 1}


async def test_an_unknown_is_sent_once_more_and_never_a_third_time(database: Database, keyring: KeyRing) -> None:
    await write_news(database, keyring)
    recorder = Recorder(Unknown("timeout"))
    for _ in range(10):
        await send_due(database, keyring, recorder)
        database.clock_offset += timedelta(days=1)
    assert len(recorder.sent) == 2
    assert await counts(database) == {"unsure": 1}
    async with database.read() as transaction:
        assert await queries.oldest_due(transaction.connection) is None


async def test_a_message_in_the_hands_of_a_dead_sender_counts_as_unknown_once(
    database: Database, keyring: KeyRing
) -> None:
    await write_news(database, keyring)
    for _ in range(2):
        async with database.transaction() as transaction:
            assert len(await take(transaction.connection, transaction.now)) == 1
            assert await take(transaction.connection, transaction.now) == []
        database.clock_offset += LEASE + timedelta(seconds=1)
    recorder = Recorder()
    await send_due(database, keyring, recorder)
    assert recorder.sent == []
    assert await counts(database) == {"unsure": 1}


async def test_a_messenger_that_is_down_holds_up_nobody_elses(database: Database, keyring: KeyRing) -> None:
    await write_news(database, keyring, BATCH * 2)
    await write_news(database, keyring, 1, key="phone:{}", to="tel:+861380013800{}", kind=AddressKind.SMS)
    down, up = Recorder(NotSent("down")), Recorder()
    phones = next(sweep for sweep in sweeps_of(database, keyring, down, up) if sweep.name.endswith("up"))
    assert await phones.run() == 1
    assert [message.address for message in up.sent] == ["tel:+8613800138000"]
    assert down.sent == []
    assert await counts(database) == {"sent": 1, "waiting": BATCH * 2}


def sweeps_of(database: Database, keyring: KeyRing, mail: Recorder, phones: Recorder) -> list[Sweep]:
    mail.name, phones.name = "down", "up"
    return sweeps(database=database, keyring=keyring, messengers={AddressKind.MAIL: mail, AddressKind.SMS: phones})


async def test_one_messenger_of_several_kinds_has_one_sweep(database: Database, keyring: KeyRing) -> None:
    recorder = Recorder()
    (only,) = sweeps(database=database, keyring=keyring, messengers=dict.fromkeys(AddressKind, recorder))
    await write_news(database, keyring, 1)
    await write_news(database, keyring, 1, key="phone:{}", to="tel:+861380013800{}", kind=AddressKind.SMS)
    assert await only.run() == 2


async def test_what_is_of_no_use_any_more_is_not_sent(database: Database, keyring: KeyRing) -> None:
    await write_news(database, keyring, lasts=timedelta(minutes=10))
    recorder = Recorder(NotSent("down"))
    await send_due(database, keyring, recorder)
    database.clock_offset += timedelta(minutes=11)
    assert await send_due(database, keyring, recorder) == 1
    assert len(recorder.sent) == 1
    assert await counts(database) == {"failed": 1}


async def test_hours_of_ones_own_are_kept_by_the_clocks_of_the_line(database: Database, keyring: KeyRing) -> None:
    recorder = Recorder()
    async with database.read() as transaction:
        noon = transaction.now.replace(hour=4, minute=0) + timedelta(days=1)
        database.clock_offset += noon - transaction.now
    await write_news(database, keyring, zone="Asia/Shanghai", hours=Hours(18, 2))
    for hours, sent in ((0, 0), (5, 0), (1, 1)):
        database.clock_offset += timedelta(hours=hours)
        await send_due(database, keyring, recorder)
        assert len(recorder.sent) == sent


async def test_a_poison_message_and_a_broken_messenger_do_not_hold_up_the_others(
    database: Database, keyring: KeyRing, tmp_path: Path
) -> None:
    await write_news(database, KeyRing(tmp_path / "another ring"), key="poison:{}")
    await write_news(database, keyring, 3)
    recorder = Recorder(ValueError("a defect"), Done("r"))
    assert await send_due(database, keyring, recorder) == 4
    assert await counts(database) == {"failed": 1, "sent": 2, "waiting": 1}


async def test_the_mailbox_keeps_one_private_file_for_each_message(tmp_path: Path) -> None:
    mailbox = Mailbox(MailboxSettings(directory=tmp_path / "mailbox"))
    first = OutgoingMessage("msg_1", "person@example.com", "en", "Subject", "Body")
    second = OutgoingMessage("msg_2", "person@example.com", "zh_Hans", "充值成功", "正文")
    for message in (first, second, first):
        assert await mailbox.send(message) == Done(message.message_id)
    assert mailbox.latest() == [second, first]
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "mailbox").iterdir()}
    assert modes == {0o600}


async def test_a_mailbox_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    mailbox = Mailbox(MailboxSettings(directory=tmp_path / "file"))
    assert isinstance(await mailbox.send(OutgoingMessage("msg_1", "a@b.example", "en", "s", "b")), NotSent)
