"""Batches of codes, approved and made."""

from collections.abc import Sequence
from datetime import date, datetime

from topup.kernel.ids import new_id
from topup.offers.batches import operations
from topup.offers.batches.operations import Wanted
from topup.offers.batches.queries import Batch
from topup.offers.codes import drawn
from topup.offers.counting import CampaignKey
from topup.platform.database import Connection
from topup.platform.keys import KeyRing


async def approved(
    connection: Connection,
    campaign: CampaignKey,
    *,
    prefix: str,
    count: int,
    by: str,
    now: datetime,
    lanes: int,
    last_day: date | None = None,
    valid_until: datetime | None = None,
) -> Batch:
    wanted = Wanted(campaign, prefix, count, last_day, valid_until, by)
    lane = campaign.lane(lanes)
    return await operations.approve(
        connection,
        wanted,
        batch_id=new_id("coupons", lane),
        approval_id=new_id("approval", lane),
        now=now,
        lanes=lanes,
    )


async def made(connection: Connection, campaign: CampaignKey, *, keys: KeyRing, **facts) -> list[str]:
    """The codes of a new batch, all in the caller's transaction."""
    batch = await approved(connection, campaign, **facts)
    batch = await operations.begin(connection, batch.id, facts["now"])
    texts = drawn(batch.prefix, batch.count)
    await operations.write(connection, batch, [keys.marks(text)[0] for text in texts])
    await operations.finish(connection, batch, facts["now"])
    return texts


class Kept:
    """Where the codes of a batch go in a test."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.codes: list[str] = []
        self.progress: list[tuple[int, int]] = []
        self._fails = fails

    def keep(self, batch: Batch, codes: Sequence[str]) -> str:
        assert self.codes == [], "kept once"
        self.codes = list(codes)
        if self._fails:
            raise self._fails
        return "0" * 64

    def told(self, done: int, count: int) -> None:
        self.progress.append((done, count))
