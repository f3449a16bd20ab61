"""Delivered: the receipt is numbered and signed, the payer is told, and the ledger is posted, last of all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.errors import Conflict
from topup.kernel.money import Money
from topup.ledger import Item, PostingRefused, Refusal, post
from topup.orders import operations
from topup.orders.news import Told, tell
from topup.orders.queries import Order
from topup.orders.quotes import StoredQuote
from topup.orders.receipts import Paid, receipt_number, receipt_year, sign, write
from topup.platform.database import Connection
from topup.platform.keys import KeyRing


class LedgerRefused(RuntimeError):
    """The ledger refused what an order is about: nothing of the order may take hold. A person must look."""


class LineIsFull(Conflict):
    """The line may not hold what an order brings: nothing of it takes hold, and the money is to go back.

    `code` is one of FULL.
    """


FULL: Final = frozenset({Refusal.CAP_EXCEEDED, Refusal.BALANCE_LIMIT})
"""What the ledger says of a line that may not hold a credit."""


@dataclass(frozen=True, slots=True)
class Completed:
    """An order that is delivered now, and how it was paid."""

    order: Order
    quote: StoredQuote
    paid: Paid


async def issue_all(
    connection: Connection, completed: Sequence[Completed], now: datetime, *, keys: KeyRing, public_url: str
) -> None:
    """Issue receipts and tell payers."""
    numbers = await _issue(connection, completed, now, keys)
    news = [
        Told(
            order=one.order,
            news="delivered",
            public_url=public_url,
            money=Money(one.quote.total_minor(one.paid.method), one.quote.currency),
            zone=one.quote.zone,
            receipt=numbers[one.order.id],
        )
        for one in completed
    ]
    await tell(connection, news, now)


async def post_all(
    connection: Connection, items: Sequence[Item], now: datetime, *, before: Sequence[Item] = ()
) -> None:
    """Post items that are to take hold; where one is refused the transaction must not commit.

    Raises LineIsFull where a line may not hold what it would get, else LedgerRefused. What goes `before` the items may
    be refused, and then has not happened. It is the last call of the transaction, so that the ledger's lanes are held
    for the commit only.
    """
    if not items:
        return
    answers = await post(connection, [*before, *items], now)
    for item, answer in zip(items, answers[len(before) :], strict=True):
        if isinstance(answer, PostingRefused):
            if answer.code in FULL:
                raise LineIsFull(answer.code)
            raise LedgerRefused(f"{item.purpose} of {item.reference}: {answer.code}")


async def _issue(
    connection: Connection, completed: Sequence[Completed], now: datetime, keys: KeyRing
) -> dict[str, str]:
    if not completed:
        return {}
    places = [(one.order.lane, receipt_year(now, one.quote.zone)) for one in completed]
    following = await operations.take_receipt_numbers(connection, Counter(places))
    rows = []
    numbers: dict[str, str] = {}
    for one, (lane, year) in zip(completed, places, strict=True):
        number = following[lane, year]
        following[lane, year] += 1
        shown = receipt_number(lane=lane, year=year, number=number)
        body = write(number=shown, order=one.order, quote=one.quote, paid=one.paid, now=now)
        kid, signature = sign(body, now, keys)
        rows.append((lane, str(one.order.id), year, number, body, kid, signature))
        numbers[one.order.id] = shown
    await operations.issue(connection, rows, now)
    return numbers
