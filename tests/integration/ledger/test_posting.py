"""What each item does, and when it is refused."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.support.ledger import (
    NOW,
    SPEC,
    balances,
    credit,
    debit,
    do,
    do_one,
    expire,
    fresh_line,
    hold,
    release,
    settle,
    transfer,
)
from topup.kernel.money import MAXIMUM_AMOUNT
from topup.ledger import AtEnd, BucketSpec, Policy, Posted, PostingRefused, post_batcher
from topup.ledger.audit import audit
from topup.ledger.documents import columns_of
from topup.ledger.queries import buckets, house_balances

DAY = timedelta(days=1)

PLACES = "%s::jsonb, %s::integer[], %s::smallint[], %s, %s, %s, %s::bigint[], %s, %s, %s::bigint[], %s, FALSE, %s"


async def bucket_of(database, line):
    async with database.read() as transaction:
        [found] = (await buckets(transaction.connection, [line]))[line]
    return found


async def house(database):
    async with database.read() as transaction:
        return await house_balances(transaction.connection)


def refused(answer) -> str:
    assert isinstance(answer, PostingRefused)
    return answer.code


async def test_a_transfer_moves_between_our_own_accounts_which_may_go_negative(database):
    answer = await do_one(database, transfer(amount=4850))
    assert isinstance(answer, Posted)
    assert not answer.replayed
    [leg] = answer.legs
    assert (leg.debit, leg.credit, leg.amount, leg.sequence) == ("clearing:sandbox", "suspense", 4850, 1)
    assert await house(database) == {("clearing:sandbox", "CNY"): -4850, ("suspense", "CNY"): 4850}


async def test_house_accounts_are_summed_over_lanes(database):
    await do(database, *[transfer(lane=lane, amount=10 + lane) for lane in range(16)])
    assert (await house(database))["suspense", "CNY"] == 16 * 10 + 120


async def test_answers_come_in_the_order_of_the_items_whatever_their_lanes(database):
    lines = [fresh_line(lane) for lane in (9, 2, 9, 0)]
    items = [credit(line, 10 + n, lane=lane) for n, (line, lane) in enumerate(zip(lines, (9, 2, 9, 0), strict=True))]
    answers = await do(database, *items)
    assert [(answer.lane, answer.key, answer.legs[0].amount) for answer in answers] == [
        (item.lane, item.key, item.amount) for item in items
    ]


async def test_credits_of_one_end_share_a_bucket_and_others_do_not(database):
    line = fresh_line()
    until = replace(SPEC, usable_until=NOW + DAY)
    await do(database, credit(line, 10), credit(line, 20), credit(line, 5, bucket=until))
    await do(database, credit(line, 30), credit(line, 6, bucket=until))
    assert await balances(database, line) == [(11, 0), (60, 0)]


async def test_extend_lets_the_running_bucket_live_longer_and_says_why(database):
    line = fresh_line()
    spec = BucketSpec(
        rule={"id": "days"}, policy=Policy.EXTEND, usable_until=NOW + 30 * DAY, days=30, zone="Asia/Shanghai"
    )
    first = await do_one(database, credit(line, bucket=spec))
    later = NOW + 10 * DAY
    second = await do_one(database, credit(line, bucket=replace(spec, usable_until=later + 30 * DAY)), now=later)
    bucket = await bucket_of(database, line)
    assert first.legs[0].usable_until == NOW + 30 * DAY
    assert second.legs[0].usable_until == bucket.usable_until == bucket.forfeit_at == NOW + 60 * DAY
    assert bucket.rule == {"id": "days", "extended_from": (NOW + 30 * DAY).isoformat()}
    assert bucket.balance == 200


async def test_extending_counts_days_in_the_line_s_zone(database):
    line = fresh_line()
    spring = datetime(2026, 3, 28, 23, tzinfo=UTC)  # midnight of the 29th in Berlin, whose clocks go forward that night
    spec = BucketSpec(rule={}, policy=Policy.EXTEND, usable_until=spring, days=1, zone="Europe/Berlin")
    await do(database, credit(line, bucket=spec), credit(line, bucket=spec))
    assert (await bucket_of(database, line)).usable_until == datetime(2026, 3, 29, 22, tzinfo=UTC)


async def test_longest_keeps_the_later_end(database):
    line = fresh_line()
    spec = BucketSpec(rule={"id": "days"}, policy=Policy.LONGEST, usable_until=NOW + 30 * DAY)
    await do(database, credit(line, bucket=spec), credit(line, bucket=replace(spec, usable_until=NOW + DAY)))
    assert (await bucket_of(database, line)).usable_until == NOW + 30 * DAY
    await do(database, credit(line, bucket=replace(spec, usable_until=None)))
    assert (await bucket_of(database, line)).usable_until is None


async def test_a_frozen_bucket_gives_nothing_until_a_credit_revives_it(database):
    line = fresh_line()
    spec = BucketSpec(
        rule={}, policy=Policy.LONGEST, at_end=AtEnd.FREEZE, usable_until=NOW + DAY, grace_days=10, zone="UTC"
    )
    await do(database, credit(line, bucket=spec))
    later = NOW + 2 * DAY
    assert refused(await do_one(database, debit(line, 50), now=later)) == "bucket_frozen"
    assert refused(await do_one(database, debit(line, 101), now=later)) == "insufficient_funds"
    await do(database, credit(line, 1, bucket=replace(spec, usable_until=later + DAY)), now=later)
    assert isinstance(await do_one(database, debit(line, 101), now=later), Posted)


async def test_a_debit_takes_by_priority_then_soonest_end_then_oldest(database):
    line = fresh_line()
    await do(
        database,
        credit(line, 10),
        credit(line, 10, bucket=replace(SPEC, kind="bonus", usable_until=NOW + 2 * DAY)),
        credit(line, 10, bucket=replace(SPEC, kind="promo", usable_until=NOW + DAY)),
        credit(line, 10, bucket=replace(SPEC, kind="gift", usable_until=NOW + DAY)),
        credit(line, 10, bucket=replace(SPEC, kind="plan", priority=1)),
    )
    async with database.read() as transaction:
        kinds = {bucket.id: bucket.kind for bucket in (await buckets(transaction.connection, [line]))[line]}
    answer = await do_one(database, debit(line, 42))
    taken = [(kinds[leg.debit], leg.amount, leg.credit) for leg in answer.legs]
    assert taken == [
        ("plan", 10, "sales"),
        ("promo", 10, "sales"),
        ("gift", 10, "sales"),
        ("bonus", 10, "sales"),
        ("main", 2, "sales"),
    ]
    assert refused(await do_one(database, debit(line, 9))) == "insufficient_funds"
    assert (await house(database))["sales", "CNY"] == 42


async def test_a_debit_may_be_narrowed_to_kinds_scopes_and_one_bucket(database):
    line = fresh_line()
    [main, bonus] = await do(
        database, credit(line, 10), credit(line, 10, bucket=replace(SPEC, kind="bonus", scope="domestic"))
    )
    assert refused(await do_one(database, debit(line, 11, kinds=("bonus",)))) == "insufficient_funds"
    assert refused(await do_one(database, debit(line, 1, scopes=("roaming",)))) == "insufficient_funds"
    [leg] = (await do_one(database, debit(line, 3, scopes=("domestic", "roaming")))).legs
    assert leg.debit == bonus.legs[0].credit
    [leg] = (await do_one(database, debit(line, 4, bucket_id=main.legs[0].credit))).legs
    assert leg.debit == main.legs[0].credit


async def test_a_bucket_whose_end_has_come_gives_nothing(database):
    line = fresh_line()
    await do(database, credit(line, 10, bucket=replace(SPEC, usable_until=NOW + DAY)))
    assert refused(await do_one(database, debit(line, 1), now=NOW + DAY)) == "insufficient_funds"
    assert isinstance(await do_one(database, debit(line, 1), now=NOW + DAY - timedelta(microseconds=1)), Posted)


async def test_assets_do_not_mix(database):
    line = fresh_line()
    await do(database, credit(line, 10, asset="DATA", from_code="issued"))
    assert refused(await do_one(database, debit(line, 1))) == "insufficient_funds"


async def test_a_hold_promises_and_a_settlement_takes_in_its_order_and_gives_the_rest_back(database):
    line = fresh_line()
    await do(database, credit(line, 10), credit(line, 10, bucket=replace(SPEC, kind="bonus", priority=1)))
    held = await do_one(database, hold(line, 15))
    assert [leg.amount for leg in held.legs] == [10, 5]
    assert await balances(database, line) == [(10, 10), (10, 5)]
    assert refused(await do_one(database, debit(line, 6))) == "insufficient_funds"
    settled = await do_one(database, settle(held.hold_id, 12))
    assert [leg.amount for leg in settled.legs] == [10, 2]
    assert await balances(database, line) == [(0, 0), (8, 0)]
    assert refused(await do_one(database, release(held.hold_id))) == "hold_not_open"
    assert refused(await do_one(database, settle(held.hold_id, 1))) == "hold_not_open"


async def test_a_release_gives_everything_back_and_moves_nothing(database):
    line = fresh_line()
    await do(database, credit(line, 10))
    held = await do_one(database, hold(line, 10))
    released = await do_one(database, release(held.hold_id))
    assert isinstance(released, Posted)
    assert released.legs == ()
    assert await balances(database, line) == [(10, 0)]


async def test_a_settlement_never_exceeds_its_hold_and_an_unknown_hold_is_none(database):
    line = fresh_line()
    await do(database, credit(line, 10))
    held = await do_one(database, hold(line, 5))
    assert refused(await do_one(database, settle(held.hold_id, 6))) == "settle_exceeds_hold"
    assert refused(await do_one(database, settle("hol_unknown", 1))) == "hold_unknown"
    assert refused(await do_one(database, release("hol_unknown"))) == "hold_unknown"
    assert await balances(database, line) == [(10, 5)]


async def test_what_is_promised_can_be_settled_after_the_bucket_s_end(database):
    line = fresh_line()
    await do(database, credit(line, 10, bucket=replace(SPEC, usable_until=NOW + DAY)))
    held = await do_one(database, hold(line, 10))
    assert isinstance(await do_one(database, settle(held.hold_id, 10), now=NOW + 9 * DAY), Posted)


async def test_expiry_posts_what_is_left_and_closes_the_bucket(database):
    line = fresh_line()
    [credited] = await do(database, credit(line, 10, bucket=replace(SPEC, usable_until=NOW + DAY)))
    bucket = credited.legs[0].credit
    assert refused(await do_one(database, expire(bucket))) == "bucket_not_due"
    expired = await do_one(database, expire(bucket), now=NOW + DAY)
    assert [(leg.debit, leg.credit, leg.amount) for leg in expired.legs] == [(bucket, "expired", 10)]
    assert await balances(database, line) == []
    assert refused(await do_one(database, expire(bucket), now=NOW + DAY)) == "bucket_closed"
    assert refused(await do_one(database, expire("acc_unknown"))) == "bucket_unknown"


async def test_expiry_leaves_what_is_promised(database):
    line = fresh_line()
    [credited] = await do(database, credit(line, 10, bucket=replace(SPEC, usable_until=NOW + DAY)))
    bucket = credited.legs[0].credit
    held = await do_one(database, hold(line, 4))
    [leg] = (await do_one(database, expire(bucket), now=NOW + DAY)).legs
    assert leg.amount == 6
    assert refused(await do_one(database, expire(bucket), now=NOW + DAY)) == "bucket_held"
    await do_one(database, release(held.hold_id), now=NOW + DAY)
    [leg] = (await do_one(database, expire(bucket), now=NOW + DAY)).legs
    assert leg.amount == 4
    assert await balances(database, line) == []


async def test_a_credit_after_an_expiry_in_the_same_call_opens_another_bucket(database):
    line = fresh_line()
    ended = replace(SPEC, usable_until=NOW + DAY)
    [credited] = await do(database, credit(line, 10, bucket=ended))
    bucket = credited.legs[0].credit
    _, late = await do(database, expire(bucket), credit(line, 5, bucket=ended), now=NOW + 2 * DAY)
    assert late.legs[0].credit != bucket
    assert await balances(database, line) == [(5, 0)]


async def test_a_never_ending_bucket_is_never_due(database):
    line = fresh_line()
    [credited] = await do(database, credit(line, 10))
    late = datetime(2999, 1, 1, tzinfo=UTC)
    assert refused(await do_one(database, expire(credited.legs[0].credit), now=late)) == "bucket_not_due"


async def test_a_balance_stays_what_json_can_carry(database):
    line = fresh_line()
    await do(database, credit(line, MAXIMUM_AMOUNT))
    [full, other] = await do(database, credit(line, 1), credit(fresh_line(), 1))
    assert refused(full) == "balance_limit"
    assert isinstance(other, Posted)
    assert await balances(database, line) == [(MAXIMUM_AMOUNT, 0)]


async def test_items_of_one_call_see_those_before_them(database):
    line = fresh_line()
    answers = await do(database, credit(line, 10), debit(line, 4), credit(line, 1), debit(line, 7), debit(line, 1))
    assert [getattr(answer, "code", "posted") for answer in answers] == ["posted"] * 4 + ["insufficient_funds"]
    assert await balances(database, line) == [(0, 0)]


async def test_a_debit_finds_what_a_credit_of_the_same_call_put_into_a_bucket_that_was_there(database):
    line = fresh_line()
    await do(database, credit(line, 10))
    answers = await do(database, credit(line, 5), debit(line, 15), credit(line, 2), hold(line, 2), debit(line, 1))
    assert [getattr(answer, "code", "posted") for answer in answers] == ["posted"] * 4 + ["insufficient_funds"]
    assert await balances(database, line) == [(2, 2)]


async def test_what_is_refused_changes_nothing_and_leaves_its_key_free(database):
    line = fresh_line()
    wanted = debit(line, 10)
    assert refused(await do_one(database, wanted)) == "insufficient_funds"
    await do(database, credit(line, 10))
    answer = await do_one(database, wanted)
    assert isinstance(answer, Posted)
    assert not answer.replayed


async def test_an_unknown_lane_undoes_the_whole_call(database):
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await do(database, transfer(), transfer(lane=77))
    assert await house(database) == {}


async def test_one_lane_s_function_is_the_same_and_takes_no_other_lane(database):
    columns = columns_of([transfer(debit_code="a", credit_code="b", amount=5)])
    statement = f"SELECT code, places, sequences, credits FROM ledger.post(%s::smallint, {PLACES})"
    async with database.transaction() as transaction:
        cursor = await transaction.connection.execute(statement, (3, *columns, NOW))
        assert await cursor.fetchall() == [("plain", [1], [1], ["b"])]
    assert await house(database) == {("a", "CNY"): -5, ("b", "CNY"): 5}
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with database.transaction() as transaction:
            await transaction.connection.execute(statement, (4, *columns, NOW))


async def test_nothing_is_nothing(database):
    assert await do(database) == []


async def test_an_item_may_have_no_reference(database):
    """Alone in its call too: a text of one empty line is no line to the database."""
    line = fresh_line()
    for item in (
        transfer(reference=""),
        credit(line, reference=""),
        credit(line, reference=""),
        hold(line, 5, reference=""),
    ):
        assert isinstance(await do_one(database, item), Posted)


async def test_items_of_many_callers_take_effect_whatever_their_mixture(database):
    """Plain credits among them go another way, which is nobody's business but the clock's."""
    line, other = fresh_line(), fresh_line()
    await do(database, credit(line, 100), credit(line, 50, bucket=replace(SPEC, kind="bonus")))
    again = credit(line, 7)
    await do(database, again)
    items = [
        debit(line, 60),
        credit(line, 10),
        hold(line, 30),
        again,
        credit(other, 5),
        transfer(amount=3),
        credit(line, 20, bucket=replace(SPEC, kind="bonus")),
        debit(other, 1000),
    ]
    batcher = post_batcher(database)
    answers = await asyncio.gather(*(batcher.submit(item) for item in items), return_exceptions=True)
    await batcher.aclose()
    assert [answer.key for answer in answers[:-1]] == [item.key for item in items[:-1]]
    assert [answer.replayed for answer in answers[:-1]] == [item is again for item in items[:-1]]
    assert isinstance(answers[-1], PostingRefused)
    async with database.read() as transaction:
        found = await buckets(transaction.connection, [line, other])
        assert (await audit(transaction.connection)).sound
    assert sum(bucket.balance for bucket in found[line]) == 100 + 50 + 7 - 60 + 10 + 20
    assert sum(bucket.held for bucket in found[line]) == 30
    assert sum(bucket.balance for bucket in found[other]) == 5
