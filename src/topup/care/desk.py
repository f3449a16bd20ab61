"""The desk where people are helped: what every channel calls. Whoever holds an id may call what takes it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from topup.care import tickets
from topup.care.diagnosis import Walk, walk
from topup.care.facts import Situation, card_value, line_value, network_value, order_value, payment_value
from topup.care.official import Judged, judge
from topup.care.outages import Outage, in_force, outages_now
from topup.care.requests import ASKED_FOR, Requested, evidence_of, taken_back
from topup.care.slowness import RunsWaited, Slow, runs_waited, slow_now
from topup.care.states import Topic
from topup.care.tickets import NewTicket, Thread, Ticket
from topup.care.waiting import Waiting, waiting
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.lines.barring import ref_of
from topup.lines.cards.queries import uses_of_line
from topup.lines.owners import owns
from topup.lines.queries import lines_now
from topup.orders.desk import Desk
from topup.orders.views import OrderView
from topup.people.contacts import parse_contact
from topup.people.operations import seal_contact
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.shops.places import Directory
from topup.shops.queries import Directories, Found, Wanted, look
from topup.work import trail

_DATA: Final = "DATA"
_FRESH: Final = timedelta(minutes=5)
_FRESH_NOW: Final = timedelta(minutes=1)
_MOST_ZONES: Final = 64


@dataclass(frozen=True, slots=True)
class PlacesView:
    """Places that fit what is looked for, and the directory they are from, at an instant."""

    directory: Directory
    found: list[Found]
    now: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks about: a matter, their order or their number as far as they told, and their answers.

    `subscriber_id` is who is signed in: of a line in their account they are told how it stands.
    """

    matter: str
    answers: Mapping[str, str]
    order_id: str = ""
    number: str = ""
    subscriber_id: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How far the walk came, what it is about, and what is announced of the carrier."""

    walk: Walk
    order: OrderView | None
    outages: tuple[Outage, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody writes: `contact` is where we may tell that there is an answer (empty: nowhere)."""

    key: str
    topic: Topic
    text: str
    locale: str
    contact: str = ""
    order_id: str = ""
    subscriber_id: str | None = None


class Care:
    """One process's desk. `public_url` is how the outside reaches us, without a slash at its end."""

    def __init__(
        self,
        *,
        database: Database,
        desk: Desk,
        catalogue: CatalogueCache,
        keys: KeyRing,
        lanes: int,
        public_url: str,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._desk = desk
        self._keys = keys
        self._lanes = lanes
        self._public_url = public_url
        self._directories = Directories()
        self._measured: dict[str, tuple[datetime, Waiting]] = {}
        self._slow: tuple[datetime, Slow | None] | None = None

    async def zone(self) -> str:
        """The IANA zone most carriers here are in: for times that belong to no line and no person."""
        async with self._database.read() as transaction:
            snapshot = await self._catalogue.current(transaction.connection)
        zones = Counter(carrier.document.time_zone for carrier in snapshot.carriers())
        return zones.most_common(1)[0][0] if zones else "UTC"

    # Places

    async def places(self, wanted: Wanted) -> PlacesView:
        """Where people are served."""
        async with self._database.read() as transaction:
            directory = await self._directories.current(transaction.connection)
            now = transaction.now
        return PlacesView(directory, look(directory, wanted, now), now)

    async def place(self, place_id: str) -> PlacesView:
        """One place; raises NotFound `place_unknown`."""
        async with self._database.read() as transaction:
            directory = await self._directories.current(transaction.connection)
            now = transaction.now
        only = directory.place(place_id)
        if only is None:
            raise NotFound("place_unknown")
        [found] = look(Directory(places=(only,)), Wanted(), now)
        return PlacesView(directory, [found], now)

    # What is the matter

    async def diagnose(self, asked: Asked) -> Diagnosis:
        """As far as our books and the answers lead. Raises NotFound `order_unknown`, `route_unknown`, and the refusals
        of a number that cannot be read.
        """
        order = await self._desk.get_order(order_id=asked.order_id) if asked.order_id else None
        carrier = order.carrier_id if order else await self._carrier(asked.number)
        async with self._database.read() as transaction:
            now = transaction.now
            announced = await outages_now(transaction.connection, [carrier] if carrier else [], now)
        values = {
            "order": order_value(order, now),
            "payment_begun": payment_value(order, now),
            "network": network_value(order, now),
            "outage": "now" if announced else "none" if carrier else "unknown",
        }
        number = asked.number or (order.msisdn.e164 if order else "")
        if asked.subscriber_id and number and await self._is_theirs(asked.subscriber_id, number):
            values |= await self._line(number)
        return Diagnosis(walk(asked.matter, Situation(values), asked.answers), order, tuple(announced), now)

    async def _carrier(self, number: str) -> str:
        """Of a number that somebody told; empty where they told none, or it is no carrier's of ours."""
        if not number:
            return ""
        try:
            return (await self._desk.number(text=number)).carrier_id
        except Invalid as problem:
            if problem.code == "number_not_served":
                return ""
            raise

    async def _is_theirs(self, subscriber_id: str, number: str) -> bool:
        e164 = parse_msisdn(number).e164
        async with self._database.read() as transaction:
            line = (await lines_now(transaction.connection, [e164])).get(e164)
            return line is not None and await owns(transaction.connection, subscriber_id=subscriber_id, line=line.ref)

    async def _line(self, number: str) -> dict[str, str]:
        try:
            forecast = await self._desk.line(number=number)
            balance = await self._desk.balance(number=number)
        except NotFound:
            return {}
        data = [bucket.available for bucket in balance.buckets if bucket.asset == _DATA]
        left = "unknown" if not data else "left" if sum(data) > 0 else "used_up"
        async with self._database.read() as transaction:
            uses = await uses_of_line(transaction.connection, ref_of(forecast.line_id))
            card = card_value(uses, transaction.now)
        return {"line": line_value(forecast.status), "card": card, "data": left}

    async def outages(self) -> tuple[list[Outage], datetime]:
        """What is announced and in force, and the time it is."""
        async with self._database.read() as transaction:
            return await in_force(transaction.connection, transaction.now), transaction.now

    # Tickets

    async def write(self, written: Written, *, evidence: Mapping[str, Any] | None = None, taken_by: str = "") -> Ticket:
        """Write to us; the same form makes one ticket. Raises Invalid `message_missing`, `message_too_long`,
        `contact_unreadable`; NotFound `order_unknown`. `taken_by`: who of the staff takes it down, for the trail.
        """
        order = await self._desk.get_order(order_id=written.order_id) if written.order_id else None
        found = dict(evidence or {}) | (dict(evidence_of(order)) if order else {})
        lane = tickets.lane_of_new(written.order_id or None, written.key, self._lanes)
        contact = parse_contact(written.contact) if written.contact.strip() else ""
        wanted = NewTicket(
            key=written.key,
            topic=written.topic,
            text=written.text,
            locale=written.locale,
            order_id=order.id if order else None,
            evidence=found,
            contact=seal_contact(self._keys, lane=lane, address=contact) if contact else None,
            subscriber_id=written.subscriber_id,
        )
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            ticket, is_new = await tickets.open_ticket(connection, wanted, now, keys=self._keys, lanes=self._lanes)
            if is_new and taken_by:
                facts = {"topic": ticket.topic, "order": ticket.order_id, **trail.change(None, {"state": ticket.state})}
                await trail.write(
                    connection, actor=taken_by, action="ticket.taken", subject=ticket.id, facts=facts, now=now
                )
        return ticket

    async def thread(self, ticket_id: str) -> Thread:
        """A ticket with all that was written, for whoever holds its id; raises NotFound `ticket_unknown`."""
        async with self._database.read() as transaction:
            ticket = await tickets.get(transaction.connection, ticket_id)
            return await tickets.thread(transaction.connection, ticket, keys=self._keys)

    async def write_again(self, ticket_id: str, text: str) -> Ticket:
        """Add to it. Raises NotFound `ticket_unknown`, Conflict `ticket_full`, Invalid `message_missing`,
        `message_too_long`.
        """
        async with self._database.transaction() as transaction:
            return await tickets.write_again(transaction.connection, ticket_id, text, transaction.now, keys=self._keys)

    async def solved(self, ticket_id: str) -> Ticket:
        """Whoever asked says that all is well; raises NotFound `ticket_unknown`."""
        async with self._database.transaction() as transaction:
            return await tickets.solve(transaction.connection, ticket_id, transaction.now)

    async def answer(self, ticket_id: str, text: str, *, by: str, solved: bool = False) -> Ticket:
        """What staff (the id `by`) writes back. Raises as `write_again`."""
        async with self._database.transaction() as transaction:
            return await tickets.answer(
                transaction.connection,
                ticket_id,
                text,
                transaction.now,
                by=by,
                keys=self._keys,
                public_url=self._public_url,
                solved=solved,
            )

    # What is asked for afterwards

    async def request(self, written: Written) -> Requested:
        """Take a top-up back (`wrong_number`) or have its money back (`refund`): at once as long as that can be, else
        by a ticket that a person answers. Of one order and one topic there is one ticket.

        Raises NotFound `order_unknown`; Conflict `nothing_to_recall`; Invalid as `write`, before anything is done.
        """
        if written.topic not in ASKED_FOR:
            raise ValueError(f"nothing is asked back with {written.topic}")
        tickets.checked(written.text)
        if written.contact.strip():
            parse_contact(written.contact)
        order = await self._desk.get_order(order_id=written.order_id)
        outcome, order = await taken_back(self._desk, order)
        if outcome is not None:
            return Requested(outcome, order)
        once = replace(written, key=f"{written.topic.value}:{order.id}")
        return Requested("ticket", order, await self.write(once, evidence={"matter": written.topic.value}))

    async def call_off(self, order_id: str) -> OrderView:
        """Call an order off, unpaid, or paid and not sent yet. Raises NotFound `order_unknown`; Conflict
        `nothing_to_recall`, `too_late_to_cancel`.
        """
        outcome, order = await taken_back(self._desk, await self._desk.get_order(order_id=order_id))
        if outcome is None:
            raise Conflict("too_late_to_cancel", status=order.status)
        return order

    async def tickets_of(self, order_id: str) -> list[Ticket]:
        """The tickets about an order, for whoever holds its id; raises NotFound `order_unknown`."""
        order = await self._desk.get_order(order_id=order_id)
        async with self._database.read() as transaction:
            return await tickets.of_order(transaction.connection, order.id)

    async def tickets_by(self, subscriber_id: str) -> list[Ticket]:
        """The tickets a subscriber wrote while signed in, the newest first."""
        async with self._database.read() as transaction:
            return await tickets.of_subscriber(transaction.connection, subscriber_id)

    # What is official, and when it is quickest

    async def judge(self, text: str) -> Judged:
        """Whether something is ours. A receipt's link comes back with its token, to be verified as anybody would."""
        async with self._database.read() as transaction:
            directory = await self._directories.current(transaction.connection)
        return judge(text, directory=directory, public_url=self._public_url)

    async def waiting(self, zone: str) -> Waiting:
        """How long top-ups took, by hour and day in an IANA zone."""
        async with self._database.read() as transaction:
            return await waiting(transaction.connection, zone=zone, now=transaction.now)

    async def runs_waited(self, zone: str) -> RunsWaited:
        """How long automatic top-ups waited lately and at months' ends, by the days of an IANA zone."""
        async with self._database.read() as transaction:
            return await runs_waited(transaction.connection, zone=zone, now=transaction.now)

    async def slow_now(self) -> Slow | None:
        """Whether top-ups take longer just now than they do. On the first screen of everybody: read once a minute."""
        now = await self._database.roughly_now()
        if self._slow is None or abs(now - self._slow[0]) > _FRESH_NOW:
            async with self._database.read() as transaction:
                self._slow = (now, await slow_now(transaction.connection, now))
        return self._slow[1]

    async def rush(self, zone: str) -> tuple[float, float] | None:
        """Whether top-ups take longer now than usual, in an IANA zone: within how many seconds nine of ten are credited
        at such a time, and at any. Asked for on the way to every payment, so it is read anew every few minutes only.
        """
        now = await self._database.roughly_now()
        known = self._measured.get(zone)
        # Either way: a clock that was set back must not keep what it measured before.
        if known is None or abs(now - known[0]) > _FRESH:
            known = (now, await self.waiting(zone))
            self._measured = {**(self._measured if len(self._measured) < _MOST_ZONES else {}), zone: known}
        slower, usual = known[1].slower_at(now), known[1].most_s
        return (slower, usual) if slower is not None and usual is not None else None
