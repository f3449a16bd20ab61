"""What a set of campaigns comes to together, and the best set there is: an exact search within a bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from topup.offers.book import Entry
from topup.offers.facts import Asking
from topup.offers.judging import NOTHING_USED

MOST_CANDIDATES: Final = 16
"""Campaigns that compete for one price: four of sixteen are 2 517 sets at most."""


@dataclass(frozen=True, slots=True)
class Set:
    """Campaigns in the order in which they apply, what each takes off, what is left to pay, and what all are worth."""

    entries: tuple[Entry, ...] = ()
    off_minor: tuple[int, ...] = ()
    left_minor: int = 0
    worth_minor: int = 0
    group_off_minor: int = 0
    """What those of the last one's group take off."""

    def is_better_than(self, other: "Set") -> bool:
        """More worth, else more money off, else more campaigns, else the ids that come first in the alphabet."""
        mine, others = self.rank, other.rank
        return mine > others or (mine == others and self.ids < other.ids)

    @property
    def rank(self) -> tuple[int, int, int]:
        """What it is worth, the money of that, and how many they are."""
        return self.worth_minor, sum(self.off_minor), len(self.entries)

    @property
    def ids(self) -> list[str]:
        """The campaigns' ids in alphabetical order."""
        return sorted(entry.campaign.id for entry in self.entries)


def most_worth(entry: Entry, asking: Asking, least_minor: int) -> int:
    """No set gets more from this one: discounts only shrink when others were applied before."""
    price = asking.price.amount_minor
    off = min(entry.off_minor(price, price), max(price - least_minor, 0))
    return off + entry.campaign.worth_minor


def candidates(entries: Sequence[Entry], asking: Asking, least_minor: int) -> tuple[tuple[Entry, ...], frozenset[str]]:
    """Those that compete, in the order given, and the ids of those that do not because others could give more."""
    if len(entries) <= MOST_CANDIDATES:
        return tuple(entries), frozenset()
    ranked = sorted(entries, key=lambda entry: (-most_worth(entry, asking, least_minor), entry.campaign.id))
    beyond = frozenset(entry.campaign.id for entry in ranked[MOST_CANDIDATES:])
    return tuple(entry for entry in entries if entry.campaign.id not in beyond), beyond


class Search:
    """The best set of `entries`, which are in the order in which they apply."""

    def __init__(self, entries: Sequence[Entry], asking: Asking, *, most: int, least_minor: int) -> None:
        self._entries = entries
        self._asking = asking
        self._most = most
        self._least_minor = least_minor
        worths = [most_worth(entry, asking, least_minor) for entry in entries]
        self._bounds = [_sums(sorted(worths[index:], reverse=True), most) for index in range(len(worths) + 1)]
        self._best = Set(left_minor=asking.price.amount_minor)
        # Bit by bit the places of those that each does not go together with.
        self._apart = [
            sum(1 << place for place, other in enumerate(entries) if _apart(other, entry)) for entry in entries
        ]

    def best(self) -> Set:
        """The best there is; none at all where nothing applies."""
        self._try(0, self._best, 0)
        return self._best

    def _try(self, index: int, chosen: Set, places: int) -> None:
        if chosen.is_better_than(self._best):
            self._best = chosen
        room = self._most - len(chosen.entries)
        for at in range(index, len(self._entries)):
            if not room or chosen.worth_minor + self._bounds[at][room] < self._best.worth_minor:
                return
            if not self._apart[at] & places:
                longer = with_one_more(chosen, self._entries[at], self._asking, self._least_minor)
                if longer is not None:
                    self._try(at + 1, longer, places | 1 << at)


def _sums(worths: Sequence[int], most: int) -> list[int]:
    """What the first none, one, two … of them are worth."""
    sums = [0]
    for place in range(most):
        sums.append(sums[-1] + (worths[place] if place < len(worths) else 0))
    return sums


def conflict(chosen: Sequence[Entry], entry: Entry) -> Entry | None:
    """The first of those chosen that it does not go together with."""
    return next((other for other in chosen if _apart(other, entry)), None)


def _apart(one: Entry, other: Entry) -> bool:
    if one.is_alone or other.is_alone:
        return True
    if one.group is other.group:
        return one.group.take == "one"
    return one.group.id in other.group.excludes or other.group.id in one.group.excludes


def with_one_more(chosen: Set, entry: Entry, asking: Asking, least_minor: int) -> Set | None:
    """The set with one more that applies after the others; None where it would give nothing, or lacks the budget."""
    in_group = chosen.group_off_minor if chosen.entries and chosen.entries[-1].group is entry.group else 0
    off = min(entry.off_minor(asking.price.amount_minor, chosen.left_minor), max(chosen.left_minor - least_minor, 0))
    if entry.group.cap_minor is not None:
        off = min(off, entry.group.cap_minor - in_group)
    if (not off and not entry.gives_more_than_money) or not affords(entry, asking, off):
        return None
    if not _has_pieces(chosen.entries, entry, asking):
        return None
    return Set(
        (*chosen.entries, entry),
        (*chosen.off_minor, off),
        chosen.left_minor - off,
        chosen.worth_minor + off + entry.campaign.worth_minor,
        in_group + off,
    )


def affords(entry: Entry, asking: Asking, off_minor: int) -> bool:
    """Whether the campaign's budget has that much left."""
    budget = entry.campaign.limits.budget_minor
    return budget is None or asking.uses.get(entry.campaign.id, NOTHING_USED).off_minor + off_minor <= budget


def _has_pieces(chosen: Sequence[Entry], entry: Entry, asking: Asking) -> bool:
    """Whether there are pieces enough of what it gives, when those before it give some of the same. An order gets all
    its pieces of one thing in one way: handed over, or sent from one place.
    """
    gift = entry.campaign.gift
    if gift is None:
        return True
    same = [one.campaign.gift for one in chosen if one.campaign.gift and one.campaign.gift.sku == gift.sku]
    if any(one.source != gift.source for one in same):
        return False
    taken = sum(one.quantity for one in same)
    return asking.gifts is None or taken + gift.quantity <= asking.gifts.get(gift.source, 0)
