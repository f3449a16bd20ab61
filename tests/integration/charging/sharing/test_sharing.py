"""Credit shared between lines, through the ledger: figures, limits, refusals, returns, crashes, races."""

import asyncio
from collections import Counter
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.support.sharing import ANA, BEN, CARLA, SMART, Circle
from topup.charging.sharing import desk as sharing_module
from topup.charging.sharing.states import ShareState
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import new_id
from topup.lines.operations import LineStatus, set_status

MANILA = ZoneInfo("Asia/Manila")
CHINESE = "+8613900138000"


def manila(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MANILA)


class TestPasaload:
    """30: the sender pays 31, credit lives 15 days; 60: 61, 30 days; 100: 101, 30 days; 200: 201, 60 days."""

    @pytest.mark.parametrize(
        ("amount", "pays", "sent", "ends"),
        [
            (3000, 3100, "2026-12-05 12:00", "2026-12-21 00:00"),
            (6000, 6100, "2026-12-05 12:00", "2027-01-05 00:00"),
            (10_000, 10_100, "2026-12-05 12:00", "2027-01-05 00:00"),
            (20_000, 20_100, "2026-12-05 12:00", "2027-02-04 00:00"),
            (3000, 3100, "2028-02-20 23:30", "2028-03-07 00:00"),
        ],
    )
    async def test_what_the_sender_pays_and_how_long_the_receiver_has_it(self, circle, amount, pays, sent, ends):
        await circle.it_is(manila(sent))
        await circle.open(ANA, main=30_000)
        await circle.open(BEN, main=500)
        shared = await circle.send(ANA, BEN, amount)
        assert shared.share.state is ShareState.SHARED
        assert shared.share.usable_until == manila(ends)
        assert await circle.has(ANA) == {"main": 30_000 - pays}
        assert await circle.has(BEN) == {"main": 500, "shared": amount}
        [received] = [bucket for bucket in await circle.buckets(BEN) if bucket.kind == "shared"]
        assert received.usable_until == manila(ends)
        assert received.source == "share"
        assert received.rule["id"] == "why_midnight"
        assert await circle.house("fees") == 100
        await circle.all_done()

    async def test_the_way_is_written_down(self, circle):
        await circle.open(ANA, BEN, main=10_000)
        shared = await circle.send(ANA, BEN, 3000)
        assert [(step.state, step.cause) for step in shared.steps] == [
            ("requested", "asked_for"),
            ("held", "held"),
            ("credited", "arrived"),
            ("shared", "settled"),
        ]
        assert shared.final
        assert await circle.sharing.get(share_id=shared.share.id) == shared

    async def test_a_roaming_receiver_gets_at_most_200_a_day_by_its_own_clock(self, circle):
        # BEN's days are Auckland's (13 hours ahead of UTC in summer), though the carrier's are Manila's.
        await circle.it_is(datetime.fromisoformat("2026-12-05T10:00:00Z"))
        await circle.open(ANA, main=100_000)
        await circle.open(BEN, zone="Pacific/Auckland")
        await circle.send(ANA, BEN, 10_000, "receiver_roaming")
        await circle.send(ANA, BEN, 6000, "receiver_roaming")
        with pytest.raises(Conflict, match="sharing_limit_amount") as refusal:
            await circle.send(ANA, BEN, 6000, "receiver_roaming")
        assert refusal.value.parameters["left"] == "40.00"
        assert refusal.value.parameters["frees_at"] == "2026-12-06 00:00+13:00"
        await circle.it_is(datetime.fromisoformat("2026-12-05T11:00:01Z"))
        assert (await circle.send(ANA, BEN, 20_000, "receiver_roaming")).share.state is ShareState.SHARED
        await circle.all_done()

    async def test_at_home_there_is_no_such_limit(self, circle):
        await circle.open(ANA, main=100_000)
        await circle.open(BEN)
        for _ in range(3):
            await circle.send(ANA, BEN, 20_000)
        assert await circle.has(BEN) == {"shared": 60_000}

    @pytest.mark.parametrize("amount", [100, 2900, 5000, 20_100])
    async def test_other_amounts_cannot_be_sent(self, circle, amount):
        await circle.open(ANA, BEN, main=50_000)
        with pytest.raises(Invalid, match="sharing_amount"):
            await circle.send(ANA, BEN, amount)
        assert await circle.has(ANA) == {"main": 50_000}


LIMITED = SMART.read_bytes().replace(
    b'limits = [{ who = "receiver", per = "day", amount = 200, when = "receiver_roaming" }]',
    b"""limits = [
        { who = "sender", per = "day", amount = 300 },
        { who = "sender", per = "month", times = 6 },
        { who = "receiver", per = "day", times = 2 },
    ]
    keeps = 5""",
)


@pytest.fixture
async def limited(database):
    return await Circle.of(database, LIMITED)


class TestLimits:
    async def test_a_sender_sends_so_much_a_day(self, limited):
        await limited.it_is(manila("2026-12-30 23:00"))
        await limited.open(ANA, BEN, CARLA, main=200_000)
        await limited.send(ANA, BEN, 20_000)
        await limited.send(ANA, CARLA, 10_000)
        with pytest.raises(Conflict, match="sharing_limit_amount") as refusal:
            await limited.send(ANA, CARLA, 3000)
        assert refusal.value.parameters["left"] == "0.00"
        assert refusal.value.parameters["frees_at"] == "2026-12-31 00:00+08:00"
        await limited.it_is(manila("2026-12-31 00:00:01"))
        await limited.send(ANA, CARLA, 3000)

    async def test_so_often_a_month(self, limited):
        await limited.it_is(manila("2026-12-31 12:00"))
        await limited.open(ANA, main=200_000)
        others = [f"+6391812346{n:02}" for n in range(7)]
        await limited.open(*others)
        for other in others[:6]:
            await limited.send(ANA, other, 3000)
        with pytest.raises(Conflict, match="sharing_limit_times") as refusal:
            await limited.send(ANA, others[6], 3000)
        assert refusal.value.parameters["frees_at"] == "2027-01-01 00:00+08:00"

    async def test_a_receiver_is_sent_to_so_often_a_day(self, limited):
        await limited.open(ANA, CARLA, main=200_000)
        await limited.open(BEN)
        await limited.send(ANA, BEN, 3000)
        await limited.send(CARLA, BEN, 3000)
        with pytest.raises(Conflict, match="sharing_limit_times"):
            await limited.send(ANA, BEN, 3000)

    async def test_what_must_stay_stays(self, limited):
        await limited.open(ANA, main=3599)
        await limited.open(BEN)
        with pytest.raises(Conflict, match="insufficient_funds"):
            await limited.send(ANA, BEN, 3000)
        await limited.give(ANA, 1)
        await limited.send(ANA, BEN, 3000)
        assert await limited.has(ANA) == {"main": 500}
        await limited.all_done()

    async def test_what_was_refused_does_not_count(self, limited):
        await limited.open(ANA, main=3600)
        await limited.open(BEN)
        for _ in range(3):
            with pytest.raises(Conflict, match="insufficient_funds"):
                await limited.send(ANA, BEN, 20_000)
        assert (await limited.send(ANA, BEN, 3000)).share.state is ShareState.SHARED

    async def test_thirty_at_once_do_not_pass_a_limit(self, limited):
        """300 a day for the sender and twice a day for each receiver: of thirty at once, ten of 30 get through."""
        receivers = [f"+6391812347{n:02}" for n in range(30)]
        await limited.open(ANA, main=500_000)
        await limited.open(*receivers)
        limited_times = LIMITED.replace(b"times = 6", b"times = 50")
        await _republish(limited, limited_times)
        answers = await asyncio.gather(
            *(limited.send(ANA, receiver, 3000) for receiver in receivers), return_exceptions=True
        )
        assert Counter(_outcome(answer) for answer in answers) == {"shared": 10, "sharing_limit_amount": 20}
        await limited.all_done()

    async def test_thirty_senders_at_once_do_not_pass_a_receivers_limit(self, limited):
        senders = [f"+6391812348{n:02}" for n in range(30)]
        await limited.open(*senders, main=10_000)
        await limited.open(BEN)
        answers = await asyncio.gather(*(limited.send(sender, BEN, 3000) for sender in senders), return_exceptions=True)
        assert Counter(_outcome(answer) for answer in answers) == {"shared": 2, "sharing_limit_times": 28}
        assert await limited.has(BEN) == {"shared": 6000}
        await limited.all_done()

    async def test_two_that_share_with_each_other_at_once_do_not_block_each_other(self, circle):
        await circle.open(ANA, BEN, main=50_000)
        answers = await asyncio.gather(
            *(circle.send(*pair, 3000) for pair in [(ANA, BEN), (BEN, ANA)] * 8), return_exceptions=True
        )
        assert Counter(_outcome(answer) for answer in answers) == {"shared": 16}
        assert await circle.has(ANA) == await circle.has(BEN) == {"main": 50_000 - 8 * 3100, "shared": 24_000}
        await circle.all_done()


class TestRefusals:
    async def test_too_little(self, circle):
        await circle.open(ANA, BEN, main=3099)
        with pytest.raises(Conflict, match="insufficient_funds") as refusal:
            await circle.send(ANA, BEN, 3000)
        assert refusal.value.parameters["needed"] == "31.00"
        refused = await circle.sharing.get(share_id=refusal.value.parameters["share"])
        assert (refused.share.state, refused.share.reason) == (ShareState.REFUSED, "insufficient_funds")
        assert await circle.has(ANA) == {"main": 3099}
        await circle.all_done()

    async def test_gifts_and_what_others_sent_cannot_be_passed_on(self, circle):
        await circle.open(ANA, main=3000, bonus=50_000)
        await circle.open(BEN, shared=50_000)
        for sender, receiver in ((ANA, BEN), (BEN, ANA)):
            with pytest.raises(Conflict, match="sharing_not_shareable"):
                await circle.send(sender, receiver, 3000)

    async def test_lines_that_cannot(self, database):
        circle = await Circle.of(database, SMART, SMART.with_name("china.toml"))
        await circle.open(ANA, BEN, CARLA, CHINESE, main=10_000)
        for sender, receiver, kind, code in (
            ("+639181239999", BEN, NotFound, "line_unknown"),
            (ANA, "+639181239999", Invalid, "sharing_receiver_unknown"),
            (ANA, ANA, Invalid, "sharing_same_line"),
            (ANA, CHINESE, Invalid, "sharing_other_carrier"),
            (CHINESE, ANA, Invalid, "sharing_not_offered"),
        ):
            with pytest.raises(kind, match=code):
                await circle.send(sender, receiver, 3000, share_id=new_id("share", 0))
        await _status(circle, CARLA, LineStatus.BARRED)
        with pytest.raises(Conflict, match="sharing_receiver_barred"):
            await circle.send(ANA, CARLA, 3000)
        with pytest.raises(Conflict, match="line_barred"):
            await circle.send(CARLA, ANA, 3000)
        await circle.all_done()


class TestTheWayThere:
    async def test_the_same_id_again_does_it_once(self, circle):
        await circle.open(ANA, BEN, main=10_000)
        share_id = circle.new_share(ANA)
        first = await circle.send(ANA, BEN, 3000, share_id=share_id)
        again = await circle.send(ANA, BEN, 3000, share_id=share_id)
        assert first == again
        assert await circle.has(ANA) == {"main": 6900}

    async def test_a_refusal_stays_the_same_under_its_id(self, circle):
        await circle.open(ANA, BEN, main=100)
        share_id = circle.new_share(ANA)
        for _ in range(2):
            with pytest.raises(Conflict, match="insufficient_funds") as refusal:
                await circle.send(ANA, BEN, 3000, share_id=share_id)
            assert refusal.value.parameters == {"needed": "31.00", "currency": "PHP", "share": share_id}
            await circle.give(ANA, 10_000)

    @pytest.mark.parametrize(
        "label",
        [
            "sharing.hold.before_commit",
            "sharing.hold.after_commit",
            "sharing.credit.before_commit",
            "sharing.credit.after_commit",
            "sharing.settle.before_commit",
            "sharing.settle.after_commit",
        ],
    )
    async def test_what_breaks_off_anywhere_is_driven_to_its_end(self, circle, monkeypatch, label):
        await circle.open(ANA, BEN, main=10_000)
        with _broken_off(monkeypatch, label), pytest.raises(_BrokenOffError):
            await circle.send(ANA, BEN, 3000)
        await circle.is_sound()
        await _minutes_later(circle)
        await circle.sharing.sweep()
        sent = label != "sharing.hold.before_commit"
        assert await circle.has(ANA) == {"main": 10_000 - (3100 if sent else 0)}
        assert await circle.has(BEN) == {"main": 10_000} | ({"shared": 3000} if sent else {})
        await circle.all_done()
        assert await circle.sharing.sweep() == 0

    @pytest.mark.parametrize(
        "label",
        [
            None,
            "sharing.credit.before_commit",
            "sharing.credit.after_commit",
            "sharing.release.before_commit",
            "sharing.release.after_commit",
        ],
    )
    async def test_what_a_closed_line_cannot_take_goes_back_to_the_very_buckets(self, circle, monkeypatch, label):
        ends = manila("2027-06-01 00:00")
        await circle.open(ANA, BEN)
        await circle.give(ANA, 2000, until=ends)
        await circle.give(ANA, 5000)
        before = await circle.buckets(ANA)
        with _broken_off(monkeypatch, "sharing.hold.after_commit"), pytest.raises(_BrokenOffError):
            await circle.send(ANA, BEN, 3000)
        await _status(circle, BEN, LineStatus.CLOSED)
        await _minutes_later(circle)
        if label:
            with _broken_off(monkeypatch, label):
                await circle.sharing.sweep()
            await circle.is_sound()
            await _minutes_later(circle)
        await circle.sharing.sweep()
        assert await circle.buckets(ANA) == before
        assert await circle.house("fees") == 0
        await circle.all_done()

    @pytest.mark.parametrize("label", [None, "sharing.return.before_commit", "sharing.return.after_commit"])
    async def test_what_exceeds_the_receivers_cap_goes_back(self, database, monkeypatch, label):
        cap = b'[[caps]]\nasset = "CREDIT"\nkind = "shared"\namount = 50\n\n[clocks.number]'
        circle = await Circle.of(database, SMART.read_bytes().replace(b"[clocks.number]", cap))
        await circle.open(ANA, main=50_000)
        await circle.open(BEN)
        await circle.send(ANA, BEN, 3000)
        share_id = circle.new_share(ANA)
        if label:
            with _broken_off(monkeypatch, label), pytest.raises(_BrokenOffError):
                await circle.send(ANA, BEN, 3000, share_id=share_id)
            await circle.is_sound()
        returned = await circle.send(ANA, BEN, 3000, share_id=share_id)
        assert (returned.share.state, returned.share.reason) == (ShareState.RETURNED, "cap_exceeded")
        assert await circle.has(ANA) == {"main": 46_900}
        assert await circle.has(BEN) == {"shared": 3000}
        await circle.all_done()

    async def test_several_drivers_of_one_share_do_it_once(self, circle, monkeypatch):
        await circle.open(ANA, BEN, main=10_000)
        share_id = circle.new_share(ANA)
        with _broken_off(monkeypatch, "sharing.hold.after_commit"), pytest.raises(_BrokenOffError):
            await circle.send(ANA, BEN, 3000, share_id=share_id)
        await _minutes_later(circle)
        drivers = [circle.sharing.sweep() for _ in range(3)]
        await asyncio.gather(*drivers, *(circle.send(ANA, BEN, 3000, share_id=share_id) for _ in range(3)))
        assert await circle.has(ANA) == {"main": 6900}
        assert await circle.has(BEN) == {"main": 10_000, "shared": 3000}
        await circle.all_done()

    async def test_a_share_that_cannot_be_driven_does_not_keep_the_others(self, circle, monkeypatch):
        await circle.open(ANA, BEN, CARLA, main=10_000)
        for receiver in (BEN, CARLA):
            with _broken_off(monkeypatch, "sharing.hold.after_commit"), pytest.raises(_BrokenOffError):
                await circle.send(ANA, receiver, 3000)
        async with circle.database.transaction() as transaction:
            await transaction.connection.execute(
                "UPDATE charging.shares SET catalogue_version = 99 WHERE receiver_msisdn = %s", [BEN]
            )
        await _minutes_later(circle)
        assert await circle.sharing.sweep() == 2
        assert await circle.has(CARLA) == {"main": 10_000, "shared": 3000}
        await circle.is_sound()


class TestTheLivesOfTheLines:
    async def test_it_counts_as_a_topup_for_the_receiver(self, circle):
        await circle.open(ANA, main=50_000)
        await circle.open(BEN)
        await circle.it_is(manila("2027-03-01 12:00"))
        await circle.send(ANA, BEN, 3000)
        async with circle.database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT state, clocks ->> 'number' FROM lines.lines WHERE id = %s", [circle.lines[BEN].id]
            )
            state, clock = await cursor.fetchone()
        assert state == "active"
        assert datetime.fromisoformat(clock) == manila("2028-03-01 00:00")


class _BrokenOffError(Exception):
    """The process would have died here."""


@contextmanager
def _broken_off(monkeypatch, label):
    """What passes this label breaks off there."""

    def point(passed):
        if passed == label:
            raise _BrokenOffError(label)

    with monkeypatch.context() as changed:
        changed.setattr(sharing_module, "crash_point", point)
        yield


async def _minutes_later(circle):
    circle.database.clock_offset += sharing_module._LEASE * 2


async def _status(circle, number, status):
    async with circle.database.transaction() as transaction:
        await set_status(transaction.connection, circle.lines[number], status, transaction.now)


async def _republish(circle, file):
    await Circle.of(circle.database, file)


def _outcome(answer):
    return answer.code if isinstance(answer, Conflict) else answer.share.state.value
