"""Credit that staff give and take: once, by the carrier's rules, on the record, or not at all."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sharing import ANA, SMART, Circle
from topup.charging.adjustments import Adjustments, AdjustmentState, AdjustmentWish, parse_signed
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import AdjustmentId, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import parse_msisdn


@pytest.fixture
def adjustments(circle):
    return Adjustments(database=circle.database, catalogue=circle.catalogue)


def wish(amount, *, number=ANA, currency="PHP", reason="goodwill", note="waited an hour", made_by="key:test"):
    return AdjustmentWish(parse_msisdn(number), Money(amount, currency), reason, note, made_by)


def new(circle):
    return AdjustmentId(new_id("adjustment", circle.lines[ANA].lane))


async def test_credit_given_lives_as_plain_credit_of_that_amount_would(circle, adjustments):
    manila = ZoneInfo("Asia/Manila")
    await circle.it_is(datetime(2026, 12, 5, 12, tzinfo=manila))
    await circle.open(ANA)
    made = await adjustments.make(adjustment_id=new(circle), wish=wish(500))
    assert made.state is AdjustmentState.POSTED
    assert (made.reason, made.note, made.made_by) == ("goodwill", "waited an hour", "key:test")
    [bucket] = await circle.buckets(ANA)
    assert (bucket.balance, bucket.kind, bucket.source) == (500, "main", "adjustment")
    assert bucket.usable_until == datetime(2027, 1, 5, tzinfo=manila)  # 30 days, as a card of less than 300
    assert await circle.house("adjustments") == -500
    assert await adjustments.get(adjustment_id=made.id) == made
    await circle.is_sound()


async def test_what_is_taken_comes_from_any_credit(circle, adjustments):
    await circle.open(ANA, main=300, bonus=300)
    await adjustments.make(adjustment_id=new(circle), wish=wish(-500, reason="fraud"))
    assert sum((await circle.has(ANA)).values()) == 100
    assert await circle.house("adjustments") == 500
    await circle.is_sound()


async def test_more_than_there_is_cannot_be_taken_and_the_attempt_is_on_the_record(circle, adjustments):
    await circle.open(ANA, main=300)
    adjustment_id = new(circle)
    for _ in range(2):
        with pytest.raises(Conflict, match="insufficient_funds") as refusal:
            await adjustments.make(adjustment_id=adjustment_id, wish=wish(-301))
        assert refusal.value.parameters == {"needed": "3.01", "currency": "PHP", "adjustment": adjustment_id}
        await circle.give(ANA, 1000)
    refused = await adjustments.get(adjustment_id=adjustment_id)
    assert (refused.state, refused.refusal) == (AdjustmentState.REFUSED, "insufficient_funds")
    assert await circle.has(ANA) == {"main": 2300}


async def test_a_cap_holds_for_staff_too(database):
    cap = b'[[caps]]\nasset = "CREDIT"\namount = 10\nat_cap = "clip"\n\n[clocks.number]'
    circle = await Circle.of(database, SMART.read_bytes().replace(b"[clocks.number]", cap))
    await circle.open(ANA, main=800)
    adjustments = Adjustments(database=database, catalogue=circle.catalogue)
    with pytest.raises(Conflict, match="cap_exceeded"):
        await adjustments.make(adjustment_id=new(circle), wish=wish(201))
    await adjustments.make(adjustment_id=new(circle), wish=wish(200))
    assert await circle.has(ANA) == {"main": 1000}


async def test_the_same_id_does_it_once_however_many_ask(circle, adjustments):
    await circle.open(ANA)
    adjustment_id = new(circle)
    answers = await asyncio.gather(
        *(adjustments.make(adjustment_id=adjustment_id, wish=wish(700)) for _ in range(8)), return_exceptions=True
    )
    assert {answer.code if isinstance(answer, Conflict) else answer.state for answer in answers} <= {
        "posted",
        "request_running",
    }
    assert await circle.has(ANA) == {"main": 700}
    await circle.is_sound()


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"reason": "because"}, Invalid, "adjustment_reason_unknown"),
        ({"reason": "other", "note": "  "}, Invalid, "adjustment_note_missing"),
        ({"note": "x" * 501}, Invalid, "adjustment_note_too_long"),
        ({"amount": 0}, Invalid, "adjustment_of_nothing"),
        ({"currency": "CNY"}, Invalid, "currency_wrong"),
        ({"number": "+639181239999"}, NotFound, "line_unknown"),
    ],
)
async def test_what_is_wrong_with_a_wish_is_said(circle, adjustments, changes, kind, code):
    await circle.open(ANA, main=300)
    asked = {"amount": -100} | changes
    with pytest.raises(kind, match=code):
        await adjustments.make(adjustment_id=new(circle), wish=wish(asked.pop("amount"), **asked))
    assert await circle.has(ANA) == {"main": 300}


async def test_an_unknown_id_is_not_found(circle, adjustments):
    for text in ("", "nonsense", new_id("adjustment", 3), new_id("share", 3)):
        with pytest.raises(NotFound, match="adjustment_unknown"):
            await adjustments.get(adjustment_id=text)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["CNY", "JPY", "KWD"]))
def test_a_signed_amount_is_read_as_it_is_written(amount, currency):
    written = Money(abs(amount), currency).to_major()
    assert parse_signed(f"{'-' if amount < 0 else '+'}{written}", currency) == Money(amount, currency)


@pytest.mark.parametrize("text", ["", "5", "5.00", "+", "-", "+-5", "--5", "+5.001", "+1e2", "+ five"])
def test_an_amount_without_a_sign_is_none(text):
    with pytest.raises(InvalidMoney):
        parse_signed(text, "CNY")
