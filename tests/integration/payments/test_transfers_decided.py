"""What people decide about bank transfers that no import could match: whose they are, and what goes back."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from topup.kernel.errors import Conflict, NotFound
from topup.orders.deciding_transfers import MATCH, SEND_TO_SENDER, SENT, DecidingTransfers
from topup.orders.evidence import Evidence
from topup.people.permissions import Role, allowed
from topup.work import queries, trail
from topup.work.approvals import Approvals, Wish
from topup.work.limits import Limits
from topup.work.states import ApprovalState

ALONE = {"transfer.finance": (Decimal(60), Decimal(1000))}


@dataclass(frozen=True)
class Person:
    id: str
    role: Role

    def may(self, permission: str) -> bool:
        return allowed(self.role, permission)


ONE, OTHER = Person("stf_one", Role.FINANCE), Person("stf_other", Role.FINANCE)


@pytest.fixture
def approvals(bank):
    kinds = DecidingTransfers(bank.desk.transfers).kinds()
    return Approvals(database=bank.database, kinds=kinds, limits=Limits(ALONE))


async def the_item(bank):
    async with bank.database.read() as transaction:
        [found] = await queries.open_items(transaction.connection)
    return found


async def ask(approvals, item, kind, **facts):
    return await approvals.request(ONE, Wish(kind, item.subject, facts, "Looked at the statement", item.id))


@pytest.mark.parametrize("by", ["order", "payment", "reference"])
async def test_a_transfer_finds_its_order_by_whatever_the_payer_can_tell(bank, approvals, by):
    order, payment = await bank.begun()
    await bank.imports(bank.moved(payment, text="for my brother"))
    item = await the_item(bank)
    said = {"order": order.id, "payment": payment.id, "reference": payment.action.parameters["reference"].lower()}
    done = await ask(approvals, item, MATCH, payment=said[by])
    assert done.state is ApprovalState.ALONE
    assert (await bank.order(order)).status == "delivered"
    async with bank.database.read() as transaction:
        decided = await queries.item(transaction.connection, item.lane, item.id)
    assert (decided.decided_by, decided.decision) == (ONE.id, MATCH)


async def test_above_the_limit_two_match_and_until_then_nothing_is_paid(bank, approvals):
    order, payment = await bank.begun(amount=10_000)
    await bank.imports(bank.moved(payment, text="for my brother"))
    asked = await ask(approvals, await the_item(bank), MATCH, payment=payment.id)
    assert (asked.state, (await bank.order(order)).status) == (ApprovalState.REQUESTED, "awaiting_payment")
    await approvals.approve(OTHER, asked.id, note="")
    assert (await bank.order(order)).status == "delivered"


async def test_what_is_nobodys_goes_back_to_its_sender(bank, approvals):
    _, payment = await bank.begun()
    await bank.imports(bank.moved(payment, text="rent for November"))
    item = await the_item(bank)
    assert (await ask(approvals, item, SEND_TO_SENDER)).state is ApprovalState.ALONE
    with pytest.raises(Conflict, match="entry_decided"):
        await ask(approvals, item, MATCH, payment=payment.id)
    to_send = await the_item(bank)
    assert (to_send.kind, to_send.subject) == ("transfer_send_back", item.subject)
    await ask(approvals, to_send, SENT, reference="BANK-7")
    async with bank.database.read() as transaction:
        assert await queries.open_items(transaction.connection) == []


async def test_that_a_refund_was_sent_is_heard_by_its_order(bank, approvals):
    order, payment = await bank.begun()
    await bank.imports(bank.moved(payment, amount="40.00"))
    await ask(approvals, await the_item(bank), MATCH, payment=order.id)
    await bank.desk.outside.refund(patience_s=1)
    item = await the_item(bank)
    assert item.kind == "transfer_send_back"
    await ask(approvals, item, SENT, reference="BANK-8")
    assert await bank.rows("SELECT state FROM payments.refunds") == [("refunded",)]


async def test_what_is_meant_by_nothing_is_refused(bank, approvals):
    _, payment = await bank.begun()
    await bank.imports(bank.moved(payment, text="for my brother"))
    item = await the_item(bank)
    for text in ("", "x", "ord_01m7yvpaw208wggeccwn03fkz7", "pay_01m7yvpaw208wggeccwn03fkz7"):
        with pytest.raises(NotFound, match="payment_unknown"):
            await ask(approvals, item, MATCH, payment=text)


async def test_who_sent_it_is_shown_to_who_may_and_each_look_stays(bank, data_dir):
    _, payment = await bank.begun()
    await bank.imports(bank.moved(payment, text="for my brother", payer="Erika Beispiel"))
    item = await the_item(bank)
    evidence = Evidence(database=bank.database, keys=bank.keys)
    [sheet] = await evidence.of(ONE, item.id)
    assert "Erika Beispiel" in sheet.text
    assert "for my brother" in sheet.text
    async with bank.database.read() as transaction:
        [entry] = await trail.entries(transaction.connection)
    assert (entry.actor, entry.action, entry.subject, entry.facts["sheets"]) == (ONE.id, "evidence.seen", item.id, 1)
    assert "Erika" not in str(entry.facts)


async def test_what_is_to_be_sent_back_is_recorded_in_one_place(bank, approvals):
    """After ten days another is asked about it; that it was sent is noted on its own item, or it might go twice."""
    order, payment = await bank.begun()
    await bank.imports(bank.moved(payment, amount="40.00"))
    await ask(approvals, await the_item(bank), MATCH, payment=order.id)
    await bank.desk.outside.refund(patience_s=1)
    to_send = await the_item(bank)
    await bank.later(days=11)
    await bank.run()
    assert "refund_unresolved" in await bank.listed()
    [_, _, _, _, done] = bank.desk.deciding.kinds()
    async with bank.database.read() as transaction:
        wish = Wish("refund_done", to_send.subject, {"reference": "BANK-9"}, "Sent by bank")
        with pytest.raises(Conflict, match="refund_handed_over_elsewhere"):
            await done.prepare(transaction.connection, wish, transaction.now)
    await ask(approvals, to_send, SENT, reference="BANK-9")
    assert await bank.rows("SELECT state FROM payments.refunds") == [("refunded",)]
    async with bank.database.read() as transaction:
        assert await queries.open_items(transaction.connection) == []
