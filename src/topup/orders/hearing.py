"""What became of top-ups, for whoever tells people of it: each thing once.

What arrived is read from the receipts, in their order. They are numbered without gaps, in the order they are committed,
so how far they were heard is one number for each lane and year, and nothing is added to what settles an order. The rest
is rare, and noted where it comes about, for subscribers who ordered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.money import Money
from topup.platform.arrays import columns
from topup.platform.database import Connection

_UNHEARD: Final = """
SELECT c.lane, c.year FROM orders.receipt_counters AS c
LEFT JOIN orders.receipts_heard AS h ON h.lane = c.lane AND h.year = c.year
WHERE h.number IS NULL OR h.number < c.last ORDER BY c.lane, c.year
"""
_BEGIN: Final = """
INSERT INTO orders.receipts_heard (lane, year, number)
SELECT %(lane)s, %(year)s, coalesce(min(number) - 1, (
    SELECT last FROM orders.receipt_counters WHERE lane = %(lane)s AND year = %(year)s
)) FROM orders.receipts WHERE lane = %(lane)s AND year = %(year)s AND issued_at >= %(since)s
ON CONFLICT (lane, year) DO NOTHING
"""
_REACHED: Final = "SELECT number FROM orders.receipts_heard WHERE lane = %s AND year = %s FOR UPDATE SKIP LOCKED"
_NEXT: Final = """
SELECT r.number, r.issued_at, o.* FROM (
    SELECT r.lane, r.number, r.issued_at, r.order_id FROM orders.receipts AS r
    WHERE r.lane = %s AND r.year = %s AND r.number > %s ORDER BY r.lane, r.year, r.number LIMIT %s
) AS r, LATERAL (
    -- Each by itself, whatever the planner thinks of a young table: else it reads a whole lane for a few of them.
    SELECT o.id, o.msisdn, o.face_minor, o.currency, o.contact_id, o.payer_id FROM orders.orders AS o
    WHERE o.lane = r.lane AND o.id = r.order_id LIMIT 1
) AS o ORDER BY r.number
"""
_HEARD: Final = "UPDATE orders.receipts_heard SET number = %s WHERE lane = %s AND year = %s"
_NOTE: Final = """
INSERT INTO orders.news (lane, order_id, news, key, minor, currency, at)
SELECT u.*, %s FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[], %b::bigint[], %b::text[]) AS u
ON CONFLICT DO NOTHING
"""
_LANES: Final = """
SELECT w.lane FROM unnest(%s::smallint[]) AS w (lane)
WHERE EXISTS (SELECT FROM orders.news AS n WHERE n.lane = w.lane AND NOT n.heard)
"""
_NEWS: Final = """
SELECT n.order_id, n.news, n.key, n.minor, n.currency, n.at, o.msisdn, o.face_minor, o.currency, o.contact_id,
    o.payer_id
FROM orders.news AS n JOIN orders.orders AS o ON o.lane = n.lane AND o.id = n.order_id
WHERE n.lane = %s AND NOT n.heard ORDER BY n.lane, n.at LIMIT %s FOR NO KEY UPDATE OF n SKIP LOCKED
"""
_NEWS_HEARD: Final = """
UPDATE orders.news AS n SET heard = TRUE
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[]) AS u (lane, order_id, news, key)
WHERE n.lane = u.lane AND n.order_id = u.order_id AND n.news = u.news AND n.key = u.key
"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A top-up that arrived: what was bought for a number (E.164), the contact who was told, if one was left, and the
    subscriber who ordered, if one was signed in.
    """

    order_id: str
    msisdn: str
    amount: Money
    at: datetime
    contact_id: str | None
    payer_id: str | None


@dataclass(frozen=True, slots=True)
class Unheard:
    """News of an order for the subscriber who made it: `failed`, `full` or `refunded`, and the money in it; or
    `gift_sent` or `gift_wanted`, of the gift whose SKU is the `key`, and what that is worth.
    """

    lane: int
    order_id: str
    news: str
    key: str
    money: Money
    at: datetime
    msisdn: str
    face: Money
    contact_id: str | None
    payer_id: str


async def note(connection: Connection, news: Sequence[tuple[int, str, str, str, int, str]], now: datetime) -> None:
    """Note news (lane, order, news, key, minor units, currency), in the transaction that makes it."""
    await connection.execute(_NOTE, (now, *columns(news)))


async def lanes_with_news(connection: Connection, lanes: Sequence[int]) -> list[int]:
    """Those of `lanes` in which there is news to hear."""
    cursor = await connection.execute(_LANES, (list(lanes),))
    return [lane for (lane,) in await cursor.fetchall()]


async def news(connection: Connection, *, lane: int, limit: int) -> list[Unheard]:
    """Lock at most `limit` pieces of news of a lane that were not heard; those others have in hand not."""
    cursor = await connection.execute(_NEWS, (lane, limit))
    return [
        Unheard(lane, order_id, news, key, Money(minor, currency), at, msisdn, Money(face, face_in), contact, payer)
        for order_id, news, key, minor, currency, at, msisdn, face, face_in, contact, payer in await cursor.fetchall()
    ]


async def news_heard(connection: Connection, found: Sequence[Unheard]) -> None:
    """Note that these were heard, in the transaction that acts upon them."""
    if found:
        rows = [(one.lane, one.order_id, one.news, one.key) for one in found]
        await connection.execute(_NEWS_HEARD, columns(rows))


async def unheard(connection: Connection) -> list[tuple[int, int]]:
    """Lanes and years in which top-ups arrived that were not heard of."""
    return [(lane, year) for lane, year in await (await connection.execute(_UNHEARD)).fetchall()]


async def hear(connection: Connection, *, lane: int, year: int, since: datetime, limit: int) -> Sequence[Arrived]:
    """The next of a lane and year, at most `limit`; they are heard when the transaction commits. Who hears for the
    first time begins with those of `since`. Where another has them in hand, none.
    """
    await connection.execute(_BEGIN, {"lane": lane, "year": year, "since": since})
    row = await (await connection.execute(_REACHED, (lane, year))).fetchone()
    if row is None:
        return []
    found = await (await connection.execute(_NEXT, (lane, year, row[0], limit))).fetchall()
    if found:
        await connection.execute(_HEARD, (found[-1][0], lane, year))
    return [
        Arrived(order_id, msisdn, Money(face_minor, currency), at, contact_id, payer_id)
        for _, at, order_id, msisdn, face_minor, currency, contact_id, payer_id in found
    ]
