"""Gifts that are sent, as they stand: which are to be sent, of which nobody said where to, and which are asked back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.shops.stock.gifts import COLUMNS, NAMED, Gift, GiftKey, gift_of

PAGE: Final = 50
MOST_PAGES: Final = 200


class Standing(StrEnum):
    """How a gift that is sent stands, for who sends it."""

    TO_SEND = "to_send"
    """It is known where to: the one that waits longest is the next."""
    ADDRESS_WANTED = "address_wanted"
    """Its payer did not say where to yet."""
    ASKED_BACK = "asked_back"
    """It was sent, and the money went back."""
    SENT = "sent"


_WHICH: Final[Mapping[Standing, tuple[str, str]]] = {
    Standing.TO_SEND: ("g.state = 'promised' AND a.given_at IS NOT NULL", "a.given_at"),
    Standing.ADDRESS_WANTED: ("g.state = 'promised' AND a.given_at IS NULL", "g.until"),
    Standing.ASKED_BACK: ("g.state = 'asked_back'", "g.state_since"),
    Standing.SENT: ("g.state = 'handed_over'", "g.state_since DESC"),
}
_COUNTS: Final = """
SELECT count(*) FILTER (WHERE g.state = 'promised' AND a.given_at IS NOT NULL),
    count(*) FILTER (WHERE g.state = 'promised' AND a.given_at IS NULL), count(*) FILTER (WHERE g.state = 'asked_back')
FROM shops.gifts AS g LEFT JOIN shops.gift_addresses AS a ON a.order_id = g.order_id AND a.sku = g.sku
WHERE g.is_sent AND g.state IN ('promised', 'asked_back') AND (%(place)s = '' OR g.place = %(place)s)
"""
_PLACES: Final = """
SELECT DISTINCT place FROM shops.gifts WHERE is_sent AND state IN ('promised', 'asked_back') ORDER BY place
"""


_WAITS: Final = """
g.is_sent AND g.state = 'promised' AND g.until > %(now)s AND g.until <= %(before)s AND g.state_since <= %(since)s
    AND g.reminded_at IS NULL AND (g.remind_from IS NULL OR g.remind_from <= %(now)s) AND NOT EXISTS (
        SELECT FROM shops.gift_addresses AS a WHERE a.order_id = g.order_id AND a.sku = g.sku)
"""
_TO_REMIND: Final = f"""
SELECT g.order_id, g.sku FROM shops.gifts AS g WHERE {_WAITS} ORDER BY g.until LIMIT %(limit)s
"""
_REMIND: Final = f"""
WITH reminded AS (
    UPDATE shops.gifts AS g SET reminded_at = %(now)s FROM unnest(%(orders)s::text[], %(skus)s::text[]) AS k (id, sku)
    WHERE g.order_id = k.id AND g.sku = k.sku AND {_WAITS} RETURNING g.order_id, g.sku
)
SELECT {COLUMNS} FROM reminded AS r JOIN shops.gifts AS g ON g.order_id = r.order_id AND g.sku = r.sku {NAMED}
"""
_NOT_YET: Final = """
UPDATE shops.gifts AS g SET remind_from = %b FROM unnest(%b::text[], %b::text[]) AS k (id, sku)
WHERE g.order_id = k.id AND g.sku = k.sku
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who is reminded now: of gifts that wait for an address since `since`, and do not wait longer than `before`."""

    since: datetime
    before: datetime
    now: datetime

    @property
    def facts(self) -> dict[str, object]:
        """For a statement."""
        return {"since": self.since, "before": self.before, "now": self.now}


async def to_remind(connection: Connection, waiting: Waiting, *, limit: int) -> list[GiftKey]:
    """Some of which nobody was told so."""
    cursor = await connection.execute(_TO_REMIND, waiting.facts | {"limit": limit})
    return [GiftKey(*row) for row in await cursor.fetchall()]


async def remind(connection: Connection, waiting: Waiting, keys: Sequence[GiftKey]) -> list[Gift]:
    """Those of these of which nobody was told so yet. They were told with this."""
    which = {"orders": [key.order_id for key in keys], "skus": [key.sku for key in keys]}
    cursor = await connection.execute(_REMIND, waiting.facts | which)
    return [gift_of(row) for row in await cursor.fetchall()]


async def remind_later(connection: Connection, keys: Sequence[GiftKey], at: datetime) -> None:
    """Nobody can be told of these now: not before then again."""
    if keys:
        await connection.execute(_NOT_YET, (at, *columns([(key.order_id, key.sku) for key in keys])))


async def listed(connection: Connection, standing: Standing, *, place: str = "", page: int = 1) -> list[Gift]:
    """A page of those that stand so, of one place or all, with one more where there is another page."""
    which, order = _WHICH[standing]
    cursor = await connection.execute(
        f"SELECT {COLUMNS} FROM shops.gifts AS g {NAMED} WHERE g.is_sent AND {which}"
        " AND (%(place)s = '' OR g.place = %(place)s)"
        f" ORDER BY {order}, g.order_id, g.sku LIMIT %(limit)s OFFSET %(offset)s",
        {"place": place, "limit": PAGE + 1, "offset": (min(max(page, 1), MOST_PAGES) - 1) * PAGE},
    )
    return [gift_of(row) for row in await cursor.fetchall()]


async def counts(connection: Connection, *, place: str = "") -> dict[Standing, int]:
    """How many stand so, of what somebody must do something about."""
    row = await (await connection.execute(_COUNTS, {"place": place})).fetchone() or (0, 0, 0)
    return dict(zip((Standing.TO_SEND, Standing.ADDRESS_WANTED, Standing.ASKED_BACK), row, strict=True))


async def places(connection: Connection) -> list[str]:
    """The places that have something to send, or sent what is asked back."""
    return [place for (place,) in await (await connection.execute(_PLACES)).fetchall()]
