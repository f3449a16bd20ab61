"""`topup share` and `topup adjust` on a demonstration without a server beside them: each is a real process."""

import json
from pathlib import Path

import psycopg
import pytest

from tests.support.commands import Finished, answered, topup
from topup.platform.embedded import EmbeddedServer

pytestmark = [pytest.mark.xdist_group("commands"), pytest.mark.timeout(600)]

ONE, OTHER = "13800138000", "13900139000"


def buckets(data_dir: Path, number: str) -> dict[str, int]:
    found = json.loads(topup(data_dir, "balance", number, "--json").out)["buckets"]
    return {bucket["kind"]: bucket["available"] for bucket in found if bucket["available"]}


def first_of(data_dir: Path, statement: str) -> str:
    with EmbeddedServer.start(data_dir) as server, psycopg.connect(server.url) as connection:
        return connection.execute(statement).fetchone()[0]


def adjust(data_dir: Path, *words: str) -> Finished:
    return topup(data_dir, "adjust", *words, "--yes")


def test_staff_give_and_take_and_lines_share(demonstration: Path) -> None:
    given = adjust(demonstration, "138 0013 8000", "+50.00", "--reason", "goodwill", "--note", "Waited an hour")
    assert (given.code, given.err) == (0, "")
    assert "¥50.00 given to 138 0013 8000" in given.out
    taken = adjust(demonstration, ONE, "-5", "--reason", "correction", "--json")
    said = json.loads(taken.out)
    assert said["amount"] == {"amount_minor": -500, "currency": "CNY"}
    assert (said["status"], said["made_by"], said["reason"]) == ("posted", "cli", "correction")
    assert said["id"].startswith("adj_")

    shared = topup(demonstration, "share", ONE, OTHER, "10", "--yes")
    assert (shared.code, shared.err) == (0, "")
    for words in ("¥10.00", "¥0.50", "¥10.50", "139 0013 9000", "through", "shr_"):
        assert words in shared.out
    assert buckets(demonstration, ONE) == {"main": 4500 - 1050}
    assert buckets(demonstration, OTHER) == {"shared": 1000}
    again = json.loads(topup(demonstration, "share", ONE, OTHER, "20", "--yes", "--json").out)
    assert (again["status"], again["total"]) == ("shared", {"amount_minor": 2050, "currency": "CNY"})
    assert topup(demonstration, "audit").code == 0

    listed = json.loads(topup(demonstration, "shares", OTHER, "--json").out)
    assert [share["total"]["amount_minor"] for share in listed["shares"]] == [2050, 1050]
    assert (listed["shares"][0], listed["before"]) == (again, None)
    shown = topup(demonstration, "shares", ONE)
    assert (shown.code, shown.err) == (0, "")
    assert "→ 139 0013 9000" in shown.out
    assert "¥20.50" in shown.out
    assert "← 138 0013 8000" in topup(demonstration, "shares", OTHER).out
    one = topup(demonstration, "shares", again["id"])
    for words in ("¥20.00", "¥0.50", "done", "held with the sender", again["id"]):
        assert words in one.out
    assert json.loads(topup(demonstration, "shares", again["id"], "--json").out) == again

    taken = topup(demonstration, "entry", said["id"])
    assert (taken.code, taken.err) == (0, "")
    for words in ("Adjustment", "posted", "-CN¥5.00", "correction", said["id"]):
        assert words in taken.out
    for kind, statement, status in (
        ("bucket", "SELECT min(id) FROM ledger.buckets", "usable"),
        ("hold", "SELECT min(id) FROM ledger.holds", "settled"),
    ):
        found = json.loads(topup(demonstration, "entry", first_of(demonstration, statement), "--json").out)
        assert (found["entry"], found["status"]) == (kind, status)


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_an_adjustment_is_asked_for_in_one_whole_sentence(demonstration: Path, answer: str, code: int) -> None:
    before = buckets(demonstration, OTHER).get("main", 0)
    done = answered(demonstration, answer, "adjust", OTHER, "+5.00", "--reason", "service_failure")
    assert done.code == code
    assert "Give CN¥5.00 to 139 0013 9000 (the service failed)? The balance goes from CN¥" in done.out
    assert buckets(demonstration, OTHER).get("main", 0) == before + (500 if answer == "y" else 0)


def test_above_the_ceiling_another_is_asked_and_that_once(demonstration: Path) -> None:
    asked = adjust(demonstration, OTHER, "+500.01", "--reason", "goodwill")
    assert asked.code == 3, asked.err
    assert "more than one person may adjust" in asked.out
    assert "apr_" in asked.out
    again = adjust(demonstration, OTHER, "+500.02", "--reason", "goodwill")
    assert (again.code, "asked for already" in again.err) == (1, True), again.err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("share", ONE, OTHER, "99"), 2, "--yes"),
        (("share", ONE, OTHER, "99", "--yes"), 1, "not enough balance"),
        (("share", ONE, OTHER, "0.5", "--yes"), 1, "cannot be sent"),
        (("share", ONE, OTHER, "ten", "--yes"), 2, "cannot be read"),
        (("share", ONE, ONE, "10", "--yes"), 1, "number it comes from"),
        (("share", ONE, "13811112222", "10", "--yes"), 1, "has no line"),
        (("share", ONE, OTHER, "10", "--yes", "--roaming", "nobody"), 2, "sender and receiver"),
        (("adjust", ONE, "5", "--reason", "goodwill", "--yes"), 2, "sign must be there"),
        (("adjust", ONE, "+0", "--reason", "goodwill", "--yes"), 1, "of nothing"),
        (("adjust", ONE, "-499", "--reason", "fraud", "--yes"), 1, "CN¥499.00"),
        (("adjust", ONE, "+5", "--reason", "because", "--yes"), 1, "goodwill"),
        (("adjust", ONE, "+5", "--reason", "other", "--yes"), 1, "needs a note"),
        (("adjust", ONE, "+5", "--reason", "goodwill"), 2, "Add --yes"),
        (("adjust", ONE, "+5"), 2, "--reason"),
        (("shares", "13811112222"), 1, "know no line"),
        (("shares", "shr_nonsense"), 1, "cannot find this share"),
        (("entry", "hol_nonsense"), 1, "cannot find this hold"),
        (("entry", "ord_nonsense"), 1, "nothing that is in the books"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(
    demonstration: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    done = topup(demonstration, *words)
    assert (done.code, "Traceback" in done.err) == (code, False), done.err
    assert sentence in done.err
    assert not done.out.startswith(" ✓")
