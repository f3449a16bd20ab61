"""`topup usage`: a file of records, what a line used, what it was told of, what could not be charged."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.commands import topup

pytestmark = [pytest.mark.xdist_group("commands"), pytest.mark.timeout(600)]

NUMBER = "+8613800138000"
HEAD = "id,number,service,quantity,at,country,called\n"
THEN = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
ROWS = (
    f"a,{NUMBER},voice,61,{THEN},,+8613900139000\n"
    f"b,{NUMBER},voice,60,{THEN},,10086\n"
    f"c,{NUMBER},data,1,{THEN},FR,\n"
    f"d,{NUMBER},sms,one,{THEN},,\n"
)


@pytest.fixture(scope="module")
def filled(demonstration: Path) -> Path:
    """A demonstration whose line has ten yuan."""
    assert topup(demonstration, "recharge", NUMBER, "10", "--pay", "sandbox", "--yes").code == 0
    return demonstration


def test_a_file_is_charged_once_and_what_was_refused_is_kept(filled: Path, tmp_path: Path) -> None:
    file, report = tmp_path / "usage.csv", tmp_path / "refused.csv"
    file.write_text(HEAD + ROWS)
    done = topup(filled, "usage", "import", str(file), "--report", str(report))
    assert done.code == 1
    assert "2 charged · 0 charged before · 2 refused · CN¥0.30" in done.out
    refused = list(csv.DictReader(report.read_text("utf-8").splitlines()))
    assert [(row["line"], row["code"]) for row in refused] == [
        ("4", "rate_missing"),
        ("5", "usage_quantity_unreadable"),
    ]
    again = topup(filled, "usage", "import", str(file), "--json")
    said = json.loads(again.out)
    assert (said["charged"], said["known"], said["refused"], said["cost"]) == (0, 2, 2, [])
    kept = json.loads(topup(filled, "usage", "rejects", said["import"], "--json").out)
    assert [(one["line"], one["id"], one["who_must_act"]) for one in kept["rejects"]] == [
        (4, "c", "us"),
        (5, "d", "you"),
    ]
    assert "There is no rate for this usage." in topup(filled, "usage", "rejects", said["import"]).out
    assert json.loads(topup(filled, "audit", "--json").out)["sound"]


def test_what_a_line_used_is_shown_page_by_page(filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(HEAD + ROWS)
    topup(filled, "usage", "import", str(file))
    shown = topup(filled, "usage", "show", "13800138000")
    assert shown.code == 0
    assert "By the rate" in shown.out
    assert "A free number" in shown.out
    first = json.loads(topup(filled, "usage", "show", "13800138000", "--limit", "1", "--json").out)
    rest = json.loads(topup(filled, "usage", "show", "13800138000", "--before", first["before"], "--json").out)
    assert [usage["id"] for usage in (*first["usages"], *rest["usages"])] == ["b", "a"]
    assert (rest["usages"][0]["cost"], rest["before"]) == ({"amount_minor": 30, "currency": "CNY"}, None)


def test_what_a_line_was_told_of_is_shown(filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(HEAD + f"e,{NUMBER},sms,10,{THEN},,\n")
    topup(filled, "usage", "import", str(file))
    # 10.00 were not low, for below 10 is: the first use was.
    assert "Balance running low" in topup(filled, "usage", "events", "13800138000").out
    told = json.loads(topup(filled, "usage", "events", "13800138000", "--json").out)
    assert [event["name"] for event in told["events"]] == ["low"]


@pytest.mark.parametrize(
    "words",
    [
        ("show", "13811112222"),
        ("show", NUMBER, "--before", "x"),
        ("show", NUMBER, "--limit", "0"),
        ("events", NUMBER, "--before", "x"),
        ("import", "nowhere.csv"),
        ("rejects", "imp_00000000000000000000"),
        ("rejects", "nonsense"),
    ],
)
def test_what_is_not_there_is_said(filled: Path, words: tuple[str, ...]) -> None:
    done = topup(filled, "usage", *words)
    assert done.code == 1
    assert done.err
    assert "Traceback" not in done.err


def test_what_is_no_file_and_no_import_is_said_with_what_to_do(filled: Path, tmp_path: Path) -> None:
    missing = topup(filled, "usage", "import", "nowhere.csv")
    assert missing.err == "✗ There is no such file: nowhere.csv\n  Check the path and the name.\n"
    folder = topup(filled, "usage", "import", str(tmp_path))
    assert (folder.code, folder.out) == (1, "")
    assert "is a directory." in folder.err
    unknown = topup(filled, "usage", "rejects", "imp_1")
    assert unknown.err.startswith("✗ We know no import of this id.\n")
    assert "topup usage import FILE" in unknown.err
    lines = topup(filled, "lines", "import", "nowhere.csv")
    assert (lines.code, lines.err) == (1, missing.err)


def test_an_import_of_which_nothing_was_refused_has_no_rejects(filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "good.csv"
    file.write_text(HEAD + ROWS.splitlines(keepends=True)[0])
    said = json.loads(topup(filled, "usage", "import", str(file), "--json").out)
    shown = topup(filled, "usage", "rejects", said["import"])
    assert (shown.code, shown.out) == (0, "No refused rows are kept.\n")
