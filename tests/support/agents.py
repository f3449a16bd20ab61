"""Agents of a shop: taken on, their floats filled by two people, and what they sell."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from tests.support.desk import LANES, OWN_NUMBER, ScriptedCarrier, ScriptedGateway, Shop, publish_demonstration
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Problem
from topup.kernel.ids import AgentId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.ledger.audit import audit
from topup.ledger.invariants import violations
from topup.orders.agents.selling import Sold
from topup.orders.desk import Desk
from topup.orders.giving_back import kind as refund_kind
from topup.orders.paying import Presented
from topup.orders.reading import Parts
from topup.payments.floats import plans
from topup.payments.floats.filling import asking_for, kind
from topup.payments.floats.method import AgentFloat
from topup.people.agents import operations as agents
from topup.people.agents.operations import NewAgent, Terms
from topup.people.agents.queries import Agent
from topup.platform.keys import KeyRing
from topup.platform.once import Key
from topup.platform.request_keys import KeyedRequest, Stored
from topup.reconciliation.desk import Reconciliation
from topup.work.approvals import Approvals, Wish

FIVE_PERCENT = """
name = "street"
currency = "CNY"
[[rule]]
percent = "5"
"""


@dataclass(frozen=True)
class Colleague:
    """Somebody who may do anything, but not approve what they asked for."""

    id: str
    role: str = "operator"

    def may(self, permission: str) -> bool:
        return bool(permission)


@dataclass
class Street(Shop):
    """A shop with agents."""

    method: AgentFloat = None
    approvals: Approvals = None
    reconciliation: Reconciliation = None

    async def agent(
        self, name: str = "", *, float_minor: int = 0, contact: str = "", currency: str = "CNY", **terms
    ) -> Agent:
        wanted = NewAgent(
            name=name or f"agent {new_id('agent', 0)[-6:]}",
            contact=contact,
            currency=currency,
            zone="Asia/Shanghai",
            locale="zh_Hans",
            terms=Terms(**terms),
        )
        async with self.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            made = await agents.add(connection, wanted, keyring=self.keys, lanes=LANES, by="cli", now=now)
        if float_minor:
            await self.fill(made.id, float_minor)
        return made

    async def fill(self, agent_id: AgentId, minor: int, *, reference: str = "") -> None:
        """As two colleagues do."""
        wish = asking_for(
            agent_id,
            amount=Money(minor, "CNY").to_major(),
            reference=reference or new_id("entry", 0),
            reason="Paid by bank",
        )
        asked = await self.approvals.request(Colleague("stf_one"), wish)
        await self.approvals.approve(Colleague("stf_two"), asked.id, note="")

    async def publish_plan(self, text: str = FIVE_PERCENT) -> None:
        async with self.database.transaction() as transaction:
            await plans.publish(transaction.connection, plans.read_plan(text), transaction.now)

    async def sells(
        self, agent_id: AgentId, number: str = OWN_NUMBER, minor: int = 5000, *, key: str = "", currency="CNY", **how
    ) -> Sold | Stored:
        """With both confirmations unless others are given; under a key where there is one."""
        how.setdefault("confirmations", frozenset({"duplicate", "large_amount"}))
        return await self.desk.agents.sell_once(
            self.key(agent_id, key, minor) if key else None,
            agent_id=agent_id,
            number=number,
            product=None,
            amount=Money(minor, currency),
            locale="zh_Hans",
            **how,
        )

    def key(self, agent_id: AgentId, key: str, minor: int) -> Key[Sold]:
        request = KeyedRequest(f"agent:{agent_id}", "POST /agents/topups", key, str(minor).encode(), agent_id)
        return Key(request, lambda sold: (201, f"{sold.order_id} {sold.left.amount_minor}".encode()))

    async def refused(self, agent_id: AgentId, *given, **how) -> Problem:
        with pytest.raises(Problem) as refusal:
            await self.sells(agent_id, *given, **how)
        return refusal.value

    async def order_of(self, sold: Sold):
        return await self.desk.get_order(order_id=sold.order_id)

    async def gives_back(self, sold: Sold, minor: int, *, currency: str = "CNY") -> None:
        """As staff do with what was delivered."""
        order = await self.order_of(sold)
        wish = Wish("refund", order.payments[0].id, {"amount": Money(minor, currency).to_major()}, "Goodwill")
        asked = await self.approvals.request(Colleague("stf_one"), wish)
        await self.approvals.approve(Colleague("stf_two"), asked.id, note="")
        await self.run()

    async def change(self, operation, *given, **named) -> None:
        async with self.database.transaction() as transaction:
            await operation(transaction.connection, *given, **named, by="cli", now=transaction.now)

    async def paying_by_float(self, order, agent_id: AgentId):
        return await self.desk.pay(
            payment_id=PaymentId(new_id("payment", lane_of(order.id))),
            order_id=order.id,
            method="agent_float",
            locale="en",
            presented=Presented(wallet_user=agent_id),
        )

    async def left(self, agent_id: AgentId) -> int:
        return (await self.desk.agents.standing(agent_id=agent_id)).left.amount_minor

    async def now(self) -> datetime:
        async with self.database.read() as transaction:
            return transaction.now

    async def sound(self) -> None:
        """The ledger replays, nothing violates an invariant, and nothing is under way between lanes."""
        async with self.database.read() as transaction:
            assert not await violations(transaction.connection)
            report = await audit(transaction.connection)
        assert not report.faults, report
        assert not {"clearing:agent_float", "suspense"} & {code for code, _ in await self.house()}

    async def count(self, sql: str, *parameters) -> int:
        async with self.database.read() as transaction:
            return (await (await transaction.connection.execute(sql, parameters or None)).fetchone())[0]


def _parts(database, keys: KeyRing, gateway, carrier, method, *, keeping=None) -> Parts:
    return Parts(
        database=database,
        catalogue=CatalogueCache(),
        keys=keys,
        lanes=LANES,
        gateways={"scripted": gateway, method.name: method},
        carriers={"external_demo": carrier},
        public_url="http://127.0.0.1:8080",
        keeping=keeping,
    )


@pytest.fixture
async def street(database, data_dir) -> AsyncIterator[Street]:
    await publish_demonstration(database)
    gateway, carrier = ScriptedGateway(), ScriptedCarrier()
    data_dir.mkdir(exist_ok=True)
    keys, method = KeyRing(data_dir / "keys"), AgentFloat(database=database)
    reconciliation = Reconciliation(database=database, gateways={method.name: method})
    parts = _parts(database, keys, gateway, carrier, method, keeping=reconciliation.keeping)
    approvals = Approvals(database=database, kinds=[kind(), refund_kind()])
    async with Desk(parts) as desk:
        yield Street(
            desk,
            database,
            gateway,
            carrier,
            keys,
            method=method,
            approvals=approvals,
            reconciliation=reconciliation,
        )


@pytest.fixture
async def second_desk() -> AsyncIterator:
    """Another process's desk on the same database."""
    opened: list[Desk] = []

    def beside(street: Street) -> Street:
        desk = Desk(_parts(street.database, street.keys, street.gateway, street.carrier, street.method))
        opened.append(desk)
        return replace(street, desk=desk)

    yield beside
    for desk in opened:
        await desk.aclose()
