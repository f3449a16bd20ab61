"""Statements on the tables of agents and their floats name their lane, or carry it for each of their items."""

from tests.support.desk import FOREIGN_NUMBER
from tests.support.statements import hot_tables
from topup.kernel.outcome import Reason, Refused
from topup.people.agents import operations as agents
from topup.people.agents.operations import Terms
from topup.people.agents.queries import agent_called

OVER_ALL_LANES = {
    # The same money comes to one float, whichever agent's it is.
    "payments.float_top_ups by float_top_ups_once",
    # What an agent sold lies in its orders' lanes.
    "payments.float_payments by float_payments_of_agent",
    # The bill of a day is of all payments of a method.
    "payments.float_payments by float_payments_paid",
    "payments.float_refunds by float_refunds_at",
}


async def test_whatever_agents_do_names_its_lane_or_carries_it_per_item(street, database, recorded):
    hot = {table for table in await hot_tables(database) if table.startswith("payments.float_")}
    await street.publish_plan('name = "x"\ncurrency = "SGD"\n[[rule]]\npercent = "2"\n')
    agent = await street.agent("One", currency="SGD", float_minor=9000, plan="x", alarm_minor=8000, contact="a@b.de")
    await street.agent("Two")
    street.carrier.answers = [Refused(Reason.USER, "suspended")]
    for _ in range(2):
        await street.sells(agent.id, FOREIGN_NUMBER, 1000, currency="SGD", key="k")
        await street.sells(agent.id, FOREIGN_NUMBER, 1000, currency="SGD")
        await street.run()
    await street.fill(agent.id, 5000)
    await street.change(agents.change_terms, agent.id, Terms())
    await street.change(agents.suspend, agent.id, reason="x")
    await street.change(agents.resume, agent.id)
    desk = street.desk.agents
    assert (await desk.sales(agent_id=agent.id))[0].cursor
    assert await desk.statement(agent_id=agent.id)
    assert await desk.lines(agent_id=agent.id)
    assert await desk.days(agent_id=agent.id)
    assert len(await desk.all()) == 2
    assert await street.method.bill((await street.now()).date()) is not None
    async with database.read() as transaction:
        assert (await agent_called(transaction.connection, "one")).id == agent.id
    found = recorded.over_all_lanes(hot | {"ledger.transfers", "ledger.buckets", "ledger.holds"})
    print(f"{len(recorded.statements)} statements of agents; over all lanes: {', '.join(sorted(found))}")
    assert {way: statements for way, statements in found.items() if way not in OVER_ALL_LANES} == {}
    assert found.keys() == OVER_ALL_LANES, "what is listed and not executed says nothing"
    assert hot - recorded.touched() == set(), "this run never came to these"
