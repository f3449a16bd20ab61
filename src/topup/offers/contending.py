"""The few campaigns that a choice hangs on, so that a price with a thousand of them asks what is taken of a few.

How much each could give at a price is known from the file alone, so they are ranked once for a price. The first of the
rank that apply compete; what is taken of the others decides nothing. Who asks begins with nothing known of what is
taken, reads that of the contenders, and asks again until all of them are known: then the choice is the same as if
everything were.
"""

from itertools import islice
from typing import Final

from topup.catalogue.versions import CarrierVersion
from topup.offers.book import Book, Books, Entry
from topup.offers.combining import MOST_CANDIDATES, most_worth
from topup.offers.facts import Asking
from topup.offers.judging import why_not

_PRICES: Final = 500
"""More prices than are asked for at a time; past them the ranks are made anew."""

Key = tuple[str, str | None, int, bool | None]
"""Where, what, at which price, and whether for the first time."""


class Ranks:
    """The ranks of one book. Never changes, but for what it remembers of its own answers."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._ranks: dict[Key, tuple[Entry, ...]] = {}

    def contenders(self, asking: Asking) -> list[Entry]:
        """Those that compete for that price, of those that ask for no code, as far as `asking.uses` tells."""
        return self._first(asking, MOST_CANDIDATES)

    def unknown(self, asking: Asking, *, ahead: int = 1) -> list[str]:
        """The ids of those of them, and of the codes that were entered, of which it is not known what is taken; where
        there are some, of `ahead` times as many: who finds many used up need not ask often.
        """
        coupons = [entry for code in asking.codes if (entry := self.book.of_code(code.text)) is not None]
        if all(entry.campaign.id in asking.uses for entry in (*self.contenders(asking), *coupons)):
            return []
        wanted = (*self._first(asking, MOST_CANDIDATES * ahead), *coupons)
        return list(dict.fromkeys(entry.campaign.id for entry in wanted if entry.campaign.id not in asking.uses))

    def _first(self, asking: Asking, count: int) -> list[Entry]:
        apply = (entry for entry in self._rank(asking) if why_not(entry, asking, None) is None)
        return list(islice(apply, count))

    def _rank(self, asking: Asking) -> tuple[Entry, ...]:
        """The campaigns that may apply at that price to such a customer, those first that could give most."""
        first = None if asking.top_ups_before is None else asking.top_ups_before == 0
        key = asking.channel, asking.product, asking.price.amount_minor, first
        found = self._ranks.get(key)
        if found is None:
            if len(self._ranks) >= _PRICES:
                self._ranks.clear()
            least = self.book.stacking.least_total_minor
            found = self._ranks[key] = tuple(
                sorted(
                    (entry for entry in self.book.shelf(asking) if _may_apply(entry, asking)),
                    key=lambda entry: (-most_worth(entry, asking, least), entry.campaign.id),
                )
            )
        return found


class RankedBooks:
    """The ranks of the versions that are asked for, each made once."""

    def __init__(self) -> None:
        self._books = Books()
        self._made: dict[str, Ranks] = {}

    def of(self, carrier: CarrierVersion) -> Ranks:
        """The ranks of a version; of each carrier those of the one asked for last are kept."""
        book = self._books.of(carrier)
        ranks = self._made.get(carrier.carrier_id)
        if ranks is None or ranks.book is not book:
            ranks = self._made[carrier.carrier_id] = Ranks(book)
        return ranks


def _may_apply(entry: Entry, asking: Asking) -> bool:
    """By what is the same at any time, whatever is taken."""
    if asking.price.amount_minor < entry.least_minor:
        return False
    customers = entry.campaign.customers
    return customers == "all" or (
        asking.top_ups_before is not None and (customers == "first") == (asking.top_ups_before == 0)
    )
