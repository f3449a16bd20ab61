"""What a top-up does to the end of what the line has: kept apart, moved on, the later, the new, by the balance."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.grant_rules import ValidityRule
from topup.catalogue.life_cycle_rules import TermTier
from topup.catalogue.terms import Term
from topup.catalogue.validity import end_beside, reached, validity_of

ZONES = st.sampled_from(["Asia/Shanghai", "America/Cayman", "Pacific/Kiritimati", "Europe/London", "America/New_York"])
INSTANTS = st.integers(1_320_000_000, 2_100_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
SPANS = st.one_of(
    st.integers(1, 800).map(lambda days: ("days", days, None)), st.integers(1, 36).map(lambda n: ("months", None, n))
)
BESIDE = st.one_of(st.none(), st.timedeltas(timedelta(days=-400), timedelta(days=800)))
"""How far away the present end is; None: what the line has never ends."""


def rule(span, policy: str, ends: str = "midnight") -> ValidityRule:
    word, days, months = span
    return ValidityRule(word, days, ends, policy, months)


def tiers(*steps: tuple[int, int]) -> ValidityRule:
    return ValidityRule(
        "balance", policy="tiers", tiers=tuple(TermTier(start, Term(days=days)) for start, days in steps)
    )


def beside(found: ValidityRule, zone: str, now: datetime, present, balance: int = 1) -> datetime | None:
    validity, _ = validity_of(found, ZoneInfo(zone), now)
    return end_beside(validity, None if present is None else now + present, now=now, balance=balance)


@given(SPANS, ZONES, INSTANTS, BESIDE)
def test_longest_never_shortens(span, zone, now, present):
    end = beside(rule(span, "longest"), zone, now, present)
    alone = validity_of(rule(span, "longest"), ZoneInfo(zone), now)[0].usable_until
    assert end is None if present is None else end == max(alone, now + present)


@given(SPANS, ZONES, INSTANTS, BESIDE)
def test_extend_adds_the_whole_span_to_an_end_to_come(span, zone, now, present):
    end = beside(rule(span, "extend"), zone, now, present)
    if present is None:
        assert end is None
        return
    alone = validity_of(rule(span, "extend"), ZoneInfo(zone), now)[0].usable_until
    if present <= timedelta(0):
        assert end == alone
    else:
        # No sooner than alone: an end to come is later than now. Within an hour, where clocks change.
        assert end >= alone - timedelta(days=1, hours=1)
        assert end - (now + present) >= timedelta(days=(span[1] or 28 * span[2])) - timedelta(hours=1)


@given(SPANS, ZONES, INSTANTS, BESIDE, st.sampled_from(["renew", "separate"]))
def test_renew_and_separate_do_not_look_at_what_there_is(span, zone, now, present, policy):
    alone = validity_of(rule(span, policy), ZoneInfo(zone), now)[0].usable_until
    assert beside(rule(span, policy), zone, now, present) == alone


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 800)), min_size=1, max_size=6), INSTANTS, ZONES, st.data()
)
def test_where_longer_tiers_go_with_more_balance_more_balance_lasts_longer(steps, now, zone, data):
    starts = sorted({start for start, _ in steps})
    days = sorted(days for _, days in steps)[: len(starts)]
    found = tiers(*zip(starts, days, strict=True))
    less, more = sorted(data.draw(st.tuples(st.integers(0, 20_000), st.integers(0, 20_000))))
    assert beside(found, zone, now, None, less) <= beside(found, zone, now, None, more)


@given(st.integers(0, 20_000), INSTANTS, ZONES)
def test_the_ends_the_ledger_gets_are_those_of_the_tiers(balance, now, zone):
    found = tiers((500, 90), (1000, 120), (2000, 180), (5000, 365))
    validity, _ = validity_of(found, ZoneInfo(zone), now, balance=balance)
    alone = validity_of(rule(("days", reached(found.tiers, balance).term.days, None), "renew"), ZoneInfo(zone), now)[0]
    assert validity.usable_until == alone.usable_until == end_beside(validity, None, now=now, balance=balance)
    assert validity.tiers[0][0] == 0
    assert [start for start, _ in validity.tiers] == sorted({start for start, _ in validity.tiers})


@pytest.mark.parametrize(
    ("found", "reason", "inputs"),
    [
        (ValidityRule("months", months=1), "why_months_midnight", {"months": 1, "last_day": "2026-02-28"}),
        (ValidityRule("months", months=2, ends="exact"), "why_months_exact", {"months": 2, "last_day": "2026-03-31"}),
        (ValidityRule("months", months=0, ends="month_end"), "why_month_end", {"last_day": "2026-01-31"}),
        (ValidityRule("days", 30, "month_end"), "why_month_end", {"last_day": "2026-03-31", "days": 30}),
        (ValidityRule("days", 30, "midnight", "renew"), "why_midnight", {"policy": "renew"}),
        (tiers((500, 90), (1000, 120)), "why_balance", {"tiers": "500:90d 1000:120d", "currency": "KYD"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_reason_names_what_the_date_came_from(found, reason, inputs):
    now = datetime(2026, 1, 31, 4, tzinfo=UTC)
    _, why = validity_of(found, ZoneInfo("Asia/Shanghai"), now, asset="KYD")
    assert why["id"] == reason
    assert inputs.items() <= why["inputs"].items()


def test_a_stored_validity_knows_its_rule_and_an_older_one_gives_it():
    now = datetime(2026, 1, 31, 4, tzinfo=UTC)
    found = ValidityRule("months", months=1, at_end="freeze", grace_days=30)
    validity, _ = validity_of(found, ZoneInfo("Asia/Shanghai"), now)
    assert validity.as_rule() == found
    older = validity_of(ValidityRule("days", 30, "exact", "extend"), ZoneInfo("Asia/Shanghai"), now)[0]
    assert type(older)(older.policy, older.usable_until, older.days, older.ends, older.zone).as_rule() == older.rule
