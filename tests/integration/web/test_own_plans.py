"""The plan of one's own line in the app: compared by real use, taken for what was said, changed, undone and stopped."""

import re
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.support.own_plans import a_traveller, line_with_credit, surfed_for_three_months
from tests.support.subscribers import front_at
from topup.channels.web.visitors import FORM_TOKEN
from topup.kernel.msisdn import parse_msisdn
from topup.people.subscribers.devices import form_token_of

pytestmark = pytest.mark.xdist_group("browser")


class Owner:
    """Somebody signed in with a line of their own."""

    def __init__(self, client, token, line):
        self.client, self.token, self.line = client, token, line
        self.home = f"/home/lines/{line.id}"

    async def sees(self, path):
        answer = await self.client.get(f"{self.home}{path}")
        assert answer.status_code == 200, answer.text
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]))

    async def sends(self, path, **fields):
        return await self.client.post(f"{self.home}{path}", data={FORM_TOKEN: self.token, **fields})

    async def offered(self, plan, when):
        """What the form for a plan says that it costs."""
        text = (await self.client.get(f"{self.home}/plans/{plan}")).text
        form = next(part for part in text.split("<form")[1:] if f'value="{when}"' in part)
        return re.search(r'name="told" value="(\d+)"', form)[1]

    async def takes(self, plan, when):
        return await self.sends(f"/plans/{plan}", when=when, told=await self.offered(plan, when))


@pytest.fixture
async def owner(site):
    """Makes owners of lines with so much credit."""
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(front_at(site))

        async def made(credit=50_000, *, mebibytes=0, opened=timedelta(0)):
            await front.forget_counts()
            number = a_traveller()
            async with front.database.transaction() as transaction:
                line = await line_with_credit(transaction, number, credit, opened=opened)
                if mebibytes:
                    await surfed_for_three_months(transaction, line, number, mebibytes=mebibytes)
            entered = await front.enter(number)
            headers = {"accept": "text/html", "accept-language": "en", "cookie": f"here={entered.token}"}
            client = httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=60, headers=headers)
            return Owner(await stack.enter_async_context(client), form_token_of(entered.token), line)

        yield made


async def test_plans_are_compared_by_what_was_used_and_the_cheapest_is_named(owner):
    me = await owner(mebibytes=500)
    await me.takes("home-monthly", "now")
    page = await me.sees("/plan")
    # Without a plan the daily cap of HK$28 was reached on three days of each month.
    assert (
        "“Home, by the quarter” would have cost HK$5.33 a month less than your plan. What it includes is enough."
        in page
    )
    costs = re.findall(r"(Home, by the month|Home, by the quarter|Keep my number, by the quarter|No plan)\s.*?"
                       r"Would have cost (HK\$[\d.]+) a month", page.partition("Plans to compare")[2])  # fmt: skip
    assert [(name, cost) for name, cost in costs if not name.startswith("Keep")] == [
        ("Home, by the quarter", "HK$62.67"), ("Home, by the month", "HK$68.00"), ("No plan", "HK$84.00"),
    ]  # fmt: skip
    assert page.count("Cheapest for you") == 1
    assert page.count("HK$84.00 ·") + page.count("HK$84.00 All use") == 3, "each of the months is told"


async def test_a_plan_is_taken_for_what_was_said_and_told_at_home(owner):
    me = await owner()
    assert "Plans What you would have paid" in await me.sees("")
    answer = await me.takes("home-monthly", "now")
    assert answer.headers["location"] == f"{me.home}/plan?done=taken"
    page = await me.sees("/plan?done=taken")
    assert "the plan is yours from now on" in page
    assert "HK$68.00 a month" in page
    assert re.search(r"100% Data", page), page
    home = await me.sees("")
    assert re.search(r"Home, by the month Renews on .* for HK\$68.00", home)
    for given in ("20 GB data", "500 min of calls"):
        assert f"{given} of {given} in this cycle" in home
    assert "HK$432.00" in await me.sees("/plans/home-quarterly")


async def test_who_was_told_less_pays_nothing_and_sees_the_price_again(owner):
    me = await owner()
    answer = await me.sends("/plans/home-monthly", when="now", told="6799")
    assert answer.headers["location"] == f"{me.home}/plans/home-monthly?refused=line_plan_price_changed"
    page = await me.sees("/plans/home-monthly?refused=line_plan_price_changed")
    assert "Nothing was charged" in page
    assert "HK$500.00" in page
    for told in ("", "-1", "68.00", "9" * 13, "六"):
        assert (await me.sends("/plans/home-monthly", when="now", told=told)).status_code == 400
    assert (await me.sends("/plans/home-monthly", when="never", told="6800")).status_code == 400
    assert "HK$500.00" in await me.sees("/plans/home-monthly")


async def test_a_switch_at_once_is_told_line_by_line(owner):
    me = await owner()
    await me.takes("home-monthly", "now")
    page = await me.sees("/plans/home-quarterly")
    # The day of the switch is the new plan's: all of the month is given back on the day it began.
    back = re.search(r"Back from “Home, by the month”, for the days left −HK\$([\d.]+) You pay HK\$([\d.]+)", page)
    assert back, page
    assert float(back[1]) + float(back[2]) == 188
    assert (await me.takes("home-quarterly", "now")).headers["location"].endswith("done=taken")
    home = await me.sees("")
    assert "60 GB data of 60 GB data in this cycle" in home
    assert "min of calls" not in home, "the calls of the plan it had are gone with it"
    assert f"HK${500 - 68 + float(back[1]) - 188:.2f}" in await me.sees("/plans/keep-quarterly")


async def test_a_planned_switch_moves_nothing_and_is_undone_and_so_is_stopping(owner):
    me = await owner()
    await me.takes("home-monthly", "now")
    await me.takes("keep-quarterly", "next_cycle")
    page = await me.sees("/plan")
    assert re.search(r"Changes to “Keep my number, by the quarter” on .* for HK\$18.00", page)
    assert (await me.sends("/plan/keep")).headers["location"] == f"{me.home}/plan?done=kept"
    assert "Renews on" in await me.sees("/plan")
    assert (await me.sends("/plan/stop")).headers["location"] == f"{me.home}/plan?done=stopped"
    assert re.search(r"Lasts through .*, and does not renew", await me.sees("/plan"))
    await me.sends("/plan/keep")
    assert "Renews on" in await me.sees("/plan")
    assert "HK$432.00" in await me.sees("/plans/keep-quarterly"), "nothing moved but the first cycle"


async def test_a_top_up_that_keeps_the_number_only_later_is_offered_with_how_far_it_leads_today(owner):
    me = await owner(opened=timedelta(days=2))
    today = datetime.now(ZoneInfo("Asia/Hong_Kong")).date()
    page = await me.sees(f"/keeping?until={today + timedelta(days=380)}")
    assert re.search(r"HK\$20\.00 not before \w+ \d+, \d{4}, and before ", page), page
    assert re.search(r"HK\$20\.00 paid today keeps it through .* and no longer\. Top up HK\$20\.00", page), page
    page = await me.sees(f"/keeping?until={today + timedelta(days=237)}")
    assert "paid today" not in page


async def test_without_enough_credit_one_is_told_and_may_wait_for_it(owner):
    me = await owner(1000)
    page = await me.sees("/plans/home-monthly")
    assert "It costs HK$68.00 now, and this line has HK$10.00." in page
    answer = await me.sends("/plans/home-monthly", when="now", told="6800")
    assert answer.headers["location"].endswith("refused=insufficient_funds")
    assert "HK$68.00 are needed in all" in await me.sees("/plans/home-monthly?refused=insufficient_funds")
    assert (await me.takes("home-monthly", "when_paid")).headers["location"].endswith("done=waits")
    page = await me.sees("/plan")
    assert "It begins as soon as there is HK$68.00 in the credit" in page
    await me.sends("/plan/stop")
    assert "This line has no plan" in await me.sees("/plan")
    assert (await me.sends("/plan/stop")).status_code == 303, "nothing is left to stop"


async def test_nobody_sees_or_changes_anothers_plan(owner, site):
    mine, other = await owner(), await owner()
    for path in ("/plan", "/plans/home-monthly"):
        assert (await other.client.get(f"{mine.home}{path}")).status_code == 404
    for path in ("/plans/home-monthly", "/plan/stop", "/plan/keep"):
        sent = {FORM_TOKEN: other.token, "when": "now", "told": "6800"}
        assert (await other.client.post(f"{mine.home}{path}", data=sent)).status_code == 404
        assert (await mine.client.post(f"{mine.home}{path}", data={"when": "now", "told": "6800"})).status_code == 403
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as stranger:
        for path in ("/plan", "/plans/home-monthly"):
            assert (await stranger.get(f"{mine.home}{path}")).headers["location"].startswith("/account/sign-in")
    assert "This line has no plan" in await mine.sees("/plan")


async def test_a_line_without_plans_says_so(site, a_number):
    async with front_at(site) as front:
        await front.forget_counts()
        number = a_number()
        await front.open_line(parse_msisdn(number))
        entered = await front.enter(number)
        [(line,)] = await front.rows(
            "SELECT line_id FROM lines.numbers WHERE msisdn = %s AND until IS NULL", f"+86{number}"
        )
    headers = {"accept": "text/html", "accept-language": "en", "cookie": f"here={entered.token}"}
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=60, headers=headers) as client:
        assert "carrier has no plans" in (await client.get(f"/home/lines/{line}/plan")).text
        assert f"/home/lines/{line}/plan" not in (await client.get("/home")).text


async def test_a_top_up_today_that_keeps_the_number_no_longer_is_not_offered(owner):
    me = await owner()
    today = datetime.now(ZoneInfo("Asia/Hong_Kong")).date()
    page = await me.sees(f"/keeping?until={today + timedelta(days=380)}")
    assert re.search(r"HK\$20\.00 not before \w+ \d+, \d{4}, and before ", page), page
    assert "paid today" not in page
    assert "Top up HK$20.00" not in page


async def test_how_long_the_number_lives_tells_of_the_plans_renewals(owner):
    me = await owner(10_000)
    assert "Renewals of the plan" not in await me.sees("/keeping")
    await me.takes("keep-quarterly", "now")
    page = await me.sees("/keeping")
    # Credit of HK$82 that does not end: four more of HK$18.
    assert re.search(
        r"Renewals of the plan Keep my number, by the quarter: the credit pays this many more renewals: 4, HK\$72\.00 "
        r"in all\. There is not enough for the one on \w+ \d+, \d{4}\.", page
    )  # fmt: skip
