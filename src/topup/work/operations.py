"""Listing what a person must decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from topup.kernel.ids import new_id
from topup.platform.database import Connection

_LIST = """
INSERT INTO work.items (lane, id, kind, subject, evidence, created_at)
SELECT lane, id, kind, subject, evidence, %(now)s
FROM unnest(%(lanes)b::smallint[], %(ids)b::text[], %(kinds)b::text[], %(subjects)b::text[], %(evidence)b::jsonb[])
    AS wanted (lane, id, kind, subject, evidence)
ORDER BY lane, kind, subject
ON CONFLICT (lane, kind, subject) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """Something only a person can decide.

    `kind` says what is asked (`refund_unresolved`), `subject` is the id of the order, payment, refund or fulfilment it
    is about, `evidence` the facts: ids, codes and times, nothing personal.
    """

    lane: int
    kind: str
    subject: str
    evidence: Mapping[str, object]


async def list_for_person(connection: Connection, decisions: Sequence[Decision], now: datetime) -> None:
    """Put each decision on the list, in the caller's transaction.

    One of the same kind about the same subject is listed once, whether it is still open or already decided: so the
    caller may repeat itself after a crash.
    """
    if not decisions:
        return
    parameters = {
        "now": now,
        "lanes": [decision.lane for decision in decisions],
        "ids": [new_id("work", decision.lane) for decision in decisions],
        "kinds": [decision.kind for decision in decisions],
        "subjects": [decision.subject for decision in decisions],
        "evidence": [Jsonb(dict(decision.evidence)) for decision in decisions],
    }
    await connection.execute(_LIST, parameters)
