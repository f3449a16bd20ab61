"""Rows of offers: campaigns locked, what is counted of them, what is held for orders."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import tuple_row

from topup.offers.counting import CampaignKey, Counter, Tally
from topup.offers.states import ReservationState
from topup.platform.arrays import columns
from topup.platform.database import Connection

_KNOW: Final = """
INSERT INTO offers.campaigns (lane, carrier_id, campaign_id)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[]) ON CONFLICT DO NOTHING
"""
_LOCK: Final = """
SELECT c.carrier_id, c.campaign_id, c.stopped_at IS NOT NULL
FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS k (lane, carrier_id, campaign_id)
JOIN offers.campaigns AS c USING (lane, carrier_id, campaign_id)
ORDER BY c.lane, c.carrier_id, c.campaign_id FOR UPDATE OF c
"""
_RESERVED: Final = """
SELECT r.carrier_id, r.campaign_id, r.order_id, r.off_minor, r.scopes, r.state, r.expires_at
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[]) AS k (lane, carrier_id, campaign_id, order_id)
JOIN offers.reservations AS r USING (lane, carrier_id, campaign_id, order_id)
"""
_COUNTED: Final = """
SELECT c.carrier_id, c.campaign_id, c.scope, c.held, c.used, c.held_minor, c.used_minor, c.most, c.most_minor
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[]) AS k (lane, carrier_id, campaign_id, scope)
JOIN offers.counters AS c USING (lane, carrier_id, campaign_id, scope)
"""
_COUNT: Final = """
INSERT INTO offers.counters
    (lane, carrier_id, campaign_id, scope, held, used, held_minor, used_minor, most, most_minor)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[],
    %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])
ON CONFLICT (lane, carrier_id, campaign_id, scope) DO UPDATE SET held = excluded.held, used = excluded.used,
    held_minor = excluded.held_minor, used_minor = excluded.used_minor,
    most = excluded.most, most_minor = excluded.most_minor
"""
_CODES: Final = """
SELECT k.carrier_id, k.campaign_id, k.mark, c.batch_id, c.blocked_at IS NOT NULL OR b.state = 'blocked',
    coalesce(b.valid_until <= %b, false)
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[]) AS k (lane, carrier_id, campaign_id, mark)
JOIN offers.codes AS c USING (lane, carrier_id, campaign_id, mark)
JOIN offers.code_batches AS b ON b.lane = c.lane AND b.id = c.batch_id
"""
_WRITE: Final = """
INSERT INTO offers.reservations
    (lane, carrier_id, campaign_id, order_id, off_minor, scopes, state, expires_at, state_since)
SELECT k.lane, k.carrier_id, k.campaign_id, k.order_id, k.off_minor, string_to_array(k.scopes, ' '), k.state,
    k.expires_at, %b
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[], %b::bigint[], %b::text[], %b::text[],
    %b::timestamptz[]) AS k (lane, carrier_id, campaign_id, order_id, off_minor, scopes, state, expires_at)
ON CONFLICT (lane, carrier_id, campaign_id, order_id) DO UPDATE SET off_minor = excluded.off_minor,
    scopes = excluded.scopes, state = excluded.state, state_since = excluded.state_since,
    expires_at = excluded.expires_at
"""
_LAPSED: Final = """
SELECT r.carrier_id, r.campaign_id, r.order_id
FROM unnest(%b::smallint[]) AS l (lane) CROSS JOIN LATERAL (
    SELECT * FROM offers.reservations AS r
    WHERE r.lane = l.lane AND r.state = 'held' AND r.expires_at <= %b ORDER BY r.expires_at LIMIT %b
) AS r LIMIT %b
"""


@dataclass(frozen=True, slots=True)
class ReservationKey:
    """One campaign for one order."""

    campaign: CampaignKey
    order_id: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is held, used or was given back; `scopes` are the counters it is counted in."""

    key: ReservationKey
    off_minor: int
    scopes: tuple[str, ...]
    state: ReservationState
    expires_at: datetime


async def locked(connection: Connection, campaigns: Iterable[CampaignKey], *, lanes: int) -> dict[CampaignKey, bool]:
    """Lock the campaigns, in one order for all who do; whether each is stopped. One that is new is written down."""
    keys = sorted({(one.lane(lanes), one.carrier_id, one.campaign_id) for one in campaigns})
    await connection.execute(_KNOW, columns(keys), binary=True)
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(_LOCK, columns(keys), binary=True)
    return {CampaignKey(carrier, campaign): stopped for carrier, campaign, stopped in await cursor.fetchall()}


async def reserved(
    connection: Connection, keys: Iterable[ReservationKey], *, lanes: int
) -> dict[ReservationKey, Reservation]:
    """The reservations there are of these."""
    rows = [(one.campaign.lane(lanes), one.campaign.carrier_id, one.campaign.campaign_id, one.order_id) for one in keys]
    if not rows:
        return {}
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(_RESERVED, columns(rows), binary=True)
    found = {}
    for carrier, campaign, order_id, off_minor, scopes, state, expires_at in await cursor.fetchall():
        key = ReservationKey(CampaignKey(carrier, campaign), order_id)
        found[key] = Reservation(key, off_minor, tuple(scopes), ReservationState(state), expires_at)
    return found


async def tallies(
    connection: Connection, scopes: Iterable[tuple[CampaignKey, str]], *, lanes: int
) -> dict[CampaignKey, Tally]:
    """What is counted within these scopes; a campaign of which nothing is has an empty tally."""
    wanted = sorted({(one.lane(lanes), one.carrier_id, one.campaign_id, scope) for one, scope in scopes})
    found = {CampaignKey(carrier, campaign): Tally() for _, carrier, campaign, _ in wanted}
    if wanted:
        cursor = connection.cursor(row_factory=tuple_row)
        await cursor.execute(_COUNTED, columns(wanted), binary=True)
        for carrier, campaign, scope, *counts in await cursor.fetchall():
            found[CampaignKey(carrier, campaign)].counters[scope] = Counter(*counts)
    return found


@dataclass(frozen=True, slots=True)
class CodeRow:
    """A code that was made by itself: its batch, and whether it is blocked, or its time over."""

    batch_id: str
    is_blocked: bool
    is_over: bool


async def codes(
    connection: Connection, marks: Iterable[tuple[CampaignKey, bytes]], now: datetime, *, lanes: int
) -> dict[tuple[CampaignKey, bytes], CodeRow]:
    """How these codes stand; asks nothing where there are none."""
    rows = [(one.lane(lanes), one.carrier_id, one.campaign_id, mark) for one, mark in marks]
    if not rows:
        return {}
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(_CODES, (now, *columns(rows)), binary=True)
    return {
        (CampaignKey(carrier, campaign), bytes(mark)): CodeRow(*stands)
        for carrier, campaign, mark, *stands in await cursor.fetchall()
    }


async def write(
    connection: Connection,
    changed: Sequence[Reservation],
    counted: Mapping[CampaignKey, Tally],
    now: datetime,
    *,
    lanes: int,
) -> None:
    """Write reservations as they stand now, and the counters that changed; the campaigns are locked."""
    if not changed:
        return
    counts = [
        (key.lane(lanes), key.carrier_id, key.campaign_id, scope, *_counts(tally.counters[scope]))
        for key, tally in counted.items()
        for scope in sorted(tally.changed)
    ]
    if counts:
        await connection.execute(_COUNT, columns(counts), binary=True)
    rows = [
        (
            one.key.campaign.lane(lanes),
            one.key.campaign.carrier_id,
            one.key.campaign.campaign_id,
            one.key.order_id,
            one.off_minor,
            " ".join(one.scopes),
            one.state.value,
            one.expires_at,
        )
        for one in changed
    ]
    await connection.execute(_WRITE, (now, *columns(rows)), binary=True)


async def lapsed(connection: Connection, now: datetime, limit: int, *, lanes: int) -> list[ReservationKey]:
    """Some that are held and whose time is over, of any lane."""
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(_LAPSED, (list(range(lanes)), now, limit, limit), binary=True)
    return [
        ReservationKey(CampaignKey(carrier, campaign), order_id)
        for carrier, campaign, order_id in await cursor.fetchall()
    ]


def _counts(counter: Counter) -> tuple[int, ...]:
    return (
        counter.held,
        counter.used,
        counter.held_minor,
        counter.used_minor,
        counter.most,
        counter.most_minor,
    )
