"""A card pays yuan in dollars, yen or dinars: from the methods' list over REST through Stripe's simulator to the
ledger, the receipt, a refund and the provider's bill.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from tests.integration.api.conftest import furnish, parts_of, serving_api
from tests.support.simulators import start_provider, until
from topup.ledger.invariants import violations
from topup.ledger.queries import house_balances
from topup.orders.desk import Desk
from topup.orders.giving_back import kind as refund_kind
from topup.plugins.payments.stripe import Stripe
from topup.reconciliation.desk import Reconciliation
from topup.reconciliation.queries import report

RATES = """
source = "Tests"
at = {at:%Y-%m-%dT%H:%M:%SZ}
valid_until = {until:%Y-%m-%dT%H:%M:%SZ}
[CNY]
USD = "7.1062"
JPY = "0.045320"
KWD = "23.415"
"""
PAID = {"USD": 708, "JPY": 1110, "KWD": 2150}
"""¥50.30, a fee of ¥0.30 among it: 7.0783… dollars, 1109.88… yen, 2.14819… dinars, which Stripe takes by tens."""
TEN_YUAN = {"USD": 140, "JPY": 220, "KWD": 420}
"""Of what was paid: rounded down."""


@pytest.fixture
def stripe(tmp_path):
    """One of its own: whatever others paid stands in the bills too."""
    running = start_provider("stripe", tmp_path)
    yield running
    running.stop()


@pytest.fixture
def rates_file(tmp_path):
    path = tmp_path / "rates.toml"
    now = datetime.now(UTC)
    path.write_text(RATES.format(at=now, until=now + timedelta(hours=1)))
    return path


@pytest.fixture
async def house(database, tmp_path, stripe, http_client, rates_file):
    await furnish(database)
    settings = stripe.settings.model_copy(update={"pays_in": tuple(PAID), "rates_file": rates_file})
    gateways = {"stripe": Stripe(settings, http_client)}
    reconciliation = Reconciliation(database=database, gateways=gateways)
    parts = replace(parts_of(database, tmp_path, gateways, "http://127.0.0.1:8080"), keeping=reconciliation.keeping)
    async with Desk(parts) as desk, serving_api(database, tmp_path, gateways, desk=desk) as api:
        yield SimpleNamespace(api=api, stripe=stripe, reconciliation=reconciliation)


async def pays_of(api, quote_id):
    (way,) = (await api.client.get(f"/api/v1/quotes/{quote_id}/methods?scene=desktop")).json()["methods"]
    return way["pay"]


async def begun(api, order_id, currency):
    headers = {"Idempotency-Key": uuid4().hex}
    wish = {"method": "stripe", "currency": currency}
    return await api.client.post(f"/api/v1/orders/{order_id}/payments", json=wish, headers=headers)


async def balances(api):
    async with api.database.read() as transaction:
        assert await violations(transaction.connection) == []
        return {key: value for key, value in (await house_balances(transaction.connection)).items() if value}


async def delivered(house, currency):
    api = house.api
    quote = await api.quote()
    order_id = (await api.order(quote["id"])).json()["id"]
    payment = (await begun(api, order_id, currency)).json()
    assert payment["amount"] == {"amount_minor": PAID[currency], "currency": currency}
    told = await house.stripe.control(f"payments/{payment['id']}", {"outcome": "pay", "form": ""})
    assert told["code"] == "OK", told
    api.database.clock_offset += timedelta(minutes=1)

    async def asked():
        await api.desk.outside.ask()
        return (await api.client.get(f"/api/v1/orders/{order_id}")).json()

    return await until(asked, lambda order: order["status"] == "delivered"), payment["id"]


async def given_back(api, payment_id, text):
    async with api.database.transaction() as transaction:
        wish = SimpleNamespace(subject=payment_id, facts={"amount": text})
        facts = await refund_kind().prepare(transaction.connection, wish, transaction.now)
        await refund_kind().execute(transaction, SimpleNamespace(subject=payment_id, facts=facts))


async def reconciled(house, payment_id):
    """What Stripe's bills and ours do not agree on, about this payment; and whether totals tie. A refund may be of the
    day after the payment's, and of another day by the database's clock, which is minutes ahead, than by Stripe's.
    """
    api, day = house.api, datetime.now(UTC).date()
    api.database.clock_offset += timedelta(days=3)
    differences, tied = [], []
    for one in (day - timedelta(days=1), day, day + timedelta(days=1)):
        assert await api.desk.bills.read_day(method="stripe", day=one) is not None
        await house.reconciliation.compare(method="stripe", day=one)
        async with api.database.read() as transaction:
            found = await report(transaction.connection, method="stripe", day=one)
        differences += [line for line in found.differences if line.our_id == payment_id]
        tied.append(found.is_tied)
    return differences, tied


@pytest.mark.parametrize("currency", PAID)
async def test_from_the_list_of_methods_to_the_bill_in_one_currency(house, currency, figures):
    api = house.api
    pays = await pays_of(api, (await api.quote())["id"])
    assert [pay["amount"]["currency"] for pay in pays] == ["CNY", *PAID]
    assert pays[0]["exchange"] is None
    order, payment_id = await delivered(house, currency)
    paid = {"amount_minor": PAID[currency], "currency": currency}
    assert order["total"] == {"amount_minor": 5030, "currency": "CNY"}
    assert (order["exchange"]["paid"], order["exchange"]["source"]) == (paid, "Tests")
    step = {"amount_minor": 10 if currency == "KWD" else 1, "currency": currency}
    assert order["exchange"]["step"] == step, "Stripe takes ten fils and no less"
    receipt = (await api.client.get(f"/api/v1/orders/{order['id']}/receipt")).json()
    assert (receipt["total"]["currency"], receipt["exchange"]["paid"]) == ("CNY", paid)
    await given_back(api, payment_id, "10 CNY")
    await api.desk.outside.refund()

    async def refunded():
        # The simulator takes a moment to be done with it.
        api.database.clock_offset += timedelta(minutes=1)
        await api.desk.outside.refund()
        return (await api.client.get(f"/api/v1/orders/{order['id']}")).json()["payments"][0]["refunded"]

    back = await until(refunded, lambda money: money["amount_minor"] > 0)
    assert back == {"amount_minor": TEN_YUAN[currency], "currency": currency}
    kept = PAID[currency] - TEN_YUAN[currency]
    books = await balances(api)
    assert books["clearing:stripe", currency] == -kept
    assert books["exchange", currency] == PAID[currency]
    assert books["exchange", "CNY"] == -5030
    assert not [key for key in books if key[0] == "suspense"]
    assert await reconciled(house, payment_id) == ([], [True, True, True])
    figures("G18", paid_in=currency, charged_above_quote=0)


async def test_what_the_list_does_not_name_is_refused(house, rates_file):
    api = house.api
    order_id = (await api.order()).json()["id"]
    refused = await begun(api, order_id, "EUR")
    assert (refused.status_code, refused.json()["code"]) == (422, "method_not_for_currency")
    assert (await begun(api, order_id, "usd")).status_code == 422


async def test_stale_rates_are_not_offered_and_signed_ones_hold(house, rates_file):
    api = house.api
    order_id = (await api.order()).json()["id"]
    rates_file.write_text("broken")
    assert [pay["amount"]["currency"] for pay in await pays_of(api, (await api.quote())["id"])] == ["CNY"]
    assert (await begun(api, order_id, "USD")).json()["amount"] == {"amount_minor": 708, "currency": "USD"}
