"""The outside as it really is: gateways that hold people's money, a carrier that credits numbers, events on their way.

They are honest, and keep their own truth; between them and us calls and answers get lost, late, doubled and
overtaken, as a test says. Whatever they see that must never happen they note in `World.violations`.
"""

import json
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from topup.fulfilment.ports import CarrierCapability, CarrierEvent, CarrierEventRejected, CarrierFact, Limits
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, NotSent, Reason, Refused, Reversed, Throttled, Unknown
from topup.payments.ports import (
    Action,
    BillLine,
    BillUnavailable,
    Capability,
    EventRejected,
    PaymentAnswer,
    PaymentFact,
    PaymentStanding,
    RefundFact,
    VerifiedEvent,
)

LATE_BY = timedelta(seconds=30)
"""A request thought lost arrives that much later: within the minute that makes absence a proof."""


class Fault(StrEnum):
    """What happens to one call."""

    NONE = "none"
    LOST_REQUEST = "lost request"
    LOST_ANSWER = "lost answer"
    LATE_REQUEST = "late request"
    NOT_SENT = "not sent"
    THROTTLED = "throttled"


class End(StrEnum):
    """What a carrier makes of a submission."""

    DONE = "done"
    ACCEPTED = "accepted"
    REFUSED_USER = "refused user"
    REFUSED_CONFIGURATION = "refused configuration"


class Back(StrEnum):
    """What a gateway makes of a refund."""

    DONE = "done"
    PENDING = "pending"
    REFUSED = "refused"


@dataclass
class Charge:
    """Money a payer really paid."""

    reference: str
    amount: Money
    paid_at: datetime
    back_minor: int = 0


@dataclass
class TruePayment:
    """A payment as its gateway knows it."""

    id: str
    asked: Money
    started: bool = True
    closed: bool = False
    declined: bool = False
    charges: list[Charge] = field(default_factory=list)


@dataclass
class TrueRefund:
    """A refund as its gateway knows it."""

    id: str
    payment_id: str
    charge: Charge
    amount: Money
    state: Back


@dataclass
class TrueTopup:
    """A delivery as its carrier knows it: accepted, done, refused or reversed."""

    id: str
    msisdn: str
    amount: Money
    state: str
    reason: Reason = Reason.USER


@dataclass
class Event:
    """An event on its way to us."""

    sender: str
    id: str
    facts: tuple
    from_carrier: bool = False
    told: int = 0

    @property
    def body(self) -> bytes:
        return json.dumps({"event": self.id}).encode()


class World:
    """Everything that is not us. `clock` gives the true time."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.faults: deque[Fault] = deque()
        self.meanwhile: deque[Callable] = deque()
        """What happens while the next answers are on their way to us."""
        self.events: list[Event] = []
        self.violations: list[str] = []
        self.gateways = {name: HonestGateway(name, self) for name in ("sandbox", "stripe")}
        self.carrier = HonestCarrier(self)
        self._numbers = iter(range(1, 10**9))

    def number(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers)}"

    async def call(
        self,
        effect: Callable[[], Any],
        *,
        broken: Callable[[Any], Any] = lambda problem: problem,
        late: Callable[[], None] | None = None,
    ) -> Any:
        """One call to the outside: `effect` happens and answers, or what the next fault makes of it."""
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is Fault.NOT_SENT:
            return broken(NotSent("connection refused"))
        if fault is Fault.THROTTLED:
            return broken(Throttled(30))
        if fault is Fault.LATE_REQUEST and late is not None:
            late()
        if fault in {Fault.LOST_REQUEST, Fault.LATE_REQUEST}:
            return broken(Unknown("timeout"))
        answer = effect()
        if self.meanwhile:
            await self.meanwhile.popleft()()
        return broken(Unknown("timeout")) if fault is Fault.LOST_ANSWER else answer

    def heal(self) -> None:
        """From now on every call arrives, every answer comes back, and everything is told."""
        self.faults.clear()
        self.meanwhile.clear()
        self.carrier.arrive(everything=True)
        for gateway in self.gateways.values():
            gateway.backs.clear()
            gateway.bill_fails = 0
            for refund in gateway.refunds.values():
                if refund.state is Back.PENDING:
                    gateway.finish(refund, Back.DONE)
        self.carrier.ends.clear()
        for topup in self.carrier.topups.values():
            if topup.state == "accepted":
                self.carrier.finish(topup, "done")

    @property
    def payments(self) -> dict[str, TruePayment]:
        """Every payment that a gateway knows, oldest first."""
        return dict(sorted(item for gateway in self.gateways.values() for item in gateway.payments.items()))


class HonestGateway:
    """A gateway that says what is true, when its answer arrives."""

    capabilities = frozenset({Capability.CLOSE, Capability.REFUND, Capability.BILL})

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.world = world
        self.payments: dict[str, TruePayment] = {}
        self.refunds: dict[str, TrueRefund] = {}
        self.backs: deque[Back] = deque()
        self.bill_fails = 0
        self.on_the_bill: set[str] | None = None
        """Which payments the bill shows; None: all of them."""

    async def start(self, request):
        return await self.world.call(lambda: self._start(request))

    def _start(self, request):
        known = self.payments.get(request.payment_id)
        if known is None:
            self.payments[request.payment_id] = TruePayment(request.payment_id, request.amount)
        elif not known.started:
            return Refused(Reason.USER, "closed")
        elif known.asked != request.amount:
            self.world.violations.append(f"{request.payment_id} was started again with another amount")
        return Action("redirect", f"http://127.0.0.1:1/{request.payment_id}")

    async def query(self, payment_id):
        return await self.world.call(lambda: self._query(payment_id), broken=lambda problem: PaymentAnswer((), problem))

    def _query(self, payment_id):
        payment = self.payments.get(payment_id)
        if payment is None:
            standing = PaymentStanding.ABSENT
        elif payment.charges:
            return PaymentAnswer(tuple(self.paid(payment, charge) for charge in payment.charges))
        elif payment.closed:
            standing = PaymentStanding.CLOSED
        else:
            standing = PaymentStanding.DECLINED if payment.declined else PaymentStanding.WAITING
        return PaymentAnswer((PaymentFact(payment_id, standing, "", None, None),))

    async def close(self, payment_id):
        return await self.world.call(lambda: self._close(payment_id))

    def _close(self, payment_id):
        payment = self.payments.setdefault(payment_id, TruePayment(payment_id, Money(0, "CNY"), started=False))
        if payment.charges:
            return Refused(Reason.USER, "paid")
        payment.closed = True
        return Done(payment_id)

    async def refund(self, request):
        return await self.world.call(lambda: self._refund(request))

    def _refund(self, request):
        if request.refund_id not in self.refunds:
            payment = self.payments[request.payment_id]
            charge = next(charge for charge in payment.charges if charge.reference == request.reference)
            promised = sum(
                refund.amount.amount_minor
                for refund in self.refunds.values()
                if refund.charge is charge and refund.state is not Back.REFUSED
            )
            wanted = request.amount
            if wanted.currency != charge.amount.currency or promised + wanted.amount_minor > charge.amount.amount_minor:
                self.world.violations.append(f"more than came would go back of {request.payment_id}")
                return Refused(Reason.CONFIGURATION, "REFUND_EXCEEDS_PAYMENT")
            state = self.backs.popleft() if self.backs else Back.DONE
            self.refunds[request.refund_id] = TrueRefund(
                request.refund_id, request.payment_id, charge, wanted, Back.PENDING
            )
            if state is not Back.PENDING:
                self.finish(self.refunds[request.refund_id], state)
        return self._standing(self.refunds[request.refund_id])

    async def query_refund(self, refund_id, payment_id):
        return await self.world.call(lambda: self._query_refund(refund_id))

    def _query_refund(self, refund_id):
        refund = self.refunds.get(refund_id)
        return Refused(Reason.ABSENT, "absent") if refund is None else self._standing(refund)

    def finish(self, refund: TrueRefund, state: Back) -> None:
        """The money is back, or will never be; an event says so."""
        refund.state = state
        if state is Back.DONE:
            refund.charge.back_minor += refund.amount.amount_minor
        self._tell(RefundFact(refund.id, self._standing(refund)))

    def _standing(self, refund: TrueRefund):
        if refund.state is Back.PENDING:
            return Accepted(refund.id)
        return Done(refund.id) if refund.state is Back.DONE else Refused(Reason.USER, "ACCOUNT_CLOSED")

    def parse_event(self, headers, body, now):
        for event in self.world.events:
            if event.sender == self.name and event.body == body:
                return VerifiedEvent(event.id, event.facts)
        raise EventRejected("not a word of mine")

    def acknowledge(self):
        return 200, "text/plain", b"success"

    async def bill(self, day):
        if self.bill_fails:
            self.bill_fails -= 1
            raise BillUnavailable
        return [
            BillLine("payment", payment.id, charge.reference, charge.amount, charge.paid_at)
            for payment in self.payments.values()
            for charge in payment.charges
            if charge.paid_at.date() == day and (self.on_the_bill is None or payment.id in self.on_the_bill)
        ]

    async def aclose(self):
        pass

    # What payers do

    def pay(self, payment: TruePayment, amount: Money | None = None) -> None:
        """The payer pays on the gateway's page, once more if they did already; an event says so."""
        charge = Charge(self.world.number("G"), amount or payment.asked, self.world.clock())
        payment.charges.append(charge)
        self._tell(self.paid(payment, charge))

    def decline(self, payment: TruePayment) -> None:
        payment.declined = True
        self._tell(PaymentFact(payment.id, PaymentStanding.DECLINED, "", None, None))

    def can_be_paid(self, payment: TruePayment) -> bool:
        return payment.started and not payment.closed

    @staticmethod
    def paid(payment: TruePayment, charge: Charge) -> PaymentFact:
        return PaymentFact(payment.id, PaymentStanding.PAID, charge.reference, charge.amount, charge.paid_at)

    def _tell(self, *facts) -> None:
        self.world.events.append(Event(self.name, self.world.number("evt"), facts))


class HonestCarrier:
    """A carrier that credits what reaches it, once for each number of a delivery."""

    name = "external_demo"
    capabilities = frozenset({CarrierCapability.REVERSAL})
    limits = Limits(timedelta(0), timedelta(hours=24), timedelta(seconds=60))

    def __init__(self, world: World) -> None:
        self.world = world
        self.topups: dict[str, TrueTopup] = {}
        self.ends: deque[End] = deque()
        self.timeouts = 0
        self._sent: defaultdict[str, list[bool]] = defaultdict(list)
        self._on_the_way: list[tuple[datetime, Callable[[], None]]] = []

    async def submit(self, delivery):
        fault = self.world.faults[0] if self.world.faults else Fault.NONE
        if any(self._sent[delivery.fulfilment_id]):
            self.world.violations.append(f"{delivery.fulfilment_id} was sent again")
        self._sent[delivery.fulfilment_id].append(fault not in {Fault.NOT_SENT, Fault.THROTTLED})
        self.timeouts += fault in {Fault.LOST_ANSWER, Fault.LOST_REQUEST, Fault.LATE_REQUEST}
        end = self.ends.popleft() if self.ends else End.DONE

        def later() -> None:
            self._on_the_way.append((self.world.clock() + LATE_BY, lambda: self._take_in(delivery, end)))

        return await self.world.call(lambda: self._take_in(delivery, end), late=later)

    def _take_in(self, delivery, end: End):
        topup = TrueTopup(delivery.fulfilment_id, delivery.msisdn, delivery.amount, "accepted")
        self.topups[topup.id] = topup
        if end is not End.ACCEPTED:
            topup.state = "done" if end is End.DONE else "refused"
            topup.reason = Reason.USER if end is End.REFUSED_USER else Reason.CONFIGURATION
        return self._standing(topup)

    async def query(self, fulfilment_id):
        return await self.world.call(lambda: self._query(fulfilment_id))

    def _query(self, fulfilment_id):
        topup = self.topups.get(fulfilment_id)
        return Refused(Reason.ABSENT, "absent") if topup is None else self._standing(topup)

    @staticmethod
    def _standing(topup: TrueTopup):
        reference = f"c-{topup.id[-6:]}"
        if topup.state == "refused":
            return Refused(topup.reason, "refused")
        return {"accepted": Accepted, "done": Done, "reversed": Reversed}[topup.state](reference)

    def parse_event(self, headers, body, now):
        for event in self.world.events:
            if event.sender == self.name and event.body == body:
                return CarrierEvent(event.id, event.facts)
        raise CarrierEventRejected("not a word of mine")

    async def aclose(self):
        pass

    def arrive(self, *, everything: bool = False) -> None:
        """What was on its way arrives when its time has come."""
        due = [late for late in self._on_the_way if everything or late[0] <= self.world.clock()]
        self._on_the_way = [late for late in self._on_the_way if late not in due]
        for _, take_in in due:
            take_in()

    def finish(self, topup: TrueTopup, state: str) -> None:
        """What was accepted ends, or what was done is taken back; an event says so."""
        topup.state = state
        fact = CarrierFact(topup.id, self._standing(topup))
        self.world.events.append(Event(self.name, self.world.number("cb"), (fact,), from_carrier=True))

    def credited(self, fulfilment_ids) -> int:
        """How many of these deliveries the number really has."""
        return sum(self.topups[one].state == "done" for one in fulfilment_ids if one in self.topups)
