"""Each way in which a bill and the books may differ is found, and nothing else is."""

from datetime import timedelta

from tests.support.bills import DAY, METHOD, NOON, Back, Paid
from topup.kernel.ids import new_id
from topup.kernel.money import Money

NEXT = DAY + timedelta(days=1)
MIDNIGHT = NOON + timedelta(hours=12)


async def test_what_agrees_is_no_difference(auditor):
    paid, other = Paid(), Paid(amount=700)
    back = Back(paid, amount=2000)
    await auditor.books(paid, other, back)
    await auditor.bill(paid.line(), other.line(), back.line())
    found = await auditor.compared()
    assert found.differences == ()
    [tie] = found.ties
    assert (tie.moved_minor, tie.booked_minor, tie.ledger_minor) == (3700, 3700, 3700)
    assert await auditor.open_work() == []


async def test_what_only_the_bill_has(auditor):
    stranger, back = Paid(), Back(Paid())
    await auditor.bill(stranger.line(), back.line(), stranger.line(our_id="somebody else's", reference="x"))
    assert await auditor.differences() == sorted(
        [("missing_here", stranger.id), ("missing_here", back.id), ("missing_here", "somebody else's")]
    )


async def test_what_only_the_books_have(auditor):
    paid, back = Paid(), Paid()
    await auditor.books(paid, back, refund := Back(back))
    await auditor.bill(back.line())
    assert await auditor.differences() == sorted([("missing_there", paid.id), ("missing_there", refund.id)])


async def test_amounts_and_currencies(auditor):
    more, other = Paid(), Paid()
    await auditor.books(more, other)
    await auditor.bill(more.line(amount=5001), other.line(currency="EUR"))
    assert await auditor.differences() == sorted([("amount", more.id), ("currency", other.id)])


async def test_one_says_it_moved_and_the_other_that_it_did_not(auditor):
    attempt, paid = Paid(state="closed"), Paid()
    waits = Back(paid, state="unknown")
    await auditor.books(attempt, paid, waits)
    await auditor.bill(attempt.line(), paid.line(), waits.line())
    found = await auditor.compared()
    assert sorted((one.cls.value, one.our_id, one.ours_state) for one in found.differences) == sorted(
        [("status", attempt.id, "closed"), ("status", waits.id, "unknown")]
    )


async def test_what_is_there_twice_or_on_two_days(auditor):
    paid, thrice = Paid(), Paid()
    await auditor.books(paid, thrice)
    await auditor.bill(paid.line(), thrice.line(), thrice.line(), thrice.line())
    await auditor.bill(paid.line(at=NOON + timedelta(days=1)), day=NEXT)
    assert await auditor.differences() == [("duplicate", thrice.id)] * 2
    assert await auditor.differences(day=NEXT) == [("duplicate", paid.id)]


async def test_books_that_the_ledger_does_not_have(auditor):
    less, none = Paid(booked=4999), Paid(booked=0)
    await auditor.books(less, none)
    await auditor.bill(less.line(), none.line())
    assert await auditor.differences() == sorted([("ledger", less.id), ("ledger", none.id)])


async def test_a_payment_near_midnight_stands_in_the_neighbours_bill(auditor):
    before, after = Paid(at=MIDNIGHT - timedelta(seconds=1)), Paid(at=MIDNIGHT + timedelta(seconds=1))
    await auditor.books(before, after)
    await auditor.bill(after.line())
    await auditor.bill(before.line(), day=NEXT)
    assert await auditor.differences() == []
    assert await auditor.differences(day=NEXT) == []


async def test_before_the_neighbours_bill_is_read_nothing_near_midnight_is_called_missing(auditor):
    late, early = Paid(at=MIDNIGHT - timedelta(minutes=1)), Paid(at=NOON)
    auditor.database.clock_offset -= timedelta(days=6)
    await auditor.books(late, early, back := Back(early, at=NOON))
    await auditor.bill()
    assert await auditor.differences() == [("missing_there", early.id)]
    assert (await auditor.report()).waiting == 2
    await auditor.bill(back.line(), day=NEXT)
    auditor.database.clock_offset += timedelta(days=2)
    await auditor.bill(back.line(), day=NEXT)
    assert await auditor.differences() == sorted([("missing_there", early.id), ("missing_there", late.id)])


async def test_refunds_told_under_the_payments_number_and_those_that_came_back(auditor):
    cancelled, failed = Paid(), Paid()
    given, tried = Back(cancelled), Back(failed, state="needs_person")
    await auditor.books(cancelled, failed, given, tried)
    back = given.line(our_id=cancelled.id)
    await auditor.bill(cancelled.line(), failed.line(), back, tried.line(), tried.line(amount=-5000))
    found = await auditor.compared()
    assert found.differences == ()
    assert found.ties[0].returned.count == 2


async def test_what_was_given_back_and_partly_taken_back_under_one_number_are_two_things(auditor):
    strange, known = Back(Paid()), Back(Paid(), state="needs_person")
    await auditor.books(known.payment, known)
    lines = [known.payment.line(), known.line(), known.line(amount=-100), strange.line(), strange.line(amount=-100)]
    await auditor.bill(*lines)
    expected = sorted([("status", known.id)] * 2 + [("missing_here", strange.id)] * 2)
    assert await auditor.differences() == expected
    assert len(await auditor.open_work()) == 4


async def test_fees_and_disputes_go_to_the_ledger_once(auditor):
    paid = Paid()
    await auditor.books(paid)
    dispute = paid.line(kind="dispute", reference="dp_1")
    month = paid.line(kind="other", our_id="", reference="month", amount=100)
    lines = [paid.line(fee=Money(30, "CNY")), dispute, month]
    await auditor.bill(*lines)
    for _ in range(2):
        assert await auditor.differences() == []
        assert await auditor.house("provider_fees") == -30
        assert await auditor.house("disputes") == -5000
        assert await auditor.house(f"clearing:{METHOD}") == 30
    [tie] = (await auditor.report()).ties
    assert (tie.due_minor, tie.clearing_minor) == (-30, -30)
    # The bill was corrected: the ledger follows.
    await auditor.bill(paid.line(fee=Money(25, "CNY")), month)
    await auditor.compared()
    assert (await auditor.house("provider_fees"), await auditor.house("disputes")) == (-25, 0)


async def test_fees_that_cannot_be(auditor):
    paid, other = Paid(), Paid(amount=10)
    await auditor.books(paid, other)
    await auditor.bill(paid.line(fee=Money(-1, "CNY")), other.line(fee=Money(11, "CNY")))
    assert await auditor.differences() == sorted([("fee", paid.id), ("fee", other.id)])


async def test_a_dispute_about_no_payment_of_ours(auditor):
    number = new_id("payment", 0)
    await auditor.bill(Paid(id=number).line(kind="dispute"))
    assert await auditor.differences() == [("missing_here", number)]


async def test_a_difference_is_listed_once_and_closed_when_it_is_gone(auditor):
    paid = Paid()
    await auditor.books(paid)
    await auditor.bill()
    for _ in range(2):
        await auditor.compared()
        assert [kind for kind, _ in await auditor.open_work()] == ["bill_missing_there"]
    await auditor.bill(paid.line())
    await auditor.compared()
    assert await auditor.open_work() == []
    await auditor.bill()
    await auditor.compared()
    assert [kind for kind, _ in await auditor.open_work()] == ["bill_missing_there"]


async def test_a_repetition_changes_nothing(auditor):
    paid, missing = Paid(), Paid()
    await auditor.books(paid, missing, Back(paid))
    lines = [paid.line(fee=Money(30, "CNY")), Paid().line(), paid.line(kind="dispute", reference="dp")]
    await auditor.bill(*lines)
    await auditor.compared()
    before = await auditor.dump()
    auditor.database.clock_offset += timedelta(hours=3)
    await auditor.bill(*lines)
    await auditor.compared()
    assert await auditor.dump() == before
