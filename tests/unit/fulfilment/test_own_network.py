"""Whatever a carrier's file offers, the ledger can be asked for it."""

import pytest

from tests.support.carriers import CARRIERS, at
from topup.catalogue.checking import check, check_bytes
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.pricing import price
from topup.catalogue.versions import CarrierVersion
from topup.fulfilment.own import credits_of
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.ledger import AtCap, AtEnd, Credit, Policy, Roll

LANE = 3
OFFERED = CARRIERS | {file.stem: CarrierVersion(file.stem, 1, check(file).document) for file in demonstration_files()}
EVERYTHING = """\
id = "all"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "All" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138"]
[credit]
face_values = [10]
validity = { rule = "months", months = 1, policy = "extend", at_end = "freeze", grace_days = 30 }
[[packs]]
id = "data"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "Data" }
price = 9
[[packs.grants]]
asset = "DATA"
amount = "2 GiB"
services = ["sms", "data"]
zones = ["home", "roaming-eu"]
[packs.grants.validity]
rule = "months"
months = 0
ends = "month_end"
at_end = "roll_over"
roll = { days = 31, cap = "1 GiB" }
[[caps]]
asset = "DATA"
kind = "plan"
amount = "5 GiB"
at_cap = "clip"
"""


def credited(carrier: CarrierVersion, product: str | None, amount: Money | None, when: str) -> list[Credit]:
    """The credits of a top-up that was quoted at noon of the 31st of January and is paid `when`."""
    quoted = price(carrier, product=product, amount=amount, now=at(carrier, "2026-01-31 12:00"))
    line, order = new_id("line", LANE), new_id("order", LANE)
    return credits_of(
        order_id=order, lane=LANE, line_id=line, grants=quoted.grants, paid_from="suspense", now=at(carrier, when)
    )


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_everything_on_offer_is_an_item_of_the_ledger(name):
    carrier = OFFERED[name]
    for value in carrier.face_values.values():
        amount = Money(value.amount_minor, carrier.currency)
        items = credited(carrier, None, amount, "2026-01-31 12:00")
        assert items[0].bucket.kind == "main"
        assert len(items) == len(
            price(carrier, product=None, amount=amount, now=at(carrier, "2026-01-31 12:00")).grants
        )
    for pack in carrier.packs.values():
        assert len(credited(carrier, pack.id, None, "2026-01-31 12:00")) == len(pack.grants)


def test_tiers_count_from_the_payment_and_not_from_the_quote():
    carrier = CARRIERS["flow-cayman"]
    [item] = credited(carrier, None, Money(500, "KYD"), "2026-02-01 00:10")
    assert item.bucket.policy is Policy.TIERS
    assert [(tier.from_amount, tier.usable_until) for tier in item.bucket.tiers] == [
        (0, at(carrier, "2026-05-03 00:00")),
        (1000, at(carrier, "2026-06-02 00:00")),
        (2000, at(carrier, "2026-08-01 00:00")),
        (5000, at(carrier, "2027-02-02 00:00")),
    ]
    assert item.bucket.usable_until == at(carrier, "2026-05-03 00:00")
    assert item.bucket.rule["tiers"] == "500:90d 1000:120d 2000:180d 5000:365d"


def test_every_word_of_a_rule_reaches_the_ledger():
    carrier = CarrierVersion("all", 1, check_bytes(EVERYTHING.encode(), name="all.toml").document)
    [main] = credited(carrier, None, Money(1000, "CNY"), "2026-01-31 12:00")
    assert (main.bucket.policy, main.bucket.months, main.bucket.days) == (Policy.EXTEND, 1, None)
    assert (main.bucket.at_end, main.bucket.grace_days) == (AtEnd.FREEZE, 30)
    assert main.bucket.usable_until == at(carrier, "2026-03-01 00:00")
    [data] = credited(carrier, "data", None, "2026-01-31 12:00")
    assert data.bucket.usable_until == at(carrier, "2026-02-01 00:00")
    assert (data.bucket.at_end, data.bucket.roll) == (AtEnd.ROLL_OVER, Roll(days=31, zone="Asia/Shanghai", cap=2**30))
    assert (data.bucket.cap, data.bucket.at_cap) == (5 * 2**30, AtCap.CLIP)
    assert data.bucket.scope == "data,sms@home,roaming-eu"
