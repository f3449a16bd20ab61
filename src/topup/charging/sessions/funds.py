"""What a line can pay with while its sessions are worked on."""

from datetime import date, datetime

from topup.catalogue.rates import Rate
from topup.charging.rating import Allowance, Rating, serves
from topup.charging.sessions.rows import Held, instant
from topup.charging.usage.booking import BUCKET_FROZEN, INSUFFICIENT_FUNDS
from topup.charging.usage.facts import LineOfUsage, Purse

Noted = tuple[list[Purse], dict[str, int], dict[tuple[str, date], int], dict[tuple[str, date], int]]
"""What a line has, at one moment of a batch."""


class Funds:
    """What a line can pay with while a batch of its sessions is worked on: what one promises, the next has not."""

    def __init__(self, line: LineOfUsage, spent: dict[tuple[str, date], int], now: datetime) -> None:
        self.line = line
        self.now = now
        self.purses = list(line.purses)
        self.rest = {purse.bucket_id: purse.available for purse in line.purses}
        self.spent = spent
        self.added: dict[tuple[str, date], int] = {}
        """What was added to `spent` meanwhile."""

    def noted(self) -> Noted:
        """What there is now, for `restore`."""
        return list(self.purses), dict(self.rest), dict(self.spent), dict(self.added)

    def restore(self, noted: Noted) -> None:
        """Have it as it was when it was noted: what was taken meanwhile is not to be."""
        self.purses, self.rest, self.spent, self.added = noted

    def put_back(self, held: Held) -> None:
        """Count what is held as there again: it is the session's own. A bucket that is held whole was not read."""
        if held.bucket not in self.rest:
            self.rest[held.bucket] = 0
            # A hold is on what is used first.
            self.purses.insert(0, Purse(held.bucket, held.asset, held.kind, held.scope, 0, instant(held.ends)))
        self.rest[held.bucket] += held.left

    def given_back(self, held: Held, amount: int) -> None:
        """Forget what goes back to a bucket that has ended: it pays for what was held of it, and for nothing more."""
        if not self._lasts(self.purse(held.bucket)):
            self.rest[held.bucket] -= amount

    def allowances(self) -> tuple[Allowance, ...]:
        """What there is of what was granted, in the order of use."""
        return tuple(
            Allowance(purse.bucket_id, purse.asset, self.rest[purse.bucket_id], purse.scope, purse.usable_until)
            for purse in self.purses
            if purse.asset != self.line.currency
        )

    def lasting_allowances(self) -> tuple[Allowance, ...]:
        """Those of them whose time has not come, whenever it is that something was used: what can be promised."""
        now = self.now
        return tuple(a for a in self.allowances() if a.usable_until is None or a.usable_until > now)

    def money(self, tariff: Rate) -> list[Purse]:
        """The money that may pay for a rate, in the order of use."""
        currency = self.line.currency
        return [purse for purse in self.purses if purse.asset == currency and serves(purse.scope, tariff)]

    def lasting(self, tariff: Rate) -> list[Purse]:
        """That of it whose time has not come: what can be promised."""
        return [purse for purse in self.money(tariff) if self._lasts(purse)]

    def _lasts(self, purse: Purse) -> bool:
        return purse.usable_until is None or purse.usable_until > self.now

    def purse(self, bucket_id: str) -> Purse:
        """The bucket of that id."""
        return next(purse for purse in self.purses if purse.bucket_id == bucket_id)

    def spend(self, rating: Rating, tariff: Rate, unpaid: int) -> None:
        """Note what a capped day cost, as far as it was paid for."""
        if tariff.daily_cap_minor is None:
            return
        for charge in reversed(rating.charges):
            if charge.bucket_id is None and charge.amount:
                paid = max(charge.amount - unpaid, 0)
                unpaid -= charge.amount - paid
                of_day = (tariff.id, charge.day)
                self.spent[of_day] = self.spent.get(of_day, 0) + paid
                self.added[of_day] = self.added.get(of_day, 0) + paid

    def why_short(self, tariff: Rate) -> str:
        """The code of having nothing left: what is frozen would do, or nothing is there."""
        frozen = (purse for purse in self.line.frozen if purse.asset == self.line.currency)
        return BUCKET_FROZEN if any(serves(purse.scope, tariff) for purse in frozen) else INSUFFICIENT_FUNDS
