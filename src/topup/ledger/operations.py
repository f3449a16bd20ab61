"""Posting: the one way in which anything in the ledger changes."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from topup.kernel.errors import Conflict
from topup.kernel.ids import HoldId
from topup.ledger.documents import Columns, columns_of
from topup.ledger.items import Credit, Hold, InvalidItem, Item, Release, Transfer
from topup.platform.batching import Batching, StatementBatcher
from topup.platform.database import Connection, Database
from topup.platform.pipelined import Pipelined

MAXIMUM_ITEMS: Final = 8192
"""Items in one call: their lanes stay locked until the caller commits."""

_POST: Final = """
SELECT * FROM ledger.post_many(
    %s::jsonb, %s::integer[], %s::smallint[], %s, %s, %s, %s::bigint[], %s, %s, %s::bigint[], %s, %s, %s)
"""
_POST_NOW: Final = """
SELECT * FROM ledger.post_many(
    $1::jsonb, $2::integer[], $3::smallint[], $4, $5, $6, $7::bigint[], $8, $9, $10::bigint[], $11, TRUE, now() + $12)
"""


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

    async def posted(wave: Sequence[Item]) -> list[Posted | PostingRefused]:
        cursor = connection.cursor(binary=True)
        columns = columns_of(wave)
        await cursor.execute(_POST, (*columns, False, now), prepare=True)
        return _answers(wave, columns, await cursor.fetchall())

    return await _in_waves(items, posted)


def post_batcher(database: Database) -> Batching[Item, Posted]:
    """A batcher of `post` for callers with one item each; `submit` gives Posted or raises PostingRefused.

    Items are posted at the database's time and in no order but that of equal keys: whoever asks what depends on another
    item has waited for its answer.
    """

    async def post_now(line: Pipelined, items: Sequence[Item]) -> list[Posted | PostingRefused]:
        ahead = f"{database.clock_offset // timedelta(microseconds=1)} microseconds"

        async def posted(wave: Sequence[Item]) -> list[Posted | PostingRefused]:
            columns = columns_of(wave)
            return _answers(wave, columns, await line.ask((*columns, ahead)))

        return await _in_waves(items, posted)

    return StatementBatcher(database, "ledger.post", _POST_NOW, post_now)


async def _in_waves(
    items: Sequence[Item], posted: Callable[[Sequence[Item]], Awaitable[list[Posted | PostingRefused]]]
) -> list[Posted | PostingRefused]:
    """Post items of different keys together: what one did under a key, the next of that key must find."""
    waves = list(_waves(items))
    if len(waves) == 1:
        return await posted(items)
    answers = {
        place: answer
        for wave in waves
        for place, answer in zip(wave, await posted([items[place] for place in wave]), strict=True)
    }
    return [answers[place] for place in range(len(items))]


def _waves(items: Sequence[Item]) -> Iterator[Sequence[int]]:
    """The places of the items in portions in which no key comes twice."""
    left: Sequence[int] = range(len(items))
    while left:
        seen: dict[tuple[int, str], int] = {}
        for place in left:
            seen.setdefault((items[place].lane, items[place].key), place)
        yield left if len(seen) == len(left) else list(seen.values())
        chosen = set(seen.values())
        left = [place for place in left if place not in chosen] if len(seen) < len(left) else ()


def _answers(items: Sequence[Item], columns: Columns, rows: list[tuple[Any, ...]]) -> list[Posted | PostingRefused]:
    """One answer per item: of the row `plain`, or from its rows, one per leg; rows of one item are together.

    The ids of holds that went a short way are those that were offered with their items, the last of the columns.
    """
    answers: list[Posted | PostingRefused | None] = [None] * len(items)
    for n, code, replayed, leg, sequence, debit, credit, amount, usable_until, hold_id, *plain in rows:
        if code == "plain":
            ids = columns[-1].split("\n")
            for place, *facts in zip(*plain, strict=True):
                answers[place - 1] = _short(items[place - 1], ids[place - 1], *facts)
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


def _short(item: Any, opened: str, sequence: int | None, account: str, usable_until: datetime | None) -> Posted:
    """The answer to what went a short way; `account` is what a Credit or Transfer filled, or others took from."""
    kind, hold_id = type(item), None
    if kind is Credit or kind is Transfer:
        debit = item.from_code if kind is Credit else item.debit_code
        legs: tuple[Leg, ...] = (Leg(debit, account, item.amount, sequence, usable_until),)
    elif kind is Hold:
        hold_id = HoldId(opened)
        legs = (Leg(account, None, item.amount, None, None),)
    else:
        legs = () if kind is Release else (Leg(account, item.to_code, item.amount, sequence, None),)
    return Posted(item.lane, item.key, replayed=False, legs=legs, hold_id=hold_id)
