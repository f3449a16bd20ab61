"""Asking that somebody's account end, as they asked for it in writing: another decides."""

from topup.care.erasing import ERASURE, whose
from topup.channels.console.rendering import Look, wording_of
from topup.channels.console.wording import Fact, Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.msisdn import parse_msisdn
from topup.people.sessions import SignedIn
from topup.people.subscribers import accounts
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work.approvals import Approvals, Wish


class ErasurePages:
    """The form, and whose account a request is about."""

    def __init__(self, *, look: Look, database: Database, keyring: KeyRing, approvals: Approvals) -> None:
        self._look = look
        self._database = database
        self._keyring = keyring
        self._approvals = approvals

    async def form(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """The form to ask."""
        return self._asking(request, who, form)

    async def ask(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Ask that an account end."""
        try:
            subject = await self._account(form.one("number"))
            wish = Wish(ERASURE, subject, {}, form.one("reason"), form=form.one("form"))
            made = await self._approvals.request(who, wish)
        except (Invalid, Conflict, NotFound) as problem:
            return self._asking(request, who, form, problem=problem)
        return go_to(f"/console/approvals/{made.id}")

    async def about(self, subscriber_id: str, wording: Wording) -> list[Fact]:
        """Whose account it is, as far as who decides must know; nothing of one that is gone."""
        try:
            async with self._database.read() as transaction:
                meant = await whose(transaction.connection, self._keyring, subscriber_id)
        except NotFound:
            return []
        return [
            Fact(wording.text("field.number"), meant.number.masked(), code=True),
            Fact(wording.text("erase_since"), wording.moment(meant.since), code=False),
            Fact(wording.text("erase_lines"), str(meant.lines), code=False),
        ]

    async def _account(self, number: str) -> str:
        e164 = parse_msisdn(number).e164
        async with self._database.transaction() as transaction:
            found = await accounts.with_number(transaction.connection, self._keyring, e164=e164)
        if found is None:
            raise NotFound("account_unknown")
        return found.id

    def _asking(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "erase.html",
            who=who,
            place="erase",
            status=422 if problem else 200,
            filled={name: form.one(name) for name in ("number", "reason")},
            mistake=wording.problem(problem, who=who) if problem else None,
        )
