"""A plan that is there to keep a number keeps one by its renewals alone, or whoever checks the file is told."""

import asyncio
from dataclasses import replace

import pytest

from tests.unit.lines.test_keeping import DEMONSTRATION, FIVE
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.versions import CarrierVersion
from topup.channels.cli.exits import Exit
from topup.channels.cli.files import check_files
from topup.lines.keeping.promises import broken_promises


def by_the(cycle: str, **changes: object) -> CarrierVersion:
    """Cloudsail, with its keeping plan by another cycle."""
    document = DEMONSTRATION["yunfan"].document
    plans = tuple(replace(plan, cycle=cycle, **changes) if plan.keeps_number else plan for plan in document.plans)
    return CarrierVersion("yunfan", 2, replace(document, plans=plans))


@pytest.mark.parametrize("name", sorted({**DEMONSTRATION, **FIVE}))
def test_no_carrier_of_ours_promises_in_vain(name):
    assert broken_promises({**DEMONSTRATION, **FIVE}[name]) == ()


@pytest.mark.parametrize(
    ("cycle", "changes", "broken"),
    [
        ("yearly", {}, ["keep-quarterly"]),
        ("quarterly", {"is_activity": False}, ["keep-quarterly"]),
        ("yearly", {"on_sale": False}, []),
        ("yearly", {"keeps_number": False}, []),
        ("monthly", {}, []),
    ],
)
def test_one_that_renews_too_seldom_or_counts_for_nothing_is_told(cycle, changes, broken):
    assert [plan.id for plan in broken_promises(by_the(cycle, **changes))] == broken


def test_whoever_checks_the_file_is_warned_and_it_is_no_mistake(tmp_path, capsys):
    yunfan = next(file for file in demonstration_files() if file.stem == "yunfan")
    file = tmp_path / "yunfan.toml"
    file.write_text(yunfan.read_text().replace('cycle = "quarterly"\nkeeps_number', 'cycle = "yearly"\nkeeps_number'))
    assert asyncio.run(check_files([file])) is Exit.DONE
    assert "(keep-quarterly) is there to keep a number" in " ".join(capsys.readouterr().out.split())
    assert asyncio.run(check_files([yunfan])) is Exit.DONE
    assert "is there to keep" not in capsys.readouterr().out


def test_several_files_are_all_looked_at_before_it_ends(tmp_path, capsys):
    wrong = [tmp_path / "nowhere.toml", tmp_path / "empty.toml"]
    wrong[1].write_text("")
    good = [file for file in demonstration_files() if file.stem in {"yunfan", "qingfeng"}]
    assert asyncio.run(check_files([wrong[0], *good, wrong[1]])) is Exit.REFUSED
    said = capsys.readouterr()
    assert all(f"{file} has no mistakes" in " ".join(said.out.split()) for file in good)
    assert all(str(file) in said.err for file in wrong)
    assert said.err.count("Mistakes:") == 1, "all of them together"
