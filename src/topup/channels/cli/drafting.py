"""`topup catalogue draft`, `drafts`, `diff`, `schedule` and `call-off`: a carrier's file on its way to be published by
two people, of whom one sits at this machine. The other decides at the console.
"""

import asyncio
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from topup.catalogue.checking import CatalogueMistakes, check
from topup.catalogue.operations import AlreadyPublished, fits
from topup.catalogue.publishing import history
from topup.catalogue.publishing.by_key import Change, changes
from topup.catalogue.publishing.drafts import Draft, Drafts, short
from topup.catalogue.publishing.history import Published
from topup.catalogue.publishing.publications import PUBLISH, Publication, Publications, asking_for, kind
from topup.catalogue.reading import Mistake
from topup.channels.cli.adjusting import CommandLine
from topup.channels.cli.exits import Exit
from topup.channels.cli.files import tell_mistakes
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import ID_WIDTH, err, out, print_json
from topup.channels.cli.speech import locale, say, say_problem
from topup.kernel.errors import Conflict
from topup.people.permissions import Permission
from topup.people.staff import names_of
from topup.platform.i18n import format_moment
from topup.platform.settings import Settings
from topup.work.approvals import MAXIMUM_PAGE, Approvals

_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class ScheduleAsked:
    """What was typed to have a draft published: `at` is a local time of its carrier's zone, empty: at once."""

    draft_id: str
    at: str
    reason: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Beside:
    """A draft beside the version in force, None where there is none; with what keeps it from being published."""

    draft: Draft
    base: Published | None
    mistakes: list[Mistake]
    same: Conflict | None

    @property
    def against(self) -> int:
        return self.base.version if self.base else 0

    def changes(self) -> list[Change]:
        before = tomllib.loads(self.base.source) if self.base else {}
        return changes(before, tomllib.loads(self.draft.source))


async def keep_draft(runtime: Runtime, settings: Settings, *, file: Path, note: str, as_json: bool) -> Exit:
    """Keep a carrier's file as a draft, and show what it would change. Raises those of `Drafts.keep` for the note."""
    try:
        carrier = await asyncio.to_thread(check, file)
    except CatalogueMistakes as found:
        return tell_mistakes(found, words="draft.mistakes")
    async with runtime.store(settings) as store:
        draft = await Drafts(store.database).keep(carrier, note=note, by=CommandLine().id)
        beside = await _beside(store, draft)
    if as_json:
        print_json(_json(beside))
        return Exit.DONE
    out.print(f"[green]✓[/] {escape(say('draft.kept', carrier=draft.carrier_id))}")
    out.print(f"  [dim]{say('draft.draft')}[/]  {draft.id}")
    _tell(beside)
    return Exit.DONE


async def list_drafts(runtime: Runtime, settings: Settings, *, carrier: str, as_json: bool) -> Exit:
    """The drafts of a carrier or of all, the newest first, each with what became of it."""
    async with runtime.store(settings) as store:
        found = await Drafts(store.database).page(carrier_id=carrier, limit=_MOST)
        became = [await Publications(store.database).of_draft(one.id) for one in found]
        open_ = await _approvals(store).page(waiting=True, limit=MAXIMUM_PAGE)
        waiting = {one.subject for one in open_ if one.kind == PUBLISH}
        async with store.database.read() as transaction:
            names = await names_of(transaction.connection, [one.made_by for one in found])
    states = [_state(one, past, waiting) for one, past in zip(found, became, strict=True)]
    if as_json:
        rows = zip(found, became, states, strict=True)
        print_json({"drafts": [_facts(one, names) | _publication(past, state) for one, past, state in rows]})
        return Exit.DONE
    if not found:
        out.print(say("draft.none"))
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("draft", "carrier", "state", "made_at", "by", "note"):
        table.add_column(say(f"draft.{heading}"), min_width=ID_WIDTH if heading == "draft" else None)
    for one, state in zip(found, states, strict=True):
        made = format_moment(one.made_at, locale(), zone=settings.time_zone)
        whose = escape(names.get(one.made_by, one.made_by))
        table.add_row(one.id, one.carrier_id, say(f"draft.state.{state}"), made, whose, escape(one.note))
    out.print(table)
    return Exit.DONE


async def show_draft(runtime: Runtime, settings: Settings, *, draft_id: str, as_json: bool) -> Exit:
    """What a draft would change. REFUSED where it cannot be published as it is; raises catalogue_draft_unknown."""
    async with runtime.store(settings) as store:
        beside = await _beside(store, await Drafts(store.database).get(draft_id))
    if as_json:
        print_json(_json(beside))
    else:
        _tell(beside)
    return Exit.REFUSED if beside.mistakes else Exit.DONE


async def schedule(runtime: Runtime, settings: Settings, asked: ScheduleAsked) -> Exit:
    """Ask that a draft be published, as it was compared with what is in force now: another decides, at the console.

    Raises those of `publications.kind` and of `Approvals.request`.
    """
    async with runtime.store(settings) as store:
        beside = await _beside(store, await Drafts(store.database).get(asked.draft_id))
        wish = asking_for(draft_id=asked.draft_id, against=beside.against, starts=asked.at, reason=asked.reason)
        made = await _approvals(store).request(CommandLine(), wish)
    if asked.as_json:
        starts = made.facts.get("starts_at")
        print_json(
            {"id": made.id, "draft": asked.draft_id, "against": beside.against, "starts_at": starts,
             "status": made.state.value, "expires_at": made.expires_at}
        )  # fmt: skip
        return Exit.UNRESOLVED
    out.print(f" [bold]…[/]  {escape(say('draft.asked'))}")
    out.print(f"    [dim]{say('adjust.request')}[/]  {made.id}")
    return Exit.UNRESOLVED


async def call_off(runtime: Runtime, settings: Settings, *, publication_id: str) -> Exit:
    """Call a planned publication off. Raises those of `Publications.cancel`."""
    async with runtime.store(settings) as store:
        found = await Publications(store.database).cancel(publication_id, by=CommandLine().id)
    out.print(f"[green]✓[/] {escape(say('draft.called_off', carrier=found.carrier_id))}")
    return Exit.DONE


def _approvals(store: Store) -> Approvals:
    request, approve = Permission.PUBLISH_CATALOGUE.value, Permission.APPROVE_CATALOGUE.value
    return Approvals(database=store.database, kinds=[kind(request=request, approve=approve)])


async def _beside(store: Store, draft: Draft) -> _Beside:
    async with store.database.read() as transaction:
        connection = transaction.connection
        base = await history.in_force(connection, draft.carrier_id)
        try:
            return _Beside(draft, base, await fits(connection, draft.file()), None)
        except CatalogueMistakes as found:
            return _Beside(draft, base, found.mistakes, None)
        except AlreadyPublished as same:
            return _Beside(draft, base, [], same)


def _tell(beside: _Beside) -> None:
    """Key by key, as the files have it; the console says the same in words."""
    if beside.same is not None:
        out.print(f"  {escape(say_problem(beside.same)[0])}")
        return
    if beside.base is None:
        out.print(f"  {escape(say('draft.new_carrier'))}")
    else:
        found = beside.changes()
        out.print(f"  {escape(say('draft.compared', version=beside.against, count=len(found)))}")
        for one in found:
            out.print(f"  {escape(one.spelled)}: {escape(one.before or '–')} → [bold]{escape(one.after or '–')}[/]")
    for mistake in beside.mistakes:
        err.print(f"[red]{escape(mistake.file)}:{mistake.line}[/] {escape(mistake.reason)}")


def _json(beside: _Beside) -> dict[str, Any]:
    told = [] if beside.base is None else beside.changes()
    return _facts(beside.draft, {}) | {
        "against": beside.against,
        "changes": [{"key": one.spelled, "before": one.before, "after": one.after} for one in told],
        "mistakes": [{"line": one.line, "reason": one.reason} for one in beside.mistakes],
        "is_in_force": beside.same is not None,
    }


def _facts(draft: Draft, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": draft.id,
        "carrier": draft.carrier_id,
        "text": short(draft.fingerprint),
        "note": draft.note,
        "restores": draft.restores,
        "made_by": names.get(draft.made_by, draft.made_by),
        "made_at": draft.made_at,
    }


def _state(draft: Draft, became: list[Publication], waiting: set[str]) -> str:
    return became[0].state.value if became else "waits" if draft.id in waiting else "draft"


def _publication(became: list[Publication], state: str) -> dict[str, Any]:
    if not became:
        return {"state": state, "publication": None}
    latest = became[0]
    said = {"id": latest.id, "starts_at": latest.starts_at, "version": latest.version}
    return {"state": state, "publication": said}
