"""Who is here: the cookie of a session, looked up before a page is made; pages only for who is signed in.

Pages ask `rendering.reader_of(request).subscriber`; a handler that needs somebody is wrapped in `Visitors.only`.
"""

from collections.abc import Awaitable, Callable
from typing import Final, cast
from urllib.parse import quote

from litestar.datastructures import Cookie

from topup.channels.web.rendering import SUBSCRIBER, Page, WebRequest, go_to, reader_of
from topup.kernel.errors import Forbidden
from topup.people.subscribers import devices
from topup.people.subscribers.browsers import name_of
from topup.people.subscribers.devices import Browser, Subscriber
from topup.people.subscribers.entering import Entered
from topup.platform.database import Database
from topup.platform.web import client_address, limit
from topup.platform.web.answers import Scope
from topup.platform.web.forms import Form, only_our_forms, read_form
from topup.platform.web.limits import neighbourhood

Show = Callable[..., Awaitable[Page]]
"""Shows a page to a subscriber: takes the request, who it is, the form, and the parts of the address."""

FORM_TOKEN: Final = "form_token"  # noqa: S105 - the name of a field
SIGN_IN: Final = "/account/sign-in"
_HERE: Final = "here"
_DEVICE: Final = "device"
_LONGEST_TOKEN: Final = 100


class Visitors:
    """Tells who is here. `secure`: the site is reached over HTTPS alone, and cookies are bound to this very host."""

    def __init__(self, database: Database, *, secure: bool) -> None:
        self._database = database
        self._prefix = "__Host-" if secure else ""
        self._secure = secure

    async def arrive(self, request: WebRequest) -> None:
        """Before every page: only our own forms, and who is here. Who holds no session costs no question."""
        await only_our_forms(request)
        token = self.token_of(request)
        if token:
            scope = cast("Scope", request.scope)
            scope[SUBSCRIBER] = await devices.find(self._database, token)

    def only(self, show: Show) -> Callable[..., Awaitable[Page]]:
        """`show`, for whoever is signed in, and for forms of their own pages; others go to the door, and come back.

        Raises Forbidden `request_refused`.
        """

        async def guarded(request: WebRequest, **parts: str) -> Page:
            limit(request, "read")
            who = reader_of(request).subscriber
            if who is None:
                return go_to(_door(request))
            form = await _own_form(request, who) if request.method == "POST" else Form()
            return await show(request, who, form, **parts)

        return guarded

    def fresh(self, show: Show) -> Callable[..., Awaitable[Page]]:
        """The same, for whoever has shown lately who they are; others do that first, and come back."""

        async def proven(request: WebRequest, who: Subscriber, form: Form, **parts: str) -> Page:
            if not who.fresh:
                path = request.scope["path"] if request.method == "GET" else "/account/safety"
                return go_to(f"/account/confirm?back={quote(path, safe='/')}")
            return await show(request, who, form, **parts)

        return self.only(proven)

    def browser_of(self, request: WebRequest) -> Browser:
        """What is known of the browser that wants to come in."""
        reader = reader_of(request)
        return Browser(
            mark=request.cookies.get(self._prefix + _DEVICE, "")[:_LONGEST_TOKEN],
            before=self.token_of(request),
            name=name_of(request.headers.get("user-agent", "")),
            locale=reader.wording.locale,
            elder=reader.elder,
        )

    def token_of(self, request: WebRequest) -> str:
        """The session's token the browser holds; empty where it holds none."""
        return request.cookies.get(self._prefix + _HERE, "")

    def cookies_of(self, entered: Entered) -> list[Cookie]:
        """What the browser of somebody who came in must hold."""
        return [self._cookie(_HERE, entered.token), self._cookie(_DEVICE, entered.mark)]

    def gone(self) -> Cookie:
        """The session's cookie, taken away; the device stays known."""
        return self._cookie(_HERE, "")

    def _cookie(self, name: str, value: str) -> Cookie:
        return Cookie(
            key=self._prefix + name,
            value=value,
            max_age=int(devices.LONGEST.total_seconds()) if value else 0,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._secure,
        )


def caller_of(request: WebRequest) -> str:
    """What counts as one caller: an address, or a subscriber's whole range of them."""
    return neighbourhood(client_address(request))


async def _own_form(request: WebRequest, who: Subscriber) -> Form:
    form = await read_form(request)
    if not who.sent(form.one(FORM_TOKEN)):
        raise Forbidden("request_refused")
    return form


def _door(request: WebRequest) -> str:
    """The door; after a page one looked at, with the way back to it."""
    path = request.scope["path"]
    return f"{SIGN_IN}?back={quote(path, safe='/')}" if request.method == "GET" else SIGN_IN
