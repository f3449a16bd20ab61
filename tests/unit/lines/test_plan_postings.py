"""What a cycle of a plan is in the ledger, where two of the things it includes came to lie in one bucket."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from topup.kernel.ids import AccountId, LineId, new_id
from topup.ledger.items import AtEnd, Policy
from topup.ledger.queries import Bucket
from topup.lines.plans.postings import forfeited, share_left
from topup.lines.plans.rows import Held

START, END = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 2, 1, tzinfo=UTC)
LINE = LineId(new_id("line", 3))
SAME = {"asset": "SMS", "scope": "sms", "priority": 40}
HELD = Held(
    lane=3, line_id=LINE, carrier_id="planned", plan_id="week", standing="active", since=START, anchor=START, cycle=1,
    began_at=START, ends_at=END, paid_minor=800, included=[SAME | {"amount": 30}, SAME | {"amount": 70}], wished=None,
    ending=False, blocks=[], next_at=END,
)  # fmt: skip
BUCKET = Bucket(
    id=AccountId("acc_one"), line_id=LINE, asset="SMS", kind="plan", scope="sms", priority=40, policy=Policy.SEPARATE,
    at_end=AtEnd.FORFEIT, source="plan", rule={}, balance=0, held=0, usable_until=END, forfeit_at=END, opened_at=START,
)  # fmt: skip


@pytest.mark.parametrize(("left", "goes"), [(0, []), (40, [40]), (100, [100]), (250, [100])])
def test_a_bucket_gives_back_once_what_is_left_of_all_that_came_into_it(left, goes):
    buckets = [replace(BUCKET, balance=left)]
    assert [item.amount for item in forfeited(HELD, buckets)] == goes
    assert share_left(HELD, buckets) == min(Fraction(left, 100), 1)


def test_of_what_has_no_bucket_any_more_nothing_is_left():
    assert (forfeited(HELD, []), share_left(HELD, [])) == ([], 0)
