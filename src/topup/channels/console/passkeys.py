"""Passkeys of staff as pages: made by a browser's script; without one there is no button, and a code does as well."""

from topup.channels.console.entering import EnteringPages, onward
from topup.channels.console.rendering import Look
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.people.doors import Doors, session_cookies, token_of
from topup.people.sessions import SignedIn
from topup.people.subscribers.browsers import name_of
from topup.people.webauthn import FIELDS, PasskeyRefused
from topup.platform.web import limit
from topup.platform.web.forms import Form, read_form
from topup.platform.web.pages import HEADERS, Page, WebRequest, go_to

ME = "/console/me"


class PasskeyPages:
    """One's own passkeys, and coming in with one."""

    def __init__(self, *, look: Look, doors: Doors, entering: EnteringPages) -> None:
        self._look = look
        self._doors = doors
        self._entering = entering
        self._proving = doors.proving

    async def ask_to_enter(self, request: WebRequest) -> Page:
        """What the browser shall sign to come in (JSON)."""
        limit(request, "sign_in")
        return _json(await self._proving.passkeys.options_to_enter(self._proving.known_site(request)))

    async def enter(self, request: WebRequest) -> Page:
        """Come in with what it signed."""
        limit(request, "sign_in")
        form = await read_form(request)
        back = onward(form.one("back"))
        before = token_of(request, secure=self._doors.secure) or None
        browser = name_of(request.headers.get("user-agent", ""))
        try:
            token = await self._proving.passkeys.enter(
                self._proving.known_site(request), _fields(form), browser=browser, before=before
            )
        except PasskeyRefused as problem:
            return self._entering.door_again(request, back=back, problem=problem)
        return go_to(back, cookies=session_cookies(token, secure=self._doors.secure, lasting=self._proving.lasting))

    async def ask_to_add(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """What the browser shall make a passkey for (JSON)."""
        limit(request, "sign_in")
        return _json(await self._proving.passkeys.options_to_add(who, self._proving.known_site(request)))

    async def add(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Keep what the browser made, under the name its owner gives it."""
        limit(request, "sign_in")
        try:
            await self._proving.passkeys.add(
                who, self._proving.known_site(request), _fields(form), name=form.one("name")
            )
        except (PasskeyRefused, Conflict, Invalid) as problem:
            return await self._entering.me_again(request, who, form, problem=problem)
        return go_to(ME)

    async def remove(self, request: WebRequest, who: SignedIn, form: Form, passkey_id: str) -> Page:
        """Take one away."""
        try:
            await self._proving.passkeys.remove(who, passkey_id=passkey_id)
        except (PasskeyRefused, NotFound) as problem:
            return await self._entering.me_again(request, who, form, problem=problem)
        return go_to(ME)


def _fields(form: Form) -> dict[str, str]:
    return {name: form.one(name) for name in FIELDS}


def _json(body: str) -> Page:
    return Page(body.encode(), media_type="application/json", headers=HEADERS)
