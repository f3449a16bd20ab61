"""A line's plan changed at the counter: compared by real use, said back with its cost, undone while there is time."""

import asyncio
import json
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape

import httpx
import msgspec
import pytest

from tests.integration.counter.conftest import Clerk
from tests.integration.counter.test_printer_and_display import display
from tests.support.deeds import Doing
from tests.support.own_plans import a_traveller, line_with_credit, surfed_for_three_months
from topup.catalogue.queries import CatalogueCache
from topup.channels.counter.plan_offers import offer_of
from topup.kernel.ids import new_id
from topup.ledger.queries import buckets
from topup.lines.plans.desk import Plans, PlanShown
from topup.lines.queries import LineRef
from topup.lines.registered import register
from topup.people.id_checks import shown

__all__ = ["display"]
pytestmark = pytest.mark.xdist_group("browser")
PLANS = frozenset({"/counter/lines/{token}/plans/{plan_id}/{when}", "/counter/lines/{token}/plan/keep"})


@dataclass
class Customer:
    """Somebody at the counter, with a line of Cloudsail, its passport and their clerk."""

    clerk: Clerk
    number: str
    ref: LineRef
    passport: str
    path: str

    @property
    def shows(self) -> dict[str, str]:
        return {"document": "passport", "document_number": self.passport}

    async def offered(self, plan: str, when: str) -> tuple[str, str]:
        """The address of the page that says a plan back, with the offer on it; and its form's offer."""
        first = await self.clerk.client.get(f"{self.path}/plans/{plan}/{when}")
        assert first.status_code == 303, first.text
        address = first.headers["location"]
        return address, re.search(r"offer=([\w-]+)", address)[1]

    async def wants(self, plan: str, when: str, **fields: str) -> httpx.Response:
        _, offer = await self.offered(plan, when)
        return await self.clerk.posts(f"{self.path}/plans/{plan}/{when}", **(self.shows | {"offer": offer} | fields))

    async def has(self) -> PlanShown:
        site = self.clerk.site
        plans = Plans(database=site.house.store.database, catalogue=CatalogueCache())
        found: PlanShown = await site.within(plans.show(number=self.number))
        return found

    async def credit(self) -> int:
        async with self.clerk.site.transaction() as transaction:
            found = (await buckets(transaction.connection, [self.ref.id])).get(self.ref.id, [])
        return sum(one.balance for one in found if one.asset == "HKD")

    async def trail(self) -> list[dict]:
        async with self.clerk.site.transaction() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT facts FROM work.trail WHERE subject = %s AND action = 'line.plan_taken' ORDER BY sequence",
                [self.ref.id],
            )
            return [json.loads(facts) for (facts,) in await cursor.fetchall()]

    async def looked_at(self) -> list[tuple[str, str]]:
        async with self.clerk.site.transaction() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT purpose, last_four FROM people.id_checks WHERE subject = %s", [self.ref.id]
            )
            return list(await cursor.fetchall())


@pytest.fixture
def customer(site, clerk):
    """Makes customers of this clerk with so much credit, registered or not."""

    async def made(credit: int = 50_000, *, mebibytes: int = 0, registered: bool = True) -> Customer:
        number, passport = a_traveller(), f"K{new_id('line', 0)[-8:]}".upper()
        async with site.transaction() as transaction:
            line = await line_with_credit(transaction, number, credit)
            if mebibytes:
                await surfed_for_three_months(transaction, line, number, mebibytes=mebibytes)
            if registered:
                seen = shown(document="passport", number=passport)
                keys = site.house.store.keyring
                await register(transaction.connection, line=line, seen=seen, now=transaction.now, keys=keys)
        path = (await clerk.finds(number)).partition("?")[0]
        return Customer(clerk, number, line, passport, path)

    return made


def words(page: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


async def test_plans_are_compared_by_what_the_line_used_with_the_keys_for_them(customer, clerk):
    somebody = await customer(mebibytes=500)
    assert f'href="{somebody.path}/plans" data-key="F9"' in await clerk.sees(somebody.path)
    page = await clerk.sees(f"{somebody.path}/plans")
    # Without a plan the daily cap of HK$28 was reached on three days of each month.
    assert "Would have cost HK$68.00 a month" in words(page)
    best = re.search(r'<a class="offer plan" href="[^"]+/plans/([\w-]+)" data-key="F4" autofocus>(.*?)</a>', page)
    assert (best[1], "Cheapest" in best[2]) == ("home-quarterly", True)
    assert "This line has no plan" in page
    one = await clerk.sees(f"{somebody.path}/plans/home-monthly")
    assert re.search(r"plans/home-monthly/now\" data-key=\"F4\" autofocus", one)
    assert "HK$68.00" in one


async def test_a_plan_that_is_had_now_is_paid_once_for_who_shows_the_owners_document(customer):
    somebody = await customer(10_000)
    address, offer = await somebody.offered("home-monthly", "now")
    page = words(await somebody.clerk.sees(address))
    assert "From now on you have Home, by the month. Today HK$68.00 is taken from the credit of this line" in page
    form = f"{somebody.path}/plans/home-monthly/now"
    wrong = await somebody.clerk.posts(form, offer=offer, document="passport", document_number="E12345678")
    assert (wrong.status_code, "E12345678" in wrong.text, f'value="{offer}"' in wrong.text) == (409, True, True)
    assert (await somebody.clerk.posts(form, offer=offer, document="passport", document_number="1")).status_code == 422
    assert ((await somebody.has()).plan, await somebody.credit(), await somebody.looked_at()) == (None, 10_000, [])
    fields = somebody.shows | {"offer": offer}
    answers = await asyncio.gather(*(somebody.clerk.posts(form, **fields) for _ in range(3)))
    answers.append(await somebody.clerk.posts(form, **fields))
    assert {one.headers.get("location") for one in answers if one.status_code == 303} == {
        f"{somebody.path}/plans?done=now"
    }
    assert {one.status_code for one in answers} <= {303, 409}
    assert answers[-1].status_code == 303, "the same again is told the same"
    assert ((await somebody.has()).plan.id, await somebody.credit()) == ("home-monthly", 3_200)
    [entry] = await somebody.trail()
    assert (entry["before"], entry["after"]["plan"], entry["after"]["paid_minor"]) == (None, "home-monthly", 6_800)
    assert (entry["till"], entry["document"], entry["last_four"]) == (
        somebody.clerk.till, "passport", somebody.passport[-4:]
    )  # fmt: skip
    assert (entry["owner_known"], entry["customer_confirmed"]) == (True, False)
    assert await somebody.looked_at() == [("plan_change", somebody.passport[-4:])]


async def test_an_offer_that_is_over_changes_nothing_and_what_was_taken_in_time_is_told_again(
    site, customer, staff, shop, till_number
):
    late, early = await customer(10_000), await customer(10_000)
    offers = [(await somebody.offered("home-monthly", "now"))[1] for somebody in (late, early)]
    form = "plans/home-monthly/now"
    assert (await early.clerk.posts(f"{early.path}/{form}", **(early.shows | {"offer": offers[1]}))).status_code == 303
    with site.later(timedelta(minutes=31)):
        clerk = await staff()
        assert (await clerk.opens(shop=shop, number=till_number())).status_code == 303
        anew = await clerk.posts(f"{late.path}/{form}", **(late.shows | {"offer": offers[0]}))
        again = await clerk.posts(f"{early.path}/{form}", **(early.shows | {"offer": offers[1]}))
    assert (anew.status_code, "?offer=" in anew.headers["location"]) == (303, True)
    assert ((await late.has()).plan, await late.credit(), await late.trail()) == (None, 10_000, [])
    assert again.headers["location"] == f"{early.path}/plans?done=now"
    assert len(await early.trail()) == 1


async def test_a_change_now_says_what_comes_back_of_the_plan_that_ends(customer, site, staff, shop, till_number):
    somebody = await customer()
    await somebody.wants("home-monthly", "now")
    with site.later(timedelta(days=10)):
        later = await staff()
        assert (await later.opens(shop=shop, number=till_number())).status_code == 303
        somebody = replace(somebody, clerk=later)
        page = words(await somebody.clerk.sees(f"{somebody.path}/plans/home-quarterly"))
        back = re.search(r"Back from “Home, by the month”, for the days left \N{MINUS SIGN}HK\$(\d+\.\d\d)", page)
        pays = re.search(r"You pay HK\$(\d+\.\d\d)", page)
        in_cents = [round(float(found[1]) * 100) for found in (back, pays)]
        assert sum(in_cents) == 18_800
        assert 0 < in_cents[0] < 6_800
        assert "What is left of the plan you have now is lost." in page
        before = await somebody.credit()
        assert (await somebody.wants("home-quarterly", "now")).status_code == 303
        assert before - await somebody.credit() == in_cents[1]


async def test_a_change_for_the_next_cycle_costs_nothing_today_and_is_undone(customer):
    somebody = await customer()
    await somebody.wants("home-monthly", "now")
    credit = await somebody.credit()
    answer = await somebody.wants("keep-quarterly", "next_cycle")
    page = words(await somebody.clerk.sees(answer.headers["location"]))
    assert "it begins with the next cycle, and can be undone here until then" in page
    assert "Changes to “Keep my number, by the quarter”" in page
    assert ((await somebody.has()).follows.plan.id, await somebody.credit()) == ("keep-quarterly", credit)
    assert "Undo: keep “Home, by the month”" in page
    wrong = await somebody.clerk.posts(f"{somebody.path}/plan/keep", document="passport", document_number="E12345678")
    assert (wrong.status_code, (await somebody.has()).follows.plan.id) == (409, "keep-quarterly")
    for _ in range(2):
        kept = await somebody.clerk.posts(f"{somebody.path}/plan/keep", **somebody.shows)
        assert kept.headers["location"] == f"{somebody.path}/plans?done=kept"
    assert ((await somebody.has()).follows.plan.id, await somebody.credit()) == ("home-monthly", credit)
    _, wished, undone = await somebody.trail()
    assert (wished["before"]["wished"], wished["after"]["wished"]) == (None, "keep-quarterly")
    assert (undone["before"]["wished"], undone["after"]["wished"]) == ("keep-quarterly", None)
    assert "Undo" not in await somebody.clerk.sees(f"{somebody.path}/plans")


async def test_where_customers_confirm_the_plan_waits_for_their_yes_to_that_very_offer(site, clerk, customer, display):
    displays, held = display
    somebody = await customer()
    address, offer = await somebody.offered("home-monthly", "now")
    assert "asks the customer to confirm" in await clerk.sees(address)
    async with httpx.AsyncClient(
        base_url=site.url, trust_env=False, cookies={"topup_display": held}, headers={"accept-language": "en"}
    ) as screen:
        seen = words((await screen.get("/counter/display/")).text)
        assert "Change to “Home, by the month”?" in seen
        assert "HK$68.00" in seen
        form, fields = f"{somebody.path}/plans/home-monthly/now", somebody.shows | {"offer": offer}
        early = await clerk.posts(form, **fields)
        assert (early.status_code, somebody.passport in early.text) == (409, True), "nothing is typed twice"
        assert (await somebody.has()).plan is None
        await site.within(displays.confirm(secret=held, sale=offer))
        assert "The clerk changes your plan now." in words((await screen.get("/counter/display/")).text)
        _, other = await somebody.offered("home-quarterly", "now")
        late = await clerk.posts(f"{somebody.path}/plans/home-quarterly/now", **(somebody.shows | {"offer": other}))
        assert late.status_code == 409, "they said yes to another plan"
        await clerk.sees(address)
        await site.within(displays.confirm(secret=held, sale=offer))
        assert (await clerk.posts(form, **fields)).status_code == 303
        assert "Welcome" in words((await screen.get("/counter/display/")).text)
        await clerk.sees((await somebody.offered("home-quarterly", "now"))[0])
        assert "What is left of the plan you have now is lost." in words((await screen.get("/counter/display/")).text)
    [entry] = await somebody.trail()
    assert (entry["after"]["plan"], entry["customer_confirmed"]) == ("home-monthly", True)


async def test_nobody_pays_more_than_was_said_and_no_offer_is_made_up_or_anothers(site, customer):
    somebody, other = await customer(), await customer()
    keyring = site.house.store.keyring
    _, offer = await somebody.offered("home-monthly", "now")
    cheaper = msgspec.structs.replace(offer_of(keyring, offer), told_minor=6_799)
    form = f"{somebody.path}/plans/home-monthly/now"
    told = await somebody.clerk.posts(form, **(somebody.shows | {"offer": cheaper.sealed(keyring)}))
    assert (told.status_code, "?offer=" in told.headers["location"]) == (303, True), "it is said anew"
    _, theirs = await other.offered("home-monthly", "now")
    for wrong in (theirs, offer[:-2], "", "x" * 3_000):
        assert (await somebody.clerk.posts(form, **(somebody.shows | {"offer": wrong}))).status_code == 400
    assert ((await somebody.has()).plan, await somebody.trail()) == (None, [])


async def test_without_enough_credit_it_begins_with_the_first_top_up_that_is_enough(site, customer):
    somebody = await customer(100, registered=False)
    page = await somebody.clerk.sees(f"{somebody.path}/plans/home-monthly")
    assert "plans/home-monthly/when_paid" in page
    assert "plans/home-monthly/now" not in page
    gone = await somebody.clerk.client.get(f"{somebody.path}/plans/home-monthly/now")
    assert gone.headers["location"] == f"{somebody.path}/plans/home-monthly"
    address, offer = await somebody.offered("home-monthly", "when_paid")
    keyring = site.house.store.keyring
    cheaper = msgspec.structs.replace(offer_of(keyring, offer), told_minor=offer_of(keyring, offer).told_minor - 1)
    form = f"{somebody.path}/plans/home-monthly/when_paid"
    told = await somebody.clerk.posts(form, **(somebody.shows | {"offer": cheaper.sealed(keyring)}))
    assert (told.status_code, "?offer=" in told.headers["location"]) == (303, True), "it is said anew"
    assert (await somebody.has()).plan is None
    assert "registered with no document" in await somebody.clerk.sees(address)
    assert (await somebody.wants("home-monthly", "when_paid")).status_code == 303
    assert (await somebody.has()).plan.id == "home-monthly"
    [entry] = await somebody.trail()
    assert entry["owner_known"] is False


async def test_a_number_that_is_no_line_of_ours_has_no_plan_here(clerk, customer):
    await customer()
    path = (await clerk.finds("+65 8123 4500")).partition("?")[0]
    assert 'data-key="F9" href' not in await clerk.sees(path)
    assert (await clerk.client.get(f"{path}/plans")).status_code == 404


async def test_both_forms_leave_before_and_after_in_the_trail(site, customer):
    doing, somebody = Doing(site), await customer()
    await somebody.wants("home-monthly", "now")
    _, offer = await somebody.offered("keep-quarterly", "next_cycle")
    path = f"{somebody.path}/plans/keep-quarterly/next_cycle"
    fields = somebody.shows | {"offer": offer}
    await doing.does(somebody.clerk, "/counter/lines/{token}/plans/{plan_id}/{when}", path, **fields)
    await doing.does(somebody.clerk, "/counter/lines/{token}/plan/keep", f"{somebody.path}/plan/keep", **somebody.shows)
    assert doing.done == PLANS
