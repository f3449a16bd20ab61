"""A desk on a real database, with a gateway and a carrier that answer as a test tells them to.

The scripted ones implement the ports, so that a test can order events, answers and crashes exactly; the wire is
tested elsewhere, with the simulators.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from topup.catalogue.checking import check
from topup.catalogue.operations import publish
from topup.catalogue.queries import CatalogueCache
from topup.fulfilment.ports import CarrierCapability, CarrierEvent, CarrierEventRejected, CarrierFact, Limits
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Reason, Refused, Unknown
from topup.ledger.queries import house_balances
from topup.orders.desk import Desk
from topup.orders.reading import Parts
from topup.payments.ports import (
    Action,
    Capability,
    EventRejected,
    PaymentAnswer,
    PaymentFact,
    PaymentStanding,
    VerifiedEvent,
)
from topup.platform.keys import KeyRing

LANES = 16
OWN_NUMBER = "13800138000"
FOREIGN_NUMBER = "+6581234500"


class ScriptedGateway:
    """A gateway whose every word a test writes. Events are JSON that names a fact prepared with `event`."""

    name = "scripted"
    capabilities = frozenset({Capability.CLOSE, Capability.CANCEL, Capability.REFUND, Capability.BILL})

    def __init__(self) -> None:
        self.starts = defaultdict(list)
        self.start_answers: list = []
        self.standing: dict[str, list[PaymentFact]] = {}
        self.refunds: dict[str, list] = defaultdict(list)
        self.refund_answers: list = []
        self.query_answers: list = []
        self.refund_query_answers: list = []
        self.close_answers: list = []
        self.closed: list[str] = []
        self.cancelled: list[str] = []
        self.takes_not: dict = {}
        self.exchange_rates: list = []
        self.lines: list = []
        self.dispute_answers: list = []
        self._events: dict[str, VerifiedEvent] = {}

    async def start(self, request):
        self.starts[request.payment_id].append(request)
        if self.start_answers:
            return self.start_answers.pop(0)
        return Action("redirect", f"http://127.0.0.1:1/pay/{request.payment_id}")

    async def query(self, payment_id):
        if self.query_answers:
            return self.query_answers.pop(0)
        absent = PaymentFact(payment_id, PaymentStanding.ABSENT, "", None, None)
        return PaymentAnswer(tuple(self.standing.get(payment_id, [absent])))

    async def close(self, payment_id):
        self.closed.append(payment_id)
        if self.close_answers:
            return self.close_answers.pop(0)
        paid = any(fact.standing is PaymentStanding.PAID for fact in self.standing.get(payment_id, []))
        return Refused(Reason.USER, "paid") if paid else Done(payment_id)

    async def cancel(self, payment_id):
        self.cancelled.append(payment_id)
        return Done(payment_id)

    def unfit(self, amount, scene):
        return self.takes_not.get(scene)

    def rates(self, priced_in, now):
        return [rate for rate in self.exchange_rates if rate.priced_in == priced_in]

    async def refund(self, request):
        self.refunds[request.refund_id].append(request)
        return self.refund_answers.pop(0) if self.refund_answers else Done(request.refund_id)

    async def query_refund(self, refund_id, payment_id):
        if self.refund_query_answers:
            return self.refund_query_answers.pop(0)
        return Done(refund_id) if self.refunds[refund_id] else Refused(Reason.ABSENT, "absent")

    async def query_dispute(self, dispute, payment_id):
        return self.dispute_answers.pop(0) if self.dispute_answers else Unknown("nothing lined up")

    def parse_event(self, headers, body, now):
        try:
            return self._events[json.loads(body)["event"]]
        except (ValueError, KeyError):
            raise EventRejected("not a word of mine") from None

    def acknowledge(self):
        return 200, "text/plain", b"success"

    async def bill(self, day):
        return [line for line in self.lines if line.at.date() == day]

    async def aclose(self):
        pass

    def event(self, *facts, event_id: str | None = None) -> bytes:
        """The body of an event that states `facts`."""
        event_id = event_id or secrets.token_hex(8)
        self._events[event_id] = VerifiedEvent(event_id, facts)
        return json.dumps({"event": event_id}).encode()


class ScriptedCarrier:
    """A carrier whose answers a test lines up; without any it succeeds."""

    name = "external_demo"
    capabilities = frozenset({CarrierCapability.REVERSAL})
    limits = Limits(timedelta(0), timedelta(hours=24), timedelta(seconds=60))

    def __init__(self) -> None:
        self.submissions: dict[str, list] = defaultdict(list)
        self.answers: list = []
        self.query_answers: list = []
        self.queries = 0
        self._events: dict[str, CarrierEvent] = {}

    async def submit(self, delivery):
        self.submissions[delivery.fulfilment_id].append(delivery)
        return self.answers.pop(0) if self.answers else Done(f"c-{delivery.fulfilment_id[-6:]}")

    async def query(self, fulfilment_id):
        self.queries += 1
        return self.query_answers.pop(0) if self.query_answers else Unknown("nothing lined up")

    def parse_event(self, headers, body, now):
        try:
            return self._events[json.loads(body)["event"]]
        except (ValueError, KeyError):
            raise CarrierEventRejected("not a word of mine") from None

    def event(self, *facts: CarrierFact, event_id: str | None = None) -> bytes:
        event_id = event_id or secrets.token_hex(8)
        self._events[event_id] = CarrierEvent(event_id, facts)
        return json.dumps({"event": event_id}).encode()

    async def aclose(self):
        pass


@dataclass
class Shop:
    """A desk with everything behind it, and the steps that tests repeat."""

    desk: Desk
    database: object
    gateway: ScriptedGateway
    carrier: ScriptedCarrier
    keys: KeyRing
    references: int = field(default=0)

    async def ordered(
        self,
        number=OWN_NUMBER,
        amount=5000,
        currency="CNY",
        confirm=("duplicate", "large_amount"),
        *,
        contact=None,
        payer="somebody",
        payer_id=None,
    ):
        quote = await self.desk.quote(number=number, product=None, amount=Money(amount, currency), payment_method=None)
        return await self.desk.order(
            order_id=OrderId(new_id("order", lane_of(quote.id))),
            quote_id=quote.id,
            contact=contact,
            confirmations=frozenset(confirm),
            locale="zh_Hans",
            channel="test",
            payer=payer,
            payer_id=payer_id,
        )

    async def paying(self, order, payment_id=None, **how):
        payment_id = payment_id or PaymentId(new_id("payment", lane_of(order.id)))
        return await self.desk.pay(payment_id=payment_id, order_id=order.id, method="scripted", locale="zh_Hans", **how)

    def paid(self, payment, *, amount=None, at=None, reference=None) -> PaymentFact:
        self.references += 1
        return PaymentFact(
            payment.id,
            PaymentStanding.PAID,
            reference or f"ref-{self.references}",
            amount or payment.amount,
            at or datetime.now(UTC) + self.database.clock_offset,
        )

    def said(self, payment, standing: PaymentStanding) -> PaymentFact:
        return PaymentFact(payment.id, standing, "", None, None)

    async def tells(self, *facts, event_id=None, settle=True):
        """Deliver an event and wait until it had its effect."""
        body = self.gateway.event(*facts, event_id=event_id)
        answer = await self.desk.receive_event(method="scripted", headers={}, body=body)
        if settle:
            await self.quiet()
        return answer

    async def carrier_tells(self, *facts):
        answer = await self.desk.receive_carrier_event(
            carrier="external_demo", headers={}, body=self.carrier.event(*facts)
        )
        await self.quiet()
        return answer

    async def quiet(self) -> None:
        """Until nothing acknowledged is left to settle in this process."""
        await self.desk.post_room.settled()

    async def later(self, **delta) -> None:
        """Move the clock."""
        self.database.clock_offset += timedelta(**delta)

    async def run(self) -> int:
        """Everything that is due now, until nothing is; how much that was."""
        outside = self.desk.outside
        total = 0
        for _ in range(20):
            done = await self.desk.expire()
            done += await self.desk.post_room.sweep()
            done += await outside.ask()
            done += await outside.deliver()
            done += await outside.refund()
            done += await self.desk.disputes.ask()
            done += await self.desk.promising.follow()
            done += await self.desk.rewarding.follow()
            total += done
            if not done:
                return total
        raise AssertionError("something comes due for ever")

    async def order(self, order):
        return await self.desk.get_order(order_id=order.id)

    async def house(self) -> dict[tuple[str, str], int]:
        """Balances of our own accounts by (code, asset), summed over lanes; zero ones left out."""
        async with self.database.read() as transaction:
            return {key: value for key, value in (await house_balances(transaction.connection)).items() if value}

    async def listed(self) -> list[str]:
        """The kinds of what a person must decide."""
        async with self.database.read() as transaction:
            cursor = await transaction.connection.execute("SELECT kind FROM work.items ORDER BY kind")
            return [kind for (kind,) in await cursor.fetchall()]

    async def main_balance(self, number=OWN_NUMBER) -> int:
        return (await self.desk.balance(number=number)).credit.amount_minor


async def publish_demonstration(database) -> None:
    folder = files("topup.catalogue.demonstration")
    async with database.transaction() as transaction:
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if entry.name.endswith(".toml"):
                await publish(transaction.connection, check(Path(str(entry))), transaction.now)


@asynccontextmanager
async def open_shop(
    database, data_dir, gateway, *, public_url="http://127.0.0.1:8080", publishing=True
) -> AsyncIterator[Shop]:
    """A desk whose one gateway is this one, delivering through a carrier that says what a test scripts; not publishing
    where the database has its offers already.
    """
    if publishing:
        await publish_demonstration(database)
    carrier = ScriptedCarrier()
    data_dir.mkdir(exist_ok=True)
    keys = KeyRing(data_dir / "keys")
    parts = Parts(
        database=database,
        catalogue=CatalogueCache(),
        keys=keys,
        lanes=LANES,
        gateways={gateway.name: gateway},
        carriers={"external_demo": carrier},
        public_url=public_url,
    )
    async with Desk(parts) as desk:
        yield Shop(desk, database, gateway, carrier, keys)


@pytest.fixture
async def shop(database, data_dir) -> AsyncIterator[Shop]:
    async with open_shop(database, data_dir, ScriptedGateway()) as shop:
        yield shop
