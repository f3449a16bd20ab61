"""Refunds on the wire."""

import re
import sqlite3
from typing import Annotated, Any, Final, Literal

import msgspec

from topup_simulators.payments.terms import Rejected
from topup_simulators.wechatpay.voice import in_china

_NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}", re.ASCII)
_STATES: Final = {"pending": "PROCESSING", "done": "SUCCESS", "refused": "ABNORMAL"}


class _Amount(msgspec.Struct):
    refund: Annotated[int, msgspec.Meta(ge=1)]
    total: Annotated[int, msgspec.Meta(ge=1)]
    currency: Literal["CNY"]


class Asked(msgspec.Struct):
    """The body of a refund; the payment by WeChat Pay's number or by the merchant's."""

    out_refund_no: str
    amount: _Amount
    transaction_id: str = ""
    out_trade_no: str = ""
    reason: Annotated[str, msgspec.Meta(max_length=80)] = ""
    notify_url: Annotated[str, msgspec.Meta(max_length=255)] = ""


def read_refund(body: bytes) -> Asked:
    """Raises Rejected PARAM_ERROR."""
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Rejected("PARAM_ERROR") from None
    if _NUMBER.fullmatch(asked.out_refund_no) is None or not (asked.transaction_id or asked.out_trade_no):
        raise Rejected("PARAM_ERROR")
    return asked


def refund_answer(refund: sqlite3.Row, total: int, *, taken_in: bool) -> dict[str, Any]:
    """A refund as its answer and the query have it; `taken_in` where nobody knows its end yet."""
    status = "PROCESSING" if taken_in else _STATES[refund["status"]]
    at = in_china(refund["at"]).isoformat(timespec="seconds")
    return {
        "refund_id": refund["reference"],
        "out_refund_no": refund["refund_id"],
        "transaction_id": refund["charge"],
        "out_trade_no": refund["payment_id"],
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": at,
        "status": status,
        "funds_account": "AVAILABLE",
        "amount": {
            "total": total,
            "refund": refund["amount_minor"],
            "payer_total": total,
            "payer_refund": refund["amount_minor"],
            "settlement_refund": refund["amount_minor"],
            "settlement_total": total,
            "discount_refund": 0,
            "currency": refund["currency"],
        },
        **({"success_time": at} if status == "SUCCESS" else {}),
    }
