"""The life of batches of codes, in a caller's transaction: approved, begun, written in parts, finished, blocked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from psycopg.rows import tuple_row

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import is_id, lane_of
from topup.offers import records
from topup.offers.batches.queries import Batch, batch_of
from topup.offers.batches.states import BATCH, BatchState
from topup.offers.counting import CampaignKey
from topup.platform.arrays import columns
from topup.platform.database import Connection

MOST: Final = 200_000
"""Codes in one batch."""
AT_ONCE: Final = 5_000
"""Codes that one transaction writes or removes: orders of the campaign wait for it."""

_APPROVE: Final = """
INSERT INTO offers.code_batches (lane, id, carrier_id, campaign_id, prefix, count, last_day, valid_until, state,
    state_since, requested_by, approved_at, approval_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'approved', %s, %s, %s, %s)
"""
_BEGIN: Final = """
UPDATE offers.code_batches SET state = 'making', state_since = %s, draw = draw + 1, made = 0
WHERE lane = %s AND id = %s
"""
_OURS: Final = """
UPDATE offers.code_batches SET made = made + %s WHERE lane = %s AND id = %s AND state = 'making' AND draw = %s
RETURNING 1
"""
_WRITE: Final = """
INSERT INTO offers.codes (lane, carrier_id, campaign_id, batch_id, draw, mark)
SELECT %b, %b, %b, %b, %b, k.mark FROM unnest(%b::bytea[]) AS k (mark)
ON CONFLICT DO NOTHING RETURNING mark
"""
_SWEEP: Final = """
DELETE FROM offers.codes AS c
USING (SELECT mark FROM offers.codes WHERE lane = %(lane)s AND batch_id = %(batch)s AND draw < %(draw)s LIMIT %(most)s)
    AS old
WHERE c.lane = %(lane)s AND c.carrier_id = %(carrier)s AND c.campaign_id = %(campaign)s AND c.mark = old.mark
    AND c.batch_id = %(batch)s
RETURNING 1
"""
_ADVANCE: Final = """
UPDATE offers.code_batches SET state = %s, state_since = %s, block_reason = %s WHERE lane = %s AND id = %s
"""
_CODE: Final = """
SELECT c.batch_id, c.mark, c.blocked_at IS NOT NULL, c.draw
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[]) AS k (lane, carrier_id, campaign_id, mark)
JOIN offers.codes AS c USING (lane, carrier_id, campaign_id, mark)
"""
_BLOCK_CODE: Final = """
UPDATE offers.codes SET blocked_at = %s, block_reason = %s
WHERE lane = %s AND carrier_id = %s AND campaign_id = %s AND mark = %s
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A batch to make. `valid_until` is the end of `last_day` where the carrier is; None: as long as the campaign."""

    campaign: CampaignKey
    prefix: str
    count: int
    last_day: date | None
    valid_until: datetime | None
    requested_by: str


def check(wanted: Wanted, now: datetime) -> None:
    """Whether there can be such a batch. Raises Invalid `coupon_count`, `coupon_until`."""
    if not 1 <= wanted.count <= MOST:
        raise Invalid("coupon_count", most=MOST)
    if wanted.valid_until is not None and wanted.valid_until <= now:
        raise Invalid("coupon_until")


async def approve(
    connection: Connection, wanted: Wanted, *, batch_id: str, approval_id: str, now: datetime, lanes: int
) -> Batch:
    """A batch that two people agreed on, without codes yet. Raises those of `check`; Invalid `request_malformed` for an
    id of another campaign's lane.
    """
    check(wanted, now)
    campaign = wanted.campaign
    if not is_id("coupons", batch_id) or lane_of(batch_id) != campaign.lane(lanes):
        raise Invalid("request_malformed")
    await records.locked(connection, [campaign], lanes=lanes)
    key = (lane_of(batch_id), batch_id, campaign.carrier_id, campaign.campaign_id)
    said = (wanted.prefix, wanted.count, wanted.last_day, wanted.valid_until)
    await connection.execute(_APPROVE, (*key, *said, now, wanted.requested_by, now, approval_id))
    return await batch_of(connection, batch_id)


async def begin(connection: Connection, batch_id: str, now: datetime) -> Batch:
    """Begin to make it, or anew where that was begun: what was written before is worth nothing.

    Raises NotFound `coupon_batch_unknown`; Conflict `coupon_batch_stands`, `coupon_batch_over`.
    """
    batch = await _locked(connection, batch_id)
    _check_may(batch, BatchState.MAKING)
    if batch.is_over(now):
        raise Conflict("coupon_batch_over")
    await connection.execute(_BEGIN, (now, batch.lane, batch.id))
    return await batch_of(connection, batch_id)


async def sweep(connection: Connection, batch: Batch) -> int:
    """Remove some of what was written before it was begun anew; how many codes."""
    facts = {
        "lane": batch.lane,
        "batch": batch.id,
        "draw": batch.draw,
        "most": AT_ONCE,
        "carrier": batch.campaign.carrier_id,
        "campaign": batch.campaign.campaign_id,
    }
    return len(await (await connection.execute(_SWEEP, facts)).fetchall())


async def write(connection: Connection, batch: Batch, marks: Sequence[bytes]) -> set[bytes]:
    """Write marks of codes; gives those that were new. Raises Conflict `coupon_batch_begun` where somebody else has
    begun it anew, or ended it, meanwhile.
    """
    cursor = connection.cursor(row_factory=tuple_row)
    key = (batch.lane, batch.campaign.carrier_id, batch.campaign.campaign_id, batch.id, batch.draw)
    await cursor.execute(_WRITE, (*key, list(marks)), binary=True)
    new = {bytes(mark) for (mark,) in await cursor.fetchall()}
    ours = await connection.execute(_OURS, (len(new), batch.lane, batch.id, batch.draw))
    if await ours.fetchone() is None:
        raise Conflict("coupon_batch_begun")
    return new


async def finish(connection: Connection, batch: Batch, now: datetime) -> Batch:
    """All its codes are good from now on. Raises Conflict `coupon_batch_begun`, as `write`."""
    stands = await _locked(connection, batch.id)
    if stands.state is not BatchState.MAKING or stands.draw != batch.draw or stands.made != stands.count:
        raise Conflict("coupon_batch_begun")
    await connection.execute(_ADVANCE, (BatchState.MADE.value, now, None, batch.lane, batch.id))
    return await batch_of(connection, batch.id)


async def block(connection: Connection, batch_id: str, *, reason: str, now: datetime, lanes: int) -> Batch:
    """None of it is good any more. Who promises its codes waits for this, and this for them.

    Raises NotFound `coupon_batch_unknown`; Conflict `coupon_batch_stands`.
    """
    batch = await batch_of(connection, batch_id)
    await records.locked(connection, [batch.campaign], lanes=lanes)
    batch = await _locked(connection, batch_id)
    _check_may(batch, BatchState.BLOCKED)
    await connection.execute(_ADVANCE, (BatchState.BLOCKED.value, now, reason, batch.lane, batch.id))
    return await batch_of(connection, batch_id)


async def block_code(
    connection: Connection, campaign: CampaignKey, marks: Sequence[bytes], *, reason: str, now: datetime, lanes: int
) -> str:
    """One code, by its marks under each key there was, is not good any more; gives its batch's id.

    Raises NotFound `coupon_code_unknown`; Conflict `coupon_code_blocked`.
    """
    await records.locked(connection, [campaign], lanes=lanes)
    cursor = connection.cursor(row_factory=tuple_row)
    rows = [(campaign.lane(lanes), campaign.carrier_id, campaign.campaign_id, mark) for mark in marks]
    await cursor.execute(_CODE, columns(rows), binary=True)
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("coupon_code_unknown")
    batch_id, mark, is_blocked, draw = row
    batch = await batch_of(connection, batch_id)
    if draw != batch.draw or batch.state not in {BatchState.MADE, BatchState.BLOCKED}:
        raise NotFound("coupon_code_unknown")
    if is_blocked or batch.state is BatchState.BLOCKED:
        raise Conflict("coupon_code_blocked")
    key = (campaign.lane(lanes), campaign.carrier_id, campaign.campaign_id, mark)
    await connection.execute(_BLOCK_CODE, (now, reason, *key))
    return str(batch_id)


def _check_may(batch: Batch, state: BatchState) -> None:
    if not BATCH.permits(batch.state, state):
        raise Conflict("coupon_batch_stands", status=batch.state.value)


async def _locked(connection: Connection, batch_id: str) -> Batch:
    """Alone with the batch."""
    batch = await batch_of(connection, batch_id)
    await connection.execute(
        "SELECT 1 FROM offers.code_batches WHERE lane = %s AND id = %s FOR UPDATE", (batch.lane, batch.id)
    )
    return await batch_of(connection, batch_id)
