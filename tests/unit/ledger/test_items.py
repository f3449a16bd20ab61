"""An item is right when it is made, and its fingerprint is the whole of what was asked."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ledger import credit, debit, fresh_line, hold, transfer
from topup.kernel.money import MAXIMUM_AMOUNT
from topup.ledger import AtEnd, BucketSpec, InvalidItem, Policy
from topup.ledger.documents import columns_of
from topup.ledger.operations import MAXIMUM_ITEMS, post

LINE = fresh_line()


@pytest.mark.parametrize("amount", [0, -1, MAXIMUM_AMOUNT + 1, 1.5, True, "1"])
def test_an_amount_is_a_positive_integer_that_json_can_carry(amount):
    with pytest.raises(InvalidItem):
        credit(LINE, amount)


@pytest.mark.parametrize("key", ["", "two words", "line\nfeed", "nul\x00", "中", "x" * 201])
def test_a_key_is_short_and_printable(key):
    with pytest.raises(InvalidItem):
        credit(LINE, key=key)


@pytest.mark.parametrize("code", ["", "acc_01hzz", "Sales", "a|b", "x" * 101])
def test_a_house_account_is_never_taken_for_a_bucket(code):
    with pytest.raises(InvalidItem):
        transfer(debit_code=code)
    with pytest.raises(InvalidItem):
        credit(LINE, from_code=code)
    with pytest.raises(InvalidItem):
        debit(LINE, to_code=code)


def test_a_transfer_has_two_accounts():
    with pytest.raises(InvalidItem):
        transfer(debit_code="sales", credit_code="sales")


@pytest.mark.parametrize("lane", [-1, 1024])
def test_a_lane_is_one_that_an_id_can_carry(lane):
    with pytest.raises(InvalidItem):
        transfer(lane=lane)


@pytest.mark.parametrize("line", [fresh_line(4), "lin_short", ""], ids=["of another lane", "no id", "empty"])
def test_a_line_lives_in_its_own_lane(line):
    for item in (credit, debit, hold):
        with pytest.raises(InvalidItem):
            item(line)


def test_instants_without_a_zone_are_refused():
    with pytest.raises(InvalidItem):
        hold(LINE, expires_at=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
    with pytest.raises(InvalidItem):
        BucketSpec(rule={}, usable_until=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


def test_a_spec_says_all_that_its_policy_needs():
    until = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidItem):
        BucketSpec(rule={}, policy=Policy.EXTEND, usable_until=until)
    with pytest.raises(InvalidItem):
        BucketSpec(rule={}, at_end=AtEnd.FORFEIT, grace_days=3)
    BucketSpec(rule={}, policy=Policy.EXTEND, usable_until=until, days=30)


async def test_a_call_is_bounded():
    with pytest.raises(InvalidItem):
        await post(None, [transfer()] * (MAXIMUM_ITEMS + 1), datetime.now(UTC))


def _fingerprint(item) -> str:
    return columns_of([item])[4].hex()


@given(amount=st.integers(1, MAXIMUM_AMOUNT), reference=st.from_regex(r"\A[!-~]{0,40}\Z"))
def test_the_fingerprint_is_that_of_the_item_and_of_nothing_else(amount, reference):
    item = credit(LINE, amount, reference=reference)
    same = replace(item)
    assert _fingerprint(same) == _fingerprint(item)
    first, second = columns_of([item, same])[-1].split("\n")
    assert first != second, "an id to open with is no part of what was asked"


def test_every_field_is_part_of_the_fingerprint():
    item = credit(LINE, bucket=BucketSpec(rule={"id": "days", "days": 3}))
    others = [
        replace(item, amount=101),
        replace(item, asset="USD"),
        replace(item, from_code="promotions"),
        replace(item, line_id=fresh_line()),
        replace(item, purpose="gift"),
        replace(item, reference="other"),
        replace(item, bucket=replace(item.bucket, kind="bonus")),
        replace(item, bucket=replace(item.bucket, rule={"id": "days", "days": 4})),
        replace(item, bucket=replace(item.bucket, usable_until=datetime(2027, 1, 1, tzinfo=UTC))),
    ]
    assert len({_fingerprint(other) for other in [item, *others]}) == len(others) + 1


def test_kinds_with_the_same_fields_have_other_fingerprints():
    held, taken = hold(LINE), debit(LINE)
    assert _fingerprint(held) != _fingerprint(replace(taken, key=held.key))
