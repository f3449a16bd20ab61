"""Help with one order: what can be done about it, and what is asked for afterwards."""

from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from topup.care.desk import Care, Written
from topup.care.requests import can_ask
from topup.care.states import Topic
from topup.care.tickets import Ticket
from topup.channels.web.forms import read_form
from topup.channels.web.helping.speaking import Speech
from topup.channels.web.keeping import Keeping, problem_of
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.wording import Said
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.orders.desk import Desk
from topup.orders.states import OrderState
from topup.platform.web import limit

_TOPICS: Final = {"wrong-number": Topic.WRONG_NUMBER, "refund": Topic.REFUND}
_CALLABLE_OFF: Final = frozenset({OrderState.AWAITING_PAYMENT, OrderState.PAID, OrderState.DELIVERING})


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket in a list."""

    id: str
    reference: str
    topic: str
    state: str


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form held, and what is wrong with it."""

    text: str = ""
    contact: str = ""
    key: str = field(default_factory=lambda: str(uuid4()))
    wrong: Said | None = None
    wrong_field: str = ""


def ticket_row(ticket: Ticket, speech: Speech) -> TicketRow:
    """A ticket in a list."""
    topic, state = speech.care(f"topic.{ticket.topic.value}"), speech.care(f"ticket.{ticket.state.value}")
    return TicketRow(ticket.id, ticket.reference, topic, state)


def filled_of(keeping: Keeping, token: str, place: str, speech: Speech) -> Filled:
    """A form again as it was sent, with what is wrong; empty without a token."""
    if not token:
        return Filled()
    kept = keeping.open(token, place=place)
    problem = problem_of(kept)
    field_ = "contact" if problem and problem.code.startswith("contact_") else "text"
    wrong = speech.wording.problem(problem) if problem else None
    return Filled(kept.get("text", ""), kept["fields"]["contact"], kept["fields"]["key"], wrong, field_)


class OrderHelpPages:
    """Help that begins at an order: who holds its id may do this with it."""

    def __init__(self, care: Care, desk: Desk, keeping: Keeping) -> None:
        self._care = care
        self._desk = desk
        self._keeping = keeping

    async def index(self, request: WebRequest, order_id: str) -> Page:
        """What can be done about this order."""
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        order = await self._desk.get_order(order_id=order_id)
        rows = [ticket_row(one, speech) for one in await self._care.tickets_of(order.id)]
        trouble = request.query_params.get("trouble", "") == "too_late_to_cancel"
        return page(
            request,
            "help/order.html",
            h=speech.say,
            order_id=order.id,
            number=order.shown_number,
            state=speech.wording.order_text(f"state.{order.status}"),
            can_ask=can_ask(order),
            can_call_off=order.status in _CALLABLE_OFF,
            tickets=rows,
            trouble=speech.wording.problem(Conflict("too_late_to_cancel")) if trouble else None,
        )

    async def call_off(self, request: WebRequest, order_id: str) -> Page:
        """Call it off, as long as nothing was sent."""
        limit(request, "order")
        try:
            order = await self._care.call_off(order_id)
        except Conflict as problem:
            return go_to(f"/orders/{order_id}/help?trouble={problem.code}")
        return go_to(f"/orders/{order.id}")

    async def form(self, request: WebRequest, order_id: str, wish: str) -> Page:
        """Asking for it: what can be hoped for is said before."""
        limit(request, "read")
        topic = _topic(wish)
        speech = Speech(reader_of(request).wording)
        order = await self._desk.get_order(order_id=order_id)
        if not can_ask(order):
            raise Conflict("nothing_to_recall")
        arrived = order.status == OrderState.DELIVERED
        token = request.query_params.get("again", "")
        return page(
            request,
            "help/ask.html",
            h=speech.say,
            order_id=order.id,
            wish=wish,
            topic=topic.value,
            number=order.shown_number,
            arrived=arrived,
            filled=filled_of(self._keeping, token, _place(wish, order.id), speech),
        )

    async def ask(self, request: WebRequest, order_id: str, wish: str) -> Page:
        """Ask for it: at once where that can be; else it becomes a ticket."""
        limit(request, "order")
        topic = _topic(wish)
        form = await read_form(request)
        reader = reader_of(request)
        written = Written(
            key=form.one("key"),
            topic=topic,
            text=form.one("text"),
            locale=reader.wording.locale,
            contact=form.one("contact"),
            order_id=order_id,
            subscriber_id=reader.subscriber.id if reader.subscriber else None,
        )
        try:
            done = await self._care.request(written)
        except Invalid as problem:
            fields = {"contact": form.one("contact"), "key": form.one("key")}
            place = _place(wish, order_id)
            token = self._keeping.seal(fields, place=place, problem=problem, text=form.one("text"))
            return go_to(f"/orders/{order_id}/help/{wish}?again={token}")
        return go_to(f"/help/tickets/{done.ticket.id}" if done.ticket else f"/orders/{order_id}")


def _topic(wish: str) -> Topic:
    topic = _TOPICS.get(wish)
    if topic is None:
        raise NotFound("route_unknown")
    return topic


def _place(wish: str, order_id: str) -> str:
    return f"help:{wish}:{order_id}"
