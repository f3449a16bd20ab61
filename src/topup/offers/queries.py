"""What is taken of campaigns, for who chooses among offers; and codes that were made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
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
_CODES: Final = """
SELECT k.place, k.scope, c.mark IS NOT NULL, coalesce(n.held, 0), coalesce(n.used, 0),
    c.blocked_at IS NOT NULL OR coalesce(b.state = 'blocked', false), coalesce(b.valid_until <= %b, false)
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[], %b::text[], %b::integer[])
    AS k (lane, carrier_id, campaign_id, mark, scope, place)
LEFT JOIN offers.codes AS c USING (lane, carrier_id, campaign_id, mark)
LEFT JOIN offers.code_batches AS b ON b.lane = c.lane AND b.id = c.batch_id
LEFT JOIN offers.counters AS n ON n.lane = k.lane AND n.carrier_id = k.carrier_id AND n.campaign_id = k.campaign_id
    AND n.scope = k.scope
WHERE k.mark = '' OR (b.state IN ('made', 'blocked') AND c.draw = b.draw)
"""
_HOLDERS: Final = """
SELECT k.carrier_id, k.campaign_id, k.scope, h.order_id, h.expires_at
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[]) AS k (lane, carrier_id, campaign_id, scope)
CROSS JOIN LATERAL (
    SELECT r.order_id, r.expires_at FROM offers.reservations AS r
    WHERE r.lane = k.lane AND r.carrier_id = k.carrier_id AND r.campaign_id = k.campaign_id
        AND r.state = 'held' AND offers.keys_of(r.scopes) @> offers.keys_of(ARRAY[k.scope])
        AND r.scopes @> ARRAY[k.scope] LIMIT %b
) AS h
"""
_MOST_HOLDERS: Final = 8
_WORD: Final = b""
"""In the place of a mark: a word that is the same for all has none."""


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

    everything, mine = counter(ALL), [counter(scope) for scope in who]
    person = max((one.taken for one in mine), default=0)
    return Uses(
        total=everything.taken,
        today=counter(today).taken,
        person=person,
        off_minor=everything.taken_minor,
        stopped=is_stopped,
        person_held=person - max((one.used for one in mine), default=0),
    )


async def _stopped(connection: Connection, keys: Sequence[CampaignKey], *, lanes: int) -> set[CampaignKey]:
    cursor = connection.cursor(row_factory=tuple_row)
    rows = [(key.lane(lanes), key.carrier_id, key.campaign_id) for key in keys]
    await cursor.execute(_STOPPED, columns(rows), binary=True)
    return {CampaignKey(carrier, campaign) for carrier, campaign in await cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class Typed:
    """A code as `facts.normalised`, and the campaign of that carrier it leads to, by its shape."""

    text: str
    carrier_id: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a code that was typed, and the scope it is counted in: None where there is no such code."""

    fact: Code
    scope: str | None


async def codes(
    connection: Connection, typed: Sequence[Typed], now: datetime, *, keys: KeyRing, lanes: int
) -> list[Known]:
    """What is known of each; one statement, however many they are."""
    rows = [row for place, one in enumerate(typed) for row in _sought(place, one, keys, lanes)]
    found: dict[int, Known] = {}
    if rows:
        cursor = connection.cursor(row_factory=tuple_row)
        await cursor.execute(_CODES, (now, *columns(rows)), binary=True)
        for place, scope, is_made, held, used, blocked, over in await cursor.fetchall():
            fact = Code(typed[place].text, held + used, made=is_made, held=held, is_blocked=blocked, is_over=over)
            found[place] = Known(fact, scope)
    return [found.get(place) or Known(Code(one.text), None) for place, one in enumerate(typed)]


def _sought(place: int, typed: Typed, keys: KeyRing, lanes: int) -> list[tuple[int, str, str, bytes, str, int]]:
    """The rows to look for it by: one of a word, one for each key there was of a code that was made by itself."""
    coupon = typed.entry.campaign.coupon if typed.entry else None
    if typed.entry is None or coupon is None:
        return []
    campaign = CampaignKey(typed.carrier_id, typed.entry.campaign.id)
    if coupon.code is not None:
        by = [(_WORD, word_scope(typed.text))]
    else:
        by = [(mark, mark_scope(mark)) for mark in keys.marks(typed.text)]
    lane = campaign.lane(lanes)
    return [(lane, campaign.carrier_id, campaign.campaign_id, mark, scope, place) for mark, scope in by]


@dataclass(frozen=True, slots=True)
class Holder:
    """An order that is not paid yet and holds something, until when if nothing comes of it."""

    order_id: str
    until: datetime


async def holders(
    connection: Connection, sought: Iterable[tuple[CampaignKey, str]], *, lanes: int
) -> dict[tuple[CampaignKey, str], list[Holder]]:
    """Who holds what is counted within these scopes of campaigns, whose time is over soonest first; of each scope some,
    where many do.
    """
    found: dict[tuple[CampaignKey, str], list[Holder]] = {one: [] for one in sought}
    rows = [(key.lane(lanes), key.carrier_id, key.campaign_id, scope) for key, scope in found]
    if rows:
        cursor = connection.cursor(row_factory=tuple_row)
        await cursor.execute(_HOLDERS, (*columns(rows), _MOST_HOLDERS), binary=True)
        for carrier, campaign, scope, order_id, until in await cursor.fetchall():
            found[CampaignKey(carrier, campaign), scope].append(Holder(order_id, until))
    return {place: sorted(some, key=lambda one: (one.until, one.order_id)) for place, some in found.items()}
