"""What entering a state does to a line's money, and what a top-up brings back of it."""

from datetime import timedelta

from tests.support.lines import Village, days
from topup.ledger import Hold, Release

from .conftest import FROZEN, START


async def test_frozen_credit_cannot_be_used_and_comes_back_as_it_was(cold: Village) -> None:
    (line,) = await cold.opened("freezing", FROZEN, at=START)
    await cold.credits(line, 500, at=START)
    await cold.credits(line, 300, at=START, until=START + days(60))
    await cold.credits(line, 200, at=START, until=START + days(12))
    before = [(b.kind, b.usable_until, b.balance, b.rule, b.policy, b.at_end) for b in await cold.buckets(line)]
    frozen = START + days(11)
    await cold.passes(frozen)
    assert (await cold.life(line)).state == "frozen"
    assert await cold.money(line, frozen) == 0
    assert sum(b.balance for b in await cold.buckets(line)) == 1000
    later = START + days(15)
    assert await cold.tops_up(line, 100, at=later, until=START + days(400))
    assert (await cold.life(line)).state == "active"
    # What would have ended meanwhile has ended.
    assert await cold.money(line, later) == 500 + 300 + 100
    after = [
        (b.kind, b.usable_until, b.balance, b.rule, b.policy, b.at_end) for b in await cold.buckets(line) if b.balance
    ]
    assert [b for b in before if b[2] != 200] == [b for b in after if b[2] != 100]


async def test_forfeited_credit_does_not_come_back_and_new_credit_is_not_forfeited(cold: Village) -> None:
    (line,) = await cold.opened("freezing", FROZEN, at=START)
    await cold.credits(line, 500, at=START)
    reserved = START + days(40)
    await cold.passes(reserved)
    assert (await cold.life(line)).state == "reserved"
    # Frozen and forfeited in one look.
    assert await cold.tops_up(line, 100, at=reserved + timedelta(minutes=1))
    await cold.passes(reserved + timedelta(hours=1))
    assert (await cold.life(line)).state == "active"
    assert await cold.money(line, reserved) == 100


async def test_what_was_promised_when_it_was_to_be_forfeited_is_forfeited_after(cold: Village) -> None:
    (line,) = await cold.opened("freezing", FROZEN, at=START)
    await cold.credits(line, 500, at=START)
    hold = Hold(
        lane=line.lane, key="call", purpose="call", reference="x", line_id=line.id, asset="SGD", amount=200,
        expires_at=START + days(30),
    )  # fmt: skip
    await cold.posts(hold, at=START)
    now = START + days(200)
    await cold.passes(now)
    assert (await cold.life(line)).status == "closed"
    assert sum(b.balance for b in await cold.buckets(line)) == 200
    (hold_id,) = (await cold.rows("SELECT id FROM ledger.holds"))[0]
    await cold.posts(Release(lane=line.lane, key="end", purpose="end", reference="x", hold_id=hold_id), at=now)
    await cold.passes(now + timedelta(minutes=10))
    assert sum(b.balance for b in await cold.buckets(line)) == 0
    await cold.passes(now + timedelta(minutes=30))
    assert (await cold.life(line)).next_at is None


async def test_what_a_topup_restores_is_not_frozen_first(cold: Village) -> None:
    (line,) = await cold.opened("freezing", FROZEN, at=START)
    await cold.credits(line, 500, at=START)
    # Frozen by the clock days ago, and nobody has looked.
    now = START + days(13)
    assert await cold.tops_up(line, 100, at=now)
    await cold.passes(now + timedelta(hours=1))
    assert [change[:2] for change in await cold.history(line)] == [("active", "frozen"), ("frozen", "active")]
    assert await cold.money(line, now) == 600


async def test_what_was_promised_when_it_was_to_be_frozen_is_there_after_a_topup(cold: Village) -> None:
    (line,) = await cold.opened("freezing", FROZEN, at=START)
    await cold.credits(line, 500, at=START)
    hold = Hold(
        lane=line.lane, key="call", purpose="call", reference="x", line_id=line.id, asset="SGD", amount=200,
        expires_at=START + days(30),
    )  # fmt: skip
    await cold.posts(hold, at=START)
    now = START + days(13)
    await cold.passes(now)
    (hold_id,) = (await cold.rows("SELECT id FROM ledger.holds"))[0]
    await cold.posts(Release(lane=line.lane, key="end", purpose="end", reference="x", hold_id=hold_id), at=now)
    assert await cold.tops_up(line, 100, at=now)
    await cold.passes(now + timedelta(hours=1))
    assert await cold.money(line, now) == 600
