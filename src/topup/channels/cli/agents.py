"""`topup agents`: agents taken on, looked at, suspended; their terms, keys and statements; floats to be filled."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from topup.channels.cli.adjusting import CommandLine
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import complain_in_words, err, money_json, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Invalid
from topup.kernel.money import InvalidMoney, Money
from topup.orders.agents.books import AgentBooks, Standing
from topup.orders.agents.documents import purpose_text, read_month, statement_csv
from topup.orders.agents.statements import Statement
from topup.payments.floats.filling import asking_for
from topup.payments.floats.filling import kind as float_kind
from topup.payments.floats.plans import check_fits, publish, read_plan
from topup.people.agents import operations
from topup.people.agents.operations import NewAgent, Terms
from topup.people.agents.queries import Agent, agent_called, contact_of
from topup.people.api_keys import keys_of
from topup.platform.i18n import format_datetime, format_money
from topup.platform.settings import Settings
from topup.work.approvals import Approvals

_BY = "cli"


@dataclass(frozen=True, slots=True)
class TermsAsked:
    """Terms as typed, amounts in major units; None leaves one as it is, and empty takes it away."""

    plan: str | None
    daily_limit: str | None
    low_below: str | None

    def on(self, before: Terms, currency: str) -> Terms:
        """The terms they make. Raises Invalid `amount_unreadable`."""
        return Terms(
            plan=before.plan if self.plan is None else self.plan.strip(),
            daily_limit_minor=_minor(self.daily_limit, before.daily_limit_minor, currency),
            alarm_minor=_minor(self.low_below, before.alarm_minor, currency),
        )


@dataclass(frozen=True, slots=True)
class AddAsked:
    """What was typed."""

    name: str
    currency: str
    zone: str | None
    contact: str
    terms: TermsAsked
    as_json: bool


@dataclass(frozen=True, slots=True)
class StatementAsked:
    """What was typed."""

    agent: str
    month: str | None
    csv: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class FloatAsked:
    """What was typed."""

    agent: str
    amount: str
    reference: str
    reason: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class KeysAsked:
    """What was typed."""

    agent: str
    create: bool
    label: str
    revoke: str
    as_json: bool


def _minor(text: str | None, before: int | None, currency: str) -> int | None:
    if text is None:
        return before
    try:
        return Money.from_major(text.strip(), currency).amount_minor if text.strip() else None
    except InvalidMoney:
        raise Invalid("amount_unreadable", currency=currency) from None


async def add_agent(runtime: Runtime, settings: Settings, asked: AddAsked) -> Exit:
    """Take an agent on. Raises those of `operations.add`, those of `plans.check_fits`."""
    currency = asked.currency.strip().upper()
    terms = asked.terms.on(Terms(), currency)
    zone = asked.zone or settings.time_zone
    wanted = NewAgent(asked.name, asked.contact, currency, zone, locale(), terms)
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now, lanes = transaction.connection, transaction.now, store.installation.lanes
        await check_fits(connection, terms.plan, currency)
        made = await operations.add(connection, wanted, keyring=store.keyring, lanes=lanes, by=_BY, now=now)
    if asked.as_json:
        print_json(_agent_json(made))
        return Exit.DONE
    out.print(f" [bold green]✓[/]  [bold]{escape(say('agents_add.done', name=made.name))}[/]")
    out.print(f"    [dim]{say('agents.id')}[/]  {made.id}")
    out.print(f"    {escape(say('agents_add.next', id=made.id))}")
    return Exit.DONE


async def change_terms(runtime: Runtime, settings: Settings, *, agent: str, asked: TermsAsked, as_json: bool) -> Exit:
    """Other terms from now on. Raises those of `operations.change_terms`, those of `plans.check_fits`."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        one = await agent_called(connection, agent)
        terms = asked.on(Terms(one.plan, one.daily_limit_minor, one.alarm_minor), one.currency)
        await check_fits(connection, terms.plan, one.currency)
        changed = await operations.change_terms(connection, one.id, terms, by=_BY, now=now)
    return _told(changed, say("agents_terms.done", name=changed.name), as_json=as_json)


async def publish_plan(runtime: Runtime, settings: Settings, *, file: Path, as_json: bool) -> Exit:
    """Publish a plan of commission. Raises those of `plans.read_plan` and `plans.publish`, Invalid plan_unreadable."""
    try:
        text = await asyncio.to_thread(file.read_text, "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("plan_unreadable", reason=str(error)) from None
    plan = read_plan(text)
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        version = await publish(transaction.connection, plan, transaction.now)
    if as_json:
        print_json({"name": plan.name, "version": version})
    else:
        out.print(f"[green]✓[/] {escape(say('agents_plan.done', name=plan.name, version=version))}")
    return Exit.DONE


async def list_agents(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """All agents, and what is in their floats."""
    async with runtime.store(settings) as store:
        found = await AgentBooks(database=store.database).all()
    if as_json:
        print_json({"agents": [_standing_json(one) for one in found]})
        return Exit.DONE
    if not found:
        out.print(say("agents_list.none"))
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1))
    for column in ("name", "standing", "float", "today", "month"):
        table.add_column(say(f"agents.{column}"), justify="left" if column in {"name", "standing"} else "right")
    for one in found:
        moneys = [format_money(money, locale()) for money in (one.left, one.sold_today, one.sold_this_month)]
        table.add_row(escape(one.agent.name), say(f"agents.{one.agent.status}"), *moneys)
    show(table)
    return Exit.DONE


async def show_agent(runtime: Runtime, settings: Settings, *, agent: str, as_json: bool) -> Exit:
    """One agent: terms, float, how to reach them, keys. Raises NotFound agent_unknown."""
    async with runtime.store(settings) as store:
        one, contact = await _one(store, agent)
        found = await AgentBooks(database=store.database).standing(agent_id=one.id)
    if as_json:
        print_json(_standing_json(found) | {"contact": contact})
        return Exit.DONE
    money = {"float": found.left, "today": found.sold_today, "month": found.sold_this_month}
    limits = {"limit": one.daily_limit_minor, "alarm": one.alarm_minor}
    rows = {"id": one.id, "standing": say(f"agents.{one.status}"), "why": one.reason, "contact": contact}
    rows |= {"plan": one.plan} | {name: format_money(value, locale()) for name, value in money.items()}
    rows |= {
        name: format_money(Money(minor, one.currency), locale()) for name, minor in limits.items() if minor is not None
    }
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False, title=escape(one.name), title_justify="left")
    for name, value in rows.items():
        if value:
            table.add_row(f"[dim]{say(f'agents.{name}')}[/]", escape(value))
    show(table)
    return Exit.DONE


async def _one(store: Store, text: str) -> tuple[Agent, str]:
    async with store.database.read() as transaction:
        one = await agent_called(transaction.connection, text)
        return one, await contact_of(transaction.connection, store.keyring, one.id)


async def suspend_agent(runtime: Runtime, settings: Settings, *, agent: str, reason: str, as_json: bool) -> Exit:
    """From now on the agent sells nothing. Raises those of `operations.suspend`."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        one = await agent_called(connection, agent)
        changed = await operations.suspend(connection, one.id, reason=reason, by=_BY, now=now)
    return _told(changed, say("agents_suspend.done", name=changed.name), as_json=as_json)


async def resume_agent(runtime: Runtime, settings: Settings, *, agent: str, as_json: bool) -> Exit:
    """The agent may sell again. Raises those of `operations.resume`."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        one = await agent_called(connection, agent)
        changed = await operations.resume(connection, one.id, by=_BY, now=now)
    return _told(changed, say("agents_resume.done", name=changed.name), as_json=as_json)


async def ask_float(runtime: Runtime, settings: Settings, asked: FloatAsked) -> Exit:
    """Have somebody of the staff approve that a float is filled. Raises those of `Approvals.request`."""
    async with runtime.store(settings) as store:
        one, _ = await _one(store, asked.agent)
        approvals = Approvals(database=store.database, kinds=[float_kind()])
        wish = asking_for(one.id, amount=asked.amount, reference=asked.reference, reason=asked.reason)
        found = await approvals.request(CommandLine(), wish)
    amount = Money(int(found.facts["amount_minor"]), one.currency)
    if asked.as_json:
        said = {"id": found.id, "status": found.state.value, "amount": money_json(amount)}
        print_json(said | {"expires_at": found.expires_at})
        return Exit.UNRESOLVED
    words = say("agents_float.asked", amount=format_money(amount, locale()), name=one.name)
    out.print(f" [bold]…[/]  {escape(words)}")
    out.print(f"    [dim]{say('adjust.request')}[/]  {found.id}")
    return Exit.UNRESOLVED


async def keys_of_agent(runtime: Runtime, settings: Settings, asked: KeysAsked) -> Exit:
    """The agent's keys; make one and show its secret, once; or end one. Raises those of `operations.give_key`."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        one = await agent_called(connection, asked.agent)
        made = (
            await operations.give_key(connection, one.id, label=asked.label, by=_BY, now=now) if asked.create else None
        )
        ended = bool(asked.revoke) and await operations.end_key(
            connection, one.id, key_id=asked.revoke, by=_BY, now=now
        )
        keys = await keys_of(connection, one.id)
    if asked.revoke and not ended:
        complain_in_words(say("keys_revoke.unknown"))
        return Exit.REFUSED
    if asked.as_json:
        rows = [{"id": k.id, "label": k.label, "created_at": k.created_at, "revoked_at": k.revoked_at} for k in keys]
        print_json({"keys": rows} | ({"id": made.id, "secret": made.secret} if made else {}))
        return Exit.DONE
    if made is not None:
        err.print(f"[green]✓[/] {escape(say('agents_keys.made', name=one.name, id=made.id))}")
        out.print(made.secret)
        err.print(f"[dim]{say('keys_create.once')}[/]")
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    for key in keys:
        ends = say("agents_keys.ended") if key.revoked_at else ""
        table.add_row(key.id, escape(key.label), format_datetime(key.created_at, locale(), zone=one.zone), ends)
    show(table)
    return Exit.DONE


async def show_statement(runtime: Runtime, settings: Settings, asked: StatementAsked) -> Exit:
    """A month's statement; with every movement as CSV. Raises NotFound agent_unknown, Invalid month_unreadable,
    history_too_long.
    """
    month = read_month(asked.month)
    async with runtime.store(settings) as store:
        one, _ = await _one(store, asked.agent)
        books = AgentBooks(database=store.database)
        found = await books.statement(agent_id=one.id, month=month)
        lines = await books.lines(agent_id=one.id, month=found.month) if asked.csv else ()
    if asked.csv:
        sys.stdout.buffer.write(statement_csv(found, lines, locale()))
        return Exit.DONE
    if asked.as_json:
        print_json(_statement_json(found))
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False, title_justify="left")
    table.title = escape(f"{one.name} · {found.month:%Y-%m}")
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_row(say("agents.opening"), "", format_money(found.opening, locale()))
    for purpose, total in found.totals.items():
        amount = format_money(Money(total.minor, one.currency), locale())
        table.add_row(purpose_text(purpose, locale()), str(total.count), amount)
    table.add_row(f"[bold]{say('agents.closing')}[/]", "", f"[bold]{format_money(found.closing, locale())}[/]")
    show(table)
    return Exit.DONE


def _told(one: Agent, words: str, *, as_json: bool) -> Exit:
    if as_json:
        print_json(_agent_json(one))
    else:
        out.print(f"[green]✓[/] {escape(words)}")
    return Exit.DONE


def _agent_json(one: Agent) -> dict[str, Any]:
    limit, alarm = one.daily_limit_minor, one.alarm_minor
    return {
        "id": one.id,
        "name": one.name,
        "status": one.status.value,
        "reason": one.reason,
        "currency": one.currency,
        "zone": one.zone,
        "plan": one.plan,
        "daily_limit": None if limit is None else money_json(Money(limit, one.currency)),
        "low_below": None if alarm is None else money_json(Money(alarm, one.currency)),
    }


def _standing_json(found: Standing) -> dict[str, Any]:
    moneys = {"float_left": found.left, "sold_today": found.sold_today, "sold_this_month": found.sold_this_month}
    return _agent_json(found.agent) | {name: money_json(money) for name, money in moneys.items()}


def _statement_json(found: Statement) -> dict[str, Any]:
    totals = [{"kind": kind, "count": one.count, "total_minor": one.minor} for kind, one in found.totals.items()]
    return {
        "agent": found.agent.id,
        "month": f"{found.month:%Y-%m}",
        "complete": found.complete,
        "opening": money_json(found.opening),
        "lines": totals,
        "closing": money_json(found.closing),
    }
