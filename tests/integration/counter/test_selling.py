"""Selling at the counter through HTTP: nothing is credited before the money is in, nothing twice, and what was cut off
is found again.
"""

import asyncio
import re

import httpx
import pytest

from tests.support.own_plans import a_traveller, line_with_credit, surfed_for_three_months
from tests.support.selling_offers import an_offered_number, offering
from tests.support.subscribers import front_at
from topup.catalogue.queries import CatalogueCache
from topup.kernel.ids import new_id
from topup.lines.plans.desk import Plans
from topup.payments.cash import postings
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")


def grouped(number: str) -> str:
    return f"{number[:3]} {number[3:7]} {number[7:]}"


async def balance(site, number: str) -> int:
    """What the line of a number has, in fen."""
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT coalesce(sum(b.balance), 0)::bigint FROM ledger.buckets b JOIN lines.numbers n USING (line_id)"
            " WHERE n.msisdn = %s AND b.asset = 'CNY' AND b.kind = 'main'",
            [f"+86{number}"],
        )
        return (await cursor.fetchone())[0]


async def in_drawer(site, till: str) -> int:
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT coalesce(-sum(balance), 0)::bigint FROM ledger.house_accounts WHERE code = %s",
            [postings.drawer(till)],
        )
        return (await cursor.fetchone())[0]


async def settled(clerk, sale: str) -> str:
    """The page of a sale once nothing more happens by itself."""
    for _ in range(100):
        page = await clerk.sees(sale)
        if "data-live" not in page:
            return page
        await asyncio.sleep(0.05)
    raise AssertionError(page)


def path_to(answer) -> str:
    """Where an answer leads."""
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_cash_is_credited_when_the_clerk_says_that_it_is_in_the_drawer(site, clerk, a_number):
    number = a_number()
    sale = await clerk.quotes(number)
    change = await clerk.posts(f"{sale}/change", tendered="100")
    assert "¥50.00" in await clerk.sees(path_to(change))
    assert await balance(site, number) == 0, "it was worked out, not taken"
    assert await in_drawer(site, clerk.till) == 20000
    assert (await clerk.takes(sale, "100.00")).status_code == 303
    page = await settled(clerk, sale)
    assert "Change CN¥50.00" in page
    assert "Delivered" in page
    assert (await balance(site, number), await in_drawer(site, clerk.till)) == (5000, 25000)


async def test_the_change_is_a_page_to_come_back_to_until_the_money_is_taken_and_for_nobody_else(
    staff, till_number, shop, clerk, a_number
):
    sale = await clerk.quotes(a_number())
    page = path_to(await clerk.posts(f"{sale}/change", tendered="100", confirmations="duplicate"))
    for _ in range(2):
        shown = await clerk.sees(page)
        assert "CN¥50.00" in shown
        assert 'name="confirmations" value="duplicate"' in shown
    other = await staff()
    await other.opens(shop=shop, number=till_number())
    assert (await other.client.get(page)).status_code == 409
    for wrong in ("49", "fifty"):
        assert (await clerk.client.get(f"{sale}/change", params={"tendered": wrong})).status_code == 422
    await clerk.takes(sale, "100")
    assert path_to(await clerk.client.get(page)) == sale, "never asked for twice"


async def test_the_same_form_twice_or_at_once_takes_and_credits_once(site, clerk, a_number):
    number = a_number()
    sale = await clerk.quotes(number)
    answers = await asyncio.gather(*(clerk.takes(sale, "60") for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {303, 409}
    assert (await clerk.takes(sale, "60")).status_code == 303, "whoever asks again is told the same"
    await settled(clerk, sale)
    assert (await balance(site, number), await in_drawer(site, clerk.till)) == (5000, 25000)
    print(f"G6 forms sent at once: {len(answers)}, credited once")


async def test_a_customers_code_is_typed_beside_the_amounts_and_said_beside_the_price(site, clerk):
    async with front_at(site) as front:
        [code] = await offering(front.database, site.house.store.keyring)
    line = await clerk.finds(an_offered_number())
    assert '<details class="more"><summary>The customer has a code' in await clerk.sees(line)
    for typed, said, total in (("NEVER", "There is no such code", "88.00"), (code.lower(), "Member coupon", "84.00")):
        sale = path_to(await clerk.posts(line, choice="credit:10000", coupon=typed))
        page = await clerk.sees(sale)
        assert said in page
        assert "Spend and save" in page
        assert f"HK${total}" in page


async def test_less_than_the_price_and_what_is_no_amount_is_refused(site, clerk, a_number):
    sale = await clerk.quotes(a_number())
    for path in ("change", "cash"):
        for bad in ("49.99", "fifty"):
            answer = await clerk.posts(f"{sale}/{path}", tendered=bad)
            assert answer.status_code == 422, (path, bad)
    assert await in_drawer(site, clerk.till) == 20000


async def test_a_second_top_up_of_the_same_amount_is_asked_about_first(site, clerk, a_number):
    number = a_number()
    first = await clerk.quotes(number)
    await clerk.takes(first)
    await settled(clerk, first)
    again = await clerk.quotes(number)
    asked = await clerk.takes(again)
    assert asked.status_code == 409
    assert 'name="confirmations" value="duplicate"' in asked.text
    assert await in_drawer(site, clerk.till) == 25000
    assert (await clerk.takes(again, confirmations="duplicate")).status_code == 303
    await settled(clerk, again)
    assert await balance(site, number) == 10000


async def test_an_order_that_is_closed_takes_no_money(site, clerk, a_number):
    sale = await clerk.quotes(a_number())
    begun = await clerk.posts(f"{sale}/pay", way="sandbox", form="one")
    assert begun.status_code == 303
    assert (await clerk.posts(f"{sale}/cancel")).status_code == 303
    answer = await clerk.takes(sale)
    assert answer.status_code == 409
    assert await in_drawer(site, clerk.till) == 20000


async def test_a_wallets_code_is_shown_and_the_page_waits_for_the_money(clerk, a_number):
    sale = await clerk.quotes(a_number())
    assert (await clerk.posts(f"{sale}/pay", way="sandbox", form="k1")).status_code == 303
    page = await clerk.sees(sale)
    assert "<svg" in page
    assert "Waiting for CN¥50.00" in page
    state = re.search(r'data-state="([^"]+)"', page)[1]
    asked = asyncio.create_task(clerk.client.get(f"{sale}/state", params={"seen": state}))
    await clerk.posts(f"{sale}/cancel")
    assert (await asked).text.startswith("cancelled")


async def test_a_payment_that_is_declined_is_noticed_and_said_beside_the_ways_to_pay(site, clerk, a_number):
    sale = await clerk.quotes(a_number())
    await clerk.posts(f"{sale}/pay", way="sandbox", form=new_id("event", 0))
    page = await clerk.sees(sale)
    state, order = re.search(r'data-state="([^"]+)"', page)[1], re.search(r"ord_[0-9a-z]{26}", page)[0]
    assert (await clerk.client.get(f"{sale}/state", params={"seen": "quoted"})).text == state
    asked = asyncio.create_task(clerk.client.get(f"{sale}/state", params={"seen": state}))
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute("SELECT id FROM payments.payments WHERE order_id = %s", [order])
        [payment] = await cursor.fetchone()
    await clerk.client.post(f"/sandbox/payments/{payment}", json={"outcome": "decline"})
    for _ in range(5):
        said = (await asked).text
        if said != state:
            break
        asked = asyncio.create_task(clerk.client.get(f"{sale}/state", params={"seen": state}))
    assert said.startswith("awaiting_payment:")
    assert said.endswith(":declined")
    page = await clerk.sees(sale)
    assert f'data-state="{said}"' in page
    assert "was declined" in re.search(r'id="mistake".*?</h2>', page, re.DOTALL)[0]
    assert 'name="tendered"' in page


async def test_without_scripts_a_page_on_which_one_types_is_asked_for_again_by_hand(clerk, a_number):
    sale = await clerk.quotes(a_number())
    await clerk.posts(f"{sale}/pay", way="sandbox", form=new_id("event", 0))
    page = await clerk.sees(sale)
    assert 'name="tendered"' in page
    assert "data-live" in page
    assert 'http-equiv="refresh"' not in page
    assert f'<noscript><p><a href="{sale}">See how it stands now</a></p></noscript>' in page


@pytest.mark.parametrize("code", ["123", "4512345678901234", "x" * 18])
async def test_what_is_no_payment_code_is_told_before_anything_is_ordered(clerk, a_number, code):
    sale = await clerk.quotes(a_number())
    answer = await clerk.posts(f"{sale}/pay", way="code", code=code, form="k1")
    assert answer.status_code == 422
    assert "That code cannot be read" in answer.text


async def test_a_sale_that_was_cut_off_is_found_on_the_first_page(site, clerk, a_number):
    number = a_number()
    sale = await clerk.quotes(number)
    with pytest.raises(httpx.HTTPError):
        await clerk.client.post(f"{sale}/cash", data={"form_token": clerk.token, "tendered": "60"}, timeout=0.001)
    await clerk.takes(sale, "60")
    await settled(clerk, sale)
    page = await clerk.sees("/counter")
    assert "took CN¥60.00, change CN¥10.00" in page
    assert sale in page
    assert number not in page, "the list stays open while others look on"
    assert await balance(site, number) == 5000


async def test_an_order_begun_elsewhere_is_paid_here_by_its_code_and_nothing_else_is_told(site, clerk, elsewhere):
    number, _, code = elsewhere
    sale = await clerk.finds(code.code)
    page = await clerk.sees(sale)
    assert grouped(number) not in page
    assert "¥50.00" in page
    assert (await clerk.takes(sale)).status_code == 303
    await settled(clerk, sale)
    assert (await balance(site, number), await in_drawer(site, clerk.till)) == (5000, 25000)


async def test_an_order_begun_elsewhere_is_taken_over_only_while_it_waits_and_never_by_a_link(  # noqa: PLR0917 - fixtures
    site, staff, shop, clerk, elsewhere, till_number
):
    _, _, code = elsewhere
    link = f"{site.url}/pay/{code.token}"
    assert (await clerk.client.get(f"/counter/pay/{code.token}")).status_code == 404, "what is followed changes nothing"
    sale = await clerk.finds(link)
    await clerk.takes(sale)
    await settled(clerk, sale)
    other = await staff()
    await other.opens(shop=shop, number=till_number())
    for text in (link, code.code):
        assert (await other.posts("/counter/find", q=text)).status_code in {404, 409}
    late = await other.posts("/counter/find", q=link)
    assert (late.status_code, "cannot be paid" in late.text) == (409, True), late.text
    assert (await other.client.get(sale)).status_code == 409
    assert sale in await clerk.sees("/counter")


async def test_another_tills_sale_is_not_ours(staff, shop, clerk, a_number, till_number):
    other = await staff()
    await other.opens(shop=shop, number=till_number())
    sale = await clerk.quotes(a_number())
    assert (await other.takes(sale)).status_code == 409
    assert (await other.client.get(sale)).status_code == 409


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8986011234567890123", "A digit of the ICCID is wrong"),
        ("460001234567890", "We know no card with this IMSI"),
        ("ord_00000000000000000000000000", "order"),
        ("1999-01-000001", "Nothing was found"),
        ("hello", "Nothing was found"),
        ("1234567890", ""),
        ("http://[x/pay/1", "Nothing was found"),
    ],
)
async def test_what_cannot_be_found_is_said(clerk, text, words):
    answer = await clerk.posts("/counter/find", q=text)
    assert answer.status_code in {404, 422}, answer.text
    assert words in answer.text


async def test_without_a_drawer_there_is_nothing_to_sell_from(staff, a_number):
    clerk = await staff()
    assert (await clerk.client.get("/counter")).headers["location"] == "/counter/open"
    assert (await clerk.posts(await clerk.finds(a_number()), choice="credit:5000")).status_code == 409


async def test_a_line_and_its_offers_are_shown_with_a_number_that_is_in_no_address(clerk, a_number):
    number = a_number()
    path = await clerk.finds(number)
    assert number not in path
    page = await clerk.sees(path)
    assert grouped(number) in page
    assert 'value="credit:5000"' in page


async def test_the_server_says_that_it_is_there_to_anybody_and_keeps_nobody_signed_in(site):
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as client:
        answer = await client.get("/counter/alive")
    assert (answer.status_code, answer.text) == (200, "yes")
    assert "set-cookie" not in answer.headers


async def test_supervisors_look_into_others_sales(staff, clerk, a_number):
    supervisor = await staff(Role.SUPERVISOR)
    sale = await clerk.quotes(a_number())
    assert "¥50.00" in await supervisor.sees(sale)


async def test_the_clerk_is_given_a_sentence_about_the_plan_that_would_have_been_cheaper(site, clerk):
    number = a_traveller()
    async with site.transaction() as transaction:
        line = await line_with_credit(transaction, number, 50_000)
        await surfed_for_three_months(transaction, line, number, mebibytes=500)
    address = await clerk.finds(number)
    # Without a plan HK$84.00 a month; a quarter's plan is HK$188.00.
    said = "Home, by the quarter at HK$188.00 a quarter would have cost you about HK$21.33 a month less"
    assert said in await clerk.sees(address)
    plans = Plans(database=site.house.store.database, catalogue=CatalogueCache())
    await site.within(plans.take(number=number, plan="home-quarterly", when="now", by="test"))
    page = await clerk.sees(address)
    assert "a month less" not in page, "there is no better one"
    assert re.search(r"Renews on .* for HK\$188.00", page)
