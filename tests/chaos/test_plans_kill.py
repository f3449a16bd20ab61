"""G11 for plans: whoever takes one, or lets it renew, is killed with -9 before and after the commit.

A cycle is paid for and given once, whole or not at all.
"""

import asyncio
import json
import sys

import pytest

from tests.support.labels import plan_labels
from tests.support.planning import DEEDS

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-1")]


async def test_who_is_killed_over_a_plan_has_its_cycle_once(database_url, data_dir, figures):
    labels = plan_labels()
    assert {label.rsplit(".", 1)[0] for label in labels} == set(DEEDS), "each deed has its labels, each label its deed"
    data_dir.mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.planning", database_url, str(data_dir), *labels,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    for label, (undone, killed, repeated) in json.loads(said).items():
        assert killed == (undone if label.endswith("before_commit") else repeated), label
        if label.startswith("plans.hear"):
            assert (undone[3], repeated[3]) == (0, 1), label
        else:
            assert (undone[0], repeated[0]) == ("1", "2"), label
            assert len(undone[2]) + 1 == len(repeated[2]), label
    figures("G11", of="plans", labels_hit=len(labels), wrong=0)
