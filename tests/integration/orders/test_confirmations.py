"""What is asked before an order is made: whether it is meant twice, and whether so much is meant."""

from datetime import timedelta

import pytest

from topup.kernel.errors import Problem
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Reason, Refused
from topup.orders.queries import recent

FOREIGN = "+6581234500"
LARGE = 30000


async def asked(shop, *confirmed: str, **wish) -> dict:
    """What the order is asked with, and nothing when it is made."""
    try:
        await shop.ordered(confirm=confirmed, **wish)
    except Problem as problem:
        return {problem.code: problem.parameters}
    return {}


def needed(*confirmations: str, **told: int | bool) -> dict:
    return {"confirmation_needed": {"confirmations": [*confirmations], **told}}


DUPLICATE = needed("duplicate", minutes=1)
BEGUN = needed("duplicate", minutes=1, unpaid=True)


async def test_how_long_ago_is_said_only_of_a_duplicate_that_is_asked_about(shop):
    assert await asked(shop, amount=LARGE) == needed("large_amount")
    await shop.ordered(amount=LARGE)
    await shop.later(minutes=3)
    assert await asked(shop, amount=LARGE) == needed("duplicate", "large_amount", minutes=3, unpaid=True)
    assert await asked(shop, "large_amount", amount=LARGE) == needed("duplicate", minutes=3, unpaid=True)
    assert await asked(shop, "duplicate", amount=LARGE) == needed("large_amount")
    assert await asked(shop, "duplicate", "large_amount", amount=LARGE) == {}


async def test_what_may_still_be_paid_is_asked_about_as_begun(shop):
    await shop.ordered()
    assert await asked(shop) == BEGUN


async def test_so_is_what_was_paid(shop):
    await shop.tells(shop.paid(await shop.paying(await shop.ordered())))
    assert await asked(shop) == DUPLICATE


async def test_what_was_paid_is_told_before_what_was_begun_since(shop):
    await shop.tells(shop.paid(await shop.paying(await shop.ordered())))
    await shop.later(minutes=3)
    await shop.ordered()
    assert await asked(shop) == needed("duplicate", minutes=3)


async def test_what_others_have_not_paid_is_nobody_elses_to_know(shop):
    await shop.paying(await shop.ordered(payer="somebody else"))
    await shop.ordered(payer=None)
    assert await asked(shop, payer="a stranger") == {}
    assert await asked(shop, payer=None) == {}


async def test_what_others_paid_is_asked_about_and_not_when(shop):
    await shop.tells(shop.paid(await shop.paying(await shop.ordered(payer="somebody else"))))
    await shop.later(minutes=3)
    assert await asked(shop, payer="a stranger") == needed("duplicate")
    assert await asked(shop, payer=None) == needed("duplicate")
    assert await asked(shop, payer="somebody else") == needed("duplicate", minutes=3)


async def test_of_ones_own_and_others_only_ones_own_is_told(shop):
    await shop.ordered(payer="me")
    await shop.later(minutes=2)
    await shop.tells(shop.paid(await shop.paying(await shop.ordered(payer="somebody else"))))
    await shop.later(minutes=2)
    assert await asked(shop, payer="me") == needed("duplicate", minutes=4, unpaid=True)


async def test_whoever_may_see_the_balance_is_told_of_all(shop):
    await shop.ordered(payer="somebody else")
    quote = await shop.desk.quote(number="13800138000", product=None, amount=Money(5000, "CNY"), payment_method=None)
    with pytest.raises(Problem, match="confirmation_needed") as caught:
        await shop.desk.order(
            order_id=OrderId(new_id("order", lane_of(quote.id))),
            quote_id=quote.id,
            contact=None,
            confirmations=frozenset(),
            locale="en",
            channel="test",
            sees_balance=True,
        )
    assert caught.value.parameters == {"confirmations": ["duplicate"], "minutes": 1, "unpaid": True}


async def test_who_ordered_is_kept_as_a_pseudonym(shop):
    await shop.ordered(payer="address:203.0.113.77")
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT payer FROM orders.orders")
        assert await cursor.fetchall() == [(shop.keys.pseudonym("address:203.0.113.77"),)]


@pytest.mark.parametrize("answer", [Accepted("taken in"), Refused(Reason.CONFIGURATION, "account frozen")])
async def test_what_goes_back_is_not(shop, answer):
    """On its way, a person's matter, or back: only what a person has is asked about, for it may still arrive."""
    wish = {"number": FOREIGN, "amount": 1000, "currency": "SGD"}
    shop.carrier.answers = [Refused(Reason.USER, "suspended")]
    shop.gateway.refund_answers = [answer]
    order = await shop.ordered(**wish)
    await shop.tells(shop.paid(await shop.paying(order)))
    assert await asked(shop, **wish) == DUPLICATE
    await shop.run()
    with_a_person = (await shop.order(order)).status == "needs_person"
    assert with_a_person == isinstance(answer, Refused)
    assert await asked(shop, **wish) == (DUPLICATE if with_a_person else {})


async def test_what_was_called_off_unpaid_is_not(shop):
    order = await shop.ordered()
    await shop.paying(order)
    await shop.desk.cancel(order_id=order.id)
    assert await asked(shop) == {}


async def last_topped_up(shop, order) -> list:
    async with shop.database.read() as transaction:
        since = transaction.now - timedelta(hours=1)
        wanted = [(lane_of(order.id), order.msisdn.e164, order.face.amount_minor, order.face.currency, since)]
        found = await recent(transaction.connection, wanted, transaction.now)
        return [other.at for others in found.values() for other in others]


async def test_what_was_not_paid_in_time_is_not_whether_or_not_that_was_noted(shop):
    """However long a carrier's window is."""
    order = await shop.ordered()
    payment = await shop.paying(order)
    fact = shop.paid(payment)
    assert await last_topped_up(shop, order) == [order.created_at]
    await shop.later(minutes=15)
    assert (await shop.order(order)).status == "awaiting_payment"
    assert await last_topped_up(shop, order) == []
    await shop.run()
    assert (await shop.order(order)).status == "expired"
    assert await last_topped_up(shop, order) == []
    # Paid in time after all, and heard of late.
    await shop.tells(fact)
    assert await last_topped_up(shop, order) == [order.created_at]
