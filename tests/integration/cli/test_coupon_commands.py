"""`topup offers codes` as its operator types it: asked for, approved by another, made into a file, told, blocked."""

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest

from tests.integration.cli.test_voucher_commands import decrypted, printer
from tests.support.approving import Anybody
from tests.support.commands import topup
from topup.bootstrap.store import open_store
from topup.offers.batches.approving import kind
from topup.platform.settings import load_settings
from topup.work.approvals import Approvals

__all__ = ["printer"]
pytestmark = pytest.mark.xdist_group("coupon-commands")

EXAMPLE = Path(__file__).parents[3] / "examples" / "offers.toml"
MEMBERS = "lakeside/members"


def approve(data_dir: Path, approval_id: str) -> None:
    async def decide() -> None:
        async with open_store(load_settings(data_dir=data_dir)) as store:
            approvals = Approvals(database=store.database, kinds=[kind(lanes=store.installation.lanes)])
            await approvals.approve(Anybody("stf_another"), approval_id, note="")

    asyncio.run(decide())


def test_codes_from_the_request_to_their_end(demonstration, printer, tmp_path):
    def codes(*words: str):
        return topup(demonstration, "offers", "codes", *words)

    assert topup(demonstration, "catalogue", "load", str(EXAMPLE)).code == 0
    asked = codes("ask", MEMBERS, "--count", "4", "--reason", "For the members", "--json")
    assert asked.code == 3, "it is under way until another decides"
    told = json.loads(asked.out)
    out = tmp_path / "codes.p7m"
    making = ("make", told["batch"], "--recipient", str(printer / "printer.pem"), "--out", str(out))
    early = codes(*making)
    assert (early.code != 0, "waits for a second person" in early.err, out.exists()) == (True, True, False)
    approve(demonstration, told["id"])
    made = codes(*making, "--json")
    assert made.code == 0, made.err
    assert (json.loads(made.out)["count"], json.loads(made.out)["status"]) == (4, "made")
    rows = list(csv.DictReader(io.StringIO(decrypted(printer, out).decode())))
    assert {(row["carrier"], row["campaign"]) for row in rows} == {("lakeside", "members")}
    assert len({row["code"] for row in rows}) == 4
    assert all(row["code"].startswith("MEMBER-") for row in rows)
    assert out.stat().st_mode & 0o777 == 0o600
    again = codes(*making[:-1], str(tmp_path / "again.p7m"))
    assert (again.code != 0, (tmp_path / "again.p7m").exists()) == (True, False), "once"

    assert codes("block-code", MEMBERS, rows[0]["code"], "--reason", "Lost").code == 2, "it asks first"
    assert codes("block-code", MEMBERS, rows[0]["code"], "--reason", "Lost", "--yes").code == 0
    [batch] = json.loads(codes("list", MEMBERS, "--json").out)["batches"]
    assert {name: batch[name] for name in ("made", "redeemed", "held", "blocked", "left")} == {
        "made": 4,
        "redeemed": 0,
        "held": 0,
        "blocked": 1,
        "left": 3,
    }
    assert codes("block", told["batch"], "--reason", "Lost", "--yes").code == 0
    listed = codes("list", MEMBERS)
    assert told["batch"] in listed.out
    assert "blocked" in listed.out
    assert codes("list", "lakeside/radio").code != 0, "a word for all has no batches"


def test_a_shops_stock_decides_about_gifts_where_a_shop_is_named(demonstration):
    for words in (
        ("stock", "add", "umbrella", "--kind", "gift", "--name", "雨伞", "--name-en", "Umbrella"),
        ("stock", "receive", "tianhe-hall", "umbrella", "2"),
    ):
        assert topup(demonstration, *words).code == 0

    def told(shop: str) -> dict:
        words = (str(EXAMPLE), "--product", "100", "--on", "2026-03-15", "--shop", shop, "--json")
        done = topup(demonstration, "offers", "explain", *words)
        assert done.code == 0, done.err
        return json.loads(done.out)

    def umbrella(found: dict) -> str:
        return next(one["reason"] for one in found["campaigns"] if one["campaign"] == "umbrella")

    here, elsewhere = told("tianhe-hall"), told("yuexiu-hall")
    of = {"sku": "umbrella", "sent_from": None}
    assert (here["shop"]["gifts"][0], umbrella(here)) == (of | {"free": 2}, "applied")
    assert (elsewhere["shop"]["gifts"][0], umbrella(elsewhere)) == (of | {"free": None}, "no_gift")
    refused = topup(demonstration, "offers", "explain", str(EXAMPLE), "--product", "100", "--shop", "nowhere")
    assert (refused.code != 0, "There is no such shop." in refused.err) == (True, True)
