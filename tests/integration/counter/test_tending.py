"""What is done for an order at the counter: unmasked with a reason, money back, complaints, papers."""

import asyncio
import io
import re

import pypdf
import pytest

from tests.integration.counter.test_selling import grouped, in_drawer, settled
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")
PASSPORT = "E1234 56789"


@pytest.fixture
async def sold(clerk, a_number):
    """An order that was paid in cash and arrived: its path, its number."""
    number = a_number()
    sale = await clerk.quotes(number)
    await clerk.takes(sale)
    page = await settled(clerk, sale)
    order = re.search(r"ord_[0-9a-z]{26}", page)[0]
    return f"/counter/orders/{order}", number


async def trail_of(site, subject: str) -> list[tuple[str, dict]]:
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action, facts FROM work.trail WHERE subject = %s ORDER BY sequence", [subject]
        )
        return [tuple(row) for row in await cursor.fetchall()]


async def test_an_order_and_its_receipt_lead_to_a_page_without_the_number(clerk, sold):
    path, number = sold
    order_id = path.rpartition("/")[2]
    page = await clerk.sees(path)
    assert grouped(number) not in page
    receipt = re.search(r"\d{4}-\d\d-\d{6}", page)[0]
    assert await clerk.finds(order_id) == path
    assert await clerk.finds(receipt) == path
    assert await clerk.finds(f"https://topup.example/orders/{order_id}") == path


async def test_the_code_on_a_receipt_leads_to_its_order_and_a_forged_one_nowhere(site, clerk, sold):
    path, _ = sold
    receipt = await site.within(site.house.desk.receipt(order_id=path.rpartition("/")[2]))
    address = f"{site.url}{receipt.verify_path}"
    assert await clerk.finds(address) == path
    forged = f"{address[:-8]}{'A' * 8}"
    assert (await clerk.posts("/counter/find", q=forged)).status_code == 404


async def test_looking_at_a_whole_number_takes_a_reason_that_is_in_the_trail(site, clerk, sold):
    path, number = sold
    assert (await clerk.posts(f"{path}/unmask", reason=" ")).status_code == 422
    page = await clerk.posts(f"{path}/unmask", reason="The customer asks which number it was")
    assert grouped(number) in page.text
    assert grouped(number) not in await clerk.sees(path), "this once"
    [(action, facts)] = await trail_of(site, path.rpartition("/")[2])
    assert action == "counter.unmasked"
    assert "which number" in str(facts)


async def on_paper(clerk, path: str) -> str:
    pdf = (await clerk.client.get(f"{path}/receipt.pdf")).content
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


async def test_the_receipt_of_a_strangers_order_is_printed_as_masked_as_its_page(staff, clerk, sold):
    path, number = sold
    order_id = path.rpartition("/")[2]
    assert grouped(number) in await on_paper(clerk, path), "who sold it knows it"
    other = await staff()
    paper = await on_paper(other, path)
    assert grouped(number) not in paper
    assert order_id not in paper, "which leads to the number"
    assert f"{number[:3]} ****" in paper
    await other.posts(f"{path}/unmask", reason="The customer wants it on paper")
    assert grouped(number) in await on_paper(other, path)


async def test_cash_goes_back_by_two_people_a_code_and_a_document(site, staff, clerk, sold):
    path, _ = sold
    wish = {"amount": "20", "reason": "Wrong amount", "form": "r1"}
    for wrong in ({"amount": "5 yuan"}, {"amount": "51"}, {"amount": "-1"}, {"reason": " "}):
        assert (await clerk.posts(f"{path}/refund", **wish | wrong)).status_code in {409, 422}
    asked = await clerk.posts(f"{path}/refund", **wish)
    assert asked.status_code == 303, asked.text
    assert "Hand back" not in await clerk.sees(path), "nothing goes back before another decided"
    supervisor = await staff(Role.SUPERVISOR)
    await supervisor.posts(asked.headers["location"], decision="approve", note="")
    for _ in range(100):
        page = await clerk.sees(path)
        if "Hand back" in page:
            break
        await asyncio.sleep(0.1)
    refund = re.search(r'name="refund" value="(ref_\w+)"', page)[1]
    before = await in_drawer(site, clerk.till)
    fields = {"refund": refund, "document": "passport", "document_number": PASSPORT}
    assert (await clerk.posts(f"{path}/hand-back", **fields, code="000000")).status_code == 401
    assert (await clerk.posts(f"{path}/hand-back", **fields | {"document_number": "1"}, code="1")).status_code == 422
    with_code = fields | {"code": await supervisor.code(ahead=1)}
    assert (await clerk.posts(f"{path}/hand-back", **with_code)).status_code == 401, "a colleague's is not one's own"
    async with site.transaction() as transaction:
        await transaction.connection.execute(
            "UPDATE people.staff SET totp_step = totp_step - 2 WHERE id = %s", [clerk.id]
        )
    answer = await clerk.posts(f"{path}/hand-back", **fields, code=await clerk.code())
    assert answer.status_code == 303, answer.text
    assert await in_drawer(site, clerk.till) == before - 2000
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT document, last_four, checked_by, mark::text FROM people.id_checks WHERE subject = %s", [refund]
        )
        [(document, last, by, mark)] = await cursor.fetchall()
    assert (document, last, by) == ("passport", "6789", clerk.id)
    assert "E123456789" not in mark


async def test_a_complaint_is_a_ticket_with_the_order_and_the_same_form_makes_one(site, clerk, sold):
    path, _ = sold
    wish = {"topic": "not_arrived", "text": "It says delivered, she sees nothing", "contact": "", "form": "c1"}
    said = [await clerk.posts(f"{path}/complaint", **wish) for _ in range(2)]
    references = {re.search(r"Taken: (\w+)", one.text)[1] for one in said}
    assert len(references) == 1
    assert references.pop() in await clerk.sees(path)


async def test_receipts_and_reports_are_papers_of_the_printers_form(clerk, sold):
    path, _ = sold
    receipt = await clerk.client.get(f"{path}/receipt.pdf")
    assert receipt.content.startswith(b"%PDF")
    report = (await clerk.posts("/counter/drawer/close", counted="250")).headers["location"]
    assert (await clerk.client.get(f"{report}/paper.pdf")).content.startswith(b"%PDF")


async def test_without_a_printer_asking_to_print_says_so(clerk, sold):
    path, _ = sold
    answer = await clerk.posts(f"{path}/print", form="p1")
    assert answer.status_code == 404
