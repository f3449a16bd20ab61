"""Prices of the sales of one flush: the same product or amount is worked out once for each carrier."""

from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from topup.catalogue.pricing import price
from topup.catalogue.queries import Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.kernel.ids import QuoteId, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.lines.queries import Route
from topup.orders.ordering import Ordering
from topup.orders.quotes import StoredQuote, compose, mark
from topup.payments.floats import postings
from topup.platform.keys import KeyRing

_METHOD: Final = postings.METHOD


class QuoteRow(NamedTuple):
    """A marked quote as it is stored."""

    lane: int
    id: str
    body: str
    kid: str
    mark: bytes
    expires_at: datetime


class Prices:
    """What things cost at `now`, by the catalogue of `snapshot`."""

    def __init__(self, *, ordering: Ordering, keys: KeyRing, snapshot: Snapshot, now: datetime) -> None:
        self._ordering = ordering
        self._keys = keys
        self._snapshot = snapshot
        self._now = now
        self._known: dict[tuple[str, str | None, Money | None], StoredQuote] = {}

    def quote(self, msisdn: Msisdn, way: Route, *, product: str | None, amount: Money | None) -> StoredQuote:
        """The price for a number that leads there; raises as `Ordering.compose`.

        It can be paid from a float alone, and is, before anybody else sees it: so it has no price in other currencies.
        """
        carrier = self._ordering.carrier_at(way, self._snapshot)
        wish = (carrier.carrier_id, product, amount)
        known = self._known.get(wish)
        if known is None:
            known = self._known[wish] = self._compose(carrier, msisdn, product, amount)
        return replace(
            known,
            id=new_id("quote", way.lane),
            msisdn=msisdn.e164,
            country=msisdn.country,
            line_id=way.line.id if way.line else None,
        )

    def row(self, quote: StoredQuote, lane: int) -> QuoteRow:
        """The quote to be stored."""
        return QuoteRow(lane, quote.id, *mark(quote, self._keys), quote.expires_at)

    def _compose(
        self, carrier: CarrierVersion, msisdn: Msisdn, product: str | None, amount: Money | None
    ) -> StoredQuote:
        return compose(
            quote_id=QuoteId(""),
            msisdn=msisdn,
            carrier=carrier,
            priced=price(carrier, product=product, amount=amount, now=self._now),
            line_id=None,
            product=product,
            method=_METHOD,
            rates={},
            now=self._now,
        )
