"""Cash by till, safe and keeper: what the counts say, what the ledger has, and who explained a difference."""

import asyncio
import csv
import io
import subprocess
from datetime import UTC, timedelta
from functools import partial

import pytest

from tests.support.approving import Anybody
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.payments.cash.drawer import CHANGE, EXPENSE, SAFE, Movement
from topup.payments.cash.tills import Tendered
from topup.payments.ports import Scene
from topup.platform.i18n import LOCALES
from topup.reconciliation.cash import ACCOUNTS, cash_between
from topup.reconciliation.cash_papers import Reader, till_lines, tills_csv
from topup.reconciliation.periods import period_pdf
from topup.reconciliation.writing_off import ACCEPT_TILL, kinds
from topup.work.approvals import Approvals, Wish
from topup.work.queries import open_items

ANN, BOB, CLEO, DEE = (new_id("staff", 0) for _ in range(4))
NAMES = {ANN: "ann", BOB: "bob", CLEO: "cleo", DEE: "dee"}


def yuan(amount_minor) -> Money:
    return Money(amount_minor, "CNY")


async def sells(shop, till, by, *, amount=5000, handed=None):
    order = await shop.ordered(amount=amount)
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))
    await shop.desk.pay(payment_id=payment_id, order_id=order.id, method="cash", locale="zh_Hans", scene=Scene.COUNTER)
    tendered = Tendered(payment_id, till, yuan(handed or amount), by, no_change=handed is not None)
    await shop.desk.cash.take(tendered)


async def cash_of(shop):
    """The tills of today and yesterday by UTC: so that midnight may pass meanwhile."""
    async with shop.database.read() as transaction:
        today = transaction.now.astimezone(UTC).date()
        day = timedelta(days=1)
        return await cash_between(transaction.connection, since=today - day, until=today + day, zone="UTC")


@pytest.fixture
async def counted(voucher_shop):
    """Three tills: one that ties, one of which a yuan is missing, one that is still kept."""
    cash = voucher_shop.desk.cash
    await cash.open(till="one", float_=yuan(20000), by=ANN, shop="hall")
    await sells(voucher_shop, "one", ANN, handed=5500)
    for form, (why, amount) in enumerate(((CHANGE, 3000), (SAFE, 4000), (EXPENSE, 700))):
        await cash.move(till="one", movement=Movement(f"f{form}", why, yuan(amount), "Because", ANN))
    await cash.close(till="one", counted=yuan(20000 + 5500 + 3000 - 4000 - 700), by=ANN)
    await cash.open(till="two", float_=yuan(10000), by=BOB)
    await sells(voucher_shop, "two", BOB)
    await cash.close(till="two", counted=yuan(14900), by=CLEO)
    await cash.open(till="three", float_=yuan(5000), by=BOB)
    await sells(voucher_shop, "three", BOB, amount=3000)
    return voucher_shop


async def explain(shop):
    async with shop.database.read() as transaction:
        [item] = [one for one in await open_items(transaction.connection) if one.kind == "till_difference"]
    approvals = Approvals(database=shop.database, kinds=kinds())
    wish = Wish(ACCEPT_TILL, item.subject, {}, "A coin rolled away", item.id)
    return item, await approvals.request(Anybody(DEE), wish), approvals


async def test_each_till_says_what_came_went_and_was_counted_and_the_ledger_says_the_same(counted):
    found = await cash_of(counted)
    by_till = {row.till.till: row for row in found.rows}
    one, two, three = (by_till[name] for name in ("one", "two", "three"))
    assert (one.till.came_minor, one.till.went_minor, one.till.difference_minor) == (8500, 4700, 0)
    assert (two.till.expected_minor, two.till.counted_minor, two.till.difference_minor) == (15000, 14900, -100)
    assert (two.till.kept_by, two.till.counted_by, one.till.shop) == (BOB, CLEO, "hall")
    assert (three.till.counted_minor, three.ledger_minor) == (None, 8000)
    assert [row.unexplained_minor for row in found.rows] == [0, 0, 0]
    [whole] = found.sums
    assert (whole.counts, whole.expected_minor, whole.counted_minor, whole.difference_minor) == (2, 38800, 38700, -100)
    assert (whole.ledger_minor, whole.open) == (38800, 1)


async def test_the_accounts_of_cash_are_what_the_tills_made_of_them(counted):
    found = await cash_of(counted)
    safe = -20000 - 3000 + 4000 + 23800 - 10000 + 14900 - 5000
    assert [(one.account, one.tills_minor) for one in found.ties] == list(
        zip(ACCOUNTS, (8000, safe, -100, 700), strict=True)
    )
    assert all(one.unexplained_minor == 0 for one in found.ties), found.ties


async def test_what_no_till_made_shows_as_unexplained(counted):
    async with counted.database.transaction() as transaction:
        await transaction.connection.execute(
            "INSERT INTO payments.till_movements"
            " (lane, session_id, form, why, amount_minor, reason, moved_by, moved_at)"
            " SELECT lane, id, 'unbooked', 'safe', -300, 'By hand', opened_by, opened_at FROM payments.till_sessions"
            " WHERE till = 'two'"
        )
    found = await cash_of(counted)
    assert {row.till.till: row.unexplained_minor for row in found.rows} == {"one": 0, "two": -300, "three": 0}
    assert [one.unexplained_minor for one in found.ties] == [0, 300, 0, 0]


async def test_a_difference_leads_to_its_task_and_says_who_explained_and_who_accepted_it(counted):
    async def line():
        [found] = [one for one in till_lines(await cash_of(counted), Reader("en", "UTC", NAMES, {})) if one.differs]
        return found

    assert (await line()).explained == "nobody yet"
    item, asked, approvals = await explain(counted)
    told = await line()
    assert (told.item_id, told.is_open, told.explained) == (item.id, True, "dee; to be decided")
    assert told.keeper == "bob; counted by cleo"
    await approvals.approve(Anybody(ANN), asked.id, note="")
    told = await line()
    assert (told.is_open, told.explained) == (False, "dee; accepted by ann")


async def test_tills_of_other_days_are_left_out(counted):
    async with counted.database.read() as transaction:
        week = transaction.now.date() - timedelta(days=7)
        found = await cash_between(transaction.connection, since=week, until=week, zone="Asia/Shanghai")
    assert (found.rows, found.sums) == ((), ())
    assert found.ties, "the accounts are as they are now, whatever the days"


async def test_the_file_adds_up_and_what_is_still_kept_is_not_in_it(counted):
    found = await cash_of(counted)
    content = tills_csv(found, Reader("en", "UTC", NAMES, {"hall": "=Hall"})).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["till"] for row in rows] == ["one", "two"]
    assert rows[0]["shop"] == "'=Hall"
    for row in rows:
        minor = {
            name: round(float(row[name]) * 100) for name in ("float", "in", "out", "expected", "ledger", "counted")
        }
        assert minor["float"] + minor["in"] - minor["out"] == minor["expected"] == minor["ledger"]
        assert minor["counted"] - minor["expected"] == round(float(row["difference"]) * 100)


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_paper_has_the_tills_beside_the_gateways(counted, locale):
    found = await cash_of(counted)
    async with counted.database.read() as transaction:
        now = transaction.now
    pdf = await period_pdf([], found, Reader(locale, "UTC", NAMES, {}), period="–", now=now)
    read = partial(subprocess.run, ["pdftotext", "-layout", "-", "-"], input=pdf, check=True, capture_output=True)
    text = (await asyncio.to_thread(read)).stdout.decode()
    for told in ("238.00", "149.00", "387.00", "ann", "80.00"):
        assert told in text, told
