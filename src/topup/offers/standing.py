"""How campaigns stand, for who answers for them: coming, running, over or stopped, what is used of them, day by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from psycopg.rows import tuple_row

from topup.catalogue.campaigns import Campaign
from topup.offers import records
from topup.offers.answers import Reason
from topup.offers.book import Entry
from topup.offers.counting import ALL, CampaignKey, Counter, day_scope
from topup.platform.arrays import columns
from topup.platform.database import Connection

MOST_DAYS: Final = 366

_STOPS: Final = """
SELECT c.carrier_id, c.campaign_id, c.stop_id, c.stopped_at, c.stopped_by, c.stop_reason
FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS k (lane, carrier_id, campaign_id)
JOIN offers.campaigns AS c USING (lane, carrier_id, campaign_id) WHERE c.stopped_at IS NOT NULL
"""


class Stage(StrEnum):
    """Where a campaign of the version in force is."""

    STOPPED = "stopped"
    """Somebody stopped it."""
    COMING = "coming"
    """Its first day is not yet here."""
    RUNNING = "running"
    """It gives what it says."""
    USED_UP = "used_up"
    """It runs, and nothing is left of what it may give."""
    ENDED = "ended"
    """Its last day is over."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Since when a campaign is stopped, who did it and why; None of what nobody wrote down."""

    id: str | None
    at: datetime
    by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is taken of a campaign in all and on a day of its carrier's zone, and whether it is stopped."""

    everything: Counter
    today: Counter
    stop: Stop | None

    def stage(self, entry: Entry, now: datetime) -> Stage:
        """Where it is."""
        if entry.ends_at is not None and now >= entry.ends_at:
            return Stage.ENDED
        if self.stop is not None:
            return Stage.STOPPED
        if entry.starts_at is not None and now < entry.starts_at:
            return Stage.COMING
        return Stage.RUNNING if self.lacking(entry.campaign) is None else Stage.USED_UP

    def lacking(self, campaign: Campaign) -> Reason | None:
        """What is used up of it for everybody; what one person may have of it is nobody else's."""
        limits, taken = campaign.limits, self.everything
        if limits.total is not None and taken.taken >= limits.total:
            return Reason.USED_UP
        if limits.budget_minor is not None and taken.taken_minor >= limits.budget_minor:
            return Reason.BUDGET_USED_UP
        if limits.per_day is not None and self.today.taken >= limits.per_day:
            return Reason.USED_UP_TODAY
        return None


async def standings(
    connection: Connection, campaigns: Sequence[CampaignKey], *, today: date, lanes: int
) -> dict[CampaignKey, Standing]:
    """How each stands; two statements however many there are."""
    if not campaigns:
        return {}
    day = day_scope(today)
    counted = await records.tallies(connection, [(key, one) for key in campaigns for one in (ALL, day)], lanes=lanes)
    cursor = connection.cursor(row_factory=tuple_row)
    rows = [(key.lane(lanes), key.carrier_id, key.campaign_id) for key in campaigns]
    await cursor.execute(_STOPS, columns(rows), binary=True)
    stops = {CampaignKey(carrier, name): Stop(*told) for carrier, name, *told in await cursor.fetchall()}
    return {key: Standing(counted[key].of(ALL), counted[key].of(day), stops.get(key)) for key in campaigns}


async def by_day(
    connection: Connection, campaign: CampaignKey, *, first: date, last: date, lanes: int
) -> list[tuple[date, Counter]]:
    """What was taken of it on each day from the `first` to the `last`, the latest MOST_DAYS of them at most."""
    count = min((last - first).days + 1, MOST_DAYS)
    days = [last - timedelta(days=ago) for ago in reversed(range(count))]
    tallies = await records.tallies(connection, [(campaign, day_scope(day)) for day in days], lanes=lanes)
    tally = tallies.get(campaign)
    return [(day, tally.of(day_scope(day)) if tally else Counter()) for day in days]
