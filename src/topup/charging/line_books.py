"""What the books have of one line, each thing with its id: buckets, holds, and page by page its transfers.

Any of them is found by its id too, whatever has become of it since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from topup.catalogue.queries import CatalogueCache
from topup.charging.line_views import LineShown, line_shown
from topup.kernel.errors import NotFound
from topup.kernel.ids import AccountId, HoldId, InvalidId, LineId, TransferId, check_id, lane_of, number_of, numbered_id
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.addressed import BucketRow, HoldRow, bucket_of, hold_of, holds_of_line
from topup.ledger.queries import Bucket, TransferRow, buckets, transfer_numbered, transfers_of_line
from topup.lines.queries import LineRef
from topup.lines.standing import standings
from topup.platform.database import Database, Transaction

PAGE = 100
"""Transfers of one page."""


@dataclass(frozen=True, slots=True)
class BucketsView:
    """A line's open buckets in their order of use, also those past their date, and its open holds, at `now`."""

    of: LineShown
    buckets: Sequence[Bucket]
    holds: Sequence[HoldRow]
    now: datetime


@dataclass(frozen=True, slots=True)
class TransfersView:
    """A page of a line's transfers, newest first; `before` asks for the next one, None: there is none."""

    of: LineShown
    transfers: Sequence[TransferRow]
    before: TransferId | None


Row = TypeVar("Row", HoldRow, BucketRow, TransferRow)


@dataclass(frozen=True, slots=True)
class EntryView(Generic[Row]):
    """One thing of a line's books at `now`; the line's days are those of `zone`."""

    row: Row
    line_id: LineId
    zone: str
    now: datetime


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
            of = await line_shown(connection, msisdn, self._catalogue)
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
            of = await line_shown(transaction.connection, msisdn, self._catalogue)
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

    async def hold(self, *, hold_id: str) -> EntryView[HoldRow]:
        """A hold by its id, open, settled or released. Raises NotFound hold_unknown."""
        async with self._database.read() as transaction:
            row = await hold_of(transaction.connection, HoldId(_checked("hold", hold_id, "hold_unknown")))
            return await _entry(transaction, row, row.line_id if row else None, "hold_unknown")

    async def bucket(self, *, bucket_id: str) -> EntryView[BucketRow]:
        """A bucket by its id, open or closed. Raises NotFound bucket_unknown."""
        async with self._database.read() as transaction:
            row = await bucket_of(transaction.connection, AccountId(_checked("account", bucket_id, "bucket_unknown")))
            return await _entry(transaction, row, row.bucket.line_id if row else None, "bucket_unknown")

    async def transfer(self, *, transfer_id: str) -> EntryView[TransferRow]:
        """A transfer by its id. Raises NotFound transfer_unknown, also for one between accounts of ours: no line's."""
        try:
            lane, sequence = number_of("transfer", transfer_id)
        except InvalidId:
            raise NotFound("transfer_unknown") from None
        async with self._database.read() as transaction:
            row = await transfer_numbered(transaction.connection, lane=lane, sequence=sequence)
            return await _entry(transaction, row, row.line_id if row else None, "transfer_unknown")


def _checked(kind: str, identifier: str, code: str) -> str:
    try:
        return check_id(kind, identifier)
    except InvalidId:
        raise NotFound(code) from None


async def _entry(transaction: Transaction, row: Row | None, line_id: LineId | None, code: str) -> EntryView[Row]:
    if row is None or line_id is None:
        raise NotFound(code)
    found = await standings(transaction.connection, [LineRef(lane_of(line_id), line_id)])
    if line_id not in found:
        raise NotFound(code)
    return EntryView(row, line_id, found[line_id].zone.key, transaction.now)


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
