"""What is known of bank transfers: references, entries, and what is to be sent back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from psycopg.rows import args_row

from topup.kernel.ids import PaymentId, RefundId, lane_of
from topup.kernel.money import Money
from topup.payments.ports import BillLine, PaymentFact, PaymentStanding
from topup.payments.transfers.codes import lane_of_code
from topup.payments.transfers.matching import Expected, Verdict
from topup.platform.arrays import selected
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as its row is. `state` is matched (its payment is to be told), settled, open (a person decides) or aside
    (nothing is to be done). `sealed` holds who sent it, from where, and the words.
    """

    lane: int
    id: str
    account: str
    bank_reference: str
    amount_minor: int
    currency: str
    incoming: bool
    booked_on: date
    booked_at: datetime
    sealed: bytes
    state: str
    verdict: Verdict
    payment_id: PaymentId | None
    matched_by: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", Verdict(self.verdict))

    @property
    def amount(self) -> Money:
        """What came."""
        return Money(self.amount_minor, self.currency)

    def fact(self, created_at: datetime) -> PaymentFact:
        """That its payment, which was begun at `created_at`, was paid: no sooner than it was begun."""
        if self.payment_id is None:
            raise ValueError("it belongs to no payment")
        paid_at = max(self.booked_at, created_at)
        return PaymentFact(self.payment_id, PaymentStanding.PAID, self.id, self.amount, paid_at)


@dataclass(frozen=True, slots=True)
class Return:
    """Money that a person sends back by bank; `sent_at` when that was noted."""

    lane: int
    refund_id: RefundId
    payment_id: PaymentId
    entry_id: str
    amount_minor: int
    currency: str
    requested_at: datetime
    sent_at: datetime | None
    bank_reference: str | None


@dataclass(frozen=True, slots=True)
class Given:
    """The reference a payment was given."""

    code: str
    expires_at: datetime
    created_at: datetime


_ENTRY: Final = selected(StoredEntry, "e")
_RETURN: Final = selected(Return, "r")
_LOOKED_AT: Final = 1_000
_BILL: Final = """
SELECT CASE WHEN payment_id IS NULL THEN 'other' ELSE 'payment' END, coalesce(payment_id, ''), id, amount_minor,
    currency, booked_at
FROM payments.bank_entries WHERE booked_on = %(day)s AND incoming AND state <> 'aside'
UNION ALL
SELECT 'refund', refund_id, bank_reference, amount_minor, currency, sent_at
FROM payments.transfer_returns WHERE sent_at >= %(begin)s AND sent_at < %(end)s
ORDER BY 6, 2
"""


async def given_to(connection: Connection, payment_id: PaymentId) -> Given | None:
    """The reference of a payment, if it was given one."""
    async with connection.cursor(row_factory=args_row(Given)) as cursor:
        await cursor.execute(
            "SELECT code, expires_at, created_at FROM payments.transfer_codes WHERE lane = %s AND payment_id = %s",
            (lane_of(payment_id), payment_id),
        )
        return await cursor.fetchone()


async def expected(connection: Connection, codes: Sequence[str]) -> dict[str, Expected]:
    """The payments that were given these references, by reference; those never given out are absent."""
    if not codes:
        return {}
    cursor = await connection.execute(
        "SELECT c.code, c.payment_id, c.amount_minor, c.currency"
        " FROM unnest(%b::smallint[], %b::text[]) AS w (lane, code)"
        " JOIN payments.transfer_codes c ON c.lane = w.lane AND c.code = w.code",
        ([lane_of_code(code) for code in codes], list(codes)),
    )
    return {
        code: Expected(PaymentId(payment_id), code, Money(amount_minor, currency))
        for code, payment_id, amount_minor, currency in await cursor.fetchall()
    }


async def of_amounts(
    connection: Connection, amounts: Sequence[Money], *, most: int
) -> dict[tuple[int, str], list[str]]:
    """The latest payments, at most `most` each, that await these very amounts and have no money yet; only the latest
    _LOOKED_AT of an amount are looked at, for whoever paid long ago is in nobody's way.
    """
    if not amounts:
        return {}
    wanted = sorted({(amount.amount_minor, amount.currency) for amount in amounts})
    cursor = await connection.execute(
        "SELECT w.amount_minor, w.currency, array_agg(c.payment_id) FROM unnest(%b::bigint[], %b::text[])"
        " AS w (amount_minor, currency) CROSS JOIN LATERAL (SELECT c.payment_id FROM"
        " (SELECT c.* FROM payments.transfer_codes c WHERE c.amount_minor = w.amount_minor AND c.currency = w.currency"
        " ORDER BY c.created_at DESC LIMIT %s) AS c"
        " JOIN payments.payments p ON p.lane = c.lane AND p.id = c.payment_id AND p.state <> 'paid'"
        " ORDER BY c.created_at DESC LIMIT %s) AS c GROUP BY 1, 2",
        ([minor for minor, _ in wanted], [currency for _, currency in wanted], _LOOKED_AT, most),
    )
    return {(minor, currency): list(found) for minor, currency, found in await cursor.fetchall()}


async def entry_of(connection: Connection, entry_id: str, *, lock: bool = False) -> StoredEntry | None:
    """An entry by its id; with `lock`, nobody else decides about it before the transaction ends."""
    async with connection.cursor(row_factory=args_row(StoredEntry)) as cursor:
        await cursor.execute(
            f"SELECT {_ENTRY} FROM payments.bank_entries e WHERE e.lane = %s AND e.id = %s"
            + (" FOR UPDATE" if lock else ""),
            (lane_of(entry_id), entry_id),
        )
        return await cursor.fetchone()


async def entries_to_tell(connection: Connection, limit: int) -> list[tuple[StoredEntry, datetime]]:
    """Entries whose payments are not told yet, oldest first, each with when its payment was begun."""
    cursor = await connection.execute(
        f"SELECT {_ENTRY}, p.created_at FROM payments.bank_entries e JOIN payments.payments p ON p.id = e.payment_id"
        " AND p.lane = e.payment_lane WHERE e.state = 'matched' ORDER BY e.imported_at LIMIT %s",
        (limit,),
    )
    return [(StoredEntry(*row[:-1]), row[-1]) for row in await cursor.fetchall()]


async def entries_of_payment(connection: Connection, payment_id: PaymentId) -> list[StoredEntry]:
    """What came for a payment."""
    async with connection.cursor(row_factory=args_row(StoredEntry)) as cursor:
        await cursor.execute(
            f"SELECT {_ENTRY} FROM payments.bank_entries e WHERE e.payment_id = %s ORDER BY e.booked_at, e.id",
            (payment_id,),
        )
        return await cursor.fetchall()


async def return_of(connection: Connection, refund_id: RefundId, *, lock: bool = False) -> Return | None:
    """What is to be sent back under this number, if anything."""
    async with connection.cursor(row_factory=args_row(Return)) as cursor:
        await cursor.execute(
            f"SELECT {_RETURN} FROM payments.transfer_returns r WHERE r.lane = %s AND r.refund_id = %s"
            + (" FOR UPDATE" if lock else ""),
            (lane_of(refund_id), refund_id),
        )
        return await cursor.fetchone()


async def promised_back(connection: Connection, entry: StoredEntry) -> int:
    """What of an entry was sent back or is to be, minor units."""
    if entry.payment_id is None:
        return 0
    cursor = await connection.execute(
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM payments.transfer_returns"
        " WHERE lane = %s AND payment_id = %s AND entry_id = %s",
        (lane_of(entry.payment_id), entry.payment_id, entry.id),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def bill_of(connection: Connection, day: date, begin: datetime, end: datetime) -> list[BillLine]:
    """What the statements say came on a day, and what was sent back from `begin` until before `end`."""
    cursor = await connection.execute(_BILL, {"day": day, "begin": begin, "end": end})
    return [
        BillLine(kind, our_id, reference, Money(amount_minor, currency), at)
        for kind, our_id, reference, amount_minor, currency, at in await cursor.fetchall()
    ]
