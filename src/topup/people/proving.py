"""That somebody is still there: asked once more before what moves money, and to open a screen that they locked.

Promise: what needs it (`permissions.NEEDS_FRESH`) is done with a form only within `Lasting.fresh` of a code or a
passkey. Whoever shows one later is asked on a page of its own that holds all they typed, and then what they sent is
done: nothing is typed twice, with no script either. A locked screen shows nothing and does nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from topup.kernel.errors import Invalid, Problem, Throttled, Unauthenticated
from topup.people import sessions, staff_passkeys
from topup.people.sessions import Lasting, SignedIn
from topup.people.staff_passkeys import StaffPasskeys
from topup.people.stepping_up import StepUp
from topup.people.webauthn import FIELDS, PasskeyRefused, Site, sites_of
from topup.platform.database import Database
from topup.platform.i18n import translate
from topup.platform.keys import KeyRing
from topup.platform.web import client_address
from topup.platform.web.forms import Form
from topup.platform.web.limits import neighbourhood
from topup.platform.web.pages import Page, WebRequest
from topup.work import trail

CODE: Final = "proof_code"
PREFIX: Final = "proof_"
"""What the fields of a proof begin with; they are no part of the form that waits for it."""
CHALLENGE: Final = "/console/proof"
"""Where a page's script asks what a passkey shall sign."""
TEMPLATES: Final = Path(__file__).parent / "templates"
"""Where the page is that asks, which each room sets into its own frame."""
_DOMAIN: Final = "proving"
_SECRET: Final = frozenset({"password", "again"})


@dataclass(frozen=True, slots=True)
class Ask:
    """What a page asks for: where its form goes, what it carries along, what went wrong before."""

    action: str
    carried: Sequence[tuple[str, str]]
    locked: bool
    script: str
    """The path of the passkeys' script; empty where this person has none here."""
    problem: Problem | None
    challenge: str = CHALLENGE
    field: str = CODE
    prefix: str = PREFIX

    @property
    def status(self) -> int:
        """Of its page."""
        return 429 if isinstance(self.problem, Throttled) else 401


Asking = Callable[[WebRequest, SignedIn, Ask], Page]
"""A room's page that asks."""


class _Words(Protocol):
    @property
    def locale(self) -> str: ...

    def problem(self, problem: Problem) -> object: ...


def asking_page(page: Callable[..., Page], words_of: Callable[[WebRequest], _Words]) -> Asking:
    """The page by how a room looks and speaks. A locked screen has no menu: it shows nothing but who locked it."""

    def drawn(request: WebRequest, who: SignedIn, ask: Ask) -> Page:
        words = words_of(request)
        return page(
            request,
            "proving.html",
            who=None if ask.locked else who,
            status=ask.status,
            ask=ask,
            login=who.login,
            form_token=who.form_token,
            p=partial(translate, words.locale, _DOMAIN),
            mistake=words.problem(ask.problem) if ask.problem else None,
        )

    return drawn


class Proving:
    """Asks the staff of this installation. `script` is the path of the passkeys' script."""

    def __init__(
        self,
        *,
        database: Database,
        keyring: KeyRing,
        lasting: Lasting,
        public_url: str,
        script: Callable[[], str],
    ) -> None:
        self._database = database
        self._step_up = StepUp(database=database, keyring=keyring)
        self._sites = sites_of(public_url)
        self.passkeys = StaffPasskeys(database=database)
        self.lasting = lasting
        self.script = script

    async def proven(self, request: WebRequest, who: SignedIn, form: Form) -> SignedIn | Ask:
        """Who it is, fresh again by what their form carries; else what is to be asked of them."""
        try:
            if not await self._shown(request, who, form):
                return await self.ask(request, who, form)
        except (Unauthenticated, Throttled, PasskeyRefused) as problem:
            return await self.ask(request, who, form, problem=problem)
        return replace(who, fresh=True, locked=False)

    async def ask(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Ask:
        """What is to be asked before this form is done."""
        carried = [(name, value) for name, values in without_proof(form).values.items() for value in values]
        path = request.scope["path"]
        return Ask(path, carried, locked=False, script=await self._script(request, who), problem=problem)

    async def ask_to_unlock(
        self, request: WebRequest, who: SignedIn, *, at: str, back: str, problem: Problem | None = None
    ) -> Ask:
        """What is to be asked before a locked screen shows anything; `at` is the form's address, `back` the page."""
        carried = [("form_token", who.form_token), ("back", back)]
        return Ask(at, carried, locked=True, script=await self._script(request, who), problem=problem)

    async def lock(self, who: SignedIn) -> None:
        """Lock one's screen, in all rooms."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await sessions.lock(connection, session_id=who.session_id, now=now)
            facts = {"before": "open", "after": "locked"}
            await trail.write(connection, actor=who.id, action="staff.locked", subject=who.id, facts=facts, now=now)

    def site(self, request: WebRequest) -> Site | None:
        """The site that passkeys are for at this address; None where it can have none."""
        return self._sites.get(request.url.hostname or "")

    async def options(self, request: WebRequest, who: SignedIn) -> str:
        """What a passkey shall sign (JSON). Raises Invalid `request_malformed` where there can be none."""
        return await self.passkeys.options_to_prove(who, self.known_site(request))

    def known_site(self, request: WebRequest) -> Site:
        """The same as `site`; raises Invalid `request_malformed` where it can have none."""
        found = self.site(request)
        if found is None:
            raise Invalid("request_malformed")
        return found

    async def _shown(self, request: WebRequest, who: SignedIn, form: Form) -> bool:
        """Whether the form carries a proof, which held."""
        if form.one(f"{PREFIX}client_data"):
            fields = {name: form.one(PREFIX + name) for name in FIELDS}
            await self._by_passkey(request, who, fields)
            return True
        if not form.one(CODE):
            return False
        address = neighbourhood(client_address(request))
        await self._step_up.prove(who, code=form.one(CODE), address=address)
        return True

    async def _by_passkey(self, request: WebRequest, who: SignedIn, fields: dict[str, str]) -> None:
        try:
            await self.passkeys.prove(who, self.known_site(request), fields)
        except PasskeyRefused:
            async with self._database.transaction() as transaction:
                await trail.write(
                    transaction.connection,
                    actor=who.id,
                    action="staff.passkey_refused",
                    subject=who.id,
                    facts={},
                    now=transaction.now,
                )
            raise

    async def _script(self, request: WebRequest, who: SignedIn) -> str:
        if self.site(request) is None:
            return ""
        async with self._database.read() as transaction:
            there = await staff_passkeys.listed(transaction.connection, staff_id=who.id)
        return self.script() if there else ""


def without_proof(form: Form) -> Form:
    """The form as it was typed: without a proof, nor anything that a page must not hold."""
    return Form(
        {name: values for name, values in form.values.items() if not name.startswith(PREFIX) and name not in _SECRET}
    )
