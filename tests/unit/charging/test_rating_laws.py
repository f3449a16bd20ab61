"""What holds of every usage, whatever the rate, the line's clocks, and what was granted."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.rating import LONDON, SHANGHAI, money, rated
from topup.catalogue.rates import WEEKDAYS, Period, Rate
from topup.charging.rating import Allowance, LineFacts, Rating, Usage, serves

ZONES = st.sampled_from([SHANGHAI, LONDON, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")])
PRICES = st.decimals(0, 200, places=4).map(Decimal.normalize)
PERIODS = st.builds(
    Period,
    st.sampled_from(["peak", "off_peak"]),
    st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(tuple),
    st.integers(0, 1439),
    st.integers(0, 1440),
    PRICES,
)
RATES = st.builds(
    Rate,
    id=st.just("v"),
    service=st.just("voice"),
    zone=st.just("home"),
    first=st.sampled_from([1, 6, 30, 60, 180]),
    further=st.sampled_from([1, 6, 7, 60]),
    price_minor=PRICES,
    per=st.sampled_from([1, 60, 7]),
    connection_fee_minor=st.integers(0, 50),
    periods=st.lists(PERIODS, max_size=3).map(tuple),
    daily_cap_minor=st.none() | st.integers(0, 5000),
    remainder=st.sampled_from(["up", "down", "half_up"]),
)
# Around the days on which clocks are changed, so that many calls go over such a change.
BEGINNINGS = st.builds(
    lambda day, second: datetime(2026, *day, tzinfo=UTC) + timedelta(seconds=second, microseconds=second % 3),
    st.sampled_from([(3, 8), (3, 29), (4, 4), (10, 4), (10, 25), (11, 1), (6, 15)]),
    st.integers(0, 86_400),
)
ENDS = st.none() | BEGINNINGS
ALLOWANCES = st.lists(
    st.builds(
        Allowance,
        st.uuids().map(str),
        st.sampled_from(["VOICE", "VOICE", "DATA"]),
        st.integers(0, 5000),
        st.sampled_from(["any", "voice", "sms", "voice@home", "@roaming"]),
        ENDS,
    ),
    max_size=4,
).map(tuple)
SECONDS = st.integers(0, 40_000)
CALLS = st.builds(Usage, st.just("voice"), SECONDS, BEGINNINGS, st.just("CN"), st.just("+8613900139000"))
LINES = st.builds(LineFacts, ZONES, st.just("CNY"))


def by_day(*ratings: Rating) -> dict[date, int]:
    found: dict[date, int] = {}
    for rating in ratings:
        for part in rating.charges:
            if part.bucket_id is None:
                found[part.day] = found.get(part.day, 0) + part.amount
    return found


def used(*ratings: Rating) -> dict[str, int]:
    found: dict[str, int] = {}
    for rating in ratings:
        for part in rating.charges:
            if part.bucket_id is not None:
                found[part.bucket_id] = found.get(part.bucket_id, 0) + part.amount
    return found


def less(allowances: Iterable[Allowance], taken: dict[str, int]) -> tuple[Allowance, ...]:
    return tuple(replace(each, amount=each.amount - taken.get(each.bucket_id, 0)) for each in allowances)


@given(RATES, CALLS, LINES, ALLOWANCES)
def test_nothing_is_ever_negative_and_every_step_is_accounted_for(tariff, usage, line, allowances):
    found = rated(tariff, usage, *allowances, line=line)
    assert all(part.amount >= 0 and part.exact >= 0 and part.quantity >= 0 for part in found.charges)
    assert all(free.quantity >= 0 and free.waived >= 0 for free in found.free)
    paid = sum(part.quantity for part in found.charges)
    assert paid <= found.counted <= paid + sum(free.quantity for free in found.free)
    assert found.counted == tariff.counted(usage.quantity) >= usage.quantity


@given(RATES, CALLS, LINES, ALLOWANCES, st.lists(SECONDS, max_size=4))
def test_a_usage_rated_in_pieces_costs_what_it_costs_in_one(tariff, usage, line, allowances, cuts):
    whole = rated(tariff, usage, *allowances, line=line)
    found: list[Rating] = []
    before, carried = 0, None
    ends = {end for cut in cuts for end in (cut, tariff.counted(cut)) if 0 < end < usage.quantity}
    for end in [*sorted(ends), usage.quantity]:
        piece = replace(usage, quantity=end - before, before=before, carried=carried, final=end == usage.quantity)
        spent = {("v", day): amount for day, amount in by_day(*found).items()}
        found.append(rated(tariff, piece, *less(allowances, used(*found)), spent=spent, line=line))
        before, carried = end, found[-1].carried
    assert money(*found) == money(whole)
    assert used(*found) == used(whole)
    assert sum(each.counted for each in found) == whole.counted


@given(RATES, CALLS, LINES, ALLOWANCES, SECONDS)
def test_a_longer_call_never_costs_less(tariff, usage, line, allowances, more):
    short = rated(tariff, usage, *allowances, line=line)
    longer = rated(tariff, replace(usage, quantity=usage.quantity + more), *allowances, line=line)
    assert money(longer) >= money(short)
    assert all(used(longer).get(bucket, 0) >= amount for bucket, amount in used(short).items())


@given(RATES, CALLS, LINES, ALLOWANCES, st.integers(0, 6000))
def test_no_day_costs_more_than_its_cap(tariff, usage, line, allowances, spent):
    assume(tariff.daily_cap_minor is not None)
    began = usage.at.astimezone(line.zone).date()
    found = rated(tariff, usage, *allowances, spent={("v", began): spent}, line=line)
    for day, amount in by_day(found).items():
        room = max(tariff.daily_cap_minor - (spent if day == began else 0), 0)
        assert amount <= room
        assert sum(part.exact for part in found.charges if part.day == day) <= room


@given(RATES, CALLS, LINES, ALLOWANCES)
def test_allowances_pay_before_money_and_never_more_than_there_is(tariff, usage, line, allowances):
    lasting = tuple(replace(each, usable_until=None) for each in allowances)
    found = rated(tariff, usage, *lasting, line=line)
    there = {each.bucket_id: each.amount for each in lasting}
    assert all(amount <= there[bucket] for bucket, amount in used(found).items())
    fitting = sum(each.amount for each in lasting if each.asset == "VOICE" and serves(each.scope, tariff))
    assert sum(used(found).values()) == min(fitting, found.counted)


@given(RATES, CALLS, LINES)
def test_every_step_costs_what_the_clock_says_when_it_begins(tariff, usage, line):
    """Step by step, without any arithmetic of borders."""
    tariff = replace(tariff, daily_cap_minor=None, connection_fee_minor=0)
    usage = replace(usage, quantity=min(usage.quantity, 9000))
    exact, offset = Fraction(0), 0
    while offset < usage.quantity:
        step = tariff.first if offset == 0 else tariff.further
        period = tariff.period_at((usage.at + timedelta(seconds=offset)).astimezone(line.zone))
        exact += Fraction(period.price_minor if period else tariff.price_minor) * step / tariff.per
        offset += step
    found = rated(tariff, usage, line=line)
    assert sum(part.exact for part in found.charges) == exact
