"""Commands on a demonstration without a server beside them: each is a real process."""

import csv
import json
import time
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from tests.support.commands import Terminal, topup
from tests.support.tariffs import CREDIT_CAP
from topup.platform.embedded import EmbeddedServer

pytestmark = [pytest.mark.xdist_group("commands"), pytest.mark.timeout(600)]


def recharge(data_dir: Path, *words: str) -> tuple[int, dict, str]:
    done = topup(data_dir, "recharge", *words, "--pay", "sandbox", "--yes", "--json")
    return done.code, json.loads(done.out) if done.out else {}, done.err


def test_a_top_up_goes_all_the_way_and_is_in_the_books(demonstration: Path) -> None:
    began = time.perf_counter()
    code, said, err = recharge(demonstration, "138 0013 8000", "50")
    print(f"recharge_without_server_s={time.perf_counter() - began:.1f}")
    assert (code, err) == (0, "")
    assert said["order"]["status"] == "delivered"
    assert said["payment"]["status"] == "paid"
    balance = json.loads(topup(demonstration, "balance", "13800138000", "--json").out)
    assert balance["credit"] == {"amount_minor": 5000, "currency": "CNY"}
    shown = topup(demonstration, "order", said["order"]["id"])
    assert shown.code == 0
    assert "138 0013 8000" in shown.out
    assert said["order"]["receipt_number"] in shown.out
    audit = json.loads(topup(demonstration, "audit", "--json").out)
    assert audit["sound"]
    assert audit["transfers"] >= 2


@pytest.mark.parametrize("number", ["13300133000", "13000130000"])
def test_credit_that_ends_is_shown_with_its_end_and_why(demonstration: Path, number: str) -> None:
    assert recharge(demonstration, number, "10")[0] == 0
    shown = topup(demonstration, "balance", number)
    assert (shown.code, shown.err) == (0, "")
    assert "-day validity" in shown.out
    [bucket] = json.loads(topup(demonstration, "balance", number, "--json").out)["buckets"]
    assert bucket["rule"]["inputs"]["days"] > 0


def test_an_unknown_way_to_pay_is_refused_with_those_there_are(demonstration: Path) -> None:
    done = topup(demonstration, "recharge", "13800138003", "50", "--pay", "shells", "--yes")
    assert (done.code, done.out) == (1, "")
    words = " ".join(done.err.split())
    assert "--pay takes: " in words
    assert "sandbox" in words.partition("--pay takes: ")[2]


def test_a_number_of_another_carrier_has_no_balance_with_us(demonstration: Path) -> None:
    done = topup(demonstration, "balance", "+65 8123 4500")
    assert (done.code, done.out) == (1, "")
    assert "with Lion Island Telecom" in done.err


def test_a_line_that_is_not_open_yet_says_what_opens_it(demonstration: Path) -> None:
    done = topup(demonstration, "balance", "13811110000")
    assert (done.code, done.out) == (1, "")
    assert "138 1111 0000 has no line yet" in done.err
    assert "The first top-up opens it at" in done.err


def test_a_declined_payment_is_said_at_once(demonstration: Path) -> None:
    # A total that ends in 91 is declined (docs/guides/simulators.md).
    began = time.monotonic()
    done = topup(demonstration, "recharge", "13300133001", "50.91", "--pay", "sandbox", "--yes")
    assert done.code == 1
    assert "declined, and nothing was charged" in done.out
    assert time.monotonic() - began < 45, "it waited for an end that does not come"


def test_a_duplicate_is_refused_even_with_yes_until_it_is_named(demonstration: Path) -> None:
    assert recharge(demonstration, "13900139000", "30")[0] == 0
    code, said, err = recharge(demonstration, "13900139000", "30")
    assert (code, said) == (1, {})
    assert "the same amount less than" in err
    assert "Nothing was paid" in err
    assert "add --confirm duplicate" in err
    assert recharge(demonstration, "13900139000", "30", "--confirm", "duplicate")[0] == 0


def test_what_a_line_may_not_hold_is_refused_with_what_still_fits(demonstration: Path, tmp_path: Path) -> None:
    file = tmp_path / "shanlan.toml"
    text = files("topup.catalogue.demonstration").joinpath("shanlan.toml").read_text()
    file.write_text(text + CREDIT_CAP.format(at_cap="refuse"))
    assert topup(demonstration, "catalogue", "load", str(file)).code == 0
    assert recharge(demonstration, "13300133005", "60")[0] == 0
    refused = topup(demonstration, "recharge", "13300133005", "50", "--pay", "sandbox", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert "At most CN¥40.00 still fits" in " ".join(refused.err.split())
    assert recharge(demonstration, "13300133005", "40")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("139", "30"), 1, "wrong length"),
        (("13800138000", "abc"), 2, "cannot be read"),
        (("13800138000", "0.001"), 2, "cannot be read"),
        (("13800138000", "1e2"), 2, "cannot be read"),
        (("13800138000", "-5"), 2, "cannot be read"),
        (("+442079460000", "10"), 1, ""),
        (("13800138000", "30", "--confirm", "everything"), 2, "no confirmation everything"),
    ],
)
def test_what_cannot_be_topped_up_is_refused_with_a_sentence(
    demonstration: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    options = ("--pay", "sandbox", "--yes", *words[2:])
    done = topup(demonstration, "recharge", *options, "--", *words[:2])
    assert done.code == code
    assert done.out.strip() == ""
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_without_a_terminal_nothing_is_paid_unless_told(demonstration: Path) -> None:
    done = topup(demonstration, "recharge", "13800138009", "10", "--pay", "sandbox")
    assert done.code == 2
    assert "--yes" in done.err


def test_what_is_unknown_is_exit_code_3_and_never_said_to_have_failed(demonstration: Path) -> None:
    # The simulated carrier takes numbers that end in 96 and never says how it ended (docs/guides/simulators.md).
    done = topup(demonstration, "recharge", "+6581234596", "10", "--pay", "sandbox", "--yes", "--wait", "3")
    assert done.code == 3
    assert "under way" in done.out


def test_an_order_and_a_line_that_do_not_exist_are_not_found(demonstration: Path) -> None:
    for words in (("order", "ord_" + "0" * 26), ("order", "nonsense"), ("balance", "13811112222")):
        done = topup(demonstration, *words)
        assert done.code == 1
        assert done.err
        assert "Traceback" not in done.err


def test_lines_are_imported_and_bad_rows_named(demonstration: Path, tmp_path: Path) -> None:
    file = tmp_path / "lines.csv"
    file.write_text("number,carrier,kind,status\n13800139001,qingfeng,physical,barred\n12,qingfeng,physical,active\n")
    done = topup(demonstration, "lines", "import", str(file))
    assert done.code == 1
    assert "1 opened" in done.out
    assert f"{file}:3" in done.err
    barred = topup(demonstration, "recharge", "13800139001", "50", "--pay", "sandbox", "--yes")
    assert barred.code == 1


def test_refused_rows_go_to_a_file_of_their_own(demonstration: Path, tmp_path: Path) -> None:
    file, report = tmp_path / "lines.csv", tmp_path / "refused.csv"
    file.write_text("number,carrier,kind,status\n12,qingfeng,physical,active\n13800139002,qingfeng,wooden,active\n")
    done = topup(demonstration, "lines", "import", str(file), "--report", str(report))
    assert (done.code, str(file) in done.err) == (1, False)
    rows = list(csv.DictReader(report.read_text("utf-8").splitlines()))
    assert [(row["line"], row["code"]) for row in rows] == [("2", "number_impossible"), ("3", "line_kind_unknown")]
    assert all(row["reason"] for row in rows)


def test_sim_cards_are_imported_and_shown_by_their_ends(demonstration: Path, tmp_path: Path) -> None:
    line, card = "13800139003", "8986011111111111112"
    lines, file, report = (tmp_path / name for name in ("lines.csv", "cards.csv", "refused.csv"))
    lines.write_text(f"number,carrier,kind,status\n{line},qingfeng,physical,active\n")
    assert topup(demonstration, "lines", "import", str(lines)).code == 0
    file.write_text(f"iccid,carrier,kind,number\n{card},qingfeng,esim,{line}\n{card[:-1]}0,qingfeng,esim,\n")
    done = topup(demonstration, "lines", "cards", str(file), "--report", str(report))
    assert done.code == 1
    assert "1 added · 1 given to lines" in done.out
    [row] = csv.DictReader(report.read_text("utf-8").splitlines())
    assert (row["line"], row["code"]) == ("3", "iccid_mistyped")
    assert "wrong" in row["reason"]
    told = topup(demonstration, "lines", "show", line)
    assert "ending 1112" in told.out
    shown = json.loads(topup(demonstration, "lines", "show", line, "--json").out)["card"]
    assert (shown["kind"], shown["state"], shown["iccid"]) == ("esim", "active", "8986 **** 1112")
    assert card not in told.out


def test_the_portability_table_is_read(demonstration: Path, tmp_path: Path) -> None:
    file = tmp_path / "ported.csv"
    file.write_text("number,carrier\n+8613800139777,-\n+8613800139778,nobody\n")
    done = topup(demonstration, "lines", "ported", str(file))
    assert done.code == 1
    assert "1 ported" in done.out
    assert f"{file}:3" in done.err


def test_a_line_is_shown_with_what_becomes_of_it(demonstration: Path) -> None:
    shown = topup(demonstration, "lines", "show", "13800138000")
    assert shown.code == 0
    assert "138 0013 8000" in shown.out
    assert "it stays as it is" in shown.out
    told = json.loads(topup(demonstration, "lines", "show", "13800138000", "--json").out)
    assert (told["status"], told["to_come"], told["time_zone"]) == ("active", [], "Asia/Shanghai")
    assert topup(demonstration, "lines", "show", "13800139999").code == 1
    kept = topup(demonstration, "lines", "keeping", "13800138000")
    assert kept.code == 0
    assert "it does not end by itself" in kept.out
    told = json.loads(topup(demonstration, "lines", "keeping", "13800138000", "--json").out)
    assert (told["kept_until"], told["row"], told["least"]["amount_minor"]) == (None, [], 0)
    assert topup(demonstration, "lines", "keeping", "13800138000", "--until", "2001-01-01").code == 1


def test_a_carriers_file_is_checked_and_published_once(demonstration: Path, tmp_path: Path) -> None:
    original = Path(__file__).parents[3] / "src/topup/catalogue/demonstration/qingfeng.toml"
    file = tmp_path / "qingfeng.toml"
    file.write_text(original.read_text() + "\n# changed\n")
    assert topup(demonstration, "catalogue", "check", str(file)).code == 0
    again = topup(demonstration, "catalogue", "load", str(file))
    assert again.code == 0
    assert "Nothing to publish" in again.out
    file.write_text(original.read_text().replace("price = 10\n", "price = 12\n"))
    assert "is published; new quotes use it" in topup(demonstration, "catalogue", "load", str(file)).out
    assert topup(demonstration, "catalogue", "load", str(original)).code == 0
    file.write_text(original.read_text().replace('currency = "CNY"', "currency = 5"))
    wrong = topup(demonstration, "catalogue", "load", str(file))
    assert wrong.code == 1
    assert f"{file}:" in wrong.err


def test_a_key_is_made_shown_once_and_revoked(demonstration: Path) -> None:
    made = topup(demonstration, "keys", "create", "--role", "support", "--label", "desk")
    assert made.code == 0
    assert made.out.startswith("topup_")
    assert len(made.out.split()) == 1
    key_id = next(word for word in made.err.split() if word.startswith("key_"))
    assert topup(demonstration, "keys", "revoke", key_id).code == 0
    assert topup(demonstration, "keys", "revoke", key_id).code == 1


def test_the_doctor_is_content_and_says_what_is_not(demonstration: Path, data_dir: Path) -> None:
    found = json.loads(topup(demonstration, "doctor", "--json").out)["findings"]
    assert {item["check"] for item in found} >= {"data_dir", "disk", "database", "clock", "catalogue", "plugins"}
    assert [item for item in found if item["level"] == "broken"] == []
    nothing = topup(data_dir, "doctor")
    assert nothing.code == 1
    assert "topup serve --demo" in nothing.out
    assert not data_dir.exists()


def test_exported_heads_are_believed_only_as_they_were_signed(demonstration: Path, tmp_path: Path) -> None:
    heads = tmp_path / "heads.json"
    assert recharge(demonstration, "13800138007", "20")[0] == 0
    assert topup(demonstration, "audit", "--export-heads", str(heads)).code == 0
    assert topup(demonstration, "audit", "--heads", str(heads)).code == 0
    document = json.loads(heads.read_text())
    document["lanes"][0]["sequence"] += 1
    heads.write_text(json.dumps(document))
    forged = topup(demonstration, "audit", "--heads", str(heads))
    assert (forged.code, forged.out) == (1, "")
    nonsense = topup(demonstration, "audit", "--heads", __file__)
    assert (nonsense.code, nonsense.out) == (1, "")
    assert "Traceback" not in forged.err + nonsense.err


def test_an_audit_goes_on_from_a_head(demonstration: Path, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    assert recharge(demonstration, "13800138009", "50")[0] == 0
    assert topup(demonstration, "audit", "head", "--out", str(head)).code == 0
    printed = json.loads(topup(demonstration, "audit", "head").out)
    assert printed["lanes"] == json.loads(head.read_text())["lanes"]
    assert recharge(demonstration, "13800138009", "30")[0] == 0
    whole = json.loads(topup(demonstration, "audit", "--json", "--heads", str(head)).out)
    since = json.loads(topup(demonstration, "audit", "--json", "--from", str(head)).out)
    assert (whole["sound"], whole["whole"], since["sound"], since["whole"]) == (True, True, True, False)
    assert 0 < since["transfers"] < whole["transfers"]
    told = topup(demonstration, "audit", "--from", str(head))
    assert "What came before was not replayed" in told.out
    assert topup(demonstration, "audit", "--from", __file__).code == 1
    assert topup(demonstration, "audit", "--from", str(head), "--resume").code == 2


def test_there_is_nothing_to_resume_where_nothing_was_interrupted(demonstration: Path) -> None:
    nothing = topup(demonstration, "audit", "--resume")
    assert (nothing.code, nothing.out) == (1, "")
    assert "No audit was interrupted here" in nothing.err


def test_a_ledger_that_was_tampered_with_fails_the_audit(demonstration: Path) -> None:
    assert recharge(demonstration, "13800138008", "20")[0] == 0
    with EmbeddedServer.start(demonstration) as server, psycopg.connect(server.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE ledger.transfers SET amount = amount + 1")
    told = topup(demonstration, "audit")
    machine = topup(demonstration, "audit", "--json")
    with EmbeddedServer.start(demonstration) as server, psycopg.connect(server.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE ledger.transfers SET amount = amount - 1")
    assert (told.code, told.out) == (1, "")
    assert "was altered" in told.err
    assert not json.loads(machine.out)["sound"]
    assert topup(demonstration, "audit").code == 0


def test_in_a_terminal_the_price_is_shown_and_one_question_asked(demonstration: Path) -> None:
    terminal = Terminal(demonstration, "recharge", "13800138011", "100", "--pay", "sandbox")
    terminal.wait_for("[y/n]")
    assert "138 0013 8011" in terminal.shown
    assert "100.00" in terminal.shown
    terminal.type("y\n")
    terminal.wait_for("has arrived")
    terminal.wait_for("ord_")
    assert terminal.end() == 0


@pytest.mark.parametrize(("times", "number"), [(1, "+65 8123 4596"), (2, "+65 9123 4596")])
def test_an_interruption_is_said_once_with_where_the_order_stands(demonstration: Path, times: int, number: str) -> None:
    # The simulated carrier never finishes numbers that end so.
    terminal = Terminal(demonstration, "recharge", number, "50", "--pay", "sandbox", "--yes")
    terminal.wait_for("Sent to the carrier")
    for _ in range(times):
        terminal.type("\x03")
    terminal.wait_for("topup order ord_")
    assert terminal.end() == 130
    assert terminal.shown.count("Interrupted.") == 1
    assert "Traceback" not in terminal.shown


@pytest.mark.parametrize(("keys", "code"), [("n\n", 1), ("\x03", 130), ("\x04", 1)])
def test_no_ctrl_c_and_the_end_of_input_pay_nothing(demonstration: Path, keys: str, code: int) -> None:
    terminal = Terminal(demonstration, "recharge", "13800138012", "100", "--pay", "sandbox")
    terminal.wait_for("[y/n]")
    terminal.type(keys)
    terminal.wait_for("Nothing was paid")
    assert terminal.end() == code
    assert "Traceback" not in terminal.shown
