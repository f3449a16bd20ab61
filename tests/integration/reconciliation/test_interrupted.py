"""Whatever dies on the way, or comes at the same time, leaves each day once: read whole, compared, posted once."""

import asyncio
from datetime import UTC, timedelta

import pytest

from tests.support.bills import DAY, METHOD, Paid
from topup.kernel.money import Money
from topup.payments.ports import BillUnavailable, Capability
from topup.reconciliation import desk as desk_module
from topup.reconciliation import storing
from topup.reconciliation.desk import Reconciliation


class Died(BaseException):
    """The process ended here."""


async def all_of_it(auditor, lines):
    await auditor.bill(*lines)
    await auditor.compared()


async def half_of_it(desk, lines):
    async with desk.keeping(METHOD, DAY) as take:
        await take(lines)
        raise BillUnavailable("cut off")


def dying(monkeypatch, module, label):
    def point(passed):
        if passed == label:
            raise Died

    monkeypatch.setattr(module, "crash_point", point)


@pytest.mark.parametrize(
    ("module", "label"),
    [
        (storing, "reconciliation.before_replace"),
        (storing, "reconciliation.replaced"),
        (desk_module, "reconciliation.before_compare"),
        (desk_module, "reconciliation.compared"),
    ],
)
async def test_a_death_at_each_point_is_made_good_by_doing_it_again(auditor, monkeypatch, module, label):
    paid, missing = Paid(), Paid()
    await auditor.books(paid, missing)
    lines = [paid.line(fee=Money(30, "CNY")), paid.line(kind="dispute", reference="dp", amount=70)]
    with monkeypatch.context() as patch:
        dying(patch, module, label)
        with pytest.raises(Died):
            await all_of_it(auditor, lines)
    await auditor.bill(*lines)
    assert await auditor.differences() == [("missing_there", missing.id)]
    assert (await auditor.house("provider_fees"), await auditor.house("disputes")) == (-30, -70)
    assert len(await auditor.open_work()) == 1


async def test_a_bill_that_breaks_off_leaves_the_one_before(auditor):
    paid, other = Paid(), Paid()
    await auditor.books(paid, other)
    await auditor.bill(paid.line(), other.line())

    class BreaksOff:
        name = METHOD
        capabilities = frozenset({Capability.BILL})
        bill_zone = UTC

    desk = Reconciliation(database=auditor.database, gateways={METHOD: BreaksOff()})
    with pytest.raises(BillUnavailable):
        await half_of_it(desk, [paid.line()])
    assert await auditor.differences() == []
    assert (await auditor.report()).lines == 2


async def test_many_at_once_read_and_compare_one_day(auditor):
    paid, missing = Paid(), Paid()
    await auditor.books(paid, missing)
    lines = [paid.line(fee=Money(30, "CNY")), paid.line(kind="dispute", reference="dp", amount=70)]

    async def once(number):
        await auditor.bill(*lines, *([paid.line(reference=f"{number}")] if number % 2 else []))
        await auditor.desk.compare(method=METHOD, day=DAY)

    await asyncio.gather(*(once(number) for number in range(8)))
    await auditor.bill(*lines)
    assert await auditor.differences() == [("missing_there", missing.id)]
    assert [kind for kind, _ in await auditor.open_work()] == ["bill_missing_there"]
    assert (await auditor.house("provider_fees"), await auditor.house("disputes")) == (-30, -70)


async def test_a_day_that_is_not_over_is_not_kept(auditor):
    now = auditor.database.clock_offset
    today = DAY + timedelta(days=8)
    async with auditor.desk.keeping(METHOD, today) as take:
        await take([Paid().line()])
    async with auditor.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM reconciliation.bills")
        assert await cursor.fetchone() == (0,)
    assert auditor.database.clock_offset == now


async def test_what_was_read_anew_or_may_be_gone_is_due(auditor):
    paid = Paid()
    await auditor.books(paid)
    await auditor.bill()
    assert await auditor.desk.compare_due() == 1
    assert await auditor.desk.compare_due() == 0
    auditor.database.clock_offset += timedelta(hours=2)
    assert await auditor.desk.compare_due() == 1
    await auditor.bill(paid.line())
    assert await auditor.desk.compare_due() == 1
    auditor.database.clock_offset += timedelta(hours=2)
    assert await auditor.desk.compare_due() == 0
    assert await auditor.open_work() == []


async def test_strange_text_of_a_provider_is_kept_as_far_as_it_can_be(auditor):
    line = Paid().line(our_id="tab\there", reference="\\N back\\slash\x00\n" + "é" * 500)
    await auditor.bill(line, Paid().line(reference="\ud800"))
    found = await auditor.compared()
    assert found.lines == 2
    assert "tab\ufffdhere" in {one.our_id for one in found.differences}
    assert all(len(one.reference) <= 200 for one in found.differences)


async def test_beyond_two_hundred_of_a_class_they_are_one_decision(auditor):
    many = [Paid().line(our_id=f"their order {n}") for n in range(230)]
    await auditor.bill(*many, page=100)
    for _ in range(2):
        await auditor.compared()
        kinds = [kind for kind, _ in await auditor.open_work()]
        assert (kinds.count("bill_missing_here"), kinds.count("bill_differences")) == (200, 1)
    await auditor.bill(*many[:210], page=100)
    await auditor.compared()
    assert [kind for kind, _ in await auditor.open_work()].count("bill_differences") == 1
    await auditor.bill()
    await auditor.compared()
    assert await auditor.open_work() == []
