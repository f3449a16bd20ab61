"""What is taken of campaigns, for who chooses among offers; and codes that were made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from psycopg.rows import tuple_row

from topup.offers import records
from topup.offers.book import Entry
from topup.offers.counting import ALL, CampaignKey, Counter, Tally, day_scope, mark_scope, person_scope, word_scope
from topup.offers.facts import Code, Uses
from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

_STOPPED: Final = """
SELECT c.carrier_id, c.campaign_id
FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS k (lane, carrier_id, campaign_id)
JOIN offers.campaigns AS c USING (lane, carrier_id, campaign_id) WHERE c.stopped_at IS NOT NULL
"""
_MADE: Final = """
SELECT c.mark
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[]) AS k (lane, carrier_id, campaign_id, mark)
JOIN offers.codes AS c USING (lane, carrier_id, campaign_id, mark)
"""


async def uses(
    connection: Connection, campaigns: Iterable[CampaignKey], *, day: date, persons: Sequence[str], lanes: int
) -> dict[CampaignKey, Uses]:
    """What is taken of each on that day of the line's zone and by these pseudonyms; of the latter the most counts."""
    keys = list(campaigns)
    [found] = await uses_for(connection, [Look(keys, day, persons)], lanes=lanes)
    return found


@dataclass(frozen=True, slots=True)
class Look:
    """What one who asks for a price is to be told of: these campaigns, on that day, for these pseudonyms."""

    campaigns: Sequence[CampaignKey]
    day: date
    persons: Sequence[str]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The counters that are looked at."""
        return ALL, day_scope(self.day), *map(person_scope, self.persons)


async def uses_for(connection: Connection, looks: Sequence[Look], *, lanes: int) -> list[dict[CampaignKey, Uses]]:
    """As `uses`, for many who ask at once: two statements, however many they are."""
    keys = list(dict.fromkeys(key for look in looks for key in look.campaigns))
    if not keys:
        return [{} for _ in looks]
    scopes = [(key, scope) for look in looks for key in look.campaigns for scope in look.scopes]
    tallies = await records.tallies(connection, scopes, lanes=lanes)
    stopped = await _stopped(connection, keys, lanes=lanes)
    return [
        {
            key: _uses(tallies[key], day_scope(one.day), list(one.scopes[2:]), is_stopped=key in stopped)
            for key in one.campaigns
        }
        for one in looks
    ]


def _uses(tally: Tally, today: str, who: Sequence[str], *, is_stopped: bool) -> Uses:
    def counter(scope: str) -> Counter:
        return tally.counters.get(scope) or Counter()

    everything = counter(ALL)
    return Uses(
        total=everything.taken,
        today=counter(today).taken,
        person=max((counter(scope).taken for scope in who), default=0),
        off_minor=everything.taken_minor,
        stopped=is_stopped,
    )


async def _stopped(connection: Connection, keys: Sequence[CampaignKey], *, lanes: int) -> set[CampaignKey]:
    cursor = connection.cursor(row_factory=tuple_row)
    rows = [(key.lane(lanes), key.carrier_id, key.campaign_id) for key in keys]
    await cursor.execute(_STOPPED, columns(rows), binary=True)
    return {CampaignKey(carrier, campaign) for carrier, campaign in await cursor.fetchall()}


async def code(
    connection: Connection, text: str, entry: Entry | None, *, carrier_id: str, keys: KeyRing, lanes: int
) -> tuple[Code, str | None]:
    """A code that was entered (as `facts.normalised`) and leads to `entry`: the fact, and the scope it is counted in.

    The scope is None where there is no such code.
    """
    coupon = entry.campaign.coupon if entry else None
    if entry is None or coupon is None:
        return Code(text), None
    campaign = CampaignKey(carrier_id, entry.campaign.id)
    scope: str | None = word_scope(text)
    if coupon.code is None:
        mark = await _made(connection, campaign, keys.marks(text), lanes=lanes)
        scope = mark_scope(mark) if mark else None
    if scope is None:
        return Code(text), None
    tallies = await records.tallies(connection, [(campaign, scope)], lanes=lanes)
    counter = tallies[campaign].counters.get(scope)
    return Code(text, counter.taken if counter else 0, made=coupon.code is None), scope


async def _made(connection: Connection, campaign: CampaignKey, marks: Sequence[bytes], *, lanes: int) -> bytes | None:
    """The mark under which a code was made, by whichever key there was then."""
    rows = [(campaign.lane(lanes), campaign.carrier_id, campaign.campaign_id, mark) for mark in marks]
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(_MADE, columns(rows), binary=True)
    row = await cursor.fetchone()
    return bytes(row[0]) if row else None
