"""What a file may say of offers, and the sentence for what it may not."""

import tomllib
from datetime import date

import jsonschema_rs
import pytest

from topup.catalogue.campaigns import (
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
from topup.catalogue.checking import CatalogueMistakes, check_bytes
from topup.catalogue.documents import CarrierDocument
from topup.catalogue.schema import carrier_schema
from topup.catalogue.versions import from_json, to_json

BASE = """\
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
NAMES = 'names = { zh_Hans = "春", zh_Hant = "春", en = "Spring" }'
VALIDATOR = jsonschema_rs.validator_for(carrier_schema())


def document(text: str) -> CarrierDocument:
    """What is read; whatever is, the schema takes too, and it is stored and read again as it was."""
    found = check_bytes((BASE + text).encode(), name="acme.toml").document
    VALIDATOR.validate(tomllib.loads(BASE + text))
    assert from_json(to_json(found)) == found
    return found


def campaign(text: str, identifier: str = "spring") -> str:
    return f'[[campaigns]]\nid = "{identifier}"\n{NAMES}\n{text}\n'


def complaints(text: str) -> list[str]:
    with pytest.raises(CatalogueMistakes) as caught:
        document(text)
    return [mistake.reason for mistake in caught.value.mistakes]


def test_a_file_without_offers_has_none():
    found = document("")
    assert (found.campaigns, found.offers) == ((), Stacking())


def test_everything_a_campaign_may_say():
    text = """\
from = "2026-03-01"
until = "2026-03-31"
channels = ["web", "counter"]
products = ["credit", "data-1gb"]
customers = "returning"
minimum = 50
coupon = { code = "SPRING26", uses = 1 }
discount = { tiers = [{ from = 50, off = 5 }, { from = 100, off = "12.50" }] }
gift = { sku = "umbrella" }
points = 100
worth = 3
group = "seasonal"
order = 10
limits = { total = 1000, per_day = 50, per_person = 2, budget = 5000 }
[offers]
least_total = "0.10"
most = 2
points = { per = 1, worth = "0.01", step = 100, permille = 500 }
[offers.groups.seasonal]
take = "all"
order = 5
cap = 20
excludes = ["codes"]
[offers.groups.codes]
"""
    found = document(campaign(text))
    assert found.campaigns == (
        Campaign(
            "spring",
            {"zh_Hans": "春", "zh_Hant": "春", "en": "Spring"},
            starts=date(2026, 3, 1),
            ends=date(2026, 3, 31),
            channels=("web", "counter"),
            products=("credit", "data-1gb"),
            customers="returning",
            least_minor=5000,
            coupon=Coupon("SPRING26", None, 1),
            discount=Discount(tiers=(DiscountTier(5000, 500), DiscountTier(10000, 1250))),
            gift=Gift("umbrella"),
            points=100,
            worth_minor=300,
            group="seasonal",
            order=10,
            limits=Limits(1000, 50, 2, 500_000),
        ),
    )
    groups = (Group("seasonal", "all", 5, 2000, ("codes",)), Group("codes"))
    assert found.offers == Stacking(10, 2, groups, Points(100, 1, 100, 500_000))


@pytest.mark.parametrize(
    ("written", "discount"),
    [
        ("{ fixed = 5 }", Discount(fixed_minor=500)),
        ('{ permille = 100, cap = 10, rounding = "up" }', Discount(rate_ppm=100_000, cap_minor=1000, rounding="up")),
    ],
)
def test_a_discount_is_an_amount_or_a_rate(written, discount):
    assert document(campaign(f"minimum = 10\ndiscount = {written}")).campaigns[0].discount == discount


def test_a_day_may_stand_bare():
    content = BASE + campaign("from = 2026-03-01\npoints = 5")
    assert check_bytes(content.encode(), name="acme.toml").document.campaigns[0].starts == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", " gives nothing: it needs discount, grants, gift or points"),
        (
            'points = 1\nchannels = ["web", "agent"]',
            '.channels[2] must be one of web, link, counter, api, cli, kiosk, voice, sms, ussd, chat, not "agent"',
        ),
        ('points = 1\nfrom = "2026-02-30"', '.from must be a day such as 2026-03-01, not "2026-02-30"'),
        ("points = 1\nfrom = 2026-03-01T10:00:00", ".from must be a day such as 2026-03-01, not 2026-03-01 10:00:00"),
        ('points = 1\nfrom = "2026-03-02"\nuntil = "2026-03-01"', ".until is before from"),
        (
            "discount = { fixed = 5, permille = 10 }",
            ".discount has fixed and permille: it needs exactly one of fixed, tiers, permille",
        ),
        ("discount = { permille = 0 }", ".discount.permille must be above 0 and below 1000"),
        (
            "minimum = 10\ndiscount = { fixed = 5, cap = 3 }",
            ".discount.cap goes with permille only: the others say themselves how much",
        ),
        (
            "minimum = 5\ndiscount = { fixed = 5 }",
            " needs a minimum above 5, what it takes off: something is to be paid",
        ),
        (
            "discount = { tiers = [{ from = 50, off = 50 }] }",
            ".discount.tiers[1].off must be below its from: something is to be paid",
        ),
        (
            "discount = { tiers = [{ from = 50, off = 5 }, { from = 50, off = 6 }] }",
            ".discount.tiers[2].from must be above the from of the one before it",
        ),
        (
            "discount = { tiers = [{ from = 50, off = 5 }, { from = 60, off = 5 }] }",
            ".discount.tiers[2].off must be more than that of the tier before it",
        ),
        (
            "points = 1\nlimits = { budget = 5 }",
            ".limits.budget goes with a discount only: it limits what is taken off",
        ),
        (
            "minimum = 9\ndiscount = { fixed = 5 }\nworth = 3",
            ".worth goes with grants, gift or points: a discount is worth what it is",
        ),
        ('gift = { sku = "cup" }\nchannels = ["web"]', ".channels has no counter, where the gift would be handed over"),
        (
            'gift = { sku = "cup", sent_from = "Main Store" }',
            '.gift.sent_from must be a shop\'s id, not "Main Store"',
        ),
        *(
            (
                f'gift = {{ sku = "cup", until = "2026-03-31" }}{until}',
                ".gift.until is before the campaign's last day: it needs one, no later",
            )
            for until in ("", '\nuntil = "2026-04-01"')
        ),
        ("points = 1\ncoupon = {}", ".coupon has neither code nor prefix: it needs exactly one of code, prefix"),
        ('points = 1\ngroup = "x"', '.group is "x", which offers.groups does not have'),
        ('points = 1\nproducts = ["credit", "x"]', '.products[2] is "x", which is not on offer'),
    ],
)
def test_what_a_campaign_may_not_say(text, reason):  # the mistakes name places as an operator counts: from 1
    assert complaints(campaign(text)) == [f"campaigns[1]{reason}"]


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ('{ code = "AB12" }', '{ code = "AB12" }', 'coupon.code is "AB12"'),
        ('{ prefix = "AB12" }', '{ prefix = "AB12" }', 'coupon.prefix is "AB12"'),
        ('{ prefix = "AB12" }', '{ code = "AB12-3" }', 'coupon.code is "AB12-3"'),
        ('{ code = "AB12-3" }', '{ prefix = "AB12" }', 'coupon.prefix is "AB12"'),
    ],
)
def test_a_code_leads_to_one_campaign(first, second, reason):
    text = campaign(f"points = 1\ncoupon = {first}") + campaign(f"points = 1\ncoupon = {second}", "other")
    assert complaints(text) == [f"campaigns[2].{reason}, which leads to spring already"]


def test_campaigns_have_ids_of_their_own():
    assert complaints(2 * campaign("points = 1")) == ['campaigns[2].id is "spring" a second time']


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[offers.groups.a]\nexcludes = ["b"]', 'offers.groups.a.excludes names "b", which is no group'),
        ('[offers.groups.a]\nexcludes = ["a"]', "offers.groups.a.excludes names the group itself"),
        ("[offers]\npoints = {}", "offers.points says nothing: it needs per, worth or both"),
        ("[offers]\npoints = { worth = 1, permille = 1001 }", "offers.points.permille must be 1000 at most"),
        ("[offers]\nmost = 5", "offers.most must be a whole number from 1 to 4, not 5"),
    ],
)
def test_what_may_not_be_said_of_how_they_go_together(text, reason):
    assert complaints(text) == [reason]
