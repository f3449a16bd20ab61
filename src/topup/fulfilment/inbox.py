"""Verified events of carriers: stored before they are acknowledged, settled afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from topup.fulfilment.ports import CarrierFact
from topup.kernel.ids import FulfilmentId, check_id
from topup.kernel.outcome import Accepted, Done, Outcome, Reason, Refused, Reversed
from topup.platform.database import Connection
from topup.platform.inbox import EventKey, Inbox, Incoming, readable

_INBOX: Final = Inbox("fulfilment.inbox")
settled: Final = _INBOX.settled
find: Final = _INBOX.find


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
    """Store events; whether each was new."""
    incoming = [Incoming(event.key, event.raw, written(event.facts)) for event in events]
    return await _INBOX.store(connection, incoming, now)


async def unsettled(
    connection: Connection, limit: int, now: datetime
) -> list[tuple[EventKey, tuple[CarrierFact, ...] | None]]:
    """Events that a process took in and did not settle, oldest first; None for facts that cannot be read."""
    return [(key, readable(read, facts)) for key, facts in await _INBOX.unsettled(connection, limit, now)]


def written(facts: Sequence[CarrierFact]) -> str:
    """Facts as stored JSON; raises ValueError for an outcome that no event can state."""
    return _encode([_stored(fact) for fact in facts]).decode()


def read(text: str) -> tuple[CarrierFact, ...]:
    """Stored facts; raises ValueError for what was never written by `written`."""
    return tuple(
        CarrierFact(FulfilmentId(check_id("fulfilment", fact.about)), _outcome(fact)) for fact in _decode(text)
    )


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
