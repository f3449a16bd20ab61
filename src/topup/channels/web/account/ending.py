"""The end of an account: what goes and what stays is said before, and for a while it can be taken back."""

from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.kernel.errors import Conflict
from topup.people.subscribers.changes import Changes
from topup.people.subscribers.devices import Subscriber
from topup.people.subscribers.leaving import Leaving
from topup.platform.web.forms import Form

_ZONE = "Asia/Shanghai"


class EndingPages:
    """Asks once more, and lets it end; or takes that back."""

    def __init__(self, *, changes: Changes, leaving: Leaving) -> None:
        self._changes = changes
        self._leaving = leaving

    async def ask(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """What goes and what stays."""
        return await self._show(request, who)

    async def end(self, request: WebRequest, who: Subscriber, form: Form) -> Page:
        """Let it end in three days, if it was meant."""
        if form.one("meant") != "yes":
            return await self._show(request, who, missing=True)
        try:
            await self._leaving.leave(subscriber_id=who.id)
        except Conflict:
            # The page says what is open, as it does before anybody asks.
            return await self._show(request, who)
        return go_to("/account/delete")

    async def stay(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """Take it back."""
        await self._leaving.stay(subscriber_id=who.id)
        return go_to("/account")

    async def _show(self, request: WebRequest, who: Subscriber, *, missing: bool = False) -> Page:
        account = await self._changes.account(who)
        standing = await self._leaving.standing(subscriber_id=who.id)
        at, wording = standing.leaves_at, reader_of(request).wording
        return page(
            request,
            "account/delete.html",
            status=422 if missing else 200,
            number=account.number.grouped(),
            leaves=wording.moment_in(at, who.zone or _ZONE) if at else "",
            unsettled=standing.unsettled,
            missing=missing,
        )
