"""A day or a period on paper and as a file: its sums are what the ledger's transfers come to."""

import asyncio
import csv
import io
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.support.bills import DAY, METHOD, Back, Paid
from topup.kernel.money import Money
from topup.ledger.queries import house_balances
from topup.payments.postings import clearing
from topup.platform.i18n import LOCALES
from topup.reconciliation.cash import Cash
from topup.reconciliation.cash_papers import Reader
from topup.reconciliation.periods import period_csv, period_pdf, sides, wholes

NEXT = DAY + timedelta(days=1)
NOW = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)


@pytest.fixture
async def found(auditor, database):
    """Two days: what the books have, what the bills say, a payment the bill does not know, and a fee."""
    paid, missing, dollars = Paid(), Paid(amount=1234), Paid(amount=700, currency="USD")
    back = Back(paid, amount=100)
    later = Paid(amount=2000, at=paid.at + timedelta(days=1))
    await auditor.books(paid, missing, dollars, back, later)
    await auditor.bill(paid.line(fee=Money(30, "CNY")), back.line(), dollars.line())
    await auditor.compared()
    await auditor.bill(later.line(), day=NEXT)
    await auditor.compared(NEXT)
    async with database.read() as transaction:
        return await sides(transaction.connection, since=DAY, until=NEXT)


async def ledger(database, currency: str) -> int:
    """What the transfers of the method's clearing account come to."""
    async with database.read() as transaction:
        return -(await house_balances(transaction.connection)).get((clearing(METHOD), currency), 0)


async def test_the_sums_are_those_of_the_ledgers_transfers(found, database):
    sums = {one.currency: one for one in wholes(found)}
    assert set(sums) == {"CNY", "USD"}
    fees = 30
    # The bill's fee is posted against the clearing account too: it is no payment.
    assert sums["CNY"].ledger_minor == await ledger(database, "CNY") + fees == 5000 + 1234 - 100 + 2000
    assert sums["USD"].ledger_minor == await ledger(database, "USD") == 700
    assert sums["CNY"].books_minor == sums["CNY"].ledger_minor
    assert (sums["CNY"].bill_minor, sums["CNY"].difference_minor) == (5000 - 100 + 2000, -1234)
    assert (sums["CNY"].fee_minor, sums["CNY"].open, sums["CNY"].unsigned) == (fees, 1, 2)


async def test_the_file_adds_up_to_the_same(found):
    rows = list(csv.DictReader(io.StringIO(period_csv(found, {}).decode("utf-8-sig"))))
    assert [row["day"] for row in rows] == [DAY.isoformat(), DAY.isoformat(), NEXT.isoformat()]
    for whole in wholes(found):
        own = [row for row in rows if row["currency"] == whole.currency]
        for column, minor in (
            ("bill", whole.bill_minor),
            ("books", whole.books_minor),
            ("ledger", whole.ledger_minor),
            ("difference", whole.difference_minor),
        ):
            assert f"{sum(float(row[column]) for row in own):.2f}" == f"{minor / 100:.2f}", column


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_paper_says_the_same_in_every_language(found, locale):
    reader = Reader(locale, "UTC", {}, {})
    pdf = await period_pdf(found, Cash((), (), ()), reader, period="2026-03-10 – 2026-03-11", now=NOW)
    read = partial(subprocess.run, ["pdftotext", "-layout", "-", "-"], input=pdf, check=True, capture_output=True)
    text = (await asyncio.to_thread(read)).stdout.decode()
    for amount in ("69.00", "81.34", "12.34", "7.00"):
        assert amount in text, amount


async def test_days_beyond_the_period_are_left_out(auditor, database):
    await auditor.books(one := Paid())
    await auditor.bill(one.line())
    await auditor.compared()
    async with database.read() as transaction:
        assert not await sides(transaction.connection, since=NEXT, until=NEXT)
        assert len(await sides(transaction.connection, since=DAY, until=DAY)) == 1
