"""G11 for links, codes to pay elsewhere, sales at counters and saved numbers: whoever makes, revokes, shows, saves or
sweeps them is killed with -9 before and after each commit. What they did is there whole or not at all, and whoever does
it again has it once.
"""

import asyncio
import json
import sys

import pytest

from tests.support.labels import repeaters_labels
from tests.support.repeating import DEEDS

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

COUNTED_AGAIN = {
    "instruments.agreement_ask", "instruments.ask", "instruments.forget", "pay_codes.find", "saved.mean", "saved.save",
}  # fmt: skip
"""A wrong code is a guess each time it is shown; who saves a number again, or says whose it is, says it of today; who
asks a gateway about a card again goes on to what comes of the answer."""

CALLING = {deed for deed in DEEDS if deed.startswith("instruments.")}
"""They alone call somebody before they write down what came of it; a call alone leaves nothing here."""


async def test_who_is_killed_over_a_small_deed_has_it_done_once(database_url, data_dir, figures):
    labels = repeaters_labels()
    assert {label.rsplit(".", 1)[0] for label in labels} == set(DEEDS), "each deed has its labels, each label its deed"
    data_dir.mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.repeating", database_url, str(data_dir), *labels,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    told = json.loads(said)
    wrong = [label for label in labels if not _stands(label, **told[label])]
    assert {label: told[label] for label in wrong} == {}
    figures("G11", small_deeds=len(DEEDS), labels_hit=len(told), of_all=len(labels), wrong=0)


def _stands(label: str, *, undone: list, killed: list, repeated: list, known: dict) -> bool:
    """Whether what was found fits: nothing of it before the commit, or by a call alone; all of it after; and once
    after the repetition.
    """
    assert known
    deed, moment = label.rsplit(".", 1)
    if len(repeated) > 1 or repeated == undone:
        return False
    if moment in {"before_call", "after_call"} and deed not in CALLING:
        return False
    if moment in {"before_commit", "before_call", "after_call"}:
        return killed == undone
    return killed != undone and (killed == repeated) == (deed not in COUNTED_AGAIN)
