"""Beginning to pay: one attempt at a gateway, written down before the gateway hears of it."""

from abc import abstractmethod
from typing import Final, Unpack, cast

import structlog

from topup.kernel.errors import Invalid, NotFound, Unavailable
from topup.kernel.ids import PaymentId
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.kernel.outcome import NotSent, Reason, Refused, Throttled
from topup.orders import paying, queries
from topup.orders.paying import Begun, NewAttempt, PaymentWanted, Presented, Started
from topup.orders.queries import place_of
from topup.orders.quotes import checked
from topup.orders.reading import Parts, Reading, unfit_of
from topup.orders.settlement import LONGEST_REASON, Settled, Told
from topup.orders.views import PaymentView
from topup.payments.demonstrations import Demonstration
from topup.payments.instruments.ports import Keeps
from topup.payments.ports import (
    Action,
    Decline,
    Patient,
    PaymentFact,
    PaymentRequest,
    PayPage,
    Scene,
    Unfit,
)
from topup.payments.shown_codes import LooksFirst, ShownCode
from topup.payments.states import PaymentState
from topup.platform.batching import Batcher
from topup.platform.crash import crash_label, crash_point
from topup.platform.once import Asked, Going, Key, Once
from topup.platform.request_keys import Answering, Claim, RequestKeys, Stored
from topup.work import trail

_log: Final = structlog.get_logger(__name__)
_NOTHING = Presented()
_BEFORE_START = crash_label("payment.before_start")
_AFTER_START = crash_label("payment.after_start")


class Attempting(Reading):
    """The part of the desk where payments begin."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        beginning = Once[PaymentWanted, PaymentView | Begun](paying.begin, lanes=parts.lanes, going=Begun)
        self._begin = Batcher(parts.database, "payments.begin", beginning)
        self._started = Batcher(parts.database, "payments.started", paying.started)

    @abstractmethod
    async def hear_payment(self, told: Told) -> Settled:
        """Settle a fact about a payment."""

    async def look_at_code(self, *, quote_id: str, method: str, presented: Presented) -> None:
        """Before there is an order of a quote: that the code which is shown for a method would pay it, where the method
        can say so, under the same limits as paying. Where the order is there already, nothing is looked at: its payment
        may have taken the code. Raises quote_unknown, quote_altered, and Invalid with why it would be declined.
        """
        gateway = self._parts.gateways.get(method)
        if not isinstance(gateway, LooksFirst):
            return
        place = place_of("quote", quote_id)
        async with self._parts.database.read() as transaction:
            if await queries.of_quotes(transaction.connection, [place]):
                return
            found = await queries.quotes(transaction.connection, [place])
        if not found:
            raise NotFound("quote_unknown")
        quote = checked(found[place[1]], self._parts.keys)
        refused = await gateway.look(
            ShownCode(
                amount=Money(quote.total_minor(method), quote.currency),
                carrier_id=quote.carrier_id,
                payment_code=presented.payment_code,
                payer_address=presented.payer_address,
                payer=presented.payer,
            )
        )
        if refused is not None:
            raise Invalid(refused.code)

    async def pay(self, **wanted: Unpack[NewAttempt]) -> PaymentView:
        """Begin to pay: written down, then started at the gateway if that takes a call, then answered. The same payment
        id again starts the same payment again, for as long as its order may be paid. Raises order_unknown,
        order_not_payable, too_many_payments, method_unknown, those of Unfit, gateway_unavailable.
        """
        begun = await self._begin.submit(self._attempt(wanted, None))
        if isinstance(begun, Begun):
            return await self._start(begun, wanted, None)
        return cast("PaymentView", begun)

    async def pay_once(
        self, key: Key[PaymentView], keys: RequestKeys, **wanted: Unpack[NewAttempt]
    ) -> PaymentView | Stored:
        """The same, once for a caller's key: its answer again if it has one. Raises also key_reused and
        request_running.
        """
        try:
            begun = await self._begin.submit(self._attempt(wanted, key))
        except Unavailable as error:
            if error.code == "database_lost":
                keys.unheard(request=key.request)
            raise
        if wanted.get("by") and not isinstance(begun, Stored):
            trail.notice("order.payment_begun")
        if not isinstance(begun, Going):
            return cast("PaymentView | Stored", begun)

        async def start(claim: Claim) -> PaymentView:
            return await self._start(cast("Begun", begun.result), wanted, Answering(claim, key.render))

        return await keys.finish(claim=begun.claim, work=start)

    def _attempt(self, wanted: NewAttempt, key: Key[PaymentView] | None) -> Asked[PaymentWanted, PaymentView | Begun]:
        order_id, method, locale = wanted["order_id"], wanted["method"], wanted["locale"]
        place_of("order", order_id)
        gateway = self._parts.gateways.get(method)
        if gateway is None:
            raise Invalid("method_unknown")
        presented, scene = wanted.get("presented", _NOTHING), wanted.get("scene", Scene.PHONE)
        keep_for = wanted.get("keep_for")
        if keep_for is not None and not isinstance(gateway, Keeps):
            raise Invalid("method_keeps_nothing")

        def page(begun: Begun) -> Action | None:
            request = self._request(begun, locale, presented, keep=keep_for is not None)
            return gateway.pay_page(request) if isinstance(gateway, PayPage) else None

        payer_known = presented.wallet_user is not None

        def unfit(amount: Money, where: Scene) -> Unfit | None:
            return unfit_of(gateway, amount, where, payer_known=payer_known)

        payable_for = gateway.payable_for if isinstance(gateway, Patient) else None

        def make(payment_id: str) -> PaymentWanted:
            return PaymentWanted(
                payment_id=PaymentId(payment_id),
                order_id=order_id,
                method=method,
                scene=scene,
                page=page,
                unfit=unfit,
                payable_for=payable_for,
                currency=wanted.get("currency"),
                keep_for=keep_for,
                by=wanted.get("by", ""),
            )

        return Asked(make, wanted["payment_id"], cast("Key[PaymentView | Begun] | None", key))

    async def _start(self, begun: Begun, wanted: NewAttempt, answer: Answering[PaymentView] | None) -> PaymentView:
        gateway = self._parts.gateways[begun.payment.method]
        keep = wanted.get("keep_for") is not None
        request = self._request(begun, wanted["locale"], wanted.get("presented", _NOTHING), keep=keep)
        crash_point(_BEFORE_START)
        outcome = await gateway.start(request)
        crash_point(_AFTER_START)
        if isinstance(outcome, Action):
            return await self._started.submit(Started(begun.payment, outcome, PaymentState.PENDING, answer))
        if isinstance(outcome, PaymentFact):
            # Known at once, as of a payment code: told after it is written that the payment was begun.
            view = await self._started.submit(Started(begun.payment, Action("wait"), PaymentState.PENDING, answer))
            await self.hear_payment(Told(outcome, begun.payment.method))
            return view
        if isinstance(outcome, Refused):
            reason = _reason(begun.payment.method, outcome)
            return await self._started.submit(Started(begun.payment, None, PaymentState.DECLINED, answer, reason))
        # What was not taken in, or is unknown, stays `starting`: it is asked about, closed with its order, and the same
        # key starts the same payment again under the same number.
        raise Unavailable("gateway_unavailable")

    def is_simulated(self, *, method: str) -> bool:
        """Whether nobody is really charged by it: of a demonstration, where a simulator stands for the provider."""
        return isinstance(self._payer_of(method), Demonstration)

    async def demo_payment(self, *, payment_id: str, outcome: str) -> None:
        """Have the simulated payer act on a payment. Raises payment_unknown, outcome_unknown, gateway_unavailable."""
        if outcome not in {"pay", "decline", "late", "twice", "silent"}:
            raise Invalid("outcome_unknown")
        begun = await self._begun(payment_id)
        method = begun.payment.method
        payer = self._payer_of(method)
        if not isinstance(payer, Demonstration):
            raise NotFound("payment_unknown")
        answer = await payer.sandbox_outcome(self._request(begun, begun.locale, _NOTHING), outcome)
        if isinstance(answer, Refused):
            raise Invalid("outcome_refused", reason=answer.code)
        if isinstance(answer, NotSent | Throttled):
            raise Unavailable("gateway_unavailable")

    def _payer_of(self, method: str) -> object | None:
        return self._parts.payers.get(method) or self._parts.gateways.get(method)

    async def _begun(self, payment_id: str) -> Begun:
        place = place_of("payment", payment_id)
        async with self._parts.database.read() as transaction:
            return await paying.begun(transaction.connection, place)

    def _request(self, begun: Begun, locale: str, presented: Presented, *, keep: bool = False) -> PaymentRequest:
        payment = begun.payment
        return PaymentRequest(
            payment_id=payment.id,
            amount=Money(payment.amount_minor, payment.currency),
            description=f"topup {Msisdn(begun.quote.msisdn, begun.quote.country).masked()}",
            return_url=self._parts.public_url + (presented.return_path or f"/orders/{payment.order_id}"),
            notify_url=f"{self._parts.public_url}/webhooks/{payment.method}",
            expires_at=payment.expires_at,
            locale=locale,
            scene=payment.scene,
            payer_address=presented.payer_address,
            payment_code=presented.payment_code,
            wallet_user=presented.wallet_user,
            instrument=presented.instrument,
            keep_instrument=keep,
            payer=presented.payer,
            carrier_id=begun.quote.carrier_id,
        )


def _reason(method: str, refused: Refused) -> str:
    """Why it was refused, as the payer is told. What only we or the provider can mend is told to the operator."""
    if refused.reason is Reason.USER:
        return refused.code[:LONGEST_REASON]
    _log.error("payment_not_begun", method=method, code=refused.code[:LONGEST_REASON])
    return Decline.METHOD.value
