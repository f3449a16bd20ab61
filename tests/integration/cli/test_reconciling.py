"""`topup reconcile` on a demonstration: what it says, its exit codes, and the files it leaves."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.commands import topup

pytestmark = [pytest.mark.xdist_group("commands"), pytest.mark.timeout(600)]


def test_a_day_without_payments_ties_and_leaves_its_report(demonstration: Path, tmp_path: Path) -> None:
    # Of a day on which no test paid, whatever the hour.
    before = str((datetime.now(UTC) - timedelta(days=3)).date())
    done = topup(demonstration, "reconcile", "--method", "sandbox", "--day", before, "--out", str(tmp_path / "reports"))
    assert (done.code, done.err) == (0, "")
    assert "Every sum ties" in done.out
    page, table = sorted((tmp_path / "reports").iterdir(), key=lambda file: file.suffix, reverse=True)
    assert "Every sum ties" in page.read_text("utf-8")
    assert next(csv.reader(table.read_text("utf-8-sig").splitlines()))[0] == "method"


def test_without_a_day_it_is_the_last_that_is_over(demonstration: Path) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    said = json.loads(topup(demonstration, "reconcile", "--method", "sandbox", "--json").out)
    [found] = said["reports"]
    assert found["tied"]
    assert found["day"] in {str(yesterday), str(yesterday + timedelta(days=1))}


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (
            ("--method", "nobody"),
            1,
            "--method takes: alipay, balance, bank_transfer, card_terminal, carrier:external_demo, cash, ",
        ),
        (("--method", "nope", "--day", "2999-01-01"), 1, "There is no such way to pay"),
        (("--day", "yesterday"), 2, "That day cannot be read"),
        (("--day", "2026-13-45"), 2, "Write it as 2026-11-05.\n"),
        (("--method", "sandbox", "--day", "2999-01-01"), 1, "is not over yet"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(demonstration, words, code, sentence):
    done = topup(demonstration, "reconcile", *words)
    assert done.code == code
    assert sentence in done.err
