"""The ledger gives a line's credit the end that the carrier's file promises and that explaining it tells."""

from datetime import timedelta

import pytest

from tests.support.carriers import CARRIERS, at, through
from tests.support.ledger import debit, do, do_one, fresh_line
from topup.catalogue.checking import check_bytes
from topup.catalogue.explaining import Sketch, explain
from topup.catalogue.pricing import price
from topup.catalogue.versions import CarrierVersion
from topup.fulfilment.own import credits_of
from topup.kernel.ids import lane_of, new_id
from topup.kernel.money import Money
from topup.ledger.queries import buckets

FILE = """\
id = "acme"
names = {{ zh_Hans = "甲", zh_Hant = "甲", en = "Acme" }}
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138"]
[credit]
face_values = [5, 20, 50]
validity = {validity}
{more}
"""
TWICE = [("5", "2026-01-01 12:00"), ("5", "2026-01-11 12:00")]
AT_THE_END_OF_JANUARY = [("5", "2026-01-31 12:00"), ("5", "2026-02-11 12:00")]
IN_A_LEAP_YEAR = [("5", "2028-01-30 12:00"), ("5", "2028-02-11 12:00")]


def acme(validity: str, more: str = "") -> CarrierVersion:
    text = FILE.format(validity=validity, more=more)
    return CarrierVersion("acme", 1, check_bytes(text.encode(), name="acme.toml").document)


async def topped_up(database, carrier: CarrierVersion, line, amount: str, when: str) -> None:
    now = at(carrier, when)
    money = Money.from_major(amount, carrier.currency)
    priced = price(carrier, product=None, amount=money, now=now)
    order = new_id("order", lane_of(line))
    items = credits_of(
        order_id=order, lane=lane_of(line), line_id=line, grants=priced.grants, paid_from="suspense", now=now
    )
    present = await main_of(database, line)
    present = present if present and (present.usable_until is None or present.usable_until > now) else None
    sketch = Sketch(present.balance, present.usable_until) if present else Sketch()
    told = explain(carrier, product=None, amount=money, line=sketch, now=now).grants[0]
    await do(database, *items, now=now)
    bucket = await main_of(database, line)
    assert bucket.usable_until == told.ends
    assert bucket.balance == (present.balance if present else 0) + told.credited


async def main_of(database, line):
    async with database.read() as transaction:
        found = (await buckets(transaction.connection, [line])).get(line, [])
    mains = [bucket for bucket in found if bucket.kind == "main"]
    # One that has ended stays open until it is swept.
    return max(mains, key=lambda bucket: bucket.opened_at, default=None)


@pytest.mark.parametrize(
    ("carrier", "steps", "usable_through"),
    [
        (CARRIERS["flow-cayman"], [("50", "2026-01-01 12:00")], "2027-01-01"),
        (CARRIERS["flow-cayman"], [("5", "2026-01-01 12:00"), ("5", "2026-01-02 12:00")], "2026-05-02"),
        (CARRIERS["flow-cayman"], [("20", "2026-01-01 23:59"), ("50", "2028-02-29 00:00")], "2029-02-28"),
        (CARRIERS["smart-philippines"], [("500", "2026-01-31 12:00"), ("100", "2026-02-01 12:00")], "2026-05-31"),
        (CARRIERS["smart-philippines"], [("100", "2026-01-31 12:00"), ("300", "2026-02-01 12:00")], "2026-04-17"),
        (acme('{ rule = "days", days = 30, policy = "renew" }'), TWICE, "2026-02-10"),
        (acme('{ rule = "days", days = 30, policy = "extend" }'), TWICE, "2026-03-02"),
        (acme('{ rule = "months", months = 1, policy = "extend" }'), AT_THE_END_OF_JANUARY, "2026-03-31"),
        (acme('{ rule = "months", months = 1, policy = "extend" }'), IN_A_LEAP_YEAR, "2028-03-31"),
        (acme('{ rule = "months", months = 1, ends = "month_end", policy = "extend" }'), TWICE, "2026-03-31"),
        (acme('{ rule = "months", months = 0, ends = "month_end", policy = "renew" }'), TWICE, "2026-01-31"),
    ],
)  # fmt: skip
async def test_the_end_after_several_top_ups(database, carrier, steps, usable_through):
    line = fresh_line()
    for amount, when in steps:
        await topped_up(database, carrier, line, amount, when)
    bucket = await main_of(database, line)
    assert through(bucket.usable_until, carrier.zone) == usable_through


async def test_what_was_used_before_counts_no_more(database):
    """50 last a year; when 46 are used and 5 come, the 9 there are last 90 days."""
    flow = CARRIERS["flow-cayman"]
    line = fresh_line()
    await topped_up(database, flow, line, "50", "2026-01-01 12:00")
    used = debit(line, 4600, asset="KYD", to_code="sales")
    await do_one(database, used, now=at(flow, "2026-01-20 12:00"))
    await topped_up(database, flow, line, "5", "2026-01-31 12:00")
    bucket = await main_of(database, line)
    assert (bucket.balance, through(bucket.usable_until, flow.zone)) == (900, "2026-05-01")


async def test_what_is_above_the_cap_is_not_credited(database):
    carrier = acme('{ rule = "never" }', '[[caps]]\nasset = "CREDIT"\namount = 60\nat_cap = "clip"')
    line = fresh_line()
    for _ in range(2):
        await topped_up(database, carrier, line, "50", "2026-01-01 12:00")
    assert (await main_of(database, line)).balance == 6000


async def test_smart_forfeits_at_the_end_what_nobody_used(database):
    smart = CARRIERS["smart-philippines"]
    line = fresh_line()
    await topped_up(database, smart, line, "300", "2026-01-31 12:00")
    async with database.read() as transaction:
        found = (await buckets(transaction.connection, [line]))[line]
    assert {(bucket.asset, through(bucket.usable_until, smart.zone)) for bucket in found} == {
        ("PHP", "2026-04-16"),
        ("SMS", "2026-04-16"),
    }
    assert {bucket.forfeit_at - bucket.usable_until for bucket in found} == {timedelta(0)}
