"""Orders: found by anything a caller may know, and one of them with all that is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.channels.console.order_sheet import TONES, sheet_of
from topup.channels.console.rendering import Look, asked, asked_of, day_in, wording_of
from topup.channels.console.wording import Wording
from topup.channels.console.working import Piece
from topup.kernel.errors import Invalid, NotFound, Problem
from topup.kernel.ids import is_id
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.orders import finding
from topup.orders.dossier import dossier
from topup.orders.evidence import Evidence
from topup.orders.finding import PORTION, STATES, Mark, Row, Sought
from topup.orders.following_up import FollowingUp
from topup.orders.post_room import PostRoom
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform.database import Database
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to

PAGE: Final = 50
_DONE: Final = ("asked", "nothing_to_ask", "handed_over", "replayed")
"""What the page of an order can say was done."""


@dataclass(frozen=True, slots=True)
class Line:
    """One order of the list, in words."""

    id: str
    number: str
    state: str
    tone: str
    at: str
    age: str
    amount: str
    method: str
    channel: str
    channel_id: str
    carrier: str


class OrderPages:
    """What was ordered, and what became of it. `methods`: the gateways; `carriers`: those of the catalogue, by id."""

    def __init__(
        self,
        *,
        look: Look,
        database: Database,
        evidence: Evidence,
        post_room: PostRoom,
        lanes: int,
    ) -> None:
        self._look = look
        self._database = database
        self._evidence = evidence
        self._post_room = post_room
        self._following_up = FollowingUp(database)
        self._lanes = lanes

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Orders, newest first; one that an id or a reference names is shown at once."""
        wording = wording_of(request, self._look.zone)
        sought = _sought(request, wording.zone)
        async with self._database.read() as transaction:
            found = await finding.found(
                transaction.connection,
                sought,
                lanes=self._lanes,
                methods=self._post_room.methods,
                before=_mark(asked(request, "before")),
                limit=PAGE,
            )
            now = transaction.now
        if sought.text and len(found.rows) == 1 and _is_one(sought.text):
            return go_to(f"/console/orders/{found.rows[0].id}")
        return self._look.page(
            request,
            "orders.html",
            who=who,
            place="orders",
            rows=[_line(row, wording, now) for row in found.rows],
            sought=sought,
            since=asked(request, "since"),
            until=asked(request, "until"),
            states=list(STATES),
            methods=[(name, wording.method(name)) for name in self._post_room.methods],
            through=wording.moment(found.through) if found.through else "",
            portion=f"{PORTION:,}",
            more=_marked(found.after) if found.after else None,
        )

    async def one(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """One order with everything that is known of it."""
        return await self._sheet(request, who, form, order_id)

    async def ask_again(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:  # noqa: ARG002
        """Have everybody asked who has not said how their part ended."""
        count = await self._following_up.ask_again(who, order_id)
        return go_to(f"/console/orders/{order_id}?done={'asked' if count else 'nothing_to_ask'}")

    async def hand_over(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """Put it on the work list."""
        try:
            await self._following_up.hand_over(who, order_id, reason=form.one("reason"))
        except Invalid as problem:
            return await self._sheet(request, who, form, order_id, problem=problem)
        return go_to(f"/console/orders/{order_id}?done=handed_over")

    async def evidence(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """What gateways sent about it, word for word; the look is written down."""
        async with self._database.read() as transaction:
            known = await dossier(transaction.connection, order_id)
        events = [(one.source, one.id) for one in known.events]
        found = await self._evidence.of_events(who, subject=order_id, events=events)
        wording = wording_of(request, self._look.zone)
        pieces = [Piece(one.source, one.name, wording.moment(one.at), one.text) for one in found]
        return await self._sheet(request, who, form, order_id, sheets=pieces)

    async def replay(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """Tell once more what a stored event of it said."""
        async with self._database.read() as transaction:
            known = await dossier(transaction.connection, order_id)
        event = form.one("event")
        if event not in {one.id for one in known.events}:
            raise NotFound("event_unknown", event=event)
        await self._following_up.note_replay(who, order_id, event=event)
        told = await self._post_room.replay(event, lanes=self._lanes)
        obstacles = [one.obstacle for one in told if one.obstacle]
        problem = Invalid(obstacles[0]) if obstacles else None
        if problem is not None:
            return await self._sheet(request, who, form, order_id, problem=problem)
        return go_to(f"/console/orders/{order_id}?done=replayed")

    async def _sheet(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        order_id: str,
        *,
        problem: Problem | None = None,
        sheets: Sequence[Piece] | None = None,
    ) -> Page:
        if not is_id("order", order_id):
            raise NotFound("order_unknown")
        async with self._database.read() as transaction:
            known = await dossier(transaction.connection, order_id)
        wording = wording_of(request, self._look.zone)
        may = {
            "decide": who.may(Permission.DECIDE_WORK),
            "refund": who.may(Permission.REQUEST_REFUND) and known.view.status == "delivered",
            "evidence": who.may(Permission.READ_EVIDENCE) and bool(known.events),
            "work": who.may(Permission.READ_WORK),
        }
        return self._look.page(
            request,
            "order.html",
            who=who,
            place="orders",
            status=422 if problem else 200,
            order=sheet_of(known, wording),
            may=may,
            reason=form.one("reason"),
            done=asked_of(request, "done", _DONE),
            mistake=wording.problem(problem, who=who) if problem else None,
            sheets=sheets,
        )


def _sought(request: WebRequest, zone: str) -> Sought:
    state = asked(request, "state")
    since, until = (_begins(asked(request, name), zone) for name in ("since", "until"))
    return Sought(
        text=asked(request, "q"),
        state=state if state in STATES else "",
        channel=asked(request, "channel"),
        carrier=asked(request, "carrier"),
        method=asked(request, "method"),
        since=since,
        until=until + timedelta(days=1) if until else None,
    )


def _is_one(text: str) -> bool:
    """Whether a text names one order, so that a list of one would be a step too many: it is no number, no amount."""
    return not text.lstrip("+").replace(" ", "").replace(".", "").isdigit()


def _begins(text: str, zone: str) -> datetime | None:
    """The first moment of a day, as a form sends it; None for what is no day of an order."""
    day = day_in(text)
    return datetime.combine(day, time(), ZoneInfo(zone)) if day else None


def _marked(mark: Mark) -> str:
    return f"{mark.at.isoformat()}~{mark.id}"


def _mark(text: str) -> Mark | None:
    """The place behind which a page begins; None for what is no such place."""
    at, _, identifier = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return Mark(moment, identifier) if moment.tzinfo and is_id("order", identifier) else None


def _line(row: Row, wording: Wording, now: datetime) -> Line:
    paid = row.paid_minor is not None and row.paid_currency is not None
    amount = (row.paid_minor, row.paid_currency) if paid else (row.face_minor, row.currency)
    return Line(
        id=row.id,
        number=spaced(row.msisdn),
        state=wording.value(row.state),
        tone=TONES.get(row.state, ""),
        at=wording.moment(row.created_at),
        age=wording.age(row.created_at, now),
        amount=wording.money(*amount),  # type: ignore[arg-type]  # both are there
        method=wording.method(row.method) if row.method else "",
        channel=wording.channel(row.channel),
        channel_id=row.channel,
        carrier=row.carrier_id,
    )


def spaced(e164: str) -> str:
    """A number in its carrier's grouping."""
    try:
        return parse_msisdn(e164).grouped()
    except InvalidNumber:
        return e164
