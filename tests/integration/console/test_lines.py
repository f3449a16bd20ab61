"""Lines in the console: found, shown with what they have and why until then, and barred with a reason."""

import re
from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.integration.console.conftest import form_token
from tests.support.own_plans import a_traveller, line_with_credit
from topup.catalogue.grant_rules import TermTier, ValidityRule
from topup.catalogue.queries import CatalogueCache
from topup.catalogue.terms import Term
from topup.catalogue.validity import validity_of
from topup.kernel.ids import lane_of, new_id
from topup.ledger import BucketSpec, Credit, Posted, post
from topup.lines.plans import rows
from topup.lines.plans.desk import Plans
from topup.lines.plans.rows import Noted
from topup.lines.plans.states import PlanChange
from topup.people.permissions import Role
from topup.platform.i18n import catalogue

pytestmark = pytest.mark.xdist_group("browser")


async def found(client: httpx.AsyncClient, number: str) -> str:
    answer = await client.get("/console/lines", params={"q": number})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_a_line_is_found_by_its_number_and_shows_what_it_has(enter, topped_up):
    order_id, _, number = topped_up
    client, _ = await enter(Role.SUPPORT)
    address = await found(client, number)
    page = (await client.get(address)).text
    for told in ("CN¥50.00", "What it has, and why until then", "Time zone", order_id):
        assert told in page, told
    assert (await client.get("/console/lines", params={"q": address.rpartition("/")[2]})).headers["location"] == address
    for wrong in ("13900000000000", "nobody", new_id("line", 1)[:-1]):
        assert 'role="alert"' in (await client.get("/console/lines", params={"q": wrong})).text, wrong
    assert (await client.get(f"/console/lines/{new_id('line', 1)}")).status_code == 404
    assert (await client.get(f"{address}?before=nonsense")).status_code == 404


def every_rule(now) -> list[dict[str, object]]:
    """Every rule that a bucket's end can have, as the ledger keeps it."""
    zone = ZoneInfo("Asia/Shanghai")
    tiers = (TermTier(0, Term(30, None, "midnight")), TermTier(1_000, Term(None, 3, "midnight")))
    of_terms = [
        ValidityRule("days", 30, "midnight"),
        ValidityRule("days", 30, "exact"),
        ValidityRule("months", None, "midnight", months=2),
        ValidityRule("months", None, "exact", months=2),
        ValidityRule("months", None, "month_end", months=0),
        ValidityRule("balance", policy="tiers", tiers=tiers),
    ]
    told = [validity_of(rule, zone, now, balance=500, asset="CNY")[1] for rule in of_terms]
    return [
        *({"id": why["id"], **why["inputs"]} for why in told),
        {"id": "why_plan", "last_day": (now + timedelta(days=20)).date().isoformat(), "zone": zone.key},
        {"id": "rolled_over", "days": 30},
        {"id": "frozen_by_state", "until": None, "policy": "separate", "rule": "{}"},
        {"id": "refund_keeps_its_end", "end": None, "at_least_days": 30},
    ]


async def test_why_each_bucket_ends_is_told_whatever_its_rule(site, enter, topped_up):
    _, _, number = topped_up
    client, _ = await enter(Role.SUPPORT)
    address = await found(client, number)
    line_id = address.rpartition("/")[2]
    async with site.transaction() as transaction:
        rules = every_rule(transaction.now)
        for count, rule in enumerate(rules):
            until = transaction.now + timedelta(days=20 + count)
            credit = Credit(
                lane=lane_of(line_id),
                key=f"test:{line_id}:{rule['id']}",
                from_code="promotions",
                line_id=line_id,
                bucket=BucketSpec(kind="main", usable_until=until, rule=rule),
                asset="CNY",
                amount=101 + count,
                purpose="grant",
                reference="test",
            )
            (answer,) = await post(transaction.connection, [credit], transaction.now)
            assert isinstance(answer, Posted), answer
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    page = unescape(answer.text)
    for count in range(len(rules)):
        assert f"CN¥1.{1 + count:02}" in page
    for told in (
        "30-day validity, counted from the day after the top-up",
        "30-day validity, counted from the moment of the top-up",
        "2-month validity, counted from the day of the top-up",
        "2-month validity, counted from the moment of the top-up",
        "Valid until the end of a calendar month",
        "Set anew by every top-up, by the balance after it: from CN¥0.00: 30 days and from CN¥10.00: 3 months",
        "Included in the plan: usable until the end of this cycle’s last day",
    ):
        assert told in page, told
    assert page.count("By the carrier's rules.") == 3, "what has no sentence of its own"
    with_words = {name for name in catalogue("en", "catalogue") if name.startswith("why_")}
    assert {str(rule["id"]) for rule in rules} >= with_words - {"why_never_ends"}


async def test_a_barred_line_takes_no_top_up_until_the_bar_is_lifted(site, enter, topped_up):
    _, _, number = topped_up
    client, person = await enter(Role.SUPPORT)
    address = await found(client, number)
    token = {"form_token": await form_token(client)}

    async def sent(act: str, reason: str) -> httpx.Response:
        return await client.post(f"{address}/bar", data=token | {"act": act, "reason": reason})

    async def offered() -> bool:
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as guest:
            answer = await guest.post("/quotes", data={"number": number, "choice": "credit:5000"})
            return answer.headers.get("location", "").startswith("/quotes/")

    assert (await sent("bar", " ")).status_code == 422
    assert (await sent("lift", "Nothing to lift")).status_code == 422
    assert await offered()
    assert (await sent("bar", "Reported stolen")).headers["location"].endswith("done=barred")
    assert not await offered()
    assert "Lift the bar" in (await client.get(address)).text
    assert (await sent("bar", "Again")).status_code == 422
    assert (await sent("lift", "Found")).headers["location"].endswith("done=lifted")
    assert await offered()
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action, actor FROM work.trail WHERE subject = %s ORDER BY sequence", [address.rpartition("/")[2]]
        )
        assert await cursor.fetchall() == [("line.barred", person.id), ("line.bar_lifted", person.id)]


async def test_an_auditor_sees_no_line(enter):
    client, _ = await enter(Role.AUDITOR)
    assert (await client.get("/console/lines")).status_code == 403


async def test_a_lines_plan_is_told_with_each_cycle_and_why_one_was_not_paid(site, enter):
    number = a_traveller()
    async with site.transaction() as transaction:
        line = await line_with_credit(transaction, number, 10_000)
    plans = Plans(database=site.house.store.database, catalogue=CatalogueCache())
    client, _ = await enter(Role.SUPPORT)
    address = await found(client, number)
    assert 'id="plan"' not in (await client.get(address)).text, "it never had one"
    shown = await site.within(plans.take(number=number, plan="home-monthly", when="now", by="test"))
    async with site.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        missed = Noted(line, PlanChange.UNPAID, "home-monthly", 1, shown.ends_at + timedelta(days=30), 6800)
        await rows.save(connection, [], [missed], now)
    page = (await client.get(address)).text
    sheet = " ".join(
        unescape(re.sub(r"<[^>]+>", " ", page.partition('id="plan"')[2].partition("</section>")[0])).split()
    )
    for told in (
        "Home, by the month home-monthly Active",
        "paid HK$68.00",
        "20 GB data of 20 GB data",
        "for HK$68.00.",
        "Without enough credit nothing is blocked for 3 days",
        "Could not be paid · Home, by the month · cycle 1 Not enough credit: HK$68.00 are needed; over on",
        "Begun · Home, by the month · cycle 1 HK$68.00, lasts through",
    ):
        assert told in sheet, (told, sheet)
    await site.within(plans.cancel(number=number, by="test"))
    assert "and does not renew" in (await client.get(address)).text
