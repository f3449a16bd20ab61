"""Reading agents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from psycopg.rows import args_row

from topup.kernel.errors import NotFound
from topup.kernel.ids import AgentId, InvalidId, check_id, lane_of
from topup.people.agents.states import AgentStatus
from topup.platform.arrays import selected
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

LONGEST_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as the row says. Amounts are minor units of `currency`.

    `plan` is that of commission, empty for none; `daily_limit_minor` and `alarm_minor` are None for no limit, and no
    alarm. What was sold counts by the agent's own days and months, `sold_on` and `sold_in` saying which; what was given
    back is not taken off.
    """

    lane: int
    id: AgentId
    name: str
    locale: str
    currency: str
    zone: str
    plan: str
    daily_limit_minor: int | None
    alarm_minor: int | None
    status: AgentStatus
    reason: str
    created_at: datetime
    status_since: datetime
    sold_on: date | None
    sold_minor: int
    sold_in: date | None
    month_minor: int
    alarmed: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", AgentStatus(self.status))

    def today(self, now: datetime) -> date:
        """The agent's own day."""
        return now.astimezone(ZoneInfo(self.zone)).date()

    def sold_today(self, now: datetime) -> int:
        """What was sold since the agent's midnight."""
        return self.sold_minor if self.sold_on == self.today(now) else 0

    def sold_this_month(self, now: datetime) -> int:
        """What was sold since the agent's month began."""
        return self.month_minor if self.sold_in == self.today(now).replace(day=1) else 0


COLUMNS: Final = selected(Agent, "a")
_ONE: Final = f"SELECT {COLUMNS} FROM people.agents AS a WHERE a.lane = %s AND a.id = %s"
_ALL: Final = f"SELECT {COLUMNS} FROM people.agents AS a ORDER BY lower(a.name) LIMIT %s"
_CALLED: Final = f"SELECT {COLUMNS} FROM people.agents AS a WHERE lower(a.name) = lower(%s)"
_LOCKED: Final = f"""
SELECT {COLUMNS} FROM people.agents AS a
WHERE (a.lane, a.id) IN (SELECT * FROM unnest(%b::smallint[], %b::text[])) ORDER BY a.lane, a.id FOR UPDATE
"""
_CONTACT: Final = "SELECT contact FROM people.agents WHERE lane = %s AND id = %s"


def agent_id_of(text: str) -> AgentId:
    """The text, if it is an agent's id; raises NotFound `agent_unknown`."""
    try:
        return AgentId(check_id("agent", text))
    except InvalidId:
        raise NotFound("agent_unknown") from None


async def agent(connection: Connection, agent_id: str, *, lock: bool = False) -> Agent:
    """The agent, with `lock` until the transaction ends; raises NotFound `agent_unknown`."""
    identifier = agent_id_of(agent_id)
    async with connection.cursor(row_factory=args_row(Agent)) as cursor:
        await cursor.execute(_ONE + (" FOR UPDATE" if lock else ""), (lane_of(identifier), identifier))
        found = await cursor.fetchone()
    if found is None:
        raise NotFound("agent_unknown")
    return found


async def agent_called(connection: Connection, text: str) -> Agent:
    """The agent of that id, or of that name whatever its case; raises NotFound `agent_unknown`."""
    async with connection.cursor(row_factory=args_row(Agent)) as cursor:
        await cursor.execute(_CALLED, [text.strip()])
        found = await cursor.fetchone()
    return found or await agent(connection, text.strip())


async def agents(connection: Connection) -> list[Agent]:
    """All agents by name, LONGEST_PAGE at the most."""
    async with connection.cursor(row_factory=args_row(Agent)) as cursor:
        await cursor.execute(_ALL, [LONGEST_PAGE])
        return await cursor.fetchall()


async def locked(connection: Connection, agent_ids: Sequence[AgentId]) -> dict[AgentId, Agent]:
    """Those that exist, by id, each locked until the transaction ends: nothing is sold of them beside, and how they
    stand holds. Taken in one order, before any other lock.
    """
    wanted = sorted({(lane_of(one), str(one)) for one in agent_ids})
    if not wanted:
        return {}
    async with connection.cursor(row_factory=args_row(Agent), binary=True) as cursor:
        await cursor.execute(_LOCKED, ([lane for lane, _ in wanted], [identifier for _, identifier in wanted]))
        return {one.id: one for one in await cursor.fetchall()}


async def contact_of(connection: Connection, keyring: KeyRing, agent_id: AgentId) -> str:
    """Where the agent is written to; empty where no address is known."""
    sealed = await sealed_contact(connection, agent_id)
    return keyring.unseal(sealed, agent_id).decode() if sealed else ""


async def sealed_contact(connection: Connection, agent_id: AgentId) -> bytes | None:
    """The same, sealed for the agent's id: fit to be handed on to notifications."""
    row = await (await connection.execute(_CONTACT, (lane_of(agent_id), agent_id))).fetchone()
    return bytes(row[0]) if row and row[0] is not None else None
