"""The cheapest row of top-ups against a slow search that tries every amount on every day, on small made-up carriers."""

import heapq
from datetime import UTC, date, datetime, timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from topup.catalogue.checking import check_bytes
from topup.catalogue.life_cycle import opened
from topup.catalogue.versions import CarrierVersion
from topup.lines.keeping.kept import Kept
from topup.lines.keeping.rows import cheapest

START = datetime(2027, 11, 5, 4, tzinfo=UTC)
HORIZON = date(2027, 11, 27)
DEAREST = 1_500
"""Where nothing keeps it, nothing up to this does."""
MOST_TRIED = 800
"""What has more ways to be kept is left to other examples."""

DAYS = st.integers(2, 12)
_HEAD = """
id = "tiny"
names = { zh_Hans = "小", zh_Hant = "小", en = "Tiny" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86139"]
"""
_OVER = """
[[life_cycle.states]]
id = "over"
shows = "recycled"
blocks = ["topup"]
on_entry = { forfeit = ["all"], close_line = true, release_number = true }
"""


@st.composite
def validities(draw: st.DrawFn) -> str:
    policy = draw(st.sampled_from(["separate", "longest", "extend", "renew", "balance", "never"]))
    if policy == "never":
        return '{ rule = "never" }'
    if policy == "balance":
        short, long = sorted(draw(st.tuples(DAYS, DAYS)))
        return f'{{ rule = "balance", tiers = [{{ from = 1, days = {short} }}, {{ from = 4, days = {long} }}] }}'
    return f'{{ rule = "days", days = {draw(DAYS)}, policy = "{policy}" }}'


@st.composite
def carriers(draw: st.DrawFn) -> CarrierVersion:
    """A file: a clock or the end of credit or what is owed leads to a blocked state, and that to the end."""
    by = draw(st.sampled_from(["clock", "credit_gone", "arrears"]))
    amounts = sorted(set(draw(st.lists(st.integers(1, 5), min_size=1, max_size=2))))
    free = draw(st.booleans())
    restart = draw(st.sampled_from(['"topup"', '{ on = "topup", least = 2 }', '{ on = "topup", days = 3 }']))
    policy = draw(st.sampled_from(["renew", "longest", "extend"]))
    clock = f'[clocks.c]\ndays = {draw(DAYS)}\npolicy = "{policy}"\nrestarts = ["activation", {restart}]\n'
    back = {"clock": "topup", "credit_gone": "topup", "arrears": "arrears_paid"}[by]
    least = f", least = {draw(st.integers(1, 3))}" if back == "topup" and draw(st.booleans()) else ""
    way = f'{{ when = "{by}", to = "blocked"{", clock = " + chr(34) + "c" + chr(34) if by == "clock" else ""} }}'
    fee = f"[monthly_fee]\namount = {draw(st.integers(1, 3))}\nday = {draw(st.integers(6, 26))}\narrears = true\n"
    text = (
        f"{_HEAD}[credit]\nface_values = {amounts}\nvalidity = {draw(validities())}\n"
        + ("free = { min = 1, max = 4, step = 1 }\n" if free else "")
        + (fee if by == "arrears" or draw(st.booleans()) else "")
        + (clock if by == "clock" else "")
        + f'[[life_cycle.states]]\nid = "active"\nshows = "active"\nleave = [{way}]\n'
        + '[[life_cycle.states]]\nid = "blocked"\nshows = "one_way_blocked"\nblocks = ["data"]\nleave = [\n'
        + f'    {{ when = "{back}", to = "active"{least} }},\n'
        + f'    {{ when = "days", days = {draw(DAYS)}, to = "over" }},\n]\n'
        + _OVER
    )
    return CarrierVersion("tiny", 1, check_bytes(text.encode(), name="tiny.toml").document)


def a_line(carrier: CarrierVersion, first: int) -> Kept:
    """A line that began now and got its first top-up, of one of the amounts there are."""
    line = Kept(carrier, opened(carrier.line_rules, now=START, zone=carrier.zone).facts, START, carrier.zone)
    return line.topped_up(all_amounts(carrier)[first % len(all_amounts(carrier))]) or line


def all_amounts(carrier: CarrierVersion) -> list[int]:
    free = carrier.document.credit.free
    whole = range(free.minimum_minor, free.maximum_minor + 1, free.step_minor) if free else ()
    return sorted({*carrier.face_values, *whole})


def is_beaten(line: Kept, end: datetime, cost_minor: int | None) -> bool | None:
    """Whether less keeps it: every amount, any number of times, in the last second of every day.

    None: too many to try.
    """
    places, seen = count(), set()
    begun: list[tuple[int, int, Kept]] = [(0, next(places), line)]
    while begun:
        cost, _, now = heapq.heappop(begun)
        mark = (now.now, repr(now.facts))
        if mark in seen or cost >= (cost_minor if cost_minor is not None else DEAREST):
            continue
        if len(seen) > MOST_TRIED:
            return None
        seen.add(mark)
        if now.is_kept(end):
            return True
        if not now.is_kept(now.now + timedelta(microseconds=1)):
            continue
        for amount in all_amounts(line.carrier):
            after = now.topped_up(amount)
            if after is not None:
                heapq.heappush(begun, (cost + amount, next(places), after))
        day = now.now.astimezone(now.zone).date() + timedelta(days=now.now != line.now)
        tonight = now.until(day) - timedelta(seconds=1)
        if tonight < end:
            heapq.heappush(begun, (cost, next(places), now.at(tonight)))
    return False


@given(carriers(), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_nothing_cheaper_keeps_the_number(carrier: CarrierVersion, first: int) -> None:
    line = a_line(carrier, first)
    end = line.until(HORIZON)
    found = cheapest(line, end)
    if found is not None:
        row = [(one.at, one.amount.amount_minor) for one in found.top_ups]
        assert is_carried_out(line, row, end)
    assert is_beaten(line, end, found.total.amount_minor if found else None) is not True


def is_carried_out(line: Kept, row: list[tuple[datetime, int]], end: datetime) -> bool:
    for instant, amount in row:
        after = line.at(instant).topped_up(amount)
        if after is None:
            return False
        line = after
    return line.is_kept(end)
