"""How WeChat Pay tells its merchant something: sealed, signed afresh at each sending, until 200 or 204 is heard.

It tells of payments and of refunds that came to their end; of nothing that was declined or closed, and never of a
payment code, whose payment the merchant must ask about.
"""

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from topup_simulators.payments.book import Book
from topup_simulators.payments.voice import News
from topup_simulators.wechatpay.seal import APP, MERCHANT, Seal

CHINA: Final = timezone(timedelta(hours=8))
CODE_PAYMENT: Final = "MICROPAY"
# Seconds between one sending and the next, as documented: 24 hours and 4 minutes in all.
_RESEND_AFTER_S: Final = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
_HEARD: Final = (200, 204)
_REFUNDS: Final = {
    "refund.done": ("REFUND.SUCCESS", "退款成功", "SUCCESS"),
    "refund.refused": ("REFUND.ABNORMAL", "退款异常", "ABNORMAL"),
}


class WechatVoice:
    """Speaks for WeChat Pay."""

    resend_after_s: Sequence[float] = _RESEND_AFTER_S

    def __init__(self, *, seal: Seal, book: Book) -> None:
        self._seal = seal
        self._book = book

    def news(self, kind: str, payment: sqlite3.Row, facts: Mapping[str, Any]) -> News | None:
        """What is told; the content is sealed when it is sent."""
        terms = self._book.terms(payment["payment_id"])
        trade_type = "" if terms is None else terms.facts.get("trade_type", "")
        if kind == "payment.paid" and trade_type != CODE_PAYMENT:
            content = order(payment["payment_id"], "SUCCESS", trade_type, facts)
            return _notice("TRANSACTION.SUCCESS", "支付成功", "transaction", content)
        if kind in _REFUNDS:
            event_type, summary, status = _REFUNDS[kind]
            return _notice(event_type, summary, "refund", _refund(payment, facts, status))
        return None

    def renamed(self, news: News) -> News:
        """The same under another id."""
        return {**news, "id": _event_id()}

    def spoken(self, news: News, *, forged: bool) -> tuple[dict[str, str], bytes]:
        """Headers and body; a forged one is a probe, whose signature is wrong on purpose."""
        content = json.dumps(news["content"], ensure_ascii=False, separators=(",", ":")).encode()
        sealed = self._seal.sealed(content, news["original_type"], news["nonce"])
        notice = {
            "id": news["id"],
            "create_time": news["create_time"],
            "resource_type": "encrypt-resource",
            "event_type": news["event_type"],
            "summary": news["summary"],
            "resource": {"original_type": news["original_type"], **sealed},
        }
        body = json.dumps(notice, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "Mozilla/4.0"}
        return headers | self._seal.signed(body, probe=forged), body

    def heard(self, status: int, _body: bytes) -> bool:
        """200 or 204, whatever the body says."""
        return status in _HEARD


def order(payment_id: str, state: str, trade_type: str, charge: Mapping[str, Any] | None) -> dict[str, Any]:
    """An order as queries, events and payment codes have it; `charge` where it was paid."""
    about = {
        "appid": APP,
        "mchid": MERCHANT,
        "out_trade_no": payment_id,
        "trade_state": state,
        "trade_state_desc": state,
    }
    if charge is None:
        return about
    return about | {
        "transaction_id": charge["reference"],
        "trade_type": trade_type,
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": in_china(charge["paid_at"]).isoformat(timespec="seconds"),
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {
            "total": charge["amount_minor"],
            "payer_total": charge["amount_minor"],
            "currency": charge["currency"],
            "payer_currency": charge["currency"],
        },
    }


def in_china(moment: str) -> datetime:
    """A moment of the book in China Standard Time."""
    return datetime.fromisoformat(moment).astimezone(CHINA)


def _refund(payment: sqlite3.Row, refund: Mapping[str, Any], status: str) -> dict[str, Any]:
    amount, total = refund["amount_minor"], payment["amount_minor"]
    ended = {"success_time": in_china(refund["at"]).isoformat(timespec="seconds")} if status == "SUCCESS" else {}
    return {
        "mchid": MERCHANT,
        "out_trade_no": payment["payment_id"],
        "transaction_id": refund["charge"],
        "out_refund_no": refund["refund_id"],
        "refund_id": refund["reference"],
        "refund_status": status,
        "user_received_account": "支付用户零钱",
        "amount": {"total": total, "refund": amount, "payer_total": total, "payer_refund": amount},
        **ended,
    }


def _notice(event_type: str, summary: str, original_type: str, content: Mapping[str, Any]) -> News:
    return {
        "id": _event_id(),
        "create_time": datetime.now(UTC).astimezone(CHINA).isoformat(timespec="seconds"),
        "event_type": event_type,
        "summary": summary,
        "original_type": original_type,
        "nonce": secrets.token_hex(6),
        "content": content,
    }


def _event_id() -> str:
    return f"EV-{secrets.token_hex(14)}"
