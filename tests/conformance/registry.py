"""What the conformance suite runs over: every plugin there is, and how each port's questions are asked."""

from dataclasses import dataclass
from typing import Any

from tests.support.simulators import a_delivery, a_payment
from topup.fulfilment.ports import CarrierBillUnavailable, CarrierCapability, CarrierUnsupported, FloatUnavailable
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Unknown
from topup.payments.instruments.ports import AgreementAnswer, Agrees, Keeps
from topup.payments.ports import (
    BillUnavailable,
    Capability,
    Particular,
    PaymentAnswer,
    PayPage,
    RefundRequest,
    Scene,
    Unsupported,
)
from topup.platform.plugs import discover

GATEWAYS = discover("topup.plugins.payments")
CARRIERS = discover("topup.plugins.carriers")
EVERYTHING = [*(("payments", plug) for plug in GATEWAYS.values()), *(("carriers", plug) for plug in CARRIERS.values())]

COUNTERPARTS = {
    "sandbox": "gateway",
    "alipay": "alipay",
    "wechatpay": "wechatpay",
    "stripe": "stripe",
    "external_demo": "carrier",
}
"""Plugin -> the fixture of its simulator. A plugin without one does not pass."""


@dataclass
class Ask:
    """One method of a port with arguments that make sense, and the capability it needs, if any."""

    name: str
    arguments: tuple[Any, ...]
    capability: str | None = None
    port: type | None = None
    """What a plugin that cannot do it has not, beside the port that all of them have."""

    async def of(self, plugin):
        """The outcome, in whatever way this method says it."""
        try:
            answer = await getattr(plugin, self.name)(*self.arguments)
        except (BillUnavailable, CarrierBillUnavailable, FloatUnavailable) as unavailable:
            return Unknown(str(unavailable))
        return answer.problem if isinstance(answer, PaymentAnswer | AgreementAnswer) and answer.problem else answer


def a_payment_in(scene):
    """A payment with all that any gateway wants to know in that scene."""
    return a_payment(
        scene=scene,
        payer_address="127.0.0.1",
        payment_code="281234567890123456",
        wallet_user="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        instrument="conformance",
    )


def beginnings(plugin) -> list[Ask]:
    """A start in each scene that the gateway is for, unless the payer is simply sent to a signed address."""
    begun = []
    for payment in map(a_payment_in, Scene):
        fits = not isinstance(plugin, Particular) or plugin.unfit(payment.amount, payment.scene) is None
        if fits and not (isinstance(plugin, PayPage) and plugin.pay_page(payment)):
            begun.append(Ask("start", (payment,)))
    return begun


def asks_of_gateways(day) -> list[Ask]:
    payment = a_payment()
    refund = RefundRequest(new_id("refund", 1), payment.payment_id, "REFERENCE", Money(100, "CNY"), "conformance")
    return [
        Ask("query", (payment.payment_id,)),
        Ask("close", (payment.payment_id,), Capability.CLOSE),
        Ask("cancel", (payment.payment_id,), Capability.CANCEL),
        Ask("refund", (refund,), Capability.REFUND),
        Ask("query_refund", (refund.refund_id, payment.payment_id), Capability.REFUND),
        Ask("bill", (day,), Capability.BILL),
        Ask("forget_instrument", ("conformance",), Capability.KEEP, Keeps),
        Ask("query_agreement", (new_id("instrument", 1),), Capability.AGREEMENT, Agrees),
        Ask("end_agreement", ("conformance",), Capability.AGREEMENT, Agrees),
    ]


def asks_of_carriers(day) -> list[Ask]:
    delivery = a_delivery()
    return [
        Ask("submit", (delivery,)),
        Ask("query", (delivery.fulfilment_id,)),
        Ask("bill", (day,), CarrierCapability.BILL),
        Ask("float_balance", (), CarrierCapability.FLOAT),
    ]


def asks(kind, day) -> list[Ask]:
    return asks_of_gateways(day) if kind == "payments" else asks_of_carriers(day)


UNSUPPORTED = (Unsupported, CarrierUnsupported)
CAPABILITIES = {"payments": frozenset(Capability), "carriers": frozenset(CarrierCapability)}


def name_of(value) -> str:
    return value[1].name if isinstance(value, tuple) else str(value)
