"""The payer's hand in a demonstration: what a person does on a simulator's pay page, done without a browser.

Plugins of real gateways cannot act as the payer; their simulators' controls can.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import msgspec

from topup.kernel.outcome import Done, Outcome, Reason, Refused, Unknown
from topup.payments.ports import Action, Gateway, PaymentRequest, PayPage

if TYPE_CHECKING:
    from topup.platform.http import Client

_OK: Final = 200
_TIMEOUT_S: Final = 10.0


class _Said(msgspec.Struct):
    code: str


class SimulatedPayer:
    """The payer at one simulated gateway, whose controls are under `address`."""

    def __init__(self, gateway: Gateway, address: str, client: "Client") -> None:
        self._gateway = gateway
        self._address = address
        self._client = client

    async def sandbox_outcome(self, request: PaymentRequest, outcome: str) -> Outcome:
        """As `Demonstration`. A payment whose page has a signed address is shown to the simulator with
        it, since nobody opened the page.
        """
        from topup.platform.http import Response  # noqa: PLC0415 - slow to load, and only a demonstration calls

        page = self._gateway.pay_page(request) if isinstance(self._gateway, PayPage) else None
        response = await self._client.send(
            method="POST",
            url=f"{self._address}/control/payments/{quote(request.payment_id, safe='')}",
            route="simulator.control",
            headers={"content-type": "application/json"},
            content=msgspec.json.encode({"outcome": outcome, "form": _form(page)}),
            timeout_s=_TIMEOUT_S,
        )
        if not isinstance(response, Response):
            return response
        if response.status == _OK:
            return Done(request.payment_id)
        try:
            return Refused(Reason.USER, msgspec.json.decode(response.body, type=_Said).code)
        except msgspec.DecodeError:
            return Unknown("the simulator said nothing readable")


def payers(gateways: Mapping[str, Gateway], controls: Mapping[str, str], client: "Client") -> dict[str, SimulatedPayer]:
    """A payer at each gateway that has controls: their addresses by the gateway's name."""
    return {
        name: SimulatedPayer(gateways[name], address, client) for name, address in controls.items() if name in gateways
    }


def _form(page: Action | None) -> str:
    return urlsplit(page.url).query if page else ""
