"""The subscriber of a demonstration who has three months behind them: made by the rooms themselves, and once."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.support.database import settings_for
from tests.support.desk import LANES
from topup.bootstrap.demonstration import HOLDER, furnish
from topup.bootstrap.demonstration_history import make_history
from topup.bootstrap.house import Furnished, furnished
from topup.bootstrap.house import sweeps as sweeps_of
from topup.bootstrap.plugins import Chosen
from topup.channels.cli.ports import Store
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.audit import audit
from topup.lines import owners
from topup.notifications import notices
from topup.offers.points.queries import balances, movements
from topup.orders.chronicle import Chronicle, Question
from topup.people.subscribers import accounts
from topup.platform.installation import mark_installation
from topup.platform.keys import KeyRing

HOLDERS = parse_msisdn(HOLDER)


@pytest.fixture
async def house(database, database_url, tmp_path) -> AsyncIterator[Furnished]:
    async with database.transaction() as transaction:
        installed = await mark_installation(transaction.connection, demo=True, lanes=LANES, now=transaction.now)
        await furnish(transaction, lanes=LANES)
    settings = settings_for(database_url).model_copy(update={"demo": True})
    store = Store(settings, database, KeyRing(tmp_path / "keys"), installed)
    async with furnished(store, Chosen(), public_url="http://127.0.0.1:9") as found:
        yield found


async def test_somebody_has_lines_use_orders_and_an_answer_behind_them_and_it_is_made_once(house, figures):
    begun = time.monotonic()
    assert sorted(await asyncio.gather(*(make_history(house, locale="en") for _ in range(2)))) == [False, True]
    figures("demonstration_history", seconds=round(time.monotonic() - begun, 1))
    assert not await make_history(house, locale="en")
    database, keyring = house.store.database, house.store.keyring
    async with database.transaction() as transaction:
        connection = transaction.connection
        holder = await accounts.with_number(connection, keyring, e164=HOLDERS.e164)
        whose = await accounts.account(connection, keyring, subscriber_id=holder.id)
        lines = await owners.lines_of(connection, subscriber_id=holder.id, seal=whose.seal)
        found = await audit(connection)
        points = await balances(connection, holder.id, transaction.now)
        moved = await movements(connection, holder.id)
    assert [(one.carrier_id, one.name) for one in lines] == [
        ("qingfeng", ""),
        ("haiqiao", "Mum"),
        ("shanlan", "Second SIM"),
        ("yunfan", "Travel SIM"),
    ]
    assert found.sound, "what was made in the past stands in the books like anything else"
    assert [(one.carrier_id, one.held, one.owed) for one in points] == [("haiqiao", 0, 0)]
    assert [one.points for one in moved] == [30, 95, -150, -50, 229, 50], "those that end first are spent first"
    assert points[0].available == sum(one.points for one in moved)
    past = await Chronicle(database=database, keyring=keyring).everything(who=holder.id, question=Question())
    told = [(one.order.status, one.order.receipt_number is not None) for one in past.chapters]
    assert sorted(set(told)) == [("cancelled", False), ("delivered", True)]
    assert len(told) == 17
    months = [past.now.date().replace(day=1)]
    months += [(months[0] - timedelta(days=days)).replace(day=1) for days in (1, 32)]
    for first in months:
        month = await house.desk.own_month(number=HOLDER, first=first)
        assert month.used
        assert month.entries, "use and top-ups are booked on the days they were"
    (ticket,) = await house.care.tickets_by(holder.id)
    assert ticket.state.value == "solved"


async def test_what_runs_out_now_is_told_now(house):
    await make_history(house, locale="en")
    sweeps = {sweep.name: sweep for sweep in sweeps_of(house)}
    for name in ("ledger.expire", "usage.expiring", "reminders.usage", "reminders.arrived"):
        await sweeps[name].run()
    for _ in range(3):
        await sweeps["reminders.usage"].run()
    async with house.store.database.transaction() as transaction:
        holder = await accounts.with_number(transaction.connection, house.store.keyring, e164=HOLDERS.e164)
        told = [one.template for one in await notices.page(transaction.connection, reader=holder.id)]
    assert sorted(told) == ["credited", "expiring", "expiring", "low"]
