"""The guide's example is a file one can load, and its mistakes are the ones one gets."""

import re
from pathlib import Path

from topup.catalogue.checking import CarrierFile, CatalogueMistakes, check_bytes

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "catalogue.md").read_text(encoding="utf-8")
[EXAMPLE] = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


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
