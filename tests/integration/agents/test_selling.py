"""A sale from a float: one call orders, takes the price, earns and delivers; or does nothing of all that."""

import asyncio

import pytest

from tests.support.agents import Colleague
from tests.support.desk import FOREIGN_NUMBER
from topup.kernel.errors import Conflict, Invalid, Problem
from topup.kernel.outcome import Reason, Refused
from topup.orders.agents.selling import Sold
from topup.payments.floats.filling import asking_for
from topup.people.agents import operations as agents
from topup.people.agents.operations import Terms
from topup.platform.request_keys import Stored


async def test_one_call_orders_takes_the_price_earns_the_commission_and_delivers(street):
    await street.publish_plan()
    agent = await street.agent(float_minor=20_000, plan="street")
    sold = await street.sells(agent.id, minor=5000)
    assert (sold.status, sold.price.amount_minor, sold.commission.amount_minor) == ("delivered", 5000, 250)
    assert sold.left.amount_minor == await street.left(agent.id) == 20_000 - 5000 + 250
    assert sold.plan == "street@1"
    assert await street.main_balance() == 5000
    order = await street.desk.get_order(order_id=sold.order_id)
    assert [(payment.method, payment.status) for payment in order.payments] == [("agent_float", "paid")]
    assert [step.state for step in order.timeline] == ["quoted", "awaiting_payment", "paid", "delivering", "delivered"]
    receipt = await street.desk.receipt(order_id=sold.order_id)
    assert receipt.body.total_minor == 5000
    house = await street.house()
    assert house["agent_deposits", "CNY"] == -20_000
    assert house["commissions", "CNY"] == -250
    await street.sound()


async def test_fifty_at_once_with_a_float_for_ten_sell_exactly_ten(street, figures):
    agent = await street.agent(float_minor=50_000)
    tries = [street.sells(agent.id, f"138{n:08d}", 5000) for n in range(50)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    sold = [one for one in done if isinstance(one, Sold)]
    refused = [one.code for one in done if isinstance(one, Conflict)]
    assert (len(sold), refused) == (10, ["float_too_low"] * 40)
    assert await street.left(agent.id) == 0
    assert sorted(one.left.amount_minor for one in sold) == [n * 5000 for n in range(10)]
    assert await street.count("SELECT count(*) FROM ledger.buckets WHERE balance < 0 OR balance < held") == 0
    figures.never("G5 agents' floats, 50 sales at once with a float for 10:", sold=10, negatives=0, of=50)
    await street.sound()


async def test_two_processes_selling_from_one_float_at_once_never_sell_beyond_it(street, second_desk):
    agent = await street.agent(float_minor=50_000)
    other = second_desk(street)
    tries = [(street if n % 2 else other).sells(agent.id, f"138{n:08d}", 5000) for n in range(50)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Sold) for one in done) == 10
    assert {one.code for one in done if isinstance(one, Problem)} == {"float_too_low"}
    assert await street.left(agent.id) == 0
    await street.sound()


async def test_the_same_key_sells_once_and_is_answered_alike_and_another_body_is_refused(street, figures):
    agent = await street.agent(float_minor=100_000)
    tries = [street.sells(agent.id, key="one") for _ in range(30)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    answers = {
        one.order_id if isinstance(one, Sold) else one.body.decode().split()[0]
        for one in done
        if isinstance(one, Sold | Stored)
    }
    running = [one for one in done if isinstance(one, Problem)]
    assert len(answers) == 1
    assert {one.code for one in running} <= {"request_running"}
    again = await street.sells(agent.id, key="one")
    assert isinstance(again, Stored)
    assert again.body.decode() == f"{answers.pop()} 95000"
    assert (await street.refused(agent.id, minor=3000, key="one")).code == "key_reused"
    assert await street.left(agent.id) == 95_000
    assert await street.count("SELECT count(*) FROM payments.float_payments") == 1
    figures("G6 an agent's sales, one key:", requests=32, effects=1, answers=1)
    await street.sound()


async def test_what_was_refused_leaves_its_key_free(street):
    agent = await street.agent()
    assert (await street.refused(agent.id, key="one")).code == "float_too_low"
    await street.fill(agent.id, 5000)
    assert isinstance(await street.sells(agent.id, key="one"), Sold)


async def test_another_carrier_delivers_and_what_it_refuses_goes_back_with_the_commission(street):
    await street.publish_plan('name = "abroad"\ncurrency = "SGD"\n[[rule]]\nfixed_minor = 30\n')
    agent = await street.agent(currency="SGD", float_minor=5000, plan="abroad")
    street.carrier.answers = [Refused(Reason.USER, "suspended")]
    sold = await street.sells(agent.id, FOREIGN_NUMBER, 1000, currency="SGD")
    assert (sold.status, sold.left.amount_minor) == ("delivering", 5000 - 1000 + 30)
    await street.run()
    assert (await street.order_of(sold)).status == "refunded"
    assert await street.left(agent.id) == 5000
    delivered = await street.sells(agent.id, FOREIGN_NUMBER, 1000, currency="SGD")
    await street.run()
    assert (await street.order_of(delivered)).status == "delivered"
    assert await street.left(agent.id) == 4030
    await street.sound()


async def test_a_refund_of_a_part_takes_its_share_of_the_commission_and_of_the_rest_the_rest(street):
    await street.publish_plan('name = "odd"\ncurrency = "CNY"\n[[rule]]\nfixed_minor = 7\n')
    agent = await street.agent(float_minor=5000, plan="odd")
    sold = await street.sells(agent.id, minor=5000)
    for minor in (1000, 2500, 1500):
        await street.gives_back(sold, minor)
    assert await street.left(agent.id) == 5000
    assert ("commissions", "CNY") not in await street.house()
    await street.sound()


@pytest.mark.parametrize("again", ["TX 2026-0001", "tx20260001", " Tx-2026 0001 "])
async def test_the_same_bank_transfer_fills_one_float_of_one_agent(street, again):
    first, second = await street.agent(), await street.agent()
    await street.fill(first.id, 5000, reference="TX 2026-0001")
    for agent in (first, second):
        with pytest.raises(Conflict, match="float_reference_used"):
            await street.fill(agent.id, 5000, reference=again)
    assert (await street.left(first.id), await street.left(second.id)) == (5000, 0)


async def test_what_two_asked_for_with_the_same_transfer_is_filled_once(street):
    agents_ = [await street.agent() for _ in range(2)]
    wishes = [asking_for(one.id, amount="50", reference="TX 1", reason="Paid by bank") for one in agents_]
    asked = [await street.approvals.request(Colleague("stf_one"), wish) for wish in wishes]
    await street.approvals.approve(Colleague("stf_two"), asked[0].id, note="")
    with pytest.raises(Conflict, match="float_reference_used"):
        await street.approvals.approve(Colleague("stf_two"), asked[1].id, note="")
    assert [await street.left(one.id) for one in agents_] == [5000, 0]


async def test_a_suspended_agent_sells_nothing_until_let_in_again(street):
    agent = await street.agent(float_minor=10_000)
    await street.change(agents.suspend, agent.id, reason="Unpaid bill")
    assert (await street.refused(agent.id)).code == "agent_suspended"
    await street.change(agents.resume, agent.id)
    assert (await street.sells(agent.id)).status == "delivered"


async def test_a_daily_limit_counts_by_the_agents_own_day(street):
    agent = await street.agent(float_minor=50_000, daily_limit_minor=12_000)
    await street.sells(agent.id, minor=10_000)
    refusal = await street.refused(agent.id, minor=5000)
    assert (refusal.code, refusal.parameters["left"]) == ("agent_daily_limit", "20.00")
    await street.sells(agent.id, minor=2000)
    await street.later(days=1)
    await street.sells(agent.id, minor=12_000)


async def test_a_low_float_is_told_once_to_the_agent_and_to_whoever_looks_after_agents(street):
    agent = await street.agent(float_minor=20_000, alarm_minor=12_000, contact="shop@example.com")
    await street.sells(agent.id, minor=5000)
    assert await street.listed() == []
    for _ in range(2):
        await street.sells(agent.id, minor=5000)
    assert await street.listed() == ["agent_float_low"]
    assert await street.count("SELECT count(*) FROM notifications.messages WHERE template = 'float_low'") == 1
    await street.fill(agent.id, 20_000)
    assert await street.count("SELECT count(*) FROM work.items WHERE state = 'open'") == 0
    await street.sells(agent.id, minor=15_000)
    assert await street.count("SELECT count(*) FROM work.items WHERE state = 'open'") == 1
    assert await street.count("SELECT count(*) FROM notifications.messages WHERE template = 'float_low'") == 2


async def test_a_float_of_another_currency_sells_nothing(street):
    agent = await street.agent(float_minor=10_000)
    refusal = await street.refused(agent.id, FOREIGN_NUMBER, 1000, currency="SGD")
    assert (refusal.code, refusal.parameters) == ("agent_currency", {"currency": "SGD"})


async def test_a_duplicate_is_asked_about_though_it_comes_in_the_same_breath(street):
    agent = await street.agent(float_minor=50_000)
    tries = [street.sells(agent.id, confirmations=frozenset()) for _ in range(5)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Sold) for one in done) == 1
    assert [one.code for one in done if isinstance(one, Problem)] == ["confirmation_needed"] * 4


async def test_nobody_else_can_pay_from_a_float_nor_is_offered_it(street):
    agent = await street.agent(float_minor=50_000)
    order = await street.ordered()
    methods = await street.desk.methods(quote_id=order.quote_id, payer_known=True)
    assert [one.method for one in methods] == ["scripted"]
    with pytest.raises(Invalid, match="method_not_for_guests"):
        await street.paying_by_float(order, agent.id)
    assert await street.left(agent.id) == 50_000


async def test_a_plan_of_tiers_pays_by_what_was_sold_in_the_month(street):
    await street.publish_plan(
        'name = "tiers"\ncurrency = "CNY"\n[[rule]]\npercent = "1"\n[[rule.tier]]\nfrom_minor = 10000\npercent = "3"\n'
    )
    agent = await street.agent(float_minor=50_000, plan="tiers")
    earned = [(await street.sells(agent.id, minor=5000)).commission.amount_minor for _ in range(3)]
    assert earned == [50, 50, 150]
    await street.later(days=32)
    assert (await street.sells(agent.id, minor=5000)).commission.amount_minor == 50


async def test_terms_and_their_changes_are_in_the_trail(street):
    agent = await street.agent(float_minor=1000)
    await street.change(agents.change_terms, agent.id, Terms(daily_limit_minor=5))
    await street.change(agents.suspend, agent.id, reason="Because")
    async with street.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT action FROM work.trail ORDER BY sequence")
        actions = [action for (action,) in await cursor.fetchall()]
    assert actions == ["agent.added", "approval.requested", "approval.approved", "agent.terms", "agent.suspended"]


async def test_what_was_sold_and_given_back_is_reconciled_as_of_any_gateway(street):
    agent = await street.agent(float_minor=20_000)
    sold = await street.sells(agent.id)
    await street.sells(agent.id, "13800138001")
    await street.gives_back(sold, 2000)
    for _ in range(2):
        await street.later(days=1)
        await street.desk.bills.read()
    while await street.reconciliation.compare_due():
        pass
    assert await street.count("SELECT sum(lines) FROM reconciliation.bills WHERE method = 'agent_float'") == 3
    assert await street.count("SELECT count(*) FROM reconciliation.differences") == 0
