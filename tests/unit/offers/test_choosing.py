"""Which offers apply to a price, what they come to, and why the others do not."""

from datetime import UTC, date, datetime

import pytest

from tests.support.offers import NAMES, NOW, asking, book, written
from topup.catalogue.campaigns import Campaign, Coupon, Discount, DiscountTier, Gift, Group, Limits, Points, Stacking
from topup.catalogue.pricing import LineType
from topup.kernel.money import Money
from topup.offers.answers import Offer, Reason
from topup.offers.book import Books
from topup.offers.choosing import choose
from topup.offers.combining import MOST_CANDIDATES
from topup.offers.facts import MOST_CODES, Code, Uses, normalised, without_gifts

ALL = Stacking(groups=(Group("all", "all"),))


def offer(identifier: str = "spring", off_minor: int = 500, **facts) -> Campaign:
    """A campaign that takes off so much, and goes together with all of its kind."""
    fields = {"discount": Discount(fixed_minor=off_minor), "group": "all"} | facts
    return Campaign(identifier, NAMES, **fields)


def applied(found: Offer) -> dict[str, int]:
    return {one.campaign.id: one.off_minor for one in found.applied}


def reasons(found: Offer) -> dict[str, tuple[Reason, dict]]:
    return {one.campaign_id: (one.reason, dict(one.parameters)) for one in found.verdicts}


@pytest.mark.parametrize(
    ("discount", "price", "off"),
    [
        (Discount(fixed_minor=500), 5000, 500),
        (Discount(rate_ppm=100_000), 5005, 500),
        (Discount(rate_ppm=100_000, rounding="up"), 5005, 501),
        (Discount(rate_ppm=100_000, cap_minor=300), 5000, 300),
        (Discount(tiers=(DiscountTier(5000, 500), DiscountTier(10_000, 1200))), 9999, 500),
        (Discount(tiers=(DiscountTier(5000, 500), DiscountTier(10_000, 1200))), 10_000, 1200),
    ],
)
def test_a_discount_is_an_amount_a_rate_with_a_cap_or_goes_by_tiers(discount, price, off):
    found = choose(book([offer(discount=discount)], ALL), asking(price))
    assert applied(found) == {"spring": off}
    assert found.total == Money(price - off, "CNY")
    [line] = found.lines
    assert (line.type, line.amount.amount_minor, line.parameters) == (LineType.DISCOUNT, -off, {"name": NAMES})


def test_percentages_are_of_what_the_offers_before_left_and_minimums_of_the_whole_price():
    offers = [
        offer("first", 1000, order=1),
        offer("then", discount=Discount(rate_ppm=100_000), order=2, least_minor=5000),
    ]
    assert applied(choose(book(offers, ALL), asking(5000))) == {"first": 1000, "then": 400}


def test_nobody_pays_less_than_the_least_total():
    stacking = Stacking(least_total_minor=100, groups=ALL.groups)
    found = choose(book([offer("a", 4000), offer("b", 4000)], stacking), asking(5000))
    assert applied(found) == {"a": 4000, "b": 900}
    assert found.total == Money(100, "CNY")


def test_a_campaign_without_a_group_goes_with_no_other():
    found = choose(book([offer("alone", 900, group=None), offer("a", 500), offer("b", 500)], ALL), asking())
    assert applied(found) == {"a": 500, "b": 500}
    assert reasons(found)["alone"] == (Reason.OUTDONE, {"others": (NAMES,)})


def test_of_an_exclusive_group_one_applies_and_of_groups_that_exclude_each_other():
    stacking = Stacking(groups=(Group("one"), Group("all", "all"), Group("never", excludes=("all",))))
    offers = [offer("small", 300, group="one"), offer("large", 400, group="one"), offer("more", 200)]
    assert applied(choose(book(offers, stacking), asking())) == {"large": 400, "more": 200}
    alone = offer("apart", 700, group="never")
    assert applied(choose(book([*offers, alone], stacking), asking())) == {"large": 400, "apart": 700}
    both = Stacking(groups=(Group("all", "all", 1), Group("never", order=2, excludes=("all",))))
    other_way = Stacking(groups=(Group("all", "all", 2), Group("never", order=1, excludes=("all",))))
    for one in (both, other_way):
        assert len(choose(book([offer("more", 200), alone], one), asking()).applied) == 1


def test_a_group_takes_off_its_cap_at_most():
    stacking = Stacking(groups=(Group("all", "all", cap_minor=700),))
    found = choose(book([offer("a", 500), offer("b", 500), offer("c", 500)], stacking), asking())
    assert applied(found) == {"a": 500, "b": 200}


def test_no_more_apply_than_the_file_allows():
    found = choose(book([offer(name, 100) for name in "abcd"], Stacking(most=2, groups=ALL.groups)), asking())
    assert applied(found) == {"a": 100, "b": 100}


def test_what_is_declared_of_grants_and_gifts_counts_where_offers_compete():
    gift = Campaign("gift", NAMES, gift=Gift("umbrella"), worth_minor=600)
    assert applied(choose(book([offer("money", 500, group=None), gift]), asking())) == {"gift": 0}
    dear = offer("money", 601, group=None)
    assert applied(choose(book([dear, gift]), asking())) == {"money": 601}


@pytest.mark.parametrize(
    ("facts", "wanted", "reason", "parameters"),
    [
        ({"starts": date(2026, 3, 16)}, {}, Reason.NOT_YET, {"day": date(2026, 3, 16)}),
        ({"ends": date(2026, 3, 14)}, {}, Reason.OVER, {"day": date(2026, 3, 14)}),
        ({"channels": ("counter",)}, {}, Reason.CHANNEL, {}),
        ({"products": ("data-1gb",)}, {}, Reason.PRODUCT, {}),
        ({"products": ("credit",)}, {"product": "data-1gb"}, Reason.PRODUCT, {}),
        ({"customers": "first"}, {"top_ups_before": 1}, Reason.FIRST_ONLY, {}),
        ({"customers": "first"}, {"top_ups_before": None}, Reason.FIRST_ONLY, {}),
        ({"customers": "returning"}, {"top_ups_before": 0}, Reason.RETURNING_ONLY, {}),
        ({"least_minor": 5001}, {}, Reason.BELOW_MINIMUM, {"minimum": Money(5001, "CNY")}),
        ({"coupon": Coupon("AB12")}, {}, Reason.CODE_NEEDED, {}),
        ({"coupon": Coupon("AB12", uses=2)}, {"codes": (Code("AB12", 2),)}, Reason.CODE_USED_UP, {}),
        ({"coupon": Coupon("AB12", uses=2)}, {"codes": (Code("AB12", 2, held=1),)}, Reason.CODE_HELD, {}),
        ({}, {"uses": {"spring": Uses(stopped=True)}}, Reason.STOPPED, {}),
        ({"limits": Limits(total=3)}, {"uses": {"spring": Uses(total=3)}}, Reason.USED_UP, {}),
        ({"limits": Limits(per_day=3)}, {"uses": {"spring": Uses(today=3)}}, Reason.USED_UP_TODAY, {}),
        ({"limits": Limits(per_person=3)}, {"uses": {"spring": Uses(person=3)}}, Reason.PERSON_LIMIT, {"times": 3}),
        (
            {"limits": Limits(per_person=3)},
            {"uses": {"spring": Uses(person=3, person_held=1)}},
            Reason.PERSON_HELD,
            {"times": 3},
        ),
        ({"limits": Limits(budget_minor=900)}, {"uses": {"spring": Uses(off_minor=401)}}, Reason.BUDGET_USED_UP, {}),
        ({"gift": Gift("cup", 2)}, {"gifts": {("", "cup"): 1}}, Reason.NO_GIFT, {}),
        ({"gift": Gift("cup")}, {"gifts": {("store", "cup"): 1}}, Reason.NO_GIFT, {}),
        ({"gift": Gift("cup", sent_from="store")}, {"gifts": {("", "cup"): 1}}, Reason.NO_GIFT, {}),
        ({"gift": Gift("cup")}, {"without": frozenset({"gifts"})}, Reason.NOT_GIVEN_HERE, {}),
        (
            {"gift": Gift("cup", sent_from="store")},
            {"without": frozenset({"sent_gifts"})},
            Reason.NOT_GIVEN_HERE,
            {},
        ),
        ({"discount": Discount(rate_ppm=100)}, {"price_minor": 99}, Reason.GIVES_NOTHING, {}),
    ],
)
def test_why_a_campaign_does_not_apply(facts, wanted, reason, parameters):
    found = choose(book([offer(**facts)], ALL), asking(**wanted), thorough=True)
    assert (applied(found), reasons(found)) == ({}, {"spring": (reason, parameters)})


@pytest.mark.parametrize(
    ("limits", "uses"),
    [
        (Limits(total=3), Uses(total=2)),
        (Limits(per_day=3), Uses(today=2)),
        (Limits(per_person=3), Uses(person=2)),
        (Limits(budget_minor=900), Uses(off_minor=400)),
    ],
)
def test_the_last_of_a_limit_is_given(limits, uses):
    assert applied(choose(book([offer(limits=limits)], ALL), asking(uses={"spring": uses}))) == {"spring": 500}


@pytest.mark.parametrize(
    ("moment", "does"),
    [
        (datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 2, 28, 16, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 31, 16, 0, tzinfo=UTC), False),
    ],
)
def test_days_are_those_of_the_lines_zone_the_last_one_included(moment, does):
    march = offer(starts=date(2026, 3, 1), ends=date(2026, 3, 31))
    assert bool(choose(book([march], ALL), asking(now=moment)).applied) is does


def test_the_last_day_ends_when_it_ends_where_the_line_is():
    assert choose(book([offer(ends=date(2026, 3, 15))], ALL), asking(now=NOW)).applied


def coupons() -> list[Campaign]:
    return [
        offer("word", 500, coupon=Coupon("SPRING26")),
        offer("own", 300, coupon=Coupon(prefix="MEMBER"), customers="first"),
    ]


def test_a_code_leads_to_its_campaign_and_is_told_why_it_does_not_count():
    codes = (Code("SPRING26"), Code("MEMBER-1", made=True), Code("MEMBER-2"), Code("NONE"))
    found = choose(book(coupons(), ALL), asking(codes=codes, top_ups_before=1))
    assert [(one.code, one.reason, one.campaign_id) for one in found.codes] == [
        ("SPRING26", Reason.APPLIED, "word"),
        ("MEMBER-1", Reason.FIRST_ONLY, "own"),
        ("MEMBER-2", Reason.CODE_UNKNOWN, None),
        ("NONE", Reason.CODE_UNKNOWN, None),
    ]
    assert [(one.campaign.id, one.code) for one in found.applied] == [("word", "SPRING26")]


def test_one_code_of_a_campaign_counts_the_first_that_may_still_be_used():
    codes = tuple(Code(f"MEMBER-{number}", uses=number == 1, made=True) for number in (1, 2, 3))
    found = choose(book(coupons(), ALL), asking(codes=codes, top_ups_before=0))
    assert [one.reason for one in found.codes] == [Reason.CODE_USED_UP, Reason.APPLIED, Reason.CODE_IDLE]


def test_more_codes_than_one_may_enter_are_not_looked_at():
    codes = (*(Code(f"X{number}") for number in range(MOST_CODES)), Code("SPRING26"))
    found = choose(book(coupons(), ALL), asking(codes=codes))
    assert (found.applied, found.codes[-1].reason) == ((), Reason.CODE_IDLE)


def test_a_payer_does_not_learn_of_codes_that_were_not_entered():
    found = choose(book(coupons(), ALL), asking())
    assert found.verdicts == ()
    assert {one.campaign_id for one in choose(book(coupons(), ALL), asking(), thorough=True).verdicts} == {
        "word",
        "own",
    }


def test_codes_are_compared_without_spaces_and_in_capitals():
    assert normalised(" spring 26\n") == "SPRING26"


def test_points_pay_in_steps_up_to_a_share_of_what_is_left_and_are_earned_on_what_is_paid():
    stacking = Stacking(groups=ALL.groups, points=Points(per_minor=100, worth_minor=1, step=100, most_ppm=500_000))
    found = choose(book([offer(off_minor=1000, points=7)], stacking), asking(points=3000, spend=2550))
    assert (found.points.spent, found.points.spent_minor, found.total) == (2000, 2000, Money(2000, "CNY"))
    assert found.earned == 20 + 7
    assert [line.label_id for line in found.lines] == ["line_discount", "line_points"]
    assert choose(book([], stacking), asking(points=150, spend=999)).points.spent == 100
    assert choose(book([], Stacking()), asking(points=150, spend=150)).points.spent == 0


def test_grants_come_with_their_shares_worked_out_and_gifts_are_named():
    campaign = """
[[campaigns]]
id = "more"
names = { zh_Hans = "送", zh_Hant = "送", en = "More" }
grants = [{ asset = "DATA", amount = "1 GiB" }, { asset = "CREDIT", permille = 100, kind = "bonus" }]
gift = { sku = "umbrella", quantity = 2 }
"""
    found = choose(written(campaign), asking(5000))
    assert [(grant.asset, grant.amount) for grant in found.grants] == [("DATA", 2**30), ("CNY", 500)]
    assert found.gifts == (Gift("umbrella", 2),)
    assert (found.total, found.lines) == (Money(5000, "CNY"), ())


def test_a_gift_that_is_sent_asks_for_no_counter():
    sent = offer("sent", gift=Gift("cup", sent_from="store"), discount=None)
    free = {("store", "cup"): 1}
    assert applied(choose(book([sent], ALL), asking(gifts=free, without=without_gifts("web")))) == {"sent": 0}
    fetched = offer("fetched", gift=Gift("cup"), discount=None)
    assert applied(choose(book([fetched], ALL), asking(gifts=free, without=without_gifts("web")))) == {}


def test_one_thing_is_handed_over_or_sent_from_one_place_never_both():
    ways = [Gift("cup"), Gift("cup", sent_from="store"), Gift("cup", sent_from="other")]
    offers = [offer(f"c{place}", gift=gift, discount=None, worth_minor=place) for place, gift in enumerate(ways)]
    found = choose(book(offers, ALL), asking())
    assert applied(found) == {"c2": 0}
    assert {reason for name, (reason, _) in reasons(found).items() if name != "c2"} == {Reason.OUTDONE}


def test_past_the_bound_those_compete_that_could_give_most():
    many = [offer(f"c{number:02}", 100 + number, group=None) for number in range(MOST_CANDIDATES + 1)]
    found = choose(book(many), asking())
    assert applied(found) == {"c16": 116}
    assert reasons(found)["c00"] == (Reason.BEYOND, {})
    assert reasons(found)["c01"][0] is Reason.OUTDONE


def test_the_book_of_a_version_is_made_once():
    books, carrier = Books(most=1), book([offer()], ALL).carrier
    assert books.of(carrier) is books.of(carrier)
    other = book([], ALL).carrier
    assert books.of(other).carrier is other
