"""What a top-up would do, told before it is bought."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.carriers import CARRIERS, at, through, told
from topup.catalogue.checking import check_bytes
from topup.catalogue.explaining import Explanation, Sketch, explain
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.money import Money

SMART = CARRIERS["smart-philippines"]
FLOW = CARRIERS["flow-cayman"]
CHINA = CARRIERS["china"]
VODAFONE = CARRIERS["vodafone-uk"]

CAPPED = """\
id = "capped"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "Capped" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138"]
[credit]
face_values = [50]
validity = { rule = "months", months = 1, policy = "extend" }
[[caps]]
asset = "CREDIT"
amount = 80
at_cap = "clip"
"""


def capped(at_cap: str) -> CarrierVersion:
    text = CAPPED.replace('"clip"', f'"{at_cap}"')
    return CarrierVersion("capped", 1, check_bytes(text.encode(), name="capped.toml").document)


def explained(carrier: CarrierVersion, amount: str, line: Sketch, when: str) -> Explanation:
    money = Money.from_major(amount, carrier.currency)
    return explain(carrier, product=None, amount=money, line=line, now=at(carrier, when))


def test_flow_tells_that_a_top_up_brings_the_end_nearer():
    line = Sketch(400, at(FLOW, "2026-12-02"))
    told_ = explained(FLOW, "5", line, "2026-01-31 12:00")
    [grant] = told_.grants
    assert grant.ended == at(FLOW, "2026-12-02")
    assert through(grant.ends, FLOW.zone) == "2026-05-01"
    assert told_.after.balance_minor == 900
    # Without it the credit would have lasted to December.
    assert told(FLOW, told_.before.to_come)[0] == ("2026-12-02 00:00", "low-balance")
    assert told(FLOW, told_.after.to_come) == [("2026-05-02 00:00", "low-balance"), ("2026-07-31 00:00", "ended")]


def test_smart_tells_of_credit_texts_the_clock_and_the_end():
    line = Sketch(2000, at(SMART, "2026-02-11"), clocks={"number": at(SMART, "2026-12-02")})
    told_ = explained(SMART, "300", line, "2026-01-31 12:00")
    assert [(grant.grant.asset, grant.credited) for grant in told_.grants] == [("PHP", 30_000), ("SMS", 33)]
    [clock] = told_.clocks
    assert (clock.before, clock.after) == (at(SMART, "2026-12-02"), at(SMART, "2027-02-01"))
    assert told(SMART, told_.after.to_come) == [
        ("2026-04-17 00:00", "zero-balance"),
        ("2026-08-15 00:00", "disconnected"),
    ]


def test_a_promo_pack_leaves_clock_and_state_as_they_are():
    line = Sketch(0, clocks={"number": at(SMART, "2026-12-02")})
    told_ = explain(SMART, product="promo-1gb-3d", amount=None, line=line, now=at(SMART, "2026-01-31"))
    assert [(clock.before == clock.after) for clock in told_.clocks] == [True]
    assert told_.before.state == told_.after.state == "zero-balance"


@pytest.mark.parametrize(
    ("paid", "credited", "state", "owed"),
    [("10", 400, "active", 0), ("6", 0, "active", 0), ("5", 0, "one-way-blocked", 100)],
)
def test_what_is_owed_is_paid_first(paid, credited, state, owed):
    told_ = explained(CHINA, paid, Sketch(-600), "2026-01-15 12:00")
    assert told_.before.state == "one-way-blocked"
    assert (told_.grants[0].credited, told_.after.state, told_.after.arrears_minor) == (credited, state, owed)


def test_a_cap_clips_or_refuses():
    line = Sketch(5000)
    assert explained(capped("clip"), "50", line, "2026-01-31").grants[0].credited == 3000
    with pytest.raises(Conflict, match="cap_reached") as refusal:
        explained(capped("refuse"), "50", line, "2026-01-31")
    assert refusal.value.parameters["cap"] == "80.00 CNY"
    assert explained(capped("refuse"), "50", Sketch(3000), "2026-01-31").after.balance_minor == 8000


def test_months_are_added_to_the_end_there_is():
    carrier = capped("clip")
    told_ = explained(carrier, "50", Sketch(1000, at(carrier, "2027-02-01 00:00")), "2027-01-15 12:00")
    assert through(told_.grants[0].ends, carrier.zone) == "2027-02-28"


def test_what_ended_is_neither_joined_nor_counted():
    line = Sketch(3000, at(FLOW, "2026-01-01"))
    told_ = explained(FLOW, "5", line, "2026-01-31 12:00")
    assert told_.before.state == "low-balance"
    assert (told_.before.balance_minor, told_.after.balance_minor) == (0, 500)
    assert through(told_.grants[0].ends, FLOW.zone) == "2026-05-01"


@pytest.mark.parametrize(
    ("carrier", "line", "problem"),
    [
        (SMART, Sketch(state="nowhere"), "state_unknown"),
        (SMART, Sketch(clocks={"sundial": at(SMART, "2026-01-01")}), "clock_unknown"),
        (SMART, Sketch(state="disconnected"), "top_up_blocked"),
        (CHINA, Sketch(state="reserved"), "top_up_blocked"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused(carrier, line, problem):
    with pytest.raises((Invalid, Conflict), match=problem):
        explained(carrier, "100", line, "2026-01-31")


@given(
    st.sampled_from(sorted(CARRIERS)),
    st.integers(0, 100_000),
    st.integers(0, 4000),
    st.integers(0, 300),
)
def test_the_largest_top_up_adds_its_credit_and_never_costs_the_number_sooner(name, balance, day, lasting):
    carrier = CARRIERS[name]
    now = at(carrier, "2026-01-01 12:00") + timedelta(days=day)
    amount = Money(max(carrier.face_values), carrier.currency)
    clocks = dict.fromkeys(carrier.line_rules.clocks, now + timedelta(days=100))
    line = Sketch(balance, now + timedelta(days=lasting) if lasting else None, clocks=clocks)
    found = explain(carrier, product=None, amount=amount, line=line, now=now)
    main = found.grants[0]
    assert found.after.balance_minor == found.before.balance_minor + main.credited
    assert main.ends is None or main.ends.astimezone(carrier.zone).date() > now.astimezone(carrier.zone).date()
    assert [change.at for change in found.after.to_come] == sorted(change.at for change in found.after.to_come)
    assert released(found.after.to_come) is None or released(found.after.to_come) >= (
        released(found.before.to_come) or now
    )


def released(changes):
    return next((change.at for change in changes if change.releases_number), None)
