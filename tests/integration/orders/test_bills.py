"""The bills of gateways are read day by day, whatever stood still in between."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from topup.kernel.errors import Unavailable
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.orders.bills import CATCH_UP, first_day
from topup.payments.ports import BillLine, BillUnavailable, NoBillYet

ANY_DAY = datetime(2026, 3, 1, tzinfo=UTC).date()


@pytest.fixture
def read(shop):
    """Reads the bills; gives the days that were asked for, counted back from today. At noon: no day ends meanwhile."""
    noon = datetime.combine(today(shop) + timedelta(days=1), time(12), UTC)
    shop.database.clock_offset = noon - datetime.now(UTC)
    bill = shop.gateway.bill
    silent: set[int] = set()

    async def run(*, unavailable=()):
        asked = []
        silent.clear()
        silent.update(unavailable)

        async def counted(day):
            ago = (today(shop) - day).days
            asked.append(ago)
            if ago in silent:
                raise BillUnavailable
            return await bill(day)

        shop.gateway.bill = counted
        await shop.desk.bills.read()
        return asked

    return run


def today(shop):
    return (datetime.now(UTC) + shop.database.clock_offset).date()


async def missed(shop) -> list[dict]:
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT evidence FROM work.items WHERE kind = 'bills_missed'")
        return [evidence for (evidence,) in await cursor.fetchall()]


async def heard_of_nothing(shop):
    """An order that was paid, and of whose payment no event and no answer told."""
    order = await shop.ordered()
    fact = shop.paid(await shop.paying(order))
    shop.gateway.lines.append(BillLine("payment", fact.payment_id, fact.reference, fact.amount, fact.paid_at))
    return order


async def test_yesterday_and_today_are_read_again_and_again(read):
    assert await read() == [1, 0]
    assert await read() == [1, 0]


async def test_after_days_of_standing_still_the_days_between_are_read(shop, read):
    await read()
    order = await heard_of_nothing(shop)
    await shop.later(days=9)
    assert await read() == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert (await shop.order(order)).status == "delivered"
    assert await read() == [1, 0]
    assert await missed(shop) == []


async def test_a_day_whose_bill_cannot_be_had_is_asked_for_until_it_can(shop, read):
    await read()
    order = await heard_of_nothing(shop)
    await shop.later(days=3)
    assert await read(unavailable=[3, 2, 1, 0]) == [4, 3, 2, 1, 0]
    assert await read(unavailable=[3]) == [4, 3, 2, 1, 0]
    await shop.later(days=1)
    assert (await shop.order(order)).status == "awaiting_payment"
    assert await read() == [5, 4, 3, 2, 1, 0]
    assert (await shop.order(order)).status == "delivered"


async def test_one_that_was_never_to_be_had_is_not_forgotten_either(shop, read):
    assert await read(unavailable=[1, 0]) == [1, 0]
    await shop.later(days=4)
    assert await read() == [7, 6, 5, 4, 3, 2, 1, 0]


async def test_a_provider_that_has_none_yet_is_asked_again_and_whoever_asks_is_told(shop, read):
    await read()
    order = await heard_of_nothing(shop)
    yesterday = today(shop) - timedelta(days=1)
    bill = shop.gateway.bill

    async def none_yet(day):
        raise NoBillYet

    shop.gateway.bill = none_yet
    await shop.later(days=1)
    assert await shop.desk.bills.read() == 0
    with pytest.raises(NoBillYet):
        await shop.desk.bills.read_day(method="scripted", day=yesterday)
    shop.gateway.bill = bill
    await shop.later(days=1)
    await shop.desk.bills.read()
    assert (await shop.order(order)).status == "delivered"


async def test_what_is_too_long_ago_is_for_a_person_and_listed_once(shop, read):
    await read()
    began = today(shop)
    await shop.later(days=39)
    assert await read(unavailable=range(99)) == [*range(31, -1, -1)]
    await shop.later(days=1)
    assert await read(unavailable=range(99)) == [*range(CATCH_UP.days, -1, -1)]
    assert await read() == [*range(31, -1, -1)]
    assert await missed(shop) == [{"method": "scripted", "from": (began - timedelta(days=1)).isoformat()}]
    assert await read() == [1, 0]


async def test_a_clock_that_was_ahead_for_a_while_makes_no_day_unread(shop, read):
    await shop.later(days=400)
    await read()
    await shop.later(days=-400)
    assert await read(unavailable=[0, 1]) == [1, 0]
    await shop.later(days=3)
    assert await read() == [6, 5, 4, 3, 2, 1, 0]
    await shop.later(days=3)
    assert await read() == [4, 3, 2, 1, 0]


async def test_lines_that_are_not_ours_hide_no_other(shop, read):
    order = await heard_of_nothing(shop)
    at = shop.gateway.lines[0].at
    shop.gateway.lines[:0] = [
        BillLine("payment", "somebody else's", "g", Money(1, "CNY"), at),
        BillLine("refund", new_id("refund", 3), "g", Money(1, "CNY"), at),
    ]
    await read()
    assert (await shop.order(order)).status == "delivered"


async def test_lines_that_could_not_be_settled_now_are_read_again(shop, read, monkeypatch):
    """The database went away half-way: no day counts as read."""
    await read()
    order = await heard_of_nothing(shop)
    await shop.later(days=3)

    async def away(told):
        raise Unavailable("database_lost")

    with monkeypatch.context() as patch:
        patch.setattr(shop.desk.bills, "_ears", replace(shop.desk.bills._ears, payment=away))
        with pytest.raises(Unavailable):
            await read()
    assert await read() == [4, 3, 2, 1, 0]
    assert (await shop.order(order)).status == "delivered"


def test_the_last_day_was_not_over_when_it_was_read_nor_was_the_one_before_everywhere():
    day = timedelta(days=1)
    assert first_day(ANY_DAY, None) == first_day(ANY_DAY, ANY_DAY) == ANY_DAY - day
    assert first_day(ANY_DAY, ANY_DAY - 5 * day) == ANY_DAY - 6 * day
    assert first_day(ANY_DAY, ANY_DAY + 5 * day) == ANY_DAY - day
