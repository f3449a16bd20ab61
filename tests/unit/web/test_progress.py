"""Every state an order can be in has steps, words and a way on, in all three languages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from topup.channels.web.progress import steps
from topup.channels.web.tracking import masked_page, order_page, with_ways_to_pay
from topup.channels.web.wording import Wording
from topup.kernel.ids import OrderId, PaymentId, QuoteId
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.orders.states import ORDER, WHO_MUST_ACT, Cause, OrderState
from topup.orders.views import OrderView, PaymentView, QuoteGrant, ReturnedMoney, TimelineEntry
from topup.payments.ports import Action
from topup.platform.i18n import LOCALES, has_text

START = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
NEXT_STEPS = (
    *(state.value for state in OrderState),
    "payment_closed",
    "payment_declined",
    "payment_pending",
    "expired_refunding",
    "cancelled_refunding",
    "expired_open",
    "cancelled_open",
    "payment_mismatched",
    "expired_refunded",
    "cancelled_refunded",
    "delivered_refunding",
    "delivered_refunded",
)


def an_order(*path: str, **changes) -> OrderView:
    """An order that went through these states, one a second."""
    timeline = tuple(
        TimelineEntry(state, START + timedelta(seconds=place), Cause.ORDERED.value) for place, state in enumerate(path)
    )
    who = WHO_MUST_ACT[OrderState(path[-1])]
    order = OrderView(
        id=OrderId("ord_00000000000000000000000001"),
        quote_id=QuoteId("quo_00000000000000000000000001"),
        status=path[-1],
        msisdn=Msisdn("+8613800138000", "CN"),
        carrier_id="qingfeng",
        carrier_names={"zh_Hans": "青峰移动", "zh_Hant": "青峰移動", "en": "Qingfeng Mobile"},
        product=None,
        face=Money(5000, "CNY"),
        total=Money(4850, "CNY"),
        lines=(),
        grants=(QuoteGrant(0, "CNY", 5000, "main", None, {"id": "why_never_ends", "inputs": {}}),),
        timeline=timeline,
        payments=(),
        next_step=path[-1],
        who_must_act=who.value if who else None,
        receipt_number=None,
        locale="zh_Hans",
        zone="Asia/Shanghai",
        created_at=START,
        expires_at=START + timedelta(minutes=15),
        final=False,
    )
    return replace(order, **changes)


def walks(state: OrderState = OrderState.QUOTED, seen: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every way through the table of transitions that enters no state twice."""
    here = (*seen, state.value)
    onward = [walk for after in ORDER.allowed[state] if after.value not in here for walk in walks(after, here)]
    return [here, *onward]


def test_every_way_through_an_orders_life_has_steps():
    ways = walks()
    print(f"{len(ways)} ways through the states")
    for way in ways:
        shown = steps(an_order(*way))
        standings = [step.standing for step in shown]
        running = [standing for standing in standings if standing in {"now", "doubt"}]
        over = way[-1] in {"delivered", "refunded", "expired", "cancelled"}
        assert len(running) == (0 if over else 1), way
        # What is done comes first, then what is being done, then what is to come.
        order = ["done", "stopped", "now", "doubt", "ahead"]
        assert standings == sorted(standings, key=order.index), way
        assert all(step.at is not None for step in shown if step.standing in {"done", "stopped"}), way


@pytest.mark.parametrize("locale", LOCALES)
def test_every_way_through_has_words(locale):
    wording = Wording(locale)
    for way in walks():
        shown = order_page(an_order(*way), wording)
        assert shown.headline
        assert shown.next
        assert all(step.name for step in shown.steps)


@pytest.mark.parametrize(("locale", "place"), [("zh_Hans", "上海"), ("zh_Hant", "上海"), ("en", "Shanghai")])
def test_the_steps_say_by_whose_clocks_they_are_told_to_their_payer_and_to_strangers(locale, place):
    order, wording = an_order("awaiting_payment", "paid"), Wording(locale)
    for shown in (order_page(order, wording), masked_page(order, wording)):
        assert place in shown.times_in


@pytest.mark.parametrize("next_step", NEXT_STEPS)
def test_what_happens_next_is_said(next_step):
    assert all(
        order_page(an_order("awaiting_payment", next_step=next_step), Wording(locale)).next for locale in LOCALES
    )


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_sentence(cause):
    assert has_text("orders", f"cause.{cause.value}")


@pytest.mark.parametrize("way", walks())
def test_a_shared_page_shows_neither_number_nor_sum_nor_button(way):
    shown = masked_page(an_order(*way, receipt_number="2026-01-000001"), Wording("en"))
    assert "0013" not in repr(shown).replace("****", "")
    assert "48.50" not in repr(shown)
    assert "ord_" not in repr(shown)
    assert not any([shown.payable, shown.cancellable, shown.repeatable, shown.receipt])


def test_a_cancelled_order_asks_for_no_money():
    assert order_page(an_order("awaiting_payment", "cancelled"), Wording("en")).total == ""


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_an_order_that_ended_unpaid_names_what_was_ordered_only_while_it_may_still_come(locale, status):
    wording = Wording(locale)
    over = an_order("awaiting_payment", status)
    for next_step in (status, f"{status}_refunding", f"{status}_refunded"):
        assert order_page(replace(over, next_step=next_step), wording).grants == []
    may_come = order_page(replace(over, next_step=f"{status}_open"), wording)
    assert (len(may_come.grants), may_come.goes_back) == (1, True), "as what was ordered, not as what is credited"
    assert len(order_page(an_order("awaiting_payment"), wording).grants) == 1


def test_a_refunded_order_promises_no_credit_and_says_what_went_back():
    way = ("awaiting_payment", "paid", "delivering", "delivered", "refunding", "refunded")
    shown = [order_page(an_order(*way[:length]), Wording("en")) for length in (4, 5, 6)]
    assert [page.goes_back for page in shown] == [False, True, True]
    assert [page.refunded for page in shown] == ["", "", shown[2].total]
    assert shown[2].total


def a_payment(status: str, *, refunded: int = 0) -> PaymentView:
    return PaymentView(
        PaymentId("pay_00000000000000000000000001"),
        "sandbox",
        status,
        Money(4850, "CNY"),
        START,
        None,
        Money(refunded, "CNY"),
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_whoever_may_go_on_with_a_payment_reads_by_what_method_and_how_much_with_its_fee(locale):
    wording = Wording(locale)
    action = Action("redirect", "https://pay.example/", {})
    begun = replace(a_payment("pending"), method="wechatpay", amount=Money(4880, "CNY"), action=action)
    order = an_order("awaiting_payment", payments=(begun,))
    shown = with_ways_to_pay(order_page(order, wording), order, [], wording, key="k")
    assert (shown.continue_sum, shown.total) == (wording.money(begun.amount), wording.money(begun.amount))
    said = wording.text("go_on_paying", sum=shown.continue_sum, method=shown.continue_method)
    assert "48.80" in said
    assert wording.method("wechatpay") in said
    none_open = replace(order, payments=())
    before = with_ways_to_pay(order_page(none_open, wording), none_open, [], wording, key="k")
    assert (before.continue_at, before.total) == ("", wording.money(order.total))


def paid_again(*standings: str) -> PaymentView:
    money = tuple(ReturnedMoney(Money(4850, "CNY"), "surplus", standing, None) for standing in standings)
    return replace(a_payment("paid"), second=money)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    ("state", "payments", "said"),
    [
        ("delivered", [a_payment("paid")], ""),
        ("delivered", [a_payment("declined"), a_payment("paid")], ""),
        ("delivered", [a_payment("paid"), paid_again("going_back")], "going_back"),
        ("delivering", [paid_again("went_back"), a_payment("paid")], "went_back"),
        # Paid twice on one page.
        ("delivered", [paid_again("went_back")], "went_back"),
        # Given back as goodwill, and paid once.
        ("delivered", [a_payment("paid", refunded=4850)], ""),
        ("delivered", [paid_again("went_back", "going_back")], "going_back"),
        ("delivered", [a_payment("paid"), paid_again("with_person")], "with_person"),
        ("refunding", [a_payment("refunding")], ""),
        ("refunding", [a_payment("refunding"), paid_again("going_back")], "going_back"),
        ("refunded", [a_payment("refunded", refunded=4850), paid_again("went_back")], "went_back"),
        ("expired", [a_payment("refunding")], ""),
    ],
)
def test_whoever_paid_twice_reads_where_the_second_payment_is(locale, state, payments, said):
    wording = Wording(locale)
    order = an_order("awaiting_payment", state, payments=tuple(payments))
    shown = order_page(order, wording)
    assert shown.second_payment == (wording.order_text(f"second_payment.{said}") if said else "")
    assert (shown.token == order_page(replace(order, payments=()), wording).token) == (said == "")
    assert masked_page(order, wording).second_payment == ""


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("reason", ["mismatched", "late"])
@pytest.mark.parametrize(
    ("standing", "at"), [("going_back", None), ("went_back", START + timedelta(minutes=3)), ("with_person", None)]
)
@pytest.mark.parametrize("state", ["awaiting_payment", "expired", "cancelled", "delivered"])
def test_whoever_paid_what_could_not_be_kept_reads_how_much_came_and_where_it_is(locale, reason, standing, at, state):
    wording = Wording(locale)
    payment = replace(
        a_payment("refunded" if at else "refunding", refunded=5094 if at else 0),
        returned=(ReturnedMoney(Money(5094, "CNY"), reason, standing, at),),
    )
    order = an_order("awaiting_payment", state, payments=(payment,))
    shown = order_page(order, wording)
    (said,) = shown.returned
    assert "50.94" in said
    assert ("12:03" in said) == (at is not None)
    assert shown.second_payment == ""
    assert shown.token != order_page(replace(order, payments=()), wording).token
    assert "50.94" not in repr(masked_page(order, wording))


def given_back(*standings: str) -> PaymentView:
    """Of what was paid a part was given back for each of these, a minute apart, and is there a minute later."""
    money = tuple(
        ReturnedMoney(
            Money(1000 + place, "CNY"),
            "goodwill",
            standing,
            START + timedelta(minutes=place + 4) if standing == "went_back" else None,
            START + timedelta(minutes=place + 3),
        )
        for place, standing in enumerate(standings)
    )
    return replace(a_payment("refunding" if set(standings) - {"went_back"} else "paid"), given_back=money)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    ("standings", "progress"),
    [
        (["going_back"], ["now", "ahead"]),
        (["went_back"], ["done", "done"]),
        (["with_person"], ["doubt", "ahead"]),
        (["went_back", "going_back"], ["now", "ahead"]),
        (["went_back", "went_back"], ["done", "done"]),
    ],
)
def test_whoever_was_given_back_money_reads_how_much_and_where_it_is(locale, standings, progress):
    wording = Wording(locale)
    way = ("awaiting_payment", "paid", "delivering", "delivered")
    order = an_order(*way, payments=(given_back(*standings),))
    shown, before = order_page(order, wording), order_page(replace(order, payments=()), wording)
    assert len(shown.returned) == len(standings)
    for place, (said, standing) in enumerate(zip(shown.returned, standings, strict=True)):
        assert f"10.0{place}" in said
        assert (f"12:0{place + 4}" in said) == (standing == "went_back")
    more = shown.steps[len(before.steps) :]
    assert [step.standing for step in more] == progress
    assert "12:03" in more[0].time, "since when it was given back"
    assert shown.token != before.token
    masked = masked_page(order, wording)
    assert (masked.steps, masked.returned) == (masked_page(replace(order, payments=()), wording).steps, ())


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("state", ["expired", "cancelled"])
@pytest.mark.parametrize("where", ["refunding", "refunded"])
def test_an_order_that_took_money_and_gave_it_back_never_says_that_nothing_was_charged(locale, state, where):
    wording = Wording(locale)
    order = an_order("awaiting_payment", state, next_step=f"{state}_{where}")
    denial = wording.order_text(f"next.{state}")
    assert denial not in {order_page(order, wording).next, masked_page(order, wording).next}
