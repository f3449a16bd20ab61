"""What WeChat Pay's codes and states mean here. Whatever is on none of these lists is Unknown."""

from typing import Final

from topup.kernel.ids import PaymentId, RefundId, is_id
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.outcome import Accepted, Done, Outcome, Reason, Refused, Unknown
from topup.payments.ports import Decline, EventRejected, PaymentFact, PaymentStanding, RefundFact
from topup.plugins.payments.wechatpay.shapes import Order, RefundNews
from topup.plugins.payments.wechatpay.trust import Distrusted
from topup.plugins.payments.wechatpay.wire import Answer

THROTTLED: Final = frozenset({"FREQUENCY_LIMITED", "FREQUENCY_LIMIT_EXCEED", "RATELIMIT_EXCEEDED"})
"""Asked to wait: not taken in."""
ABSENT: Final = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST"})
"""No such order. The documentation has had both spellings."""
REFUND_ABSENT: Final = "RESOURCE_NOT_EXISTS"
PAID: Final = frozenset({"ORDERPAID", "ORDER_PAID"})
CLOSED: Final = frozenset({"ORDER_CLOSED", "ORDERCLOSED"})
PAYING: Final = "USERPAYING"
"""The payer is entering the password: 202, and in an order its `trade_state`."""

# Refused before an order was made, and a person of ours must mend it. INVALID_REQUEST is none of them: the same
# number with other content is answered with it, whatever became of the first.
_OURS_TO_MEND: Final = frozenset({"PARAM_ERROR", "SIGN_ERROR", "NO_AUTH", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS"})
_PAYERS: Final = frozenset({"RULE_LIMIT", "RULELIMIT", "ACCOUNT_ERROR", "OPENID_MISMATCH"})
CODE_REFUSED: Final = frozenset(
    {"AUTH_CODE_INVALID", "AUTH_CODE_EXPIRED", "AUTH_CODE_ERROR", "NOT_ENOUGH", "NOTENOUGH", "RULE_LIMIT", "RULELIMIT"}
)
"""A payment code was refused. The code that was used a moment ago, under this very number, is refused likewise: so it
is asked what became of the number."""
_DECLINES: Final = {
    "AUTH_CODE_INVALID": Decline.CODE,
    "AUTH_CODE_EXPIRED": Decline.CODE,
    "AUTH_CODE_ERROR": Decline.CODE,
    "NOT_ENOUGH": Decline.FUNDS,
    "NOTENOUGH": Decline.FUNDS,
    "RULE_LIMIT": Decline.LIMIT,
    "RULELIMIT": Decline.LIMIT,
}
_REFUND_REASONS: Final = {
    "USER_ACCOUNT_ABNORMAL": Reason.USER,
    "NOT_ENOUGH": Reason.CONFIGURATION,
    "PARAM_ERROR": Reason.CONFIGURATION,
    "MCH_NOT_EXISTS": Reason.CONFIGURATION,
    "RESOURCE_NOT_EXISTS": Reason.CONFIGURATION,
    "SIGN_ERROR": Reason.CONFIGURATION,
    "INVALID_REQUEST": Reason.CONFIGURATION,
    "NO_AUTH": Reason.CONFIGURATION,
}
_STANDINGS: Final = {
    "SUCCESS": PaymentStanding.PAID,
    "REFUND": PaymentStanding.PAID,  # paid, and some of it given back
    "NOTPAY": PaymentStanding.WAITING,
    "USERPAYING": PaymentStanding.WAITING,
    "CLOSED": PaymentStanding.CLOSED,
    "REVOKED": PaymentStanding.CLOSED,  # what was paid went back
    "PAYERROR": PaymentStanding.DECLINED,
}
_CANCEL: Final = "cancel-"


def refused_start(answer: Answer) -> Refused | Unknown:
    """Why a payment did not begin."""
    if answer.code in _OURS_TO_MEND:
        return Refused(Reason.CONFIGURATION, answer.code)
    return Refused(Reason.USER, decline_of(answer)) if answer.code in _PAYERS else unlisted(answer)


def decline_of(answer: Answer) -> Decline:
    """What a payer is told who was refused; what is on no list is the wallet's no."""
    return _DECLINES.get(answer.code, Decline.BY_BANK)


def refused_refund(answer: Answer) -> Refused | Unknown:
    """Why a refund was not taken in, as the documentation of the call says: each of them is final."""
    reason = _REFUND_REASONS.get(answer.code)
    return unlisted(answer) if reason is None else Refused(reason, answer.code)


def unlisted(answer: Answer) -> Unknown:
    """A code, or a success, that is on no list."""
    return Unknown(f"unlisted: {answer.status} {answer.code[:40]}")


def fact_of(order: Order, *, merchant: str, app: str) -> PaymentFact:
    """What an order says. Raises Distrusted where it is another merchant's, or says something we do not understand."""
    if order.mchid != merchant or order.appid not in ("", app):
        raise Distrusted("for another merchant")
    standing = _STANDINGS.get(order.trade_state)
    if standing is None:
        raise Distrusted(f"unlisted: {order.trade_state[:40]}")
    payment_id = PaymentId(order.out_trade_no)
    if standing is not PaymentStanding.PAID:
        reason = Decline.BY_BANK if standing is PaymentStanding.DECLINED else ""
        return PaymentFact(payment_id, standing, "", None, None, reason=reason)
    if order.amount is None or order.success_time is None or not order.transaction_id or not order.appid:
        raise Distrusted("paid, without saying what or when")
    try:
        money = Money(order.amount.total, order.amount.currency)
    except InvalidMoney:
        raise Distrusted("the amount cannot be read") from None
    return PaymentFact(payment_id, standing, order.transaction_id, money, order.success_time)


def standing(payment_id: PaymentId, what: PaymentStanding) -> PaymentFact:
    """A fact without money."""
    return PaymentFact(payment_id, what, "", None, None)


def refund_outcome(status: str, reference: str) -> Outcome | None:
    """What a refund's state means; None for one that is on no list.

    CLOSED: the money is with us again. ABNORMAL: it left us, and the payer's card did not take it; it lies with
    WeChat Pay until a person names another card at the merchant platform.
    """
    match status:
        case "SUCCESS":
            return Done(reference)
        case "PROCESSING":
            return Accepted(reference)
        case "CLOSED":
            return Refused(Reason.CONFIGURATION, status)
        case "ABNORMAL":
            return Refused(Reason.USER, status)
        case _:
            return None


def refund_fact(news: RefundNews, *, merchant: str) -> RefundFact | None:
    """What an event says of a refund; None where it is a cancelled payment's. Raises EventRejected."""
    if news.mchid != merchant:
        raise EventRejected("for another merchant")
    outcome = refund_outcome(news.refund_status, news.refund_id)
    if outcome is None or isinstance(outcome, Accepted):
        raise EventRejected("a refund's news without its end")
    if cancelled_payment(news.out_refund_no) is not None:
        return None
    if not is_id("refund", news.out_refund_no):
        raise EventRejected("of a refund that is not ours")
    return RefundFact(RefundId(news.out_refund_no), outcome)


def cancel_number(payment_id: PaymentId) -> str:
    """Under which number what was paid of a cancelled payment goes back: the same each time."""
    return f"{_CANCEL}{payment_id}"


def cancelled_payment(number: str) -> str | None:
    """The payment whose cancelling gave a refund this number."""
    return number.removeprefix(_CANCEL) if number.startswith(_CANCEL) else None
