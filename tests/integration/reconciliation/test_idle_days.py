"""Whether anything can have happened with a provider on a day, by our books: only then is no bill no surprise."""

from datetime import timedelta

import pytest

from tests.support.bills import DAY, METHOD, NOON, Back, Paid

A_DAY = timedelta(days=1)


async def idle(auditor, day=DAY, method=METHOD):
    return await auditor.desk.is_idle(method=method, day=day)


async def test_a_day_without_anything_of_that_way_to_pay_is_idle(auditor):
    assert await idle(auditor)
    await auditor.books(Paid(at=NOON - 2 * A_DAY), Paid(at=NOON + A_DAY), Paid(method="another"))
    assert await idle(auditor)
    assert not await idle(auditor, method="another")
    assert not await idle(auditor, DAY + A_DAY)


@pytest.mark.parametrize("state", ["paid", "pending", "closed", "declined", "needs_person"])
async def test_an_attempt_that_could_be_paid_then_is_something(auditor, state):
    midnight = NOON.replace(hour=0)
    await auditor.books(Paid(state=state, at=midnight - timedelta(minutes=5)))
    assert not await idle(auditor), "it could be paid until after midnight"
    assert not await idle(auditor, DAY - A_DAY)
    assert await idle(auditor, DAY + A_DAY)


async def test_money_that_came_late_is_something(auditor):
    late = Paid(at=NOON - 3 * A_DAY)
    await auditor.books(late)
    async with auditor.database.transaction() as transaction:
        await transaction.connection.execute(
            "INSERT INTO payments.captures (lane, payment_id, reference, amount_minor, currency, paid_at, recorded_at,"
            " disposition) VALUES (%s, %s, 'late', 5000, 'CNY', %s, %s, 'late')",
            (late.lane, late.id, NOON, NOON),
        )
    assert not await idle(auditor)
    assert await idle(auditor, DAY - A_DAY)


@pytest.mark.parametrize(
    ("back_at", "state", "is_idle"),
    [
        (NOON, "refunded", False),
        (NOON - A_DAY, "refunded", True),
        (NOON - A_DAY, "unknown", False),
        (NOON + A_DAY, "unknown", True),
    ],
)
async def test_money_that_went_back_or_may_be_going_is_something(auditor, back_at, state, is_idle):
    paid = Paid(at=NOON - 5 * A_DAY)
    await auditor.books(paid, Back(paid, at=back_at, state=state))
    assert await idle(auditor) is is_idle
