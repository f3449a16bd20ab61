"""Where records of usage are brought: those that come together are charged together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.catalogue.queries import CatalogueCache
from topup.charging.usage.reading import UsageRecord
from topup.charging.usage.records import Known, Outcome, Rated, Refused, rate_records
from topup.charging.usage.rows import UsageRow, at_places
from topup.kernel.errors import Invalid
from topup.platform.batching import Batcher
from topup.platform.database import Connection, Database
from topup.platform.request_keys import Answering, store_answers

MOST: Final = 200
"""Records of one request."""
_REQUESTS: Final = 20
"""Requests in one transaction: however large each is, the ledger's lanes are not held for long."""


@dataclass(frozen=True, slots=True)
class Charged:
    """A record that was charged for; `replayed`: before this request."""

    row: UsageRow
    replayed: bool


Result = Charged | Refused
Results = tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class _Request:
    """Records, or why one could not be read, and where the answer is kept."""

    records: Sequence[UsageRecord | Refused]
    answer: Answering[Results] | None


class UsageRecords:
    """The records of this installation. Close it at the end."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, lanes: int) -> None:
        self._catalogue = catalogue
        self._lanes = lanes
        self._batcher: Batcher[_Request, Results] = Batcher(database, "usage.records", self._flush, cap=_REQUESTS)

    async def charge(
        self, records: Sequence[UsageRecord | Refused], *, answer: Answering[Results] | None = None
    ) -> Results:
        """Charge for the records of a request, and say of each, in order, what became of it.

        What could not be read comes with its refusal and keeps it. Each record is charged once by its id, whatever is
        repeated. Raises Invalid `usage_too_many` (with `most`), and what the batcher raises.
        """
        if len(records) > MOST:
            raise Invalid("usage_too_many", most=MOST)
        return await self._batcher.submit(_Request(tuple(records), answer))

    async def aclose(self) -> None:
        """Finish what was taken in."""
        await self._batcher.aclose()

    async def _flush(self, connection: Connection, requests: Sequence[_Request], now: datetime) -> list[Results]:
        snapshot = await self._catalogue.current(connection)
        readable = [record for request in requests for record in request.records if isinstance(record, UsageRecord)]
        outcomes = await rate_records(connection, readable, now, snapshot=snapshot, lanes=self._lanes)
        charged = iter(await _shown(connection, outcomes))
        results = [
            tuple(record if isinstance(record, Refused) else next(charged) for record in request.records)
            for request in requests
        ]
        await store_answers(
            connection,
            [
                (request.answer.claim, *request.answer.render(result))
                for request, result in zip(requests, results, strict=True)
                if request.answer is not None
            ],
        )
        return results


async def _shown(connection: Connection, outcomes: Sequence[Outcome]) -> list[Result]:
    """The outcomes with what is kept of them."""
    new = {outcome.row.id: outcome.row for outcome in outcomes if isinstance(outcome, Rated)}
    places = {outcome.place for outcome in outcomes if isinstance(outcome, Known) and outcome.place.id not in new}
    kept = new | {row.id: row for row in (await at_places(connection, list(places))).values()}
    return [
        outcome
        if isinstance(outcome, Refused)
        else Charged(
            kept[outcome.row.id if isinstance(outcome, Rated) else outcome.place.id], isinstance(outcome, Known)
        )
        for outcome in outcomes
    ]
