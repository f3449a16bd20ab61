"""How Alipay tells a merchant something: a form, signed, resent over 25 hours until exactly `success` is answered."""

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from topup_simulators.alipay.seal import CHINA, Seal
from topup_simulators.payments.book import Book
from topup_simulators.payments.voice import News

BUYER: Final = {"buyer_id": "2088102116773037", "buyer_logon_id": "sim***@example.com"}
_MINUTES: Final = (4, 10, 10, 60, 120, 360, 900)


class AlipayVoice:
    """Speaks for one application to one merchant. Of what was declined, Alipay says nothing; nor of refused refunds."""

    resend_after_s: Sequence[float] = tuple(60.0 * minutes for minutes in _MINUTES)

    def __init__(self, *, seal: Seal, book: Book, app_id: str, seller_id: str) -> None:
        self._seal = seal
        self._book = book
        self._app_id = app_id
        self._seller_id = seller_id

    def news(self, kind: str, payment: sqlite3.Row, facts: Mapping[str, Any]) -> News | None:
        """The fields of a notice; its bytes are the same however often it is sent."""
        if kind in ("payment.paid", "payment.finished"):
            status = "TRADE_SUCCESS" if kind == "payment.paid" else "TRADE_FINISHED"
            return {**self._trade(payment, status), **_money(facts)}
        if kind == "payment.closed":
            return {**self._trade(payment, "TRADE_CLOSED"), "gmt_close": spell(datetime.now(UTC))}
        return self._refund(payment, facts) if kind == "refund.done" else None

    def renamed(self, news: News) -> News:
        """The same under another notify_id."""
        return {**news, "notify_id": _notify_id()}

    def spoken(self, news: News, *, forged: bool) -> tuple[dict[str, str], bytes]:
        """Headers and body to be posted; `forged` is signed with a stranger's key."""
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return headers, self._seal.notice(news, forged=forged)

    def heard(self, status: int, body: bytes) -> bool:
        """200 and exactly `success`."""
        return (status, body) == (200, b"success")

    def _trade(self, payment: sqlite3.Row, status: str) -> dict[str, str]:
        terms = self._book.terms(payment["payment_id"])
        now = datetime.now(UTC)
        return {
            "notify_id": _notify_id(),
            "notify_type": "trade_status_sync",
            "notify_time": spell(now),
            "charset": "utf-8",
            "version": "1.0",
            "app_id": self._app_id,
            "auth_app_id": self._app_id,
            "seller_id": self._seller_id,
            "seller_email": "shop@example.com",
            "out_trade_no": payment["payment_id"],
            "trade_no": self._book.reference(payment["payment_id"], now),
            "trade_status": status,
            "total_amount": yuan(payment["amount_minor"]),
            "subject": terms.description if terms else "",
            "gmt_create": spell(now),
            **BUYER,
        }

    def _refund(self, payment: sqlite3.Row, refund: Mapping[str, Any]) -> News | None:
        charge = self._book.charge_of(payment["payment_id"], refund["charge"])
        if charge is None:
            return None
        given_back = self._book.refunded(refund["charge"])
        status = "TRADE_CLOSED" if given_back >= charge["amount_minor"] else "TRADE_SUCCESS"
        at = datetime.fromisoformat(refund["at"]).astimezone(CHINA)
        return {
            **self._trade(payment, status),
            **_money(dict(charge)),
            "refund_fee": yuan(given_back),
            "gmt_refund": f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}",
            "out_biz_no": refund["refund_id"],
        }


def _money(charge: Mapping[str, Any]) -> dict[str, str]:
    """What a notice says of money that came; every amount is what was really paid."""
    amount = yuan(charge["amount_minor"])
    return {
        "trade_no": charge["reference"],
        "total_amount": amount,
        "receipt_amount": amount,
        "invoice_amount": amount,
        "buyer_pay_amount": amount,
        "point_amount": "0.00",
        "fund_bill_list": f'[{{"amount":"{amount}","fundChannel":"ALIPAYACCOUNT"}}]',
        "gmt_payment": spell(datetime.fromisoformat(charge["paid_at"])),
    }


def yuan(minor: int) -> str:
    """An amount as Alipay writes it."""
    return f"{minor // 100}.{minor % 100:02}"


def spell(moment: datetime) -> str:
    """A moment as Alipay writes it: China's time, which it does not name."""
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _notify_id() -> str:
    return "".join(secrets.choice("0123456789") for _ in range(34))
