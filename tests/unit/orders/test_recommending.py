"""What is recommended at a counter: the cheapest that holds a month of real use, else what there is most of."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import topup
from topup.catalogue.checking import check_bytes
from topup.catalogue.storefront import OfferKind, products_for
from topup.catalogue.versions import CarrierVersion
from topup.charging.usage.months import UsedOnDay
from topup.orders.recommending import DATA, by_data, by_money, by_use

FILE = Path(topup.__file__).parent / "catalogue" / "demonstration" / "qingfeng.toml"
GB = 1_000_000_000
ROOT = Path(__file__).parents[3]
EXAMPLES = sorted([*FILE.parent.glob("*.toml"), *(ROOT / "examples" / "carriers").glob("*.toml")])
"""The carriers of the demonstration, and those that operators begin from."""


@pytest.fixture
def carrier() -> CarrierVersion:
    return CarrierVersion("qingfeng", 1, check_bytes(FILE.read_bytes(), name=FILE.name).document)


def data_packs(carrier):
    """What each pack with data costs and brings, cheapest first."""
    found = []
    for offer in products_for(carrier):
        if offer.kind is OfferKind.PACK:
            rules = [rule for rule in carrier.packs[offer.product].grants if rule.asset == DATA]
            bytes_ = sum(rule.amount for rule in rules if (rule.validity.days or 30) >= 28)
            found.append((offer.price.amount_minor, bytes_, offer.product))
    return sorted(pack for pack in found if pack[1])


def test_the_cheapest_pack_that_holds_a_month_is_advised(carrier):
    offers, packs = products_for(carrier), data_packs(carrier)
    for _, bytes_, _ in packs:
        advice = by_data(carrier, offers, bytes_)
        [price] = [price for price, _, product in packs if f"pack:{product}" == advice.value]
        assert advice.why == "data"
        assert price == min(other for other, holds, _ in packs if holds >= bytes_)


def test_what_ends_within_a_week_is_not_advised_for_a_month(carrier):
    assert [offer for offer in products_for(carrier) if offer.product and offer.grants[0].days == 7]
    assert len(data_packs(carrier)) == 2
    for bytes_ in (1, GB // 2, GB):
        product = by_data(carrier, products_for(carrier), bytes_).value.removeprefix("pack:")
        assert carrier.packs[product].grants[0].validity.days == 30


def test_where_none_holds_it_the_largest_is_and_that_is_said(carrier):
    packs = data_packs(carrier)
    advice = by_data(carrier, products_for(carrier), 1_000 * GB)
    assert (advice.why, advice.value) == ("data_most", f"pack:{max(packs, key=lambda pack: pack[1])[2]}")


def test_without_data_the_least_credit_that_pays_for_a_month_is(carrier):
    offers = products_for(carrier)
    assert by_data(carrier, offers, 0) is None
    assert by_money(carrier, offers, 2_100).value == "credit:3000"
    assert by_money(carrier, offers, 1).value == "credit:1000"
    assert by_money(carrier, offers, 10**9).value == "credit:50000"


def test_who_used_nothing_is_advised_nothing(carrier):
    assert by_money(carrier, products_for(carrier), 0) is None


def read(file: Path) -> CarrierVersion:
    return CarrierVersion(file.stem, 1, check_bytes(file.read_bytes(), name=file.name).document)


CARRIERS = {file.stem: read(file) for file in EXAMPLES}


@pytest.mark.parametrize("name", sorted(CARRIERS))
@given(megabytes=st.integers(0, 200_000), spent=st.integers(0, 100_000), covered=st.booleans())
def test_every_example_carriers_advice_is_on_offer_lasts_a_month_and_saves_money(name, megabytes, spent, covered):
    carrier = CARRIERS[name]
    offers, bytes_ = products_for(carrier), megabytes * 1_000_000
    used = [
        UsedOnDay(date(2026, 3, 2), "data", bytes_, 0 if covered else spent),
        UsedOnDay(date(2026, 3, 2), "voice", 60, spent if covered else 0),
    ]
    advice = by_use(carrier, offers, used, months=1)
    prices = sorted(offer.price.amount_minor for offer in offers if offer.kind is OfferKind.CREDIT)
    packs = data_packs(carrier)
    if advice is None:
        assert not spent
        assert not packs or not bytes_ or not covered
    elif advice.value.startswith("pack:"):
        [(price, holds)] = [(price, holds) for price, holds, product in packs if f"pack:{product}" == advice.value]
        assert covered or not spent or price <= spent, "nobody is advised to pay more than they did"
        enough = [other for other, one_holds, _ in packs if one_holds >= bytes_]
        assert (price == min(enough)) if enough else (holds == max(one_holds for _, one_holds, _ in packs))
    else:
        amount = int(advice.value.removeprefix("credit:"))
        assert amount == next((one for one in prices if one >= spent), prices[-1])
