"""`topup plans` as an operator types it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.commands import topup

pytestmark = pytest.mark.xdist_group("link-commands")

NUMBER = "+85251230001"


def test_a_plan_is_listed_taken_with_a_yes_shown_and_given_up(demonstration, tmp_path):
    file = tmp_path / "lines.csv"
    file.write_text(f"number,carrier,kind,status\n{NUMBER},yunfan,esim,active\n")
    assert topup(demonstration, "lines", "import", str(file)).code == 0
    given = topup(demonstration, "adjust", NUMBER, "+100", "--reason", "goodwill", "--note", "Test", "--yes")
    assert given.code == 0, given.err
    assert "No plan" in topup(demonstration, "plans", "show", NUMBER).out
    assert "Nothing was used" in topup(demonstration, "plans", "compare", NUMBER).out
    last_month = datetime.now(UTC).replace(day=1, hour=12) - timedelta(days=12)
    usage = tmp_path / "usage.csv"
    usage.write_text(f"id,number,service,quantity,at\nplans-1,{NUMBER},data,1000,{last_month.isoformat()}\n")
    assert topup(demonstration, "usage", "import", str(usage)).code == 0
    compared = json.loads(topup(demonstration, "plans", "compare", NUMBER, "--json").out)
    costs = {one["plan"]: one["monthly"]["amount_minor"] for one in compared["costs"]}
    assert (list(costs), costs["keep-quarterly"] > costs[None], costs["home-monthly"]) == (
        [None, "keep-quarterly", "home-quarterly", "home-monthly"], True, 6800,
    )  # fmt: skip
    assert "All use is paid for" in topup(demonstration, "plans", "compare", NUMBER).out
    listed = topup(demonstration, "plans", "list", NUMBER).out
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == [
        "keep-quarterly",
        "home-monthly",
        "home-quarterly",
    ]
    assert "HK$68.00 a month" in listed
    asked = topup(demonstration, "plans", "take", NUMBER, "home-monthly")
    assert (asked.code, "Home, by the month" in asked.err) == (1, True)
    unknown = topup(demonstration, "plans", "take", NUMBER, "none", "--yes")
    assert (unknown.code, "no such plan" in unknown.err) == (1, True)
    refused = topup(demonstration, "plans", "take", NUMBER, "home-quarterly", "--yes")
    assert (refused.code, "not enough balance" in refused.err) == (1, True)
    taken = topup(demonstration, "plans", "take", NUMBER, "home-monthly", "--yes")
    assert taken.code == 0, taken.err
    for words in ("Home, by the month", "active", "20 GB left of 20 GB", "Renews on"):
        assert words in taken.out, taken.out
    wished = json.loads(
        topup(demonstration, "plans", "take", NUMBER, "keep-quarterly", "--when", "next_cycle", "--yes", "--json").out
    )
    assert (wished["plan"], wished["follows"]["plan"], wished["follows"]["price"]["amount_minor"]) == (
        "home-monthly", "keep-quarterly", 1800,
    )  # fmt: skip
    assert "does not renew" in topup(demonstration, "plans", "cancel", NUMBER).out
