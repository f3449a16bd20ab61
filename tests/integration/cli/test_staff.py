"""`topup staff` and `topup audit trail`: each is a real process, on an installation without a server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.commands import topup
from tests.support.database import temporary_data_dir
from topup.platform.embedded import EmbeddedServer

pytestmark = [pytest.mark.xdist_group("commands"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    with temporary_data_dir() as data_dir:
        assert topup(data_dir, "db", "upgrade").code == 0
        yield data_dir


TAMPERED = {
    'UPDATE work.trail SET facts = replace(facts, \'"before":"invited"\', \'"before":"active"\') WHERE sequence = 2': {
        "kind": "altered",
        "sequence": 2,
    },
    'UPDATE work.trail SET facts = replace(facts, \'"after":"disabled"\', \'"after":"active"\') WHERE sequence = 3': {
        "kind": "altered",
        "sequence": 3,
    },
    "DELETE FROM work.trail WHERE sequence = 2": {"kind": "missing", "sequence": 2},
    "UPDATE work.trail SET sequence = 5 - sequence + 10 WHERE sequence IN (2, 3);"
    " UPDATE work.trail SET sequence = sequence - 10 WHERE sequence > 10": {"kind": "altered", "sequence": 2},
}
"""What was before or after of what staff did is edited, one is deleted, two are exchanged; and what the audit says."""


def test_staff_are_added_listed_reset_and_disabled_and_the_trail_tells_of_it(installed: Path, tmp_path: Path) -> None:
    assert "No accounts" in topup(installed, "staff", "list").out
    added = topup(installed, "staff", "add", "Helper", "--role", "support")
    assert added.code == 0
    assert re.fullmatch(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}\n", added.out), "the code alone is fit for a pipe"
    assert topup(installed, "staff", "add", "helper", "--role", "finance").code == 1
    assert topup(installed, "staff", "add", "9", "--role", "finance").code == 1
    assert topup(installed, "staff", "add", "reader", "--role", "reader").code == 2
    [listed] = json.loads(topup(installed, "staff", "list", "--json").out)["staff"]
    assert (listed["login"], listed["role"], listed["state"]) == ("helper", "support", "invited")
    again = json.loads(topup(installed, "staff", "reset", "helper", "--json").out)
    assert again["enrolment_code"] not in added.out
    assert topup(installed, "staff", "disable", "helper").code == 0
    assert topup(installed, "staff", "disable", "helper").code == 1
    assert topup(installed, "staff", "code", "helper").code == 1, "only a demonstration knows devices"

    head = tmp_path / "head.json"
    kept = topup(installed, "audit", "trail", "--export-head", str(head))
    assert (kept.code, "3 entries" in kept.out) == (0, True)
    assert topup(installed, "audit", "trail", "--head", str(head)).code == 0
    with EmbeddedServer.start(installed) as server, psycopg.connect(server.url, autocommit=True) as owner:
        for statement, fault in TAMPERED.items():
            owner.execute("CREATE TABLE work.kept AS TABLE work.trail")
            assert owner.execute(statement).rowcount
            told = json.loads(topup(installed, "audit", "trail", "--json").out)
            assert fault in told["faults"], statement
            owner.execute("DELETE FROM work.trail; INSERT INTO work.trail TABLE work.kept; DROP TABLE work.kept")
        assert topup(installed, "audit", "trail").code == 0
        owner.execute("DELETE FROM work.trail WHERE sequence = 3")
        owner.execute(
            "UPDATE work.trail_head SET (sequence, hash) = (SELECT sequence, hash FROM work.trail WHERE sequence = 2)"
        )
    assert topup(installed, "audit", "trail").code == 0, "by itself it looks whole"
    cut = topup(installed, "audit", "trail", "--head", str(head))
    assert (cut.code, "cut off" in cut.err) == (1, True)
    said = json.loads(topup(installed, "audit", "trail", "--head", str(head), "--json").out)
    assert said["faults"] == [{"kind": "cut", "sequence": 3}]
    head.write_text(head.read_text().replace('"sequence": 3', '"sequence": 2'))
    assert topup(installed, "audit", "trail", "--head", str(head)).code == 1


def test_the_command_line_stands_as_the_second_person(installed: Path) -> None:
    assert topup(installed, "staff", "add", "solo", "--role", "support").code == 0
    refused = topup(installed, "staff", "confirm", "solo")
    assert (refused.code, "confirmed already" in refused.err) == (1, True), "what it made itself waits for nobody"
    with EmbeddedServer.start(installed) as server, psycopg.connect(server.url, autocommit=True) as owner:
        owner.execute(
            "UPDATE people.staff SET password = 'x', totp = 'x', enrolled_at = created_at, enrolment = NULL,"
            " enrolment_until = NULL, invited_by = '{stf_one}', confirmed_by = NULL, confirmed_at = NULL"
            " WHERE login = 'solo'"
        )
    states = []
    for _ in range(2):
        listed = json.loads(topup(installed, "staff", "list", "--json").out)["staff"]
        states += [(one["state"], one["confirmed"]) for one in listed if one["login"] == "solo"]
        topup(installed, "staff", "confirm", "Solo")
    assert states == [("unconfirmed", False), ("active", True)]
