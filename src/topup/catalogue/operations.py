"""Publishing a carrier's file: it becomes the carrier's next version, for ever."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import tuple_row

from topup.catalogue.checking import CarrierFile, CatalogueMistakes
from topup.catalogue.documents import CarrierDocument
from topup.catalogue.life_cycle_rules import IMPLICIT_STATE, line_rules
from topup.catalogue.numbering import overlaps
from topup.catalogue.positions import positions
from topup.catalogue.reading import Mistake, Reading
from topup.catalogue.versions import fingerprint, to_json
from topup.kernel.errors import Conflict
from topup.platform.database import Connection

_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('catalogue.publish', 0))"
_CURRENT: Final = """
SELECT DISTINCT ON (carrier_id) carrier_id, version, fingerprint,
    document ->> 'currency', document -> 'numbering' -> 'ranges',
    CASE document ->> 'network' WHEN 'own'
        THEN coalesce(jsonb_path_query_array(document, '$.life_cycle.states[*].id'), '[]') END,
    jsonb_path_query_array(document, '$.plans[*].id')
FROM catalogue.versions ORDER BY carrier_id, version DESC
"""
_INSERT: Final = """
INSERT INTO catalogue.versions (carrier_id, version, published_at, fingerprint, document, source)
VALUES (%s, %s, %s, %s, %s::jsonb, %s)
"""


class AlreadyPublished(Conflict):
    """`catalogue_already_published`: the carrier's current version says the same; `version` is its number."""


class MovedOn(Conflict):
    """`catalogue_moved_on`: `version` of the `carrier` is in force by now, not the one that was looked at."""


@dataclass(frozen=True, slots=True)
class _Current:
    carrier_id: str
    version: int
    fingerprint: bytes
    currency: str
    ranges: list[str]
    states: list[str] | None
    """None: its lines do not live here."""
    plans: list[str]


async def publish(connection: Connection, carrier: CarrierFile, now: datetime, *, against: int | None = None) -> int:
    """Publish a checked file inside the caller's transaction; gives the version's number, from 1.

    Raises AlreadyPublished; MovedOn where not the version `against` is in force (0: none; None: whichever is); and
    CatalogueMistakes where the file disagrees with what is published: numbers of another carrier, or another currency
    than the carrier had (its lines hold money in that one).
    """
    await one_at_a_time(connection)
    document = carrier.document
    own, others = await _in_force(connection, document.id)
    mark = fingerprint(document)
    _check_against(document.id, own, mark, against)
    mistakes = _disagreements(carrier, own, others)
    if mistakes:
        raise CatalogueMistakes(mistakes)
    version = own.version + 1 if own else 1
    text = to_json(document).decode()
    await connection.execute(_INSERT, (document.id, version, now, mark, text, carrier.source))
    return version


async def one_at_a_time(connection: Connection) -> None:
    """Let nobody else publish until the caller's transaction ends."""
    await connection.execute(_ONE_AT_A_TIME)


async def fits(connection: Connection, carrier: CarrierFile, *, against: int | None = None) -> list[Mistake]:
    """What keeps a file from standing beside what is published now, in the order of lines; publishes nothing.

    Raises AlreadyPublished and MovedOn as `publish`.
    """
    own, others = await _in_force(connection, carrier.document.id)
    _check_against(carrier.document.id, own, fingerprint(carrier.document), against)
    return _disagreements(carrier, own, others)


def _check_against(carrier_id: str, own: _Current | None, mark: bytes, against: int | None) -> None:
    version = own.version if own else 0
    if against is not None and version != against:
        raise MovedOn("catalogue_moved_on", carrier=carrier_id, version=version)
    if own is not None and own.fingerprint == mark:
        raise AlreadyPublished("catalogue_already_published", carrier=carrier_id, version=own.version)


async def _in_force(connection: Connection, carrier_id: str) -> tuple[_Current | None, list[_Current]]:
    """The current version of a carrier, and those of the others."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_CURRENT)
        current = {row[0]: _Current(*_plain(row)) for row in await cursor.fetchall()}
    own = current.pop(carrier_id, None)
    return own, list(current.values())


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    carrier_id, version, mark, *rest = row
    return carrier_id, version, bytes(mark), *rest


def _disagreements(carrier: CarrierFile, own: _Current | None, others: list[_Current]) -> list[Mistake]:
    """Where the file cannot stand beside what is published."""
    document = carrier.document
    reading = Reading(file=carrier.name, lines=positions(carrier.source), currency=document.currency)
    if own is not None and own.currency != document.currency:
        reading.mistake(("currency",), f"must stay {own.currency}: lines of this carrier hold money in it")
    if own is not None and own.states is not None and document.network == "own":
        _keep_states(document, own.states, reading)
    if own is not None:
        _keep_plans(document, own.plans, reading)
    for index, prefix in enumerate(document.numbering.ranges):
        for other in others:
            taken = overlaps(prefix, other.ranges)
            if taken is not None:
                reason = f"is {prefix}, which overlaps {taken} of the carrier {other.carrier_id}"
                reading.mistake(("numbering", "ranges", index), reason)
    return sorted(reading.mistakes, key=lambda mistake: mistake.line)


def _keep_states(document: CarrierDocument, states: list[str], reading: Reading) -> None:
    """Note the states of the current version that are gone."""
    left = line_rules(document.life_cycle, (), None).states
    for state in states or [IMPLICIT_STATE]:
        if state not in left:
            reading.mistake(("life_cycle", "states"), f"must keep {state}: lines of this carrier may be in it")


def _keep_plans(document: CarrierDocument, plans: list[str], reading: Reading) -> None:
    """Note the plans of the current version that are gone."""
    left = {plan.id for plan in document.plans}
    for plan in plans:
        if plan not in left:
            reason = f"must keep {plan}: lines of this carrier may have it; on_sale = false, and nobody new gets it"
            reading.mistake(("plans",), reason)
