"""What of a line's life its money or a chargeable activity decides: only there is it told of a plan's renewal."""

from pathlib import Path

import pytest

from topup.catalogue.checking import check
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.versions import CarrierVersion
from topup.lines.rules import ruling_of

FILES = {
    file.stem: file
    for file in [*demonstration_files(), *(Path(__file__).parents[3] / "examples/carriers").glob("*.toml")]
}
# By the files: whether the end of credit leads out of a state, and whether activity does, or restarts a clock.
DECIDES = {
    "china": (False, False),
    "flow-cayman": (True, False),
    "smart-philippines": (True, False),
    "vodafone-uk": (False, True),
    "yunfan": (False, True),
}


@pytest.mark.parametrize("carrier", DECIDES)
def test_credit_and_activity_decide_what_the_file_says(carrier):
    ruling = ruling_of(CarrierVersion(carrier, 1, check(FILES[carrier]).document))
    assert (ruling.on_credit, ruling.on_activity) == DECIDES[carrier]
