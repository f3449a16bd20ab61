"""Publications: a draft becomes a version when a second person says so, at once or from an instant on.

What was agreed to is bound to the draft's fingerprint and to the version in force that it was compared with. Where
another was published in between it must be asked for anew; where that is found only at its time, a person is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from topup.catalogue.checking import CarrierFile, CatalogueMistakes
from topup.catalogue.operations import fits, one_at_a_time, publish
from topup.catalogue.publishing.drafts import Draft, draft, read_version, short, text_mark
from topup.catalogue.publishing.states import PUBLICATION, PublicationState
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import new_id
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction
from topup.work import trail
from topup.work.approvals import CONCERNED, Approval, Kind, Wish
from topup.work.operations import Decision, list_for_person

PUBLISH: Final = "catalogue_publication"
"""What is asked for: the subject is the draft."""
UNFIT: Final = "catalogue_unfit"
"""What a person is told of: a planned publication that did not fit at its time."""
FARTHEST: Final = timedelta(days=366)
CLOCK: Final = "clock"
"""Who publishes what is due."""
_LANE: Final = 0
_BEFORE_CANCEL: Final = crash_label("catalogue.cancel.before_commit")
_AFTER_CANCEL: Final = crash_label("catalogue.cancel.after_commit")
_BEFORE_DUE: Final = crash_label("catalogue.due.before_commit")
_AFTER_DUE: Final = crash_label("catalogue.due.after_commit")

_COLUMNS: Final = (
    "id, draft_id, carrier_id, against, fingerprint, starts_at, approval_id, asked_by, state, state_since,"
    " cancelled_by, why, version"
)
_INSERT: Final = f"""
INSERT INTO catalogue.publications ({_COLUMNS}) VALUES (%(id)s, %(draft)s, %(carrier)s, %(against)s, %(mark)s,
    %(starts_at)s, %(approval)s, %(asked_by)s, %(state)s, %(now)s, NULL, NULL, %(version)s)
"""
_ADVANCE: Final = """
UPDATE catalogue.publications SET state = %(state)s, state_since = %(now)s, cancelled_by = %(by)s, why = %(why)s,
    version = %(version)s
WHERE id = %(id)s AND state = ANY (%(sources)s) RETURNING id
"""
_ONE: Final = f"SELECT {_COLUMNS} FROM catalogue.publications WHERE id = %s FOR UPDATE"
_DUE: Final = f"""
SELECT {_COLUMNS} FROM catalogue.publications WHERE state = 'planned' AND starts_at <= %s
ORDER BY starts_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_PLANNED: Final = f"""
SELECT {_COLUMNS} FROM catalogue.publications WHERE state = 'planned' ORDER BY starts_at, id
"""
_OF_CARRIER: Final = f"""
SELECT {_COLUMNS} FROM catalogue.publications WHERE carrier_id = %s ORDER BY state_since DESC, id DESC LIMIT %s
"""
_OF_DRAFT: Final = f"""
SELECT {_COLUMNS} FROM catalogue.publications WHERE draft_id = %s ORDER BY state_since DESC, id DESC
"""
_IS_PLANNED: Final = "SELECT starts_at FROM catalogue.publications WHERE carrier_id = %s AND state = 'planned'"
_TEXT_OF: Final = "SELECT source FROM catalogue.versions WHERE carrier_id = %s AND version = %s"
_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Publication:
    """What two people agreed to: the draft, the version in force they compared it with (0: none), when it begins.

    `version` is what it became; `why` the code of what did not fit.
    """

    id: str
    draft_id: str
    carrier_id: str
    against: int
    fingerprint: bytes
    starts_at: datetime
    approval_id: str
    asked_by: str
    state: PublicationState
    state_since: datetime
    cancelled_by: str | None
    why: str | None
    version: int | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", PublicationState(self.state))


def asking_for(*, draft_id: str, against: int, starts: str, reason: str, form: str = "") -> Wish:
    """The request to publish a draft that was compared with the version `against`.

    `starts` is a local time of the carrier's zone (`2026-12-01T00:00`), empty: at once.
    """
    return Wish(PUBLISH, draft_id, {"against": str(against), "starts": starts}, reason, form=form)


def kind(*, request: str, approve: str) -> Kind:
    """What can be asked for, by whom, and who decides: permissions of a room above this one. Whoever wrote the draft
    may ask and does not decide, whoever asked.
    """
    return Kind(PUBLISH, request, approve, _prepare, _execute)


async def _prepare(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:
    """Raises NotFound `catalogue_draft_unknown`; Conflict `catalogue_moved_on`, `catalogue_already_published`,
    `catalogue_unfit`, `catalogue_planned`; Invalid `catalogue_start_unreadable`, `catalogue_start_passed`,
    `catalogue_start_too_far`.
    """
    found = await draft(connection, wish.subject)
    file = _agreed(found, found.fingerprint)
    against = read_version(wish.facts.get("against", ""))
    await _check_fits(connection, file, against)
    await _check_not_planned(connection, found.carrier_id)
    starts = wish.facts.get("starts", "").strip()
    starts_at = read_start(starts, ZoneInfo(file.document.time_zone), now) if starts else None
    return {
        "carrier": found.carrier_id,
        "against": against,
        "fingerprint": found.fingerprint.hex(),
        "starts_at": starts_at.isoformat() if starts_at else None,
        CONCERNED: [found.made_by],
    }


async def _execute(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    """Publish it, or plan that. Raises as `_prepare`, and Conflict `catalogue_start_passed`."""
    connection, now, facts = transaction.connection, transaction.now, approval.facts
    found = await draft(connection, approval.subject)
    file = _agreed(found, bytes.fromhex(str(facts["fingerprint"])))
    against = int(facts["against"])
    await one_at_a_time(connection)
    await _check_not_planned(connection, found.carrier_id)
    starts_at = datetime.fromisoformat(str(facts["starts_at"])) if facts["starts_at"] else None
    if starts_at is not None and starts_at <= now:
        raise Conflict("catalogue_start_passed")
    await _check_fits(connection, file, against)
    told = await _told(connection, found, against)
    version = None if starts_at else await publish(connection, file, now, against=against)
    row = {
        "id": new_id("publication", _LANE),
        "draft": found.id,
        "carrier": found.carrier_id,
        "against": against,
        "mark": found.fingerprint,
        "starts_at": starts_at or now,
        "approval": approval.id,
        "asked_by": approval.requested_by,
        "state": (PublicationState.PUBLISHED if version else PublicationState.PLANNED).value,
        "now": now,
        "version": version,
    }
    await connection.execute(_INSERT, row)
    starts = {"starts_at": starts_at.isoformat()} if starts_at else {}
    return told | starts | {"publication": row["id"], "version": version}


class Publications:
    """The publications of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def planned(self) -> list[Publication]:
        """Those to come, the next one first: at most one of a carrier."""
        return await self._found(_PLANNED)

    async def of_carrier(self, carrier_id: str, *, limit: int = 20) -> list[Publication]:
        """Those of a carrier, the latest first."""
        return await self._found(_OF_CARRIER, carrier_id, min(limit, _MOST))

    async def of_draft(self, draft_id: str) -> list[Publication]:
        """What became of a draft, the latest first."""
        return await self._found(_OF_DRAFT, draft_id)

    async def cancel(self, publication_id: str, *, by: str) -> Publication:
        """Call a planned one off. Raises NotFound `catalogue_publication_unknown`, Conflict `catalogue_not_planned`."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            row = await (await connection.execute(_ONE, [publication_id])).fetchone()
            if row is None:
                raise NotFound("catalogue_publication_unknown")
            found = Publication(*row)
            if not PUBLICATION.permits(found.state, PublicationState.CANCELLED):
                raise Conflict("catalogue_not_planned")
            await _advance(connection, found, PublicationState.CANCELLED, by=by, now=now)
            facts = {
                "carrier": found.carrier_id,
                "starts_at": found.starts_at,
                "before": PublicationState.PLANNED.value,
                "after": PublicationState.CANCELLED.value,
                "publication": found.id,
            }
            about = found.draft_id
            await trail.write(connection, actor=by, action="catalogue.cancelled", subject=about, facts=facts, now=now)
            crash_point(_BEFORE_CANCEL)
        crash_point(_AFTER_CANCEL)
        return found

    async def publish_due(self, limit: int = 20) -> int:
        """Publish what is due, each in a transaction of its own; what does not fit any more is put on the list of what
        a person must decide. Gives how many were due.
        """
        for count in range(limit):
            async with self._database.transaction() as transaction:
                row = await (await transaction.connection.execute(_DUE, [transaction.now])).fetchone()
                if row is not None:
                    await _begin(transaction, Publication(*row))
                    crash_point(_BEFORE_DUE)
            if row is None:
                return count
            crash_point(_AFTER_DUE)
        return limit

    async def _found(self, statement: str, *parameters: object) -> list[Publication]:
        async with self._database.read() as transaction:
            cursor = await transaction.connection.execute(statement, parameters)
            return [Publication(*row) for row in await cursor.fetchall()]


def read_start(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """A local time of a carrier as an instant in UTC. Raises Invalid `catalogue_start_unreadable`,
    `catalogue_start_passed`, and `catalogue_start_too_far` for more than FARTHEST ahead.
    """
    try:
        local = datetime.fromisoformat(text)
        starts_at = (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("catalogue_start_unreadable") from None
    if starts_at <= now:
        raise Invalid("catalogue_start_passed")
    if starts_at > now + FARTHEST:
        raise Invalid("catalogue_start_too_far", days=FARTHEST.days)
    return starts_at


async def _begin(transaction: Transaction, due: Publication) -> None:
    """Publish what is due, or tell a person why not."""
    connection, now = transaction.connection, transaction.now
    found = await draft(connection, due.draft_id)
    told = await _told(connection, found, due.against) | {"publication": due.id}
    try:
        file = _agreed(found, due.fingerprint)
        version = await publish(connection, file, now, against=due.against)
    except (Conflict, CatalogueMistakes) as trouble:
        why = trouble.code if isinstance(trouble, Conflict) else "catalogue_mistakes"
        await _advance(connection, due, PublicationState.UNFIT, why=why, now=now)
        await list_for_person(connection, [_decision(due, trouble)], now)
        action, facts = "catalogue.unfit", told | {"why": why}
    else:
        await _advance(connection, due, PublicationState.PUBLISHED, version=version, now=now)
        action, facts = "catalogue.published", told | {"version": version}
    await trail.write(connection, actor=CLOCK, action=action, subject=found.id, facts=facts, now=now)


def _decision(due: Publication, trouble: Exception) -> Decision:
    evidence: dict[str, object] = {
        "carrier": due.carrier_id,
        "draft": due.draft_id,
        "starts_at": due.starts_at.isoformat(),
        "compared": due.against,
    }
    if isinstance(trouble, CatalogueMistakes):
        evidence |= {"why": "catalogue_mistakes", "first": str(trouble.mistakes[0])}
    elif isinstance(trouble, Conflict):
        evidence |= {"why": trouble.code, "version": trouble.parameters.get("version")}
    return Decision(_LANE, UNFIT, due.id, evidence)


async def _advance(
    connection: Connection,
    publication: Publication,
    state: PublicationState,
    *,
    now: datetime,
    by: str | None = None,
    why: str | None = None,
    version: int | None = None,
) -> None:
    parameters = {
        "id": publication.id,
        "state": state.value,
        "now": now,
        "by": by,
        "why": why,
        "version": version,
        "sources": [source.value for source in PUBLICATION.sources(state)],
    }
    if await (await connection.execute(_ADVANCE, parameters)).fetchone() is None:
        raise Conflict("catalogue_not_planned")


def _agreed(found: Draft, mark: bytes) -> CarrierFile:
    """The draft, which is what was agreed to. Raises Conflict `catalogue_text_differs`, and `catalogue_unfit` where it
    is not taken any more: by another release.
    """
    if text_mark(found.source) != mark:
        raise Conflict("catalogue_text_differs")
    try:
        return found.file()
    except CatalogueMistakes as trouble:
        raise _unfit(trouble) from None


async def _check_fits(connection: Connection, file: CarrierFile, against: int) -> None:
    mistakes = await fits(connection, file, against=against)
    if mistakes:
        raise _unfit(CatalogueMistakes(mistakes))


def _unfit(trouble: CatalogueMistakes) -> Conflict:
    return Conflict("catalogue_unfit", count=len(trouble.mistakes), first=str(trouble.mistakes[0]))


async def _check_not_planned(connection: Connection, carrier_id: str) -> None:
    row = await (await connection.execute(_IS_PLANNED, [carrier_id])).fetchone()
    if row is not None:
        raise Conflict("catalogue_planned")


async def _told(connection: Connection, found: Draft, against: int) -> dict[str, Any]:
    """What the trail says of it: the text before and after."""
    row = await (await connection.execute(_TEXT_OF, (found.carrier_id, against))).fetchone()
    before = f"{against} {short(text_mark(row[0]))}" if row else None
    return {"carrier": found.carrier_id, "before": before, "after": short(found.fingerprint)}
