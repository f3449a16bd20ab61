"""Cards at the counter: a slip pays once, a batch ties, and what goes back is entered by its slip."""

import asyncio
import re
from itertools import count

import pytest

from tests.integration.counter.test_selling import balance, settled
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")
_slips = count(1000)


@pytest.fixture
def slip():
    """References of a bank, each once; at a terminal of their own."""
    return lambda: {"terminal": "pos-7", "reference": f"REF{next(_slips)}"}


async def work_of(site, kind: str, terminal: str) -> int:
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT count(*) FROM work.items WHERE kind = %s AND evidence ->> 'terminal' = %s", [kind, terminal]
        )
        return (await cursor.fetchone())[0]


async def test_a_slip_that_is_entered_pays_the_order_once(site, clerk, a_number, slip):
    number, entered = a_number(), slip()
    sale = await clerk.quotes(number)
    for _ in range(2):
        assert (await clerk.posts(f"{sale}/card", **entered)).status_code == 303
    await settled(clerk, sale)
    assert await balance(site, number) == 5000
    assert (await clerk.posts(f"{sale}/card", **slip())).status_code == 409, "another slip for the same payment"


async def test_one_slip_does_not_pay_two_orders(site, clerk, a_number, slip):
    first, second, entered = a_number(), a_number(), slip()
    await clerk.posts(f"{await clerk.quotes(first)}/card", **entered)
    answer = await clerk.posts(f"{await clerk.quotes(second)}/card", **entered)
    assert answer.status_code == 409
    assert "entered already" in answer.text
    assert await balance(site, second) == 0


@pytest.mark.parametrize(("terminal", "reference"), [("POS 7!", "REF1"), ("pos-7", "x"), ("pos-7", "REF/1001")])
async def test_what_is_no_slip_is_refused(site, clerk, a_number, terminal, reference):
    number = a_number()
    sale = await clerk.quotes(number)
    answer = await clerk.posts(f"{sale}/card", terminal=terminal, reference=reference)
    assert answer.status_code == 422
    assert await balance(site, number) == 0


async def test_a_batch_that_ties_vouches_for_its_charges_and_one_that_does_not_is_somebodys_to_explain(
    site, clerk, a_number
):
    for number, reference in ((a_number(), "TIE-0001"), (a_number(), "TIE-0002")):
        await clerk.posts(f"{await clerk.quotes(number)}/card", terminal="pos-8", reference=reference)
    for _ in range(2):
        answer = await clerk.posts("/counter/drawer/terminal", terminal="pos-8", total="100", form="t1")
        assert answer.status_code == 303, answer.text
    assert await work_of(site, "terminal_difference", "pos-8") == 0
    await clerk.posts(f"{await clerk.quotes(a_number())}/card", terminal="pos-8", reference="TIE-0003")
    answer = await clerk.posts("/counter/drawer/terminal", terminal="pos-8", total="60", form="t2")
    assert answer.status_code == 409
    assert await work_of(site, "terminal_difference", "pos-8") == 1


async def test_money_goes_back_to_the_card_by_two_people_and_the_slip(site, staff, clerk, a_number, slip):
    sale = await clerk.quotes(a_number())
    await clerk.posts(f"{sale}/card", **slip())
    order = re.search(r"ord_[0-9a-z]{26}", await settled(clerk, sale))[0]
    path = f"/counter/orders/{order}"
    wish = {"amount": "10", "reason": "Wrong amount", "form": "r1"}
    asked = await clerk.posts(f"{path}/refund", **wish)
    supervisor = await staff(Role.SUPERVISOR)
    await supervisor.posts(asked.headers["location"], decision="approve", note="")
    for _ in range(100):
        page = await clerk.sees(path)
        if "back to the card" in page:
            break
        await asyncio.sleep(0.1)
    refund = re.search(r'name="refund" value="(ref_\w+)"', page)[1]
    async with site.transaction() as transaction:
        await transaction.connection.execute("UPDATE people.staff SET totp_step = 0 WHERE id = %s", [clerk.id])
    assert (await clerk.posts(f"{path}/card-back", refund=refund, **slip(), code="000000")).status_code == 401
    answer = await clerk.posts(f"{path}/card-back", refund=refund, **slip(), code=await clerk.code())
    assert answer.status_code == 303, answer.text
    assert "back to the card" not in await clerk.sees(path)
