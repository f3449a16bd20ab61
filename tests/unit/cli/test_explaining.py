"""`topup catalogue explain` at a terminal: figures, reasons, three languages, clear refusals."""

import json
import os
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console
from typer.testing import CliRunner

from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.life_cycle_rules import Blockable, Shows, When
from topup.channels.cli import screen, speech
from topup.channels.cli.app import create_app
from topup.channels.cli.exits import Exit
from topup.platform.i18n import LOCALES, catalogue

EXAMPLES = Path(__file__).parents[3] / "examples" / "carriers"


def explain(monkeypatch, name: str, *words: str, language: str = "en"):
    monkeypatch.setenv("TOPUP_LANG", language)
    # A width that was set when the console was made, as a runner of tests may, holds for good.
    monkeypatch.setattr(screen, "out", Console(highlight=False, soft_wrap=True, width=200))
    speech.locale.cache_clear()
    try:
        return CliRunner().invoke(create_app(None), ["catalogue", "explain", str(EXAMPLES / f"{name}.toml"), *words])
    finally:
        speech.locale.cache_clear()


def test_figures_for_programs(monkeypatch):
    done = explain(
        monkeypatch, "smart-philippines", "--product", "500", "--balance", "20", "--on", "2026-01-31", "--json"
    )
    assert done.exit_code == Exit.DONE
    told = json.loads(done.stdout)
    assert told["total"] == {"amount_minor": 50_000, "currency": "PHP"}
    assert [(grant["asset"], grant["credited"]) for grant in told["grants"]] == [("PHP", 50_000), ("SMS", 83)]
    assert told["grants"][0]["usable_until"] == "2026-05-31T16:00:00+00:00"
    assert [change["entered"] for change in told["after"]["to_come"]] == ["zero-balance", "disconnected"]


def test_credit_sent_for_programs(monkeypatch):
    done = explain(monkeypatch, "smart-philippines", "--share", "200", "--on", "2026-01-31", "--json")
    told = json.loads(done.stdout)
    assert (told["total"]["amount_minor"], told["fee"]["amount_minor"]) == (20_100, 100)
    assert told["grant"]["usable_until"] == "2026-04-01T16:00:00+00:00"


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smart-philippines", ("--product", "300", "--clock", "number=2026-03-01")),
        ("smart-philippines", ("--product", "promo-1gb-3d")),
        ("smart-philippines", ("--share", "30")),
        ("flow-cayman", ("--product", "5", "--balance", "4.99", "--ends", "2026-12-01")),
        ("vodafone-uk", ("--product", "10", "--state", "reminded", "--since", "2026-01-01")),
        ("china", ("--product", "48.50", "--balance", "-6", "--state", "two-way-blocked")),
    ],
)  # fmt: skip
def test_every_example_is_explained_in_every_language(monkeypatch, language, name, words):
    done = explain(monkeypatch, name, *words, "--on", "2026-01-31", language=language)
    assert done.exit_code == Exit.DONE, done.output
    assert len(done.stdout.splitlines()) > 8


def test_a_person_reads_dates_and_reasons(monkeypatch):
    done = explain(
        monkeypatch, "flow-cayman", "--product", "5", "--balance", "4", "--ends", "2026-12-01", "--on", "2026-01-31"
    )
    for words in (
        "Valid through May 1, 2026",
        "Before: Valid through Dec 1, 2026",
        "from KYD5.00: 90 days",
        "low balance (low-balance)",
        "The number is released.",
    ):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--product", "7"), Exit.REFUSED, "The least you can top up is ₱100.00"),
        (("--product", "x"), Exit.REFUSED, "This file has no product x"),
        (("--product", "100", "--state", "x"), Exit.REFUSED, "There are: active, zero-balance, and disconnected"),
        (("--product", "100", "--state", "disconnected"), Exit.REFUSED, "takes no top-ups"),
        (("--product", "100", "--clock", "x=2026-01-01"), Exit.REFUSED, "There are: number"),
        (("--product", "100", "--on", "2026-13-01"), Exit.USAGE, "Write it as 2026-11-05"),
        (("--product", "100", "--balance", "x"), Exit.USAGE, "Write it as 50 or 48.50 (PHP)"),
        (("--product", "100", "--share", "30"), Exit.USAGE, "Say one of --product, --share and --plan"),
        ((), Exit.USAGE, "Say one of --product, --share and --plan"),
        (("--share", "31"), Exit.REFUSED, "30.00, 60.00, 100.00, and 200.00"),
    ],
)
def test_what_cannot_be_explained_is_said_plainly(monkeypatch, capfd, words, code, said):
    done = explain(monkeypatch, "smart-philippines", *words)
    assert done.exit_code == code
    assert said in done.output + capfd.readouterr().err
    assert "Traceback" not in done.output


def test_every_word_of_the_language_has_a_text():
    wanted = {f"shows_{word}" for word in get_args(Shows)} | {f"blocks_{word}" for word in get_args(Blockable)}
    wanted |= {f"exit_{word}" for word in (*get_args(When), "months")}
    wanted |= {f"kind_{word}" for word in ("main", "bonus", "promo", "plan", "shared")}
    wanted |= {f"effect_{do}{ending}" for do in ("forfeit", "freeze", "restore") for ending in ("", "_all")}
    for locale in LOCALES:
        assert wanted - set(catalogue(locale, "catalogue")) == set()


@pytest.mark.parametrize(
    "words",
    [("--on", "9999-12-31"), ("--ends", "9999-12-31"), ("--since", "0001-01-01"), ("--on", "9999-10-01T00:00+00:00")],
)
def test_a_year_in_which_no_line_lives_is_refused(monkeypatch, words):
    done = explain(monkeypatch, "flow-cayman", "--product", "5", *words)
    assert done.exit_code == Exit.USAGE
    assert done.exception is None or isinstance(done.exception, SystemExit)


def explain_plan(monkeypatch, plan: str, *words: str, language: str = "en"):
    demonstration = next(file for file in demonstration_files() if file.stem == "haiqiao")
    name = os.path.relpath(demonstration.with_suffix(""), EXAMPLES)
    return explain(monkeypatch, name, "--plan", plan, *words, language=language)


def test_a_plans_cycles_are_told_from_a_day_on(monkeypatch):
    told = json.loads(explain_plan(monkeypatch, "month-39", "--on", "2028-02-20", "--json").stdout)
    # Ten days of the leap year's twenty-nine are left: 39 x 10 / 29, and of everything included as much, rounded up.
    assert [cycle["price"]["amount_minor"] for cycle in told["cycles"]] == [1345, 3900, 3900, 3900]
    assert [cycle["ends_at"][:10] for cycle in told["cycles"]] == [
        "2028-02-29",
        "2028-03-31",
        "2028-04-30",
        "2028-05-31",
    ]
    assert told["cycles"][0]["included"][1] == {"asset": "VOICE", "amount": 2069}
    assert told["gives_back_at_most"]["amount_minor"] == 673
    assert len(json.loads(explain_plan(monkeypatch, "holiday", "--on", "2028-02-20", "--json").stdout)["cycles"]) == 1


@pytest.mark.parametrize("language", LOCALES)
def test_a_plan_is_told_in_every_language(monkeypatch, language):
    for plan in ("month-39", "quarter-99", "thirty-days", "holiday", "keep-8"):
        done = explain_plan(monkeypatch, plan, "--on", "2028-02-20", language=language)
        assert done.exit_code == Exit.DONE, done.output
        assert "{" not in done.stdout


def test_what_is_no_plan_is_refused_and_so_are_two_questions_at_once(monkeypatch):
    assert explain_plan(monkeypatch, "nothing").exit_code == Exit.REFUSED
    assert explain_plan(monkeypatch, "keep-8", "--product", "50").exit_code == Exit.USAGE
