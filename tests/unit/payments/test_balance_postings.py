"""What a payment from a line's credit was taken from is remembered, so that a refund gives it back as it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from topup.kernel.ids import AccountId, LineId, new_id
from topup.ledger.operations import Leg, Posted
from topup.ledger.queries import Bucket
from topup.payments.methods.balance_postings import taken

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAIN = Bucket(
    id=AccountId(new_id("account", 3)), line_id=LineId(new_id("line", 3)), asset="CNY", kind="main", scope="",
    priority=0, policy="separate", at_end="freeze", source="", rule={}, balance=5000, held=0,
    usable_until=NOW + timedelta(days=30), forfeit_at=NOW + timedelta(days=120), opened_at=NOW,
)  # fmt: skip
"""As it is read from the database, where states are texts."""


@pytest.mark.parametrize(("at_end", "freezes", "grace"), [("freeze", True, 90), ("forfeit", False, None)])
def test_money_that_freezes_is_remembered_as_money_that_freezes(at_end, freezes, grace):
    bucket = replace(MAIN, at_end=at_end)
    legs = (Leg(debit=str(bucket.id), credit="clearing", amount=1200, sequence=1, usable_until=None),)
    [portion] = taken(Posted(lane=3, key="k", replayed=False, legs=legs), [bucket])
    assert (portion.amount, portion.freezes, portion.grace_days) == (1200, freezes, grace)
