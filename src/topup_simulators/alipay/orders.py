"""What a merchant may write of an order, a refund or a day: read as strictly as Alipay does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from topup_simulators.alipay.seal import CHINA, Call
from topup_simulators.payments.terms import Rejected, Terms
from topup_simulators.post import is_on_this_machine

PAGES: Final = {
    "alipay.trade.wap.pay": ("QUICK_WAP_WAY", "QUICK_WAP_PAY"),
    "alipay.trade.page.pay": ("FAST_INSTANT_TRADE_PAY",),
}
"""Methods whose answer is a page, and the products they must name one of."""
_FACE_TO_FACE: Final = {
    "alipay.trade.precreate": ("", "FACE_TO_FACE_PAYMENT", "OFFLINE_PAYMENT", "QR_CODE_OFFLINE"),
    "alipay.trade.pay": ("", "FACE_TO_FACE_PAYMENT", "OFFLINE_PAYMENT"),
}
"""The same of calls, which may leave it out."""
WITHHOLDING: Final = ("CYCLE_PAY_AUTH", "GENERAL_WITHHOLDING")
"""What payments by an agreement must name."""
_INVALID: Final = "ACQ.INVALID_PARAMETER"
_NUMBER: Final = re.compile(r"[0-9A-Za-z_]{1,64}", re.ASCII)
_AMOUNT: Final = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", re.ASCII)
_SPAN: Final = re.compile(r"(\d{1,4})([mhd])", re.ASCII)
_SPANS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_PAYMENT_CODE: Final = re.compile(r"(2[5-9]|30)\d{14,22}", re.ASCII)
_LARGEST_MINOR: Final = 10_000_000_000
_LONGEST_SUBJECT: Final = 256
_USUAL_SPAN: Final = timedelta(days=15)


@dataclass(frozen=True, slots=True)
class RefundAsked:
    """A refund as it was asked for; without a number of its own it has the order's."""

    out_trade_no: str
    trade_no: str
    out_request_no: str
    amount_minor: int


def order(call: Call, *, product: str, known: Terms | None, now: datetime) -> Terms:
    """The order that a call begins. Raises Rejected. `known` is the same order, if it was begun before: without a
    deadline in the call, its own stays.
    """
    content = call.content
    subject = _text(content, "subject")
    if not subject or len(subject) > _LONGEST_SUBJECT or set(subject) & set("/=&"):
        raise Rejected(_INVALID)
    if call.notify_url and not is_on_this_machine(call.notify_url):
        raise Rejected("isv.invalid-notify-url")
    if call.return_url and urlsplit(call.return_url).scheme not in ("http", "https"):
        raise Rejected("isv.invalid-return-url")
    agreed = call.method == "alipay.trade.pay" and "agreement_params" in content
    if _text(content, "product_code") not in (WITHHOLDING if agreed else {**PAGES, **_FACE_TO_FACE}[call.method]):
        raise Rejected(_INVALID)
    return Terms(
        payment_id=number(content, "out_trade_no"),
        amount_minor=amount(content, "total_amount"),
        currency="CNY",
        description=subject,
        return_url=call.return_url,
        notify_url=call.notify_url,
        expires_at=_deadline(content, known, now),
        facts={"product": product},
    )


def payment_code(content: Mapping[str, Any]) -> str:
    """The code that a payer's phone showed. Raises Rejected where it is none."""
    if _text(content, "scene") not in ("bar_code", "wave_code"):
        raise Rejected(_INVALID)
    code = _text(content, "auth_code")
    if _PAYMENT_CODE.fullmatch(code) is None:
        raise Rejected("ACQ.PAYMENT_AUTH_CODE_INVALID")
    return code


def refund(content: Mapping[str, Any]) -> RefundAsked:
    """Raises Rejected."""
    trade_no = _text(content, "trade_no")
    if not trade_no:
        number(content, "out_trade_no")
    out_trade_no = _text(content, "out_trade_no")
    return RefundAsked(
        out_trade_no=out_trade_no,
        trade_no=trade_no,
        out_request_no=_text(content, "out_request_no") or out_trade_no,
        amount_minor=amount(content, "refund_amount"),
    )


def number(content: Mapping[str, Any], name: str) -> str:
    """A number of the merchant's: letters, digits and underscores. Raises Rejected."""
    text = _text(content, name)
    if _NUMBER.fullmatch(text) is None:
        raise Rejected(_INVALID)
    return text


def amount(content: Mapping[str, Any], name: str) -> int:
    """An amount in fen: written in yuan, at most two decimals, more than nothing. Raises Rejected.

    A number is taken for the text it is written as, as Alipay does for merchants who do not quote it.
    """
    value = content.get(name, "")
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or _AMOUNT.fullmatch(text) is None:
        raise Rejected(_INVALID)
    minor = int(Decimal(text) * 100)
    if not 0 < minor <= _LARGEST_MINOR:
        raise Rejected("ACQ.TOTAL_FEE_EXCEED" if minor else _INVALID)
    return minor


def day(content: Mapping[str, Any]) -> datetime:
    """The first moment of the day of a bill. Raises Rejected."""
    if _text(content, "bill_type") != "trade":
        raise Rejected("isv.invalid-parameter")
    try:
        return datetime.strptime(_text(content, "bill_date"), "%Y-%m-%d").replace(tzinfo=CHINA)
    except ValueError:
        raise Rejected("isv.invalid-parameter") from None


def _deadline(content: Mapping[str, Any], known: Terms | None, now: datetime) -> datetime:
    until, span = _text(content, "time_expire"), _text(content, "timeout_express")
    if until:
        if _MOMENT.fullmatch(until) is None:
            raise Rejected(_INVALID)
        try:
            return datetime.fromisoformat(until).replace(tzinfo=CHINA).astimezone(UTC)
        except ValueError:
            raise Rejected(_INVALID) from None
    if known is not None:
        return known.expires_at
    if not span:
        return now + _USUAL_SPAN
    matched = _SPAN.fullmatch(span)
    if matched is None:
        raise Rejected(_INVALID)
    return now + int(matched[1]) * _SPANS[matched[2]]


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name, "")
    if not isinstance(value, str):
        raise Rejected(_INVALID)
    return value
