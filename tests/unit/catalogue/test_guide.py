"""The guide's example is a file one can load, and its mistakes are the ones one gets."""

import re
from pathlib import Path
from typing import get_args

from topup.catalogue.checking import CarrierFile, CatalogueMistakes, check_bytes
from topup.catalogue.documents import AtCap
from topup.catalogue.grant_rules import AtEnd, Policy
from topup.catalogue.life_cycle_rules import Blockable, Shows, When
from topup.catalogue.plan_rules import CycleKind, Proration, Renews
from topup.catalogue.terms import Ends

GUIDES = Path(__file__).parents[3] / "docs" / "guides"
GUIDE = (GUIDES / "catalogue.md").read_text(encoding="utf-8")
TARIFFS = (GUIDES / "tariffs.md").read_text(encoding="utf-8")
[EXAMPLE] = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)

PIECES = re.findall(r"```toml\n(.*?)```", TARIFFS, re.DOTALL)
START = """\
id = "acme"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "Acme" }
country = "PH"
time_zone = "Asia/Manila"
currency = "PHP"
network = "own"
[numbering]
ranges = ["+63908"]
"""


def result(text: str) -> CarrierFile | list[str]:
    try:
        return check_bytes(text.encode(), name="acme.toml")
    except CatalogueMistakes as found:
        return [mistake.reason for mistake in found.mistakes]


def test_the_example_has_no_mistake():
    file = result(EXAMPLE)
    assert isinstance(file, CarrierFile), file
    assert file.document.credit.face_values[0].amount_minor == 1000


def test_the_mistakes_shown_are_the_ones_one_gets():
    shown = re.findall(r"^acme\.toml:\d+: (.*)$", GUIDE, re.MULTILINE)
    wrong = EXAMPLE.replace("Asia/Shanghai", "Asia/Shangai").replace("10, 20,", "10, 48.50,")
    wrong = wrong.replace("large_amount", "large_amonut")
    assert result(wrong) == shown


def test_the_pieces_of_the_tariff_guide_make_a_whole_file():
    file = result(START + "".join(PIECES))
    assert isinstance(file, CarrierFile), file
    assert [tier.term.days for tier in file.document.credit.validity.tiers] == [90, 120, None]
    assert [state.id for state in file.document.life_cycle.states] == ["active", "empty", "over"]
    assert len(file.document.clocks[0].restarts) == 4
    assert [plan.keeps_number for plan in file.document.plans] == [False, True]


def test_the_guide_names_every_word_of_the_language():
    kinds = (Shows, Blockable, When, Policy, AtEnd, AtCap, Ends, CycleKind, Renews, Proration)
    words = {word for kind in kinds for word in get_args(kind)}
    assert {word for word in words if f"`{word}`" not in TARIFFS and f'"{word}"' not in TARIFFS} == set()
