"""The best choice, held against a slow one that tries every set; and what no choice may ever do."""

from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.offers import NAMES, asking, book
from tests.support.offers_model import Model
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
from topup.offers.answers import PointsReason, Reason
from topup.offers.choosing import choose
from topup.offers.contending import Ranks
from topup.offers.facts import Code, Uses

IDS = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu")
MONEY = st.integers(1, 3000)


def maybe(strategy):
    return st.none() | strategy


TIERS = st.lists(st.tuples(st.integers(1, 6000), MONEY), min_size=1, max_size=3, unique_by=lambda tier: tier[0]).map(
    lambda tiers: tuple(
        DiscountTier(start, sum(off for _, off in sorted(tiers)[: place + 1]))
        for place, (start, _) in enumerate(sorted(tiers))
    )
)
DISCOUNTS = st.one_of(
    MONEY.map(lambda amount: Discount(fixed_minor=amount)),
    TIERS.map(lambda tiers: Discount(tiers=tiers)),
    st.builds(
        Discount,
        rate_ppm=st.sampled_from([1000, 50_000, 123_456, 500_000, 999_000]),
        cap_minor=maybe(MONEY),
        rounding=st.sampled_from(["up", "down", "half_up", "half_even"]),
    ),
)
DAYS = maybe(st.sampled_from([date(2026, 3, 14), date(2026, 3, 15), date(2026, 3, 16)]))
LIMITS = st.builds(
    Limits,
    total=maybe(st.integers(1, 3)),
    per_day=maybe(st.integers(1, 3)),
    per_person=maybe(st.integers(1, 3)),
    budget_minor=maybe(MONEY),
)
USES = st.builds(
    Uses,
    total=st.integers(0, 3),
    today=st.integers(0, 3),
    person=st.integers(0, 3),
    off_minor=st.integers(0, 3000),
    stopped=st.sampled_from([False, False, False, True]),
)
GROUPS = st.tuples(
    st.builds(
        Group,
        st.just("one"),
        st.just("one"),
        st.integers(0, 2),
        maybe(MONEY),
        st.sampled_from([(), (), ("all",)]),
    ),
    st.builds(Group, st.just("all"), st.just("all"), st.integers(0, 2), maybe(MONEY), st.just(())),
    st.builds(Group, st.just("more"), st.just("all"), st.integers(0, 2), st.none(), st.sampled_from([(), ("one",)])),
)
STACKING = st.builds(
    Stacking,
    least_total_minor=st.sampled_from([1, 100, 4000]),
    most=st.integers(1, 4),
    groups=GROUPS,
    points=maybe(
        st.builds(
            Points,
            per_minor=maybe(st.integers(1, 500)),
            worth_minor=maybe(st.integers(1, 20)),
            step=st.sampled_from([1, 7, 100]),
            most_ppm=st.sampled_from([0, 300_000, 1_000_000]),
            least=st.sampled_from([1, 1, 50, 120]),
            most=maybe(st.sampled_from([60, 200, 1000])),
        )
    ),
)
OPEN = st.builds(
    Campaign,
    id=st.just(""),
    names=st.just(NAMES),
    starts=DAYS,
    ends=DAYS,
    channels=st.sampled_from([(), (), ("web",), ("counter", "api")]),
    products=st.sampled_from([(), (), ("credit",), ("data-1gb",)]),
    customers=st.sampled_from(["all", "all", "first", "returning"]),
    least_minor=st.sampled_from([0, 0, 1000, 5000]),
    discount=maybe(DISCOUNTS),
    gift=maybe(
        st.builds(Gift, st.just("umbrella"), st.integers(1, 2), sent_from=st.sampled_from([None, None, "store"]))
    ),
    points=st.sampled_from([0, 0, 50]),
    worth_minor=st.sampled_from([0, 0, 300]),
    group=st.sampled_from([None, "one", "all", "all", "more"]),
    order=st.integers(0, 2),
    limits=LIMITS,
)
"""Of any shape, also of some that a file may not have: they must do no harm either."""


@st.composite
def campaigns(draw, most=6):
    found = []
    for identifier in IDS[: draw(st.integers(0, most))]:
        coupon = draw(
            st.sampled_from([None, None, Coupon(code=identifier.upper()), Coupon(prefix=identifier.upper(), uses=None)])
        )
        found.append(replace(draw(OPEN), id=identifier, coupon=coupon))
    return found


CODES = st.lists(
    st.builds(
        Code,
        st.sampled_from([*(name.upper() for name in IDS), *(f"{name.upper()}-1" for name in IDS), "NONE"]),
        st.integers(0, 1),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda code: code.text,
).map(tuple)
ASKING = st.builds(
    asking,
    st.sampled_from([1, 99, 1000, 2000, 5000, 10_000]) | st.integers(1, 12_000),
    product=st.sampled_from([None, "data-1gb"]),
    channel=st.sampled_from(["web", "counter"]),
    top_ups_before=maybe(st.integers(0, 2)),
    codes=CODES,
    points=st.integers(0, 500),
    spend=st.integers(0, 500),
    uses=st.dictionaries(st.sampled_from(IDS), USES, max_size=4),
    gifts=maybe(
        st.dictionaries(st.sampled_from([("", "umbrella"), ("store", "umbrella")]), st.sampled_from([1, 3]), max_size=2)
    ),
    without=st.sampled_from([frozenset(), frozenset(), frozenset({"gifts"}), frozenset({"sent_gifts"})]),
)


@given(campaigns(), STACKING, ASKING)
@settings(max_examples=150)
def test_the_choice_is_the_one_that_trying_every_set_finds(offered, stacking, wanted):
    found = choose(book(offered, stacking), wanted)
    model = Model(offered, stacking)
    expected = model.best(wanted)
    assert {one.campaign.id: one.off_minor for one in found.applied} == expected
    left = wanted.price.amount_minor - sum(expected.values())
    points = found.points
    assert (points.spent, points.spent_minor) == model.points(wanted, left)
    # Whoever offers all they have spends what was said they could.
    everything = replace(wanted, spend=wanted.points)
    assert (points.could, points.could_minor) == model.points(everything, left)
    assert choose(book(offered, stacking), everything).points.spent == points.could
    assert found.earned == model.earned(left - points.spent_minor, expected)
    assert (points.reason is PointsReason.SPENT) == (points.spent > 0)
    if not points.could:
        assert points.reason in {
            PointsReason.NOT_HERE,
            PointsReason.NONE,
            PointsReason.TOO_FEW,
            PointsReason.PRICE_TOO_LOW,
        }
        assert points.reason is not PointsReason.TOO_FEW or wanted.points > 0, "who has none is told of no least"


MANY = st.tuples(st.integers(0, 60), st.tuples(OPEN, OPEN, OPEN)).map(
    lambda drawn: [
        replace(drawn[1][place % 3], id=f"{IDS[place % 7]}-{place}", worth_minor=place * 7 % 11)
        for place in range(drawn[0])
    ]
)


@given(campaigns(), MANY, STACKING, ASKING, st.data())
@settings(max_examples=60, deadline=None)
def test_knowing_what_is_taken_of_the_contenders_is_as_good_as_knowing_all(offered, many, stacking, wanted, data):
    held = book([*offered, *many], stacking)
    taken = data.draw(st.dictionaries(st.sampled_from([entry.campaign.id for entry in held.entries] or [""]), USES))
    ranks, asked, ahead = Ranks(held), replace(wanted, uses={}), data.draw(st.integers(1, 3))
    while unknown := ranks.unknown(asked, ahead=ahead):
        asked = replace(asked, uses=asked.uses | {name: taken.get(name, Uses()) for name in unknown})
    few, whole = choose(held, asked, among=ranks.contenders(asked)), choose(held, replace(wanted, uses=taken))
    assert replace(few, verdicts=()) == replace(whole, verdicts=())
    assert all(one in whole.verdicts for one in few.verdicts if one.reason is Reason.APPLIED)


def test_what_goes_together_with_the_best_is_found_behind_all_that_do_not_and_behind_what_is_used_up():
    """Twenty are worth more than the last and go with no other of theirs; the first ten of them are used up."""
    rivals = [
        Campaign(f"rival-{place:02}", NAMES, discount=Discount(fixed_minor=900 - place), group="one")
        for place in range(20)
    ]
    beside = Campaign("beside", NAMES, discount=Discount(fixed_minor=5), group="all")
    held = book([*rivals, beside], Stacking(groups=(Group("one"), Group("all", "all"))))
    ranks, asked = Ranks(held), asking(5000, uses={})
    stopped = {one.id: Uses(stopped=True) for one in rivals[:10]}
    while unknown := ranks.unknown(asked):
        asked = replace(asked, uses=asked.uses | {name: stopped.get(name, Uses()) for name in unknown})
    found = choose(held, asked, among=ranks.contenders(asked))
    assert {one.campaign.id: one.off_minor for one in found.applied} == {"rival-10": 890, "beside": 5}


@given(campaigns(), STACKING, ASKING)
def test_nobody_pays_less_than_the_least_or_more_than_the_price_and_no_limit_is_passed(offered, stacking, wanted):
    found = choose(book(offered, stacking), wanted)
    price, total = wanted.price.amount_minor, found.total.amount_minor
    assert min(price, stacking.least_total_minor) <= total <= price
    assert total == price + sum(line.amount.amount_minor for line in found.lines)
    assert len(found.applied) <= stacking.most
    for one in found.applied:
        uses, limits = wanted.uses.get(one.campaign.id, Uses()), one.campaign.limits
        assert limits.total is None or uses.total + 1 <= limits.total
        assert limits.per_day is None or uses.today + 1 <= limits.per_day
        assert limits.per_person is None or uses.person + 1 <= limits.per_person
        assert limits.budget_minor is None or uses.off_minor + one.off_minor <= limits.budget_minor
    assert found.points.spent <= min(wanted.spend, wanted.points)


@given(campaigns(), STACKING, ASKING, OPEN)
def test_a_campaign_that_does_not_apply_changes_nothing(offered, stacking, wanted, other):
    without = choose(book(offered, stacking), wanted)
    over = replace(other, id="zebra", ends=date(2026, 1, 1))
    assert choose(book([*offered, over], stacking), wanted) == without


@given(campaigns().flatmap(lambda offered: st.tuples(st.just(offered), st.permutations(offered))), STACKING, ASKING)
def test_the_order_of_the_file_changes_nothing(offered, stacking, wanted):
    first, second = offered
    assert choose(book(first, stacking), wanted) == choose(book(second, stacking), wanted)


@given(campaigns(), STACKING, ASKING)
def test_each_campaign_and_each_code_has_its_reason(offered, stacking, wanted):
    found = choose(book(offered, stacking), wanted, thorough=True)
    reasons = {verdict.campaign_id: verdict.reason for verdict in found.verdicts}
    assert reasons.keys() == {one.id for one in offered}
    applied = {one.campaign.id for one in found.applied}
    assert {identifier for identifier, reason in reasons.items() if reason is Reason.APPLIED} == applied
    assert [verdict.code for verdict in found.codes] == [code.text for code in wanted.codes]
    assert {one.code for one in found.applied if one.campaign.coupon} == {
        verdict.code for verdict in found.codes if verdict.reason is Reason.APPLIED
    }
    model = Model(offered, stacking)
    competing = {Reason.APPLIED, Reason.OUTDONE, Reason.GIVES_NOTHING, Reason.BUDGET_USED_UP}
    for one in offered:
        if model.applies(one, wanted):
            assert reasons[one.id] in competing
        else:
            assert reasons[one.id] not in competing - {Reason.BUDGET_USED_UP}


@given(campaigns(), STACKING, ASKING)
def test_what_a_payer_is_told_is_what_the_operator_is_told(offered, stacking, wanted):
    told = choose(book(offered, stacking), wanted)
    whole = choose(book(offered, stacking), wanted, thorough=True)
    assert replace(whole, verdicts=told.verdicts) == told
    assert all(one in whole.verdicts for one in told.verdicts)
    hidden = {one.campaign_id for one in whole.verdicts} - {one.campaign_id for one in told.verdicts}
    assert not hidden & {one.campaign.id for one in told.applied}
    assert Reason.CODE_NEEDED not in {one.reason for one in told.verdicts}
