"""What a line has decides what a top-up may bring and for how long: who is told so before, and what is said after."""

from datetime import timedelta

import pytest

from tests.support.tariffs import CREDIT_CAP, publish_changed
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money

OTHER = "13800138001"
NUMBER = "13800138000"
LONGEST = '{ rule = "days", days = 30, policy = "longest" }'
TIERS = '{ rule = "balance", tiers = [{ from = 1, days = 10 }, { from = 80, days = 90 }] }'
DAYS = '{ rule = "days", days = 30 }'


async def topped_up(shop, amount: int) -> str:
    """The id of a delivered order."""
    order = await shop.ordered(amount=amount)
    await shop.tells(shop.paid(await shop.paying(order)))
    assert (await shop.order(order)).status == "delivered"
    return order.id


def quoted(shop, amount: int, *, number: str = NUMBER, sees: bool = False):
    return shop.desk.quote(
        number=number, product=None, amount=Money(amount, "CNY"), payment_method=None, sees_balance=sees
    )


def ordered(shop, quote, *, sees: bool):
    return shop.desk.order(
        order_id=OrderId(new_id("order", lane_of(quote.id))),
        quote_id=quote.id,
        contact=None,
        confirmations=frozenset({"duplicate", "large_amount"}),
        locale="en",
        channel="test",
        sees_balance=sees,
    )


async def ends_of(shop) -> list:
    return [bucket.usable_until for bucket in (await shop.desk.balance(number=NUMBER)).buckets]


class TestCaps:
    @pytest.fixture
    async def capped(self, shop, tmp_path):
        await publish_changed(shop.database, tmp_path, "qingfeng", extra=CREDIT_CAP.format(at_cap="refuse"))
        return shop

    async def test_who_sees_the_balance_is_told_what_still_fits(self, capped):
        await topped_up(capped, 9000)
        with pytest.raises(Conflict) as refusal:
            await quoted(capped, 1001, sees=True)
        assert refusal.value.code == "line_nearly_full"
        assert refusal.value.parameters == {"limit": "100.00 CNY", "room": "10.00 CNY"}
        quote = await quoted(capped, 1000, sees=True)
        assert [grant.cap for grant in quote.grants] == [None]
        await topped_up(capped, 1000)
        with pytest.raises(Conflict) as refusal:
            await quoted(capped, 100, sees=True)
        assert (refusal.value.code, refusal.value.parameters) == ("line_full", {"limit": "100.00 CNY"})

    async def test_what_fitted_when_it_was_quoted_is_looked_at_again_when_it_is_ordered(self, capped):
        quote = await quoted(capped, 6000, sees=True)
        await topped_up(capped, 6000)
        with pytest.raises(Conflict) as refusal:
            await ordered(capped, quote, sees=True)
        assert refusal.value.parameters["room"] == "40.00 CNY"
        assert (await ordered(capped, await quoted(capped, 4000, sees=True), sees=True)).status == "awaiting_payment"

    async def test_a_stranger_is_told_the_same_of_every_line(self, capped):
        await topped_up(capped, 9000)
        told = [await quoted(capped, 5000, number=number) for number in (NUMBER, OTHER)]
        assert told[0].grants == told[1].grants
        assert [(grant.cap, grant.at_cap) for grant in told[0].grants] == [(10000, "refuse")]
        made = [await ordered(capped, quote, sees=False) for quote in told]
        assert made[0].grants == made[1].grants

    @pytest.mark.parametrize("sees", [False, True])
    async def test_what_no_line_may_have_is_refused_to_all(self, capped, sees):
        with pytest.raises(Invalid) as refusal:
            await quoted(capped, 10001, sees=sees)
        assert (refusal.value.code, refusal.value.parameters) == ("amount_above_cap", {"limit": "100.00 CNY"})

    async def test_what_is_clipped_is_told_before_and_on_the_receipt(self, shop, tmp_path):
        await publish_changed(shop.database, tmp_path, "qingfeng", extra=CREDIT_CAP.format(at_cap="clip"))
        await topped_up(shop, 9000)
        quote = await quoted(shop, 5000, sees=True)
        assert [(grant.amount, grant.basis) for grant in quote.grants] == [(1000, "present")]
        order_id = await topped_up(shop, 5000)
        assert [grant.amount for grant in (await shop.desk.receipt(order_id=order_id)).body.grants] == [1000]
        assert [grant.amount for grant in (await shop.desk.get_order(order_id=order_id)).grants] == [1000]
        nothing = await topped_up(shop, 5000)
        assert (await shop.desk.receipt(order_id=nothing)).body.grants == []
        assert await shop.main_balance() == 10000


class TestEnds:
    @pytest.mark.parametrize(
        ("validity", "first", "second"), [(LONGEST, 5000, 5000), (TIERS, 9000, 1000), (TIERS, 5000, 5000)]
    )
    async def test_the_end_told_before_is_the_ledgers_and_the_receipts(self, shop, tmp_path, validity, first, second):
        await publish_changed(shop.database, tmp_path, "qingfeng", validity=validity)
        await topped_up(shop, first)
        told = (await quoted(shop, second, sees=True)).grants[0]
        order_id = await topped_up(shop, second)
        (end,) = await ends_of(shop)
        assert (told.usable_until, told.basis) == (end, "present")
        assert [grant.usable_until for grant in (await shop.desk.receipt(order_id=order_id)).body.grants] == [end]
        shown = (await shop.desk.get_order(order_id=order_id)).grants[0]
        assert (shown.usable_until, shown.basis) == (end, "given")

    async def test_a_longer_end_of_what_was_there_holds_for_both(self, shop, tmp_path):
        await publish_changed(
            shop.database, tmp_path, "qingfeng", validity='{ rule = "days", days = 90, policy = "longest" }'
        )
        await topped_up(shop, 5000)
        (longer,) = await ends_of(shop)
        await publish_changed(shop.database, tmp_path, "qingfeng", validity=LONGEST)
        told = (await quoted(shop, 5000, sees=True)).grants[0]
        assert told.usable_until == longer
        assert told.rule == {"id": "policy_longest", "inputs": {}}
        stranger = (await quoted(shop, 5000)).grants[0]
        assert stranger.usable_until < longer
        assert (stranger.basis, stranger.policy) == ("alone", "longest")
        order_id = await topped_up(shop, 5000)
        assert (await shop.desk.receipt(order_id=order_id)).body.grants[0].usable_until == longer

    async def test_a_stranger_is_told_the_same_of_every_line(self, shop, tmp_path):
        await publish_changed(shop.database, tmp_path, "qingfeng", validity=TIERS)
        await topped_up(shop, 9000)
        had, none = [await quoted(shop, 5000, number=number) for number in (NUMBER, OTHER)]
        assert [(grant.usable_until, grant.basis) for grant in had.grants] == [
            (grant.usable_until, grant.basis) for grant in none.grants
        ]

    async def test_who_pays_after_midnight_has_a_receipt_of_that_day(self, shop, tmp_path):
        await publish_changed(shop.database, tmp_path, "qingfeng", validity=DAYS)
        order = await shop.ordered(amount=5000)
        payment = await shop.paying(order)
        paid = shop.paid(payment)
        await shop.later(days=1)
        await shop.tells(paid)
        (end,) = await ends_of(shop)
        assert end == order.grants[0].usable_until + timedelta(days=1)
        assert (await shop.desk.receipt(order_id=order.id)).body.grants[0].usable_until == end
        shown = (await shop.order(order)).grants[0]
        assert shown.usable_until == end
        assert shown.rule["id"] == "why_midnight"
        assert shown.rule["inputs"]["last_day"] != order.grants[0].rule["inputs"]["last_day"]
