"""Tickets in the browser: writing to us, and the thread, by a link that is its writer's alone."""

from dataclasses import dataclass
from typing import Final

from topup.care.desk import Care, Written
from topup.care.states import TicketState, Topic
from topup.care.tickets import LONGEST_MESSAGE, STAFF, Thread
from topup.channels.web.forms import read_form
from topup.channels.web.helping.asking import filled_of, ticket_row
from topup.channels.web.helping.checking import TOPICS, Checked, CheckPages, checked_rows, evidence_of
from topup.channels.web.helping.speaking import Speech, zone_of
from topup.channels.web.keeping import Keeping, problem_of
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.kernel.errors import Conflict, Invalid
from topup.platform.request_keys import check_key
from topup.platform.web import limit

_PLACE: Final = "help:write"
_CHOSEN: Final = (Topic.OTHER, Topic.OFFICIAL)
"""What may be chosen without a walk that led here."""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """What was written."""

    ours: bool
    who: str
    paragraphs: list[str]
    time: str
    instant: str


@dataclass(frozen=True, slots=True)
class TicketSheet:
    """A ticket with its thread."""

    id: str
    reference: str
    topic: str
    state: str
    standing: str
    """Whose turn it is, in a sentence."""
    solved: bool
    messages: list[MessageRow]
    checked: list[Checked]
    order_id: str
    told: bool
    """Whether somebody is written to when there is an answer."""


class TicketPages:
    """Writing, and reading what we answered."""

    def __init__(self, care: Care, keeping: Keeping, checks: CheckPages) -> None:
        self._care = care
        self._keeping = keeping
        self._checks = checks

    async def form(self, request: WebRequest, about: str = "") -> Page:
        """A message to us; what a walk (the token `about`) found out comes along."""
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        checked: list[Checked] = []
        if about:
            diagnosis = await self._care.diagnose(self._checks.asked_of(about, request))
            checked = checked_rows(evidence_of(diagnosis), speech)
        filled = filled_of(self._keeping, request.query_params.get("again", ""), _PLACE, speech)
        topic = request.query_params.get("topic", "")
        return page(
            request,
            "help/write.html",
            h=speech.say,
            about=about,
            topic=topic if topic in _CHOSEN else Topic.OTHER.value,
            checked=checked,
            filled=filled,
            longest=LONGEST_MESSAGE,
        )

    async def write(self, request: WebRequest) -> Page:
        """Take it, and go to its thread; or back to the form with what is wrong."""
        limit(request, "order")
        form = await read_form(request)
        key = check_key(form.one("key"))
        reader = reader_of(request)
        about = form.one("about")
        topic, order_id, evidence = Topic.OTHER, "", {}
        if about:
            asked = self._checks.asked_of(about, request)
            evidence = evidence_of(await self._care.diagnose(asked))
            topic, order_id = TOPICS[asked.matter], asked.order_id
        elif form.one("topic") in _CHOSEN:
            topic = Topic(form.one("topic"))
        written = Written(
            key=key,
            topic=topic,
            text=form.one("text"),
            locale=reader.wording.locale,
            contact=form.one("contact"),
            order_id=order_id,
            subscriber_id=reader.subscriber.id if reader.subscriber else None,
        )
        try:
            ticket = await self._care.write(written, evidence=evidence)
        except Invalid as problem:
            fields = {"contact": form.one("contact"), "key": key}
            token = self._keeping.seal(fields, place=_PLACE, problem=problem, text=form.one("text"))
            return go_to(f"/help/write/{about}?again={token}" if about else f"/help/write?topic={topic}&again={token}")
        return go_to(f"/help/tickets/{ticket.id}")

    async def mine(self, request: WebRequest) -> Page:
        """What whoever is signed in wrote; others are told that each ticket has its own address."""
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        subscriber = reader_of(request).subscriber
        found = await self._care.tickets_by(subscriber.id) if subscriber else []
        return page(request, "help/tickets.html", h=speech.say, tickets=[ticket_row(one, speech) for one in found])

    async def ticket(self, request: WebRequest, ticket_id: str) -> Page:
        """The thread, for whoever holds its address."""
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        thread = await self._care.thread(ticket_id)
        token = request.query_params.get("again", "")
        problem = problem_of(self._keeping.open(token, place=ticket_id)) if token else None
        wrong = speech.wording.problem(problem) if problem else None
        return page(
            request,
            "help/ticket.html",
            h=speech.say,
            ticket=_sheet(thread, speech, await zone_of(self._care, request)),
            wrong=wrong,
            longest=LONGEST_MESSAGE,
        )

    async def add(self, request: WebRequest, ticket_id: str) -> Page:
        """Write once more."""
        limit(request, "order")
        form = await read_form(request)
        try:
            ticket = await self._care.write_again(ticket_id, form.one("text"))
        except (Invalid, Conflict) as problem:
            token = self._keeping.seal({}, place=ticket_id, problem=problem)
            return go_to(f"/help/tickets/{ticket_id}?again={token}")
        return go_to(f"/help/tickets/{ticket.id}")

    async def solved(self, request: WebRequest, ticket_id: str) -> Page:
        """All is well."""
        limit(request, "order")
        ticket = await self._care.solved(ticket_id)
        return go_to(f"/help/tickets/{ticket.id}")


def _sheet(thread: Thread, speech: Speech, zone: str) -> TicketSheet:
    ticket = thread.ticket
    rows = [
        MessageRow(
            ours=message.author == STAFF,
            who=speech.say("from_us") if message.author == STAFF else speech.say("from_you"),
            paragraphs=[line for line in message.text.split("\n") if line.strip()],
            time=speech.wording.moment(message.at, zone),
            instant=message.at.isoformat(timespec="seconds"),
        )
        for message in thread.messages
    ]
    return TicketSheet(
        id=ticket.id,
        reference=ticket.reference,
        topic=speech.care(f"topic.{ticket.topic.value}"),
        state=speech.care(f"ticket.{ticket.state.value}"),
        standing=speech.care(f"ticket.{ticket.state.value}.more"),
        solved=ticket.state is TicketState.SOLVED,
        messages=rows,
        checked=checked_rows(ticket.evidence, speech),
        order_id=ticket.order_id or "",
        told=ticket.contact_id is not None,
    )
