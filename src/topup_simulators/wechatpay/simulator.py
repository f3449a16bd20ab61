"""WeChat Pay's process: its wire around the shared parts, and which address belongs to which part."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from topup_simulators.payments.book import Book
from topup_simulators.payments.keys import private_directory
from topup_simulators.payments.terms import Rejected, Terms
from topup_simulators.payments.texts import Rows
from topup_simulators.payments.till import Till
from topup_simulators.web import Answer, Misbehaviour, Request
from topup_simulators.wechatpay.api import Api
from topup_simulators.wechatpay.seal import MERCHANT, Seal
from topup_simulators.wechatpay.voice import CODE_PAYMENT, WechatVoice

_OUTCOMES: Final = ("pay", "decline", "late", "silent")
"""Nothing is paid twice under one number."""
_OWN: Final[Rows] = {
    "title": ("微信支付 · 模拟收银台", "微信支付 · 模擬收銀台", "WeChat Pay · simulated checkout"),
}


class Wechatpay:
    """WeChat Pay with one merchant."""

    kind = "wechatpay"

    def __init__(self, *, state_directory: Path, time_factor: float, resend_factor: float) -> None:
        directory = private_directory(state_directory)
        self._seal = seal = Seal(directory)
        self._till = till = Till(
            file=directory / "wechatpay.sqlite",
            voice=lambda book: WechatVoice(seal=seal, book=book),
            enter=_entered,
            time_factor=time_factor,
            resend_factor=resend_factor,
            payee=MERCHANT,
            prefix="42",
            outcomes=_OUTCOMES,
            one_currency=True,
            own=_OWN,
            accent="#07873f",
            hears_no=lambda terms: terms.facts.get("trade_type") == CODE_PAYMENT,
        )
        self.store = till.store
        self.agenda = till.agenda
        self._api = Api(till=till, seal=seal)

    def announce(self, url: str) -> Mapping[str, Any]:
        """The complete settings of the merchant's plugin."""
        self._api.url = url
        return {"plugin": self._seal.settings(url)}

    async def handle(self, request: Request) -> Answer | Misbehaviour:
        """Answer one request."""
        if request.path.startswith("/v3/"):
            return self._api.handle(request)
        if (request.method, request.path) == ("POST", "/control/signing"):
            return self._signing(request.body)
        if request.path.startswith("/control/"):
            return self._till.control.handle(request)
        if not _from_a_page(request):
            return self._till.pages.refused("REFERER_MISSING", request.query, request)
        return self._till.pages.handle(request)

    def _signing(self, body: bytes) -> Answer:
        """`{"certificate": bool, "rotate": bool}`: sign events with a certificate, and issue the next one first."""
        wanted = json.loads(body)
        serial = self._seal.rotate() if wanted.get("rotate") else ""
        if "certificate" in wanted:
            self._seal.events_by_certificate = bool(wanted["certificate"])
        return Answer(200, json.dumps({"code": "OK", "serial": serial}).encode())


def _from_a_page(request: Request) -> bool:
    """Whether who enters an H5 page says from which site, as WeChat Pay wants it. Whether the merchant applied for that
    site's domain is not looked at: here any may be.
    """
    is_entrance = (request.method, request.path) == ("GET", "/pay") and "prepay_id=" in request.query
    site = urlsplit(request.headers.get("referer", ""))
    return not is_entrance or (site.scheme in ("http", "https") and bool(site.hostname))


def _entered(book: Book, text: str, _now: datetime) -> Terms:
    """The payment whose page is entered: by the QR code's `pr`, or by `prepay_id` with the way back. Raises
    Rejected.
    """
    query = {name: values[0] for name, values in parse_qs(text, max_num_fields=16).items()}
    number = book.named(query.get("pr") or query.get("prepay_id", ""))
    terms = None if number is None else book.terms(number)
    if terms is None:
        raise Rejected("PREPAY_ID_UNKNOWN")
    back = query.get("redirect_url", "")
    return replace(terms, return_url=back if back.startswith(("http://", "https://")) else f"/pay?{text}")


SIMULATOR: Final = Wechatpay
