"""What is known of orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import args_row

from topup.kernel.errors import NotFound
from topup.kernel.ids import InvalidId, OrderId, PaymentId, QuoteId, check_id, lane_of
from topup.orders.states import OrderState
from topup.platform.arrays import columns, selected, texts
from topup.platform.database import Connection

Place = tuple[int, str]
"""A lane and an id."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as its row is."""

    lane: int
    id: OrderId
    quote_id: QuoteId
    msisdn: str
    carrier_id: str
    currency: str
    face_minor: int
    state: OrderState
    created_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    kept_payment_id: PaymentId | None
    contact_id: str | None
    locale: str
    payer_id: str | None = None
    """The subscriber who ordered, if one was signed in."""
    holds_offers: bool = False
    """Whether campaigns are held for it, in their own lanes."""
    moves_points: bool = False
    """Whether points of its payer pay for it, or come of it, in the payer's own lane."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", OrderState(self.state))

    @property
    def payable_until(self) -> datetime:
        """A payment made until then still counts: the order's end, or when it was called off before."""
        return min(self.expires_at, self.closed_at) if self.closed_at else self.expires_at


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """A quote as it was signed."""

    lane: int
    id: str
    body: str
    kid: str
    signature: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A step of an order."""

    order_id: str
    state: str
    at: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A receipt as it was signed."""

    lane: int
    order_id: str
    year: int
    number: int
    issued_at: datetime
    body: str
    kid: str
    signature: bytes


_ORDER = selected(Order, "o")
_QUOTE = selected(QuoteRow, "q")
_RECEIPT = selected(ReceiptRow, "r")
_HISTORY = selected(HistoryRow, "h")
_PLACES = "unnest(%b::smallint[], %b::text[]) AS place (lane, id)"


def place_of(kind: str, identifier: str) -> Place:
    """Where the thing of that id lives; raises NotFound `<kind>_unknown` for a text that is no such id."""
    try:
        return lane_of(check_id(kind, identifier)), identifier
    except InvalidId:
        raise NotFound(f"{kind}_unknown") from None


def split(places: Sequence[Place]) -> tuple[list[int], list[str]]:
    """Lanes and ids as two arrays, the way SQL takes them."""
    return [lane for lane, _ in places], [identifier for _, identifier in places]


async def orders(connection: Connection, places: Sequence[Place]) -> dict[str, Order]:
    """The orders that exist among `places`, by id."""
    return await _orders(connection, f"SELECT {_ORDER} FROM {_PLACES} {_JOIN}", places)


async def locked(connection: Connection, places: Sequence[Place]) -> dict[str, Order]:
    """The same, each locked until the transaction ends; in one order, so that two batches cannot block each other."""
    sql = (
        f"SELECT {_ORDER} FROM orders.orders o WHERE (o.lane, o.id) IN"
        " (SELECT * FROM unnest(%b::smallint[], %b::text[])) ORDER BY o.lane, o.id FOR UPDATE"
    )
    return await _orders(connection, sql, places)


_JOIN = "JOIN orders.orders o ON o.lane = place.lane AND o.id = place.id"


async def _orders(connection: Connection, sql: str, places: Sequence[Place]) -> dict[str, Order]:
    if not places:
        return {}
    async with connection.cursor(row_factory=args_row(Order), binary=True) as cursor:
        await cursor.execute(sql, split(places))
        return {order.id: order for order in await cursor.fetchall()}


async def quotes(connection: Connection, places: Sequence[Place]) -> dict[str, QuoteRow]:
    """The quotes that exist among `places`, by id."""
    if not places:
        return {}
    async with connection.cursor(row_factory=args_row(QuoteRow), binary=True) as cursor:
        await cursor.execute(
            f"SELECT {_QUOTE} FROM {_PLACES} JOIN orders.quotes q ON q.lane = place.lane AND q.id = place.id",
            split(places),
        )
        return {quote.id: quote for quote in await cursor.fetchall()}


async def history(connection: Connection, places: Sequence[Place]) -> dict[str, list[HistoryRow]]:
    """The steps of each order, first to last."""
    async with connection.cursor(row_factory=args_row(HistoryRow), binary=True) as cursor:
        await cursor.execute(
            f"SELECT {_HISTORY} FROM {_PLACES} JOIN orders.history h"
            " ON h.lane = place.lane AND h.order_id = place.id ORDER BY h.step",
            split(places),
        )
        found: dict[str, list[HistoryRow]] = {}
        for row in await cursor.fetchall():
            found.setdefault(row.order_id, []).append(row)
        return found


async def receipts(connection: Connection, places: Sequence[Place]) -> dict[str, ReceiptRow]:
    """The receipts of these orders, by order."""
    async with connection.cursor(row_factory=args_row(ReceiptRow), binary=True) as cursor:
        await cursor.execute(
            f"SELECT {_RECEIPT} FROM {_PLACES} JOIN orders.receipts r ON r.lane = place.lane AND r.order_id = place.id",
            split(places),
        )
        return {receipt.order_id: receipt for receipt in await cursor.fetchall()}


async def receipt_numbered(connection: Connection, *, lane: int, year: int, number: int) -> ReceiptRow | None:
    """The receipt of that number."""
    async with connection.cursor(row_factory=args_row(ReceiptRow), binary=True) as cursor:
        await cursor.execute(
            f"SELECT {_RECEIPT} FROM orders.receipts r WHERE r.lane = %s AND r.year = %s AND r.number = %s",
            (lane, year, number),
        )
        return await cursor.fetchone()


async def receipt_kids(connection: Connection) -> set[str]:
    """The keys that signed receipts, by looking at few of them: where the first and the last of a stretch were signed
    with the same key, so were those between. A key once replaced is not taken up again.
    """
    cursor = await connection.execute("SELECT lane, year, 1, last FROM orders.receipt_counters")
    stretches: list[tuple[int, int, int, int]] = await cursor.fetchall()
    kids: set[str] = set()
    while stretches:
        cursor = await connection.execute(
            "SELECT s.*, first.kid, last.kid FROM unnest(%b::smallint[], %b::smallint[], %b::int[], %b::int[])"
            " AS s (lane, year, low, high)"
            " JOIN orders.receipts first ON (first.lane, first.year, first.number) = (s.lane, s.year, s.low)"
            " JOIN orders.receipts last ON (last.lane, last.year, last.number) = (s.lane, s.year, s.high)",
            columns(stretches),
        )
        seen = await cursor.fetchall()
        kids.update(kid for row in seen for kid in row[4:])
        mixed = [row[:4] for row in seen if row[4] != row[5] and row[3] - row[2] > 1]
        stretches = [
            half
            for lane, year, low, high in mixed
            for half in ((lane, year, low, (low + high) // 2), (lane, year, (low + high) // 2, high))
        ]
    return kids


async def of_quotes(connection: Connection, quotes_: Sequence[Place]) -> dict[str, str]:
    """The order made from each quote, by the quote's id."""
    cursor = await connection.execute(
        f"SELECT o.quote_id, o.id FROM {_PLACES} JOIN orders.orders o ON o.lane = place.lane AND o.quote_id = place.id",
        split(quotes_),
    )
    return dict(await cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Recent:
    """When a number was last topped up by one payer (None: nobody knows who), or ordered to be and not `paid`."""

    at: datetime
    payer: bytes | None
    paid: bool


async def recent(
    connection: Connection, wanted: Sequence[tuple[int, str, int, str, datetime]], now: datetime
) -> dict[tuple[str, int, str], list[Recent]]:
    """Top-ups of the same number (lane, E.164, face in minor units, currency) since a time, the last of each payer.

    What counts is paid, or may still be paid. Orders that expired, were cancelled or go back do not: nothing would be
    paid twice. One whose time is over has expired, whether or not it was noted yet.
    """
    cursor = await connection.execute(
        "SELECT o.msisdn, o.face_minor, o.currency, max(o.created_at), o.payer, o.state <> 'awaiting_payment'"
        " FROM unnest(string_to_array(%s, E'\\n')::smallint[], string_to_array(%s, E'\\n'),"
        " string_to_array(%s, E'\\n')::bigint[], string_to_array(%s, E'\\n'), %b::timestamptz[])"
        " AS w (lane, msisdn, face_minor, currency, since)"
        " JOIN orders.orders o ON o.lane = w.lane AND o.msisdn = w.msisdn AND o.created_at >= w.since"
        " WHERE o.face_minor = w.face_minor AND o.currency = w.currency"
        " AND o.state NOT IN ('expired', 'cancelled', 'refunding', 'refunded')"
        " AND (o.state <> 'awaiting_payment' OR o.expires_at > %s) GROUP BY 1, 2, 3, 5, 6",
        (*texts(one[:4] for one in wanted), [one[4] for one in wanted], now),
    )
    found: dict[tuple[str, int, str], list[Recent]] = {}
    for msisdn, face, currency, at, payer, paid in await cursor.fetchall():
        found.setdefault((msisdn, face, currency), []).append(Recent(at, payer, paid))
    return found
