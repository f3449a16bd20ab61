"""Tickets and outages at the command line, for whoever runs the installation."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from topup.care import outages, tickets
from topup.care.states import TicketState
from topup.care.tickets import STAFF, Thread, Ticket
from topup.catalogue.queries import Snapshot
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import ID_WIDTH, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Invalid, NotFound
from topup.platform.i18n import DEFAULT_LOCALE, format_datetime, translate
from topup.platform.settings import Settings
from topup.work import trail

_CLI: Final = "cli"


async def list_tickets(runtime: Runtime, settings: Settings, *, state: str, as_json: bool) -> Exit:
    """Tickets in a state, or all; those that changed last first."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        found = await tickets.page(transaction.connection, state=TicketState(state) if state else None)
    if as_json:
        print_json({"tickets": [_json(ticket) for ticket in found]})
        return Exit.DONE
    if not found:
        out.print(say("tickets_list.none"))
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    table.add_column(min_width=9, no_wrap=True)
    for ticket in found:
        table.add_row(ticket.reference, _topic(ticket), _state(ticket), _time(ticket.changed_at))
    show(table)
    return Exit.DONE


async def show_ticket(runtime: Runtime, settings: Settings, *, which: str, as_json: bool) -> Exit:
    """A ticket by its id or reference, with all that was written. Raises NotFound `ticket_unknown`."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        ticket = await tickets.find(transaction.connection, which)
        thread = await tickets.thread(transaction.connection, ticket, keys=store.keyring)
    if as_json:
        messages = [
            {"number": one.number, "author": one.author, "by": one.by, "text": one.text, "at": one.at}
            for one in thread.messages
        ]
        print_json(_json(ticket) | {"evidence": dict(ticket.evidence), "messages": messages})
    else:
        show(_thread(thread))
    return Exit.DONE


async def answer_ticket(runtime: Runtime, settings: Settings, *, which: str, text: str, solved: bool) -> Exit:
    """Write back. Raises NotFound `ticket_unknown`, Conflict `ticket_full`, Invalid `message_missing`,
    `message_too_long`.
    """
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        ticket = await tickets.find(connection, which)
        after = await tickets.answer(
            connection,
            ticket.id,
            text,
            now,
            by=_CLI,
            keys=store.keyring,
            public_url=runtime.address(settings),
            solved=solved,
        )
        said = trail.change({"state": ticket.state}, {"state": after.state})
        await trail.write(connection, actor=_CLI, action="ticket.answered", subject=ticket.id, facts=said, now=now)
    words = "tickets_answer.told" if after.contact_id else "tickets_answer.done"
    out.print(f"[green]✓[/] {escape(say(words, reference=after.reference))}")
    return Exit.DONE


async def solve_ticket(runtime: Runtime, settings: Settings, *, which: str) -> Exit:
    """Close it. Raises NotFound `ticket_unknown`."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        ticket = await tickets.find(connection, which)
        after = await tickets.solve(connection, ticket.id, now)
        said = trail.change({"state": ticket.state}, {"state": after.state})
        await trail.write(connection, actor=_CLI, action="ticket.solved", subject=ticket.id, facts=said, now=now)
    out.print(f"[green]✓[/] {escape(say('tickets_solve.done', reference=ticket.reference))}")
    return Exit.DONE


async def announce_outage(
    runtime: Runtime, settings: Settings, *, carrier: str, texts: Mapping[str, str], until: str | None
) -> Exit:
    """Announce that a carrier's network does not work. Raises NotFound `carrier_unknown`, Invalid `date_unreadable`,
    `outage_text_wrong`, `outage_ends_first`.
    """
    ends_at = _instant(until) if until else None
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        if (await Snapshot.load(connection)).carrier(carrier) is None:
            raise NotFound("carrier_unknown")
        given = {language: text for language, text in texts.items() if text}
        outage_id = await outages.announce(
            connection, carrier_id=carrier, texts=given, starts_at=now, ends_at=ends_at, now=now
        )
    out.print(f"[green]✓[/] {escape(say('outages_announce.done', outage=outage_id))}")
    return Exit.DONE


async def list_outages(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """What was announced, the newest first."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        found = await outages.all_outages(transaction.connection)
        now = transaction.now
    if as_json:
        rows = [
            {"id": one.id, "carrier": one.carrier_id, "texts": one.texts, "from": one.starts_at, "until": one.ends_at,
             "over": one.over}
            for one in found
        ]  # fmt: skip
        print_json({"outages": rows})
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    table.add_column(min_width=ID_WIDTH, no_wrap=True)
    for one in found:
        is_on = not one.over and one.starts_at <= now and (one.ends_at is None or one.ends_at > now)
        told = f"[yellow]{say('outages_list.now')}[/]" if is_on else f"[dim]{say('outages_list.over')}[/]"
        text = one.texts.get(locale()) or one.texts[DEFAULT_LOCALE]
        table.add_row(one.id, one.carrier_id, told, escape(text))
    show(table)
    return Exit.DONE


async def end_outage(runtime: Runtime, settings: Settings, *, outage_id: str) -> Exit:
    """It is over. Raises NotFound `outage_unknown`."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        await outages.end(transaction.connection, outage_id, transaction.now)
    out.print(f"[green]✓[/] {escape(say('outages_end.done'))}")
    return Exit.DONE


def _instant(text: str) -> datetime:
    """A time with its zone (ISO 8601); without one it is UTC."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("date_unreadable", text=text) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _thread(thread: Thread) -> RenderableType:
    ticket = thread.ticket
    heading = Text(f" {ticket.reference}", style="bold green").append(f"  {_topic(ticket)} · {_state(ticket)}", "")
    parts: list[RenderableType] = [heading, Text(f"  {ticket.id}", style="dim")]
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    for name, value in ticket.evidence.items():
        if name != "steps" and value is not None:
            facts.add_row(Text(name, style="dim"), str(value))
    for name, value, asked in ticket.evidence.get("steps", ()):
        facts.add_row(Text("?" if asked else "=", style="dim"), f"{name}: {value}")
    parts.append(facts)
    for message in thread.messages:
        who = say("tickets_show.us") if message.author == STAFF else say("tickets_show.them")
        parts.append(Text(f"  {who} · {_time(message.at)}", style="bold" if message.author == STAFF else "bold cyan"))
        parts += [Text(f"    {line}") for line in message.text.split("\n")]
    return Group(*parts)


def _json(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.id,
        "reference": ticket.reference,
        "topic": ticket.topic.value,
        "state": ticket.state.value,
        "order": ticket.order_id,
        "messages_count": ticket.messages,
        "created_at": ticket.created_at,
        "changed_at": ticket.changed_at,
    }


def _topic(ticket: Ticket) -> str:
    return translate(locale(), "care", f"topic.{ticket.topic.value}")


def _state(ticket: Ticket) -> str:
    return translate(locale(), "care", f"ticket.{ticket.state.value}")


def _time(instant: datetime) -> str:
    return format_datetime(instant, locale(), zone="UTC")
