"""`topup payments` as its operator types it: a top-up by bank transfer, and the statement that pays it."""

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.support.commands import serving, topup
from tests.support.statements_of_banks import Moved, camt
from topup.platform.i18n import DEFAULT_LOCALE, translate

pytestmark = pytest.mark.xdist_group("payment-commands")

ACCOUNT = "6222000000000000000"


def statement(tmp_path: Path, *moved: Moved) -> str:
    file = tmp_path / "statement.xml"
    file.write_bytes(camt(*moved, account=ACCOUNT))
    return str(file)


def reference_in(text: str) -> str:
    [line] = [line for line in text.splitlines() if "TP" in line]
    return line[line.index("TP") :].strip()


def test_a_top_up_by_bank_from_the_reference_to_the_line(demonstration, tmp_path):
    begun = topup(demonstration, "recharge", "13800138000", "50", "--pay", "bank_transfer", "--yes")
    assert ACCOUNT in begun.out, begun.out + begun.err
    assert "+00:00" not in begun.out
    reference = reference_in(begun.out)
    waiting = topup(demonstration, "order", re.search(r"ord_[0-9a-z]{26}", begun.out)[0]).out
    assert reference_in(waiting) == reference
    assert ACCOUNT in waiting
    assert translate("en", "orders", "next.transfer_pending") in waiting
    paid = Moved("50.00", f"topup {reference}", "B1", currency="CNY")
    unknown = Moved("7.00", "for whom?", "B2", currency="CNY")
    file = statement(tmp_path, paid, unknown)
    first = topup(demonstration, "payments", "import-statement", file, "--json")
    assert json.loads(first.out)["verdicts"] == {"matched": 1, "no_reference": 1}, first.err
    again = topup(demonstration, "payments", "import-statement", file, "--json")
    assert (again.code, json.loads(again.out)["new"]) == (0, 0)


def test_what_is_no_statement_is_said_in_words(demonstration, tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("Dear customer")
    refused = topup(demonstration, "payments", "import-statement", str(file))
    assert refused.code != 0
    assert "camt" in (refused.err + refused.out).lower() or "CAMT" in refused.err
    missing = topup(demonstration, "payments", "import-statement", str(tmp_path / "nothing.xml"))
    assert missing.code != 0
    assert "nothing.xml" in missing.err
    nobody = topup(demonstration, "payments", "entry", "ent_nothing")
    assert nobody.code != 0


def test_the_page_says_what_to_send_and_where(demonstration):
    with serving(demonstration) as server:
        with httpx.Client(base_url=server.address, trust_env=False, timeout=30) as visitor:
            quote = visitor.post("/quotes", data={"number": "13800138003", "choice": "credit:5000"}).headers["location"]
            review = visitor.get(quote).text
            assert 'value="bank_transfer"' in review
            assert 'value="balance"' not in review
            key = re.search(r'name="key" value="([^"]+)"', review)[1]
            ordered = visitor.post(f"{quote}/order", data={"key": key, "method": "bank_transfer"})
            page = visitor.get(ordered.headers["location"])
            order = visitor.get(ordered.headers["location"].partition("/payments/")[0]).text
        assert page.status_code == 200, page.text
        assert ACCOUNT in page.text
        assert re.search(r"TP[0-9A-Z]{2} [0-9A-Z]{4} [0-9A-Z]{4}", page.text)
        assert page.text.count("data-copy=") == 6
        assert re.search(r"TP[0-9A-Z]{2} [0-9A-Z]{4} [0-9A-Z]{4}", order)
        details = re.search(r'href="([^"]+/payments/[^"]+)">([^<]+)<', order)
        assert ordered.headers["location"].endswith(details[1])
        assert details[2] == translate(DEFAULT_LOCALE, "web", "transfer_details")
        assert translate(DEFAULT_LOCALE, "orders", "next.transfer_pending") in order
        assert server.stop() == 0
