"""Which amounts of credit are worth a thought when a number is to be kept: those at which something changes by a
carrier's file, and the least of each stretch between them that keeps it long enough.
"""

from collections.abc import Callable, Iterator, Sequence

from topup.catalogue.documents import Credit, FreeAmounts
from topup.catalogue.fees import fee_minor
from topup.catalogue.grant_rules import ValidityRule
from topup.catalogue.life_cycle_rules import Exit, Restart
from topup.catalogue.line_facts import LineFacts
from topup.catalogue.versions import CarrierVersion


class Amounts:
    """What can be bought for a line of which `facts` are true, and whose plan costs `price_minor` a cycle (0: none)."""

    def __init__(self, carrier: CarrierVersion, facts: LineFacts, price_minor: int = 0) -> None:
        self._carrier = carrier
        self._facts = facts
        self._price_minor = price_minor

    def worth_it(self, keeps: Callable[[int], bool]) -> Sequence[int]:
        """All face values of their own, and of free amounts the first of each stretch in which more credit changes no
        date by itself, and the least that `keeps`. Within one more is never worse, so that is found by halving.
        """
        credit = self._carrier.document.credit
        if credit is None:
            return ()
        found = {one.amount_minor for one in credit.face_values if one.bonus or not self.is_free(one.amount_minor)}
        if credit.free is not None:
            found.update(self._of_grid(credit, credit.free, keeps))
        return sorted(found)

    def is_free(self, amount_minor: int) -> bool:
        """Whether it is one of the amounts that may be chosen freely: with more, so may be what both come to."""
        credit = self._carrier.document.credit
        return credit is not None and credit.free is not None and credit.free.offers(amount_minor)

    @property
    def largest_free(self) -> int:
        """The largest of these; 0 where there are none."""
        credit = self._carrier.document.credit
        return credit.free.largest_minor() if credit and credit.free else 0

    def _of_grid(self, credit: Credit, free: FreeAmounts, keeps: Callable[[int], bool]) -> Iterator[int]:
        last = (free.largest_minor() - free.minimum_minor) // free.step_minor
        starts = {0, *(self._first(free, last, need) for need in self._breaks(credit))}
        ascending = sorted(place for place in starts if place <= last)
        for low, high in zip(ascending, [*ascending[1:], last + 1], strict=True):
            yield free.minimum_minor + low * free.step_minor
            least = _halving(low, high - 1, lambda place: keeps(free.minimum_minor + place * free.step_minor))
            if least is not None:
                yield free.minimum_minor + least * free.step_minor

    def _first(self, free: FreeAmounts, last: int, need: tuple[int, bool]) -> int:
        """The place on the grid of the first amount that reaches `need`: paid, or left after the product's fee."""
        wanted, after_fee = need

        def reaches(place: int) -> bool:
            amount = free.minimum_minor + place * free.step_minor
            taken = fee_minor(self._carrier.document.fees.product, amount) if after_fee else 0
            return amount - taken >= wanted

        found = _halving(0, last, reaches)
        return last + 1 if found is None else found

    def _breaks(self, credit: Credit) -> Iterator[tuple[int, bool]]:
        """Where something changes, each with whether it is counted in credit that is left after the product's fee."""
        document, rules = self._carrier.document, self._carrier.line_rules
        restarts = [restart for clock in rules.clocks.values() for restart in clock.restarts if restart.on == "topup"]
        exits = [way for state in rules.states.values() for way in state.exits if way.when == "topup"]
        paid = [tier.from_minor for tier in credit.tiers] + [one.from_minor for one in document.fees.product]
        needs: list[Restart | Exit] = [*restarts, *exits]
        paid += [one.least_minor for one in needs]
        paid += [tier.from_minor for restart in restarts if restart.by == "topup" for tier in restart.tiers]
        yield from ((amount, False) for amount in paid)
        yield from ((amount, True) for amount in self._balances(credit, restarts))

    def _balances(self, credit: Credit, restarts: Sequence[Restart]) -> Iterator[int]:
        """How much credit brings the line to a balance at which something changes, or pays what it owes and more."""
        has = {0, *(one.amount_minor for one in self._facts.funds)}
        has.add(sum(has))
        validities: list[ValidityRule] = [credit.validity, *(tier.validity for tier in credit.tiers if tier.validity)]
        tiers = [tier.from_minor for validity in validities for tier in validity.tiers]
        tiers += [tier.from_minor for restart in restarts if restart.by == "balance" for tier in restart.tiers]
        tiers += [cap.amount + 1 for cap in self._carrier.document.caps if cap.asset == self._carrier.currency]
        fee = self._carrier.line_rules.fee
        owed = self._facts.arrears_minor
        # What is paid ahead can as well be paid later, but for one fee that is not taken where it cannot be.
        due = [owed, *(() if fee.arrears else (fee.amount_minor,))] if fee else []
        # Once there is enough for a plan that waits, it is paid: that may leave less than a smaller top-up did.
        due += [self._price_minor, owed + self._price_minor] if self._price_minor else []
        yield from (start - part for start in (*tiers, *due) for part in has)


def _halving(low: int, high: int, holds: Callable[[int], bool]) -> int | None:
    """The first place from `low` to `high` for which `holds`, which holds from somewhere on; None: for none."""
    if low > high or not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return high
