"""What one signs in with."""

from typing import Final

from topup.channels.web.account.entering import said
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import Page, WebRequest, go_to, page
from topup.kernel.errors import Invalid
from topup.people.credentials import SHORTEST_OWN
from topup.people.subscribers import passkeys
from topup.people.subscribers.changes import Changes
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.web import limit
from topup.platform.web.forms import Form

SAFETY: Final = "/account/safety"
_PLACE: Final = "password"


class SafetyPages:
    """Password and passkeys at a glance, and the password."""

    def __init__(self, *, database: Database, changes: Changes, keeping: Keeping) -> None:
        self._database = database
        self._changes = changes
        self._keeping = keeping

    async def safety(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The ways to sign in that this account has."""
        account = await self._changes.account(who)
        async with self._database.read() as transaction:
            keys = await passkeys.listed(transaction.connection, subscriber_id=who.id)
        return page(
            request,
            "account/safety.html",
            number=account.number.grouped(),
            holds=account.holds_number,
            has_password=account.has_password,
            passkeys=len(keys),
        )

    async def password(self, request: WebRequest, who: Subscriber, form: Form, token: str = "") -> Page:  # noqa: ARG002 - as above
        """The form for a password; with what was wrong with the last one, never with that one itself."""
        kept = self._keeping.open(token, place=own_place(_PLACE, who)) if token else {}
        account = await self._changes.account(who)
        return page(
            request,
            "account/password.html",
            here="/account/password",
            number=account.number.e164,
            has_password=account.has_password,
            shortest=SHORTEST_OWN,
            mistake=said(request, kept),
        )

    async def set_password(self, request: WebRequest, who: Subscriber, form: Form) -> Page:
        """Take the new password."""
        limit(request, "sign_in")
        try:
            await self._changes.set_password(who, form.values.get("password", [""])[0])
        except Invalid as problem:
            return go_to(f"/account/password/{self._keeping.seal({}, place=own_place(_PLACE, who), problem=problem)}")
        return go_to(SAFETY)

    async def remove_password(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """No password any more."""
        await self._changes.remove_password(who)
        return go_to(SAFETY)
