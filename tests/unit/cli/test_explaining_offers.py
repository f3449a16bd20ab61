"""`topup offers explain` at a terminal: the example's figures, reasons, three languages, clear refusals."""

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from topup.channels.cli import screen, speech
from topup.channels.cli.app import create_app
from topup.channels.cli.exits import Exit
from topup.platform.i18n import LOCALES

EXAMPLE = Path(__file__).parents[3] / "examples" / "offers.toml"


def explain(monkeypatch, *words: str, language: str = "en"):
    monkeypatch.setenv("TOPUP_LANG", language)
    monkeypatch.setattr(screen, "out", Console(highlight=False, soft_wrap=True, width=200))
    speech.locale.cache_clear()
    try:
        return CliRunner().invoke(create_app(None), ["offers", "explain", str(EXAMPLE), "--on", "2026-03-15", *words])
    finally:
        speech.locale.cache_clear()


def told(monkeypatch, *words: str) -> dict:
    done = explain(monkeypatch, *words, "--json")
    assert done.exit_code == Exit.DONE, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("words", "applied", "total"),
    [
        (("--product", "10"), {}, 1000),
        (("--product", "30", "--first"), {"welcome": 800}, 2200),
        (("--product", "50", "--first"), {"welcome": 800}, 4200),
        (("--product", "100", "--first"), {"spring-tiers": 1000}, 9000),
        (("--product", "100"), {"spring-tiers": 1000, "thanks": 0}, 9000),
        (("--product", "200", "--coupon", "radio5"), {"spring-tiers": 2500, "radio": 875, "thanks": 0}, 16_625),
        (("--product", "50", "--coupon", "MEMBER-1"), {"spring-tiers": 300, "members": 500, "thanks": 0}, 4200),
        (("--product", "100", "--channel", "counter"), {"spring-tiers": 1000, "thanks": 0, "umbrella": 0}, 9000),
        (("--product", "300"), {"spring-tiers": 2500, "power-bank": 0, "thanks": 0}, 27_500),
        (("--product", "data-10gb-30d"), {"pack-points": 0}, 4000),
    ],
)
def test_what_the_example_gives(monkeypatch, words, applied, total):
    found = told(monkeypatch, *words)
    assert {one["campaign"]: one["off_minor"] for one in found["applied"]} == applied
    assert found["total"] == {"amount_minor": total, "currency": "CNY"}
    reasons = {one["campaign"]: one["reason"] for one in found["campaigns"]}
    assert len(reasons) == 8
    assert {campaign for campaign, reason in reasons.items() if reason == "applied"} == applied.keys()


def test_points_and_what_comes_with_it_for_programs(monkeypatch):
    found = told(monkeypatch, "--product", "100", "--channel", "counter", "--points", "1234")
    assert found["points"] == {"spent": 1200, "off_minor": 1200, "earned": 78}
    assert found["gifts"] == [{"sku": "umbrella", "quantity": 1, "sent_from": None}]
    assert found["grants"] == [{"asset": "DATA", "amount": 2**30, "kind": "promo"}]


def test_why_a_code_does_not_count_for_programs(monkeypatch):
    codes = told(monkeypatch, "--product", "30", "--coupon", "nix", "--coupon", "member-1")["codes"]
    minimum = {"minimum": {"amount_minor": 5000, "currency": "CNY"}}
    assert codes == [
        {"code": "NIX", "campaign": None, "reason": "code_unknown", "parameters": {}, "as_example": False},
        {
            "code": "MEMBER-1",
            "campaign": "members",
            "reason": "below_minimum",
            "parameters": minimum,
            "as_example": True,
        },
    ]


@pytest.mark.parametrize(("code", "says"), [("MEMBER-MADEUP", True), ("RADIO5", False)])
def test_it_is_said_that_a_made_up_code_of_their_own_was_not_looked_up(monkeypatch, code, says):
    done = explain(monkeypatch, "--product", "100", "--coupon", code)
    assert ("whether this one was made is not looked up" in done.stdout) is says


@pytest.mark.parametrize("language", LOCALES)
def test_it_reads_in_every_language(monkeypatch, language):
    words = ("--product", "100", "--coupon", "RADIO5", "--coupon", "nix", "--channel", "counter", "--points", "200")
    done = explain(monkeypatch, *words, language=language)
    assert done.exit_code == Exit.DONE, done.output
    name = {"en": "Spring savings", "zh_Hans": "春季满减", "zh_Hant": "春季滿減"}[language]
    assert done.stdout.count(name) >= 2
    assert "✓" in done.stdout
    assert "{" not in done.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--product", "nothing"), "no product nothing"),
        (("--product", "17"), "not on offer"),
        (("--product", "50", "--channel", "fax"), "begin at fax"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_words(monkeypatch, words, code):
    done = explain(monkeypatch, *words)
    assert done.exit_code != Exit.DONE
    assert code in done.output
