"""Ids that sort by time, carry their lane, and cannot be guessed.

An id is a prefix that names its kind, an underscore, and 26 letters of Crockford's base 32 (lower case): ten of the
millisecond it was made, two of its lane, fourteen (70 bits) of chance. So an order's id is its payer's capability,
and whoever holds an id knows in which lane the thing lives without asking.
"""

import os
import re
import struct
import time
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NewType

QuoteId = NewType("QuoteId", str)
OrderId = NewType("OrderId", str)
PaymentId = NewType("PaymentId", str)
RefundId = NewType("RefundId", str)
FulfilmentId = NewType("FulfilmentId", str)
LineId = NewType("LineId", str)
AccountId = NewType("AccountId", str)
HoldId = NewType("HoldId", str)
ShareId = NewType("ShareId", str)
AdjustmentId = NewType("AdjustmentId", str)
TransferId = NewType("TransferId", str)
SessionId = NewType("SessionId", str)
AgentId = NewType("AgentId", str)

PREFIXES: Final = {
    "quote": "quo",
    "order": "ord",
    "payment": "pay",
    "refund": "ref",
    "fulfilment": "ful",
    "line": "lin",
    "account": "acc",
    "hold": "hol",
    "work": "wrk",
    "contact": "con",
    "message": "msg",
    "key": "key",
    "event": "evt",
    "instrument": "ins",
    "schedule": "sch",
    "run": "run",
    "share": "shr",
    "adjustment": "adj",
    "transfer": "trf",
    "session": "ses",
    "batch": "bat",
    "till": "til",
    "staff": "stf",
    "approval": "apr",
    "entry": "ent",
    "ticket": "tic",
    "outage": "out",
    "subscriber": "sub",
    "device": "dev",
    "code": "cod",
    "alert": "alt",
    "notice": "ntc",
    "saved": "sav",
    "link": "lnk",
    "print": "prt",
    "display": "dsp",
    "movement": "mov",
    "card": "sim",
    "card_use": "scu",
    "agent": "agt",
    "float_top_up": "ftu",
    "draft": "dft",
    "publication": "pub",
    "stop": "stp",
    "coupons": "cpb",
}
MAXIMUM_LANES: Final = 1024

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_VALUES: Final = {pair: value for value, pair in enumerate(_PAIRS)}
_SHAPE: Final = re.compile(rf"([a-z]{{3}})_[{_ALPHABET}]{{26}}", re.ASCII)


class InvalidId(ValueError):
    """Not an id of that kind."""


class _Chance:
    """Random bytes of the operating system, taken in stock: asking it for each id would take half the id's time.

    Threads may share it: an iterator of the interpreter's own gives each of its values to one of them.
    """

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """A child process must not give the ids that its parent gives."""
        self._next: Callable[[], tuple[int, ...]] = iter(()).__next__

    def seven(self) -> tuple[int, ...]:
        """Seven numbers of 16 bits."""
        while True:
            try:
                return self._next()
            except StopIteration:
                self._next = _SEVEN.iter_unpack(os.urandom(_STOCK)).__next__


_SEVEN: Final = struct.Struct("7H")
_STOCK: Final = 256 * _SEVEN.size
_DRAWN: Final = _PAIRS * 64
"""The pair of each number of 16 bits: its lowest ten decide."""
_chance: Final = _Chance()
os.register_at_fork(after_in_child=_chance.forget)


def new_id(kind: str, lane: int) -> str:
    """A new id of `kind` (a key of PREFIXES) in `lane`, 0 up to MAXIMUM_LANES - 1."""
    a, b, c, d, e, f, g = _chance.seven()
    pairs = _DRAWN
    return (
        f"{PREFIXES[kind]}_{_time_text(time.time_ns() // 1_000_000)}{_PAIRS[lane]}"
        f"{pairs[a]}{pairs[b]}{pairs[c]}{pairs[d]}{pairs[e]}{pairs[f]}{pairs[g]}"
    )


@lru_cache(maxsize=4)
def _time_text(millisecond: int) -> str:
    return "".join([_PAIRS[millisecond >> shift & 1023] for shift in range(40, -10, -10)])


def check_id(kind: str, text: str) -> str:
    """`text` if it is an id of `kind`; raises InvalidId. Says nothing of whether the thing exists."""
    if not is_id(kind, text):
        raise InvalidId(kind)
    return text


def is_id(kind: str, text: str) -> bool:
    """Whether `text` is an id of `kind`."""
    shape = _SHAPE.fullmatch(text)
    return shape is not None and shape[1] == PREFIXES[kind]


def lane_of(identifier: str) -> int:
    """The lane an id carries; raises InvalidId where the text is no id."""
    if _SHAPE.fullmatch(identifier) is None:
        raise InvalidId(identifier[:3])
    return _VALUES[identifier[14:16]]


def numbered_id(kind: str, lane: int, number: int) -> str:
    """The id of what has no id of its own but its `number` in its lane, 1 up to 2**50 - 1: the same each time.

    It has the shape of the others: the number where they have their time, and a check sum where they have chance, so
    that a mistyped id is none. Raises InvalidId for a number that does not fit.
    """
    if not 0 < number < 1 << 50:
        raise InvalidId(kind)
    digits = (number << 10 | lane) << 70 | _check_sum(kind, lane, number)
    return f"{PREFIXES[kind]}_{''.join([_PAIRS[digits >> shift & 1023] for shift in range(120, -10, -10)])}"


def number_of(kind: str, identifier: str) -> tuple[int, int]:
    """The lane and the number that an id of `numbered_id` was made of; raises InvalidId for any other text."""
    check_id(kind, identifier)
    number = 0
    for place in range(4, 14, 2):
        number = number << 10 | _VALUES[identifier[place : place + 2]]
    lane = lane_of(identifier)
    if not number or numbered_id(kind, lane, number) != identifier:
        raise InvalidId(kind)
    return lane, number


def _check_sum(kind: str, lane: int, number: int) -> int:
    return int.from_bytes(blake2b(f"{kind}:{lane}:{number}".encode(), digest_size=9).digest()) >> 2


def lane_for(key: str, lanes: int) -> int:
    """The lane of `lanes` that an immutable text (a line's seed, a number's E.164) always falls in."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) % lanes
