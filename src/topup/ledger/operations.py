"""Posting: the one way in which anything in the ledger changes."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from topup.kernel.errors import Conflict
from topup.kernel.ids import HoldId
from topup.ledger.documents import columns_of
from topup.ledger.items import Credit, InvalidItem, Item
from topup.platform.batching import Batcher, StatementBatcher
from topup.platform.database import Connection, Database

MAXIMUM_ITEMS: Final = 8192
"""Items in one call: their lanes stay locked until the caller commits."""

_POST: Final = """
SELECT * FROM ledger.post_many(
    %s::jsonb, %s::integer[], %s::smallint[], %s, %s, %s, %s::bigint[], %s, %s, %s::bigint[], %s, {unordered}, {at})
"""
_POST_AT: Final = _POST.format(unordered=False, at="%s")
_POST_NOW: Final = _POST.format(unordered=True, at="now() + %s")


class Refusal(StrEnum):
    """Why an item was refused; each is a sentence of the catalogue `ledger`."""

    KEY_REUSED = "key_reused"
    """The key belongs to another item."""
    INSUFFICIENT_FUNDS = "insufficient_funds"
    """The line's buckets hold less than asked, or it is promised already."""
    BUCKET_FROZEN = "bucket_frozen"
    """There would be enough, but its time has come; the next credit revives it."""
    CAP_EXCEEDED = "cap_exceeded"
    """The line may not hold that much of this kind."""
    BALANCE_LIMIT = "balance_limit"
    """The bucket would exceed kernel.money.MAXIMUM_AMOUNT."""
    HOLD_UNKNOWN = "hold_unknown"
    HOLD_NOT_OPEN = "hold_not_open"
    """Settled or released before."""
    SETTLE_EXCEEDS_HOLD = "settle_exceeds_hold"
    BUCKET_UNKNOWN = "bucket_unknown"
    BUCKET_CLOSED = "bucket_closed"
    BUCKET_NOT_DUE = "bucket_not_due"
    BUCKET_HELD = "bucket_held"
    """All that is left of it is promised; expire it after the hold is closed."""


class PostingRefused(Conflict):
    """The item changed nothing and its key is free; `code` is a Refusal."""


# Structs and not dataclasses: they are made for each item, in a fifth of the time.
class Leg(msgspec.Struct, frozen=True):
    """One amount between two accounts: a house account's code, or a bucket's id.

    A hold's leg has neither `sequence` nor `credit`: nothing has moved. `usable_until` is the end of the credited
    bucket as this credit left it.
    """

    debit: str
    credit: str | None
    amount: int
    sequence: int | None
    usable_until: datetime | None


class Posted(msgspec.Struct, frozen=True):
    """An item that is in the ledger; `replayed` when it was there before. `hold_id` is that of a Hold."""

    lane: int
    key: str
    replayed: bool
    legs: tuple[Leg, ...]
    hold_id: HoldId | None = None


async def post(connection: Connection, items: Sequence[Item], now: datetime) -> list[Posted | PostingRefused]:
    """Post `items`, each by itself, in one call over any number of lanes; one answer per item, in order.

    It runs in the caller's transaction and keeps the lanes locked until that ends: make it the last statement. Items of
    one lane take effect in the order given. Raises the database's error, and nothing has happened, where an item is one
    that no caller may make (of a lane this installation lacks).
    """
    if not items:
        return []
    if len(items) > MAXIMUM_ITEMS:
        raise InvalidItem(f"at most {MAXIMUM_ITEMS} items in one call")
    return await _post_all(connection, items, _POST_AT, now)


async def _post_all(
    connection: Connection, items: Sequence[Item], statement: str, at: datetime | timedelta
) -> list[Posted | PostingRefused]:
    waves = list(_waves(items))
    if len(waves) == 1:
        return await _post(connection, items, statement, at)
    answers = {
        place: answer
        for wave in waves
        for place, answer in zip(
            wave, await _post(connection, [items[place] for place in wave], statement, at), strict=True
        )
    }
    return [answers[place] for place in range(len(items))]


async def _post(
    connection: Connection, items: Sequence[Item], statement: str, at: datetime | timedelta
) -> list[Posted | PostingRefused]:
    """Post items of different keys."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(statement, (*columns_of(items), at), prepare=True)
    return _answers(items, await cursor.fetchall())


def _waves(items: Sequence[Item]) -> Iterator[Sequence[int]]:
    """The places of the items in portions in which no key comes twice: what one did under a key, the next must find."""
    left: Sequence[int] = range(len(items))
    while left:
        seen: dict[tuple[int, str], int] = {}
        for place in left:
            seen.setdefault((items[place].lane, items[place].key), place)
        yield left if len(seen) == len(left) else list(seen.values())
        chosen = set(seen.values())
        left = [place for place in left if place not in chosen] if len(seen) < len(left) else ()


def post_batcher(database: Database, *, connections: int = 2) -> Batcher[Item, Posted]:
    """A batcher of `post` for callers with one item each; `submit` gives Posted or raises PostingRefused."""
    return StatementBatcher(
        database=database, name="ledger.post", statement=_post_now, connections=connections, key=lambda item: item.lane
    )


async def _post_now(
    connection: Connection, items: Sequence[Item], clock_offset: timedelta
) -> list[Posted | PostingRefused]:
    """Post at the database's time, in no order but that of equal keys, each wave in a transaction of its own."""
    return await _post_all(connection, items, _POST_NOW, clock_offset)


def _answers(items: Sequence[Item], rows: list[tuple[Any, ...]]) -> list[Posted | PostingRefused]:
    """One answer per item: of the row `plain`, or from its rows, one per leg; rows of one item are together."""
    answers: list[Posted | PostingRefused | None] = [None] * len(items)
    for n, code, replayed, leg, sequence, debit, credit, amount, usable_until, hold_id, *plain in rows:
        if code == "plain":
            for place, *facts in zip(*plain, strict=True):
                answers[place - 1] = _plain(items[place - 1], *facts)
            continue
        item = items[n]
        if code != "posted":
            answers[n] = PostingRefused(code)
            continue
        legs = () if leg is None else (Leg(debit, credit, amount, sequence, usable_until),)
        earlier = answers[n]
        before = earlier.legs if isinstance(earlier, Posted) else ()
        answers[n] = Posted(item.lane, item.key, replayed, before + legs, hold_id)
    found = [answer for answer in answers if answer is not None]
    if len(found) != len(items):
        raise RuntimeError(f"the ledger answered {len(found)} of {len(items)} items")
    return found


def _plain(item: Any, sequence: int, credit: str, usable_until: datetime | None) -> Posted:
    """The answer to a Credit or Transfer that went the short way."""
    debit = item.from_code if type(item) is Credit else item.debit_code
    leg = Leg(debit, credit, item.amount, sequence, usable_until)
    return Posted(item.lane, item.key, replayed=False, legs=(leg,))
