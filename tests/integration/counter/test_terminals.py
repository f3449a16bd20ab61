"""The card terminals of a shop: named by a supervisor, chosen by the till, and their own totals held against."""

import json
import re

import pytest

from tests.integration.counter.test_tending import trail_of
from topup.kernel.ids import new_id
from topup.people.permissions import Role
from topup.shops.queries import Directories

pytestmark = pytest.mark.xdist_group("browser")
PAGE = "/counter/terminals"


@pytest.fixture
async def supervisor(site, staff, shop, till_number):
    """Who may name terminals, keeping a till of the same shop; what is named is taken away in the end."""
    found = await staff(Role.SUPERVISOR)
    assert (await found.opens(shop=shop, number=till_number())).status_code == 303
    yield found
    async with site.transaction() as transaction:
        await transaction.connection.execute("DELETE FROM shops.terminals")


@pytest.fixture
async def other_shop(site, shop) -> str:
    async with site.transaction() as transaction:
        directory = await Directories().current(transaction.connection)
    return next(place.id for place in directory.places if place.kind == "hall" and place.id != shop)


def offered(page: str) -> list[str]:
    select = re.search(r'<select[^>]*name="terminal">(.*?)</select>', page, re.DOTALL)
    return re.findall(r"<option[^>]*>(.*?)</option>", select[1]) if select else []


async def test_a_terminal_of_this_till_is_chosen_first_and_one_of_another_shop_is_refused(
    site, supervisor, clerk, a_number
):
    sale = await clerk.quotes(a_number())
    assert offered(await clerk.sees(sale)) == []
    assert 'value="pos-1"' not in await clerk.sees(sale), "nobody's terminal is guessed"
    number = clerk.till.rpartition("-")[2]
    for name, till in (("pos-a", ""), ("pos-b", number), ("pos-c", "98")):
        assert (await supervisor.posts(PAGE, name=name, till=till)).status_code == 303
    assert offered(await clerk.sees(sale)) == ["pos-b", "pos-a", "pos-c"]
    assert offered(await clerk.sees("/counter/drawer")) == ["pos-b", "pos-a", "pos-c"]
    refused = await clerk.posts(f"{sale}/card", terminal="pos-z", reference="REF90001")
    assert refused.status_code == 422
    assert "pos-a, pos-b, pos-c" in refused.text
    assert (await clerk.posts(f"{sale}/card", terminal="pos-b", reference="REF90001")).status_code == 303


async def test_naming_moving_and_taking_away_is_a_supervisors_and_in_the_trail(site, supervisor, clerk):
    assert (await clerk.posts(PAGE, name="pos-n", till="")).status_code == 403
    number = supervisor.till.rpartition("-")[2]
    for till in ("", number):
        await supervisor.posts(PAGE, name="pos-n", till=till)
    assert (await supervisor.posts(PAGE, name="Bad name!", till="")).status_code == 422
    assert (await supervisor.posts(PAGE, name="pos-n", till="0")).status_code == 422
    assert (await supervisor.posts(f"{PAGE}/remove", name="pos-n")).status_code == 303
    assert (await supervisor.posts(f"{PAGE}/remove", name="pos-n")).status_code == 404
    shop = supervisor.till.rpartition("-")[0]
    found = [(action, json.loads(facts)) for action, facts in await trail_of(site, "pos-n")]
    said = [(action, facts["before"], facts["after"]) for action, facts in found]
    assert said == [
        ("terminal.placed", None, shop),
        ("terminal.placed", shop, supervisor.till),
        ("terminal.removed", supervisor.till, None),
    ]


async def test_no_shop_takes_a_terminal_from_another_before_it_is_removed_there(
    site, supervisor, staff, other_shop, till_number
):
    theirs = await staff(Role.SUPERVISOR)
    assert (await theirs.opens(shop=other_shop, number=till_number())).status_code == 303
    assert (await theirs.posts(PAGE, name="pos-t", till="")).status_code == 303
    refused = await supervisor.posts(PAGE, name="pos-t", till="")
    assert refused.status_code == 409
    assert f"stands in another shop: {other_shop}" in refused.text
    assert "pos-t</th>" in await theirs.sees(PAGE)
    assert "pos-t</th>" not in await supervisor.sees(PAGE)
    assert [action for action, _ in await trail_of(site, "pos-t")] == ["terminal.placed"]
    assert (await theirs.posts(f"{PAGE}/remove", name="pos-t")).status_code == 303
    assert (await supervisor.posts(PAGE, name="pos-t", till="")).status_code == 303
    assert "pos-t</th>" in await supervisor.sees(PAGE)


async def test_the_totals_of_a_terminal_stand_beside_what_was_entered(supervisor, clerk, a_number):
    await supervisor.posts(PAGE, name="pos-q", till="")
    sale = await clerk.quotes(a_number())
    assert (await clerk.posts(f"{sale}/card", terminal="pos-q", reference="REF90002")).status_code == 303
    page = await clerk.sees(PAGE)
    assert re.search(r'pos-q</th><td>All tills</td><td class="end">1</td>', page)
    assert "50.00" not in page, "how much is not told before the total is typed"
    total = {"terminal": "pos-q", "total": "49", "form": new_id("event", 0)}
    assert (await clerk.posts("/counter/drawer/terminal", **total)).status_code == 409
    [row] = re.findall(r"<tr>(?:(?!</tr>).)*pos-q(?:(?!</tr>).)*-CN¥1\.00(?:(?!</tr>).)*</tr>", await clerk.sees(PAGE))
    assert re.findall(r"-?CN¥[0-9.]+", row) == ["CN¥50.00", "CN¥49.00", "-CN¥1.00"]
    assert clerk.login in row
