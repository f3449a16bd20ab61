"""What waits to be done by itself, and what was given up: how much, how old, why, and what is safe to do."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.channels.console.rendering import Look, asked_of, wording_of
from topup.channels.console.wording import Wording
from topup.charging.queues import QUEUES as OF_CHARGING
from topup.fulfilment.queues import QUEUES as OF_FULFILMENT
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.ids import InvalidId, check_id, is_id, lane_of
from topup.lines.queues import QUEUES as OF_LINES
from topup.notifications import parked
from topup.notifications.parked import MESSAGE_PARKED, Parked
from topup.notifications.queues import QUEUES as OF_NOTIFICATIONS
from topup.orders.following_up import FollowingUp
from topup.orders.post_room import PostRoom
from topup.orders.queues import QUEUES as OF_ORDERS
from topup.payments.queues import QUEUES as OF_PAYMENTS
from topup.payments.queues import Rejected, rejected, rejected_count
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform import queues
from topup.platform.database import Database
from topup.platform.i18n import has_text, translate
from topup.platform.queues import COUNTED, Standing, Swept, Waiting
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.shops.queues import QUEUES as OF_SHOPS
from topup.work import trail
from topup.work.approvals import checked_reason
from topup.work.operations import Decision, list_anew
from topup.work.queries import Item, Sought, sought_items
from topup.work.queries import item as item_of

QUEUES: Final = (
    *OF_PAYMENTS, *OF_FULFILMENT, *OF_ORDERS, *OF_NOTIFICATIONS, *OF_LINES, *OF_CHARGING, *OF_SHOPS
)  # fmt: skip
PARKED_MESSAGES: Final = "parked-messages"
PARKED_EVENTS: Final = "parked-events"
QUARANTINE: Final = "quarantine"
_EVENT_PARKED: Final = "event_parked"
_LISTED: Final = 100
_LATE: Final = timedelta(minutes=5)
"""Due for so long, it waits for want of somebody to do it."""
_DOMAIN: Final = "queues"
_DONE: Final = ("sent", "handed", "told")


@dataclass(frozen=True, slots=True)
class Row:
    """A queue, or what was given up: how much, and how old; `late` where that is longer than it should be."""

    name: str
    called: str
    means: str
    count: str
    oldest: str
    next_at: str
    late: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a list: what it is, where it leads, since when it waits, and why it does."""

    id: str
    what: str
    link: str
    since: str
    due: str
    why: str
    can: tuple[str, ...]


class QueuePages:
    """The queues."""

    def __init__(self, *, look: Look, database: Database, post_room: PostRoom, lanes: int) -> None:
        self._look = look
        self._database = database
        self._post_room = post_room
        self._lanes = lanes
        self._following_up = FollowingUp(database)

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """All of them."""
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            standing = [_row(one, await queues.standing(connection, one, now), wording, now) for one in QUEUES]
            messages = await parked.parked_count(connection, now)
            events = await sought_items(connection, Sought(kind=_EVENT_PARKED), limit=_LISTED)
            quarantine = await rejected_count(connection)
        given_up = [
            _given_up(PARKED_MESSAGES, *messages, wording, now),
            _given_up(PARKED_EVENTS, len(events), events[0].created_at if events else None, wording, now),
            _given_up(QUARANTINE, *quarantine, wording, now),
        ]
        return self._look.page(
            request, "queues.html", who=who, place="queues", q=_said(wording), rows=standing, given_up=given_up
        )

    async def one(self, request: WebRequest, who: SignedIn, form: Form, name: str) -> Page:
        """The list behind a number."""
        return await self._list(request, who, form, name)

    async def message(self, request: WebRequest, who: SignedIn, form: Form, message_id: str) -> Page:
        """Have a message that was given up sent again, or hand it to a person."""
        try:
            async with self._database.transaction() as transaction:
                connection, now = transaction.connection, transaction.now
                if form.one("act") == "hand":
                    reason = checked_reason(form.one("reason"))
                    found = await parked.one(connection, message_id)
                    facts = {"template": found.template, "state": found.state, "reason": reason, "handed_by": who.id}
                    await list_anew(connection, [Decision(found.lane, MESSAGE_PARKED, message_id, facts)], now)
                    action, done = "queue.message_handed_over", "handed"
                else:
                    found = await parked.try_again(connection, message_id, now)
                    action, done = "queue.message_tried_again", "sent"
                told = {
                    "template": found.template,
                    "before": found.state,
                    "after": "listed" if done == "handed" else "waiting",
                }
                await trail.write(connection, actor=who.id, action=action, subject=message_id, facts=told, now=now)
        except (Invalid, Conflict) as problem:
            return await self._list(request, who, form, PARKED_MESSAGES, problem=problem)
        return go_to(f"/console/queues/{PARKED_MESSAGES}?done={done}")

    async def event(self, request: WebRequest, who: SignedIn, form: Form, item_id: str) -> Page:
        """Tell once more what a gateway's or carrier's event said that could not be settled; what it settled stays."""
        item = await self._event(item_id)
        event = str(item.evidence.get("event", ""))
        await self._following_up.note_replay(who, item.subject, event=event)
        try:
            told = await self._post_room.replay(event, lanes=self._lanes)
        except NotFound as problem:
            return await self._list(request, who, form, PARKED_EVENTS, problem=problem)
        obstacles = [one.obstacle for one in told if one.obstacle]
        if obstacles:
            return await self._list(request, who, form, PARKED_EVENTS, problem=Conflict(obstacles[0]))
        return go_to(f"/console/queues/{PARKED_EVENTS}?done=told")

    async def _event(self, item_id: str) -> Item:
        try:
            lane = lane_of(check_id("work", item_id))
        except InvalidId:
            raise NotFound("work_item_unknown") from None
        async with self._database.read() as transaction:
            found = await item_of(transaction.connection, lane, item_id)
        if found is None or found.kind != _EVENT_PARKED:
            raise NotFound("work_item_unknown")
        return found

    async def _list(
        self, request: WebRequest, who: SignedIn, form: Form, name: str, *, problem: Problem | None = None
    ) -> Page:
        wording = wording_of(request, self._look.zone)
        entries = await self._entries(name, wording)
        say = _said(wording)
        return self._look.page(
            request,
            "queue.html",
            who=who,
            place="queues",
            status=422 if problem else 200,
            q=say,
            name=name,
            called=say(f"queue.{name}"),
            means=say(f"queue.{name}.help"),
            entries=entries,
            most=_LISTED,
            may=who.may(Permission.DECIDE_WORK),
            reason=form.one("reason"),
            done=asked_of(request, "done", _DONE),
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    async def _entries(self, name: str, wording: Wording) -> list[Entry]:
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            if name == PARKED_MESSAGES:
                found = await parked.parked(connection, now, limit=_LISTED)
                return [_message(one, wording, now) for one in found]
            if name == PARKED_EVENTS:
                events = await sought_items(connection, Sought(kind=_EVENT_PARKED), limit=_LISTED)
                return [_event(one, wording, self._post_room.sources) for one in events]
            if name == QUARANTINE:
                return [_rejected(one, wording) for one in await rejected(connection, limit=_LISTED)]
            queue = queues.named(QUEUES, name)
            if queue is None:
                raise NotFound("queue_unknown")
            return [_entry(one, wording) for one in await queues.waiting(connection, queue, limit=_LISTED)]


def _said(wording: Wording) -> Callable[..., str]:
    return lambda message_id, **parameters: translate(wording.locale, _DOMAIN, message_id, **parameters)


def _row(queue: Swept, standing: Standing, wording: Wording, now: datetime) -> Row:
    say = _said(wording)
    late = standing.oldest is not None and now - standing.oldest > _LATE
    return Row(
        queue.name,
        say(f"queue.{queue.name}"),
        say(f"queue.{queue.name}.help"),
        say("more_than", count=COUNTED) if standing.due > COUNTED else str(standing.due),
        wording.age(standing.oldest, now) if standing.oldest else "–",
        wording.moment(standing.next_at) if standing.next_at else "–",
        late,
    )


def _given_up(name: str, count: int, oldest: datetime | None, wording: Wording, now: datetime) -> Row:
    say = _said(wording)
    age = wording.age(oldest, now) if oldest else "–"
    return Row(name, say(f"queue.{name}"), say(f"queue.{name}.help"), str(count), age, "", late=bool(count))


def _entry(one: Waiting, wording: Wording) -> Entry:
    links = {"order": "/console/orders/", "line": "/console/lines/"}
    link = next((f"{path}{one.about}" for kind, path in links.items() if is_id(kind, one.about)), "")
    return Entry(one.id, one.about if link else "", link, wording.moment(one.since), wording.moment(one.due_at), "", ())


def _message(one: Parked, wording: Wording, now: datetime) -> Entry:
    say = _said(wording)
    template = f"template.{one.template}"
    what = say(template) if has_text(_DOMAIN, template) else one.template
    can = ("again", "hand") if one.of_use(now) else ("hand",)
    why = say(f"parked.{one.reason(now)}")
    return Entry(one.id, f"{what} · {say(f'by.{one.kind}')}", "", wording.moment(one.created_at), "", why, can)


def _event(one: Item, wording: Wording, sources: frozenset[str]) -> Entry:
    source, reason = str(one.evidence.get("from", "")), str(one.evidence.get("reason", ""))
    name = wording.method(source)
    can = ("replay",) if source in sources else ()
    return Entry(
        one.id, f"{name} · {one.evidence.get('event', '')}", f"/console/work/{one.id}", wording.moment(one.created_at),
        "", wording.value(reason), can,
    )  # fmt: skip


def _rejected(one: Rejected, wording: Wording) -> Entry:
    say, named = _said(wording), "rejected." + re.sub(r"[^a-z]+", "_", one.reason.lower())
    why = say(named if has_text(_DOMAIN, named) else "rejected.other")
    return Entry("", wording.method(one.method), "", wording.moment(one.received_at), "", why, ())
