"""Delivered: the receipt is numbered and signed, the payer is told, and the ledger is posted, last of all.

Only a receipt that must say what the ledger alone can decide, beside what the line has, is written after that.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.fulfilment import own
from topup.fulfilment.own import Given
from topup.kernel.errors import Conflict
from topup.ledger import Credit, Item, Posted, PostingRefused, Refusal, post
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
    """An order that is delivered now, and how it was paid; `credits` are what a line of our own gets."""

    order: Order
    quote: StoredQuote
    paid: Paid
    credits: Sequence[Credit] = ()


@dataclass(frozen=True, slots=True)
class Numbered:
    """A delivered order, and where its receipt stands: (lane, year, number)."""

    completed: Completed
    place: tuple[int, int, int]

    @property
    def shown(self) -> str:
        """The receipt's number as it is written."""
        lane, year, number = self.place
        return receipt_number(lane=lane, year=year, number=number)


async def issue_all(
    connection: Connection, completed: Sequence[Completed], now: datetime, *, keys: KeyRing, public_url: str
) -> list[Numbered]:
    """Number the receipts, tell the payers, and issue the receipts of what is certain; gives the others."""
    return await issue(connection, await number(connection, completed, now), now, keys=keys, public_url=public_url)


async def issue(
    connection: Connection, numbered: Sequence[Numbered], now: datetime, *, keys: KeyRing, public_url: str
) -> list[Numbered]:
    """The same for what was numbered."""
    certain: dict[str, Given] = {}
    ready: list[Numbered] = []
    waiting: list[Numbered] = []
    for one in numbered:
        foreseen = {credit.key: own.foreseen(credit) for credit in one.completed.credits}
        known = {key: given for key, given in foreseen.items() if given is not None}
        (ready if len(known) == len(foreseen) else waiting).append(one)
        certain |= known
    await _issue(connection, ready, certain, now, keys)
    news = [
        Told(
            order=one.completed.order,
            news="delivered",
            public_url=public_url,
            money=one.completed.paid.amount,
            zone=one.completed.quote.zone,
            receipt=one.shown,
        )
        for one in numbered
        if one.completed.order.contact_id
    ]
    await tell(connection, news, now)
    return waiting


async def issue_rest(
    connection: Connection, waiting: Sequence[Numbered], posted: Sequence[Posted], now: datetime, *, keys: KeyRing
) -> None:
    """Issue the receipts that waited for what the ledger decided."""
    if waiting:
        await _issue(connection, waiting, {one.key: own.given(one) for one in posted if one.legs}, now, keys)


async def post_all(
    connection: Connection, items: Sequence[Item], now: datetime, *, before: Sequence[Item] = ()
) -> list[Posted]:
    """Post items that are to take hold; where one is refused the transaction must not commit.

    Raises LineIsFull where a line may not hold what it would get, else LedgerRefused. What goes `before` the items may
    be refused, and then has not happened. It is the last call of the transaction, so that the ledger's lanes are held
    for the commit only.
    """
    if not items:
        return []
    posted = []
    answers = await post(connection, [*before, *items], now)
    for item, answer in zip(items, answers[len(before) :], strict=True):
        if isinstance(answer, PostingRefused):
            if answer.code in FULL:
                raise LineIsFull(answer.code)
            raise LedgerRefused(f"{item.purpose} of {item.reference}: {answer.code}")
        posted.append(answer)
    return posted


async def number(connection: Connection, completed: Sequence[Completed], now: datetime) -> list[Numbered]:
    """Number the receipts of what is delivered. It is done before the ledger's lanes are locked: who waits for both,
    waits in the same order.
    """
    if not completed:
        return []
    places = [(one.order.lane, receipt_year(now, one.quote.zone)) for one in completed]
    following = await operations.take_receipt_numbers(connection, Counter(places))
    numbered = []
    for one, (lane, year) in zip(completed, places, strict=True):
        numbered.append(Numbered(one, (lane, year, following[lane, year])))
        following[lane, year] += 1
    return numbered


async def _issue(
    connection: Connection, numbered: Sequence[Numbered], given: Mapping[str, Given], now: datetime, keys: KeyRing
) -> None:
    rows = []
    for one in numbered:
        of, (lane, year, number) = one.completed, one.place
        credited = [given[credit.key] for credit in of.credits]
        body = write(number=one.shown, order=of.order, quote=of.quote, paid=of.paid, now=now, credited=credited)
        kid, signature = sign(body, now, keys)
        rows.append((lane, str(of.order.id), year, number, body, kid, signature))
    if rows:
        await operations.issue(connection, rows, now)
