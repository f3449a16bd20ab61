"""Codes of whoever is signed in: to add a line, to confirm that it is them, to give another number or address."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from topup.channels.web.account.entering import onward, said
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.visitors import caller_of
from topup.kernel.errors import Conflict, Invalid, NotFound, Throttled
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.lines.binding import Binding
from topup.people.subscribers.changes import Changes
from topup.people.subscribers.codes import OVER, CodeRefused, Purpose
from topup.people.subscribers.devices import Subscriber
from topup.platform.web import limit
from topup.platform.web.forms import Form

_PLACE: Final = "own-code"


class CodePages:
    """Asks for a code and does what it was asked for."""

    def __init__(self, *, changes: Changes, binding: Binding, keeping: Keeping, mailbox: str = "") -> None:
        self._changes = changes
        self._binding = binding
        self._keeping = keeping
        self._mailbox = mailbox
        self._done: dict[Purpose, Callable[[Subscriber, str, str], Awaitable[object]]] = {
            Purpose.BIND: lambda who, ticket, code: binding.bind(who, ticket=ticket, code=code),
            Purpose.CONFIRM: lambda who, ticket, code: changes.confirm(who, ticket=ticket, code=code),
            Purpose.EMAIL: lambda who, ticket, code: changes.set_email(who, ticket=ticket, code=code),
            Purpose.NUMBER: lambda who, ticket, code: changes.set_number(who, ticket=ticket, code=code),
        }

    async def send(
        self, request: WebRequest, who: Subscriber, purpose: Purpose, to: Msisdn | str, *, back: str
    ) -> Page:
        """Send a code and go to its page. Raises Throttled `too_many_codes`."""
        limit(request, "sign_in")
        locale = reader_of(request).wording.locale
        ticket = await self._ask(who, purpose, to, address=caller_of(request), locale=locale)
        where = to.e164 if isinstance(to, Msisdn) else to
        kept = {"purpose": purpose.value, "to": where, "ticket": ticket, "back": back}
        return go_to(f"/account/codes/{self._keeping.seal(kept, place=own_place(_PLACE, who))}")

    async def code(self, request: WebRequest, who: Subscriber, form: Form, token: str) -> Page:  # noqa: ARG002 - a page like the others
        """Asks for the code."""
        kept = self._keeping.open(token, place=own_place(_PLACE, who))
        where = kept["fields"]["to"]
        return page(
            request,
            "account/code.html",
            action=f"/account/codes/{token}",
            number=where if "@" in where else parse_msisdn(where).grouped(),
            mistake=said(request, kept),
            over=kept.get("code") == OVER,
            sent_again=bool(kept.get("sent_again")),
            other=kept["fields"]["back"],
            mailbox=self._mailbox,
        )

    async def take(self, request: WebRequest, who: Subscriber, form: Form, token: str) -> Page:
        """Do what the code was asked for."""
        limit(request, "sign_in")
        fields = self._keeping.open(token, place=own_place(_PLACE, who))["fields"]
        try:
            await self._done[Purpose(fields["purpose"])](who, fields["ticket"], form.one("code"))
        except (CodeRefused, NotFound, Conflict) as problem:
            return go_to(f"/account/codes/{self._keeping.seal(fields, place=own_place(_PLACE, who), problem=problem)}")
        return go_to(fields["back"])

    async def again(self, request: WebRequest, who: Subscriber, form: Form, token: str) -> Page:  # noqa: ARG002 - as above
        """Send another code to the same place."""
        limit(request, "sign_in")
        fields = self._keeping.open(token, place=own_place(_PLACE, who))["fields"]
        to = fields["to"] if "@" in fields["to"] else parse_msisdn(fields["to"])
        locale = reader_of(request).wording.locale
        more: dict[str, Any] = {"sent_again": True}
        try:
            fields["ticket"] = await self._ask(
                who, Purpose(fields["purpose"]), to, address=caller_of(request), locale=locale
            )
        except Throttled as problem:
            more = {"problem": problem}
        return go_to(f"/account/codes/{self._keeping.seal(fields, place=own_place(_PLACE, who), **more)}")

    async def confirm(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """Says that something grave needs to know who one is, and offers to send a code."""
        back = onward(request.query_params.get("back", ""))
        if who.fresh:
            return go_to(back)
        account = await self._changes.account(who)
        return page(
            request, "account/confirm.html", number=account.number.masked(), holds=account.holds_number, back=back
        )

    async def ask_confirmation(self, request: WebRequest, who: Subscriber, form: Form) -> Page:
        """Send the code to the account's number."""
        account = await self._changes.account(who)
        if not account.holds_number:
            raise Invalid("request_malformed")
        return await self.send(request, who, Purpose.CONFIRM, account.number, back=onward(form.one("back")))

    async def _ask(self, who: Subscriber, purpose: Purpose, to: Msisdn | str, *, address: str, locale: str) -> str:
        if purpose is Purpose.BIND and isinstance(to, Msisdn):
            return await self._binding.ask(who, to, address=address, locale=locale)
        return await self._changes.ask(who, purpose, to, address=address, locale=locale)
