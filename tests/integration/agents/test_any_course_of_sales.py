"""Whatever agents do, in whatever order: a float is what was paid in, less what was sold, with the commission and what
went back; and the ledger agrees, and the statement with it.
"""

import random

import pytest

from tests.support.desk import FOREIGN_NUMBER
from topup.kernel.errors import Conflict
from topup.kernel.outcome import Reason, Refused
from topup.people.agents import operations as agents

STEPS = 25
PLANS = (
    '[[rule]]\npercent = "3.33"\n',
    '[[rule]]\npercent = "1"\n[[rule.tier]]\nfrom_minor = 3000\npercent = "7"\n',
    "[[rule]]\nfixed_minor = 13\n",
)


class Model:
    """An agent, and what the float must be."""

    def __init__(self, street, agent, chance: random.Random) -> None:
        self.street, self.agent, self.chance = street, agent, chance
        self.left = self.paid_in = self.sold = self.earned = 0
        self.refused = 0
        self.sales = []

    async def pays_in(self) -> None:
        minor = self.chance.randrange(1, 5000)
        await self.street.fill(self.agent.id, minor)
        self.paid_in += minor
        self.left += minor

    async def sells(self) -> None:
        minor = self.chance.choice((500, 1000, 2000))
        fails = self.chance.random() < 0.4
        self.street.carrier.answers = [Refused(Reason.USER, "suspended")] if fails else []
        try:
            sold = await self.street.sells(self.agent.id, FOREIGN_NUMBER, minor, currency="SGD")
        except Conflict as refusal:
            self.refused += refusal.code == "float_too_low"
            return
        assert sold.left.amount_minor == self.left - sold.price.amount_minor + sold.commission.amount_minor
        await self.street.run()
        assert (await self.street.order_of(sold)).status == ("refunded" if fails else "delivered")
        if not fails:
            self.sold += sold.price.amount_minor
            self.earned += sold.commission.amount_minor
            self.sales.append([sold, sold.price.amount_minor])
        self.left = self.paid_in - self.sold + self.earned

    async def is_given_back(self) -> None:
        if not self.sales:
            return
        entry = self.chance.choice(self.sales)
        minor = self.chance.randrange(1, entry[1] + 1)
        before = await self.street.left(self.agent.id)
        await self.street.gives_back(entry[0], minor, currency="SGD")
        after = await self.street.left(self.agent.id)
        entry[1] -= minor
        assert 0 <= before + minor - after <= entry[0].commission.amount_minor
        self.sold -= minor
        self.earned -= before + minor - after
        if not entry[1]:
            self.sales.remove(entry)
        self.left = self.paid_in - self.sold + self.earned

    async def is_suspended_for_a_while(self) -> None:
        await self.street.change(agents.suspend, self.agent.id, reason="x")
        assert (await self.street.refused(self.agent.id, FOREIGN_NUMBER, 500, currency="SGD")).code == "agent_suspended"
        await self.street.change(agents.resume, self.agent.id)

    async def agrees(self) -> None:
        assert await self.street.left(self.agent.id) == self.left >= 0
        found = await self.street.desk.agents.statement(agent_id=self.agent.id)
        moved = {purpose: one.minor for purpose, one in found.totals.items()}
        assert found.closing.amount_minor == sum(moved.values()) == self.left
        assert moved["float_top_up"] == self.paid_in
        assert moved["agent_sale"] + moved["agent_refund"] == -self.sold
        assert moved["commission"] + moved["commission_back"] == self.earned


@pytest.mark.parametrize("seed", range(3))
async def test_any_course_of_sales_ends_in_the_float_that_it_must(street, figures, seed):
    chance = random.Random(seed)
    await street.publish_plan(f'name = "p"\ncurrency = "SGD"\n{PLANS[seed]}')
    agent = await street.agent(currency="SGD", plan="p")
    model = Model(street, agent, chance)
    doings = [model.pays_in, model.sells, model.sells, model.sells, model.is_given_back, model.is_suspended_for_a_while]
    for _ in range(STEPS):
        await chance.choice(doings)()
        await model.agrees()
    # The last ones go back whole: so does their commission.
    for sold, left in model.sales:
        await street.gives_back(sold, left, currency="SGD")
    assert await street.left(agent.id) == model.paid_in
    await street.sound()
    assert model.refused
    figures(f"G4 agents' floats, seed {seed}:", steps=STEPS, refused=model.refused, imbalance=0)
