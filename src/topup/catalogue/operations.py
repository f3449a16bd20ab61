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
from topup.catalogue.reading import Reading
from topup.catalogue.versions import fingerprint, to_json
from topup.kernel.errors import Conflict
from topup.platform.database import Connection

_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('catalogue.publish', 0))"
_CURRENT: Final = """
SELECT DISTINCT ON (carrier_id) carrier_id, version, fingerprint,
    document ->> 'currency', document -> 'numbering' -> 'ranges',
    CASE document ->> 'network' WHEN 'own'
        THEN coalesce(jsonb_path_query_array(document, '$.life_cycle.states[*].id'), '[]') END
FROM catalogue.versions ORDER BY carrier_id, version DESC
"""
_INSERT: Final = """
INSERT INTO catalogue.versions (carrier_id, version, published_at, fingerprint, document, source)
VALUES (%s, %s, %s, %s, %s::jsonb, %s)
"""


class AlreadyPublished(Conflict):
    """`catalogue_already_published`: the carrier's current version says the same; `version` is its number."""


@dataclass(frozen=True, slots=True)
class _Current:
    carrier_id: str
    version: int
    fingerprint: bytes
    currency: str
    ranges: list[str]
    states: list[str] | None
    """None: its lines do not live here."""


async def publish(connection: Connection, carrier: CarrierFile, now: datetime) -> int:
    """Publish a checked file inside the caller's transaction; gives the version's number, from 1.

    Raises AlreadyPublished, and CatalogueMistakes where the file disagrees with what is published: numbers of another
    carrier, or another currency than the carrier had (its lines hold money in that one).
    """
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_ONE_AT_A_TIME)
        await cursor.execute(_CURRENT)
        current = {row[0]: _Current(*_plain(row)) for row in await cursor.fetchall()}
        document = carrier.document
        own = current.pop(document.id, None)
        mark = fingerprint(document)
        if own is not None and own.fingerprint == mark:
            raise AlreadyPublished("catalogue_already_published", carrier=document.id, version=own.version)
        _agree(carrier, own, list(current.values()))
        version = own.version + 1 if own else 1
        text = to_json(document).decode()
        await cursor.execute(_INSERT, (document.id, version, now, mark, text, carrier.source))
    return version


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    carrier_id, version, mark, currency, ranges, states = row
    return carrier_id, version, bytes(mark), currency, ranges, states


def _agree(carrier: CarrierFile, own: _Current | None, others: list[_Current]) -> None:
    """Raise CatalogueMistakes where the file cannot stand beside what is published."""
    document = carrier.document
    reading = Reading(file=carrier.name, lines=positions(carrier.source), currency=document.currency)
    if own is not None and own.currency != document.currency:
        reading.mistake(("currency",), f"must stay {own.currency}: lines of this carrier hold money in it")
    if own is not None and own.states is not None and document.network == "own":
        _keep_states(document, own.states, reading)
    for index, prefix in enumerate(document.numbering.ranges):
        for other in others:
            taken = overlaps(prefix, other.ranges)
            if taken is not None:
                reason = f"is {prefix}, which overlaps {taken} of the carrier {other.carrier_id}"
                reading.mistake(("numbering", "ranges", index), reason)
    if reading.mistakes:
        raise CatalogueMistakes(reading.mistakes)


def _keep_states(document: CarrierDocument, states: list[str], reading: Reading) -> None:
    """Note the states of the current version that are gone."""
    left = line_rules(document.life_cycle, (), None).states
    for state in states or [IMPLICIT_STATE]:
        if state not in left:
            reading.mistake(("life_cycle", "states"), f"must keep {state}: lines of this carrier may be in it")
