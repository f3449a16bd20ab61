"""Differences that people let be: two of them above a limit, posted once, and taken back when the difference goes."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.bills import DAY, NOON, Paid
from topup.kernel.errors import Conflict, Forbidden
from topup.people.permissions import Role, allowed
from topup.reconciliation.writing_off import ACCEPT, WRITE_OFF, WRITE_OFFS, kinds
from topup.work import queries
from topup.work.approvals import Approvals, Wish
from topup.work.limits import Limits
from topup.work.states import ApprovalState

CLEARING = "clearing:scripted"
ALONE = {"difference.finance": (Decimal(1), Decimal(2))}


@dataclass(frozen=True)
class Person:
    id: str
    role: Role

    def may(self, permission: str) -> bool:
        return allowed(self.role, permission)


ONE, OTHER = Person("stf_one", Role.FINANCE), Person("stf_other", Role.FINANCE)


@pytest.fixture
def approvals(auditor):
    return Approvals(database=auditor.database, kinds=kinds(), limits=Limits(ALONE))


async def items(auditor):
    async with auditor.database.read() as transaction:
        return await queries.open_items(transaction.connection)


async def ask(approvals, item, kind=WRITE_OFF):
    return await approvals.request(ONE, Wish(kind, item.subject, {}, "They say so", item.id))


async def owed(auditor) -> int:
    """What the provider owes us by the ledger."""
    return -await auditor.house(CLEARING)


async def test_two_write_off_what_will_never_come_and_the_books_have_what_the_provider_has(auditor, approvals):
    lost, paid = Paid(amount=8000), Paid(amount=500)
    await auditor.books(lost, paid)
    await auditor.bill(paid.line())
    assert (await auditor.compared()).open == {"missing_there": 1}
    [item] = await items(auditor)
    asked = await ask(approvals, item)
    assert (asked.state, asked.facts["amount_minor"]) == (ApprovalState.REQUESTED, 8000)
    with pytest.raises(Forbidden, match="approval_own"):
        await approvals.approve(ONE, asked.id, note="")
    assert await owed(auditor) == 8500
    await approvals.approve(OTHER, asked.id, note="")
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (500, -8000)
    for _ in range(2):
        found = await auditor.compared()
        assert (found.open, found.decided) == ({}, {"missing_there": 1})
        assert await items(auditor) == []
    assert await owed(auditor) == 500, "comparing again posts nothing"


async def test_what_came_after_all_takes_its_write_off_back(auditor, approvals):
    late = Paid(amount=90)
    await auditor.books(late)
    await auditor.bill()
    await auditor.compared()
    [item] = await items(auditor)
    assert (await ask(approvals, item)).state is ApprovalState.ALONE
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (0, -90)
    await auditor.bill(late.line())
    for _ in range(2):
        found = await auditor.compared()
        assert (found.open, found.decided, found.resolved) == ({}, {}, {"missing_there": 1})
        assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (90, 0)
    await auditor.bill()
    await auditor.compared()
    [again] = await items(auditor)
    assert again.id != item.id, "gone again: to be decided again"
    await ask(approvals, again)
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (0, -90)


async def test_a_write_off_is_looked_at_again_by_itself_when_the_next_bill_has_it(auditor, approvals):
    """Nobody compares that day by hand, and it has no other difference."""
    late = Paid(amount=90)
    await auditor.books(late)
    await auditor.bill()
    assert await auditor.desk.compare_due() == 1
    [item] = await items(auditor)
    await ask(approvals, item)
    await auditor.bill(late.line(at=NOON + timedelta(days=1)), day=DAY + timedelta(days=1))
    assert await auditor.desk.compare_due() == 1
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (0, -90)
    auditor.database.clock_offset += timedelta(days=1, minutes=1)
    assert await auditor.desk.compare_due() == 1
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (90, 0)
    auditor.database.clock_offset += timedelta(days=1, minutes=1)
    assert await auditor.desk.compare_due() == 0


async def test_what_the_books_learn_later_takes_its_write_off_back_by_itself(auditor, approvals):
    """As when a stored event is told once more: no bill changes."""
    stranger = Paid(amount=90)
    await auditor.bill(stranger.line())
    await auditor.desk.compare_due()
    [item] = await items(auditor)
    await ask(approvals, item)
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (90, 90)
    auditor.database.clock_offset += timedelta(days=7)
    assert await auditor.desk.compare_due() == 1
    await auditor.books(stranger)
    auditor.database.clock_offset += timedelta(days=1, minutes=1)
    assert await auditor.desk.compare_due() == 1
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (90, 0)


async def test_what_was_written_off_long_ago_is_let_be(auditor, approvals):
    await auditor.books(Paid(amount=90))
    await auditor.bill()
    await auditor.desk.compare_due()
    [item] = await items(auditor)
    await ask(approvals, item)
    auditor.database.clock_offset += timedelta(days=30)
    assert await auditor.desk.compare_due() == 1
    auditor.database.clock_offset += timedelta(days=2)
    assert await auditor.desk.compare_due() == 0


async def test_another_amount_is_another_decision(auditor, approvals):
    paid = Paid(amount=5000)
    await auditor.books(paid)
    await auditor.bill(paid.line(amount=4950))
    await auditor.compared()
    [item] = await items(auditor)
    await ask(approvals, item)
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (4950, -50)
    await auditor.bill(paid.line(amount=5030))
    found = await auditor.compared()
    assert found.open == {"amount": 1}
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (5000, 0)
    [item] = await items(auditor)
    await ask(approvals, item)
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (5030, 30)


async def test_what_changed_while_it_was_looked_at_is_not_written_off(auditor, approvals):
    paid = Paid(amount=5000)
    await auditor.books(paid)
    await auditor.bill(paid.line(amount=1000))
    await auditor.compared()
    [item] = await items(auditor)
    asked = await ask(approvals, item)
    await auditor.bill(paid.line(amount=2000))
    await auditor.compared()
    with pytest.raises(Conflict, match="settled_meanwhile"):
        await approvals.approve(OTHER, asked.id, note="")
    assert await auditor.house(WRITE_OFFS) == 0


async def test_what_is_accepted_posts_nothing_and_is_decided_once(auditor, approvals):
    lost = Paid(amount=8000)
    await auditor.books(lost)
    await auditor.bill()
    await auditor.compared()
    [item] = await items(auditor)
    accepted = await ask(approvals, item, ACCEPT)
    write_off = await ask(approvals, item)
    await approvals.approve(OTHER, accepted.id, note="")
    with pytest.raises(Conflict, match="settled_meanwhile"):
        await approvals.approve(OTHER, write_off.id, note="")
    found = await auditor.compared()
    assert (found.open, found.decided, await owed(auditor)) == ({}, {"missing_there": 1}, 8000)


@pytest.mark.parametrize("times", [1, 2], ids=["of a stranger", "twice"])
async def test_what_a_bank_took_is_posted_as_it_is_and_never_written_off_as_well(auditor, approvals, times):
    paid = Paid(amount=5000)
    if times == 2:
        await auditor.books(paid)
    taken = paid.line(kind="dispute", reference="dp_1", amount=4000)
    await auditor.bill(*([paid.line()] if times == 2 else []), *[taken] * times)
    await auditor.compared()
    posted = (await owed(auditor), await auditor.house("disputes"))
    assert posted == ((5000 if times == 2 else 0) - 4000 * times, -4000 * times)
    [item] = await items(auditor)
    assert [kind.name for kind in approvals.for_item(item)] == [ACCEPT], "no form is shown for what is refused"
    with pytest.raises(Conflict, match="difference_posted"):
        await ask(approvals, item)
    accepted = await ask(approvals, item, ACCEPT)
    await approvals.approve(OTHER, accepted.id, note="")
    found = await auditor.compared()
    assert (found.open, sum(found.decided.values())) == ({}, 1)
    assert (await owed(auditor), await auditor.house("disputes")) == posted
    assert await auditor.house(WRITE_OFFS) == 0


@pytest.mark.parametrize("kind", [WRITE_OFF, ACCEPT])
async def test_a_payment_that_only_the_bill_has_is_asked_about_again_when_its_amount_changes(auditor, approvals, kind):
    stranger = Paid(amount=90)
    for amount in (90, 40, 50):
        await auditor.bill(stranger.line(amount=amount))
        await auditor.compared()
        [item] = await items(auditor)
        assert (item.kind, item.evidence["theirs"]) == ("bill_line_unknown", f"0.{amount} CNY")
        await ask(approvals, item, kind)
        assert await items(auditor) == []
    assert await auditor.house(WRITE_OFFS) == (50 if kind == WRITE_OFF else 0)


async def test_a_payment_that_went_to_the_next_days_bill_is_on_the_list_again(auditor):
    stranger = Paid(amount=90)
    for day in (DAY, DAY + timedelta(days=1)):
        await auditor.bill(stranger.line(), day=day)
        await auditor.compared(day)
        [item] = await items(auditor)
        assert (item.kind, item.evidence["day"]) == ("bill_line_unknown", day.isoformat())
        await auditor.bill(day=day)
        await auditor.compared(day)
        assert await items(auditor) == []


async def test_what_was_paid_and_what_was_taken_back_are_two_things_to_decide(auditor, approvals):
    stranger = Paid(amount=90)
    await auditor.bill(stranger.line(), stranger.line(amount=-40))
    await auditor.compared()
    for item in await items(auditor):
        await ask(approvals, item)
    assert await items(auditor) == []
    assert (await owed(auditor), await auditor.house(WRITE_OFFS)) == (50, 50)


async def test_nobody_writes_off_with_a_stroke_of_closing(auditor, approvals):
    await auditor.books(Paid())
    await auditor.bill()
    await auditor.compared()
    [item] = await items(auditor)
    with pytest.raises(Forbidden, match="needs_two_people"):
        await approvals.close(ONE, item.id, permission="work.decide", note="Gone")
