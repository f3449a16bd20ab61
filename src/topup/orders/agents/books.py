"""What there is to see of agents: how they stand, what they sold, their statements."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from topup.kernel.errors import Invalid
from topup.kernel.ids import AgentId, is_id
from topup.kernel.money import Money
from topup.orders import queries
from topup.orders.agents import statements
from topup.orders.agents.statements import Line, Statement, Totals
from topup.orders.queries import Order
from topup.payments.floats import records
from topup.payments.floats.balances import float_of, floats_of
from topup.payments.floats.records import Sale
from topup.people.agents.queries import Agent, agent, agents
from topup.platform.database import Database

PAGE: Final = 50
_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """An agent, and what there is in the float."""

    agent: Agent
    left: Money
    sold_today: Money
    sold_this_month: Money


@dataclass(frozen=True, slots=True)
class SaleView:
    """A sale, and where its order stands."""

    sale: Sale
    order: Order

    @property
    def cursor(self) -> str:
        """After which the page that follows begins."""
        return f"{int(self.sale.paid_at.timestamp() * 1_000_000)}.{self.sale.payment_id}"


class AgentBooks:
    """The agents of this installation, to be read."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def standing(self, *, agent_id: str) -> Standing:
        """How an agent stands now; raises NotFound `agent_unknown`."""
        async with self._database.read() as transaction:
            one = await agent(transaction.connection, agent_id)
            there = await float_of(transaction.connection, one.id, one.currency)
            return _standing(one, there.minor, transaction.now)

    async def all(self) -> list[Standing]:
        """All agents and their floats, by name."""
        async with self._database.read() as transaction:
            found = await agents(transaction.connection)
            floats = await floats_of(transaction.connection, [(one.id, one.currency) for one in found])
            return [_standing(one, floats[one.id].minor, transaction.now) for one in found]

    async def sales(self, *, agent_id: AgentId, cursor: str = "", limit: int = PAGE) -> list[SaleView]:
        """A page of what an agent sold, newest first; `cursor` is that of the last one of the page before. Raises
        Invalid `agent_page_unknown`.
        """
        before = _read_cursor(cursor) if cursor else (_LAST, "")
        async with self._database.read() as transaction:
            connection = transaction.connection
            found = await records.sales_of(connection, agent_id=agent_id, before=before, limit=limit)
            orders = await queries.orders(connection, [(sale.lane, str(sale.order_id)) for sale in found])
        return [SaleView(sale, orders[sale.order_id]) for sale in found]

    async def statement(self, *, agent_id: str, month: date | None = None) -> Statement:
        """The statement of a month (its first day; None: the present one). Raises NotFound `agent_unknown`."""
        async with self._database.read() as transaction:
            one = await agent(transaction.connection, agent_id)
            first = month or one.today(transaction.now)
            return await statements.of_month(transaction.connection, one, first.replace(day=1), transaction.now)

    async def lines(self, *, agent_id: str, month: date | None = None) -> Sequence[Line]:
        """Every movement of a month, oldest first. Raises NotFound `agent_unknown`, Invalid `history_too_long`."""
        async with self._database.read() as transaction:
            one = await agent(transaction.connection, agent_id)
            first = month or one.today(transaction.now)
            return await statements.lines_of(transaction.connection, one, first.replace(day=1))

    async def days(self, *, agent_id: str, days: int = 30) -> list[tuple[date, Totals]]:
        """What was sold on each of the agent's last days, oldest first; days without sales are there with nothing."""
        async with self._database.read() as transaction:
            one = await agent(transaction.connection, agent_id)
            return await statements.by_day(transaction.connection, one, transaction.now, days=days)


def _standing(one: Agent, minor: int, now: datetime) -> Standing:
    left = Money(minor, one.currency)
    return Standing(
        one,
        left,
        replace(left, amount_minor=one.sold_today(now)),
        replace(left, amount_minor=one.sold_this_month(now)),
    )


def _read_cursor(text: str) -> tuple[datetime, str]:
    micros, _, identifier = text.partition(".")
    if not (micros.isascii() and micros.isdigit() and len(micros) <= 17 and is_id("payment", identifier)):  # noqa: PLR2004 - microseconds until the year 5138
        raise Invalid("agent_page_unknown")
    whole, part = divmod(int(micros), 1_000_000)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=part), identifier
