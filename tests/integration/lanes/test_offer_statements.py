"""Statements on the tables of offers name their lane, or carry it for each of their items."""

from datetime import UTC, date, datetime, timedelta

from tests.support import code_batches
from tests.support.code_batches import approved
from tests.support.offers import NAMES, book
from tests.support.statements import hot_tables
from topup.catalogue.campaigns import Campaign, Coupon, Limits
from topup.kernel.ids import new_id
from topup.offers import operations, queries, standing
from topup.offers.batches import operations as batch_operations
from topup.offers.batches import queries as batches
from topup.offers.counting import CampaignKey, Wanted
from topup.offers.operations import key_of
from topup.offers.points import operations as points
from topup.offers.points.operations import Aim, Reward, Spend
from topup.offers.points.postings import FOR_EVER, AccountKey
from topup.offers.points.queries import balances, movements, usable
from topup.offers.states import ReservationState
from topup.offers.tasks import lapse
from topup.platform.keys import KeyRing

LANES = 16
SPRING = CampaignKey("acme", "spring")


async def test_whatever_is_promised_names_its_lane_or_carries_it_per_item(database, recorded, tmp_path):
    hot = {table for table in await hot_tables(database) if table.startswith("offers.")}
    keys = KeyRing(tmp_path / "keys")
    entry = book([Campaign("spring", NAMES, points=5, coupon=Coupon(prefix="MEMBER"))]).entries[0]
    first, second, third = (
        Wanted(SPRING, order, 500, Limits(total=9), date(2026, 3, 15), datetime(2026, 3, 15, tzinfo=UTC), ("anna",))
        for order in ("first", "second", "third")
    )
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        [code] = await code_batches.made(
            connection, SPRING, prefix="MEMBER", count=1, by="x", now=now, keys=keys, lanes=LANES
        )
        [batch] = await batches.batches(connection, SPRING, lanes=LANES)
        await batches.shares(connection, [batch], uses=1, lanes=LANES)
        await operations.reserve(connection, [first, second, third], now, lanes=LANES)
        await operations.settle(connection, [key_of(first)], now, lanes=LANES)
        await operations.give_back(connection, [key_of(first)], now, lanes=LANES)
        await operations.release(connection, [key_of(second)], now, lanes=LANES)
        await operations.stop(connection, SPRING, now, lanes=LANES)
        await operations.resume(connection, SPRING, lanes=LANES)
        await standing.standings(connection, [SPRING], today=date(2026, 3, 15), lanes=LANES)
        day = date(2026, 3, 15)
        await standing.by_day(connection, SPRING, first=day - timedelta(days=2), last=day, lanes=LANES)
        assert (await batches.codes_made(connection, SPRING, lanes=LANES)).count == 1
        await queries.uses(connection, [SPRING], day=date(2026, 3, 15), persons=("anna",), lanes=LANES)
        typed = [queries.Typed(text, "acme", entry) for text in (code, "MEMBER-NONE")]
        [known, _] = await queries.codes(connection, typed, now, keys=keys, lanes=LANES)
        with_code = Wanted(SPRING, "fourth", 500, Limits(), day, now, code=known.scope, code_uses=1)
        await operations.reserve(connection, [with_code], now, lanes=LANES)
        begun = await approved(connection, SPRING, prefix="MEMBER", count=2, by="x", now=now, lanes=LANES)
        for _ in range(2):
            begun = await batch_operations.begin(connection, begun.id, now)
            await batch_operations.sweep(connection, begun)
            await batch_operations.write(connection, begun, [keys.marks(f"MEMBER-{begun.draw}")[0]])
        await batch_operations.block_code(connection, SPRING, keys.marks(code), reason="x", now=now, lanes=LANES)
        await batch_operations.block(connection, batch.id, reason="x", now=now, lanes=LANES)
        await queries.holders(connection, [(SPRING, known.scope)], lanes=LANES)
        key = AccountKey(new_id("subscriber", 3), "acme")
        reward = Aim(key, "o1", None, now, Reward(9, 9, FOR_EVER))
        await points.follow(connection, [reward], now)
        assert await points.hold(connection, [Spend(key, "o2", 5, now + timedelta(minutes=1))], now) == [True]
        await points.follow(connection, [Aim(key, "o2", ReservationState.SETTLED, now, None)], now)
        await points.follow(connection, [Aim(key, "o2", ReservationState.GIVEN_BACK, now, None)], now)
        assert await usable(connection, [key], now) == {key: 9}
        assert len(await balances(connection, key.subscriber_id, now)) == 1
        assert len(await movements(connection, key.subscriber_id)) == 3
    database.clock_offset += timedelta(days=1)
    assert await lapse(database, lanes=LANES) == 2
    found = recorded.over_all_lanes(hot)
    print(f"{len(recorded.statements)} statements of offers, {len(found)} ways over all lanes")
    assert found == {}
    assert hot - recorded.touched() == set(), "this run never came to these"
