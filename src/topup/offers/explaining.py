"""What a customer would get who is supposed: the price without offers, what is best, and why not the others.

The same choice that prices are made by, for who plans offers or answers for them: nothing is held.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from topup.catalogue.campaigns import CHANNELS, Source
from topup.catalogue.pricing import Priced, price
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.money import Money
from topup.offers.answers import Offer
from topup.offers.book import Book
from topup.offers.choosing import choose
from topup.offers.facts import Asking, Code, Uses, without_gifts
from topup.platform.database import Connection
from topup.shops.places import Directory, Place
from topup.shops.stock.gifts import Free, free


@dataclass(frozen=True, slots=True)
class Supposed:
    """Who would top up, where and when: `points` are there, and all to be spent; `uses` is what is taken already, and
    `gifts` the pieces that are free, or None for as many as are wanted.
    """

    channel: str
    now: datetime
    is_first: bool = False
    codes: tuple[Code, ...] = ()
    points: int = 0
    uses: Mapping[str, Uses] = field(default_factory=dict)
    gifts: Mapping[Source, int] | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is of the gifts that a file names, at a shop or where they are sent from: how many pieces nobody was
    promised, or None where it is not kept there.
    """

    shop: Place
    gifts: Mapping[Source, Free | None]

    @property
    def pieces(self) -> dict[Source, int]:
        """How many of each there are to give."""
        return {source: one.pieces if one else 0 for source, one in self.gifts.items()}


async def shelf_of(connection: Connection, directory: Directory, shop: str, book: Book) -> Shelf:
    """What a shop could give now, and what could be sent. Raises NotFound `shop_unknown`."""
    place = directory.place(shop)
    if place is None:
        raise NotFound("shop_unknown", shop=shop)
    spots = {(sent_from, sku): (sent_from or shop, sku) for sent_from, sku in sorted(book.gifts)}
    found = await free(connection, spots.values())
    return Shelf(place, {source: found.get(spot) for source, spot in spots.items()})


@dataclass(frozen=True, slots=True)
class Explained:
    """The price without offers, and the offer with a verdict on every campaign of the file."""

    carrier: CarrierVersion
    priced: Priced
    offer: Offer
    now: datetime


def explain(book: Book, supposed: Supposed, *, product: str | None, amount: Money | None) -> Explained:
    """Explain. Raises Invalid `offer_channel_unknown`, and the problems of the price."""
    if supposed.channel not in CHANNELS:
        raise Invalid("offer_channel_unknown", channel=supposed.channel, known=list(CHANNELS))
    priced = price(book.carrier, product=product, amount=amount, now=supposed.now)
    asking = Asking(
        price=priced.total_before_fee,
        product=product,
        channel=supposed.channel,
        now=supposed.now,
        top_ups_before=0 if supposed.is_first else 1,
        codes=supposed.codes,
        points=supposed.points,
        spend=supposed.points,
        uses=supposed.uses,
        gifts=supposed.gifts,
        without=without_gifts(supposed.channel),
    )
    return Explained(book.carrier, priced, choose(book, asking, thorough=True), supposed.now)
