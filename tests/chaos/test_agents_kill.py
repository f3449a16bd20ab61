"""G11 for agents: killed with -9 before and after each commit of a sale, and of what goes back of it, and done again:
the float is sold from once, and all of it is back, with the commission.
"""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.labels import agent_labels

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

STEPS = {
    "agents.sell.before_commit": ("sell", 0),
    "agents.sell.after_commit": ("sell", 1),
    "agent_float.refund.before_commit": ("work", 1),
    "agent_float.refund.after_commit": ("work", 1),
}
"""Who is killed there, and how many sales there are then."""
BACK = "SELECT count(*) FROM orders.orders WHERE state = 'refunded'"


def live(url: str, folder: str, deed: str, minutes: int, *, crash_at: str = "") -> int:
    command = [sys.executable, "-m", "tests.support.selling", url, folder, deed, str(minutes)]
    environment = os.environ | {"TOPUP_CRASH_AT": crash_at}
    return subprocess.run(command, env=environment, check=False, timeout=60).returncode


@pytest.mark.parametrize("label", STEPS)
async def test_a_sale_and_what_goes_back_of_it_happen_once_whoever_dies(street, database_url, data_dir, label):
    deed, sales = STEPS[label]
    await street.publish_plan('name = "x"\ncurrency = "SGD"\n[[rule]]\npercent = "3"\n')
    agent = await street.agent(currency="SGD", float_minor=1000, plan="x")
    folder = str(data_dir / "keys")
    if deed == "work":
        assert live(database_url, folder, "sell", 0) == 0
    assert live(database_url, folder, deed, 0, crash_at=label) == -signal.SIGKILL
    assert await street.count("SELECT count(*) FROM payments.float_payments") == sales
    assert live(database_url, folder, "sell", 0) == 0
    for minutes in (5, 10, 15):
        if not await street.count(BACK):
            assert live(database_url, folder, "work", minutes) == 0
    assert await street.count("SELECT count(*) FROM payments.float_payments") == 1
    assert await street.count(BACK) == 1
    assert await street.left(agent.id) == 1000
    await street.sound()


def test_each_label_of_agents_is_killed_at(figures):
    assert set(agent_labels()) == set(STEPS)
    figures("G11 agents' sales and what goes back:", labels_hit=len(STEPS), of=len(STEPS))
