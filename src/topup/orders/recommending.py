"""What a line needs, by what it really used: said at a counter, and nowhere kept.

The last MONTHS whole months of the line are looked at. Where packs with data are on offer and data was used, the
cheapest pack that holds a month of it is advised, or where none does the largest; else the least credit that pays for
a month of what was spent. A pack that costs more than all that was spent, by somebody who pays for most of their data
from credit, is not advised: it would only be dearer.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.grant_rules import GrantRule
from topup.catalogue.pricing import granted_on
from topup.catalogue.queries import CatalogueCache
from topup.catalogue.rates import Service
from topup.catalogue.storefront import Offer, OfferKind
from topup.catalogue.versions import CarrierVersion
from topup.charging.line_views import line_shown
from topup.charging.usage.months import UsedOnDay, used_by_day
from topup.kernel.errors import NotFound
from topup.kernel.msisdn import Msisdn
from topup.platform.database import Connection

MONTHS: Final = 3
DATA: Final = "DATA"
_DATA_SERVICE: Final[Service] = "data"
_MONTHS_A_YEAR: Final = 12
_PER_MONTH_DAYS: Final = 30
_SHORTEST_MONTH_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class Advice:
    """What is advised: the `value` of an offer (`pack:…`, `credit:…`), and why: a month's use of `asset` was `monthly`
    minor units.
    """

    value: str
    why: str
    asset: str
    monthly: int


async def advise(
    connection: Connection, msisdn: Msisdn, catalogue: CatalogueCache, *, offers: list[Offer], now: datetime
) -> Advice | None:
    """What to advise for the line of a number; None where it is none of ours, or used nothing."""
    try:
        shown = await line_shown(connection, msisdn, catalogue)
    except NotFound:
        return None
    zone = ZoneInfo(shown.zone)
    this = now.astimezone(zone).date().replace(day=1)
    since, until = (datetime(day.year, day.month, 1, tzinfo=zone) for day in (_months_before(this, MONTHS), this))
    used = await used_by_day(connection, line=shown.line.ref, zone=shown.zone, since=since, until=until)
    months = len({(one.day.year, one.day.month) for one in used})
    if not months:
        return None
    return by_use(shown.carrier, offers, used, months=months)


def by_use(carrier: CarrierVersion, offers: list[Offer], used: list[UsedOnDay], *, months: int) -> Advice | None:
    """By what was used in so many months: a pack where it holds a month and saves money, else credit."""
    data = sum(one.quantity for one in used if one.service == _DATA_SERVICE) // months
    spent = sum(one.cost_minor for one in used) // months
    pack = by_data(carrier, offers, data)
    if pack is None or (_pays_from_credit(used) and spent < _price_of(pack, offers)):
        return by_money(carrier, offers, spent)
    return pack


def _pays_from_credit(used: list[UsedOnDay]) -> bool:
    """Whether most data was paid for as it was used: what a pack covered cost nothing."""
    data = [one for one in used if one.service == _DATA_SERVICE]
    paid = sum(one.quantity for one in data if one.cost_minor)
    return paid * 2 > sum(one.quantity for one in data)


def _price_of(advice: Advice, offers: list[Offer]) -> int:
    product = advice.value.removeprefix("pack:")
    return next(offer.price.amount_minor for offer in offers if offer.product == product and offer.price is not None)


def by_data(carrier: CarrierVersion, offers: list[Offer], monthly: int) -> Advice | None:
    """By the bytes of a month; None where none were used, or no pack has any."""
    packs = [
        (offer.price.amount_minor, _monthly_data(carrier, offer.product), offer.product)
        for offer in offers
        if offer.kind is OfferKind.PACK and offer.price is not None and offer.product is not None
    ]
    packs = [pack for pack in packs if pack[1]]
    if not packs or not monthly:
        return None
    enough = [pack for pack in packs if pack[1] >= monthly]
    _, _, product = min(enough) if enough else max(packs, key=lambda pack: pack[1])
    return Advice(f"pack:{product}", "data" if enough else "data_most", DATA, monthly)


def by_money(carrier: CarrierVersion, offers: list[Offer], monthly: int) -> Advice | None:
    """By what a month cost, in minor units; None where it cost nothing."""
    amounts = sorted(
        offer.price.amount_minor for offer in offers if offer.kind is OfferKind.CREDIT and offer.price is not None
    )
    if not amounts or not monthly:
        return None
    amount = next((one for one in amounts if one >= monthly), amounts[-1])
    return Advice(f"credit:{amount}", "money", carrier.currency, monthly)


def _monthly_data(carrier: CarrierVersion, product: str) -> int:
    """The bytes that a pack brings for a month: of what lasts longer its share, of what does not last one nothing."""
    pack = carrier.packs[product]
    return sum(_a_month_of(rule) for rule in granted_on(pack.grants, pack.price_minor) if rule.asset == DATA)


def _a_month_of(rule: GrantRule) -> int:
    if rule.validity.days and rule.validity.days < _SHORTEST_MONTH_DAYS:
        return 0
    months = rule.validity.months or 0
    if not months and rule.validity.days:
        months = rule.validity.days // _PER_MONTH_DAYS
    return rule.amount // max(1, months)


def _months_before(first: date, count: int) -> date:
    months = first.year * _MONTHS_A_YEAR + first.month - 1 - count
    return date(months // _MONTHS_A_YEAR, months % _MONTHS_A_YEAR + 1, 1)
