"""Listing what a person must decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from topup.kernel.ids import lane_of, new_id
from topup.platform.database import Connection

_LIST = """
INSERT INTO work.items (lane, id, kind, subject, evidence, created_at)
SELECT lane, id, kind, subject, evidence, %(now)s
FROM unnest(%(lanes)b::smallint[], %(ids)b::text[], %(kinds)b::text[], %(subjects)b::text[], %(evidence)b::jsonb[])
    AS wanted (lane, id, kind, subject, evidence)
ORDER BY lane, kind, subject
ON CONFLICT (lane, kind, subject) """
_OPEN_AGAIN = """DO UPDATE SET state = 'open', evidence = excluded.evidence, decided_at = NULL, decided_by = NULL,
    decision = NULL, note = NULL
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
    await _list(connection, _LIST + "DO NOTHING", decisions, now)


async def list_anew(connection: Connection, decisions: Sequence[Decision], now: datetime) -> None:
    """The same for what comes up again: one that was decided before is open again, with what is known now."""
    await _list(connection, _LIST + _OPEN_AGAIN, decisions, now)


async def _list(connection: Connection, statement: str, decisions: Sequence[Decision], now: datetime) -> None:
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
    await connection.execute(statement, parameters)


_CLOSE = """
UPDATE work.items AS i SET state = 'decided', decided_at = %(now)s
FROM unnest(%(lanes)b::smallint[], %(kinds)b::text[], %(subjects)b::text[]) AS gone (lane, kind, subject)
WHERE i.lane = gone.lane AND i.kind = gone.kind AND i.subject = gone.subject AND i.state = 'open'
"""


async def close_for_person(connection: Connection, gone: Sequence[tuple[int, str, str]], now: datetime) -> None:
    """Take what solved itself off the list, by its lane, kind and subject, in the caller's transaction. What a person
    decided stays as it was decided.
    """
    if not gone:
        return
    parameters = {
        "now": now,
        "lanes": [lane for lane, _, _ in gone],
        "kinds": [kind for _, kind, _ in gone],
        "subjects": [subject for _, _, subject in gone],
    }
    await connection.execute(_CLOSE, parameters)


_DECIDE = """
UPDATE work.items SET state = 'decided', decided_at = %(now)s, decided_by = %(by)s, decision = %(decision)s,
    note = %(note)s
WHERE lane = %(lane)s AND id = %(id)s AND (state = 'open' OR (decided_by IS NULL AND decided_at = %(now)s))
RETURNING kind, subject
"""


async def decide_item(
    connection: Connection, *, item_id: str, by: str, decision: str, note: str, now: datetime
) -> tuple[str, str] | None:
    """Take an item off the list, and say who decided what; gives its kind and subject, None where it is decided.
    One that this very transaction took off because of what was decided was decided by them, and did not solve itself.
    """
    parameters = {
        "lane": lane_of(item_id),
        "id": item_id,
        "by": by,
        "decision": decision,
        "note": note.strip() or None,
        "now": now,
    }
    cursor = await connection.execute(_DECIDE, parameters)
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else None


_REOPEN = """
UPDATE work.items SET state = 'open', decided_at = NULL, decided_by = NULL, decision = NULL, note = NULL
WHERE lane = %s AND id = %s AND state = 'decided' AND decision = %s RETURNING id
"""


async def reopen_item(connection: Connection, *, item_id: str, decision: str) -> bool:
    """Put an item back on the list that was decided so; whether it was."""
    cursor = await connection.execute(_REOPEN, (lane_of(item_id), item_id, decision))
    return await cursor.fetchone() is not None
