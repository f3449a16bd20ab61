"""Usage that is charged as it goes on: what a client may use is granted in slices, and held of the line until it is.

Promise: what is granted is held, so it can be paid for; what is reported is taken once, however often it is sent; what
was held and not used goes back when the session ends, or when nobody spoke of it in time. A line never has less than
nothing: what was used beyond its funds is taken as far as there is, and the rest is on record.

It speaks no protocol: requests have a sequence number each, and the answer to the last one is kept and given again.
"""

from collections.abc import Sequence
from datetime import datetime

from topup.catalogue.queries import CatalogueCache
from topup.charging.sessions.answers import shown
from topup.charging.sessions.judging import Answered
from topup.charging.sessions.requests import Opening, Reporting, Request, Told
from topup.charging.sessions.rows import seen
from topup.charging.sessions.work import take_in
from topup.kernel.errors import NotFound
from topup.kernel.ids import InvalidId, SessionId, check_id, lane_of
from topup.platform.batching import Batcher
from topup.platform.database import Connection, Database


class Sessions:
    """The sessions of one process. Made with `Sessions(…)`, closed with `aclose()`."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, lanes: int) -> None:
        self._database = database
        self._catalogue = catalogue
        self._lanes = lanes
        self._batcher: Batcher[Request, Told] = Batcher(database, "usage.sessions", self._take_in)

    async def aclose(self) -> None:
        """Finish what was taken."""
        await self._batcher.aclose()

    async def open(self, opening: Opening) -> Told:
        """Open a session; under the same key and with the same content it is opened once, and told the same.

        Raises NotFound line_unknown; Invalid key_reused, session_id_reused, usage_in_future, usage_too_old,
        usage_before_line, usage_service_missing, usage_service_twice, usage_services_many; Conflict
        usage_sequence_wrong. Where nothing of what was asked for can be granted: rate_missing, line_barred,
        line_closed, line_blocked, insufficient_funds, bucket_frozen, all but the first with `final`. Who asks for
        nothing yet has a session with nothing granted.
        """
        return await self._batcher.submit(opening)

    async def report(self, reporting: Reporting) -> Told:
        """Take in what was used, and grant more unless the session ends with it.

        Raises NotFound usage_session_unknown; Conflict usage_session_closed, usage_sequence_wrong (with what is
        `expected`), insufficient_funds where the cost is more than an amount can be: the report is not taken in, and
        its number is free; Invalid usage_sequence_reused, usage_in_future, usage_too_long, usage_service_missing,
        usage_service_twice, usage_services_many.
        """
        return await self._batcher.submit(reporting)

    async def get(self, session_id: str) -> bytes:
        """A session as it stands, as JSON. Raises NotFound usage_session_unknown."""
        lane, identifier = place_of(session_id)
        async with self._database.read() as transaction:
            session = await seen(transaction.connection, lane, identifier)
        if session is None:
            raise NotFound("usage_session_unknown")
        return shown(session)

    async def _take_in(self, connection: Connection, requests: Sequence[Request], now: datetime) -> Sequence[Answered]:
        return await take_in(connection, requests, now, catalogue=self._catalogue, lanes=self._lanes)


def place_of(session_id: str) -> tuple[int, SessionId]:
    """The lane and the id of a session. Raises NotFound usage_session_unknown."""
    try:
        return lane_of(check_id("session", session_id)), SessionId(session_id)
    except InvalidId:
        raise NotFound("usage_session_unknown") from None
