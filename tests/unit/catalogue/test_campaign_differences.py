"""What differs between two versions' offers: in words, and for better or worse where that can be told."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.campaigns import Campaign, Coupon, Discount, DiscountTier
from topup.catalogue.checking import check_bytes
from topup.catalogue.publishing.campaign_tones import gained
from topup.catalogue.publishing.differences import Group, Tone, differences
from topup.channels.console.differing import Words
from topup.offers.book import ALONE, Entry
from topup.platform.i18n import LOCALES

TEXT = (Path(__file__).parents[3] / "examples" / "offers.toml").read_text(encoding="utf-8")
NAMES = {"zh_Hans": "春", "zh_Hant": "春", "en": "Spring"}
PLAIN = Campaign("spring", NAMES, discount=Discount(fixed_minor=500), least_minor=1000)


def told(*pairs: tuple[str, str]):
    text = TEXT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return differences(check_bytes(TEXT.encode(), name="was.toml"), check_bytes(text.encode(), name="is.toml"))


@pytest.mark.parametrize(
    ("old", "new", "tone"),
    [
        ("discount = { fixed = 8 }", "discount = { fixed = 9 }", Tone.BETTER),
        ("discount = { fixed = 8 }", "discount = { fixed = 7 }", Tone.WORSE),
        ("{ from = 50, off = 3 }, ", "", Tone.WORSE),
        ("permille = 50, cap = 10", "permille = 60, cap = 10", Tone.BETTER),
        ("permille = 50, cap = 10", "permille = 60, cap = 9", Tone.EITHER),
        ('until = "2026-03-31"', 'until = "2026-04-30"', Tone.BETTER),
        ('customers = "first"\n', "", Tone.BETTER),
        ('channels = ["counter"]', 'channels = ["counter", "kiosk"]', Tone.BETTER),
        ('products = ["data-10gb-30d"]', 'products = ["credit"]', Tone.EITHER),
        ('{ sku = "umbrella" }', '{ sku = "umbrella", quantity = 2 }', Tone.BETTER),
        ('{ sku = "umbrella" }', '{ sku = "umbrella", until = "2026-12-31" }\nuntil = "2026-12-30"', Tone.EITHER),
        ('{ sku = "umbrella" }', '{ sku = "mug" }', Tone.EITHER),
        ("total = 10000, ", "", Tone.BETTER),
        ("budget = 50000", "budget = 40000", Tone.WORSE),
        ('coupon = { code = "RADIO5" }\n', "", Tone.BETTER),
        ("worth = 15", "worth = 20", Tone.EITHER),
    ],
)
def test_a_change_is_better_or_worse_for_customers_where_that_can_be_told(old, new, tone):
    [found] = told((old, new))
    assert (found.group, found.says, found.tone) == (Group.OFFERS, "campaign_changed", tone)


def test_campaigns_come_go_get_other_names_and_another_order():
    came, went = told(('id = "welcome"', 'id = "hello"'))
    assert [(one.says, one.tone) for one in (came, went)] == [
        ("campaign_added", Tone.BETTER),
        ("campaign_gone", Tone.WORSE),
    ]
    [named] = told(('en = "Radio coupon"', 'en = "Radio voucher"'))
    assert (named.says, named.about["before"]["en"]) == ("campaign_words", "Radio coupon")
    first, second = TEXT.index("# Data on top"), TEXT.index("# A gift at the counter")
    [order] = told((TEXT[first:], TEXT[second:] + "\n" + TEXT[first:second]))
    assert order.says == "campaigns_order"


def test_how_offers_go_together_is_told_by_its_key_among_offers():
    [found] = told(("most = 3", "most = 2"))
    assert (found.group, found.about["key"]) == (Group.OFFERS, "offers.most")


@pytest.mark.parametrize("locale", LOCALES)
def test_both_sides_say_only_what_differs(locale):
    document = check_bytes(TEXT.encode(), name="x").document
    [section] = Words(locale, document).sections(told(("budget = 50000", "budget = 40000"), ("off = 25", "off = 26")))
    [row] = section.rows
    assert [len(side) for side in (row.before, row.after)] == [2, 2]
    assert "50,000" in " ".join(row.before)
    assert "40,000" in " ".join(row.after)
    [section] = Words(locale, document).sections(told(('id = "umbrella"', 'id = "other"')))
    came, went = section.rows
    assert (came.before, went.after) == ([], [])
    assert came.after == went.before
    assert "umbrella" in " ".join(came.after)
    [section] = Words(locale, document).sections(told(('kind = "promo"', 'kind = "bonus"')))
    assert len(section.rows[0].after) == 2, "a detail that no sentence tells differs too"


DISCOUNTS = st.one_of(
    st.none(),
    st.integers(1, 99).map(lambda off: Discount(fixed_minor=off)),
    st.lists(st.integers(1, 99), min_size=1, max_size=3, unique=True).map(
        lambda prices: Discount(
            tiers=tuple(DiscountTier(100 * price, price + place) for place, price in enumerate(sorted(prices)))
        )
    ),
    st.builds(Discount, rate_ppm=st.integers(1, 999_999), cap_minor=st.none() | st.integers(1, 500)),
)


@given(DISCOUNTS, DISCOUNTS, st.integers(1, 12_000))
def test_what_is_called_better_takes_off_no_less_at_any_price(old, new, price):
    was, is_ = replace(PLAIN, discount=old), replace(PLAIN, discount=new)
    step = gained(was, is_)
    before, after = (Entry(one, None, None, ALONE, 0).off_minor(price, price) for one in (was, is_))
    if step is not None:
        assert (after - before) * step >= 0
    if step == 0:
        assert before == after


COUPONS = st.none() | st.builds(Coupon, code=st.sampled_from(["A", "B"]), uses=st.none() | st.integers(1, 2))
CAMPAIGNS = st.builds(
    replace,
    st.just(PLAIN),
    discount=DISCOUNTS,
    channels=st.sampled_from([(), ("web",), ("web", "sms"), ("sms",)]),
    customers=st.sampled_from(["all", "first", "returning"]),
    coupon=COUPONS,
    points=st.integers(0, 2),
)


@given(CAMPAIGNS, CAMPAIGNS)
def test_what_is_better_one_way_is_worse_the_other(one, other):
    there, back = gained(one, other), gained(other, one)
    assert (there is None) == (back is None)
    assert there is None or there == -back
    assert gained(one, one) == 0
