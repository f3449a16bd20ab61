"""The door: signing in and out, and enrolling with the code that an administrator gave."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Final

import segno
from litestar import Response
from litestar.datastructures import Cookie
from markupsafe import Markup

from topup.channels.console.rendering import Look, assets, menu_of, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem, Throttled, Unauthenticated
from topup.people import sessions, staff_passkeys
from topup.people.credentials import SHORTEST_PASSWORD
from topup.people.doors import SIGN_IN, Doors, room_path, session_cookies, token_of
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.signing_in import Binding, Offered, SignIn
from topup.people.staff import recovery_left
from topup.people.subscribers.browsers import name_of
from topup.people.webauthn import Passkey, PasskeyRefused
from topup.platform.database import Database
from topup.platform.i18n import translate
from topup.platform.web import client_address, limit
from topup.platform.web.assets import FOR_EVER
from topup.platform.web.forms import Form, read_form
from topup.platform.web.limits import neighbourhood
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work import trail

FIRST_PAGE: Final = "/console"
_COUNTER: Final = "/counter"
_STATUSES: Final = {Invalid: 422, PasskeyRefused: 422, NotFound: 404}


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """Where one is signed in, in words."""

    id: str
    name: str
    door: str
    since: str
    seen: str
    own: bool
    locked: bool


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One of one's passkeys, in words; `used` is empty where it was not used yet."""

    id: str
    name: str
    made: str
    used: str


class EnteringPages:
    """Everything before one is in, and the way out."""

    def __init__(self, *, look: Look, doors: Doors, sign_in: SignIn, database: Database) -> None:
        self._look = look
        self._doors = doors
        self._sign_in = sign_in
        self._database = database
        self._proving = doors.proving

    async def first(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Where one begins: the first room that one's role may enter."""
        if who.may(Permission.KEEP_TILL) and not who.may(Permission.READ_WORK):
            return go_to(_COUNTER)
        rooms = menu_of(who)
        return go_to(f"/console/{rooms[0]}" if rooms else "/console/me")

    async def me(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Who one is here, where one is signed in, what one signs in with, and the way out."""
        return await self.me_again(request, who, form)

    async def me_again(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        """The same page, with what went wrong."""
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            places = await sessions.listed(connection, staff_id=who.id, lasting=self._proving.lasting, now=now)
            left = await recovery_left(connection, staff_id=who.id)
            keys = await staff_passkeys.listed(connection, staff_id=who.id)
        return self._look.page(
            request,
            "me.html",
            who=who,
            place="me",
            status=_STATUSES.get(type(problem), 409) if problem else 200,
            places=[_place(one, who, wording) for one in places],
            recovery=left,
            passkeys=[_key(one, wording) for one in keys],
            p=partial(translate, wording.locale, "proving"),
            script=self._proving.script() if self._proving.site(request) else "",
            name=form.one("name"),
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    async def end_one(self, request: WebRequest, who: SignedIn, form: Form, session_id: str) -> Page:
        """Sign one of one's other browsers out."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            if await sessions.end_one(connection, staff_id=who.id, session_id=session_id):
                facts = {"before": "open", "after": "ended"}
                action = "staff.signed_out_elsewhere"
                await trail.write(connection, actor=who.id, action=action, subject=session_id, facts=facts, now=now)
                return go_to("/console/me")
        return await self.me_again(request, who, form, problem=NotFound("session_unknown"))

    async def door(self, request: WebRequest) -> Page:
        """The form to sign in; who is in already goes on."""
        limit(request, "console")
        if await self._doors.who(request):
            return go_to(onward(request.query_params.get("back", "")))
        return self.door_again(request, back=onward(request.query_params.get("back", "")))

    async def sign_in(self, request: WebRequest) -> Page:
        """Begin a session with a token of its own, whatever the browser held before."""
        limit(request, "sign_in")
        form = await read_form(request)
        back = onward(form.one("back"))
        offered = Offered(form.one("login"), form.one("password"), form.one("code"))
        before = token_of(request, secure=self._doors.secure) or None
        try:
            token = await self._sign_in.sign_in(
                offered, address=_caller(request), browser=_browser(request), before=before
            )
        except (Unauthenticated, Throttled) as problem:
            return self.door_again(request, back=back, login=form.one("login"), problem=problem)
        return go_to(back, cookies=self._cookies(token))

    def door_again(self, request: WebRequest, *, back: str, login: str = "", problem: Problem | None = None) -> Page:
        """The form once more, with what went wrong."""
        wording = wording_of(request, self._look.zone)
        status = 200 if problem is None else 429 if isinstance(problem, Throttled) else 401
        script = self._proving.script() if self._proving.site(request) else ""
        answer = self._look.page(
            request,
            "sign_in.html",
            status=status,
            back=back,
            login=login,
            script=script,
            p=partial(translate, wording.locale, "proving"),
            mistake=wording.problem(problem) if problem else None,
        )
        if isinstance(problem, Throttled):
            answer.headers["Retry-After"] = str(problem.parameters["retry_after_s"])
        return answer

    async def sign_out(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """End this session, or with `everywhere` all of them."""
        everywhere = form.one("everywhere") == "yes"
        async with self._database.transaction() as transaction:
            action, facts = "staff.signed_out", {"before": 1, "after": 0}
            if everywhere:
                ended = await sessions.end_all(transaction.connection, staff_id=who.id)
                action, facts = "staff.signed_out_everywhere", {"before": ended, "after": 0}
            else:
                await sessions.end(transaction.connection, token_of(request, secure=self._doors.secure))
            await trail.write(
                transaction.connection, actor=who.id, action=action, subject=who.id, facts=facts, now=transaction.now
            )
        return go_to(SIGN_IN, cookies=self._cookies(""))

    async def invitation(self, request: WebRequest) -> Page:
        """The form for an enrolment code."""
        limit(request, "console")
        return self._look.page(request, "enrol.html", login="", mistake=None)

    async def bind(self, request: WebRequest) -> Page:
        """The page of a good code: scan the secret, choose a password."""
        limit(request, "sign_in")
        form = await read_form(request)
        login = form.one("login")
        try:
            binding = await self._sign_in.binding(login=login, code=form.one("enrolment"), address=_caller(request))
        except (Unauthenticated, Throttled) as problem:
            mistake = wording_of(request, self._look.zone).problem(problem)
            status = 429 if isinstance(problem, Throttled) else 401
            return self._look.page(request, "enrol.html", status=status, login=login, mistake=mistake)
        return self._binding(request, binding, enrolment=form.one("enrolment"))

    async def enrol(self, request: WebRequest) -> Page:
        """Take the password and the device's first code; shows the recovery codes, once."""
        limit(request, "sign_in")
        form = await read_form(request)
        enrolment = form.one("enrolment")
        account = await self._sign_in.invited(login=form.one("login"), code=enrolment)
        binding = self._sign_in.bound(account, _unsealed(form.one("device")))
        if form.one("password") != form.one("again"):
            return self._binding(request, binding, enrolment=enrolment, problem=Invalid("passwords_differ"))
        try:
            enrolled = await self._sign_in.enrol(
                binding,
                code=enrolment,
                password=form.one("password"),
                device_code=form.one("code"),
                browser=_browser(request),
            )
        except (Invalid, Conflict) as problem:
            return self._binding(request, binding, enrolment=enrolment, problem=problem)
        answer = self._look.page(request, "enrolled.html", recovery=enrolled.recovery)
        answer.cookies.extend(self._cookies(enrolled.token))
        return answer

    def _cookies(self, token: str) -> list[Cookie]:
        return session_cookies(token, secure=self._doors.secure, lasting=self._proving.lasting)

    def _binding(
        self, request: WebRequest, binding: Binding, *, enrolment: str, problem: Problem | None = None
    ) -> Page:
        mistake = wording_of(request, self._look.zone).problem(problem) if problem else None
        return self._look.page(
            request,
            "binding.html",
            status=422 if problem else 200,
            login=binding.staff.login,
            enrolment=enrolment,
            device=urlsafe_b64encode(binding.sealed).decode(),
            secret=" ".join(binding.secret[start : start + 4] for start in range(0, len(binding.secret), 4)),
            code=_qr(binding.address),
            shortest=SHORTEST_PASSWORD,
            mistake=mistake,
        )


async def asset(request: WebRequest, name: str) -> Page:
    """A file of the console by its name with the hash of its content."""
    found = next((one for one in assets().values() if one.path == f"/console/assets/{name}"), None)
    if found is None:
        raise NotFound("route_unknown")
    body, headers = found.encoded(request.headers.get("accept-encoding", ""))
    return Response(body, media_type=found.media_type, headers={"Cache-Control": FOR_EVER} | headers)


def onward(path: str) -> str:
    """A page for staff to go on to; anything else is the console's first one."""
    return room_path(path, otherwise=FIRST_PAGE)


def _browser(request: WebRequest) -> str:
    return name_of(request.headers.get("user-agent", ""))


def _place(one: sessions.Place, who: SignedIn, wording: Wording) -> PlaceRow:
    browser, _, system = one.name.partition(".")
    parts = {"browser": f"browser_{browser}", "system": f"system_{system}"}
    said = {part: translate(wording.locale, "account", text) for part, text in parts.items()}
    return PlaceRow(
        one.id,
        translate(wording.locale, "account", "device_name", **said),
        translate(wording.locale, "proving", f"door.{one.door}"),
        wording.moment(one.since),
        wording.moment(one.seen_at),
        own=one.id == who.session_id,
        locked=one.locked,
    )


def _key(one: Passkey, wording: Wording) -> KeyRow:
    return KeyRow(one.id, one.name, wording.moment(one.created_at), wording.moment(one.used_at) if one.used_at else "")


def _caller(request: WebRequest) -> str:
    return neighbourhood(client_address(request))


def _unsealed(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raise Invalid("request_malformed") from None


def _qr(address: str) -> Markup:
    """The secret as a picture for a device's camera. No style of its own: the page allows none."""
    drawn = BytesIO()
    segno.make(address, error="m").save(
        drawn, kind="svg", scale=1, border=2, xmldecl=False, svgns=True, omitsize=True, dark="#000", light="#fff"
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - drawn by us, of modules alone
