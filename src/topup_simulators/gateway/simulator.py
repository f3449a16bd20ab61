"""The gateway's process: its wire around the shared parts, and which address belongs to which part."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from topup_simulators.gateway.api import Api
from topup_simulators.gateway.seal import Seal, read_form, read_merchant
from topup_simulators.gateway.voice import SandboxVoice
from topup_simulators.payments.book import Book
from topup_simulators.payments.keys import private_directory
from topup_simulators.payments.terms import Terms
from topup_simulators.payments.till import Till
from topup_simulators.web import Answer, Misbehaviour, Request


class Gateway:
    """A gateway with one merchant. Raises SystemExit with a sentence where a key cannot be read."""

    kind = "gateway"

    def __init__(
        self,
        *,
        state_directory: Path,
        merchant_id: str,
        merchant_public_key: Path,
        time_factor: float,
        resend_factor: float,
        start: str = "page",
    ) -> None:
        directory = private_directory(state_directory)
        self._merchant = merchant = read_merchant(merchant_id, merchant_public_key)
        self._seal = seal = Seal(directory)
        self._start = start

        def enter(_book: Book, text: str, now: datetime) -> Terms:
            return read_form(text, merchant=merchant, now=now)

        self._till = till = Till(
            file=directory / "gateway.sqlite",
            voice=lambda _book: SandboxVoice(seal=seal, merchant_id=merchant_id),
            enter=enter,
            time_factor=time_factor,
            resend_factor=resend_factor,
            payee=merchant_id,
        )
        self.store = till.store
        self.agenda = till.agenda
        self._api = Api(store=till.store, book=till.book, cashier=till.cashier, seal=seal, merchant=merchant)

    def announce(self, _url: str) -> Mapping[str, Any]:
        """Where the public key is, who the merchant is, and how a payment is to begin: on a `page`, or by a `call`."""
        return {
            "start": self._start,
            "public_key_file": str(self._seal.public_key_file.resolve()),
            "merchant_id": self._merchant.merchant_id,
        }

    async def handle(self, request: Request) -> Answer | Misbehaviour:
        """Answer one request."""
        if request.path.startswith("/api/"):
            return self._api.handle(request)
        if request.path.startswith("/control/"):
            return self._till.control.handle(request)
        return self._till.pages.handle(request)
