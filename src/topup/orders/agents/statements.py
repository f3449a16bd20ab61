"""An agent's statement: what the float was, what came and went, what it is. Of the ledger alone, so that it ties to it.

A month is one of the agent's own zone. Opening, and everything that moved, is closing, to the minor unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.kernel.money import Money
from topup.ledger import periods
from topup.payments.floats.postings import EARNED, EARNED_BACK, FILLED, GIVEN_BACK, SOLD, holder
from topup.people.agents.queries import Agent
from topup.platform.database import Connection

PURPOSES: Final = (FILLED, SOLD, EARNED, GIVEN_BACK, EARNED_BACK)
"""What moves a float, in the order of a statement."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How often something moved the float, and by how much in all: below zero where it took."""

    count: int = 0
    minor: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of one month. `totals` are by purpose; `closing` is opening and all of them. `since` and `until` are
    its ends; `complete` where the month is over.
    """

    agent: Agent
    month: date
    since: datetime
    until: datetime
    complete: bool
    opening: Money
    totals: Mapping[str, Totals]
    closing: Money


@dataclass(frozen=True, slots=True)
class Line:
    """One movement: minor units that came (or went, below zero), and what there was `after` it. `reference` is the
    sale's payment, or the filling.
    """

    at: datetime
    purpose: str
    reference: str
    minor: int
    after_minor: int


async def of_month(connection: Connection, agent: Agent, month: date, now: datetime) -> Statement:
    """The statement of the month that begins with that day."""
    since, until = _ends(agent, month)
    moved = await periods.moved_between(
        connection, lane=agent.lane, line_id=holder(agent.id), asset=agent.currency, since=since, until=until
    )
    totals = {purpose: Totals(*moved.within.get(purpose, (0, 0))) for purpose in PURPOSES}
    totals |= {purpose: Totals(*found) for purpose, found in moved.within.items() if purpose not in totals}
    opening = Money(moved.before, agent.currency)
    closing = Money(moved.before + sum(one.minor for one in totals.values()), agent.currency)
    return Statement(agent, month, since, until, until <= now, opening, totals, closing)


async def lines_of(connection: Connection, agent: Agent, month: date) -> list[Line]:
    """Every movement of the month, oldest first. Raises Invalid `history_too_long`."""
    since, until = _ends(agent, month)
    found = await periods.entries_between(
        connection, lane=agent.lane, line_id=holder(agent.id), asset=agent.currency, since=since, until=until
    )
    return [Line(one.at, one.purpose, one.reference, one.amount, one.after) for one in found]


async def by_day(connection: Connection, agent: Agent, now: datetime, *, days: int) -> list[tuple[date, Totals]]:
    """What was sold on each of the last days."""
    zone = ZoneInfo(agent.zone)
    today = agent.today(now)
    first = today - timedelta(days=days - 1)
    since = datetime.combine(first, time(), zone)
    found = await periods.by_day(
        connection,
        lane=agent.lane,
        line_id=holder(agent.id),
        asset=agent.currency,
        purpose=SOLD,
        since=since,
        zone=agent.zone,
    )
    wanted = [first + timedelta(days=n) for n in range(days)]
    return [(day, Totals(*found.get(day, (0, 0)))) for day in wanted]


def _ends(agent: Agent, month: date) -> tuple[datetime, datetime]:
    zone = ZoneInfo(agent.zone)
    following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    return datetime.combine(month, time(), zone), datetime.combine(following, time(), zone)
