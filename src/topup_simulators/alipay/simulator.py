"""The process of Alipay's simulator: its wire around the shared parts, and which address belongs to which part."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from topup_simulators.alipay import agreements, orders
from topup_simulators.alipay.api import Api
from topup_simulators.alipay.seal import CHINA, Seal
from topup_simulators.alipay.voice import AlipayVoice
from topup_simulators.payments.book import Book
from topup_simulators.payments.keys import private_directory
from topup_simulators.payments.terms import Rejected, Terms
from topup_simulators.payments.till import Till
from topup_simulators.web import Answer, Misbehaviour, Request

_APP_ID: Final = "2021000000000001"
_SELLER_ID: Final = "2088000000000001"
_OUTCOMES: Final = ("pay", "decline", "late", "silent")
"""A trade is paid once: nobody pays the same one twice here."""
_OWN: Final = {
    "title": ("模拟支付宝", "模擬支付寶", "Simulated Alipay"),
    "band": ("支付宝模拟器 · 不会真的扣款", "支付寶模擬器 · 不會真的扣款", "ALIPAY SIMULATOR · no real money moves"),
}


class Alipay:
    """Alipay with one application of one merchant, whose keys it makes as the portal would."""

    kind = "alipay"

    def __init__(self, *, state_directory: Path, time_factor: float, resend_factor: float) -> None:
        directory = private_directory(state_directory)
        self._seal = seal = Seal(directory, app_id=_APP_ID)
        self._url = ""
        self._till = till = Till(
            file=directory / "alipay.sqlite",
            voice=lambda book: AlipayVoice(seal=seal, book=book, app_id=_APP_ID, seller_id=_SELLER_ID),
            enter=self._enter,
            time_factor=time_factor,
            resend_factor=resend_factor,
            payee=_SELLER_ID,
            reference=trade_no,
            outcomes=_OUTCOMES,
            one_currency=True,
            own=_OWN,
            accent="#0958d9",
            schema=agreements.SCHEMA,
            hears_no=lambda terms: terms.facts.get("product") in ("CODE", "AGREED"),
        )
        self.store = till.store
        self.agenda = till.agenda
        self._agreements = agreed = agreements.Agreements(
            till=till, seal=seal, app_id=_APP_ID, payee=_SELLER_ID, own=_OWN
        )
        self._api = Api(till=till, seal=seal, agreements=agreed, seller_id=_SELLER_ID, address=lambda: self._url)

    def announce(self, url: str) -> Mapping[str, Any]:
        """The complete settings of the plugin, and the certificates with which it may be used instead of the key."""
        self._url = url
        app, alipay, roots = self._seal.certificates
        return {
            "plugin": {
                "base_url": url,
                "app_id": _APP_ID,
                "seller_id": _SELLER_ID,
                "private_key_file": str(self._seal.private_key_file),
                "alipay_public_key_file": str(self._seal.public_key_file),
                "withholding": "CYCLE_PAY_AUTH",
                "withholding_scene": "INDUSTRY|SIMULATION",
            },
            "certificates": {
                "app_certificate_file": str(app),
                "alipay_certificate_file": str(alipay),
                "alipay_root_certificate_file": str(roots),
            },
        }

    async def handle(self, request: Request) -> Answer | Misbehaviour:
        """Answer one request."""
        if request.path == "/gateway.do":
            return self._gateway(request)
        if request.path == "/downloadBillFile.resource":
            return self._api.file(parse_qs(request.query).get("fileId", [""])[0])
        if request.path.startswith("/control/finish/") and request.method == "POST":
            return self._finish(unquote(request.path.removeprefix("/control/finish/")))
        if request.path.startswith("/control/agreements/") and request.method == "POST":
            return self._agreements.control(unquote(request.path.removeprefix("/control/agreements/")))
        if (request.method, request.path) == ("POST", "/agreement"):
            return self._agreements.choose(request)
        if (request.method, request.path) == ("POST", "/control/certificate"):
            self._seal.renew(parse_qs(request.body.decode("ascii", "replace")).get("name", ["Simulated Alipay"])[0])
            return Answer(200, b'{"code":"OK"}')
        if request.path.startswith("/control/"):
            return self._till.control.handle(request)
        return self._till.pages.handle(request)

    def _gateway(self, request: Request) -> Answer | Misbehaviour:
        """A call; or, where its method is a page, the page. Parameters come in the address, in the body, or in both."""
        body = request.body.decode("utf-8", "replace") if request.method == "POST" else ""
        text = "&".join(part for part in (request.query, body) if part)
        if f"method={agreements.PAGE}" in text:
            return self._agreements.open(text, request)
        is_page = any(f"method={method}" in text for method in orders.PAGES)
        return self._till.pages.open(text, request) if is_page else self._api.handle(text)

    def _enter(self, book: Book, text: str, now: datetime) -> Terms:
        """The order behind a page's signed address, or behind a QR code. Raises Rejected."""
        if text.startswith("qr="):
            payment_id = book.named(text.removeprefix("qr="))
            terms = None if payment_id is None else book.terms(payment_id)
            if terms is None:
                raise Rejected("QR_CODE_UNKNOWN")
            book.note(terms.payment_id, {"opened": "1"})
            return terms
        if not text:
            raise Rejected("isv.missing-method")
        call = self._seal.read(text, now=now, is_page=True)
        if call.method not in orders.PAGES:
            raise Rejected("isv.invalid-method")
        known = book.terms(orders.number(call.content, "out_trade_no"))
        return orders.order(call, product="PAGE", known=known, now=now)

    def _finish(self, payment_id: str) -> Answer:
        """The time for refunds is over: the same trade is told of once more, as finished."""
        code = self._api.finish(payment_id)
        payment = self._till.book.payment(payment_id)
        if code == "OK" and payment is not None:
            [charge, *_] = self._till.book.charges(payment_id)
            news = self._till.notices.compose("payment.finished", payment, charge)
            self._till.notices.plan(self._till.agenda, "payment.finished", payment, news)
        return Answer(200 if code == "OK" else 404, f'{{"code":"{code}"}}'.encode())


def trade_no(book: Book, payment_id: str, at: datetime) -> str:
    """Alipay's number of a trade, given when the payer first sees it and kept: 28 digits, the day first."""
    terms = book.terms(payment_id)
    if terms is not None and "trade_no" in terms.facts:
        return terms.facts["trade_no"]
    number = f"{at.astimezone(CHINA):%Y%m%d}22001" + "".join(secrets.choice("0123456789") for _ in range(15))
    book.note(payment_id, {"trade_no": number})
    book.name(payment_id, number)
    return number


SIMULATOR: Final = Alipay
