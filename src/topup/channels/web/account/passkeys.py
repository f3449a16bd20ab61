"""Passkeys: what a browser is asked, and what it answers. They are made by scripts alone; nobody needs one."""

from typing import Final

from topup.channels.web.account.devices import device_name
from topup.channels.web.account.entering import onward, welcomed
from topup.channels.web.forms import read_form
from topup.channels.web.rendering import HEADERS, Page, WebRequest, go_to, page, reader_of
from topup.channels.web.visitors import Visitors
from topup.kernel.errors import Invalid
from topup.people.subscribers import passkeys
from topup.people.subscribers.browsers import name_of
from topup.people.subscribers.devices import Subscriber
from topup.people.subscribers.passkeys import Passkeys
from topup.people.webauthn import FIELDS, PasskeyRefused, Site, sites_of
from topup.platform.database import Database
from topup.platform.web import limit
from topup.platform.web.forms import Form

PASSKEYS: Final = "/account/passkeys"


class PasskeyPages:
    """One's passkeys, and coming in with one."""

    def __init__(self, *, passkeys: Passkeys, visitors: Visitors, database: Database, public_url: str) -> None:
        self._passkeys = passkeys
        self._visitors = visitors
        self._database = database
        self._sites = sites_of(public_url)

    async def listed(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The passkeys, and a button to add one where there is a script."""
        async with self._database.read() as transaction:
            keys = await passkeys.listed(transaction.connection, subscriber_id=who.id)
            now = transaction.now
        wording, zone = reader_of(request).wording, who.zone or "Asia/Shanghai"
        shown = [(one, device_name(wording, one.name), wording.clock(one.created_at, zone, today=now)) for one in keys]
        refused = "refused" in request.query_params
        return page(request, "account/passkeys.html", passkeys=shown, possible=self.possible(request), refused=refused)

    async def ask_to_add(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """What the browser shall make a passkey for (JSON)."""
        limit(request, "sign_in")
        return _json(await self._passkeys.options_to_add(who, self._site(request)))

    async def add(self, request: WebRequest, who: Subscriber, form: Form) -> Page:
        """Keep what the browser made."""
        limit(request, "sign_in")
        name = name_of(request.headers.get("user-agent", ""))
        try:
            await self._passkeys.add(who, self._site(request), _fields(form), name=name)
        except PasskeyRefused:
            return go_to(f"{PASSKEYS}?refused=1")
        return go_to(PASSKEYS)

    async def remove(self, request: WebRequest, who: Subscriber, form: Form, passkey_id: str) -> Page:  # noqa: ARG002 - as above
        """Take one away."""
        await self._passkeys.remove(who, passkey_id=passkey_id)
        return go_to(PASSKEYS)

    async def ask_to_enter(self, request: WebRequest) -> Page:
        """What the browser shall sign to come in (JSON)."""
        limit(request, "sign_in")
        return _json(await self._passkeys.options_to_enter(self._site(request)))

    async def enter(self, request: WebRequest) -> Page:
        """Come in with what it signed."""
        limit(request, "sign_in")
        form = await read_form(request)
        back = onward(form.one("back"))
        browser = self._visitors.browser_of(request)
        try:
            entered = await self._passkeys.enter(self._site(request), _fields(form), browser=browser)
        except PasskeyRefused:
            return go_to(f"/account/sign-in?refused=passkey&back={back}")
        return welcomed(request, self._visitors, entered, back=back)

    def possible(self, request: WebRequest) -> bool:
        """Whether this address can have passkeys: a name can, a bare address cannot."""
        return (request.url.hostname or "") in self._sites

    def _site(self, request: WebRequest) -> Site:
        site = self._sites.get(request.url.hostname or "")
        if site is None:
            raise Invalid("request_malformed")
        return site


def _fields(form: Form) -> dict[str, str]:
    return {name: form.one(name) for name in FIELDS}


def _json(body: str) -> Page:
    return Page(body.encode(), media_type="application/json", headers=HEADERS)
