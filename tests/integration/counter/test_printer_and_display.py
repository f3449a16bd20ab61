"""A printer and a customer's display at the counter: papers behind the sale, copies that say so, a yes before money."""

import asyncio
import io
import re

import httpx
import pypdf
import pytest

from tests.integration.counter.test_selling import settled
from topup.channels.counter.display import pages
from topup.kernel.ids import new_id
from topup.kernel.msisdn import parse_msisdn
from topup.plugins.devices.escpos_network.printers import EscposNetwork
from topup.shops.displays import Displays, new_secret

pytest_plugins = ["tests.support.printers"]
pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
async def sold(site, clerk, a_number, printer):
    """A sale for cash at a till with a printer: its path, its order's, its number."""
    site.house.plugins.printers[clerk.till] = EscposNetwork(printer.settings(clerk.till))
    number = a_number()
    sale = await clerk.quotes(number)
    await clerk.takes(sale, "60")
    order = re.search(r"ord_[0-9a-z]{26}", await settled(clerk, sale))[0]
    yield sale, f"/counter/orders/{order}", number
    del site.house.plugins.printers[clerk.till]


def asks(clerk, sold):
    return clerk.posts(f"{sold[0]}/print", form=new_id("event", 0))


async def test_the_receipt_of_a_sale_for_cash_opens_the_drawer_and_says_the_change(clerk, sold, printer):
    answer = await asks(clerk, sold)
    assert answer.headers["location"] == sold[0]
    assert "Printed" in await clerk.sees(sold[0])
    [paper] = printer.papers()
    assert (paper["drawer"], paper["faults"]) == (True, [])
    [text] = printer.texts()
    number = sold[2]
    assert f"{number[:3]} {number[3:7]} {number[7:]}" in text
    assert re.search(r"Cash received +CN￥60\.00\nChange +CN￥10\.00", text)
    assert "/verify/" in text


async def test_pressed_again_it_is_a_copy_that_says_so_and_leaves_the_drawer_shut(site, clerk, sold, printer):
    await asks(clerk, sold)
    await asks(clerk, sold)
    first, copy = printer.papers()
    assert (first["drawer"], copy["drawer"]) == (True, False)
    assert printer.texts()[1].startswith("REPRINT 1")
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT actor FROM work.trail WHERE action = 'printing.reprinted' AND subject = %s",
            [sold[1].rpartition("/")[2]],
        )
        assert await cursor.fetchall() == [(clerk.id,)]


@pytest.fixture
async def display(site, clerk):
    """A display of the clerk's till on which customers must confirm: the displays, and what its browser holds."""
    displays, held = Displays(database=site.house.store.database), new_secret()
    code = (await site.within(displays.arrive(held))).code
    await clerk.posts("/counter/drawer/display", display=code, must_confirm="yes")
    yield displays, held
    await site.within(displays.let_go(till=clerk.till, by=clerk.id))


WAYS = {
    "cash": ("cash", {"tendered": "50"}),
    "card": ("card", {"terminal": "pos-5", "reference": "NOTYET1"}),
    "voucher": ("pay", {"way": "voucher", "code": "1234567890123456"}),
    "scan": ("pay", {"way": "code", "code": "284512345678901234"}),
    "qr": ("pay", {"way": "sandbox"}),
}


@pytest.mark.parametrize("way", WAYS)
async def test_where_customers_must_confirm_no_money_is_taken_before(site, clerk, display, a_number, way):
    displays, held = display
    sale = await clerk.quotes(a_number())
    path, fields = WAYS[way]
    fields = fields | {"form": new_id("event", 0)}
    assert "asks the customer to confirm" in await clerk.sees(sale)
    early = await clerk.posts(f"{sale}/{path}", **fields)
    assert (early.status_code, "has not confirmed yet" in early.text) == (409, True)
    assert "ord_" not in await clerk.sees(sale), "nothing was ordered"
    await site.within(displays.confirm(secret=held, sale=sale.rpartition("/")[2]))
    assert "has not confirmed yet" not in (await clerk.posts(f"{sale}/{path}", **fields)).text


async def test_an_order_that_waits_is_confirmed_too_before_it_is_paid_otherwise(site, clerk, display, a_number):
    displays, held = display
    sale = await clerk.quotes(a_number())
    quote_id = sale.rpartition("/")[2]
    await clerk.sees(sale)
    await site.within(displays.confirm(secret=held, sale=quote_id))
    await clerk.posts(f"{sale}/pay", way="sandbox", form=new_id("event", 0))
    await clerk.sees("/counter")  # the display is cleared, and what was confirmed there is gone with it
    assert (await clerk.takes(sale)).status_code == 409
    assert "asks the customer to confirm" in await clerk.sees(sale)
    await site.within(displays.confirm(secret=held, sale=quote_id))
    assert (await clerk.takes(sale)).status_code == 303
    await settled(clerk, sale)
    await clerk.sees("/counter")
    assert (await clerk.takes(sale)).status_code == 303, "the same again is told the same"


async def test_a_slip_without_a_reference_orders_nothing(clerk, a_number):
    sale = await clerk.quotes(a_number())
    assert (await clerk.posts(f"{sale}/card", terminal="pos-5", reference="")).status_code == 422
    assert "ord_" not in await clerk.sees(sale)


async def test_a_sale_is_shown_on_the_display_by_who_keeps_the_till_now(staff, shop, clerk, display, a_number):
    sale = await clerk.quotes(a_number())
    await clerk.posts("/counter/drawer/close", counted="200", form="c1")
    colleague = await staff()
    await colleague.opens(shop=shop, number=int(clerk.till.rpartition("-")[2]))
    assert "asks the customer to confirm" not in await clerk.sees(sale), "who keeps it no more"
    assert "asks the customer to confirm" in await colleague.sees(sale)


@pytest.mark.usefixtures("sold")
async def test_of_an_order_begun_elsewhere_nothing_but_its_price_is_on_page_display_and_paper(
    site, clerk, display, elsewhere, printer
):
    _, held = display
    number, _, code = elsewhere
    screen = httpx.AsyncClient(base_url=site.url, trust_env=False, cookies={"topup_display": held})

    async def seen(sale: str) -> str:
        page, shown = await clerk.sees(sale), (await screen.get("/counter/display")).text
        assert all("¥50.00" in text for text in (page, shown))
        return page + shown

    def tells(text: str) -> list[str]:
        plain = text.replace(" ", "")
        return [word for word in (number, "ord_", "话费 ¥50.00", "¥50.00 credit") if word.replace(" ", "") in plain]

    sale = await clerk.finds(code.code)
    assert tells(await seen(sale)) == []
    assert "asks the customer to confirm" not in await clerk.sees(sale), "it was confirmed where it was ordered"
    assert (await clerk.takes(sale)).status_code == 303
    await settled(clerk, sale)
    assert tells(await seen(sale)) == []
    assert (await clerk.posts(f"{sale}/print", form=new_id("event", 0))).headers["location"] == sale
    [paper] = printer.texts()
    assert tells(paper) == []
    assert parse_msisdn(number).masked() in paper
    assert (await clerk.client.get(f"{sale}/receipt.pdf")).headers["content-type"] == "application/pdf"
    await screen.aclose()


@pytest.fixture
async def screen(site):
    """A browser that nobody bound yet."""
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as client:
        yield client


async def code_on(screen) -> str:
    return re.search(r'data-seen="code\.(\d{6})"', (await screen.get("/counter/display")).text)[1]


async def test_a_display_whose_code_ended_is_told_to_ask_for_another(site, screen):
    code = await code_on(screen)
    assert await code_on(screen) == code
    waits = asyncio.create_task(screen.get("/counter/display/live", params={"seen": f"code.{code}"}))
    await site.within(asyncio.sleep(0))
    async with site.transaction() as transaction:
        ended = "UPDATE shops.displays SET code_until = %s WHERE code = %s"
        await transaction.connection.execute(ended, [transaction.now, code])
    assert (await waits).status_code == 205
    assert await code_on(screen) != code


@pytest.mark.parametrize("seen", ["code.123456", "3.en.idle", ""])
async def test_a_browser_that_nobody_knows_is_answered_at_once(site, seen):
    cookies = {"topup_display": new_secret()}
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, cookies=cookies, timeout=5) as stranger:
        assert (await stranger.get("/counter/display/live", params={"seen": seen})).status_code == 205


async def test_codes_are_given_out_by_the_address_and_looking_again_costs_none(screen, monkeypatch):
    counted = []
    monkeypatch.setattr(pages, "limit", lambda _, kind: counted.append(kind))
    await code_on(screen)
    assert counted == ["read", "display"]
    await code_on(screen)
    assert counted == ["read", "display", "read"]


async def test_printed_in_another_session_the_receipt_leaves_the_drawer_shut(clerk, shop, sold, printer):
    await clerk.posts("/counter/drawer/close", counted="250", form="c1")
    await clerk.opens(shop=shop, number=int(clerk.till.rpartition("-")[2]))
    await asks(clerk, sold)
    [paper] = printer.papers()
    assert paper["drawer"] is False


async def test_without_paper_the_sale_stands_and_the_clerk_is_told_what_to_do(clerk, sold, printer):
    printer.behaves("paper_out")
    answer = await asks(clerk, sold)
    assert answer.status_code == 303
    page = await clerk.sees(sold[0])
    assert "Waits for the printer" in page
    assert "The printer is out of paper. Put in a new roll" in page
    assert printer.papers() == []


async def test_what_the_customer_is_told_and_given_is_in_the_language_they_chose(site, clerk, a_number, display):
    displays, held = display
    sale = await clerk.quotes(a_number())
    page = await clerk.sees(sale)
    await site.within(displays.speak(till=clerk.till, locale="zh_Hant"))
    await site.within(displays.confirm(secret=held, sale=sale.rpartition("/")[2]))
    await clerk.takes(sale)
    page = await settled(clerk, sale)
    order = await site.within(site.house.desk.get_order(order_id=re.search(r"ord_[0-9a-z]{26}", page)[0]))
    assert order.locale == "zh_Hant"
    pdf = (await clerk.client.get(f"{sale}/receipt.pdf")).content
    assert "儲值憑證" in "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    await clerk.sees("/counter")
    other = await clerk.quotes(a_number())
    await clerk.sees(other)
    assert await site.within(displays.spoken(till=clerk.till, sale=other.rpartition("/")[2])) is None
