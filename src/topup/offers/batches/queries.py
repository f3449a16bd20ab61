"""What is known of batches of codes, without their codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from psycopg.rows import tuple_row

from topup.kernel.errors import NotFound
from topup.kernel.ids import is_id, lane_of
from topup.offers import records
from topup.offers.batches.states import BatchState
from topup.offers.counting import CampaignKey, batch_scope
from topup.platform.arrays import columns
from topup.platform.database import Connection

MOST_LISTED: Final = 100

_COLUMNS: Final = (
    "lane, id, carrier_id, campaign_id, prefix, count, last_day, valid_until, state, state_since, draw, made,"
    " requested_by, approved_at, approval_id, block_reason"
)
_ONE: Final = f"SELECT {_COLUMNS} FROM offers.code_batches WHERE lane = %s AND id = %s"
_OF_CAMPAIGN: Final = f"""
SELECT {_COLUMNS} FROM offers.code_batches WHERE lane = %s AND carrier_id = %s AND campaign_id = %s
ORDER BY approved_at DESC, id DESC LIMIT %s
"""
_MADE: Final = """
SELECT coalesce(sum(made), 0)::bigint, max(state_since) FROM offers.code_batches
WHERE lane = %s AND carrier_id = %s AND campaign_id = %s AND state IN ('made', 'blocked') AND made = count
"""
_BLOCKED: Final = """
SELECT c.batch_id, sum(greatest(k.uses - coalesce(n.held + n.used, 0), 0))::bigint
FROM unnest(%b::smallint[], %b::text[], %b::integer[], %b::bigint[]) AS k (lane, batch_id, draw, uses)
JOIN offers.codes AS c ON c.lane = k.lane AND c.batch_id = k.batch_id AND c.draw = k.draw AND c.blocked_at IS NOT NULL
LEFT JOIN offers.counters AS n ON n.lane = c.lane AND n.carrier_id = c.carrier_id AND n.campaign_id = c.campaign_id
    AND n.scope = 'code:#' || encode(c.mark, 'hex')
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Codes made together. `made`: how many are written so far; `last_day` and `valid_until` None: as long as the
    campaign runs.
    """

    lane: int
    id: str
    campaign: CampaignKey
    prefix: str
    count: int
    last_day: date | None
    valid_until: datetime | None
    state: BatchState
    state_since: datetime
    draw: int
    made: int
    requested_by: str
    approved_at: datetime
    approval_id: str
    block_reason: str | None

    def is_over(self, now: datetime) -> bool:
        """Whether its last day has ended."""
        return self.valid_until is not None and now >= self.valid_until


@dataclass(frozen=True, slots=True)
class Shares:
    """How often the codes of a batch were redeemed, are held, are blocked by themselves, and what is left of them."""

    redeemed: int = 0
    held: int = 0
    blocked: int = 0
    left: int = 0


async def batch_of(connection: Connection, batch_id: str) -> Batch:
    """A batch; raises NotFound `coupon_batch_unknown`."""
    row = None
    if is_id("coupons", batch_id):
        row = await (await connection.execute(_ONE, (lane_of(batch_id), batch_id))).fetchone()
    if row is None:
        raise NotFound("coupon_batch_unknown")
    return _batch(row)


async def state_of(connection: Connection, batch_id: str) -> BatchState | None:
    """How a batch stands; None where there is none."""
    try:
        return (await batch_of(connection, batch_id)).state
    except NotFound:
        return None


async def batches(
    connection: Connection, campaign: CampaignKey, *, lanes: int, limit: int = MOST_LISTED
) -> list[Batch]:
    """The batches of a campaign, newest first."""
    key = (campaign.lane(lanes), campaign.carrier_id, campaign.campaign_id, limit)
    cursor = await connection.execute(_OF_CAMPAIGN, key)
    return [_batch(row) for row in await cursor.fetchall()]


async def shares(connection: Connection, found: Sequence[Batch], *, uses: int, lanes: int) -> Mapping[str, Shares]:
    """What became of the codes of batches of one campaign, by the batch's id; each code is good for `uses`."""
    if not found:
        return {}
    campaign = found[0].campaign
    tallies = await records.tallies(connection, [(campaign, batch_scope(one.id)) for one in found], lanes=lanes)
    cursor = connection.cursor(row_factory=tuple_row)
    rows = [(one.lane, one.id, one.draw, uses) for one in found]
    await cursor.execute(_BLOCKED, columns(rows), binary=True)
    blocked: dict[str, int] = dict(await cursor.fetchall())
    told = {}
    for one in found:
        counter = tallies[campaign].of(batch_scope(one.id))
        shut = blocked.get(one.id, 0)
        written = one.count if one.made == one.count else 0
        told[one.id] = Shares(counter.used, counter.held, shut, max(written * uses - counter.taken - shut, 0))
    return told


@dataclass(frozen=True, slots=True)
class Made:
    """How many codes of its own a campaign has, and since when the latest batch stands as it does."""

    count: int
    latest: datetime | None


async def codes_made(connection: Connection, campaign: CampaignKey, *, lanes: int) -> Made:
    """The codes of its own that it has."""
    key = (campaign.lane(lanes), campaign.carrier_id, campaign.campaign_id)
    row = await (await connection.execute(_MADE, key)).fetchone()
    return Made(*row) if row else Made(0, None)


def _batch(row: tuple[Any, ...]) -> Batch:
    lane, identifier, carrier, campaign, prefix, count, last_day, until, state, *rest = row
    return Batch(
        lane, identifier, CampaignKey(carrier, campaign), prefix, count, last_day, until, BatchState(state), *rest
    )
