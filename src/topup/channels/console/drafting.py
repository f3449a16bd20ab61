"""A draft of a carrier's file: what customers would notice, what a top-up would do, what two people decide of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from topup.catalogue.checking import CarrierFile, CatalogueMistakes
from topup.catalogue.operations import AlreadyPublished, fits
from topup.catalogue.publishing import history
from topup.catalogue.publishing.differences import differences, lines
from topup.catalogue.publishing.drafts import Draft, Drafts
from topup.catalogue.publishing.history import Published
from topup.catalogue.publishing.publications import PUBLISH, Publication, Publications, asking_for
from topup.catalogue.publishing.states import PublicationState
from topup.catalogue.reading import Mistake
from topup.catalogue.versions import CarrierVersion
from topup.channels.console.catalogue import PLACE
from topup.channels.console.differing import DOMAIN, Words
from topup.channels.console.foreseeing import Asked, choices, foreseen
from topup.channels.console.rendering import Look, asked, wording_of
from topup.channels.console.wording import Fact, Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.i18n import format_moment, translate
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work.approvals import Approval, Approvals

_MOST_APPROVALS: Final = 200


@dataclass(frozen=True, slots=True)
class _Seen:
    """A draft beside a version, None where there is none: the one in force, or the one that its publication was
    `decided` on by. `file` is None where its text is not taken any more.
    """

    draft: Draft
    base: Published | None
    decided: bool
    file: CarrierFile | None
    mistakes: Sequence[Mistake]
    same: bool
    now: datetime

    @property
    def against(self) -> int:
        return self.base.version if self.base else 0


class DraftPages:
    """One draft at a time."""

    def __init__(self, *, look: Look, database: Database, approvals: Approvals) -> None:
        self._look = look
        self._database = database
        self._approvals = approvals
        self._drafts = Drafts(database)
        self._publications = Publications(database)

    async def one(self, request: WebRequest, who: SignedIn, form: Form, draft_id: str) -> Page:
        """What differs from the version in force, what a top-up would do, and what can be done."""
        return await self._show(request, who, form, draft_id)

    async def ask(self, request: WebRequest, who: SignedIn, form: Form, draft_id: str) -> Page:
        """Ask that it be published: another decides."""
        try:
            wish = asking_for(
                draft_id=draft_id,
                against=int(form.one("against")) if form.one("against").isdecimal() else -1,
                starts=form.one("starts"),
                reason=form.one("reason"),
                form=form.one("form"),
            )
            made = await self._approvals.request(who, wish)
        except (Invalid, Conflict) as problem:
            return await self._show(request, who, form, draft_id, problem=problem)
        return go_to(f"/console/approvals/{made.id}")

    async def cancel(self, request: WebRequest, who: SignedIn, form: Form, publication_id: str) -> Page:
        """Call a planned publication off."""
        try:
            found = await self._publications.cancel(publication_id, by=who.id)
        except Conflict as problem:
            return await self._show(request, who, form, form.one("draft"), problem=problem)
        return go_to(f"/console/catalogue/drafts/{found.draft_id}")

    async def about(self, approval: Approval, wording: Wording) -> list[Fact]:
        """What somebody who decides should know, and did when they decided: when it begins, by the carrier's clocks,
        and how much differs from the version that it was compared with.
        """
        against = approval.facts.get("against")
        if not isinstance(against, int):
            return []
        try:
            seen = await self._seen(approval.subject, against=against)
        except NotFound:
            return []
        if seen.file is None:
            return []
        document = seen.file.document
        told = differences(seen.base.file(), seen.file) if seen.base else []
        text = partial(translate, wording.locale, DOMAIN)
        starts = str(approval.facts.get("starts_at") or "")
        begins = (
            format_moment(datetime.fromisoformat(starts), wording.locale, zone=document.time_zone)
            if starts
            else text("at_once")
        )
        said = Words(wording.locale, document).tally(told) if seen.base else text("new_carrier")
        return [
            Fact(text("begins"), begins, code=False),
            Fact(text("differences"), said, code=False),
        ]

    async def _seen(self, draft_id: str, *, against: int | None = None) -> _Seen:
        """A draft beside the version `against` that was decided by (0: none was there); None: beside what is in force,
        with what keeps it from being published.
        """
        draft, decided = await self._drafts.get(draft_id), against is not None
        async with self._database.read() as transaction:
            connection = transaction.connection
            if against is None:
                found = await history.in_force(connection, draft.carrier_id)
            else:
                found = await history.published(connection, draft.carrier_id, against) if against else None
            try:
                file = draft.file()
                mistakes, same = [] if decided else await fits(connection, file), False
            except CatalogueMistakes as trouble:
                file, mistakes, same = None, trouble.mistakes, False
            except AlreadyPublished:
                mistakes, same = [], True
            return _Seen(draft, found, decided, file, mistakes, same, transaction.now)

    async def _show(
        self, request: WebRequest, who: SignedIn, form: Form, draft_id: str, *, problem: Problem | None = None
    ) -> Page:
        publications = await self._publications.of_draft(draft_id)
        published = [one.against for one in publications if one.state is PublicationState.PUBLISHED]
        seen = await self._seen(draft_id, against=published[0] if published else None)
        wording = wording_of(request, self._look.zone)
        waiting = [
            one
            for one in await self._approvals.page(waiting=True, limit=_MOST_APPROVALS)
            if (one.kind, one.subject) == (PUBLISH, draft_id)
        ]
        planned = [one for one in await self._publications.planned() if one.carrier_id == seen.draft.carrier_id]
        people = [seen.draft.made_by, *(one.cancelled_by or "" for one in publications)]
        async with self._database.read() as transaction:
            names = await names_of(transaction.connection, people)
        may_publish = who.may(Permission.PUBLISH_CATALOGUE)
        return self._look.page(
            request,
            "draft.html",
            who=who,
            place=PLACE,
            status=200 if problem is None else 422 if isinstance(problem, Invalid) else 409,
            d=partial(translate, wording.locale, DOMAIN),
            draft=seen.draft,
            by=wording.actor(seen.draft.made_by, names),
            at=wording.moment(seen.draft.made_at),
            against=seen.against,
            mistakes=seen.mistakes,
            same=seen.same,
            decided=seen.decided,
            waiting=[(one.id, wording.moment(one.requested_at)) for one in waiting],
            publications=[_publication(one, seen.file, wording, names) for one in publications],
            other_planned=bool(planned) and planned[0].draft_id != draft_id,
            may_propose=who.may(Permission.PROPOSE_CATALOGUE),
            may_publish=may_publish,
            may_ask=may_publish and not (seen.mistakes or seen.same or seen.decided or waiting or planned),
            filled={name: form.one(name) for name in ("starts", "reason")},
            mistake=wording.problem(problem, who=who) if problem else None,
            **_compared(seen, request, wording),
        )


def _compared(seen: _Seen, request: WebRequest, wording: Wording) -> dict[str, Any]:
    """What differs, and what a top-up would do by either."""
    nothing: dict[str, Any] = {"sections": [], "tally": "", "lines": [], "choices": [], "foreseen": [], "zone": ""}
    typed = Asked(*(asked(request, name) for name in ("product", "amount", "balance", "on")))
    if seen.file is None:
        return nothing | {"name": seen.draft.carrier_id, "typed": typed}
    document = seen.file.document
    ready, before = CarrierVersion(document.id, 0, document), seen.base.ready() if seen.base else None
    told = differences(seen.base.file(), seen.file) if seen.base else []
    words = Words(wording.locale, document)
    return {
        "name": ready.name(wording.locale),
        "zone": document.time_zone,
        "currency": document.currency,
        "sections": words.sections(told),
        "tally": words.tally(told),
        "lines": lines(seen.base.source, seen.draft.source) if seen.base else [],
        "choices": choices([one for one in (before, ready) if one], wording.locale),
        "foreseen": foreseen(before, ready, typed, wording=wording, now=seen.now) if typed.something else [],
        "typed": typed,
    }


def _publication(one: Publication, file: CarrierFile | None, wording: Wording, names: dict[str, str]) -> dict[str, Any]:
    zone = file.document.time_zone if file else wording.zone
    return {
        "id": one.id,
        "state": one.state.value,
        "starts": format_moment(one.starts_at, wording.locale, zone=zone),
        "since": wording.moment(one.state_since),
        "version": one.version,
        "approval": one.approval_id,
        "why": one.why or "",
        "cancelled_by": wording.actor(one.cancelled_by, names) if one.cancelled_by else "",
    }
