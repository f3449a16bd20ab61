"""Filling a float: one asks, with the reference of the money that the agent paid; another decides, and it is there."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from psycopg import errors

from topup.kernel.errors import Conflict, Invalid
from topup.kernel.ids import AgentId, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.ledger import PostingRefused, post
from topup.payments.floats import postings
from topup.payments.floats.balances import float_of
from topup.people.agents import operations as agents
from topup.people.agents.queries import Agent, agent
from topup.people.permissions import Permission
from topup.platform.database import Connection, Transaction
from topup.work.approvals import Approval, Kind, Wish
from topup.work.operations import close_for_person

FLOAT_TOP_UP: Final = "float_top_up"
FLOAT_LOW: Final = "agent_float_low"
LONGEST_REFERENCE: Final = 100

_INSERT: Final = """
INSERT INTO payments.float_top_ups
    (lane, id, agent_id, amount_minor, currency, reference, requested_by, approval_id, made_at)
VALUES (%(lane)s, %(id)s, %(agent)s, %(minor)s, %(currency)s, %(reference)s, %(by)s, %(approval)s, %(now)s)
"""
_THERE: Final = "SELECT 1 FROM payments.float_top_ups WHERE reference = %s"
"""Whoever's float it came to: the agents' lanes differ, and the money is the same."""
_BETWEEN: Final = re.compile(r"[\s-]")


def asking_for(agent_id: AgentId, *, amount: str, reference: str, reason: str, form: str = "") -> Wish:
    """The request to fill a float by so much, in major units of its currency."""
    return Wish(FLOAT_TOP_UP, agent_id, {"amount": amount, "reference": reference}, reason, form=form)


def kind() -> Kind:
    """What can be asked for: the subject is the agent; nobody fills a float alone, whatever the amount."""
    request, approve = Permission.REQUEST_FLOAT.value, Permission.APPROVE_FLOAT.value
    return Kind(FLOAT_TOP_UP, request, approve, _prepare, _execute)


async def _prepare(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    """Raises NotFound `agent_unknown`; Invalid `amount_unreadable`, `reference_missing`, `reference_too_long`; Conflict
    `float_reference_used`.
    """
    one = await agent(connection, wish.subject)
    amount = _amount(wish.facts.get("amount", ""), one.currency)
    reference = _as_kept(wish.facts.get("reference", ""))
    if not reference:
        raise Invalid("reference_missing")
    if len(reference) > LONGEST_REFERENCE:
        raise Invalid("reference_too_long", longest=LONGEST_REFERENCE)
    if await (await connection.execute(_THERE, (reference,))).fetchone():
        raise Conflict("float_reference_used")
    return {"amount_minor": amount.amount_minor, "currency": one.currency, "reference": reference}


def _as_kept(reference: str) -> str:
    """A reference as it is kept: however it is typed, it is the same money."""
    return _BETWEEN.sub("", reference).upper()


def _amount(text: str, currency: str) -> Money:
    try:
        amount = Money.from_major(text.strip(), currency)
    except InvalidMoney:
        raise Invalid("amount_unreadable") from None
    if amount.amount_minor <= 0:
        raise Invalid("amount_unreadable")
    return amount


async def _execute(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    """Raises NotFound `agent_unknown`, Conflict `float_reference_used` or the ledger's code."""
    connection, now, facts = transaction.connection, transaction.now, approval.facts
    one = await agent(connection, approval.subject, lock=True)
    amount = Money(int(facts["amount_minor"]), str(facts["currency"]))
    identifier = new_id("float_top_up", one.lane)
    row = {
        "lane": one.lane,
        "id": identifier,
        "agent": one.id,
        "minor": amount.amount_minor,
        "currency": amount.currency,
        "reference": facts["reference"],
        "by": approval.requested_by,
        "approval": approval.id,
        "now": now,
    }
    try:
        async with connection.transaction():
            await connection.execute(_INSERT, row)
    except errors.UniqueViolation:
        raise Conflict("float_reference_used") from None
    await _calmed(connection, one, amount.amount_minor, now)
    item = postings.filled(top_up_id=identifier, agent_id=one.id, amount=amount)
    for answer in await post(connection, [item], now):
        if isinstance(answer, PostingRefused):
            raise answer
    return {"top_up": identifier}


async def _calmed(connection: Connection, one: Agent, more_minor: int, now: datetime) -> None:
    """Nobody need look after the float any more, if it is above its alarm now."""
    there = await float_of(connection, one.id, one.currency)
    if one.alarmed and there.minor + more_minor >= (one.alarm_minor or 0):
        await agents.calm(connection, one)
        await close_for_person(connection, [(one.lane, FLOAT_LOW, one.id)], now)
