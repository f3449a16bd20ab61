"""`topup agents` as its operator types it."""

import json

import pytest

from tests.support.commands import topup

pytestmark = pytest.mark.xdist_group("agent-commands")

PLAN = 'name = "street"\ncurrency = "CNY"\n[[rule]]\npercent = "2.5"\n'


def test_an_agent_is_taken_on_given_a_key_and_a_float_is_asked_for(demonstration, tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(PLAN)
    assert json.loads(topup(demonstration, "agents", "plan", str(file), "--json").out)["version"] == 1
    again = topup(demonstration, "agents", "plan", str(file))
    assert (again.code, "published already" in again.err) == (1, True)
    words = ["--currency", "CNY", "--zone", "Asia/Shanghai", "--plan", "street", "--daily-limit", "500"]
    made = topup(demonstration, "agents", "add", "Corner shop", *words, "--low-below", "100", "--json")
    agent = json.loads(made.out)
    assert (agent["status"], agent["daily_limit"]["amount_minor"]) == ("active", 50_000)
    key = topup(demonstration, "agents", "keys", "corner SHOP", "--create")
    assert key.out.startswith("topup_")
    asked = topup(
        demonstration, "agents", "float", agent["id"], "200", "--reference", "B-17", "--reason", "Paid", "--json"
    )
    assert (asked.code, json.loads(asked.out)["amount"]["amount_minor"]) == (3, 20_000)
    refused = topup(demonstration, "agents", "float", agent["id"], "many", "--reference", "B-17", "--reason", "Paid")
    assert refused.code == 2
    suspended = topup(demonstration, "agents", "suspend", "Corner shop", "--reason", "Unpaid")
    assert "Corner shop is suspended." in suspended.out
    shown = topup(demonstration, "agents", "show", "Corner shop")
    assert "Unpaid" in shown.out
    assert "¥0.00" in shown.out
    statement = topup(demonstration, "agents", "statement", "Corner shop", "--csv")
    assert [line.split(",")[1] for line in statement.out.splitlines()] == ["What", "Opening", "Closing"]
