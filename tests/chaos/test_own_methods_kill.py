"""G11 for the house's own ways to pay: whoever pays, sells cards, keeps a till or imports a statement is killed with -9
at every labelled point, one process after another, and the next one repeats what it was not answered. In the end each
thing has happened once: the books say what they would say had nobody died.
"""

import asyncio
import json
import os
import sys

import pytest

from tests.support.labels import own_labels
from tests.support.own_lives import KINDS
from topup.ledger.audit import audit
from topup.ledger.queries import house_balances

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

# What is left in our accounts of one life. The methods alone are asked for refunds, so that what went back stands in
# `clearing`: that the orders take it there from `suspense` is shown elsewhere.
ONE_LIFE = {
    # Of three cards one paid, and is a slip now; one was blocked, and the third with its batch. One was never used.
    "voucher": {
        "receivable:vouchers": -25000, "vouchers": 5000, "vouchers_blocked": 10000, "expired": 10000,
        "clearing:voucher": -5000,
    },
    # 90 yuan for 50, the rest as a slip; 50 were handed back.
    "cash": {"safe": -4000, "vouchers": 4000, "clearing:cash": -5000},
    # A card paid 50 and got them back, which the orders do not know.
    "terminal": {"clearing:card_terminal": -5000},
    "balance": {"clearing:balance": -5000},
    # Two transfers came; that one of them was sent back the orders do not know.
    "transfers": {"clearing:bank_transfer": -10000},
}  # fmt: skip
ONCE = {
    "voucher": {
        "SELECT count(*) FROM payments.voucher_batches WHERE kind = 'batch'": 2,
        "SELECT count(*) FROM payments.vouchers WHERE state = 'redeemed'": 1,
        "SELECT count(*) FROM shops.stock_movements WHERE act = 'sold'": 1,
        "SELECT 100 - quantity FROM shops.stock_levels": 1,
        "SELECT count(*) FROM payments.credit_slips": 1,
    },
    "cash": {
        "SELECT count(*) FROM payments.cash_takings WHERE state = 'taken'": 1,
        "SELECT count(*) FROM payments.cash_refunds WHERE paid_at IS NOT NULL": 1,
        "SELECT count(*) FROM payments.till_sessions WHERE difference_minor = 0": 2,
        "SELECT count(*) FROM payments.till_sessions": 2,
        "SELECT count(*) FROM payments.till_movements": 1,
    },
    "terminal": {
        "SELECT count(*) FROM payments.card_charges WHERE state = 'taken' AND vouched": 1,
        "SELECT count(*) FROM payments.card_backs WHERE paid_at IS NOT NULL AND vouched": 1,
        "SELECT count(*) FROM payments.card_batches WHERE charges = 1 AND backs = 1 AND entered_minor = total_minor": 1,
    },
    "balance": {
        "SELECT count(*) FROM payments.balance_payments WHERE state = 'paid'": 1,
        "SELECT count(*) FROM payments.balance_refunds": 1,
        "SELECT count(*) FROM payments.balance_payments WHERE state = 'held'": 0,
    },
    "transfers": {
        "SELECT count(*) FROM payments.bank_entries WHERE state = 'settled'": 2,
        "SELECT count(*) FROM payments.bank_entries": 2,
        "SELECT count(*) FROM payments.transfer_returns WHERE sent_at IS NOT NULL": 1,
    },
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", KINDS)
async def test_whoever_is_killed_anywhere_has_it_done_once(database, database_url, data_dir, kind, figures):
    data_dir.mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.own_lives", database_url, str(data_dir), kind,
        stdout=asyncio.subprocess.PIPE, env=os.environ,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    killed = json.loads(said)
    labels = own_labels(kind)
    assert killed == labels
    lives = len(killed) + 1
    async with database.read() as transaction:
        connection = transaction.connection
        found = {code: minor for (code, _), minor in (await house_balances(connection)).items() if minor}
        counted = {}
        for sql in ONCE[kind]:
            [counted[sql]] = await (await connection.execute(sql)).fetchone()
        audited = await audit(connection)
        undone = await (
            await connection.execute("SELECT count(*) FROM payments.refunds WHERE state <> 'refunded'")
        ).fetchone()
    expected = {code: minor * lives for code, minor in ONE_LIFE[kind].items()}
    assert {code: found.get(code, 0) for code in expected} == expected
    assert "suspense" not in found
    assert counted == {sql: number * lives for sql, number in ONCE[kind].items()}
    assert undone == (0,)
    assert audited.sound
    figures("G11", own_method=kind, labels_hit=len(killed), of_all=len(labels), wrong=0)
