"""The port of payments, spoken to Stripe: hosted Checkout pages, and a kept card where the payer is not there.

A payment's idempotency key is its number and a refund's is its own, so a repetition is answered with what became of the
first, for at least 24 hours; no payment is begun later than that, and an older refund is looked for before it is sent
again. What a repetition is answered with may be out of date: only queries and events say how a payment stands.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import quote

from topup.kernel.exchange import ExchangeRate
from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.outcome import Done, NotSent, Outcome, Reason, Refused, Throttled, Unknown
from topup.payments.ports import (
    Action,
    BillLine,
    Capability,
    DisputeFact,
    PaymentAnswer,
    PaymentFact,
    PaymentRequest,
    PaymentStanding,
    RefundRequest,
    Scene,
    Unfit,
    VerifiedEvent,
)
from topup.platform.http import Client, ForbiddenAddress
from topup.platform.rates import RatesFile
from topup.plugins.payments.stripe.amounts import from_units, step_minor, to_units, unfit_amount
from topup.plugins.payments.stripe.billing import bill_lines
from topup.plugins.payments.stripe.cards import forget_card
from topup.plugins.payments.stripe.closing import close, give_all_back
from topup.plugins.payments.stripe.declines import decline_of
from topup.plugins.payments.stripe.events import dispute_fact, facts_of, read_event
from topup.plugins.payments.stripe.facts import declined, of_intent, of_session
from topup.plugins.payments.stripe.finding import INTENTS, SESSIONS, START_WITHIN_S, Finder, made_at, payment_of
from topup.plugins.payments.stripe.objects import Dispute, Intent, Session
from topup.plugins.payments.stripe.refunds import refund, refund_found
from topup.plugins.payments.stripe.requests import intent_wanted, session_wanted
from topup.plugins.payments.stripe.settings import StripeSettings, webhook_secrets
from topup.plugins.payments.stripe.signatures import Signatures
from topup.plugins.payments.stripe.wire import Failed, FailedBefore, Problem, Wire

_DISPUTES: Final = "/v1/disputes"
_SCENES: Final = frozenset({Scene.PHONE, Scene.DESKTOP, Scene.UNATTENDED})
# Refused before anything was made, for a reason that does not go away: https://docs.stripe.com/error-codes.
_NOT_TO_BEGIN: Final = {
    "amount_too_large": Reason.USER,
    "amount_too_small": Reason.USER,
    "account_closed": Reason.CONFIGURATION,
    "account_invalid": Reason.CONFIGURATION,
    "api_key_expired": Reason.CONFIGURATION,
    "livemode_mismatch": Reason.CONFIGURATION,
    "parameter_invalid_empty": Reason.CONFIGURATION,
    "parameter_invalid_integer": Reason.CONFIGURATION,
    "parameter_invalid_string_blank": Reason.CONFIGURATION,
    "parameter_missing": Reason.CONFIGURATION,
    "parameter_unknown": Reason.CONFIGURATION,
    "payment_method_not_available": Reason.CONFIGURATION,
    "payment_method_unactivated": Reason.CONFIGURATION,
    "resource_missing": Reason.USER,  # the kept card is no more
    "testmode_charges_only": Reason.CONFIGURATION,
    "url_invalid": Reason.CONFIGURATION,
}


class Stripe:
    """What the plug makes. Raises OSError or ValueError for keys that cannot be read, ForbiddenAddress for a bad
    `base_url`.
    """

    name = "stripe"
    capabilities = frozenset(Capability) - {Capability.AGREEMENT}

    def __init__(self, settings: StripeSettings, client: Client) -> None:
        self._livemode = settings.livemode
        self._account = settings.account_id
        self._currencies = settings.currencies.union(settings.pays_in) if settings.currencies else frozenset()
        self._pays_in = settings.pays_in
        self._rates = RatesFile(settings.rates_file) if settings.rates_file else None
        self._client = client
        self._wire = Wire(settings, client)
        self._signatures = Signatures(webhook_secrets(settings))
        self._finder = Finder(self._wire, livemode=settings.livemode)

    def unfit(self, amount: Money, scene: Scene) -> Unfit | None:
        """Cards are for browsers and, once kept, for nobody there; and for the currencies and amounts Stripe takes."""
        if scene not in _SCENES:
            return Unfit.SCENE
        if self._currencies and amount.currency not in self._currencies:
            return Unfit.CURRENCY
        return unfit_amount(amount)

    def rates(self, priced_in: str, now: datetime) -> Sequence[ExchangeRate]:
        """Of the currencies of `pays_in`, those the operator's file has a rate for that holds at `now`."""
        rates = self._rates.fresh(now) if self._rates else None
        if rates is None:
            return ()
        found = (rates.rate(priced_in, paid_in, step_minor=step_minor(paid_in)) for paid_in in self._pays_in)
        return tuple(rate for rate in found if rate is not None)

    async def start(self, request: PaymentRequest) -> Action | PaymentFact | Outcome:
        """The address of a hosted page; or, with nobody there, what became of charging the kept card.

        Refused `too_late` where the number is older than START_WITHIN_S: how long an absent payment could still begin
        must be known.
        """
        unfit = self.unfit(request.amount, request.scene)
        if unfit is not None:
            return Refused(Reason.CONFIGURATION, unfit.value)
        made = made_at(request.payment_id)
        if made is None or time.time() - made > START_WITHIN_S:
            return Refused(Reason.CONFIGURATION, "too_late")
        if request.scene is Scene.UNATTENDED:
            return await self._charge_kept(request)
        wanted = session_wanted(request, units=to_units(request.amount), made=made)
        key = request.payment_id
        answer = await self._wire.post_once(SESSIONS, Session, route="create", content=wanted, key=key)
        if isinstance(answer, FailedBefore) or (
            isinstance(answer, Failed) and answer.error.type == "idempotency_error"
        ):
            # It was begun before, and the answer was lost; or with other words (another language): that is the payment.
            return await self._begun_before(request)
        if isinstance(answer, Failed):
            return _not_begun(answer)
        return self._page(request, answer) if isinstance(answer, Session) else answer

    async def query(self, payment_id: PaymentId) -> PaymentAnswer:
        """Its standing, or the one payment that was made: a session or an intent is never paid twice."""
        found = await self._finder.find(payment_id)
        if found is None:
            return PaymentAnswer((PaymentFact(payment_id, PaymentStanding.ABSENT, "", None, None),))
        if not isinstance(found, Session | Intent):
            return PaymentAnswer((), _unanswered(found))
        fact = of_session(found, payment_id) if isinstance(found, Session) else of_intent(found, payment_id)
        return PaymentAnswer((), fact) if isinstance(fact, Unknown) else PaymentAnswer((fact,))

    async def close(self, payment_id: PaymentId) -> Outcome:
        """Expire the page, or cancel the intent. One that is being paid at this moment cannot be closed: Unknown."""
        found = await self._finder.find(payment_id)
        if isinstance(found, Session | Intent):
            return await close(self._wire, self._finder, found, payment_id)
        return Done(payment_id) if found is None else found

    async def cancel(self, payment_id: PaymentId) -> Outcome:
        """Close, and give back what is left of whatever was paid; Accepted where that refund is under way."""
        outcome = await self.close(payment_id)
        if outcome != Refused(Reason.USER, "paid"):
            return outcome
        found = await self._finder.find(payment_id)
        if not isinstance(found, Session | Intent):
            return Unknown("paid, and no more to be found") if found is None else found
        return await give_all_back(self._wire, found, payment_id)

    async def refund(self, request: RefundRequest) -> Outcome:
        """Give back, under its number; one that Stripe may have forgotten the key of is looked for first."""
        return await refund(self._wire, self._finder, request)

    async def query_refund(self, refund_id: RefundId, payment_id: PaymentId) -> Outcome:
        """What became of a refund; ABSENT where the payment has none of that number."""
        outcome = await refund_found(self._wire, self._finder, refund_id, payment_id)
        return _unanswered(outcome) if isinstance(outcome, Refused) and outcome.code.startswith("key_") else outcome

    async def query_dispute(self, dispute: str, payment_id: PaymentId) -> DisputeFact | Outcome:
        """How a dispute stands, as https://docs.stripe.com/api/disputes/retrieve has it; ABSENT where there is none."""
        answer = await self._wire.get(f"{_DISPUTES}/{quote(dispute, safe='')}", Dispute, route="dispute")
        if isinstance(answer, Dispute):
            return dispute_fact(answer, payment_id)
        if isinstance(answer, Failed):
            absent = answer.code == "resource_missing"
            return Refused(Reason.ABSENT, answer.code) if absent else answer.unlisted()
        return answer

    async def forget_instrument(self, token: str) -> Outcome:
        """Detach the kept card from its customer, as https://docs.stripe.com/api/payment_methods/detach has it."""
        return await forget_card(self._wire, token)

    def parse_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        """The facts of an event, every signed byte verified, by any of the secrets that are valid now."""
        self._signatures.verify(header=headers.get("stripe-signature", ""), body=body, now=now)
        event = read_event(body, livemode=self._livemode, account=self._account)
        return VerifiedEvent(event.id, facts_of(event))

    def acknowledge(self) -> tuple[int, str, bytes]:
        """Any 2xx stops the resending."""
        return 200, "text/plain", b"ok"

    async def bill(self, day: date) -> list[BillLine]:
        """Every movement of our balance on that day in UTC. Raises BillUnavailable."""
        return [line async for page in bill_lines(self._wire, day) for line in page]

    def bill_lines(self, day: date) -> AsyncIterator[Sequence[BillLine]]:
        """The lines of `bill`, page by page: a day of a large shop is longer than memory. Raises BillUnavailable."""
        return bill_lines(self._wire, day)

    async def aclose(self) -> None:
        """Nothing is held here: connections belong to the client."""

    async def _begun_before(self, request: PaymentRequest) -> Action | Outcome:
        found = await self._finder.find(request.payment_id)
        if isinstance(found, Session) and found.url:
            return self._page(request, found)
        return found if isinstance(found, NotSent | Throttled) else Unknown("begun before, and not open now")

    def _page(self, request: PaymentRequest, session: Session) -> Action | Unknown:
        """The hosted page of a session, which must be about this payment and no other amount."""
        try:
            amount = from_units(session.amount_total or 0, session.currency or "")
            self._client.check_address(session.url or "")
        except (InvalidMoney, ForbiddenAddress):
            return Unknown("a session without an amount or an address")
        if session.livemode != self._livemode or payment_of(session) != request.payment_id or amount != request.amount:
            return Unknown("a session about something else")
        self._finder.remember(request.payment_id, session.id)
        return Action(type="redirect", url=session.url or "")

    async def _charge_kept(self, request: PaymentRequest) -> Action | PaymentFact | Outcome:
        """Charge the kept card, once: a bank that says no, or wants to see the payer, is not asked again."""
        wanted = intent_wanted(request, units=to_units(request.amount))
        if wanted is None:
            return Refused(Reason.USER, decline_of("no_instrument"))
        key = request.payment_id
        answer = await self._wire.post_once(INTENTS, Intent, route="charge", content=wanted, key=key)
        if isinstance(answer, FailedBefore):
            return await self._charged_before(request)
        if isinstance(answer, Failed):
            intent = answer.error.payment_intent
            if answer.error.type == "idempotency_error":
                return Unknown("begun before with another card")
            if answer.error.type != "card_error" or intent is None:
                return _not_begun(answer)
            if intent.status != "requires_payment_method" or payment_of(intent) != request.payment_id:
                return answer.unlisted()
            self._finder.remember(request.payment_id, intent.id)
            fact = declined(intent, request.payment_id)
            return fact if fact.reason else _with_reason(fact, decline_of(answer.code))
        return self._charged(request, answer) if isinstance(answer, Intent) else answer

    async def _charged_before(self, request: PaymentRequest) -> Action | PaymentFact | Outcome:
        found = await self._finder.find(request.payment_id)
        if isinstance(found, Intent):
            return self._charged(request, found)
        return found if isinstance(found, NotSent | Throttled) else Unknown("begun before, and not to be found")

    def _charged(self, request: PaymentRequest, intent: Intent) -> Action | PaymentFact | Outcome:
        if intent.livemode != self._livemode or payment_of(intent) != request.payment_id:
            return Unknown("an intent about something else")
        self._finder.remember(request.payment_id, intent.id)
        fact = of_intent(intent, request.payment_id)
        if isinstance(fact, PaymentFact) and fact.standing is PaymentStanding.WAITING:
            return Action("wait")
        return fact


def _not_begun(failed: Failed) -> Outcome:
    reason = _NOT_TO_BEGIN.get(failed.error.code or "") if failed.error.type == "invalid_request_error" else None
    if reason is None:
        return failed.unlisted()
    return Refused(reason, decline_of(failed.code) if reason is Reason.USER else failed.code)


def _with_reason(fact: PaymentFact, reason: str) -> PaymentFact:
    return PaymentFact(fact.payment_id, fact.standing, fact.reference, None, None, reason=reason)


def _unanswered(problem: Problem | Any) -> Outcome:
    """A refusal of the question (its key) says nothing of what was asked about."""
    if isinstance(problem, Refused):
        return Unknown(f"the question was refused: {problem.code}")
    outcome: Outcome = problem
    return outcome
