"""`topup links` as an operator types it."""

import json

import pytest

from tests.support.commands import topup

pytestmark = pytest.mark.xdist_group("link-commands")


def test_a_link_is_made_for_a_number_or_for_any_listed_and_stopped(demonstration):
    made = topup(demonstration, "links", "create", "--number", "13800138000", "--amount", "50", "--json")
    link = json.loads(made.out)
    assert link["url"].endswith(f"/t/{link['id']}")
    assert (link["masked_number"], link["amount"]) == ("138 **** 8000", {"amount_minor": 5000, "currency": "CNY"})
    poster = topup(demonstration, "links", "create", "--amount", "100", "--days", "365", "--label", "Poster 7")
    assert "/t/lnk_" in poster.out
    listed = topup(demonstration, "links", "list").out
    assert "Poster 7" in listed
    assert "138 **** 8000" in listed
    assert "13800138000" not in listed
    assert topup(demonstration, "links", "revoke", link["id"]).code == 0
    found = json.loads(topup(demonstration, "links", "list", "--json").out)["links"]
    assert [bool(one["revoked_at"]) for one in found] == [False, True]


def test_what_leads_nowhere_is_refused_in_a_sentence(demonstration):
    empty = topup(demonstration, "links", "create")
    assert empty.code == 1
    assert "Give it a number" in empty.err
    long = topup(demonstration, "links", "create", "--number", "13800138000", "--days", "400")
    assert long.code == 1
    assert "45" in long.err
    assert topup(demonstration, "links", "revoke", "lnk_x").code != 0
