"""Verified events of carriers: stored before they are acknowledged, settled afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from topup.fulfilment.ports import CarrierFact
from topup.kernel.ids import FulfilmentId
from topup.kernel.outcome import Accepted, Done, Outcome, Reason, Refused, Reversed
from topup.platform.arrays import columns
from topup.platform.database import Connection

SETTLED_BY_ITSELF: Final = timedelta(seconds=2)
"""How long an event is left to the process that took it in, before a sweep takes it up."""

EventKey = tuple[int, str, str]
"""Lane, carrier, and the carrier's id of the event."""


@dataclass(frozen=True, slots=True)
class StoredCarrierEvent:
    """An event to be stored: its raw bytes sealed, its facts as they were verified."""

    key: EventKey
    raw: bytes
    facts: tuple[CarrierFact, ...]


class StoredCarrierFact(msgspec.Struct, frozen=True):
    """One fact in plain words: `said` is done, accepted, reversed or refused:<reason>."""

    about: str
    said: str
    reference: str


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[StoredCarrierFact]).decode
_SAYINGS: Final[dict[str, type[Done | Accepted | Reversed]]] = {
    "done": Done,
    "accepted": Accepted,
    "reversed": Reversed,
}


async def store(connection: Connection, events: Sequence[StoredCarrierEvent], now: datetime) -> list[bool]:
    """Store events; whether each was new. A repeated one changes nothing. One without facts is settled thereby."""
    first = {event.key: event for event in events}
    ordered = sorted(first)
    cursor = await connection.execute(
        "INSERT INTO fulfilment.inbox (lane, carrier, event_id, raw, facts, received_at, settled_at)"
        " SELECT u.lane, u.carrier, u.event_id, u.raw, u.facts::jsonb, %s, CASE WHEN u.facts = '[]' THEN %s END"
        " FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[], %b::text[])"
        " AS u (lane, carrier, event_id, raw, facts) ON CONFLICT DO NOTHING RETURNING lane, carrier, event_id",
        (now, now, *columns((*key, first[key].raw, written(first[key].facts)) for key in ordered)),
    )
    new = set(await cursor.fetchall())
    return [event.key in new for event in events]


async def settled(connection: Connection, keys: Sequence[EventKey], now: datetime) -> None:
    """Note that these events have had their effect; in the transaction that has it."""
    if keys:
        await connection.execute(
            "UPDATE fulfilment.inbox i SET settled_at = %s FROM unnest(%b::smallint[], %b::text[], %b::text[])"
            " AS u (lane, carrier, event_id) WHERE i.lane = u.lane AND i.carrier = u.carrier"
            " AND i.event_id = u.event_id AND i.settled_at IS NULL",
            (now, *columns(keys)),
        )


async def unsettled(
    connection: Connection, limit: int, now: datetime
) -> list[tuple[EventKey, tuple[CarrierFact, ...]]]:
    """Events that a process took in and did not settle, oldest first."""
    cursor = await connection.execute(
        "SELECT lane, carrier, event_id, facts::text FROM fulfilment.inbox"
        " WHERE settled_at IS NULL AND received_at <= %s ORDER BY received_at LIMIT %s",
        (now - SETTLED_BY_ITSELF, limit),
    )
    return [((lane, carrier, event_id), read(facts)) for lane, carrier, event_id, facts in await cursor.fetchall()]


def written(facts: Sequence[CarrierFact]) -> str:
    """Facts as stored JSON; raises ValueError for an outcome that no event can state."""
    return _encode([_stored(fact) for fact in facts]).decode()


def read(text: str) -> tuple[CarrierFact, ...]:
    """Stored facts."""
    return tuple(CarrierFact(FulfilmentId(fact.about), _outcome(fact)) for fact in _decode(text))


def _stored(fact: CarrierFact) -> StoredCarrierFact:
    match fact.outcome:
        case Done(reference) | Accepted(reference) | Reversed(reference):
            said = type(fact.outcome).__name__.lower()
            return StoredCarrierFact(fact.fulfilment_id, said, reference)
        case Refused(reason, code):
            return StoredCarrierFact(fact.fulfilment_id, f"refused:{reason.value}", code)
        case _:
            raise ValueError("an event says what happened, not that it is unknown")


def _outcome(fact: StoredCarrierFact) -> Outcome:
    kind = _SAYINGS.get(fact.said)
    return kind(fact.reference) if kind else Refused(Reason(fact.said.removeprefix("refused:")), fact.reference)
