"""Tickets: what people wrote to us, who waits for how long, and our answers; and what carriers' networks do not do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.care import outages, tickets
from topup.care.answering import Answering
from topup.care.outages import Outage
from topup.care.states import TicketState
from topup.care.tickets import LONGEST_MESSAGE, STAFF, Thread, Ticket
from topup.catalogue.queries import CatalogueCache
from topup.channels.console.rendering import Look, asked, wording_of
from topup.channels.console.wording import LANGUAGE_NAMES, Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.orders.wording import name_in
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.i18n import LOCALES, translate
from topup.platform.keys import KeyRing
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to

WITHIN: Final = timedelta(hours=24)
"""We answer within it: what waits longer is late."""
PAGE: Final = 100
MACROS: Final = ("received", "arrived", "going_back", "more_needed", "restart", "official")
"""Answers that are often given, ready in the language of whoever asked."""


@dataclass(frozen=True, slots=True)
class Row:
    """A ticket of the list, in words."""

    id: str
    reference: str
    topic: str
    state: str
    waits: str
    late: bool
    language: str
    order: str


class TicketPages:
    """What people ask, and what we say."""

    def __init__(self, *, look: Look, database: Database, keyring: KeyRing, answering: Answering) -> None:
        self._look = look
        self._database = database
        self._keyring = keyring
        self._answering = answering

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Those that wait for us, the longest first; others where they are asked for; one by its reference."""
        text, wanted = asked(request, "q"), asked(request, "state")
        state = next((one for one in TicketState if one == wanted), TicketState.WAITS_FOR_US)
        problem: Problem | None = None
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            if text:
                try:
                    return go_to(f"/console/tickets/{(await tickets.find(connection, text)).id}")
                except NotFound as unknown:
                    problem = unknown
            if state is TicketState.WAITS_FOR_US:
                found = await tickets.waiting(connection, limit=PAGE)
            else:
                found = await tickets.page(connection, state=state, limit=PAGE)
            counts = await tickets.counts(connection)
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "tickets.html",
            who=who,
            place="tickets",
            rows=[_row(ticket, wording, now) for ticket in found],
            states=[(one.value, _care(wording, f"ticket.{one.value}"), counts.get(one.value)) for one in TicketState],
            state=state.value,
            text=text,
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    async def one(self, request: WebRequest, who: SignedIn, form: Form, ticket_id: str) -> Page:
        """A ticket with all that was written."""
        return await self._sheet(request, who, form, ticket_id)

    async def answer(self, request: WebRequest, who: SignedIn, form: Form, ticket_id: str) -> Page:
        """Write back, or close it."""
        try:
            if form.one("act") == "solve":
                await self._answering.solve(who, ticket_id)
            else:
                seen = int(form.one("seen")) if form.one("seen").isdecimal() and len(form.one("seen")) < 6 else -1  # noqa: PLR2004
                solved = form.one("act") == "answer_and_solve"
                await self._answering.answer(who, ticket_id, form.one("text"), seen=seen, solved=solved)
        except (Invalid, Conflict) as problem:
            return await self._sheet(request, who, form, ticket_id, problem=problem)
        return go_to(f"/console/tickets/{ticket_id}")

    async def _sheet(
        self, request: WebRequest, who: SignedIn, form: Form, ticket_id: str, *, problem: Problem | None = None
    ) -> Page:
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            ticket = await tickets.get(connection, ticket_id)
            thread = await tickets.thread(connection, ticket, keys=self._keyring)
            names = await names_of(connection, [one.by or "" for one in thread.messages])
        wording = wording_of(request, self._look.zone)
        macro = asked(request, "macro") if request.method == "GET" else ""
        ready = _care_in(ticket.locale, f"macro.{macro}") if macro in MACROS else ""
        return self._look.page(
            request,
            "ticket.html",
            who=who,
            place="tickets",
            status=422 if problem else 200,
            ticket=_row(ticket, wording, now),
            said=_said(thread, wording, names),
            seen=ticket.messages,
            facts=_facts(ticket, wording),
            hears=ticket.contact_id is not None,
            solved=ticket.state is TicketState.SOLVED,
            macros=[(one, _care(wording, f"macro.{one}.name")) for one in MACROS],
            text=form.one("text") or ready,
            longest=LONGEST_MESSAGE,
            may_orders=who.may(Permission.SEARCH_RECORDS),
            mistake=wording.problem(problem, who=who) if problem else None,
        )


class OutagePages:
    """What is announced of carriers' networks."""

    def __init__(self, *, look: Look, database: Database, catalogue: CatalogueCache, answering: Answering) -> None:
        self._look = look
        self._database = database
        self._catalogue = catalogue
        self._answering = answering

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """What is in force and what was, and the form to announce one."""
        return await self._page(request, who, form)

    async def announce(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Announce one, or say that one is over."""
        try:
            if outage := form.one("over"):
                await self._answering.over(who, outage)
            else:
                texts = {locale: form.one(f"text_{locale}") for locale in LOCALES}
                ends_at = _local(form.one("until"), self._look.zone)
                await self._answering.announce(who, carrier_id=form.one("carrier"), texts=texts, ends_at=ends_at)
        except (Invalid, NotFound) as problem:
            return await self._page(request, who, form, problem=problem)
        return go_to("/console/outages")

    async def _page(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        async with self._database.read() as transaction:
            found = await outages.all_outages(transaction.connection)
            snapshot = await self._catalogue.current(transaction.connection)
            now = transaction.now
        wording = wording_of(request, self._look.zone)
        names = {one.carrier_id: name_in(one.document.names, locale=wording.locale) for one in snapshot.carriers()}
        return self._look.page(
            request,
            "outages.html",
            who=who,
            place="outages",
            status=422 if problem else 200,
            rows=[_outage(one, names, wording, now) for one in found],
            carriers=sorted(names.items(), key=lambda pair: pair[1]),
            tongues=[(locale, LANGUAGE_NAMES[locale]) for locale in LOCALES],
            filled={name: form.one(name) for name in ("carrier", "until", *(f"text_{locale}" for locale in LOCALES))},
            longest=outages.LONGEST_TEXT,
            mistake=wording.problem(problem, who=who) if problem else None,
        )


def _row(ticket: Ticket, wording: Wording, now: datetime) -> Row:
    waits = ticket.state is TicketState.WAITS_FOR_US
    return Row(
        id=ticket.id,
        reference=ticket.reference,
        topic=_care(wording, f"topic.{ticket.topic.value}"),
        state=_care(wording, f"ticket.{ticket.state.value}"),
        waits=wording.age(ticket.changed_at, now),
        late=waits and now - ticket.changed_at > WITHIN,
        language=LANGUAGE_NAMES.get(ticket.locale, ticket.locale),
        order=ticket.order_id or "",
    )


def _said(thread: Thread, wording: Wording, names: Mapping[str, str]) -> list[tuple[bool, str, str, str]]:
    return [
        (
            one.author == STAFF,
            names.get(one.by or "", one.by or "") if one.author == STAFF else wording.text("ticket_writer"),
            wording.moment(one.at),
            one.text,
        )
        for one in thread.messages
    ]


def _facts(ticket: Ticket, wording: Wording) -> list[tuple[str, str]]:
    """What was found out on the way to the ticket, in the reader's words."""
    found = []
    for name, value, was_asked in ticket.evidence.get("steps", ()):
        kind = "ask" if was_asked else "fact"
        what = translate(wording.locale, "care", f"{kind}.{name}", number="…")
        found.append((what, _care(wording, f"{kind}.{name}.{value}")))
    return found


def _care(wording: Wording, message: str) -> str:
    return _care_in(wording.locale, message)


def _care_in(locale: str, message: str) -> str:
    return translate(locale, "care", message)


@dataclass(frozen=True, slots=True)
class Announced:
    """An outage in words; `open` where it is not over."""

    id: str
    carrier: str
    text: str
    since: str
    until: str
    open: bool


def _outage(one: Outage, names: Mapping[str, str], wording: Wording, now: datetime) -> Announced:
    return Announced(
        id=one.id,
        carrier=names.get(one.carrier_id, one.carrier_id),
        text=name_in(one.texts, locale=wording.locale),
        since=wording.moment(one.starts_at),
        until=wording.moment(one.ends_at) if one.ends_at else "",
        open=not one.over and (one.ends_at is None or one.ends_at > now),
    )


def _local(text: str, zone: str) -> datetime | None:
    """A moment as a form has it, by the console's clock; raises Invalid `moment_unreadable`."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        raise Invalid("moment_unreadable") from None
