"""An agent while the sales of a flush are gone through: the float, the limits, what is earned; the alarm after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from topup.kernel.errors import Conflict, Forbidden, NotFound, Problem
from topup.kernel.ids import AccountId, AgentId
from topup.kernel.money import Money
from topup.notifications.operations import News, enqueue
from topup.orders.quotes import StoredQuote
from topup.payments.floats.balances import Float, floats_of
from topup.payments.floats.filling import FLOAT_LOW
from topup.payments.floats.plans import Published, newest_plans
from topup.people.agents.operations import Counted
from topup.people.agents.queries import Agent, locked, sealed_contact
from topup.people.agents.states import AgentStatus
from topup.platform.database import Connection
from topup.platform.together import together
from topup.work.operations import Decision, list_anew


@dataclass(slots=True)
class Till:
    """An agent while the sales of a flush are gone through, one after another."""

    agent: Agent
    left_minor: int
    bucket_id: AccountId | None
    plan: Published | None
    sold_minor: int
    month_minor: int
    sales: int = 0

    def refusal(self, quote: StoredQuote, price: Money) -> Problem | None:
        """Why the agent may not sell this."""
        agent = self.agent
        if price.currency != agent.currency:
            return Conflict("agent_currency", currency=quote.currency)
        limit = agent.daily_limit_minor
        if limit is not None and self.sold_minor + price.amount_minor > limit:
            left = Money(max(limit - self.sold_minor, 0), agent.currency)
            return Conflict("agent_daily_limit", left=left.to_major(), currency=agent.currency)
        if price.amount_minor > self.left_minor:
            left = Money(self.left_minor, agent.currency)
            return Conflict("float_too_low", left=left.to_major(), needed=price.to_major(), currency=agent.currency)
        return None

    def sell(self, quote: StoredQuote, price: Money) -> int:
        """Take the price, and give the commission, which is the answer."""
        earned = 0
        if self.plan is not None:
            earned = self.plan.plan.commission(
                price=price, carrier_id=quote.carrier_id, product=quote.product, month_minor=self.month_minor
            )
        self.left_minor += earned - price.amount_minor
        self.sold_minor += price.amount_minor
        self.month_minor += price.amount_minor
        self.sales += 1
        return earned


async def tills_of(connection: Connection, agent_ids: Sequence[AgentId], now: datetime) -> dict[AgentId, Till]:
    """The agents, locked, with what their floats have and what they earn."""
    found = await locked(connection, agent_ids)
    floats, plans = await together(
        floats_of(connection, [(one.id, one.currency) for one in found.values()]),
        newest_plans(connection, sorted({one.plan for one in found.values() if one.plan})),
    )
    return {one.id: _till(one, floats[one.id], plans.get(one.plan), now) for one in found.values()}


def not_by(till: Till | None) -> Problem | None:
    """Why this agent sells nothing."""
    if till is None:
        return NotFound("agent_unknown")
    return None if till.agent.status is AgentStatus.ACTIVE else Forbidden("agent_suspended")


def _till(one: Agent, there: Float, plan: Published | None, now: datetime) -> Till:
    return Till(one, there.minor, there.bucket_id, plan, one.sold_today(now), one.sold_this_month(now))


def counted(till: Till, now: datetime) -> Counted:
    """What is noted of the agent after the flush."""
    one = till.agent
    today = one.today(now)
    return Counted(
        lane=one.lane,
        id=one.id,
        sold_on=today,
        sold_minor=till.sold_minor,
        sold_in=today.replace(day=1),
        month_minor=till.month_minor,
        alarmed=one.alarmed or is_low(till),
    )


def is_low(till: Till) -> bool:
    """Whether it came below the alarm with this flush."""
    alarm = till.agent.alarm_minor
    return alarm is not None and not till.agent.alarmed and till.left_minor < alarm


async def alarm(connection: Connection, low: Sequence[Till], now: datetime) -> None:
    """Tell whoever looks after agents, and the agent: once until the float is above the alarm again."""
    decisions, news = [], []
    for till in low:
        one = till.agent
        facts = {"amount_minor": till.left_minor, "currency": one.currency, "alarm_minor": one.alarm_minor}
        decisions.append(Decision(one.lane, FLOAT_LOW, one.id, facts))
        sealed = await sealed_contact(connection, one.id)
        if sealed is not None:
            left = Money(till.left_minor, one.currency)
            news.append(
                News(
                    lane=one.lane,
                    key=f"{one.id}:float_low:{now.isoformat()}",
                    sealed_address=sealed,
                    sealed_for=one.id,
                    locale=one.locale,
                    template="float_low",
                    parameters={"agent": one.name, "left": left, "alarm": Money(one.alarm_minor or 0, one.currency)},
                )
            )
    await list_anew(connection, decisions, now)
    await enqueue(connection, news, now)
