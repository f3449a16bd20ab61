"""An order paid by bank transfer: told an account and a reference, settled by the bank's statement, in any order."""

import asyncio
import io
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.banking import NUMBERS
from tests.support.desk import (
    FOREIGN_NUMBER,
)
from tests.support.statements_of_banks import ACCOUNT, camt
from topup.kernel.errors import Conflict, NotFound, Problem
from topup.kernel.exchange import ExchangeRate
from topup.kernel.ids import RefundId, new_id
from topup.orders import transfers as module
from topup.payments.transfers.entries import StatementUnreadable


class Died(BaseException):
    """A process ended here."""


async def test_an_order_is_paid_by_the_statement(bank):
    order, payment = await bank.begun()
    told = payment.action
    assert told.type == "transfer"
    assert told.parameters["account"] == ACCOUNT
    assert told.parameters["amount"] == order.total.to_major()
    imported = await bank.imports(bank.moved(payment, text=f"danke {told.parameters['reference'].lower()} !"))
    assert (imported.seen, imported.new, imported.verdicts) == (1, 1, {"matched": 1})
    assert (await bank.order(order)).status == "delivered"
    assert (await bank.house())["clearing:bank_transfer", "CNY"] == -order.total.amount_minor
    assert await bank.listed() == []


async def test_the_order_stays_payable_for_days_and_a_card_for_minutes(bank):
    order, payment = await bank.begun()
    await bank.later(days=6)
    await bank.run()
    assert (await bank.order(order)).status == "awaiting_payment"
    card = await bank.paying(order)
    assert bank.gateway.starts[card.id][0].expires_at - datetime.now(UTC) < timedelta(days=6, minutes=16)
    await bank.imports(bank.moved(payment))
    assert (await bank.order(order)).status == "delivered"


async def test_the_days_that_a_transfer_gives_an_order_give_it_no_rate(bank):
    """G18: what another currency costs holds for minutes, not for as long as the money may be under way."""
    bank.gateway.exchange_rates = [ExchangeRate("CNY", "USD", Decimal("7.2488"), "tests", datetime.now(UTC))]
    order, _ = await bank.begun()

    async def ways():
        [way] = [way for way in await bank.desk.methods(quote_id=order.quote_id) if way.method == "scripted"]
        return [pay.amount.currency for pay in way.pay]

    assert await ways() == ["CNY", "USD"]
    await bank.later(days=1)
    assert await ways() == ["CNY"]
    with pytest.raises(Problem, match="method_not_for_currency"):
        await bank.paying(order, currency="USD")
    assert (await bank.paying(order)).amount == order.total


@pytest.mark.parametrize("obstacle", [Conflict("quote_altered"), RuntimeError("a defect")], ids=["refused", "broken"])
async def test_one_entry_that_cannot_be_settled_stops_no_other_and_is_a_persons(bank, monkeypatch, obstacle):
    """G15: it is shown as often as it comes to that, and once what stood in the way is gone, a match settles it."""
    (first, one), (second, two) = await bank.begun(), await bank.begun(number="13800138009")
    ears = bank.desk.transfers._ears

    async def deaf(told):
        if told.fact.payment_id == one.id:
            raise obstacle
        return await ears.payment(told)

    monkeypatch.setattr(bank.desk.transfers, "_ears", replace(ears, payment=deaf))
    assert (await bank.imports(bank.moved(one), bank.moved(two))).verdicts == {"matched": 2}
    assert (await bank.order(second)).status == "delivered"
    for _ in range(2):
        assert await bank.rows("SELECT kind, state FROM work.items") == [("transfer_stuck", "open")]
        assert await bank.desk.transfers.sweep() == 0
        await bank.desk.transfers.match(entry_id=await bank.one_entry(), payment_id=one.id, by="cli")
    monkeypatch.setattr(bank.desk.transfers, "_ears", ears)
    await bank.desk.transfers.match(entry_id=await bank.one_entry(), payment_id=one.id, by="cli")
    assert (await bank.order(first)).status == "delivered"
    assert await bank.rows("SELECT state FROM work.items") == [("decided",)]


async def test_the_same_payment_again_has_the_same_reference(bank):
    order, payment = await bank.begun()
    again = await bank.desk.pay(payment_id=payment.id, order_id=order.id, method="bank_transfer", locale="en")
    assert again.action == payment.action


async def test_importing_again_changes_nothing(bank):
    _, payment = await bank.begun()
    statement = [bank.moved(payment), bank.moved(payment, text="no idea", amount="7.00"), bank.moved(payment, text="x")]
    first = await bank.imports(*statement)
    before = await bank.rows("SELECT * FROM payments.bank_entries ORDER BY id")
    transfers = await bank.rows("SELECT count(*) FROM ledger.transfers")
    results = await asyncio.gather(*(bank.imports(*statement) for _ in range(4)))
    assert first.new == 3
    assert [result.new for result in results] == [0] * 4
    assert await bank.rows("SELECT * FROM payments.bank_entries ORDER BY id") == before
    assert await bank.rows("SELECT count(*) FROM ledger.transfers") == transfers
    assert await bank.listed() == ["transfer_no_reference"] * 2


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"amount": "1.00"}, "transfer_partly_paid"),
        ({"amount": "999.00"}, "transfer_overpaid"),
        ({"currency": "EUR"}, "transfer_other_currency"),
        ({"text": "rent for May"}, "transfer_no_reference"),
        ({"returned": True}, "transfer_returned"),
    ],
)
async def test_what_is_not_certain_is_a_persons_to_decide(bank, change, kind):
    order, payment = await bank.begun()
    await bank.imports(bank.moved(payment, **change))
    assert (await bank.order(order)).status == "awaiting_payment"
    assert await bank.listed() == [kind]
    [(evidence,)] = await bank.rows("SELECT evidence FROM work.items")
    if change != {"returned": True} or evidence["candidates"]:
        assert evidence["candidates"] == [payment.id]
    assert "Erika" not in str(evidence)
    assert "DE02120300000000202051" not in str(evidence)


async def test_two_references_are_two_candidates(bank):
    _, one = await bank.begun()
    _, two = await bank.begun(number="13800138055")
    both = f"{one.action.parameters['reference']} {two.action.parameters['reference']}"
    await bank.imports(bank.moved(one, text=both))
    [(kind, evidence)] = await bank.rows("SELECT kind, evidence FROM work.items")
    assert kind == "transfer_ambiguous"
    assert evidence["candidates"] == [one.id, two.id]


async def test_money_that_left_is_nobodys_to_decide(bank):
    _, payment = await bank.begun()
    assert (await bank.imports(bank.moved(payment, incoming=False))).verdicts == {"outgoing": 1}
    assert await bank.listed() == []


async def test_a_persons_match_pays_the_order_and_leaves_the_list(bank):
    order, payment = await bank.begun()
    await bank.imports(bank.moved(payment, text="for my phone"))
    entry = await bank.one_entry()
    view = await bank.desk.transfers.entry(entry_id=entry)
    assert (view.sender.payer, view.sender.text) == ("Erika Beispiel", "for my phone")
    await bank.desk.transfers.match(entry_id=entry, payment_id=payment.id, by="cli")
    await bank.desk.transfers.match(entry_id=entry, payment_id=payment.id, by="cli")
    assert (await bank.order(order)).status == "delivered"
    assert await bank.rows("SELECT state FROM work.items") == [("decided",)]
    told = await bank.rows("SELECT actor, action, subject, facts FROM work.trail")
    facts = f'{{"after":{{"payment":"{payment.id}"}},"before":null,"payment":"{payment.id}"}}'
    assert told == [("cli", "transfer.matched", entry, facts)]


async def test_two_people_and_an_import_at_once_decide_once(bank):
    first, one = await bank.begun()
    second, two = await bank.begun(number="13800138055")
    statement = [bank.moved(one, text="for my phone")]
    await bank.imports(*statement)
    entry = await bank.one_entry()
    match = bank.desk.transfers.match
    answers = await asyncio.gather(
        match(entry_id=entry, payment_id=one.id, by="a"),
        match(entry_id=entry, payment_id=two.id, by="b"),
        bank.imports(*statement),
        match(entry_id=entry, payment_id=one.id, by="c"),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, Conflict)]
    assert {problem.code for problem in refused} == {"entry_decided"}
    statuses = Counter([(await bank.order(first)).status, (await bank.order(second)).status])
    assert statuses == {"delivered": 1, "awaiting_payment": 1}


async def test_a_match_of_nothing_known_is_refused(bank):
    order, payment = await bank.begun()
    card = await bank.paying(order)
    await bank.imports(bank.moved(payment, text="for my phone"), bank.moved(payment, incoming=False))
    [(entry,)] = await bank.rows("SELECT id FROM payments.bank_entries WHERE state = 'open'")
    [(left,)] = await bank.rows("SELECT id FROM payments.bank_entries WHERE state = 'aside'")
    match = bank.desk.transfers.match
    with pytest.raises(NotFound, match="entry_unknown"):
        await match(entry_id=new_id("entry", 3), payment_id=payment.id, by="cli")
    with pytest.raises(NotFound, match="payment_unknown"):
        await match(entry_id=entry, payment_id=new_id("payment", 3), by="cli")
    with pytest.raises(Conflict, match="payment_not_by_transfer"):
        await match(entry_id=entry, payment_id=card.id, by="cli")
    with pytest.raises(Conflict, match="entry_not_incoming"):
        await match(entry_id=left, payment_id=payment.id, by="cli")


async def test_money_that_comes_after_the_end_goes_back_by_a_persons_hand(bank):
    """G10: late money is taken in, and somebody is asked to send it back; what they note ends it."""
    order, payment = await bank.begun()
    await bank.later(days=9)
    await bank.run()
    assert (await bank.order(order)).status == "expired"
    await bank.imports(bank.moved(payment))
    await bank.run()
    assert await bank.listed() == ["transfer_send_back"]
    [refund] = await bank.refunds_sent()
    await bank.later(days=3)
    await bank.run()
    assert await bank.listed() == ["transfer_send_back"]
    await bank.desk.transfers.sent_back(refund_id=refund, bank_reference="OUT-1", by="cli")
    await bank.desk.transfers.sent_back(refund_id=refund, bank_reference="OUT-1", by="cli")
    with pytest.raises(Conflict, match="return_sent"):
        await bank.desk.transfers.sent_back(refund_id=refund, bank_reference="OUT-2", by="cli")
    view = await bank.order(order)
    assert [one.status for one in view.payments] == ["refunded"]
    assert await bank.rows("SELECT state FROM work.items") == [("decided",)]
    told = await bank.rows("SELECT actor, action, subject, facts FROM work.trail")
    facts = '{"after":{"state":"sent_back"},"before":{"state":"waiting"},"reference":"OUT-1"}'
    assert told == [("cli", "transfer.sent_back", refund, facts)], "once, whoever says it again"
    assert "clearing:bank_transfer" not in {code for code, _ in await bank.house()}


async def test_paid_in_time_and_imported_later_still_counts(bank):
    order, payment = await bank.begun()
    moved = bank.moved(payment)
    await bank.later(days=9)
    await bank.run()
    assert (await bank.order(order)).status == "expired"
    await bank.imports(moved)
    assert (await bank.order(order)).status == "delivered"


async def test_the_same_reference_paid_twice_goes_back_once(bank):
    order, payment = await bank.begun()
    await bank.imports(bank.moved(payment), bank.moved(payment))
    await bank.run()
    assert (await bank.order(order)).status == "delivered"
    assert await bank.listed() == ["transfer_send_back"]


async def test_the_same_reference_of_the_bank_with_other_words_is_told(bank):
    _, payment = await bank.begun()
    await bank.imports(bank.moved(payment, reference="SAME"))
    again = await bank.imports(bank.moved(payment, reference="SAME", amount="1.00"))
    assert (again.new, again.differ) == (0, 1)
    assert await bank.listed() == ["transfer_entry_differs"]


@pytest.mark.parametrize("label", ["transfers.import.before_commit", "transfers.import.after_commit",
                                   "transfers.told.before_commit", "transfers.told.after_commit"])  # fmt: skip
async def test_an_import_that_died_is_taken_to_its_end(bank, monkeypatch, label):
    """G11: by the sweep, or by importing again."""
    order, payment = await bank.begun()
    statement = bank.moved(payment)

    def die(here):
        if here == label:
            raise Died

    with monkeypatch.context() as patched:
        patched.setattr(module, "crash_point", die)
        with pytest.raises(Died):
            await bank.imports(statement)
    if label == "transfers.import.before_commit":
        assert await bank.rows("SELECT count(*) FROM payments.bank_entries") == [(0,)]
        await bank.imports(statement)
    await bank.desk.transfers.sweep()
    assert (await bank.order(order)).status == "delivered"
    assert await bank.rows("SELECT state, count(*) FROM payments.bank_entries GROUP BY 1") == [("settled", 1)]
    assert (await bank.house())["clearing:bank_transfer", "CNY"] == -order.total.amount_minor


async def test_what_stands_before_the_damage_is_taken_in(bank):
    order, payment = await bank.begun()
    whole = camt(bank.moved(payment), bank.moved(payment, text="cut"))
    with pytest.raises(StatementUnreadable):
        await bank.desk.transfers.import_statement(io.BytesIO(whole[:-90]), is_csv=False)
    assert (await bank.order(order)).status == "delivered"


async def test_another_account_is_refused(bank):
    _, payment = await bank.begun()
    with pytest.raises(Conflict, match="statement_of_other_account"):
        await bank.imports(bank.moved(payment), account="DE02120300000000202051")


async def test_the_bill_of_a_day_is_what_the_statement_says(bank):
    _, payment = await bank.begun()
    day = datetime(2026, 11, 20, tzinfo=UTC).date()
    await bank.imports(
        bank.moved(payment, day="2026-11-20"),
        bank.moved(payment, text="rent", amount="3.00", day="2026-11-20"),
        bank.moved(payment, incoming=False, day="2026-11-20"),
        bank.moved(payment, text="next day", amount="4.00", day="2026-11-21"),
    )
    lines = await bank.desk._parts.gateways["bank_transfer"].bill(day)
    found = {(line.kind, line.our_id, line.amount.to_major()) for line in lines}
    assert found == {("payment", payment.id, payment.amount.to_major()), ("other", "", "3.00")}


async def test_only_the_currency_of_the_account_is_offered(bank):
    order = await bank.ordered(FOREIGN_NUMBER, 2_000, "SGD")
    offered = {view.method: view.unavailable for view in await bank.desk.methods(quote_id=order.quote_id)}
    assert offered["bank_transfer"] == "method_not_for_currency"


async def test_an_unknown_refund_cannot_be_sent_back(bank):
    with pytest.raises(NotFound, match="refund_unknown"):
        await bank.desk.transfers.sent_back(refund_id=RefundId(new_id("refund", 3)), bank_reference="X", by="cli")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.tuples(st.sampled_from(["right", "less", "more", "none", "twice"]), st.booleans()), max_size=6))
async def test_whatever_comes_is_paid_sent_back_or_shown_to_a_person(bank, figures, plan):
    """G10: of all that a statement says came, each amount is settled, goes back, or is on a person's list."""
    changes = {
        "right": {},
        "less": {"amount": "0.50"},
        "more": {"amount": "900.00"},
        "none": {"text": "?"},
        "twice": {},
    }
    before = (await bank.rows("SELECT count(*) FROM work.items"))[0][0]
    statement, orders, twice = [], [], 0
    for what, spaced in plan:
        order, payment = await bank.begun(number=f"138002{next(NUMBERS):05}")
        text = payment.action.parameters["reference"]
        change = {"text": text.replace(" ", "") if spaced else text} | changes[what]
        statement += [bank.moved(payment, **change) for _ in range(2 if what == "twice" else 1)]
        orders.append((what, order))
        twice += what == "twice"
    await bank.imports(*statement)
    await bank.run()
    for what, order in orders:
        expected = "delivered" if what in {"right", "twice"} else "awaiting_payment"
        assert (await bank.order(order)).status == expected
    listed = (await bank.rows("SELECT count(*) FROM work.items"))[0][0] - before
    assert listed == twice + sum(what in {"less", "more", "none"} for what, _ in orders)
    assert await bank.rows("SELECT count(*) FROM payments.bank_entries WHERE state = 'matched'") == [(0,)]
    figures("G10 bank transfers", stuck=0)
