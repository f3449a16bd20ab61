"""A tile says all it gives before it is chosen, and nothing twice."""

from dataclasses import asdict

import pytest

from topup.catalogue.storefront import GrantText, Offer, OfferKind
from topup.channels.web.offering import Offering, Tile, offering
from topup.channels.web.wording import Wording
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.orders.views import NumberView, ProductsView

BONUS = GrantText("grant_data", {"count": "1", "unit": "GB"}, "validity_days", 30)


def tile(amount_minor: int = 1000, *, locale: str = "en", grants: tuple[GrantText, ...] = ()) -> Tile:
    [shown] = shown_for(amount_minor, locale=locale, grants=grants).first_tiles
    return shown


def shown_for(
    amount_minor: int, *, locale: str = "zh_Hans", currency: str = "SGD", grants: tuple[GrantText, ...] = ()
) -> Offering:
    names = {"zh_Hans": "海桥电信", "zh_Hant": "海橋電信", "en": "Haiqiao"}
    number = NumberView(Msisdn("+6581234567", "SG"), "haiqiao", names, "SGD", "Asia/Singapore")
    offer = Offer(OfferKind.CREDIT, None, Money(amount_minor, currency), None, None, grants)
    return offering(ProductsView(number, (offer,)), Wording(locale), chosen="", elder=False)


@pytest.mark.parametrize(
    ("locale", "extra"), [("en", "+ 1 GB data"), ("zh_Hans", "+ 流量 1 GB"), ("zh_Hant", "+ 流量 1 GB")]
)
def test_a_bonus_stands_on_its_tile(locale, extra):
    assert tile(locale=locale, grants=(BONUS,)).extras == [extra]
    assert tile(locale=locale).extras == []


@pytest.mark.parametrize(("locale", "amount"), [("en", "CN¥50"), ("zh_Hans", "¥50"), ("zh_Hant", "CN¥50")])
def test_an_amount_stands_on_its_tile_once(locale, amount):
    [shown] = shown_for(5000, locale=locale, currency="CNY").first_tiles
    facts = asdict(shown)
    assert facts["face"] == amount
    assert [name for name, value in facts.items() if amount in str(value)] == ["face"]


@pytest.mark.parametrize(("currency", "wide"), [("SGD", True), ("CNY", False)])
def test_long_amounts_stand_two_in_a_row(currency, wide):
    assert shown_for(10_000, currency=currency).wide is wide
