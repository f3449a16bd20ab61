"""What staff do with a form is in the trail, with before and after; what only looks is named with its reason.

Every form of the counter and the console is in one of the tables of `tests.support.deeds`, and is done here, or with
those of the console in `console/test_every_deed_is_in_the_trail.py`.
"""

import re

import pytest

from tests.integration.console.test_every_role import console_of
from tests.integration.counter.test_every_role_at_the_counter import routes_of
from tests.integration.counter.test_gifts import mugs
from tests.integration.counter.test_plans import PLANS
from tests.integration.counter.test_promised_gifts import promised, shelf
from tests.integration.counter.test_selling import settled
from tests.integration.counter.test_sim_cards import blank, line, opened
from tests.integration.counter.test_voucher_cards import cards, desk, in_stock
from tests.support.deeds import CHANGES_NOTHING, CONSOLE, COUNTER, Doing
from tests.support.simulators import until
from topup.kernel.ids import new_id
from topup.people.doors import LOOKS
from topup.people.permissions import Role
from topup.plugins.devices.escpos_network.printers import EscposNetwork
from topup.shops.displays import Displays, new_secret
from topup.shops.stock import gifts
from topup.shops.stock.gifts import GiftKey

__all__ = ["blank", "cards", "desk", "in_stock", "line", "mugs", "opened", "promised", "shelf"]
pytest_plugins = ["tests.support.printers"]
pytestmark = pytest.mark.xdist_group("browser")

DRAWER = frozenset(
    {f"/counter/{form}" for form in ("open", "lock", "unlock", "reports/{session_id}", "reports/{session_id}/print")}
    | {f"/counter/drawer/{form}" for form in ("move", "close", "hand-over", "display", "ceiling")}
)
SALES = frozenset(
    {"/counter/lines/{token}", "/counter/terminals", "/counter/terminals/remove", "/counter/drawer/terminal"}
    | {f"/counter/sales/{{quote_id}}/{form}" for form in ("cash", "card", "pay", "cancel", "print")}
    | {f"/counter/orders/{{order_id}}/{form}" for form in ("refund", "hand-back", "card-back", "complaint", "print")}
)
GOODS = frozenset(
    {"/counter/orders/{order_id}/gift", "/counter/lines/{token}/sim", "/counter/sims/{use_id}/print"}
    | {"/counter/cards/sell"}
)
GIFTS = frozenset(
    {"/counter/sales/{quote_id}/gift"}
    | {f"/counter/orders/{{order_id}}/gift/{form}" for form in ("hand-over", "returned", "kept")}
)


def forms_of(site) -> set[str]:
    tables = {"/console": console_of(site).routes(), "/counter": routes_of(site)}
    return {
        room + re.sub(r"\{(\w+):str\}", r"{\1}", path)
        for room, routes in tables.items()
        for method, path, _, _ in routes
        if method == "POST"
    }


def test_every_form_of_staff_changes_something_and_is_done_here_or_says_why_it_changes_nothing(site):
    forms, deeds = forms_of(site), set(COUNTER) | set(CONSOLE)
    print(f"{len(forms)} forms of staff: {len(deeds)} leave before and after, {len(CHANGES_NOTHING)} change nothing")
    assert sorted(forms - deeds - set(CHANGES_NOTHING)) == [], "say in tests/support/deeds.py what it leaves, and do it"
    assert sorted((deeds | set(CHANGES_NOTHING)) - forms) == [], "there is no such form any more"
    assert not deeds & set(CHANGES_NOTHING)
    assert all(CHANGES_NOTHING.values())
    assert set(LOOKS) <= forms, "the door knows forms that are not there"


def test_every_deed_of_the_counter_is_done_below():
    assert set(COUNTER) == DRAWER | SALES | GOODS | GIFTS | PLANS


@pytest.fixture
async def printing(site, printer):
    """Gives tills a printer, for as long as the test lasts."""
    given = []

    def at(till: str) -> None:
        site.house.plugins.printers[till] = EscposNetwork(printer.settings(till))
        given.append(till)

    yield at
    for till in given:
        del site.house.plugins.printers[till]


@pytest.fixture
def own_code(site):
    """Somebody's code, good whichever they used last."""

    async def of(person) -> str:
        async with site.transaction() as transaction:
            await transaction.connection.execute("UPDATE people.staff SET totp_step = 0 WHERE id = %s", [person.id])
        return await person.code()

    return of


def form() -> str:
    return new_id("event", 0)


async def test_a_drawer_from_its_float_to_its_explained_count(  # noqa: PLR0917 - fixtures
    site, staff, shop, till_number, printing, own_code
):
    doing, clerk, colleague = Doing(site), await staff(), await staff()
    number = till_number()
    await clerk.frees(f"{shop}-{number}")
    fields = {"shop": shop, "till": str(number), "float": "200", "currency": "CNY"}
    await doing.does(clerk, "/counter/open", **fields)
    clerk.till = f"{shop}-{number}"
    printing(clerk.till)
    await doing.does(clerk, "/counter/drawer/move", why="change", amount="10", reason="Coins", form=form())
    displays = Displays(database=site.house.store.database)
    code = (await site.within(displays.arrive(new_secret()))).code
    await doing.does(clerk, "/counter/drawer/display", display=code)
    await site.within(displays.let_go(till=clerk.till, by=clerk.id))
    await doing.does(clerk, "/counter/lock")
    await doing.does(clerk, "/counter/unlock", proof_code=await own_code(clerk))
    by = {"login": colleague.login, "code": await own_code(colleague)}
    await doing.does(clerk, "/counter/drawer/hand-over", counted="210", **by)
    since = await doing.last()
    for _ in range(2):
        closed = await colleague.posts("/counter/drawer/close", counted="1")
        if closed.status_code == 303:
            break
    await doing.left(colleague.id, "/counter/drawer/close", since=since)
    report = closed.headers["location"]
    await doing.does(colleague, "/counter/reports/{session_id}", report, reason="A note is missing", form=form())
    await doing.does(colleague, "/counter/reports/{session_id}/print", f"{report}/print", form=form())
    supervisor = await staff(Role.SUPERVISOR)
    assert (await supervisor.opens(shop=shop, number=till_number())).status_code == 303
    await doing.does(supervisor, "/counter/drawer/ceiling", most="5000")
    assert (await supervisor.posts("/counter/drawer/ceiling", most="")).status_code == 303
    assert doing.done == DRAWER


@pytest.fixture
async def terminal(site):
    """The name of a terminal that nobody else has; it stands nowhere in the end."""
    name = f"pos-{new_id('batch', 0)[-8:]}"
    yield name
    async with site.transaction() as transaction:
        await transaction.connection.execute("DELETE FROM shops.terminals WHERE name = %s", [name])


async def test_sales_from_their_price_to_the_money_that_goes_back(  # noqa: PLR0917 - fixtures
    site, staff, shop, till_number, clerk, a_number, printing, own_code, terminal
):
    doing, supervisor = Doing(site), await staff(Role.SUPERVISOR)
    assert (await supervisor.opens(shop=shop, number=till_number())).status_code == 303
    printing(clerk.till)

    async def priced() -> str:
        path = (await clerk.finds(a_number())).partition("?")[0]
        answer = await doing.does(clerk, "/counter/lines/{token}", path, choice="credit:5000")
        return answer.headers["location"]

    async def goes_back(order: str, back: str, told: str, **fields: str) -> None:
        wish = {"amount": "20", "reason": "Wrong amount", "form": form()}
        asked = await doing.does(clerk, "/counter/orders/{order_id}/refund", f"{order}/refund", **wish)
        await supervisor.posts(asked.headers["location"], decision="approve", note="")
        page = await until(lambda: clerk.sees(order), lambda text: told in text)
        refund = re.search(r'name="refund" value="(ref_\w+)"', page)[1]
        fields |= {"refund": refund, "code": await own_code(clerk)}
        await doing.does(clerk, f"/counter/orders/{{order_id}}/{back}", f"{order}/{back}", **fields)

    cash = await priced()
    await doing.does(clerk, "/counter/sales/{quote_id}/cash", f"{cash}/cash", tendered="60")
    order = f"/counter/orders/{re.search(r'ord_[0-9a-z]{26}', await settled(clerk, cash))[0]}"
    await doing.does(clerk, "/counter/sales/{quote_id}/print", f"{cash}/print", form=form())
    await until(lambda: clerk.sees(cash), lambda text: "Printed" in text)
    await doing.does(clerk, "/counter/orders/{order_id}/print", f"{order}/print", form=form(), why="lost")
    wish = {"topic": "not_arrived", "text": "She sees nothing", "contact": "", "form": form()}
    await doing.does(clerk, "/counter/orders/{order_id}/complaint", f"{order}/complaint", **wish)
    await goes_back(order, "hand-back", "Hand back", document="passport", document_number="E123456789")

    await doing.does(supervisor, "/counter/terminals", name=terminal, till="")
    card, slip = await priced(), {"terminal": terminal, "reference": new_id("batch", 0)[-10:].upper()}
    await doing.does(clerk, "/counter/sales/{quote_id}/card", f"{card}/card", **slip)
    order = f"/counter/orders/{re.search(r'ord_[0-9a-z]{26}', await settled(clerk, card))[0]}"
    await doing.does(clerk, "/counter/drawer/terminal", terminal=terminal, total="50", form=form())
    slip["reference"] = new_id("batch", 0)[-10:].upper()
    await goes_back(order, "card-back", "back to the card", **slip)
    await doing.does(supervisor, "/counter/terminals/remove", name=terminal)

    sale = await priced()
    await doing.does(clerk, "/counter/sales/{quote_id}/pay", f"{sale}/pay", way="sandbox", form=form())
    await doing.does(clerk, "/counter/sales/{quote_id}/cancel", f"{sale}/cancel")
    assert doing.done == SALES


async def test_goods(site, staff, clerk, a_number, printing, mugs, line, blank, cards, in_stock, own_code):  # noqa: PLR0917 - fixtures
    doing, supervisor = Doing(site), await staff(Role.SUPERVISOR)
    printing(clerk.till)
    sale = await clerk.quotes(a_number())
    await clerk.takes(sale)
    order = f"/counter/orders/{re.search(r'ord_[0-9a-z]{26}', await settled(clerk, sale))[0]}"
    by = {"login": supervisor.login, "code": await own_code(supervisor)}
    wish = {"item": mugs, "reason": "Autumn campaign", "form": form()}
    await doing.does(clerk, "/counter/orders/{order_id}/gift", f"{order}/gift", **wish, **by)

    _, [serial, _] = await cards()
    await doing.does(clerk, "/counter/cards/sell", serial=serial, item=in_stock["card"], form=form())

    path = (await clerk.finds(line.number)).partition("?")[0]
    wish = line.shows | {"why": "damaged", "iccid": (await blank()).digits, "form": new_id("card_use", 0)}
    done = await doing.does(clerk, "/counter/lines/{token}/sim", f"{path}/sim", **wish)
    slip = f"{done.headers['location']}/print"
    await doing.does(clerk, "/counter/sims/{use_id}/print", slip, form=form())
    assert doing.done == GOODS


async def test_gifts_that_come_with_an_offer(site, clerk, promised):
    doing, gift = Doing(site), {"sku": "mug"}
    sale, _ = await promised()
    await doing.does(clerk, "/counter/sales/{quote_id}/gift", f"{sale}/gift", **gift)
    for form_ in ("returned", "kept"):
        _, order = await promised()
        await doing.does(clerk, "/counter/orders/{order_id}/gift/hand-over", f"{order}/gift/hand-over", **gift)
        async with site.transaction() as transaction:
            key = GiftKey(order.rpartition("/")[2], "mug")
            await gifts.take_back(transaction.connection, [key], transaction.now)
        await doing.does(clerk, f"/counter/orders/{{order_id}}/gift/{form_}", f"{order}/gift/{form_}", **gift)
    assert doing.done == GIFTS


async def test_what_is_repeated_is_no_second_deed_and_what_fails_is_none(site, clerk, a_number):
    doing, wish = Doing(site), {"why": "change", "amount": "10", "reason": "Coins", "form": form()}
    await doing.does(clerk, "/counter/drawer/move", **wish)
    since = await doing.last()
    assert (await clerk.posts("/counter/drawer/move", **wish)).status_code == 303
    assert (await clerk.posts("/counter/drawer/move", **wish | {"amount": "x", "form": form()})).status_code == 422
    sale = await clerk.quotes(a_number())
    await clerk.takes(sale)
    await clerk.takes(sale)
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action FROM work.trail WHERE actor = %s AND sequence > %s ORDER BY sequence", [clerk.id, since]
        )
        told = [action for (action,) in await cursor.fetchall()]
    assert told == ["staff.form", "sale.begun", "till.cash_taken", "staff.form"], (
        "that a form came again is told by the door"
    )
