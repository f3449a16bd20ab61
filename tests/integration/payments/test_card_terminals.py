"""A card terminal's slips and totals: a slip counts once however it is typed, and a total vouches where it agrees."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from topup.kernel.errors import Forbidden, Problem
from topup.kernel.ids import lane_of, new_id
from topup.kernel.money import Money
from topup.payments.ports import RefundRequest
from topup.payments.terminal import charges
from topup.payments.terminal.charges import DIFFERENCE, Slip
from topup.people.permissions import Role, allowed
from topup.reconciliation.writing_off import ACCEPT_TERMINAL, kinds
from topup.work.approvals import Approvals, Wish
from topup.work.queries import open_items

AT = "pos-7"


@dataclass(frozen=True)
class Person:
    id: str
    role: Role

    def may(self, permission: str) -> bool:
        return allowed(self.role, permission)


@dataclass
class Counter:
    """A clerk at a terminal, asked through the port alone: no order hears of it."""

    shop: object

    @property
    def method(self):
        return self.shop.method("card_terminal")

    async def begins(self, amount=5000, currency="CNY") -> str:
        request = await self.shop.request(self.shop.hands["card_terminal"], amount)
        await self.method.start(replace(request, amount=Money(amount, currency)))
        return request.payment_id

    async def enters(self, payment_id, reference, *, terminal=AT, by="clerk"):
        return await self.within(charges.enter, Slip(payment_id, terminal, reference, by))

    async def charged(self, reference, amount=5000, currency="CNY", **how) -> str:
        payment_id = await self.begins(amount, currency)
        await self.enters(payment_id, reference, **how)
        return payment_id

    async def owes(self, payment_id, amount=1000) -> str:
        refund_id = new_id("refund", lane_of(payment_id))
        await self.method.refund(RefundRequest(refund_id, payment_id, "", Money(amount, "CNY"), "test"))
        return refund_id

    async def gives_back(self, refund_id, reference, *, terminal=AT):
        """As the desk does, for a refund no order knows."""
        async with self.shop.database.transaction() as transaction:
            return await charges.give_back(
                transaction.connection,
                refund_id=refund_id,
                terminal=terminal,
                reference=reference,
                by="clerk",
                now=transaction.now,
            )

    async def within(self, do, *said):
        async with self.shop.database.transaction() as transaction:
            return await do(transaction.connection, *said, transaction.now)

    async def totals(self, amount, form, *, currency="CNY", terminal=AT) -> bool:
        return await self.shop.desk.terminals.close_batch(
            terminal=terminal, total=Money(amount, currency), form=form, by="counter"
        )

    async def billed(self) -> set[str]:
        return {line.our_id for line in await self.shop.bill_of("card_terminal")}

    async def differences(self):
        async with self.shop.database.read() as transaction:
            return [one for one in await open_items(transaction.connection) if one.kind == DIFFERENCE]


@pytest.fixture
def counter(own_shop) -> Counter:
    return Counter(own_shop)


@pytest.mark.parametrize(
    ("terminal", "reference"), [(AT, "ref-10 07"), (AT, "Ref1007"), (" POS-7 ", "REF1007"), (AT, "--REF 1007 ")]
)
async def test_a_slip_is_the_same_however_it_is_typed(counter, terminal, reference):
    paid = await counter.charged("REF1007")
    again = await counter.enters(paid, reference, terminal=terminal)
    assert (again.terminal, again.reference) == (AT, "REF1007"), "the same for the same payment"
    with pytest.raises(Problem, match="terminal_reference_used"):
        await counter.charged(reference, terminal=terminal)


async def test_a_slip_that_pays_and_gives_back_at_once_counts_once(counter):
    """Who comes second waits until the first entry is there to be seen."""
    refund, payment_id = await counter.owes(await counter.charged("REF1007")), await counter.begins()
    async with counter.shop.database.transaction() as transaction:
        await charges.enter(transaction.connection, Slip(payment_id, AT, "REF1008", "clerk"), transaction.now)
        second = asyncio.create_task(counter.gives_back(refund, "REF1008"))
        done, _ = await asyncio.wait({second}, timeout=0.3)
        assert not done
    with pytest.raises(Problem, match="terminal_reference_used"):
        await second


async def test_a_reference_is_another_slip_months_later_and_not_the_next_day(counter):
    await counter.charged("REF1007")
    await counter.shop.later(days=1)
    with pytest.raises(Problem, match="terminal_reference_used"):
        await counter.charged("REF1007")
    await counter.shop.later(days=90)
    await counter.charged("REF1007")


async def test_a_slip_gives_money_back_once_and_is_none_that_paid(counter):
    paid = await counter.charged("REF1007")
    first, second = [await counter.owes(paid) for _ in range(2)]
    with pytest.raises(Problem, match="terminal_reference_used"):
        await counter.gives_back(first, "ref 1007")
    for reference in ("BACK-1", "back1"):
        await counter.gives_back(first, reference)
    with pytest.raises(Problem, match="terminal_reference_used"):
        await counter.gives_back(second, "BACK1")
    with pytest.raises(Problem, match="terminal_reference_used"):
        await counter.charged("BACK1")
    await counter.gives_back(second, "BACK1", terminal="pos-8")


async def test_a_batch_vouches_for_its_slips_only_where_the_total_agrees(counter):
    paid = await counter.charged("REF1001")
    assert not await counter.totals(4000, "first")
    assert await counter.billed() == set()
    after = await counter.charged("REF1002")
    assert await counter.totals(5000, "second"), "what an earlier one counted is not counted again"
    assert await counter.billed() == {after}
    assert [item.evidence["difference_minor"] for item in await counter.differences()] == [-1000]
    assert paid not in await counter.billed()


async def test_two_people_let_slips_stand_whose_total_differs_and_neither_entered_any_of_it(counter):
    paid = await counter.charged("REF1001", by="stf_clerk")
    refund = await counter.owes(paid)
    await counter.gives_back(refund, "BACK1001")
    await counter.totals(3999, "evening")
    [item] = await counter.differences()
    approvals = Approvals(database=counter.shop.database, kinds=kinds())
    assert [kind.name for kind in approvals.for_item(item)] == [ACCEPT_TERMINAL]
    wish = Wish(ACCEPT_TERMINAL, item.subject, {}, "Typed wrongly", item.id)
    asked = await approvals.request(Person("counter", Role.CLERK), wish)
    assert asked.facts["amount_minor"] == -1
    for concerned in ("stf_clerk", "clerk"):
        with pytest.raises(Forbidden, match="approval_concerned"):
            await approvals.approve(Person(concerned, Role.FINANCE), asked.id, note="")
    assert await counter.billed() == set()
    await approvals.approve(Person("stf_other", Role.FINANCE), asked.id, note="")
    assert await counter.billed() == {paid, refund}
    assert await counter.differences() == []


async def test_the_same_form_with_another_total_is_refused(counter):
    await counter.charged("REF1001")
    assert not await counter.totals(4000, "evening")
    assert not await counter.totals(4000, "evening")
    for amount, currency in ((5000, "CNY"), (4000, "SGD")):
        with pytest.raises(Problem, match="form_reused"):
            await counter.totals(amount, "evening", currency=currency)
    assert len(await counter.differences()) == 1


async def test_a_batch_counts_what_was_charged_in_its_currency(counter):
    yuan, dollars = await counter.charged("REF1001"), await counter.charged("REF1002", 700, "SGD")
    assert await counter.totals(5000, "yuan")
    assert await counter.billed() == {yuan}
    assert await counter.totals(700, "dollars", currency="SGD")
    assert await counter.billed() == {yuan, dollars}
