"""A clerk's drawer through HTTP: opened, moved, counted blind, explained, handed over, and reported."""

import asyncio
import re

import pytest
from psycopg.errors import InsufficientPrivilege

from tests.integration.console.test_proving import STALE
from tests.integration.counter.test_selling import in_drawer, settled
from topup.kernel.ids import new_id
from topup.orders import queries
from topup.orders.queries import place_of
from topup.people.permissions import Role
from topup.platform.i18n import format_time
from topup.shops.queries import Directories

pytestmark = pytest.mark.xdist_group("browser")


def report_of(answer) -> str:
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_two_clerks_on_one_drawer_are_refused(staff, shop, clerk):
    other = await staff()
    answer = await other.opens(shop=shop, number=int(clerk.till.rpartition("-")[2]))
    assert answer.status_code == 409
    assert "kept already" in answer.text


@pytest.mark.parametrize(("shop_id", "number", "float_"), [("nowhere", "1", "5"), ("", "0", "5"), ("", "1", "much")])
async def test_a_drawer_needs_a_shop_a_number_and_a_float(staff, shop, shop_id, number, float_):
    clerk = await staff()
    fields = {"shop": shop_id or shop, "till": number, "float": float_, "currency": "CNY"}
    assert (await clerk.posts("/counter/open", **fields)).status_code == 422


async def test_the_count_is_blind_and_the_report_tells_afterwards(clerk, a_number):
    sale = await clerk.quotes(a_number())
    await clerk.takes(sale, "50")
    page = await clerk.sees("/counter/drawer")
    assert "250.00" not in page, "what should be there is not told before the count"
    session = re.search(r"/counter/reports/(til_\w+)", page)
    assert session is None, "nor is the way to it"
    report = report_of(await clerk.posts("/counter/drawer/close", counted="250"))
    page = await clerk.sees(report)
    assert "Z report 1" in page
    assert page.count("CN¥250.00") == 2, "expected and counted"
    assert "Why does it differ" not in page


async def test_a_difference_takes_a_reason_and_a_supervisor(site, staff, clerk):
    report = report_of(await clerk.posts("/counter/drawer/close", counted="199"))
    assert "Why does it differ" in await clerk.sees(report)
    assert (await clerk.posts(report, reason="", form="r1")).status_code == 422
    assert (await clerk.posts(report, reason="Gave one too much", form="r2")).status_code == 303
    assert "A supervisor decides" in await clerk.sees(report)
    [asked] = [one for one in await site.house.approvals.page(waiting=True, limit=200) if one.requested_by == clerk.id]
    assert asked.facts["amount_minor"] == -100
    own = await clerk.posts(f"/console/approvals/{asked.id}", decision="approve", note="")
    assert own.status_code == 403, "nobody approves their own"
    supervisor = await staff(Role.SUPERVISOR)
    decided = await supervisor.posts(f"/console/approvals/{asked.id}", decision="approve", note="")
    assert decided.status_code == 303, decided.text


async def test_what_should_be_there_is_shown_to_who_checks_tills(staff, clerk, site):
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT id FROM payments.till_sessions WHERE opened_by = %s", [clerk.id]
        )
        session = (await cursor.fetchone())[0]
    assert (await clerk.client.get(f"/counter/reports/{session}")).status_code == 403
    supervisor = await staff(Role.SUPERVISOR)
    assert "X report" in await supervisor.sees(f"/counter/reports/{session}")
    other = await staff()
    assert (await other.client.get(f"/counter/reports/{session}")).status_code == 404


async def test_what_is_bought_takes_a_supervisors_code(staff, clerk):
    fields = {"why": "expense", "amount": "12.30", "reason": "Paper rolls"}
    assert (await clerk.posts("/counter/drawer/move", form="m1", **fields)).status_code == 401
    supervisor, other = await staff(Role.SUPERVISOR), await staff()
    wrong = {"login": other.login, "code": await other.code(ahead=1)}
    assert (await clerk.posts("/counter/drawer/move", form="m2", **fields, **wrong)).status_code == 403
    right = {"login": supervisor.login, "code": await supervisor.code(ahead=1)}
    unsaid = await clerk.posts("/counter/drawer/move", form="m0", **fields | {"reason": ""}, **right)
    assert unsaid.status_code == 422, "and the code is still good"
    assert (await clerk.posts("/counter/drawer/move", form="m3", **fields, **right)).status_code == 303
    assert (await clerk.posts("/counter/drawer/move", form="m4", **fields, **right)).status_code == 401, "once"
    report = report_of(await clerk.posts("/counter/drawer/close", counted="187.70"))
    page = await clerk.sees(report)
    assert "-CN¥12.30" in page
    assert "Why does it differ" not in page


async def test_what_is_booked_is_confirmed_and_listed_and_more_than_there_is_is_refused_and_noted(site, clerk):
    fields = {"why": "safe", "reason": "Notes to the safe"}
    refused = await clerk.posts("/counter/drawer/move", form="s1", amount="99999", **fields)
    assert refused.status_code == 409
    assert "more than the drawer can hold now" in refused.text
    assert "Put in and taken out" not in refused.text
    booked = await clerk.posts("/counter/drawer/move", form="s2", amount="120", **fields)
    page = await clerk.sees(booked.headers["location"])
    assert "Booked: To the safe (out), -CN¥120.00." in page
    listed = await clerk.sees("/counter/drawer")
    assert "Booked:" not in listed
    assert "<td>Notes to the safe</td>" in listed
    assert "CN¥80.00" not in page + listed, "what should be there is not told before the count"
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT facts::json->>'amount_minor' FROM work.trail WHERE action = 'counter.drawer_short' AND actor = %s",
            [clerk.id],
        )
        assert await cursor.fetchall() == [("9999900",)]


async def test_the_page_of_a_refused_form_may_be_loaded_again_and_nothing_is_done_twice(site, clerk, a_number):
    out = {"why": "safe", "reason": "Notes to the safe", "form": new_id("till", 0), "amount": "240"}
    change = {"why": "change", "reason": "Coins", "form": new_id("till", 0), "amount": "50"}
    sale = await clerk.quotes(a_number())
    assert (await clerk.posts("/counter/drawer/move", **out)).status_code == 409
    assert (await clerk.takes(sale, "much")).status_code == 422
    assert (await clerk.posts("/counter/drawer/move", **change)).status_code == 303
    for _ in range(2):
        again = await clerk.posts("/counter/drawer/move", **out)
        assert again.status_code == 303, "what was in the way is gone, and it is what was asked for"
        assert (await clerk.takes(sale, "much")).status_code == 422
    assert await in_drawer(site, clerk.till) == 20000 + 5000 - 24000
    for _ in range(2):
        assert (await clerk.takes(sale, "50")).status_code == 303
    assert await in_drawer(site, clerk.till) == 1000 + 5000


async def test_what_should_be_there_cannot_be_found_by_trying(staff, clerk):
    """Each refusal tells a little of the sum that is to be counted blind; so would a count, if it were not the last."""
    out = {"why": "safe", "reason": "Notes to the safe"}
    tries = [
        await clerk.posts("/counter/drawer/move", form=f"t{n}", amount=str(n), **out) for n in (900, 800, 700, 150)
    ]
    assert [one.status_code for one in tries] == [409] * 4
    assert ["more than the drawer can hold" in one.text for one in tries] == [True, True, False, False]
    assert "a supervisor enters name and code" in tries[-1].text
    change = await clerk.posts("/counter/drawer/move", form="c1", why="change", amount="20", reason="Coins")
    assert change.status_code == 303, "what goes in is as before"
    supervisor = await staff(Role.SUPERVISOR)
    theirs = {"login": supervisor.login, "code": await supervisor.code(ahead=1)}
    assert (await clerk.posts("/counter/drawer/move", form="t9", amount="150", **out, **theirs)).status_code == 303
    report = report_of(await clerk.posts("/counter/drawer/close", counted="60"))
    again = await clerk.posts("/counter/drawer/close", counted="70")
    assert again.status_code == 409, "a count is given once"
    assert "CN¥60.00" in await clerk.sees(report)


async def test_times_are_those_of_the_shop_and_the_foot_of_the_page_names_its_zone(site, staff, shop, clerk):
    async with site.transaction() as transaction:
        zone = (await Directories().current(transaction.connection)).place(shop).zone
    assert zone != "UTC", "which is the installation's"
    await clerk.posts("/counter/drawer/move", form="z1", why="change", amount="10", reason="Coins")
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT moved_at FROM payments.till_movements WHERE moved_by = %s", [clerk.id]
        )
        [(at,)] = await cursor.fetchall()
    page = await clerk.sees("/counter/drawer")
    assert f'<th scope="row">{format_time(at, "en", zone=zone)}</th>' in page
    assert page.count(f"Times are in {zone}") == 1
    report = report_of(await clerk.posts("/counter/drawer/close", counted="210"))
    assert f"Times are in {zone}" in await clerk.sees(report), "and after the drawer is closed"
    assert "Times are in UTC" in await (await staff(Role.SUPERVISOR)).sees(report)


async def test_a_drawer_is_handed_over_by_the_others_own_code(staff, clerk, a_number):
    other = await staff()
    wish = {"counted": "200", "login": other.login}
    assert (await clerk.posts("/counter/drawer/hand-over", **wish, code="000000")).status_code == 401
    report = report_of(await clerk.posts("/counter/drawer/hand-over", **wish, code=await other.code(ahead=1)))
    assert "Z report" in await clerk.sees(report)
    assert (await clerk.client.get("/counter")).headers["location"] == "/counter/open"
    sale = await other.quotes(a_number())
    assert (await other.takes(sale)).status_code == 303
    assert (await clerk.takes(sale)).status_code == 409


async def test_who_hands_over_shows_first_that_it_is_they_and_a_late_code_loses_nothing(site, staff, clerk):
    other = await staff()
    wish = {"counted": "200", "login": other.login}
    form = 'action="/counter/drawer/hand-over"'
    with site.later(STALE):
        assert form not in await clerk.sees("/counter/drawer"), "no form whose code would run out meanwhile"
        asked = await clerk.posts("/counter/drawer/ready")
        assert asked.status_code == 401
        ready = await clerk.posts("/counter/drawer/ready", proof_code=await clerk.code(ahead=1))
        assert ready.headers["location"] == "/counter/drawer#hand-over"
        assert form in await clerk.sees("/counter/drawer")
        late = await clerk.posts("/counter/drawer/hand-over", **wish, code="000000")
        assert late.status_code == 401
        assert f"The code of {other.login} is wrong" in late.text
        hand_over = late.text[late.text.index(form) :]
        assert [value for value in wish.values() if f'value="{value}"' not in hand_over] == []
        done = await clerk.posts("/counter/drawer/hand-over", **wish, code=await other.code(ahead=1))
        assert done.status_code == 303, done.text


async def test_a_z_report_says_later_what_it_said_when_the_drawer_was_counted(site, staff, shop, clerk, a_number):
    cash = await clerk.quotes(a_number())
    await clerk.takes(cash)
    await settled(clerk, cash)
    late = await clerk.quotes(a_number())
    await clerk.posts(f"{late}/pay", way="sandbox", form=new_id("event", 0))
    page = await clerk.sees(late)
    order = re.search(r"ord_[0-9a-z]{26}", page)[0]
    report = report_of(await clerk.posts("/counter/drawer/close", counted="250"))
    before = facts_of(await clerk.sees(report))
    assert ("Cash · 1", "CN¥50.00") in before
    assert ("Not paid yet, in no sum", "1") in before
    [payment] = (await site.within(site.house.desk.get_order(order_id=order))).payments
    await clerk.client.post(f"/sandbox/payments/{payment.id}", json={"outcome": "pay"})
    await settled(clerk, late)
    async with site.transaction() as transaction:
        found = await queries.of_quotes(transaction.connection, [place_of("quote", cash.rpartition("/")[2])])
    await given_back(site, staff, clerk, f"/counter/orders/{next(iter(found.values()))}")
    assert facts_of(await clerk.sees(report)) == before
    with pytest.raises(InsufficientPrivilege):
        async with site.transaction() as transaction:
            await transaction.connection.execute("UPDATE orders.till_reports SET figures = '{}'")


def facts_of(page: str) -> list[tuple[str, str]]:
    """The rows of a report."""
    return re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)


async def given_back(site, staff, clerk, path: str) -> None:
    """The price of an order is asked for, and another decides that it goes back."""
    wish = {"amount": "50", "reason": "Changed their mind", "form": "r1"}
    asked = await clerk.posts(f"{path}/refund", **wish)
    assert asked.status_code == 303, asked.text
    supervisor = await staff(Role.SUPERVISOR)
    await supervisor.posts(asked.headers["location"], decision="approve", note="")
    for _ in range(100):
        if "Hand back" in await clerk.sees(path):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("nothing goes back")
