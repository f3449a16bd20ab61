"""The guide's pieces make a file one can load, and it names every key there is."""

import re
from pathlib import Path

import pytest

from tests.support.offers import written
from topup.catalogue.campaign_form import CAMPAIGN, DISCOUNT, MOST_TOGETHER, STACKING
from topup.catalogue.campaigns import CHANNELS
from topup.offers.combining import MOST_CANDIDATES

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "offers.md").read_text(encoding="utf-8")
PIECES = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


def test_the_pieces_make_a_whole_file():
    book = written("".join(PIECES))
    assert [entry.campaign.id for entry in book.entries] == ["spring-tiers", "power-bank"]
    assert [group.id for group in book.stacking.groups] == ["seasonal", "coupons", "extras"]
    assert book.stacking.points is not None


@pytest.mark.parametrize("word", [*CAMPAIGN.fields, *DISCOUNT.fields, *STACKING.fields, *CHANNELS])
def test_the_guide_names_every_word(word):
    assert re.search(rf"\b{word}\b", GUIDE)


def test_the_bounds_are_those_of_the_code():
    assert (MOST_TOGETHER, MOST_CANDIDATES) == (4, 16)
