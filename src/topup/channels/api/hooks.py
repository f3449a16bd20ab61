"""What gateways and carriers tell us, and the simulated payer of a demonstration."""

from typing import Final

import msgspec
from litestar import Router
from litestar.params import FromPath

from topup.channels.api import rendering, shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.reading import read_json
from topup.kernel.errors import Invalid, NotFound
from topup.orders.desk import Desk
from topup.platform.web import Handlers, read_body
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest

_REFUSED: Final = 400
_outcome: Final = msgspec.json.Decoder(shapes.SandboxOutcome)


class Hooks(Handlers):
    """Handlers of events. They are not limited by address: whoever signs may send as often as they must."""

    def __init__(self, *, desk: Desk) -> None:
        self._desk = desk

    async def gateway(self, request: AnyRequest, method: FromPath[str]) -> Answer:
        """An event of a payment gateway: stored, then acknowledged as that gateway wants to hear it."""
        body = await read_body(request, expected=None)
        return _acknowledged(*await self._desk.receive_event(method=method, headers=_headers(request), body=body))

    async def carrier(self, request: AnyRequest, carrier: FromPath[str]) -> Answer:
        """An event of an outside carrier."""
        body = await read_body(request, expected=None)
        told = await self._desk.receive_carrier_event(carrier=carrier, headers=_headers(request), body=body)
        return _acknowledged(*told)

    def endpoints(self) -> list[Endpoint]:
        """The routes. What is sent is each gateway's own affair."""
        method = Parameter("method", "path", "The payment method.", "sandbox")
        carrier = Parameter("carrier", "path", "The carrier's plugin.", "external_demo")
        return [
            Endpoint("POST", "/webhooks/{method}", self.gateway, "receiveGatewayEvent", "Take a gateway's signed event",
                     "Events", "*/*", body="*/*", parameters=(method,),
                     problems=(NotFound("method_unknown"), "event_rejected", "body_too_large")),
            Endpoint("POST", "/webhooks/carriers/{carrier}", self.carrier, "receiveCarrierEvent",
                     "Take a carrier's signed event", "Events", "*/*", body="*/*", parameters=(carrier,),
                     problems=("carrier_unknown", "event_rejected", "body_too_large")),
        ]  # fmt: skip


def create_hooks_router(*, desk: Desk) -> Router:
    """The router of events alone."""
    return Router("/", route_handlers=[endpoint.route() for endpoint in Hooks(desk=desk).endpoints()])


class Sandbox(Handlers):
    """The simulated payer, in a demonstration only."""

    def __init__(self, *, desk: Desk) -> None:
        self._desk = desk

    async def outcome(self, request: AnyRequest, payment_id: FromPath[str]) -> Answer:
        """Let the simulated payer pay, decline, pay late, pay twice, or pay without the gateway telling us."""
        wish = await read_json(request, _outcome)
        await self._desk.demo_payment(payment_id=payment_id, outcome=wish.outcome)
        return answer(rendering.encode(wish))

    def endpoints(self) -> list[Endpoint]:
        """The route."""
        payment = Parameter("payment_id", "path", "Id of our payment.", "pay_01m7xprzmv03t2s6sdhxcrg8x8")
        return [
            Endpoint("POST", "/sandbox/payments/{payment_id}", self.outcome, "settleSandboxPayment",
                     "Let the simulated payer act", "Demonstration", shapes.SandboxOutcome, body=shapes.SandboxOutcome,
                     parameters=(payment,), problems=("payment_unknown", "outcome_refused", "gateway_unavailable")),
        ]  # fmt: skip


def _acknowledged(status: int, media_type: str, body: bytes) -> Answer:
    """The acknowledgement as the sender wants it; raises Invalid `event_rejected` for an event that is not theirs."""
    if status >= _REFUSED:
        raise Invalid("event_rejected")
    return answer(body, status=status, media_type=media_type)


def _headers(request: AnyRequest) -> dict[str, str]:
    """Header names in lower case; of a header that is there twice, both values."""
    found: dict[str, str] = {}
    for name, value in request.scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
