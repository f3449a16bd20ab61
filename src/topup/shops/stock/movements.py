"""What can happen to a piece: where it comes from and where it goes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

SUPPLIER: Final = "supplier"
CUSTOMERS: Final = "customers"
DAMAGED: Final = "damaged"
COUNTING: Final = "counting"
OUTSIDE: Final = frozenset({SUPPLIER, CUSTOMERS, DAMAGED, COUNTING})
"""Places that are no shop of ours: they have no level of their own, and may give what they never got."""


class Act(StrEnum):
    """What happened."""

    RECEIVED = "received"
    """From the supplier."""
    MOVED = "moved"
    """From shop to shop."""
    SOLD = "sold"
    GIVEN = "given"
    """A gift, with what was bought."""
    RETURNED = "returned"
    """By a customer."""
    DAMAGED = "damaged"
    FOUND = "found"
    """A count found more."""
    MISSING = "missing"
    """A count found less."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Pieces that go from a place to another, under the caller's key. `reference`: of a card its serial number, of a
    gift the order it came with.
    """

    key: str
    act: Act
    sku: str
    source: str
    target: str
    quantity: int
    by: str
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """A movement that was written: `left` is what each shop of it has now, or had when it was first asked for."""

    id: str
    movement: Movement
    at: datetime
    is_new: bool


def received(key: str, sku: str, shop: str, quantity: int, *, by: str, reference: str = "") -> Movement:
    """From the supplier into a shop."""
    return Movement(key, Act.RECEIVED, sku, SUPPLIER, shop, quantity, by, reference)


def moved(key: str, sku: str, source: str, target: str, quantity: int, *, by: str, reason: str = "") -> Movement:
    """From shop to shop."""
    return Movement(key, Act.MOVED, sku, source, target, quantity, by, reason=reason)


def sold(key: str, sku: str, shop: str, quantity: int, *, by: str, reference: str = "") -> Movement:
    """To a customer, for money."""
    return Movement(key, Act.SOLD, sku, shop, CUSTOMERS, quantity, by, reference)


def given(key: str, sku: str, shop: str, quantity: int, *, by: str, reference: str = "", reason: str = "") -> Movement:
    """To a customer, as a gift."""
    return Movement(key, Act.GIVEN, sku, shop, CUSTOMERS, quantity, by, reference, reason)


def returned(
    key: str, sku: str, shop: str, quantity: int, *, by: str, reference: str = "", reason: str = ""
) -> Movement:
    """Back from a customer."""
    return Movement(key, Act.RETURNED, sku, CUSTOMERS, shop, quantity, by, reference, reason)


def damaged(key: str, sku: str, shop: str, quantity: int, *, by: str, reason: str) -> Movement:
    """Nobody can have it any more."""
    return Movement(key, Act.DAMAGED, sku, shop, DAMAGED, quantity, by, reason=reason)
