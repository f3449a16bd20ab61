"""Tickets: what people write to us, with what was found out attached, and what we answer, in one thread.

A ticket's id is its writer's capability. What is written is sealed, and bound to its ticket and its place in the
thread.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from topup.care.states import TICKET, TicketState, Topic
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import InvalidId, check_id, is_id, lane_for, lane_of, new_id
from topup.notifications.operations import News, enqueue
from topup.people.operations import SealedContact, add_contacts, forget_contacts
from topup.people.queries import sealed_contacts
from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.platform.keys import CannotOpen, KeyRing
from topup.work.operations import Decision, close_for_person, list_for_person

LONGEST_MESSAGE: Final = 1_000
MOST_MESSAGES: Final = 100
MAXIMUM_PAGE: Final = 200
WRITER: Final = "writer"
STAFF: Final = "staff"
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_REFERENCE_LETTERS: Final = 8

_COLUMNS = (
    "lane, id, reference, topic, state, order_id, evidence, contact_id, subscriber_id, locale, messages, created_at,"
    " changed_at"
)
_INSERT = f"""
INSERT INTO care.tickets (lane, id, reference, key, topic, state, order_id, evidence, contact_id, subscriber_id, locale,
    messages, created_at, changed_at)
VALUES (%(lane)s, %(id)s, %(reference)s, %(key)s, %(topic)s, %(state)s, %(order)s, %(evidence)s, %(contact)s,
    %(subscriber)s, %(locale)s, 0, %(now)s, %(now)s)
ON CONFLICT (lane, key) DO NOTHING RETURNING {_COLUMNS}
"""
_KEYED = f"SELECT {_COLUMNS} FROM care.tickets WHERE lane = %s AND key = %s"
_ONE = f"SELECT {_COLUMNS} FROM care.tickets WHERE lane = %s AND id = %s"
_BY_REFERENCE = f"SELECT {_COLUMNS} FROM care.tickets WHERE reference = %s ORDER BY created_at DESC LIMIT 1"
_ALL = f"SELECT {_COLUMNS} FROM care.tickets ORDER BY changed_at DESC, id LIMIT %(limit)s"
_PAGE = f"""
SELECT {_COLUMNS} FROM care.tickets WHERE state = %(state)s ORDER BY changed_at DESC, id LIMIT %(limit)s
"""
_WAITING = f"""
SELECT {_COLUMNS} FROM care.tickets WHERE state = 'waits_for_us' ORDER BY changed_at, id LIMIT %s
"""
_COUNTS = "SELECT state, count(*) FROM care.tickets WHERE state <> 'solved' GROUP BY state"
_OF_ORDER = f"SELECT {_COLUMNS} FROM care.tickets WHERE lane = %s AND order_id = %s ORDER BY created_at, id"
_MESSAGES = "SELECT number, author, by, body, at FROM care.messages WHERE lane = %s AND ticket_id = %s ORDER BY number"
_OF_SUBSCRIBER = f"""
SELECT {_COLUMNS} FROM care.tickets WHERE subscriber_id = %s ORDER BY created_at DESC, id LIMIT %s
"""
_ERASE_MESSAGES = """
DELETE FROM care.messages AS m USING unnest(%b::smallint[], %b::text[]) AS gone (lane, id)
WHERE m.lane = gone.lane AND m.ticket_id = gone.id
"""
_UNNAME = """
UPDATE care.tickets AS t SET subscriber_id = NULL, contact_id = NULL, state = 'solved', changed_at = %s
FROM unnest(%b::smallint[], %b::text[]) AS gone (lane, id) WHERE t.lane = gone.lane AND t.id = gone.id
"""
_ADVANCE = f"""
UPDATE care.tickets SET state = %(state)s, messages = messages + %(more)s, changed_at = %(now)s
WHERE lane = %(lane)s AND id = %(id)s AND (state = ANY (%(sources)s) OR state = %(state)s)
    AND messages + %(more)s <= %(most)s RETURNING {_COLUMNS}
"""
_WRITE = """
INSERT INTO care.messages (lane, ticket_id, number, author, by, body, at) VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as it stands; `evidence` is what was found out: facts, answers and ids, nothing personal."""

    lane: int
    id: str
    reference: str
    topic: Topic
    state: TicketState
    order_id: str | None
    evidence: Mapping[str, Any]
    contact_id: str | None
    subscriber_id: str | None
    locale: str
    messages: int
    created_at: datetime
    changed_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "topic", Topic(self.topic))
        object.__setattr__(self, "state", TicketState(self.state))


@dataclass(frozen=True, slots=True)
class Message:
    """What was written, by whoever asked (`writer`) or by one of us (`staff`, whose id `by` is)."""

    number: int
    author: str
    by: str | None
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Thread:
    """A ticket with all that was written."""

    ticket: Ticket
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class NewTicket:
    """What somebody asks. `key` is that of their form; `contact` is where we may say that there is an answer."""

    key: str
    topic: Topic
    text: str
    locale: str
    order_id: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    contact: SealedContact | None = None
    subscriber_id: str | None = None


def lane_of_new(order_id: str | None, key: str, lanes: int) -> int:
    """The lane a ticket gets: its order's, else one that follows from its form's key."""
    return lane_of(order_id) if order_id and is_id("order", order_id) else lane_for(key, lanes)


async def open_ticket(
    connection: Connection, wanted: NewTicket, now: datetime, *, keys: KeyRing, lanes: int
) -> tuple[Ticket, bool]:
    """Write a ticket down with its first message, and put it on the work list. The second value says whether it was new
    (the same form makes one). Raises as `checked`.
    """
    text = checked(wanted.text)
    lane = lane_of_new(wanted.order_id, wanted.key, lanes)
    row = {
        "lane": lane,
        "id": new_id("ticket", lane),
        "reference": new_reference(),
        "key": wanted.key,
        "topic": wanted.topic.value,
        "state": TICKET.initial.value,
        "order": wanted.order_id,
        "evidence": Jsonb(dict(wanted.evidence)),
        "contact": wanted.contact.id if wanted.contact else None,
        "subscriber": wanted.subscriber_id,
        "locale": wanted.locale,
        "now": now,
    }
    made = await (await connection.execute(_INSERT, row)).fetchone()
    if made is None:
        known = await (await connection.execute(_KEYED, (lane, wanted.key))).fetchone()
        if known is None:
            raise RuntimeError("a ticket is neither new nor known")
        return Ticket(*known), False
    if wanted.contact is not None:
        await add_contacts(connection, [wanted.contact], now)
    ticket = await _said(connection, Ticket(*made), text, now, keys=keys, state=TICKET.initial)
    await _list(connection, ticket, now)
    return ticket, True


async def write_again(connection: Connection, ticket_id: str, text: str, now: datetime, *, keys: KeyRing) -> Ticket:
    """What whoever asked writes once more: it is our turn (again). Raises NotFound `ticket_unknown`, Conflict
    `ticket_full`, and as `checked`.
    """
    said = checked(text)
    ticket = await get(connection, ticket_id, lock=True)
    after = await _said(connection, ticket, said, now, keys=keys, state=TicketState.WAITS_FOR_US)
    if ticket.state is not TicketState.WAITS_FOR_US:
        await _list(connection, after, now)
    return after


async def answer(
    connection: Connection,
    ticket_id: str,
    text: str,
    now: datetime,
    *,
    by: str,
    keys: KeyRing,
    public_url: str,
    solved: bool = False,
) -> Ticket:
    """What one of us (the id `by`) writes; whoever asked hears of it where they left an address. Raises as
    `write_again`.
    """
    said = checked(text)
    ticket = await get(connection, ticket_id, lock=True)
    state = TicketState.SOLVED if solved else TicketState.ANSWERED
    after = await _said(connection, ticket, said, now, keys=keys, state=state, by=by)
    await _unlist(connection, ticket, now)
    await _tell(connection, after, now, public_url=public_url)
    return after


async def solve(connection: Connection, ticket_id: str, now: datetime) -> Ticket:
    """Nothing is left to do. Raises NotFound `ticket_unknown`."""
    ticket = await get(connection, ticket_id, lock=True)
    await _unlist(connection, ticket, now)
    return await _advanced(connection, ticket, TicketState.SOLVED, now, more=0)


async def get(connection: Connection, ticket_id: str, *, lock: bool = False) -> Ticket:
    """A ticket by its id; raises NotFound `ticket_unknown`."""
    try:
        lane = lane_of(check_id("ticket", ticket_id))
    except InvalidId:
        raise NotFound("ticket_unknown") from None
    row = await (await connection.execute(_ONE + (" FOR UPDATE" if lock else ""), (lane, ticket_id))).fetchone()
    if row is None:
        raise NotFound("ticket_unknown")
    return Ticket(*row)


async def find(connection: Connection, text: str) -> Ticket:
    """For staff: a ticket by its id or its reference; raises NotFound `ticket_unknown`."""
    if is_id("ticket", text):
        return await get(connection, text)
    row = await (await connection.execute(_BY_REFERENCE, (plain_reference(text),))).fetchone()
    if row is None:
        raise NotFound("ticket_unknown")
    return Ticket(*row)


async def thread(connection: Connection, ticket: Ticket, *, keys: KeyRing) -> Thread:
    """A ticket with all that was written, first to last. What cannot be opened any more is left out."""
    rows = await (await connection.execute(_MESSAGES, (ticket.lane, ticket.id))).fetchall()
    messages = []
    for number, author, by, body, at in rows:
        try:
            text = keys.unseal(bytes(body), _bound_to(ticket.id, number)).decode()
        except CannotOpen:
            continue
        messages.append(Message(number, author, by, text, at))
    return Thread(ticket, tuple(messages))


async def page(connection: Connection, *, state: TicketState | None, limit: int = 50) -> list[Ticket]:
    """For staff: tickets in a state, or all; those that changed last first, up to MAXIMUM_PAGE."""
    wanted = {"state": state.value if state else "", "limit": min(limit, MAXIMUM_PAGE)}
    return [Ticket(*row) for row in await (await connection.execute(_PAGE if state else _ALL, wanted)).fetchall()]


async def waiting(connection: Connection, *, limit: int = 50) -> list[Ticket]:
    """For staff: those that wait for us, the longest first, up to MAXIMUM_PAGE."""
    rows = await (await connection.execute(_WAITING, (min(limit, MAXIMUM_PAGE),))).fetchall()
    return [Ticket(*row) for row in rows]


async def counts(connection: Connection) -> dict[str, int]:
    """How many tickets wait in each state that is not over."""
    rows = await (await connection.execute(_COUNTS)).fetchall()
    return dict(rows)


async def of_order(connection: Connection, order_id: str) -> list[Ticket]:
    """The tickets about an order, first to last."""
    rows = await (await connection.execute(_OF_ORDER, (lane_of(order_id), order_id))).fetchall()
    return [Ticket(*row) for row in rows]


async def of_subscriber(connection: Connection, subscriber_id: str, *, limit: int = 50) -> list[Ticket]:
    """The tickets somebody wrote while signed in, the newest first, up to MAXIMUM_PAGE."""
    rows = await (await connection.execute(_OF_SUBSCRIBER, (subscriber_id, min(limit, MAXIMUM_PAGE)))).fetchall()
    return [Ticket(*row) for row in rows]


async def erase_writer(connection: Connection, subscriber_id: str, now: datetime) -> int:
    """Erase what a subscriber wrote and was answered, and where to write to them; how many tickets. That there were
    tickets, about which orders, stays: it names nobody any more.
    """
    mine = await of_subscriber(connection, subscriber_id, limit=MAXIMUM_PAGE)
    for ticket in mine:
        await _unlist(connection, ticket, now)
    places = [(ticket.lane, ticket.id) for ticket in mine]
    if places:
        await connection.execute(_ERASE_MESSAGES, columns(places))
        await connection.execute(_UNNAME, (now, *columns(places)))
        await forget_contacts(connection, [(ticket.lane, ticket.contact_id) for ticket in mine if ticket.contact_id])
    more = await erase_writer(connection, subscriber_id, now) if len(mine) == MAXIMUM_PAGE else 0
    return len(mine) + more


def checked(text: str) -> str:
    """A message as it is kept; raises Invalid `message_missing`, `message_too_long`."""
    plain = text.replace("\r\n", "\n").strip()
    if not plain:
        raise Invalid("message_missing")
    if len(plain) > LONGEST_MESSAGE:
        raise Invalid("message_too_long", longest=LONGEST_MESSAGE)
    return plain


def new_reference() -> str:
    """`K7QF-2M9T`: short enough to say, of letters nobody takes for another."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_REFERENCE_LETTERS))
    return f"{letters[:4]}-{letters[4:]}"


def plain_reference(text: str) -> str:
    """A reference as it was read out or typed."""
    letters = "".join(letter for letter in text.upper() if letter.isalnum())
    return f"{letters[:4]}-{letters[4:]}"


async def _said(
    connection: Connection,
    ticket: Ticket,
    text: str,
    now: datetime,
    *,
    state: TicketState,
    keys: KeyRing,
    by: str | None = None,
) -> Ticket:
    """Add a message of whoever asked, or of the staff `by`."""
    author = STAFF if by else WRITER
    after = await _advanced(connection, ticket, state, now, more=1)
    sealed = keys.seal(text.encode(), _bound_to(ticket.id, after.messages))
    await connection.execute(_WRITE, (ticket.lane, ticket.id, after.messages, author, by, sealed, now))
    return after


async def _advanced(connection: Connection, ticket: Ticket, state: TicketState, now: datetime, *, more: int) -> Ticket:
    parameters = {
        "lane": ticket.lane,
        "id": ticket.id,
        "state": state.value,
        "more": more,
        "now": now,
        "most": MOST_MESSAGES,
        "sources": [source.value for source in TICKET.sources(state)],
    }
    row = await (await connection.execute(_ADVANCE, parameters)).fetchone()
    if row is None:
        raise Conflict("ticket_full", most=MOST_MESSAGES)
    return Ticket(*row)


async def _list(connection: Connection, ticket: Ticket, now: datetime) -> None:
    evidence = {"ticket": ticket.id, "reference": ticket.reference, "order": ticket.order_id}
    found = Decision(ticket.lane, f"ticket_{ticket.topic.value}", _item_of(ticket), evidence)
    await list_for_person(connection, [found], now)


async def _unlist(connection: Connection, ticket: Ticket, now: datetime) -> None:
    """Off the work list, with whichever message it came there."""
    kind = f"ticket_{ticket.topic.value}"
    gone = [(ticket.lane, kind, f"{ticket.id}.{number}") for number in range(1, ticket.messages + 1)]
    await close_for_person(connection, gone, now)


def _item_of(ticket: Ticket) -> str:
    """What the work list calls it: each time it is our turn again is a thing to do of its own."""
    return f"{ticket.id}.{ticket.messages}"


async def _tell(connection: Connection, ticket: Ticket, now: datetime, *, public_url: str) -> None:
    if ticket.contact_id is None:
        return
    contacts = await sealed_contacts(connection, [(ticket.lane, ticket.contact_id)])
    contact = contacts.get(ticket.contact_id)
    if contact is None:
        return
    news = News(
        lane=ticket.lane,
        key=f"{ticket.id}:{ticket.messages}",
        sealed_address=contact.address,
        sealed_for=contact.id,
        locale=ticket.locale,
        template="ticket_answered",
        parameters={"reference": ticket.reference, "ticket_url": f"{public_url}/help/tickets/{ticket.id}"},
    )
    await enqueue(connection, [news], now)


def _bound_to(ticket_id: str, number: int) -> str:
    return f"{ticket_id}.{number}"
