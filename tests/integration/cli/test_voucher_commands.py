"""`topup vouchers` as its operator types it, and a card that pays by `topup recharge --pay voucher`."""

import asyncio
import csv
import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.approving import Anybody
from tests.support.commands import topup
from topup.bootstrap.store import open_store
from topup.payments.vouchers.approving import kind
from topup.platform.settings import load_settings
from topup.work.approvals import Approvals

pytestmark = pytest.mark.xdist_group("voucher-commands")

LINE = "13800138000"


@pytest.fixture(scope="module")
def printer(tmp_path_factory) -> Path:
    """Whoever prints the cards: a key and its certificate, made by openssl as they would."""
    folder = tmp_path_factory.mktemp("printer")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=printer",
            "-days",
            "30",
            "-keyout",
            "printer.key",
            "-out",
            "printer.pem",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


def decrypted(printer: Path, file: Path) -> bytes:
    """What is in the file, opened with what any printer has."""
    return subprocess.run(
        ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", file, "-inkey", printer / "printer.key"],
        check=True,
        capture_output=True,
    ).stdout


def opened(printer: Path, file: Path) -> list[dict[str, str]]:
    """The file's lines."""
    return list(csv.DictReader(io.StringIO(decrypted(printer, file).decode())))


def ask(data_dir: Path, *more: str, count: int = 3):
    words = ["--face", "50", "--currency", "CNY", "--count", str(count), "--until", "2030-12-31"]
    return topup(data_dir, "vouchers", "ask", *words, "--reason", "For the shops", *more)


def agreed(data_dir: Path, *, count: int = 3) -> str:
    """A batch that the command line asked for and somebody of the staff approved."""
    asked = ask(data_dir, "--json", count=count)
    assert asked.code == 3, "it is under way until another decides"

    async def approve() -> None:
        async with open_store(load_settings(data_dir=data_dir)) as store:
            approvals = Approvals(database=store.database, kinds=[kind()])
            await approvals.approve(Anybody("stf_another"), json.loads(asked.out)["id"], note="")

    asyncio.run(approve())
    return json.loads(asked.out)["batch"]


def write(data_dir: Path, printer: Path, out: Path, batch: str, *more: str):
    words = ["--recipient", str(printer / "printer.pem"), "--out", str(out), *more]
    return topup(data_dir, "vouchers", "make", batch, *words)


def make(data_dir: Path, printer: Path, out: Path, *more: str, count: int = 3):
    return write(data_dir, printer, out, agreed(data_dir, count=count), *more)


def said(done) -> dict:
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_card_from_the_printer_to_the_line(demonstration, printer, tmp_path):
    file = tmp_path / "cards.p7m"
    made = said(make(demonstration, printer, file, "--json"))
    assert (made["status"], made["count"]) == ("exported", 3)
    assert file.stat().st_mode & 0o777 == 0o600
    cards = opened(printer, file)
    assert [card["face"] for card in cards] == ["50.00"] * 3
    pins = [card["pin"].replace(" ", "") for card in cards]
    assert not any(pin.encode() in file.read_bytes() for pin in pins)

    words = ["recharge", LINE, "50", "--pay", "voucher", "--yes", "--json", "--confirm", "duplicate"]
    unsold = topup(demonstration, *words, "--code", pins[0])
    assert (unsold.code, json.loads(unsold.out)["payment"]["status"]) == (1, "declined")
    in_words = topup(demonstration, *[word for word in words if word != "--json"], "--code", pins[0])
    assert "This voucher cannot be used." in in_words.out
    said(topup(demonstration, "vouchers", "activate", made["id"], "--json"))
    paid = said(topup(demonstration, *words, "--code", cards[0]["pin"]))
    assert (paid["order"]["status"], paid["payment"]["status"]) == ("delivered", "paid")

    shown = said(topup(demonstration, "vouchers", "show", cards[0]["serial"], "--json"))
    assert (shown["status"], shown["payment_id"]) == ("redeemed", paid["payment"]["id"])
    said(topup(demonstration, "vouchers", "block", cards[1]["serial"], "--yes", "--json"))
    counts = said(topup(demonstration, "vouchers", "show", made["id"], "--json"))["counts"]
    assert counts == {"redeemed": 1, "blocked": 1, "activated": 1}
    listed = said(topup(demonstration, "vouchers", "list", "--json"))["batches"]
    assert made["id"] in [batch["id"] for batch in listed]
    logs = "".join(path.read_text(errors="replace") for path in demonstration.rglob("*.log"))
    assert not any(pin in logs for pin in pins)


def test_a_file_that_is_there_is_not_written_over(demonstration, printer, tmp_path):
    file = tmp_path / "cards.p7m"
    file.write_text("mine")
    refused = make(demonstration, printer, file)
    assert refused.code != 0
    assert "exists already" in refused.err
    assert file.read_text() == "mine"


def test_what_is_no_certificate_is_refused_and_leaves_no_file(demonstration, printer, tmp_path):
    (tmp_path / "printer.pem").write_text("nothing of the kind")
    refused = make(demonstration, tmp_path, tmp_path / "cards.p7m")
    assert "RSA" in refused.err
    assert not (tmp_path / "cards.p7m").exists()


def test_a_batch_that_cannot_be_made_leaves_no_file(demonstration, printer, tmp_path):
    assert "nobody" in ask(demonstration, "--carrier", "nobody").err
    waiting = json.loads(ask(demonstration, "--json").out)["batch"]
    refused = write(demonstration, printer, tmp_path / "cards.p7m", waiting)
    assert refused.code == 1
    assert "waits for another person's approval" in refused.err
    assert not (tmp_path / "cards.p7m").exists()


def test_a_batch_is_made_once(demonstration, printer, tmp_path):
    batch = agreed(demonstration)
    said(write(demonstration, printer, tmp_path / "cards.p7m", batch, "--json"))
    again = write(demonstration, printer, tmp_path / "again.p7m", batch)
    assert again.code == 1
    assert not (tmp_path / "again.p7m").exists()


def test_a_demonstration_has_cards_to_try_out(demonstration):
    cards = said(topup(demonstration, "vouchers", "demo", "--json"))["cards"]
    words = ["recharge", LINE, "50", "--pay", "voucher", "--yes", "--json", "--confirm", "duplicate"]
    paid = said(topup(demonstration, *words, "--code", cards[0]["pin"]))
    assert paid["payment"]["status"] == "paid"


def test_cards_to_cut_out_are_sealed_as_the_list_is_and_pay_when_they_are_handed_over(demonstration, printer, tmp_path):
    file = tmp_path / "cards.p7m"
    made = said(make(demonstration, printer, file, "--json", "--sheets"))
    assert b"%PDF" not in file.read_bytes()
    pdf = decrypted(printer, file)
    assert pdf.startswith(b"%PDF")
    told = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, check=True, capture_output=True
    ).stdout.decode()
    serial = re.search(r"[0-9A-Z]{8}-0000001", told)[0]
    assert len(set(re.findall(r"\d{6} \d{6} \d{6}", told))) == 3
    item = ("--kind", "card", "--name", "50元充值卡")
    assert topup(demonstration, "stock", "add", "card-50", *item).code == 0
    assert topup(demonstration, "stock", "receive", "tianhe-hall", "card-50", "3").code == 0
    words = ("vouchers", "hand-over", serial, "--shop", "tianhe-hall", "--item", "card-50")
    for _ in range(2):
        assert "is sold, and pays from now on" in topup(demonstration, *words).out
    counts = said(topup(demonstration, "vouchers", "show", made["id"], "--json"))["counts"]
    assert counts == {"activated": 1, "exported": 2}
    many = make(demonstration, printer, tmp_path / "many.p7m", "--sheets", count=2001)
    assert "batches of 2000 at most" in many.err
    assert not (tmp_path / "many.p7m").exists()
