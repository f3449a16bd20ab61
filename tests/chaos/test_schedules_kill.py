"""G11 for top-ups that run by themselves: whoever sees to them is killed with -9 at each commit; an hour later somebody
else goes on. The card is charged once, one order is paid, and the cause is over.
"""

import asyncio
import json
import sys

import pytest

from tests.support.labels import schedule_labels

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

# A price that ran out, and an answer that never came, have commits of their own: tests/integration/orders names them.
ONCE = {"charged": 1, "paid": 1, "state": "active"}
OF_ALL = ("schedules.make.", "schedules.change.")
"""What is agreed to makes no difference there."""


@pytest.mark.parametrize(("trigger", "cause"), [("low", "low:1"), ("keep", "keep:2030-11-06")])
async def test_whoever_dies_over_it_one_cause_is_paid_for_once(database_url, data_dir, figures, trigger, cause):
    labels = [label for label in schedule_labels() if trigger == "low" or not label.startswith(OF_ALL)]
    assert labels
    data_dir.mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.killed_schedules", database_url, str(data_dir), trigger, *labels,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    told = json.loads(said)
    once = {**ONCE, "runs": [[cause, "done", ""]]}
    assert {label: found for label, found in told.items() if found != once} == {}
    what = {"of": f"top-ups that run by themselves ({trigger})", "of_all": len(labels)}
    figures("G11", **what, labels_hit=len(told), charged_twice=0)
