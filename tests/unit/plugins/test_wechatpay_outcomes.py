"""What WeChat Pay's answers about payments and refunds mean: every documented code, and nothing of the others."""

import pytest

from tests.support.simulators import a_payment
from tests.support.wechatpay import Platform, an_order, sent
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Unknown
from topup.payments.ports import PaymentStanding, RefundRequest
from topup.plugins.payments.wechatpay.vectors import APP, MERCHANT


@pytest.fixture
def told(wechatpay_told):
    return wechatpay_told


STATES = {
    "SUCCESS": PaymentStanding.PAID,
    "REFUND": PaymentStanding.PAID,
    "NOTPAY": PaymentStanding.WAITING,
    "USERPAYING": PaymentStanding.WAITING,
    "CLOSED": PaymentStanding.CLOSED,
    "REVOKED": PaymentStanding.CLOSED,
    "PAYERROR": PaymentStanding.DECLINED,
}


@pytest.mark.parametrize("state", STATES)
async def test_every_documented_state(told, state):
    payment = a_payment().payment_id
    answer = await told(lambda plugin: plugin.query(payment), (200, an_order(payment, trade_state=state)))
    [fact] = answer.facts
    assert fact.standing is STATES[state]
    assert (fact.amount is not None) == (STATES[state] is PaymentStanding.PAID)


@pytest.mark.parametrize(
    "change",
    [
        {"trade_state": "NEW"},
        {"trade_state": ""},
        {"mchid": "1900000002"},
        {"appid": "wx0000000000000002"},
        {"out_trade_no": "pay_00000000000000000000000000"},
        {"amount": None},
        {"amount": {"total": 0, "currency": "CNY"}},
        {"amount": {"total": -1, "currency": "CNY"}},
        {"amount": {"total": 1.5, "currency": "CNY"}},
        {"amount": {"total": 2**53, "currency": "CNY"}},
        {"amount": {"total": 5000, "currency": "yuan"}},
        {"success_time": None},
        {"success_time": "2026-11-20T16:15:29"},
        {"transaction_id": ""},
    ],
    ids=str,
)
async def test_g17_an_answer_that_does_not_fit_the_payment_says_nothing(told, change):
    payment = a_payment().payment_id
    answer = await told(lambda plugin: plugin.query(payment), (200, an_order(payment, **change)))
    assert answer.facts == ()
    assert isinstance(answer.problem, Unknown)


@pytest.mark.parametrize("code", ["ORDER_NOT_EXIST", "ORDERNOTEXIST"])
async def test_what_is_not_there_is_absent_closed_and_cancelled(told, code):
    payment = a_payment().payment_id
    gone = (404, {"code": code})
    [fact] = (await told(lambda plugin: plugin.query(payment), gone)).facts
    assert fact.standing is PaymentStanding.ABSENT
    assert await told(lambda plugin: plugin.close(payment), gone) == Done(payment)
    assert await told(lambda plugin: plugin.cancel(payment), gone) == Done(payment)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((204, None), "done"),
        ((400, {"code": "ORDER_CLOSED"}), "done"),
        ((400, {"code": "ORDERPAID"}), "paid"),
        ((200, {}), "unknown"),
        ((400, {"code": "USERPAYING"}), "unknown"),
        ((400, {"code": "INVALID_REQUEST"}), "unknown"),
        ((401, {"code": "SIGN_ERROR"}), "unknown"),
    ],
    ids=str,
)
async def test_closing(told, answer, outcome):
    """What cannot be closed is asked about once: it might be a code payment."""
    payment = a_payment().payment_id
    asked = [(200, an_order(payment))] if outcome == "unknown" else []
    closed = await told(lambda plugin: plugin.close(payment), answer, *asked)
    expected = {"done": Done(payment), "paid": Refused(Reason.USER, "paid")}
    assert closed == expected.get(outcome) or (outcome == "unknown" and isinstance(closed, Unknown))


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("SUCCESS", "paid"),
        ("REVOKED", "done"),
        ("USERPAYING", "reversed"),
        ("PAYERROR", "reversed"),
        ("NEW", "unknown"),
    ],
)
async def test_closing_a_code_payment_reverses_it_unless_it_is_paid(told, state, outcome):
    payment, platform = a_payment().payment_id, Platform()
    order = an_order(payment, trade_type="MICROPAY", trade_state=state)
    answers = [(400, {"code": "INVALID_REQUEST"}), (200, order)]
    if outcome == "reversed":
        answers.append((200, {"appid": APP, "mchid": MERCHANT, "out_trade_no": payment}))
    closed = await told(lambda plugin: plugin.close(payment), *answers, platform=platform)
    expected = {"paid": Refused(Reason.USER, "paid"), "done": Done(payment), "reversed": Done(payment)}
    assert closed == expected.get(outcome) or (outcome == "unknown" and isinstance(closed, Unknown))
    assert sent(platform)[1].endswith("/reverse") == (outcome == "reversed")


def a_refund_answer(request, status="PROCESSING", **changes):
    answer = {
        "refund_id": "5030001",
        "out_refund_no": request.refund_id,
        "out_trade_no": request.payment_id,
        "status": status,
        "amount": {"refund": request.amount.amount_minor, "total": 5000, "currency": "CNY"},
    }
    return {**answer, **changes}


@pytest.fixture
def refund():
    payment = a_payment().payment_id
    return RefundRequest(new_id("refund", 1), payment, "4200000000000001", Money(2000, "CNY"), "wrong number")


REFUND_STATES = {
    "PROCESSING": Accepted("5030001"),
    "SUCCESS": Done("5030001"),
    "CLOSED": Refused(Reason.CONFIGURATION, "CLOSED"),
    "ABNORMAL": Refused(Reason.USER, "ABNORMAL"),
}


@pytest.mark.parametrize("status", REFUND_STATES)
async def test_a_refund_says_what_was_paid_in_all_and_is_taken_in(told, refund, status):
    platform = Platform()
    answers = (200, an_order(refund.payment_id)), (200, a_refund_answer(refund, status))
    news = "https://shop.example/webhooks/wechatpay"
    outcome = await told(lambda plugin: plugin.refund(refund), *answers, platform=platform, refund_notify_url=news)
    assert outcome == REFUND_STATES[status]
    _, target, content = sent(platform)
    assert target == "/v3/refund/domestic/refunds"
    assert content["amount"] == {"refund": 2000, "total": 5000, "currency": "CNY"}
    assert (content["out_refund_no"], content["transaction_id"]) == (refund.refund_id, refund.reference)
    assert content["notify_url"] == news
    asked = await told(
        lambda plugin: plugin.query_refund(refund.refund_id, refund.payment_id), (200, a_refund_answer(refund, status))
    )
    assert asked == REFUND_STATES[status]


REFUND_REFUSALS = {
    "USER_ACCOUNT_ABNORMAL": Reason.USER,
    "NOT_ENOUGH": Reason.CONFIGURATION,
    "PARAM_ERROR": Reason.CONFIGURATION,
    "MCH_NOT_EXISTS": Reason.CONFIGURATION,
    "RESOURCE_NOT_EXISTS": Reason.CONFIGURATION,
    "SIGN_ERROR": Reason.CONFIGURATION,
    "INVALID_REQUEST": Reason.CONFIGURATION,
    "NO_AUTH": Reason.CONFIGURATION,
}


@pytest.mark.parametrize("code", REFUND_REFUSALS)
async def test_a_refund_that_was_not_taken_in(told, refund, code):
    answers = (200, an_order(refund.payment_id)), (403, {"code": code})
    assert await told(lambda plugin: plugin.refund(refund), *answers) == Refused(REFUND_REFUSALS[code], code)


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"code": "NEW"}),
        (500, {"code": "SYSTEM_ERROR"}),
        (200, {"status": "SUCCESS"}),
        (200, {"status": "NEW"}),
        (200, {"out_refund_no": "ref_00000000000000000000000000"}),
        (200, {"out_trade_no": "pay_00000000000000000000000000"}),
        (200, {"amount": {"refund": 1999, "total": 5000, "currency": "CNY"}}),
    ],
    ids=str,
)
async def test_a_refund_of_which_nobody_knows_what_became(told, refund, answer):
    status, content = answer
    if status == 200 and content != {"status": "SUCCESS"}:
        content = a_refund_answer(refund, **{"status": "SUCCESS", **content})
    outcome = await told(lambda plugin: plugin.refund(refund), (200, an_order(refund.payment_id)), (status, content))
    assert isinstance(outcome, Unknown)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"transaction_id": "4200000000000002"}, Refused),
        ({"trade_state": "NOTPAY"}, Refused),
        ({"mchid": "1900000002"}, Unknown),
        ({"trade_state": "NEW"}, Unknown),
    ],
    ids=str,
)
async def test_nothing_is_given_back_of_a_payment_that_is_not_there(told, refund, change, kind):
    outcome = await told(lambda plugin: plugin.refund(refund), (200, an_order(refund.payment_id, **change)))
    assert isinstance(outcome, kind)


async def test_a_refund_that_was_never_taken_in_is_absent(told, refund):
    def ask(plugin):
        return plugin.query_refund(refund.refund_id, refund.payment_id)

    assert await told(ask, (404, {"code": "RESOURCE_NOT_EXISTS"})) == Refused(Reason.ABSENT, "RESOURCE_NOT_EXISTS")
    assert isinstance(await told(ask, (404, {"code": "MCH_NOT_EXISTS"})), Unknown)
    assert isinstance(await told(ask, (401, {"code": "SIGN_ERROR"})), Unknown)


async def test_cancelling_reverses_a_code_payment_and_refunds_any_other(told):
    payment, platform = a_payment().payment_id, Platform()

    def ask(plugin):
        return plugin.cancel(payment)

    by_code = (200, an_order(payment, trade_type="MICROPAY"))
    reversed_ = (200, {"appid": APP, "mchid": MERCHANT, "out_trade_no": payment})
    assert await told(ask, by_code, reversed_, platform=platform) == Done(payment)
    assert sent(platform)[1] == f"/v3/pay/transactions/out-trade-no/{payment}/reverse"

    number = f"cancel-{payment}"
    refund = RefundRequest(number, payment, "4200000000000001", Money(5000, "CNY"), "")
    taken = (200, a_refund_answer(refund))
    assert await told(ask, (200, an_order(payment)), taken, platform=platform) == Accepted("5030001")
    assert sent(platform)[2]["out_refund_no"] == number
    done = (200, a_refund_answer(refund, "SUCCESS"))
    assert await told(ask, (200, an_order(payment, trade_state="REFUND")), done) == Done("5030001")

    assert await told(ask, (200, an_order(payment, trade_state="NOTPAY")), (204, None)) == Done(payment)
    assert await told(ask, (200, an_order(payment, trade_state="CLOSED"))) == Done(payment)
    paid_meanwhile = await told(ask, (200, an_order(payment, trade_state="NOTPAY")), (400, {"code": "ORDERPAID"}))
    assert isinstance(paid_meanwhile, Unknown), "it is cancelled when it is asked for again"
