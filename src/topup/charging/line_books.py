"""What the books have of one line, each thing with its id: buckets, holds, and page by page its transfers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from topup.catalogue.queries import CatalogueCache
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import NotFound
from topup.kernel.ids import InvalidId, TransferId, number_of, numbered_id
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.ledger.addressed import HoldRow, holds_of_line
from topup.ledger.queries import Bucket, TransferRow, buckets, transfers_of_line
from topup.lines.queries import Line, lines_now
from topup.lines.standing import standings
from topup.platform.database import Connection, Database

PAGE = 100
"""Transfers of one page."""


@dataclass(frozen=True, slots=True)
class LineOfBooks:
    """The line the books are of; its days are those of `zone`."""

    msisdn: Msisdn
    line: Line
    carrier: CarrierVersion
    zone: str


@dataclass(frozen=True, slots=True)
class BucketsView:
    """A line's open buckets in their order of use, also those past their date, and its open holds, at `now`."""

    of: LineOfBooks
    buckets: Sequence[Bucket]
    holds: Sequence[HoldRow]
    now: datetime


@dataclass(frozen=True, slots=True)
class TransfersView:
    """A page of a line's transfers, newest first; `before` asks for the next one, None: there is none."""

    of: LineOfBooks
    transfers: Sequence[TransferRow]
    before: TransferId | None


class LineBooks:
    """The books, line by line. For whoever may see any line."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache) -> None:
        self._database = database
        self._catalogue = catalogue

    async def buckets(self, *, number: str) -> BucketsView:
        """What a line has and has promised. Raises InvalidNumber, NotFound line_unknown."""
        msisdn = parse_msisdn(number)
        async with self._database.read() as transaction:
            connection = transaction.connection
            of = await self._line(connection, msisdn)
            ref = of.line.ref
            found = (await buckets(connection, [ref.id])).get(ref.id, [])
            holds = await holds_of_line(connection, lane=ref.lane, line_id=ref.id)
        return BucketsView(of, found, holds, transaction.now)

    async def transfers(self, *, number: str, before: str | None = None) -> TransfersView:
        """The transfers of a line that came before the one with this id, or the newest.

        Raises InvalidNumber, NotFound line_unknown, transfer_unknown (no id of a transfer of this line's lane).
        """
        msisdn = parse_msisdn(number)
        async with self._database.read() as transaction:
            of = await self._line(transaction.connection, msisdn)
            ref = of.line.ref
            found = await transfers_of_line(
                transaction.connection,
                lane=ref.lane,
                line_id=ref.id,
                before=_sequence(before, ref.lane) if before else None,
                limit=PAGE + 1,
            )
        page = found[:PAGE]
        return TransfersView(of, page, transfer_id(page[-1]) if len(found) > PAGE else None)

    async def _line(self, connection: Connection, msisdn: Msisdn) -> LineOfBooks:
        line = (await lines_now(connection, [msisdn.e164])).get(msisdn.e164)
        snapshot = await self._catalogue.current(connection)
        carrier = snapshot.carrier(line.carrier_id) if line else None
        if line is None or carrier is None or line.status == "closed":
            raise NotFound("line_unknown")
        stands = (await standings(connection, [line.ref]))[line.ref.id]
        return LineOfBooks(msisdn, line, carrier, stands.zone.key)


def transfer_id(transfer: TransferRow) -> TransferId:
    """The id of a transfer for the outside: of its lane and its place there."""
    return TransferId(numbered_id("transfer", transfer.lane, transfer.sequence))


def _sequence(identifier: str, lane: int) -> int:
    try:
        own_lane, sequence = number_of("transfer", identifier)
    except InvalidId:
        raise NotFound("transfer_unknown") from None
    if own_lane != lane:
        raise NotFound("transfer_unknown")
    return sequence
