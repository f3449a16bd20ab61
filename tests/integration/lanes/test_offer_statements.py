"""Statements on the tables of offers name their lane, or carry it for each of their items."""

from datetime import UTC, date, datetime, timedelta

from tests.support.offers import NAMES, book
from tests.support.statements import hot_tables
from topup.catalogue.campaigns import Campaign, Coupon, Limits
from topup.offers import codes, operations, queries, standing
from topup.offers.counting import CampaignKey, Wanted
from topup.offers.operations import key_of
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
        [code] = await codes.make(connection, SPRING, prefix="MEMBER", count=1, by="x", now=now, keys=keys, lanes=LANES)
        await operations.reserve(connection, [first, second, third], now, lanes=LANES)
        await operations.settle(connection, [key_of(first)], now, lanes=LANES)
        await operations.give_back(connection, [key_of(first)], now, lanes=LANES)
        await operations.release(connection, [key_of(second)], now, lanes=LANES)
        await operations.stop(connection, SPRING, now, lanes=LANES)
        await operations.resume(connection, SPRING, lanes=LANES)
        await standing.standings(connection, [SPRING], today=date(2026, 3, 15), lanes=LANES)
        day = date(2026, 3, 15)
        await standing.by_day(connection, SPRING, first=day - timedelta(days=2), last=day, lanes=LANES)
        assert (await standing.codes_made(connection, SPRING, lanes=LANES)).count == 1
        await queries.uses(connection, [SPRING], day=date(2026, 3, 15), persons=("anna",), lanes=LANES)
        typed = [queries.Typed(text, "acme", entry) for text in (code, "MEMBER-NONE")]
        [known, _] = await queries.codes(connection, typed, keys=keys, lanes=LANES)
        await queries.holders(connection, [(SPRING, known.scope)], lanes=LANES)
    database.clock_offset += timedelta(days=1)
    assert await lapse(database, lanes=LANES) == 1
    found = recorded.over_all_lanes(hot)
    print(f"{len(recorded.statements)} statements of offers, {len(found)} ways over all lanes")
    assert found == {}
    assert hot - recorded.touched() == set(), "this run never came to these"
