"""The gateway's process: its parts put together, and which address belongs to which part."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topup_simulators.agenda import Agenda
from topup_simulators.gateway.api import REFUND, Api
from topup_simulators.gateway.book import SCHEMA, Book
from topup_simulators.gateway.control import Control
from topup_simulators.gateway.notices import NOTIFY, Notices
from topup_simulators.gateway.pages import Pages
from topup_simulators.gateway.payer import CHARGE, Payer
from topup_simulators.gateway.seal import Seal, private_directory, read_merchant
from topup_simulators.store import Store
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
        merchant = read_merchant(merchant_id, merchant_public_key)
        self._seal = Seal(directory)
        self._merchant = merchant
        self._start = start
        self.store = Store(directory / "gateway.sqlite", SCHEMA)
        book = Book(self.store)
        notices = Notices(
            store=self.store,
            seal=self._seal,
            merchant_id=merchant_id,
            time_factor=time_factor,
            resend_factor=resend_factor,
        )
        deeds: dict[str, Any] = {NOTIFY: notices.send}
        self.agenda = Agenda(self.store, deeds)
        payer = Payer(store=self.store, book=book, agenda=self.agenda, notices=notices)
        self._api = Api(
            store=self.store, book=book, agenda=self.agenda, notices=notices, seal=self._seal, merchant=merchant
        )
        deeds |= {CHARGE: payer.charge, REFUND: self._api.finish_refund}
        self._pages = Pages(store=self.store, book=book, payer=payer, merchant=merchant)
        self._control = Control(
            store=self.store, book=book, agenda=self.agenda, notices=notices, payer=payer, merchant=merchant
        )

    def announce(self) -> Mapping[str, Any]:
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
            return self._control.handle(request)
        return self._pages.handle(request)
