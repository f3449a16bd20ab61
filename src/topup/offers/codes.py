"""Codes made one by one: they begin with their campaign's prefix, and the database knows only their marks."""

import secrets
from datetime import datetime
from typing import Final

from topup.offers import records
from topup.offers.counting import CampaignKey
from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

MOST_AT_ONCE: Final = 20_000
"""No statement may take long."""
_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without those that are taken for one another."""
_PART: Final = 5
"""Twice five letters of 32: 50 bits, which nobody guesses against the counters of wrong codes."""

_MAKE: Final = """
INSERT INTO offers.codes (lane, carrier_id, campaign_id, mark, made_at, made_by)
SELECT k.*, %b, %b FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[]) AS k
"""


async def make(
    connection: Connection,
    campaign: CampaignKey,
    *,
    prefix: str,
    count: int,
    by: str,
    now: datetime,
    keys: KeyRing,
    lanes: int,
) -> list[str]:
    """New codes of a campaign whose coupon has that prefix; they are nowhere else. Raises ValueError for too many."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise ValueError(f"1 to {MOST_AT_ONCE} codes at once")
    made: set[str] = set()
    while len(made) < count:
        made.add(f"{prefix}-{_part()}-{_part()}")
    texts = sorted(made, key=lambda _: secrets.randbits(32))
    await records.locked(connection, [campaign], lanes=lanes)
    lane = campaign.lane(lanes)
    rows = [(lane, campaign.carrier_id, campaign.campaign_id, keys.marks(text)[0]) for text in texts]
    await connection.execute(_MAKE, (now, by, *columns(rows)), binary=True)
    return texts


def _part() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_PART))
