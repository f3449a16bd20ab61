"""A payer objects with the bank, from Stripe's simulator over HTTP to the person who answers, and to the ledger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.integration.api.conftest import furnish, parts_of, serving_api
from tests.support.simulators import start_provider, until
from topup.ledger.queries import house_balances
from topup.orders.desk import Desk
from topup.plugins.payments.stripe import Stripe
from topup.reconciliation.desk import Reconciliation
from topup.reconciliation.queries import report


class Account:
    """A merchant's account at Stripe, an order paid through it, and whoever looks at the books."""

    def __init__(self, api, stripe, reconciliation) -> None:
        self.api, self.stripe, self.reconciliation = api, stripe, reconciliation
        self.days = {datetime.now(UTC).date()}

    async def paid_order(self) -> None:
        self.order_id = (await self.api.order()).json()["id"]
        begun = (await self.api.pay(self.order_id, method="stripe")).json()
        self.payment_id, self.paid_minor = begun["id"], begun["amount"]["amount_minor"]
        told = await self.stripe.control(f"payments/{self.payment_id}", {"outcome": "pay", "form": ""})
        assert told["code"] == "OK", told

    async def status(self) -> str:
        return (await self.api.client.get(f"/api/v1/orders/{self.order_id}")).json()["status"]

    async def disputed(self, status, **how) -> str:
        told = await self.stripe.control("disputes", {"payment_id": self.payment_id, "status": status, **how})
        return told["dispute"]

    async def items(self) -> dict[str, str]:
        async with self.api.database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT kind, state FROM work.items WHERE evidence ->> 'payment' = %s", (self.payment_id,)
            )
            return dict(await cursor.fetchall())

    async def evidence(self, kind) -> dict:
        async with self.api.database.read() as transaction:
            cursor = await transaction.connection.execute("SELECT evidence FROM work.items WHERE kind = %s", (kind,))
            [(found,)] = await cursor.fetchall()
            return found

    async def reconciled(self) -> dict[str, int]:
        """Read the bills of the days this test is about, when they are over; compare, and say what our accounts have in
        yuan.
        """
        self.days.add(datetime.now(UTC).date())
        self.api.database.clock_offset += timedelta(days=2)
        for day in sorted(self.days):
            assert await self.api.desk.bills.read_day(method="stripe", day=day) is not None
            await self.reconciliation.compare(method="stripe", day=day)
        async with self.api.database.read() as transaction:
            for day in sorted(self.days):
                found = await report(transaction.connection, method="stripe", day=day)
                of_ours = [one for one in found.differences if one.our_id == self.payment_id]
                assert (of_ours, found.is_tied) == ([], True)
            # Stripe's simulator signs what it tells by the real time.
            self.api.database.clock_offset -= timedelta(days=2)
            return {
                code: balance
                for (code, asset), balance in (await house_balances(transaction.connection)).items()
                if asset == "CNY" and code in {"clearing:stripe", "disputes", "suspense"}
            }


@pytest.fixture
def stripe(tmp_path):
    """One of its own: what others dispute stands in the bills too."""
    running = start_provider("stripe", tmp_path)
    yield running
    running.stop()


@pytest.fixture
async def account(database, tmp_path, stripe, http_client):
    await furnish(database)
    gateways = {"stripe": Stripe(stripe.settings, http_client)}
    reconciliation = Reconciliation(database=database, gateways=gateways)
    parts = replace(parts_of(database, tmp_path, gateways, "http://127.0.0.1:8080"), keeping=reconciliation.keeping)
    async with Desk(parts) as desk, serving_api(database, tmp_path, gateways, desk=desk) as api:
        yield Account(api, stripe, reconciliation)


@pytest.fixture
async def endpoint(account, stripe, stripe_key):
    """Events come to our own address, as the merchant set it up."""
    async with httpx.AsyncClient(trust_env=False, auth=(stripe_key, ""), base_url=stripe.url) as client:
        content = {"url": f"{account.api.url}/webhooks/stripe", "enabled_events[0]": "*"}
        made = (await client.post("/v1/webhook_endpoints", data=content)).json()
        yield
        await client.delete(f"/v1/webhook_endpoints/{made['id']}")


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("end", ["won", "lost"])
async def test_a_dispute_from_the_payers_bank_to_the_ledger(account, end, figures):
    await account.paid_order()
    await until(account.status, lambda status: status == "delivered")
    paid = account.paid_minor
    dispute = await account.disputed("needs_response")
    await until(account.items, lambda items: items == {"dispute_open": "open"})
    evidence = await account.evidence("dispute_open")
    assert evidence["dispute"] == dispute
    assert (evidence["amount_minor"], evidence["currency"], evidence["order"]) == (paid, "CNY", account.order_id)
    left = datetime.fromisoformat(evidence["respond_by"]) - datetime.now(UTC)
    assert timedelta(days=6) < left <= timedelta(days=7)
    assert await account.reconciled() == {"clearing:stripe": 0, "disputes": -paid, "suspense": 0}
    await account.disputed(end)
    await until(account.items, lambda items: items == {"dispute_open": "decided", f"dispute_{end}": "open"})
    cost = paid if end == "lost" else 0
    for _ in range(2):
        standing = {"clearing:stripe": cost - paid, "disputes": -cost, "suspense": 0}
        assert await account.reconciled() == standing
    assert await account.status() == "delivered"
    figures("G9", provider="stripe", dispute=end, unexplained=0)


@pytest.mark.usefixtures("endpoint")
async def test_a_date_that_the_bank_moves_reaches_whoever_answers(account):
    await account.paid_order()
    await until(account.status, lambda status: status == "delivered")
    await account.disputed("warning_needs_response")
    await until(account.items, lambda items: items == {"dispute_open": "open"})
    await account.disputed("needs_response", due_in_days=20)

    async def days_left() -> int:
        respond_by = (await account.evidence("dispute_open"))["respond_by"]
        return round((datetime.fromisoformat(respond_by) - datetime.now(UTC)) / timedelta(days=1))

    await until(days_left, lambda days: days == 20)
    assert await account.items() == {"dispute_open": "open"}


async def test_one_whose_events_never_came_is_found_by_the_bill_and_its_end_asked_for(account, figures):
    await account.paid_order()
    await account.api.desk.outside.ask()
    account.api.database.clock_offset += timedelta(minutes=1)
    await account.api.desk.outside.ask()
    assert await account.status() == "delivered"
    await account.disputed("needs_response")
    await account.reconciled()
    assert await account.items() == {"dispute_open": "open"}
    await account.disputed("lost")
    account.api.database.clock_offset += timedelta(days=4)
    assert await account.api.desk.disputes.ask() == 1
    assert await account.items() == {"dispute_open": "decided", "dispute_lost": "open"}
    assert await account.api.desk.disputes.ask() == 0
    figures("G2", provider="stripe", news="dispute", lost=2, unresolved=0)
