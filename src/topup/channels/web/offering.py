"""What can be bought for a number, laid out as tiles."""

from dataclasses import dataclass, field
from typing import Final

from topup.catalogue.storefront import Offer, OfferKind
from topup.channels.web.wording import Said, Wording
from topup.kernel.money import Money
from topup.orders.views import NumberView, ProductsView

_TILES_OF_ELDERS: Final = 3
"""Three choices a screen; the rest is one press away (design.md, elder mode)."""

_LONGEST_OF_THREE: Final = 5
"""Characters of an amount of which three fit side by side at 320 px: `¥1000`, but not `SGD100`."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What the form held, shown again."""

    number: str = ""
    choice: str = ""
    amount: str = ""


@dataclass(frozen=True, slots=True)
class NumberRead:
    """The number as it is read back, and who serves it."""

    e164: str
    grouped: str
    carrier: str


@dataclass(frozen=True, slots=True)
class Tile:
    """An amount, which is its price too, and what comes on top."""

    value: str
    key: str
    face: str
    label: str
    extras: list[str]


@dataclass(frozen=True, slots=True)
class PackRow:
    """A pack: its name, what is in it, its price."""

    value: str
    key: str
    name: str
    what: str
    price: str


@dataclass(frozen=True, slots=True)
class FreeRow:
    """An amount of one's own choice, between limits."""

    limits: str
    currency: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Offering:
    """Everything that depends on the number; empty until the number is known."""

    number: NumberRead | None = None
    first_tiles: list[Tile] = field(default_factory=list)
    more_tiles: list[Tile] = field(default_factory=list)
    more_open: bool = False
    free: FreeRow | None = None
    packs: list[PackRow] = field(default_factory=list)
    packs_open: bool = False
    wrong_number: Said | None = None
    wrong_choice: Said | None = None

    @property
    def wide(self) -> bool:
        """Whether an amount is too long for a third of a phone's width: then two stand in a row."""
        return any(len(tile.face) > _LONGEST_OF_THREE for tile in (*self.first_tiles, *self.more_tiles))

    def has_tile(self, value: str) -> bool:
        """Whether an amount with that value is among the tiles."""
        return any(tile.value == value for tile in (*self.first_tiles, *self.more_tiles))


def offering(
    products: ProductsView, wording: Wording, *, chosen: str, elder: bool, wrong_choice: Said | None = None
) -> Offering:
    """The tiles of everything on offer for a number."""
    tiles = [_tile(offer, wording) for offer in products.offers if offer.kind is OfferKind.CREDIT]
    shown = _likely(tiles) if elder else tiles
    more = [tile for tile in tiles if tile not in shown]
    packs = [_pack(offer, wording) for offer in products.offers if offer.kind is OfferKind.PACK]
    free = next((offer for offer in products.offers if offer.kind is OfferKind.FREE), None)
    return Offering(
        number=read_back(products.number, wording),
        first_tiles=shown,
        more_tiles=more,
        more_open=any(tile.value == chosen for tile in more),
        free=_free(free, products.number.currency, wording) if free else None,
        packs=packs,
        packs_open=any(pack.value == chosen for pack in packs),
        wrong_choice=wrong_choice,
    )


def read_back(number: NumberView, wording: Wording) -> NumberRead:
    """The number in its groups, and its carrier."""
    return NumberRead(number.msisdn.e164, number.msisdn.grouped(), wording.name(number.carrier_names))


def _likely(tiles: list[Tile]) -> list[Tile]:
    """Three amounts around the one the operator recommends, else the middle ones."""
    at = next((place for place, tile in enumerate(tiles) if tile.label), len(tiles) // 2)
    start = max(0, min(at - 1, len(tiles) - _TILES_OF_ELDERS))
    return tiles[start : start + _TILES_OF_ELDERS]


def _tile(offer: Offer, wording: Wording) -> Tile:
    price = _price(offer)
    label = wording.name(offer.label) if offer.label else ""
    amount = price.amount_minor
    face = wording.short_money(price)
    extras = wording.extras(offer.grants)
    return Tile(f"credit:{amount}", f"credit-{amount}", face, label, extras)


def _pack(offer: Offer, wording: Wording) -> PackRow:
    name = wording.name(offer.names or {})
    what = wording.offered(offer.grants)
    return PackRow(f"pack:{offer.product}", f"pack-{offer.product}", name, what, wording.money(_price(offer)))


def _free(offer: Offer, currency: str, wording: Wording) -> FreeRow | None:
    if offer.free is None:
        return None
    least = wording.short_money(Money(offer.free.minimum_minor, currency))
    most = wording.short_money(Money(offer.free.largest_minor(), currency))
    return FreeRow(wording.text("free_limits", least=least, most=most), currency, wording.symbol(currency))


def _price(offer: Offer) -> Money:
    assert offer.price is not None  # noqa: S101 - only free amounts have no price
    return offer.price
