"""Whose bill it is: a way to pay's, or a carrier's. What our books have of it, and which account of ours it is.

A gateway has money of ours, `clearing:<method>`; to a carrier we owe for what it delivered, `payable:<carrier>`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from topup.fulfilment import movements as deliveries
from topup.orders.carrier_bills import carrier_of
from topup.orders.postings import payable
from topup.payments import movements
from topup.payments.postings import clearing
from topup.platform.database import Connection


class _OfATime(Protocol):
    """What the books have from `begins` until before `ends`: collected, or whether there can be anything."""

    def __call__(self, connection: Connection, *, begins: datetime, ends: datetime) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Party:
    """The other side of a bill."""

    account: str
    """Of ours, with what is between them and us."""
    owes_us: bool
    collect: _OfATime
    """Collects what our books have of a time into the temporary table `ours`."""
    is_idle: Callable[..., Awaitable[bool]]
    """Whether by our books nothing can have moved from `begins` until before `ends`."""

    def owing(self, balance: int) -> int:
        """What is owed by this balance of the account: by them, or to a carrier by us."""
        return -balance if self.owes_us else balance

    def way(self, other: str, *, more: bool) -> tuple[str, str]:
        """From which account to which it is posted that their bill has `more` than our books, or else less."""
        return (self.account, other) if more is self.owes_us else (other, self.account)


def party_of(method: str) -> Party:
    """The other side of a bill, by the method it is kept under."""
    carrier = carrier_of(method)
    if carrier is None:
        return Party(
            clearing(method),
            owes_us=True,
            collect=partial(movements.collect, method=method),
            is_idle=partial(movements.is_idle, method=method),
        )
    return Party(
        payable(carrier),
        owes_us=False,
        collect=partial(deliveries.collect, carrier=carrier),
        is_idle=partial(deliveries.is_idle, carrier=carrier),
    )
