"""A batch of vouchers takes two people: what is for sale exists only after another agreed, and never without one."""

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from tests.support.approving import Anybody
from tests.support.desk import LANES
from tests.support.vouchers import agreed
from topup.kernel.errors import Problem
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.payments.vouchers import operations, queries
from topup.payments.vouchers.approving import asking_for, kind
from topup.payments.vouchers.desk import VoucherDesk
from topup.payments.vouchers.operations import Wanted
from topup.payments.vouchers.states import VoucherState
from topup.work.approvals import Approvals
from topup.work.limits import Limits
from topup.work.states import ApprovalState

SAID = {"face": "50", "currency": "cny", "count": "3", "until": "2030-12-31", "carrier": ""}
ONE, ANOTHER = Anybody("stf_one", "finance"), Anybody("stf_another", "finance")


@pytest.fixture
def approvals(voucher_shop) -> Approvals:
    return Approvals(database=voucher_shop.database, kinds=[kind()])


@pytest.fixture
def desk(voucher_shop) -> VoucherDesk:
    return VoucherDesk(database=voucher_shop.database, keys=voucher_shop.keys, lanes=LANES)


async def state_of(shop, batch_id):
    async with shop.database.read() as transaction:
        return await queries.state_of(transaction.connection, batch_id)


async def test_nothing_is_there_until_another_agrees_and_no_pin_until_it_is_made(voucher_shop, approvals, desk):
    asked = await approvals.request(ONE, asking_for(SAID, reason="For the shops"))
    assert asked.facts == {
        "amount_minor": 15000,
        "currency": "CNY",
        "face_minor": 5000,
        "count": 3,
        "last_day": "2030-12-31",
    }
    assert await state_of(voucher_shop, asked.subject) is None
    printed = []
    with pytest.raises(Problem, match="voucher_batch_unknown"):
        await desk.make(lambda _, cards: printed.extend(cards), batch_id=asked.subject, by="cli")
    with pytest.raises(Problem, match="approval_own"):
        await approvals.approve(ONE, asked.id, note="")
    decided = await approvals.approve(ANOTHER, asked.id, note="")
    assert decided.outcome == {"batch": asked.subject}
    assert await state_of(voucher_shop, asked.subject) is VoucherState.APPROVED
    async with voucher_shop.database.read() as transaction:
        assert not await queries.counts(transaction.connection, asked.subject), "it has no PIN yet"
    for early in (operations.activate, operations.exported):
        with pytest.raises(Problem, match="voucher_batch_stands"):
            await voucher_shop.change(early, batch_id=asked.subject)
    batch = await desk.make(lambda _, cards: printed.extend(cards), batch_id=asked.subject, by="cli")
    assert (batch.state, batch.made_by, batch.approval_id) == (VoucherState.EXPORTED, "stf_one", asked.id)
    assert len(printed) == 3
    with pytest.raises(Problem, match="voucher_batch_stands"):
        await desk.make(lambda _, cards: printed.extend(cards), batch_id=asked.subject, by="cli")
    assert len(printed) == 3, "PINs are drawn once"


async def test_what_was_refused_is_never_made(voucher_shop, approvals, desk):
    asked = await approvals.request(ONE, asking_for(SAID, reason="For the shops"))
    await approvals.reject(ANOTHER, asked.id, note="Too many")
    assert await state_of(voucher_shop, asked.subject) is None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"face": "much"}, "amount_unreadable"),
        ({"face": "0"}, "voucher_face"),
        ({"currency": "?"}, "amount_unreadable"),
        ({"count": "-1"}, "voucher_count"),
        ({"count": "1000001"}, "voucher_count"),
        ({"until": "soon"}, "day_unreadable"),
        ({"until": "9999-12-31"}, "day_unreadable"),
        ({"until": "2001-01-01"}, "voucher_until"),
        ({"carrier": "nobody"}, "voucher_carrier_unknown"),
        ({"currency": "XXX"}, "voucher_currency_unknown"),
        ({"currency": "HKD", "carrier": "qingfeng"}, "voucher_currency_differs"),
    ],
)
async def test_what_cannot_be_made_is_not_asked_for(approvals, wrong, code):
    with pytest.raises(Problem, match=code):
        await approvals.request(ONE, asking_for(SAID | wrong, reason="For the shops"))


async def test_a_form_sent_twice_is_one_batch(approvals):
    batch = new_id("batch", 0)
    asked = [
        await approvals.request(ONE, asking_for(SAID, reason="For the shops", form="form-1", batch_id=batch))
        for _ in range(2)
    ]
    assert asked[0].id == asked[1].id
    with pytest.raises(Problem, match="request_malformed"):
        asking_for(SAID, reason="For the shops", batch_id="bat_mine")


async def test_the_database_keeps_no_batch_for_sale_that_nobody_agreed_to(voucher_shop):
    async with voucher_shop.database.read() as transaction:
        until = transaction.now + timedelta(days=30)
    wanted = Wanted(Money(5000, "CNY"), 1, until, "stf_one", kind="batch")
    with pytest.raises(psycopg.errors.CheckViolation):
        async with voucher_shop.database.transaction() as transaction:
            await operations.make(transaction.connection, wanted, transaction.now, keys=voucher_shop.keys, lanes=LANES)


async def test_a_batch_that_was_agreed_to_and_never_made_ends_with_its_day(voucher_shop, desk):
    async with voucher_shop.database.read() as transaction:
        wanted = Wanted(Money(5000, "CNY"), 1, transaction.now + timedelta(days=2), "stf_one")
    batch_id = await agreed(voucher_shop.database, wanted)
    async with voucher_shop.database.transaction() as transaction:
        assert await operations.expire(transaction.connection, 10, transaction.now + timedelta(days=5)) == 1
    assert await state_of(voucher_shop, batch_id) is VoucherState.EXPIRED
    with pytest.raises(Problem, match="voucher_batch_stands"):
        await desk.make(lambda _batch, _cards: None, batch_id=batch_id, by="cli")


async def test_one_person_decides_alone_only_where_the_table_says_so_and_only_up_to_there(voucher_shop):
    table = Limits({"voucher.finance": (Decimal(150), Decimal(250))})
    approvals = Approvals(database=voucher_shop.database, kinds=[kind()], limits=table)
    states = [(await approvals.request(ONE, asking_for(SAID, reason="For the shops"))).state for _ in range(2)]
    assert states == [ApprovalState.ALONE, ApprovalState.REQUESTED], "300 in one day are above 250"
    without = Approvals(database=voucher_shop.database, kinds=[kind()], limits=Limits())
    assert (await without.request(ANOTHER, asking_for(SAID, reason="For the shops"))).state is ApprovalState.REQUESTED
