"""A carrier with campaigns, and who asks for its prices."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from topup.catalogue.campaigns import Campaign, Stacking
from topup.catalogue.checking import check_bytes
from topup.catalogue.versions import CarrierVersion
from topup.kernel.money import Money
from topup.offers.book import Book
from topup.offers.facts import Asking

NOW = datetime(2026, 3, 15, 4, tzinfo=UTC)
"""Noon of 15 March in Shanghai."""
NAMES = {"zh_Hans": "春", "zh_Hant": "春", "en": "Spring"}

FILE = """\
id = "acme"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "Acme" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138"]
[credit]
face_values = [10, 50, 100]
validity = { rule = "never" }
[[packs]]
id = "data-1gb"
names = { zh_Hans = "流量", zh_Hant = "流量", en = "Data" }
price = 20
grants = [{ asset = "DATA", amount = "1 GiB" }]
"""
_DOCUMENT = check_bytes(FILE.encode(), name="acme.toml").document


def carrier_with(campaigns: Sequence[Campaign], stacking: Stacking | None = None) -> CarrierVersion:
    """A version of a carrier whose campaigns are these."""
    document = replace(_DOCUMENT, campaigns=tuple(campaigns), offers=stacking or Stacking())
    return CarrierVersion("acme", 1, document)


def book(campaigns: Sequence[Campaign], stacking: Stacking | None = None) -> Book:
    return Book(carrier_with(campaigns, stacking))


def written(text: str) -> Book:
    """The book of a file that says this besides the carrier."""
    return Book(CarrierVersion("acme", 1, check_bytes((FILE + text).encode(), name="acme.toml").document))


def asking(price_minor: int = 5000, **facts) -> Asking:
    return Asking(Money(price_minor, "CNY"), **{"product": None, "channel": "web", "now": NOW} | facts)
