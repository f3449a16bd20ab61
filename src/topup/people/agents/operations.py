"""Taking agents on, changing their terms, suspending them; and counting what they sold."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import available_timezones

from topup.kernel.errors import Conflict, Invalid
from topup.kernel.ids import AgentId, new_id
from topup.kernel.money import is_currency
from topup.people.agents.queries import Agent, agent
from topup.people.agents.states import AGENT, AgentStatus
from topup.people.api_keys import CreatedKey, create, revoke
from topup.people.contacts import parse_contact
from topup.people.permissions import Role
from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.platform.i18n import LOCALES
from topup.platform.keys import KeyRing
from topup.work import trail

LONGEST_NAME: Final = 80
LONGEST_REASON: Final = 500

_INSERT: Final = """
INSERT INTO people.agents
    (lane, id, name, contact, locale, currency, zone, plan, daily_limit_minor, alarm_minor, status, reason, created_at,
     status_since)
VALUES (%(lane)s, %(id)s, %(name)s, %(contact)s, %(locale)s, %(currency)s, %(zone)s, %(plan)s, %(limit)s, %(alarm)s,
    %(status)s, '', %(now)s, %(now)s)
ON CONFLICT DO NOTHING RETURNING id
"""
_STATUS: Final = """
UPDATE people.agents SET status = %(status)s, reason = %(reason)s, status_since = %(now)s
WHERE lane = %(lane)s AND id = %(id)s AND status = ANY (%(sources)s) RETURNING id
"""
_TERMS: Final = """
UPDATE people.agents SET plan = %(plan)s, daily_limit_minor = %(limit)s, alarm_minor = %(alarm)s
WHERE lane = %(lane)s AND id = %(id)s
"""
_COUNT: Final = """
UPDATE people.agents AS a SET sold_on = u.sold_on, sold_minor = u.sold_minor, sold_in = u.sold_in,
    month_minor = u.month_minor, alarmed = u.alarmed
FROM unnest(%b::smallint[], %b::text[], %b::date[], %b::bigint[], %b::date[], %b::bigint[], %b::boolean[])
    AS u (lane, id, sold_on, sold_minor, sold_in, month_minor, alarmed)
WHERE a.lane = u.lane AND a.id = u.id
"""
_CALM: Final = "UPDATE people.agents SET alarmed = false WHERE lane = %s AND id = %s"


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms an agent sells, as in `queries.Agent`."""

    plan: str = ""
    daily_limit_minor: int | None = None
    alarm_minor: int | None = None

    def facts(self) -> dict[str, object]:
        """For the trail."""
        return {"plan": self.plan, "daily_limit_minor": self.daily_limit_minor, "alarm_minor": self.alarm_minor}


@dataclass(frozen=True, slots=True)
class NewAgent:
    """Somebody who is to sell for us, as typed."""

    name: str
    contact: str
    currency: str
    zone: str
    locale: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class Counted:
    """What an agent has sold on the day and in the month named, after this; `alarmed` as in the row."""

    lane: int
    id: AgentId
    sold_on: date
    sold_minor: int
    sold_in: date
    month_minor: int
    alarmed: bool


async def add(
    connection: Connection, wanted: NewAgent, *, keyring: KeyRing, lanes: int, by: str, now: datetime
) -> Agent:
    """A new agent, active, with an empty float. Raises Invalid `agent_name_missing`, `agent_name_too_long`,
    `contact_unreadable`, `currency_unknown`, `zone_unknown`, `language_unknown`, `amount_unreadable`; Conflict
    `agent_name_taken`.
    """
    name = wanted.name.strip()
    _check(wanted, name)
    address = parse_contact(wanted.contact) if wanted.contact.strip() else ""
    lane = secrets.randbelow(lanes)
    identifier = AgentId(new_id("agent", lane))
    row = {
        "lane": lane,
        "id": identifier,
        "name": name,
        "contact": keyring.seal(address.encode(), identifier) if address else None,
        "locale": wanted.locale,
        "currency": wanted.currency,
        "zone": wanted.zone,
        "plan": wanted.terms.plan,
        "limit": wanted.terms.daily_limit_minor,
        "alarm": wanted.terms.alarm_minor,
        "status": AGENT.initial.value,
        "now": now,
    }
    if await (await connection.execute(_INSERT, row)).fetchone() is None:
        raise Conflict("agent_name_taken")
    facts = {"currency": wanted.currency, "before": None, "after": wanted.terms.facts()}
    await trail.write(connection, actor=by, action="agent.added", subject=identifier, facts=facts, now=now)
    return await agent(connection, identifier)


def _check(wanted: NewAgent, name: str) -> None:
    if not name:
        raise Invalid("agent_name_missing")
    if len(name) > LONGEST_NAME:
        raise Invalid("agent_name_too_long", longest=LONGEST_NAME)
    if not is_currency(wanted.currency):
        raise Invalid("currency_unknown", currency=wanted.currency[:10])
    if wanted.zone not in available_timezones():
        raise Invalid("zone_unknown", zone=wanted.zone[:60])
    if wanted.locale not in LOCALES:
        raise Invalid("language_unknown", languages=list(LOCALES))
    check_terms(wanted.terms)


def check_terms(terms: Terms) -> None:
    """Raises Invalid `amount_unreadable` for an amount below zero."""
    if any(minor is not None and minor < 0 for minor in (terms.daily_limit_minor, terms.alarm_minor)):
        raise Invalid("amount_unreadable")


async def change_terms(connection: Connection, agent_id: str, terms: Terms, *, by: str, now: datetime) -> Agent:
    """Other terms from now on. Raises NotFound `agent_unknown`, Invalid `amount_unreadable`."""
    check_terms(terms)
    one = await agent(connection, agent_id, lock=True)
    before = Terms(one.plan, one.daily_limit_minor, one.alarm_minor)
    if terms != before:
        said = {"plan": terms.plan, "limit": terms.daily_limit_minor, "alarm": terms.alarm_minor}
        await connection.execute(_TERMS, said | {"lane": one.lane, "id": one.id})
        await _write(connection, one, "agent.terms", by, now, {"before": before.facts(), "after": terms.facts()})
    return await agent(connection, agent_id)


async def suspend(connection: Connection, agent_id: str, *, reason: str, by: str, now: datetime) -> Agent:
    """From the commit on nothing is sold. Raises NotFound `agent_unknown`; Invalid `approval_reason_missing`,
    `approval_reason_too_long`; Conflict `agent_suspended_already`.
    """
    said = reason.strip()
    if not said:
        raise Invalid("approval_reason_missing")
    if len(said) > LONGEST_REASON:
        raise Invalid("approval_reason_too_long", longest=LONGEST_REASON)
    if not await _moved(connection, agent_id, AgentStatus.SUSPENDED, said, now):
        raise Conflict("agent_suspended_already")
    one = await agent(connection, agent_id)
    await _write(connection, one, "agent.suspended", by, now, _before_after(AgentStatus.ACTIVE, one.status))
    return one


async def resume(connection: Connection, agent_id: str, *, by: str, now: datetime) -> Agent:
    """May sell again. Raises NotFound `agent_unknown`, Conflict `agent_not_suspended`."""
    if not await _moved(connection, agent_id, AgentStatus.ACTIVE, "", now):
        raise Conflict("agent_not_suspended")
    one = await agent(connection, agent_id)
    await _write(connection, one, "agent.resumed", by, now, _before_after(AgentStatus.SUSPENDED, one.status))
    return one


async def _moved(connection: Connection, agent_id: str, status: AgentStatus, reason: str, now: datetime) -> bool:
    one = await agent(connection, agent_id, lock=True)
    sources = [source.value for source in AGENT.sources(status)]
    said = {"status": status.value, "reason": reason, "now": now, "sources": sources}
    cursor = await connection.execute(_STATUS, said | {"lane": one.lane, "id": one.id})
    return await cursor.fetchone() is not None


def _before_after(before: AgentStatus, after: AgentStatus) -> dict[str, object]:
    return {"before": before.value, "after": after.value}


async def give_key(connection: Connection, agent_id: str, *, label: str, by: str, now: datetime) -> CreatedKey:
    """A key that sells from this agent's float. Raises NotFound `agent_unknown`, Invalid `label_too_long`."""
    one = await agent(connection, agent_id)
    made = await create(connection, role=Role.AGENT, label=label, now=now, agent_id=one.id)
    await _write(connection, one, "agent.key_given", by, now, {"key": made.id, "before": None, "after": "active"})
    return made


async def end_key(connection: Connection, agent_id: str, *, key_id: str, by: str, now: datetime) -> bool:
    """End a key of this agent for ever; False where it has none of that id, or it had ended."""
    one = await agent(connection, agent_id)
    ended = await revoke(connection, key_id=key_id, now=now, agent_id=one.id)
    if ended:
        await _write(connection, one, "agent.key_ended", by, now, {"key": key_id, "before": "active", "after": "ended"})
    return ended


async def count(connection: Connection, sold: Sequence[Counted]) -> None:
    """Note what agents, whom the caller holds locked, have sold by now."""
    if sold:
        rows = ((s.lane, s.id, s.sold_on, s.sold_minor, s.sold_in, s.month_minor, s.alarmed) for s in sold)
        await connection.execute(_COUNT, columns(rows))


async def calm(connection: Connection, one: Agent) -> None:
    """The float, of an agent whom the caller holds locked, is above the alarm again."""
    await connection.execute(_CALM, (one.lane, one.id))


async def _write(  # noqa: PLR0917 - who did what to whom, and when
    connection: Connection, one: Agent, action: str, by: str, now: datetime, facts: Mapping[str, object]
) -> None:
    await trail.write(connection, actor=by, action=action, subject=one.id, facts=facts, now=now)
