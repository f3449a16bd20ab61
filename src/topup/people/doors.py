"""The one door of staff: who is signed in, before every page and every form of the console and of the counter.

Promise: whoever is not signed in is led to the door and comes back after; what somebody's role may not do is refused;
what is done with a form, and what is refused to one, is in the audit trail; no form is taken that did not come from a
page of the same session; what moves money or decides on it waits until they have shown that they are still there
(`people.proving`).
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from typing import Final, Literal
from urllib.parse import quote

from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler

from topup.kernel.errors import Forbidden
from topup.people import sessions
from topup.people.permissions import NEEDS_FRESH, Permission
from topup.people.proving import Ask, Asking, Proving, without_proof
from topup.people.sessions import Lasting, SignedIn
from topup.platform.database import Database
from topup.platform.web import limit
from topup.platform.web.forms import Form, form_options, local_path, read_form
from topup.platform.web.pages import HEADERS, Page, WebRequest, go_to
from topup.work import trail

Show = Callable[..., Awaitable[Page]]
"""Shows a page to somebody signed in: takes the request, who it is, the form, and the parts of the address."""
Method = Literal["GET", "POST"]

FORM_TOKEN: Final = "form_token"  # noqa: S105 - the name of a field
SIGN_IN: Final = "/console/sign-in"
ROOMS: Final = ("/console", "/counter")
"""Where staff go; a session holds in all of them."""
WHO: Final = "signed_in"
"""Under this name a request's state has who is signed in, for the page of a failure."""
LOOKS: Final[Mapping[str, str]] = {
    "/counter/find": "a search; what is continued by it, its room writes",
    "/counter/sales/{quote_id}/change": "the change is worked out; nothing is booked by it",
    "/counter/cards": "a voucher card is looked up",
    "/counter/drawer/ready": "one shows that it is they; the proof itself is in the trail",
    "/console/proof": "what a passkey shall sign; the proof itself is in the trail",
    "/console/me/passkeys/challenge": "the same",
}
"""Forms that do nothing, each with what they are; all others are in the trail, by their room or by this door."""
POLLED: Final[Mapping[str, str]] = {
    "/console/live/part": "the board's script asks every few seconds",
    "/counter/sales/{quote_id}/state": "a sale's script asks as long as it is under way",
}
"""Addresses that pages ask for by themselves, each with when: whoever has left keeps no session awake by them."""
BY_ITSELF: Final = "by_itself"
"""What a page that is loaded anew by itself has in its address: that keeps no session awake either."""
_FORBIDDEN: Final = 403
_BAD: Final = 400
_LONGEST_ID: Final = 60
_HOST_COOKIE: Final = "__Host-topup_console"


class Door(Enum):
    """What an address needs that needs no permission."""

    OPEN = auto()
    """Nothing: it is how one comes in."""
    SIGNED_IN = auto()
    """A session, of whatever role; where it matters whose, the room behind looks."""
    FRESH = auto()
    """The same, of somebody who has shown lately that it is they: what the room behind looks at always needs that."""
    LOCKED = auto()
    """A session, also one whose screen is locked: the way out, and what a proof needs."""


Route = tuple[Method, str, Permission | Door, Show]


class Doors:
    """Lets pages be seen by who may see them. `secure`: they are reached over HTTPS alone."""

    def __init__(self, database: Database, *, secure: bool, proving: Proving, room: str, asking: Asking) -> None:
        self._database = database
        self.secure = secure
        self.proving = proving
        self._unlock = f"{room}/unlock"
        self._asking = asking

    async def who(self, request: WebRequest) -> SignedIn | None:
        """Who is signed in in this browser."""
        token = token_of(request, secure=self.secure)
        lasting = self.proving.lasting
        return await sessions.find(self._database, token, lasting=lasting, touching=not _by_itself(request))

    def handler(self, route: Route) -> HTTPRouteHandler:
        """The handler of a route, which asks first who is there."""
        method, path, needed, show = route
        guarded = show if needed is Door.OPEN else self.only(needed, show)

        # The framework copies its handlers deeply, so they are plain functions, which copying leaves alone.
        async def handle(request: WebRequest) -> Page:
            return await guarded(request, **request.path_params)

        opt = form_options(show)
        return HTTPRouteHandler(path, http_method=method, status_code=200, include_in_schema=False, opt=opt)(handle)

    def only(self, needed: Permission | Door, show: Show) -> Callable[..., Awaitable[Page]]:
        """`show`, for whoever is signed in and has what is needed, and for forms of their own pages.

        Who is not signed in is sent to the door, and comes back after; raises Forbidden `not_permitted`,
        `request_refused`.
        """

        async def guarded(request: WebRequest, **parts: str) -> Page:
            limit(request, "console")
            who = await self.who(request)
            if who is None:
                return go_to(_door(request))
            request.state[WHO] = who
            if who.locked and needed is not Door.LOCKED:
                return await self._locked(request, who)
            if isinstance(needed, Permission) and not who.may(needed):
                await self._note_refused(request, who)
                raise Forbidden("not_permitted", permission=needed.value)
            try:
                if request.method != "POST":
                    return await show(request, who, Form(), **parts)
                return await self._sent(request, who, needed, show, parts)
            except Forbidden:
                await self._note_refused(request, who)
                raise

        return guarded

    async def _sent(
        self, request: WebRequest, who: SignedIn, needed: Permission | Door, show: Show, parts: Mapping[str, str]
    ) -> Page:
        """What a form does, once it is shown that it is its sender's. Raises Forbidden `request_refused`."""
        form = await _own_form(request, who)
        if not who.fresh and needs_fresh(needed):
            found = await self.proving.proven(request, who, form)
            if isinstance(found, Ask):
                return self._asking(request, who, found)
            who, form = found, without_proof(form)
            request.state[WHO] = who
        with trail.noticing() as noticed:
            answer = await show(request, who, form, **parts)
        status = answer.status_code or _BAD
        if status == _FORBIDDEN:
            await self._note_refused(request, who)
        elif status < _BAD and not noticed and _page(request) not in LOOKS:
            await self._note(who, "staff.form", _about(parts) or who.id, _page(request))
        return answer

    async def lock(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Lock one's screen; what was on it is there again after."""
        await self.proving.lock(who)
        return go_to(room_path(form.one("back"), otherwise=_room_of(request)))

    async def unlock(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Open it again, by a code or a passkey."""
        back = room_path(form.one("back"), otherwise=_room_of(request))
        found = await self.proving.proven(request, who, form)
        if isinstance(found, SignedIn):
            return go_to(back)
        ask = await self.proving.ask_to_unlock(request, who, at=self._unlock, back=back, problem=found.problem)
        return self._asking(request, who, ask)

    async def challenge(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """What a passkey of theirs shall sign (JSON)."""
        limit(request, "sign_in")
        body = await self.proving.options(request, who)
        return Page(body.encode(), media_type="application/json", headers=HEADERS)

    async def _locked(self, request: WebRequest, who: SignedIn) -> Page:
        back = request.scope["path"] if request.method == "GET" else _room_of(request)
        return self._asking(request, who, await self.proving.ask_to_unlock(request, who, at=self._unlock, back=back))

    async def _note_refused(self, request: WebRequest, who: SignedIn) -> None:
        """That somebody tried to do what they may not, as the address says; its template, for parts may tell whose."""
        if request.method == "POST":
            await self._note(who, "staff.refused", who.id, _page(request))

    async def _note(self, who: SignedIn, action: str, subject: str, page: str) -> None:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await trail.write(connection, actor=who.id, action=action, subject=subject, facts={"page": page}, now=now)


def _page(request: WebRequest) -> str:
    """An address as the table has it: its parts may tell whose it is."""
    return str(request.scope.get("path_template", ""))


def _by_itself(request: WebRequest) -> bool:
    """Whether a page asks, and not who sits before it. A form is always sent by somebody."""
    return request.method == "GET" and (_page(request) in POLLED or BY_ITSELF in request.query_params)


def _about(parts: Mapping[str, str]) -> str:
    """The id that an address names; empty where it names none."""
    return next((value[:_LONGEST_ID] for name, value in parts.items() if name.endswith("_id")), "")


def needs_fresh(needed: Permission | Door) -> bool:
    """Whether a form of this address waits until its sender has shown that they are still there."""
    return needed is Door.FRESH or needed in NEEDS_FRESH


def session_cookies(token: str, *, secure: bool, lasting: Lasting) -> list[Cookie]:
    """The cookies that hold a session's token, or with an empty one end it: over HTTPS one that is bound to this very
    host, else one for each of the rooms.
    """
    names = {_HOST_COOKIE: "/"} if secure else {_plain_cookie(room): room for room in ROOMS}
    return [
        Cookie(
            key=name,
            value=token,
            max_age=int(lasting.longest.total_seconds()) if token else 0,
            path=path,
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        for name, path in names.items()
    ]


def token_of(request: WebRequest, *, secure: bool) -> str:
    """The token the browser holds; empty where it holds none. Over HTTPS a cookie without the prefix is nobody's."""
    room = _room_of(request)
    return request.cookies.get(_HOST_COOKIE if secure else _plain_cookie(room), "")


def _room_of(request: WebRequest) -> str:
    return next((room for room in ROOMS if request.scope["path"].startswith(room)), ROOMS[0])


def _plain_cookie(room: str) -> str:
    return f"topup_{room.removeprefix('/')}"


def room_path(path: str, *, otherwise: str) -> str:
    """`path` where it is in one of the rooms of staff, else `otherwise`."""
    found = local_path(path)
    return found if any(found == room or found.startswith(f"{room}/") for room in ROOMS) else otherwise


async def _own_form(request: WebRequest, who: SignedIn) -> Form:
    form = await read_form(request)
    if not who.sent(form.one(FORM_TOKEN)):
        raise Forbidden("request_refused")
    return form


def _door(request: WebRequest) -> str:
    path = request.scope["path"]
    return f"{SIGN_IN}?back={quote(path, safe='/')}" if request.method == "GET" else SIGN_IN
