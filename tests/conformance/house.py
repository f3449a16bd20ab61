"""A house that is paid through one provider: our desk on a database, the provider's plugin, its simulator in a process
of its own, and the street between them. The clock that a test moves is ours; the provider keeps the true one.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg

from tests.conformance.registry import COUNTERPARTS
from tests.simulation.books import Books
from tests.support.desk import LANES, ScriptedCarrier, ScriptedGateway, publish_demonstration
from tests.support.simulators import Running
from tests.support.street import Notice, Street, listening
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Unavailable
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.orders.desk import Desk
from topup.orders.paying import Presented
from topup.orders.reading import Parts
from topup.orders.settlement import Told
from topup.payments.ports import (
    Action,
    BillLine,
    BillUnavailable,
    EventRejected,
    Particular,
    PaymentFact,
    PaymentStanding,
    PayPage,
    RefundFact,
    Scene,
)
from topup.platform.database import Database
from topup.platform.http import Client
from topup.platform.keys import KeyRing

LATER = [timedelta(seconds=6)] * 3 + [timedelta(minutes=20)] + [timedelta(hours=1)] * 3 + [timedelta(hours=25)] * 2
"""How our clock goes on until nothing comes due any more: questions, bills, and the days of a bill."""
_NUMBERS = {"CNY": "1380{:07d}", "SGD": "+6581{:06d}"}
"""Whose lines are topped up: in yuan our own network's, in dollars through another carrier."""
PAYER = Presented(payer_address="203.0.113.77", wallet_user="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")


@dataclass
class House:
    """Made with `house`."""

    name: str
    plugin: object
    simulator: Running
    database: Database
    desk: Desk
    other: ScriptedGateway
    carrier: ScriptedCarrier
    street: Street
    owner: psycopg.Connection
    client: Client
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    orders: list = field(default_factory=list)

    @property
    def currencies(self) -> list[str]:
        """Of ours, those that the provider takes."""
        return [one for one in _NUMBERS if self.takes(Money(5000, one))]

    @property
    def currency(self) -> str:
        """In which the provider is paid here."""
        return self.currencies[0]

    def takes(self, amount: Money) -> bool:
        return not isinstance(self.plugin, Particular) or self.plugin.unfit(amount, Scene.PHONE) is None

    async def ordered(self, asked_minor: int = 5000, currency: str = ""):
        """An order of a number of its own, by a payer of its own, for whom the provider is asked so much: what it costs
        is taken off the face.
        """
        currency = currency or self.currency
        number = _NUMBERS[currency].format(len(self.orders) + 1)
        face_minor = asked_minor
        while True:
            face = Money(face_minor, currency)
            quote = await self.desk.quote(number=number, product=None, amount=face, payment_method=self.name)
            if currency != self.currency or quote.total.amount_minor == asked_minor:
                break
            face_minor -= quote.total.amount_minor - asked_minor
        order = await self.desk.order(
            order_id=OrderId(new_id("order", lane_of(quote.id))),
            quote_id=quote.id,
            contact=None,
            confirmations=frozenset({"duplicate", "large_amount"}),
            locale="zh_Hans",
            channel="test",
            payer=f"payer {len(self.orders)}",
        )
        self.orders.append(order)
        return order

    async def begin(self, order, method: str = ""):
        """An attempt to pay; what could not be begun is begun again under its number, as a payer would."""
        payment_id = PaymentId(new_id("payment", lane_of(order.id)))
        for last in (False, False, True):
            try:
                return await self.desk.pay(
                    payment_id=payment_id,
                    order_id=order.id,
                    method=method or self.name,
                    locale="zh_Hans",
                    scene=Scene.PHONE,
                    presented=PAYER,
                )
            except Unavailable:
                if last:
                    raise
        raise AssertionError("never begun")

    async def open_page(self, payment) -> None:
        """The payer comes to the provider's page, where it has one, and leaves it open."""
        if isinstance(payment.action, Action) and payment.action.type == "redirect":
            from_here = {"referer": f"{self.street.url}/"}
            async with httpx.AsyncClient(
                trust_env=False, timeout=10, follow_redirects=True, headers=from_here
            ) as browser:
                assert (await browser.get(payment.action.url)).status_code == 200

    async def pay(self, payment, outcome: str = "pay") -> None:
        """What the payer does on the provider's page."""
        form = payment.action.url.partition("?")[2] if isinstance(payment.action, Action) else ""
        choice = {
            "outcome": outcome,
            "form": form if isinstance(self.plugin, PayPage) else "",
            "notify_url": f"{self.street.url}/webhooks/{self.name}",
        }
        answer = await self.simulator.control(f"payments/{payment.id}", choice)
        assert answer["code"] == "OK", answer

    async def paid_elsewhere(self, payment) -> None:
        """The other gateway of the house says that this was paid there."""
        at = datetime.now(UTC) + self.database.clock_offset
        fact = PaymentFact(payment.id, PaymentStanding.PAID, f"elsewhere-{payment.id}", payment.amount, at)
        self.other.standing[payment.id] = [fact]
        await self.desk.receive_event(method=self.other.name, headers={}, body=self.other.event(fact))

    async def bought(self, asked_minor: int = 5000, outcome: str = "pay", currency: str = ""):
        """An order and its payment, which the payer made."""
        order = await self.ordered(asked_minor, currency)
        payment = await self.begin(order)
        await self.pay(payment, outcome)
        return order, payment

    def facts(self, notice: Notice) -> tuple:
        """What it says; nothing where it is not the provider's word."""
        try:
            return self.plugin.parse_event(notice.headers, notice.body, datetime.now(UTC)).facts
        except EventRejected:
            return ()

    def says(self, payment_id: str, standing: PaymentStanding = PaymentStanding.PAID):
        """Whether a notice says that of a payment."""
        return lambda notice: any(
            isinstance(fact, PaymentFact) and (fact.payment_id, fact.standing) == (payment_id, standing)
            for fact in self.facts(notice)
        )

    def says_of_refund(self, refund_id: str):
        """Whether a notice says anything of a refund."""
        return lambda notice: any(
            isinstance(fact, RefundFact) and fact.refund_id == refund_id for fact in self.facts(notice)
        )

    async def later(self, delta: timedelta) -> None:
        self.database.clock_offset += delta

    async def everything_due(self) -> None:
        desk, outside = self.desk, self.desk.outside
        for _ in range(50):
            await desk.post_room.settled()
            steps = (desk.expire, desk.post_room.sweep, outside.ask, outside.deliver, outside.refund)
            if not sum([await step() for step in steps]):
                return
        raise AssertionError("something comes due for ever")

    async def settle(self) -> Books:
        """Let everything come to its end: our clock goes on for days, and what is due is done. The books then."""
        for step in LATER:
            await self.later(step)
            await self.everything_due()
            await self.desk.bills.read()
        await self.everything_due()
        return self.books()

    def books(self) -> Books:
        return Books.read(self.owner)

    async def ask_about(self, payment_id: str) -> None:
        """Ask the provider now, and settle what it says."""
        for fact in (await self.plugin.query(payment_id)).facts:
            await self.desk.hear_payment(Told(fact, self.name))

    async def days_bill(self) -> list[BillLine]:
        """The provider's bills around today: each has its own midnight, and need not have every day's."""
        lines = []
        for days in (-1, 0, 1):
            with suppress(BillUnavailable):
                lines += await self.plugin.bill(self.began.date() + timedelta(days=days))
        return lines

    async def theirs(self) -> dict[str, tuple[int, int]]:
        """What each of our payments brought and gave back, by the provider's bills of these days."""
        books, found = self.books(), defaultdict(lambda: (0, 0))
        of_refund = {refund["id"]: refund["payment_id"] for refund in books.refunds}
        for line in await self.days_bill():
            payment_id = of_refund.get(line.our_id, line.our_id)
            came, back = found[payment_id]
            if line.kind == "payment":
                found[payment_id] = (came + line.amount.amount_minor, back)
            elif line.kind == "refund":
                found[payment_id] = (came, back + line.amount.amount_minor)
        return {payment: sums for payment, sums in found.items() if payment in books.payments and any(sums)}

    def ours(self) -> dict[str, tuple[int, int]]:
        """The same by our books, of this provider."""
        books, found = self.books(), defaultdict(lambda: (0, 0))
        for capture in books.captures:
            came, back = found[capture["payment_id"]]
            found[capture["payment_id"]] = (came + capture["amount_minor"], back)
        for refund in books.refunds:
            if refund["state"] == "refunded":
                came, back = found[refund["payment_id"]]
                found[refund["payment_id"]] = (came, back + refund["amount_minor"])
        return {id_: sums for id_, sums in found.items() if books.payments[id_]["method"] == self.name and any(sums)}

    def new_desk(self) -> Desk:
        """Another process on the same database."""
        return Desk(self.desk._parts)


@asynccontextmanager
async def opened(plug, simulator: Running, database: Database, keys: Path, client) -> AsyncIterator[House]:
    """The house, from its catalogue to its street."""
    await publish_demonstration(database)
    plugin = plug.make(simulator.settings, client)
    other, carrier = ScriptedGateway(), ScriptedCarrier()
    async with listening(Street()) as street:
        parts = Parts(
            database=database,
            catalogue=CatalogueCache(),
            keys=KeyRing(keys),
            lanes=LANES,
            gateways={plug.name: plugin, other.name: other},
            carriers={carrier.name: carrier},
            public_url=street.url,
        )
        async with Desk(parts) as desk:
            street.desk = desk
            with psycopg.connect(database.url, autocommit=True) as owner:
                yield House(plug.name, plugin, simulator, database, desk, other, carrier, street, owner, client)


def counterpart_of(plug, request) -> Running:
    """The provider's simulator, which runs once per session."""
    return request.getfixturevalue(COUNTERPARTS[plug.name])
