"""`topup shops`, `topup tickets`, `topup outages`, `topup stock` and `topup printers` as their operator types them."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.commands import topup
from tests.support.database import temporary_data_dir
from tests.support.places import EXAMPLE, PLACE
from topup.bootstrap.store import open_store
from topup.care.states import TicketState, Topic
from topup.care.tickets import NewTicket, open_ticket
from topup.channels.cli.care_commands import TicketStateName
from topup.platform.settings import load_settings

pytest_plugins = ["tests.support.printers"]
pytestmark = [pytest.mark.xdist_group("care-commands"), pytest.mark.timeout(600)]


def test_the_states_of_the_command_are_those_of_tickets() -> None:
    assert [state.value for state in TicketStateName] == [state.value for state in TicketState]


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    with temporary_data_dir() as data_dir:
        assert topup(data_dir, "db", "upgrade").code == 0
        yield data_dir


def said(done) -> dict:
    assert done.code == 0, done.err
    return json.loads(done.out)


async def written(data_dir: Path, text: str) -> str:
    """A ticket, as the pages write one; its reference."""
    async with open_store(load_settings(data_dir=data_dir)) as store, store.database.transaction() as transaction:
        ticket, _ = await open_ticket(
            transaction.connection,
            NewTicket(key=str(uuid4()), topic=Topic.NO_NETWORK, text=text, locale="en", evidence={"end": "restart"}),
            transaction.now,
            keys=store.keyring,
            lanes=store.installation.lanes,
        )
        return ticket.reference


def test_places_are_published_with_a_report(installed: Path, tmp_path: Path) -> None:
    first = said(topup(installed, "shops", "import", str(EXAMPLE), "--json"))
    assert (first["version"], first["added"], first["refused"]) == (1, 5, 0)
    assert "Tianhe Hall" in topup(installed, "shops", "list").out
    file = tmp_path / "places.toml"
    file.write_text(PLACE.format(id="good") + PLACE.format(id="bad").replace("Mon-Fri", "sometimes"))
    mixed = topup(installed, "shops", "import", str(file))
    assert mixed.code == 1
    assert f"{file}:12" in mixed.err
    assert "hours" in mixed.err
    assert "1 added" in mixed.out
    assert "5 removed" in mixed.out
    [place] = said(topup(installed, "shops", "list", "--json"))["places"]
    assert place["id"] == "good"
    nothing = topup(installed, "shops", "import", str(tmp_path / "none.toml"))
    assert (nothing.code, "no such file" in nothing.err) == (1, True)


async def test_a_ticket_is_found_answered_and_closed_and_the_trail_has_it(installed: Path) -> None:
    reference = await written(installed, "No signal at the canary's")
    [ticket] = said(topup(installed, "tickets", "list", "--state", "waits_for_us", "--json"))["tickets"]
    assert ticket["reference"] == reference
    shown = topup(installed, "tickets", "show", reference.lower()).out
    assert "No signal at the canary's" in shown
    assert "end" in shown
    assert reference in topup(installed, "tickets", "answer", reference, "Restart it, please").out
    messages = said(topup(installed, "tickets", "show", reference, "--json"))["messages"]
    assert [(one["author"], one["by"], one["text"]) for one in messages] == [
        ("writer", None, "No signal at the canary's"),
        ("staff", "cli", "Restart it, please"),
    ]
    assert topup(installed, "tickets", "solve", reference).code == 0
    [closed] = said(topup(installed, "tickets", "list", "--state", "solved", "--json"))["tickets"]
    assert closed["id"] == ticket["id"]
    assert "2 entries" in topup(installed, "audit", "trail").out
    assert topup(installed, "tickets", "show", "2222-2222").code == 1


def test_an_outage_is_announced_listed_and_ended(installed: Path) -> None:
    carrier = Path(__file__).parents[3] / "examples" / "carriers" / "smart-philippines.toml"
    assert topup(installed, "catalogue", "load", str(carrier)).code == 0
    name = tomllib.loads(carrier.read_text())["id"]
    words = ["outages", "announce", name, "--zh-hans", "检修", "--en", "Maintenance"]
    assert topup(installed, *words, "--until", "2999-01-01T00:00+08:00").code == 0
    [outage] = said(topup(installed, "outages", "list", "--json"))["outages"]
    assert (outage["carrier"], outage["over"]) == (name, False)
    assert "Maintenance" in topup(installed, "outages", "list").out
    assert topup(installed, "outages", "end", outage["id"]).code == 0
    assert topup(installed, "outages", "end", outage["id"]).code == 1
    assert topup(installed, "outages", "announce", "nobody", "--zh-hans", "x").code == 1
    assert topup(installed, *words, "--until", "soon").code == 2


def test_the_stock_of_a_shop_from_the_supplier_to_the_count(installed: Path) -> None:
    assert topup(installed, "shops", "import", str(EXAMPLE)).code == 0
    named = ("--kind", "gift", "--name", "马克杯", "--name-en", "Mug")
    assert topup(installed, "stock", "add", "mug", *named).code == 0
    received = ("stock", "receive", "tianhe-hall", "mug", "20", "--key", "delivery-1")
    for _ in range(2):
        assert "20 of mug received." in topup(installed, *received).out
    few = topup(installed, "stock", "damaged", "tianhe-hall", "mug", "21", "--reason", "wet")
    assert (few.code, "Of mug there are 20" in few.err) == (1, True)
    assert topup(installed, "stock", "damaged", "tianhe-hall", "mug", "1", "--reason", "broken").code == 0
    counted = said(topup(installed, "stock", "count", "tianhe-hall", "mug", "18", "--json"))
    assert (counted["expected"], counted["difference"]) == (19, -1)
    assert "Mug" in topup(installed, "stock", "list").out
    told = said(topup(installed, "stock", "history", "tianhe-hall", "--json"))["movements"]
    assert [one["act"] for one in told] == ["missing", "damaged", "received"]


def test_a_printer_is_tried_before_the_shop_opens(installed: Path, printer) -> None:
    said_of = printer.ready["printer"]
    (installed / "plugins.toml").write_text(
        f'[devices.escpos_network.tills.counter-1]\nhost = "{said_of["host"]}"\nport = {said_of["port"]}\n'
    )
    listed = topup(installed, "printers", "list")
    assert (listed.code, "counter-1" in listed.out, "ready" in listed.out) == (0, True, True), listed.err
    assert "Printed" in topup(installed, "printers", "test", "counter-1").out
    assert "Printer test" in printer.texts()[0]
    printer.behaves("paper_out")
    out = topup(installed, "printers", "test", "counter-1")
    assert (out.code, "out of paper" in out.err, "new roll" in out.err) == (1, True, True)
    found = topup(installed, "doctor")
    assert "The printer of counter-1 is out of paper." in found.out + found.err
    unknown = topup(installed, "printers", "test", "counter-9")
    assert (unknown.code, "no printer" in unknown.err) == (1, True)
