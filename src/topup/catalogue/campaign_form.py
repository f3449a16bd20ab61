"""The form of offers in a carrier's file: `[[campaigns]]`, and how they go together (`[offers]`)."""

import re
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final

from topup.catalogue.campaigns import (
    CHANNELS,
    GIFT_DAYS,
    NEVER_ENDS,
    Campaign,
    Coupon,
    Discount,
    DiscountTier,
    Gift,
    Group,
    Limits,
    Points,
    Stacking,
)
from topup.catalogue.offer_form import GRANT, IDENTIFIER, NAMES, plain
from topup.catalogue.positions import Path
from topup.catalogue.reading import Reading, Wrong, major, shown
from topup.catalogue.shapes import Amount, Choice, Field, ListOf, MapOf, Permille, Schema, Table, Text, Whole
from topup.catalogue.validity_form import LASTING, ascending

Fields = dict[str, Any]

MOST_CAMPAIGNS: Final = 2000
MOST_TOGETHER: Final = 4
"""Campaigns in one price: what the search for the best is exact for."""
_MANY: Final = 1_000_000_000
_CODE: Final = r"[A-Z0-9][A-Z0-9-]{2,31}"
_CODE_WORDS: Final = "3 to 32 capital letters and digits such as SPRING26"
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_PLACE: Final = r"[a-z0-9][a-z0-9-]{0,63}"
"""Ids of the shops' file."""
_YEARS: Final = range(1970, 2200)
_WHOLE_PPM: Final = 1_000_000


class Day:
    """A day of the calendar, bare or in quotes."""

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The date."""
        day = _day(value)
        if day is None or day.year not in _YEARS:
            return reading.mistake(path, f"must be a day such as 2026-03-01, not {shown(value)}")
        return day

    def schema(self) -> Schema:
        """A string of digits; a bare date of TOML reaches editors as one."""
        return {"type": "string", "pattern": f"^{_DAY}$"}


def _day(value: object) -> date | None:
    if isinstance(value, date):
        return None if isinstance(value, datetime) else value
    if not isinstance(value, str) or re.fullmatch(_DAY, value, re.ASCII) is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _discount(fields: Fields, path: Path, reading: Reading) -> Discount | Wrong:
    tiers, rate = fields["tiers"], fields["rate_ppm"]
    wrong = ascending([tier.from_minor for tier in tiers], (*path, "tiers"), reading)
    for index, (lower, higher) in enumerate(pairwise(tiers), 1):
        if higher.off_minor <= lower.off_minor:
            wrong = reading.mistake((*path, "tiers", index, "off"), "must be more than that of the tier before it")
    for index, tier in enumerate(tiers):
        if tier.off_minor >= tier.from_minor:
            wrong = reading.mistake((*path, "tiers", index, "off"), "must be below its from: something is to be paid")
    if rate is not None and not 0 < rate < _WHOLE_PPM:
        wrong = reading.mistake((*path, "permille"), "must be above 0 and below 1000")
    if rate is None and fields["cap_minor"] is not None:
        wrong = reading.mistake((*path, "cap"), "goes with permille only: the others say themselves how much")
    return wrong or Discount(**fields)


DISCOUNT: Final = Table(
    _discount,
    {
        "fixed": Field(Amount(), "so much off", into="fixed_minor"),
        "tiers": Field(
            ListOf(
                Table(
                    plain(DiscountTier),
                    {
                        "from": Field(Amount(), "from this price on", required=True, into="from_minor"),
                        "off": Field(Amount(), "so much is taken off", required=True, into="off_minor"),
                    },
                ),
                1,
                20,
            ),
            "so much off by price, ascending",
            default=(),
        ),
        "permille": Field(Permille(), "thousandths of what is left to pay", into="rate_ppm"),
        "cap": Field(Amount(), "the thousandths come to this at most", into="cap_minor"),
        "rounding": Field(Choice(("up", "down", "half_up", "half_even")), "of the thousandths", default="down"),
    },
    one_of=("fixed", "tiers", "permille"),
)
_COUPON: Final = Table(
    plain(Coupon),
    {
        "code": Field(Text(_CODE_WORDS, _CODE), "the word that is the coupon, the same for all"),
        "prefix": Field(Text("2 to 12 capital letters and digits such as SPRING", r"[A-Z0-9]{2,12}"), "codes of "
                        "their own begin with it and a hyphen"),
        "uses": Field(Whole(1, _MANY), "a code is good for so many top-ups; one of their own for 1 if not said"),
    },
    one_of=("code", "prefix"),
)  # fmt: skip
_GIFT: Final = Table(
    plain(Gift),
    {
        "sku": Field(
            Text("what stock calls it", longest=64), "what is given, as the shops' stock calls it", required=True
        ),
        "quantity": Field(Whole(1, 100), "so many pieces", default=1),
        "until": Field(
            Day(), f"the last day it is handed over, or its address given; {GIFT_DAYS} days later if not said"
        ),
        "sent_from": Field(
            Text("a shop's id", _PLACE),
            "the shop or store out of whose stock it is sent by post; handed over at the counter if not said",
        ),
    },
)
_LIMITS: Final = Table(
    plain(Limits),
    {
        "total": Field(Whole(1, _MANY), "so often in all"),
        "per_day": Field(Whole(1, _MANY), "so often a day"),
        "per_person": Field(Whole(1, _MANY), "so often for one person"),
        "budget": Field(Amount(), "so much taken off in all", into="budget_minor"),
    },
)


def _campaign(fields: Fields, path: Path, reading: Reading) -> Campaign | Wrong:
    wrong = None
    if fields["starts"] and fields["ends"] and fields["starts"] > fields["ends"]:
        wrong = reading.mistake((*path, "until"), "is before from")
    if not (fields["discount"] or fields["grants"] or fields["gift"] or fields["points"]):
        wrong = reading.mistake(path, "gives nothing: it needs discount, grants, gift or points")
    gift = fields["gift"]
    if gift and not gift.sent_from and fields["channels"] and "counter" not in fields["channels"]:
        wrong = reading.mistake((*path, "channels"), "has no counter, where the gift would be handed over")
    if gift and gift.until and (fields["ends"] is None or gift.until < fields["ends"]):
        wrong = reading.mistake((*path, "gift", "until"), "is before the campaign's last day: it needs one, no later")
    if fields["discount"] is None and fields["limits"].budget_minor is not None:
        wrong = reading.mistake((*path, "limits", "budget"), "goes with a discount only: it limits what is taken off")
    if fields["worth_minor"] and not (fields["grants"] or fields["gift"] or fields["points"]):
        wrong = reading.mistake((*path, "worth"), "goes with grants, gift or points: a discount is worth what it is")
    return wrong or Campaign(**fields)


CAMPAIGN: Final = Table(
    _campaign,
    {
        "id": Field(Text("a short name in lower case such as spring-50", IDENTIFIER, longest=64), "its id; never "
                    "that of another campaign, past ones included", required=True),
        "names": Field(NAMES, "what the payer sees on the price", required=True),
        "from": Field(Day(), "its first day in the carrier's time zone", into="starts"),
        "until": Field(Day(), "its last day", into="ends"),
        "channels": Field(ListOf(Choice(CHANNELS), 0, len(CHANNELS)), "where; empty: everywhere", default=()),
        "products": Field(ListOf(Text("credit, or a pack's id", IDENTIFIER), 0, 1000), "for what; empty: everything",
                          default=()),
        "customers": Field(Choice(("all", "first", "returning")), "for whom: first never topped up before",
                           default="all"),
        "minimum": Field(Amount(), "for prices from this one on", default=0, into="least_minor"),
        "coupon": Field(_COUPON, "only with a code"),
        "discount": Field(DISCOUNT, "what it takes off"),
        "grants": Field(ListOf(GRANT, 0, 20), "what it gives besides", default=()),
        "gift": Field(_GIFT, "what is handed over with it, or sent"),
        "points": Field(Whole(0, 1_000_000), "points it gives", default=0),
        "worth": Field(Amount(0), "what grants, gift and points are worth where offers compete", default=0,
                       into="worth_minor"),
        "group": Field(Text("a group's name", IDENTIFIER), "with what it goes together; without one: with nothing"),
        "order": Field(Whole(0, 1000), "within its group the lower is applied first", default=100),
        "limits": Field(_LIMITS, "how often, and how much", default=Limits()),
    },
)  # fmt: skip


def _group(fields: Fields, path: Path, reading: Reading) -> Group:  # noqa: ARG001 - every build is called alike
    return Group(str(path[-1]), **fields)


_GROUP: Final = Table(
    _group,
    {
        "take": Field(Choice(("one", "all")), "one of its campaigns at most, or all that apply", default="one"),
        "order": Field(Whole(0, 1000), "the group with the lower is applied first", default=100),
        "cap": Field(Amount(), "together they take off this at most", into="cap_minor"),
        "excludes": Field(ListOf(Text("a group's name", IDENTIFIER), 0, 50), "never together with these", default=()),
    },
)


def _points(fields: Fields, path: Path, reading: Reading) -> Points | Wrong:
    if fields["per_minor"] is None and fields["worth_minor"] is None:
        return reading.mistake(path, "says nothing: it needs per, worth or both")
    if fields["most"] is not None and fields["most"] // fields["step"] * fields["step"] < fields["least"]:
        return reading.mistake((*path, "most"), "leaves no whole step from least on")
    return Points(**fields)


_POINTS: Final = Table(
    _points,
    {
        "per": Field(Amount(), "a point is earned for each of these that is paid", into="per_minor"),
        "worth": Field(Amount(), "a point pays so much; without it points are not spent here", into="worth_minor"),
        "step": Field(Whole(1, 1_000_000), "they are spent in steps of so many", default=1),
        "permille": Field(Permille(4), "they pay these thousandths of what is left at most", default=_WHOLE_PPM,
                          into="most_ppm"),
        "least": Field(Whole(1, 1_000_000), "at least so many at once", default=1),
        "most": Field(Whole(1, 1_000_000_000), "at most so many at once"),
        "validity": Field(LASTING, "how long points that are earned may be used; never ends when left out",
                          default=NEVER_ENDS),
    },
)  # fmt: skip


def _stacking(fields: Fields, path: Path, reading: Reading) -> Stacking | Wrong:
    groups = fields["groups"]
    wrong = None
    for name, group in groups.items():
        strange = next((other for other in group.excludes if other not in groups), None)
        if strange is not None or name in group.excludes:
            reason = "names the group itself" if strange is None else f"names {shown(strange)}, which is no group"
            wrong = reading.mistake((*path, "groups", name, "excludes"), reason)
    points = fields["points"]
    if points is not None and points.most_ppm > _WHOLE_PPM:
        wrong = reading.mistake((*path, "points", "permille"), "must be 1000 at most")
    return wrong or Stacking(**fields | {"groups": tuple(groups.values())})


STACKING: Final = Table(
    _stacking,
    {
        "least_total": Field(Amount(), "nobody pays less than this", default=1, into="least_total_minor"),
        "most": Field(Whole(1, MOST_TOGETHER), "so many campaigns in one price at most", default=3),
        "groups": Field(MapOf(IDENTIFIER, "group's name in lower case", _GROUP), "what goes together", default={}),
        "points": Field(_POINTS, "points, earned and spent"),
    },
)
CAMPAIGNS: Final = ListOf(CAMPAIGN, 0, MOST_CAMPAIGNS)


def campaigns_mistake(
    campaigns: tuple[Campaign, ...], stacking: Stacking, products: frozenset[str], path: Path, reading: Reading
) -> Wrong | None:
    """Notes ids and codes that stand there twice, groups and products there are not; `products` are those on offer."""
    groups = {group.id for group in stacking.groups}
    ids: set[str] = set()
    words: dict[str, str] = {}
    wrong = None
    for index, one in enumerate(campaigns):
        place = (*path, index)
        if one.id in ids:
            wrong = reading.mistake((*place, "id"), f"is {shown(one.id)} a second time")
        ids.add(one.id)
        if one.group is not None and one.group not in groups:
            wrong = reading.mistake((*place, "group"), f"is {shown(one.group)}, which offers.groups does not have")
        for position, product in enumerate(one.products):
            if product not in products:
                wrong = reading.mistake((*place, "products", position), f"is {shown(product)}, which is not on offer")
        wrong = _code(one, words, place, reading) or wrong
        wrong = _leaves_something(one, place, reading) or wrong
    return wrong


def _code(campaign: Campaign, words: dict[str, str], place: Path, reading: Reading) -> Wrong | None:
    """A code leads to one campaign: what stands before its first hyphen is no other's, if that is a prefix."""
    if campaign.coupon is None:
        return None
    kind = "code" if campaign.coupon.code else "prefix"
    word = campaign.coupon.code or campaign.coupon.prefix or ""
    taken = words.get(word) or words.get(f"{word.partition('-')[0]}-")
    if kind == "prefix":
        taken = taken or next((other for text, other in words.items() if text.startswith(f"{word}-")), None)
    words[word if kind == "code" else f"{word}-"] = campaign.id
    if taken is None:
        return None
    return reading.mistake((*place, "coupon", kind), f"is {shown(word)}, which leads to {taken} already")


def _leaves_something(campaign: Campaign, place: Path, reading: Reading) -> Wrong | None:
    fixed = campaign.discount.fixed_minor if campaign.discount else None
    if fixed is None or fixed < campaign.least_minor:
        return None
    words = f"needs a minimum above {major(fixed, reading.currency)}, what it takes off: something is to be paid"
    return reading.mistake(place, words)
