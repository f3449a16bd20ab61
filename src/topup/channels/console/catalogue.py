"""Carriers' files: what is in force and what is planned, versions with their texts, and new drafts."""

import asyncio
from functools import partial
from typing import Any, Final

from topup.catalogue.checking import CatalogueMistakes, check_bytes
from topup.catalogue.publishing import history
from topup.catalogue.publishing.differences import differences, lines
from topup.catalogue.publishing.drafts import Draft, Drafts, read_version
from topup.catalogue.publishing.history import Published
from topup.catalogue.publishing.publications import Publication, Publications
from topup.catalogue.reading import Mistake
from topup.channels.console.differing import DOMAIN, Words
from topup.channels.console.rendering import Look, asked, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.i18n import format_moment, translate
from topup.platform.web.forms import Form, long_form
from topup.platform.web.pages import Page, WebRequest, go_to

PLACE: Final = "catalogue"
LONGEST_TEXT: Final = 200_000
"""Characters of a file that a form takes; the longest example has under four thousand."""
_FORM_BYTES: Final = 3 * 3 * LONGEST_TEXT
"""Of a form with such a text: three bytes a character at most, each sent as three."""
_MISTAKES: Final = 100


class CataloguePages:
    """Carriers, their versions, and where a draft begins."""

    def __init__(self, *, look: Look, database: Database) -> None:
        self._look = look
        self._database = database
        self._drafts = Drafts(database)
        self._publications = Publications(database)

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Every carrier: the version in force, since when, and what is planned; and the newest drafts."""
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            carriers = await history.all_in_force(transaction.connection)
        planned = {one.carrier_id: one for one in await self._publications.planned()}
        new = [one for carrier, one in planned.items() if carrier not in {found.carrier_id for found in carriers}]
        return self._page(
            request,
            "catalogue.html",
            who,
            rows=[_carrier_row(one, planned.get(one.carrier_id), wording) for one in carriers],
            new=[
                {"carrier": one.carrier_id, "draft": one.draft_id, "starts": wording.moment(one.starts_at)}
                for one in new
            ],
            drafts=await self._draft_rows(await self._drafts.page(limit=10), wording),
        )

    async def carrier(self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str) -> Page:  # noqa: ARG002
        """One carrier: what is planned, its versions and its drafts."""
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            found = await history.in_force(transaction.connection, carrier_id)
            if found is None:
                raise NotFound("carrier_unknown")
            versions = await history.times_of(transaction.connection, carrier_id)
        planned = [one for one in await self._publications.planned() if one.carrier_id == carrier_id]
        made = {one.version: one for one in await self._publications.of_carrier(carrier_id, limit=100) if one.version}
        return self._page(
            request,
            "carrier.html",
            who,
            row=_carrier_row(found, planned[0] if planned else None, wording),
            zone=found.ready().document.time_zone,
            versions=[
                {
                    "number": number,
                    "since": wording.moment(at),
                    "draft": made[number].draft_id if number in made else "",
                }
                for number, at in versions
            ],
            drafts=await self._draft_rows(await self._drafts.page(carrier_id=carrier_id), wording),
        )

    async def version(self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str, version: str) -> Page:
        """One version: its text, what differed from the one before, and the form to publish it again."""
        return await self._version(request, who, form, carrier_id, version)

    async def restore(self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str, version: str) -> Page:
        """Make a draft of an earlier version's text."""
        try:
            made = await self._drafts.restore(
                carrier_id, read_version(version), note=form.one("note"), by=who.id, form=form.one("form")
            )
        except (Invalid, Conflict) as problem:
            return await self._version(request, who, form, carrier_id, version, problem=problem)
        except CatalogueMistakes as found:
            async with self._database.read() as transaction:
                text = (await history.published(transaction.connection, carrier_id, read_version(version))).source
            return self._new(request, who, text=text, note=form.one("note"), mistakes=found.mistakes)
        return go_to(f"/console/catalogue/drafts/{made.id}")

    async def new(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The form for a draft; with a carrier's or a draft's text to begin with, where the address names one."""
        draft_id, carrier_id = asked(request, "draft"), asked(request, "carrier")
        if draft_id:
            return self._new(request, who, text=(await self._drafts.get(draft_id)).source)
        async with self._database.read() as transaction:
            found = await history.in_force(transaction.connection, carrier_id)
        return self._new(request, who, text=found.source if found else "")

    @long_form(_FORM_BYTES)
    async def keep(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Check a text: every mistake with its line, or a draft."""
        text, note = form.whole("text"), form.one("note")
        try:
            if len(text) > LONGEST_TEXT:
                raise Invalid("catalogue_text_too_long", longest=LONGEST_TEXT)  # noqa: TRY301 - told beside the form
            file = await asyncio.to_thread(check_bytes, text.encode(), name="")
            made = await self._drafts.keep(file, note=note, by=who.id, form=form.one("form"))
        except CatalogueMistakes as found:
            return self._new(request, who, text=text, note=note, mistakes=found.mistakes)
        except Invalid as problem:
            return self._new(request, who, text=text, note=note, problem=problem)
        return go_to(f"/console/catalogue/drafts/{made.id}")

    def _new(
        self,
        request: WebRequest,
        who: SignedIn,
        *,
        text: str,
        note: str = "",
        mistakes: list[Mistake] | None = None,
        problem: Problem | None = None,
    ) -> Page:
        return self._page(
            request,
            "draft_new.html",
            who,
            problem,
            status=422 if mistakes or problem else 200,
            text=text,
            note=note,
            longest=LONGEST_TEXT,
            mistakes=(mistakes or [])[:_MISTAKES],
            count=len(mistakes or []),
        )

    async def _version(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        carrier_id: str,
        version: str,
        *,
        problem: Problem | None = None,
    ) -> Page:
        wording, number = wording_of(request, self._look.zone), read_version(version)
        async with self._database.read() as transaction:
            connection = transaction.connection
            found = await history.published(connection, carrier_id, number)
            before = await history.published(connection, carrier_id, number - 1) if number > 1 else None
            newest = await history.in_force(connection, carrier_id)
        told = differences(before.file(), found.file()) if before else []
        words = Words(wording.locale, found.ready().document)
        return self._page(
            request,
            "version.html",
            who,
            problem,
            row=_carrier_row(found, None, wording),
            text=found.source,
            sections=words.sections(told),
            tally=words.tally(told),
            lines=lines(before.source, found.source) if before else [],
            first=before is None,
            may_restore=who.may(Permission.PROPOSE_CATALOGUE) and newest is not None and newest.version != number,
            note=form.one("note"),
        )

    async def _draft_rows(self, drafts: list[Draft], wording: Wording) -> list[dict[str, Any]]:
        async with self._database.read() as transaction:
            names = await names_of(transaction.connection, [one.made_by for one in drafts])
        return [
            {
                "id": one.id,
                "carrier": one.carrier_id,
                "note": one.note,
                "by": wording.actor(one.made_by, names),
                "at": wording.moment(one.made_at),
                "state": await self._state(one),
            }
            for one in drafts
        ]

    async def _state(self, draft: Draft) -> str:
        """What became of a draft, by its latest publication; empty where nobody asked or nobody decided."""
        found = await self._publications.of_draft(draft.id)
        return found[0].state.value if found else ""

    def _page(
        self,
        request: WebRequest,
        template: str,
        who: SignedIn,
        problem: Problem | None = None,
        *,
        status: int = 200,
        **context: Any,
    ) -> Page:
        wording = wording_of(request, self._look.zone)
        if problem is not None:
            status = 422 if isinstance(problem, Invalid) else 409
        return self._look.page(
            request,
            template,
            who=who,
            place=PLACE,
            status=status,
            d=partial(translate, wording.locale, DOMAIN),
            may_propose=who.may(Permission.PROPOSE_CATALOGUE),
            mistake=wording.problem(problem, who=who) if problem else None,
            **context,
        )


def _carrier_row(found: Published, planned: Publication | None, wording: Wording) -> dict[str, Any]:
    """A carrier in words; what is planned in its own time as well."""
    ready = found.ready()
    own = partial(format_moment, locale=wording.locale, zone=ready.document.time_zone)
    return {
        "id": found.carrier_id,
        "name": ready.name(wording.locale),
        "version": found.version,
        "since": wording.moment(found.published_at),
        "planned": planned,
        "starts": wording.moment(planned.starts_at) if planned else "",
        "starts_own": own(planned.starts_at) if planned else "",
    }
