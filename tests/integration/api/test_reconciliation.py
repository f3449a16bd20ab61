"""A day at the sandbox's counter: paid, paid twice, paid unheard; and its bill against the books, over HTTP."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from tests.support.simulators import start_gateway
from topup.channels.api import reconciliation_shapes as shapes
from topup.people.permissions import Role
from topup.reconciliation.desk import Reconciliation
from topup.reconciliation.states import DifferenceClass, Remedy

from .test_access import key

ROOT = "/api/v1/reconciliation/sandbox"


@pytest.fixture
def gateway(tmp_path):
    """A simulated gateway that nobody else pays at: its bill has what this test has done and no more."""
    running = start_gateway(tmp_path / "gateway")
    yield running
    running.stop()


@pytest.fixture
async def kept(api):
    """The desk of reconciliation, which keeps what the desk of orders reads."""
    desk = Reconciliation(database=api.database, gateways={"sandbox": api.desk.bills.giving("sandbox")})
    api.desk.bills._keeping = desk.keeping
    return desk


async def paid(api, outcome: str, number: str) -> str:
    order = (await api.order((await api.quote(number))["id"], confirmations=["duplicate"])).json()
    payment = (await api.pay(order["id"])).json()
    await api.desk.demo_payment(payment_id=payment["id"], outcome=outcome)
    return order["id"]


async def a_day(api, kept):
    """Payments of today, everything settled, and the clock at the day after tomorrow."""
    today = datetime.now(UTC).date()
    orders = [await paid(api, how, f"1380013800{n}") for n, how in enumerate(["pay", "twice", "silent", "pay"])]
    if datetime.now(UTC).date() != today:
        pytest.skip("midnight passed between two payments: the simulator's clock is the real one")
    for _ in range(6):
        api.database.clock_offset += timedelta(minutes=2)
        await api.desk.outside.ask()
        await api.desk.outside.refund()
    api.database.clock_offset += timedelta(days=2)
    await api.desk.bills.read_day(method="sandbox", day=today)
    await api.desk.post_room.settled()
    await kept.compare(method="sandbox", day=today)
    return today, orders


async def test_the_days_bill_ties_and_has_nothing_unexplained(api, kept):
    today, orders = await a_day(api, kept)
    for order in orders:
        assert (await api.desk.get_order(order_id=order)).status == "delivered"
    found = (await api.client.get(f"{ROOT}/{today}", headers=await key(api, Role.AUDITOR))).json()
    assert (found["tied"], found["open"], found["differences"]) == (True, {}, [])
    [tie] = [tie for tie in found["ties"] if tie["currency"] == "CNY"]
    mine = tie["books"]
    assert mine["payment"]["count"] == 5
    assert tie["unexplained_minor"] == 0
    assert tie["bill"]["payment"] == mine["payment"] == tie["ledger"]["payment"]
    assert tie["bill"].get("refund") == mine.get("refund") == tie["ledger"].get("refund")


async def test_it_can_be_printed_and_taken_into_a_spreadsheet(api, kept):
    today, _ = await a_day(api, kept)
    headers = await key(api, Role.OPERATOR)
    page = await api.client.get(f"{ROOT}/{today}/report.html", headers={**headers, "Accept-Language": "en"})
    assert page.status_code == 200
    assert "Every sum ties" in page.text
    assert "sandbox" in page.headers["content-security-policy"]
    file = await api.client.get(f"{ROOT}/{today}/differences.csv", headers=headers)
    assert next(csv.reader(io.StringIO(file.text.removeprefix("\ufeff"))))[:3] == ["method", "day", "class"]


async def test_only_who_may_read_the_ledger(api):
    for path in ("2026-03-10", "2026-03-10/report.html", "2026-03-10/differences.csv"):
        assert (await api.client.get(f"{ROOT}/{path}")).status_code == 401
        assert (await api.client.get(f"{ROOT}/{path}", headers=await key(api, Role.SUPPORT))).status_code == 403
        absent = await api.client.get(f"{ROOT}/{path}", headers=await key(api, Role.AUDITOR))
        assert (absent.status_code, absent.json()["code"]) == (404, "bill_not_read")
    wrong = await api.client.get(f"{ROOT}/today", headers=await key(api, Role.AUDITOR))
    assert (wrong.status_code, wrong.json()["code"]) == (404, "bill_not_read")


def test_the_shape_names_what_the_room_knows():
    assert set(get_args(shapes._Class)) == {cls.value for cls in DifferenceClass}
    assert set(get_args(shapes._Remedy)) == {remedy.value for remedy in Remedy}
