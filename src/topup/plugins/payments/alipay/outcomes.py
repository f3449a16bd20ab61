"""What Alipay's codes mean. A code on no list here is Unknown: it is asked about, and nothing is sent again.

From the error tables of the open platform's documentation (alipay.trade.pay, precreate, refund, cancel, close;
alipay.user.agreement.query, unsign), and the public codes of its gateway.
"""

from typing import Final

from topup.kernel.outcome import NotSent, Outcome, Reason, Refused, Throttled, Unknown
from topup.payments.ports import Decline
from topup.plugins.payments.alipay.wire import Answer

SUCCESS: Final = "10000"
PAYER_CONFIRMS: Final = "10003"
"""Only of a payment code: the payer is asked on the phone."""
_FAILED: Final = "40004"
_TOO_MANY: Final = "40005"

# The call itself was turned away before anything was done for its sake: who we are, or what we may ask.
_TURNED_AWAY: Final = frozenset({"20001", "40001", "40002", "40003", "40006"})

NOT_FOUND: Final = frozenset({"ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST"})
NOT_WAITING: Final = frozenset(
    {"ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID", "ACQ.REASON_ILLEGAL_STATUS", "TRADE_STATUS_ERROR"}
)
"""The payment is paid or over: which of the two, a query tells."""
NO_BILL: Final = frozenset({"isp.bill_not_exist", "isv.bill_not_exist"})

NO_AGREEMENT: Final = frozenset({"USER_AGREEMENT_NOT_EXIST", "ACQ.USER_AGREEMENT_NOT_EXIST"})

_USER: Final = Reason.USER
_OURS: Final = Reason.CONFIGURATION

# ACQ.TRADE_HAS_SUCCESS, ACQ.TRADE_HAS_CLOSE and ACQ.CONTEXT_INCONSISTENT are none of these: the number is known, and
# what became of it is asked about.
START: Final = {
    "ACQ.PAYMENT_AUTH_CODE_INVALID": _USER,
    "ACQ.BUYER_BALANCE_NOT_ENOUGH": _USER,
    "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH": _USER,
    "ACQ.ERROR_BALANCE_PAYMENT_DISABLE": _USER,
    "ACQ.BUYER_SELLER_EQUAL": _USER,
    "ACQ.TRADE_BUYER_NOT_MATCH": _USER,
    "ACQ.BUYER_ENABLE_STATUS_FORBID": _USER,
    "ACQ.BUYER_NOT_EXIST": _USER,
    "ACQ.MOBILE_PAYMENT_SWITCH_OFF": _USER,
    "ACQ.USER_FACE_PAYMENT_SWITCH_OFF": _USER,
    "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE": _USER,
    "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR": _USER,
    "ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR": _USER,
    "ACQ.PAYMENT_REQUEST_HAS_RISK": _USER,
    "ACQ.AGREEMENT_ERROR": _USER,
    "ACQ.AGREEMENT_INVALID": _USER,
    "ACQ.AGREEMENT_NOT_EXIST": _USER,
    "ACQ.AGREEMENT_STATUS_NOT_NORMAL": _USER,
    "ACQ.CYCLE_PAY_DATE_NOT_MATCH": _USER,
    "ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED": _USER,
    "ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED": _USER,
    "ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED": _USER,
    "ACQ.MERCHANT_AGREEMENT_NOT_EXIST": _OURS,
    "ACQ.MERCHANT_AGREEMENT_INVALID": _OURS,
    "ACQ.MERCHANT_STATUS_NOT_NORMAL": _OURS,
    "ACQ.TOTAL_FEE_EXCEED": _OURS,
    "ACQ.INVALID_PARAMETER": _OURS,
    "ACQ.ACCESS_FORBIDDEN": _OURS,
    "ACQ.EXIST_FORBIDDEN_WORD": _OURS,
    "ACQ.PARTNER_ERROR": _OURS,
    "ACQ.SELLER_NOT_EXIST": _OURS,
    "ACQ.BEYOND_PAY_RESTRICTION": _OURS,
    "ACQ.BEYOND_PER_RECEIPT_RESTRICTION": _OURS,
    "ACQ.SELLER_BEEN_BLOCKED": _OURS,
}
# Those of them that are the payer's, in words for the payer; the others are the wallet's no.
_DECLINES: Final = {
    "ACQ.PAYMENT_AUTH_CODE_INVALID": Decline.CODE,
    "ACQ.BUYER_BALANCE_NOT_ENOUGH": Decline.FUNDS,
    "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH": Decline.FUNDS,
    "ACQ.ERROR_BALANCE_PAYMENT_DISABLE": Decline.UNSUPPORTED,
    "ACQ.MOBILE_PAYMENT_SWITCH_OFF": Decline.UNSUPPORTED,
    "ACQ.USER_FACE_PAYMENT_SWITCH_OFF": Decline.UNSUPPORTED,
    "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE": Decline.UNSUPPORTED,
    "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR": Decline.LIMIT,
    "ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR": Decline.LIMIT,
    "ACQ.AGREEMENT_ERROR": Decline.UNSUPPORTED,
    "ACQ.AGREEMENT_INVALID": Decline.UNSUPPORTED,
    "ACQ.AGREEMENT_NOT_EXIST": Decline.UNSUPPORTED,
    # It is paused, and may go on; the next attempt finds one that ended gone.
    "ACQ.AGREEMENT_STATUS_NOT_NORMAL": Decline.AGAIN,
    # Its day comes: the next attempt may be in time.
    "ACQ.CYCLE_PAY_DATE_NOT_MATCH": Decline.AGAIN,
    "ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED": Decline.LIMIT,
    "ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED": Decline.LIMIT,
    "ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED": Decline.LIMIT,
}
# The states of the trade (ACQ.TRADE_STATUS_ERROR, ACQ.TRADE_HAS_CLOSE) are none of these: a refund that took all that
# was left may have closed it. ACQ.DISCORDANT_REPEAT_REQUEST says that the number was used for another amount.
REFUND: Final = {
    "ACQ.BUYER_NOT_EXIST": _USER,
    "ACQ.BUYER_ENABLE_STATUS_FORBID": _USER,
    "ACQ.BUYER_ERROR": _USER,
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": _OURS,
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": _OURS,
    "ACQ.REASON_TRADE_REFUND_FEE_ERR": _OURS,
    "ACQ.REFUND_FEE_ERROR": _OURS,
    "ACQ.REASON_TRADE_BEEN_FREEZEN": _OURS,
    "ACQ.TRADE_HAS_FINISHED": _OURS,
    "ACQ.TRADE_NOT_ALLOW_REFUND": _OURS,
    "ACQ.TRADE_NOT_EXIST": _OURS,
    "ACQ.INVALID_PARAMETER": _OURS,
    "ACQ.ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND": _OURS,
}
CANCEL: Final = {
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": _OURS,
    "ACQ.REASON_TRADE_BEEN_FREEZEN": _OURS,
    "ACQ.REASON_TRADE_REFUND_FEE_ERR": _OURS,
    "ACQ.TRADE_CANCEL_TIME_OUT": _OURS,
    "ACQ.TRADE_HAS_FINISHED": _OURS,
    "ACQ.CANCEL_NOT_ALLOWED": _OURS,
    "ACQ.INVALID_PARAMETER": _OURS,
}

Problem = NotSent | Throttled | Unknown | Refused


def problem(answer: Answer) -> Throttled | Refused | None:
    """What an answer says of the call itself, before what was asked; None where it was taken in."""
    if answer.code == _TOO_MANY:
        return Throttled(1)
    return Refused(_OURS, answer.sub_code or answer.code) if answer.code in _TURNED_AWAY else None


def refusal(answer: Answer, listed: dict[str, Reason]) -> Outcome:
    """What an answer says that is no success."""
    if answer.code == _FAILED and answer.sub_code in listed:
        return Refused(listed[answer.sub_code], answer.sub_code)
    return unlisted(answer)


def not_begun(answer: Answer) -> Outcome:
    """Why a payment did not begin; in the port's word, where it is the payer's affair."""
    outcome = refusal(answer, START)
    if isinstance(outcome, Refused) and outcome.reason is _USER:
        return Refused(_USER, _DECLINES.get(answer.sub_code, Decline.BY_BANK))
    return outcome


def is_not_found(answer: Answer) -> bool:
    """Whether Alipay positively has no such trade."""
    return answer.code == _FAILED and answer.sub_code in NOT_FOUND


def has_no_agreement(answer: Answer) -> bool:
    """Whether Alipay positively has no such agreement that could be charged or ended."""
    return answer.code == _FAILED and answer.sub_code in NO_AGREEMENT


def is_not_waiting(answer: Answer) -> bool:
    """Whether the trade is in a state that does not allow what was asked."""
    return answer.code == _FAILED and answer.sub_code in NOT_WAITING


def unlisted(answer: Answer) -> Unknown:
    """Not understood."""
    return Unknown(f"unlisted: {answer.code[:8]} {answer.sub_code[:60]}")


def unanswered(one: Problem) -> Outcome:
    """A question that was turned away says nothing of what it asked about."""
    return Unknown(f"the question was refused: {one.code}") if isinstance(one, Refused) else one
