"""What staff do at /console from beginning to end, on a desk and on a telephone, with and without scripts."""

import os
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.staff_at_work import DESK, PASSWORD, PHONE, accessible, code_now, hire, inside, sign_in
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.payments.transfers.entries import Entry
from topup.payments.transfers.operations import take_in
from topup.people.permissions import Role
from topup.reconciliation.listing import put_on_list
from topup.reconciliation.storing import Day

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])


@pytest.fixture
def at_work(site, chromium):
    """Somebody of a role at a browser of their own, signed in."""
    contexts = []

    def opened(role: Role | None, size: tuple[int, int], *, scripts: bool = True):
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, locale="en-GB", java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        if role is not None:
            sign_in(site, page, hire(site, role))
        return page

    yield opened
    for context in contexts:
        context.close()


def look(page, name: str) -> None:
    """Whether everybody can use it; a picture where one is asked for."""
    accessible(page)
    if pictures := os.environ.get("TOPUP_PICTURES"):
        width = page.viewport_size["width"]
        page.screenshot(path=Path(pictures) / f"{name}-{width}.png", full_page=True)


def told(page, text: str) -> None:
    page.get_by_text(text).first.wait_for()


@pytest.fixture
def arrived(guest):
    """Makes an order of more than 50 yuan that arrived; gives its id."""

    def made() -> str:
        payer = guest()
        payer.order("credit:10000")
        payer.at_gateway("pay")
        payer.sees("headline_delivered")
        return payer.order_id()

    return made


@pytest.fixture
def transferred(site, guest):
    """Money that came by bank without a reference, for an order that waits: its entry, the payment, the payer."""

    def made():
        payer = guest()
        payer.order()
        path, payment = payer.at_gateway_for()

        async def work(transaction):
            connection = transaction.connection
            cursor = await connection.execute(
                "UPDATE payments.payments SET method = 'bank_transfer', ask_at = NULL WHERE id = %s"
                " RETURNING amount_minor, currency",
                [payment],
            )
            amount = Money(*await cursor.fetchone())
            sent = Entry(
                account="CN00",
                bank_reference=new_id("entry", 0),
                amount=amount,
                incoming=True,
                returned=False,
                booked_on=transaction.now.date(),
                booked_at=transaction.now,
                text="for my brother",
                payer="Chen Example",
                payer_account="CN6210",
            )
            store = site.house.store
            lanes, zone = store.installation.lanes, ZoneInfo("UTC")
            await take_in(connection, [sent], transaction.now, keys=store.keyring, lanes=lanes, zone=zone)
            cursor = await connection.execute(
                "SELECT id FROM payments.bank_entries WHERE bank_reference = %s", [sent.bank_reference]
            )
            return (await cursor.fetchone())[0]

        entry = inside(site, work)
        payer.go(path)
        return entry, payment, payer

    return made


@pytest.fixture
def differing(site):
    """A payment of 80.00 yuan that our books have and a provider's bill has not; its reference."""

    def made() -> str:
        reference = f"GW{new_id('work', 0)[-10:]}"

        async def work(transaction) -> None:
            connection, now = transaction.connection, transaction.now
            day = Day.of("alipay", now.date() - timedelta(days=2), UTC)
            place = (day.method, day.day)
            await connection.execute(
                "INSERT INTO reconciliation.bills (method, day, begins, ends, lines, digest, read_at, changed_at,"
                " compared_at) VALUES (%s, %s, %s, %s, 1, '', %s, %s, %s) ON CONFLICT DO NOTHING",
                (*place, day.begins, day.ends, now, now, now),
            )
            await connection.execute(
                "INSERT INTO reconciliation.differences (method, day, class, kind, our_id, reference, nth, ours_minor,"
                " ours_currency, ours_state, at, found_at)"
                " VALUES (%s, %s, 'missing_there', 'payment', %s, %s, 1, 8000, 'CNY', 'paid', %s, %s)",
                (*place, new_id("payment", 0), reference, day.begins, now),
            )
            await put_on_list(connection, day, now)

        inside(site, work)
        return reference

    return made


@SIZES
def test_a_refund_above_the_limit_is_made_by_two(site, at_work, arrived, size):
    order = arrived()
    asks = at_work(Role.SUPPORT, size)
    asks.goto(f"{site.url}/console/refund")
    look(asks, "refund")
    asks.fill("#order", order)
    asks.fill("#reason", "The number was not the one that was meant")
    asks.click("form.sheet button")
    told(asks, "You asked for this")
    look(asks, "refund-asked")
    assert asks.get_by_role("button", name="Approve").count() == 0, "nobody approves their own"
    decides = at_work(Role.FINANCE, size)
    decides.goto(f"{site.url}/console/approvals")
    look(decides, "approvals")
    decides.goto(asks.url)
    look(decides, "refund-to-decide")
    decides.fill("#note", "Checked with the payer")
    decides.get_by_role("button", name="Approve").click()
    told(decides, "approved")
    assert "ref_" in decides.content()


@SIZES
def test_a_small_refund_is_made_at_once_by_one_and_without_scripts(site, at_work, arrived, size):
    order = arrived()
    page = at_work(Role.SUPPORT, size, scripts=False)
    page.goto(f"{site.url}/console/refund")
    page.fill("#order", order)
    page.fill("#amount", "10")
    page.fill("#reason", "A courtesy")
    page.click("form.sheet button")
    told(page, "done by one person")
    assert "ref_" in page.content()


@SIZES
def test_a_transfer_without_a_reference_finds_its_payment(site, at_work, transferred, size):
    entry, payment, payer = transferred()
    page = at_work(Role.FINANCE, size)
    page.goto(f"{site.url}/console/work?q={entry}")
    look(page, "work")
    page.locator("table.list tbody a").click()
    page.get_by_role("button", name="Show the evidence").click()
    told(page, "Chen Example")
    look(page, "transfer")
    page.fill("#find", payment)
    page.locator("main form.search button").click()
    page.get_by_role("link", name="Choose").click()
    page.locator("#transfer_match-reason").fill("The payer named the order on the telephone")
    look(page, "transfer-matching")
    page.locator("#transfer_match button").click()
    told(page, "done by one person")
    look(page, "transfer-matched")
    payer.page.reload()
    payer.sees("headline_delivered")


@SIZES
def test_a_difference_is_signed_off_by_two(site, at_work, differing, size):
    reference = differing()
    asks = at_work(Role.SUPERVISOR, size)
    asks.goto(f"{site.url}/console/work?q={reference}")
    asks.locator("table.list tbody a").click()
    look(asks, "difference")
    asks.locator("#difference_write_off summary").click()
    asks.fill("#difference_write_off-reason", "The provider says the day is closed")
    asks.locator("#difference_write_off button").click()
    told(asks, "You asked for this")
    decides = at_work(Role.FINANCE, size)
    decides.goto(asks.url)
    decides.get_by_role("button", name="Approve").click()
    told(decides, "approved")
    look(decides, "difference-written-off")


@SIZES
def test_somebody_is_hired_enrols_and_signs_in(site, at_work, size):
    login = f"new-{new_id('staff', 0)[-8:]}"
    chief = at_work(Role.SECURITY, size)
    chief.goto(f"{site.url}/console/staff")
    chief.fill("#login", login)
    chief.select_option("#role", "support")
    look(chief, "staff")
    chief.get_by_role("button", name="Invite").click()
    code = chief.locator("#enrolment-code").inner_text()
    look(chief, "invited")
    new = at_work(None, size)
    new.goto(f"{site.url}/console/enrol")
    new.fill("#login", login)
    new.fill("#enrolment", code)
    new.click("form.sheet button")
    secret = new.locator("code.secret").inner_text().replace(" ", "")
    look(new, "binding")
    assert new.locator(".code-picture svg").is_visible()
    new.fill("#code", code_now(site, secret))
    new.fill("#password", PASSWORD)
    new.fill("#again", PASSWORD)
    new.click("form.sheet button")
    told(new, "recovery")
    look(new, "recovery")
    new.goto(f"{site.url}/console/me")
    assert login in new.content()
    chief.get_by_role("link", name="passed it on").click()
    look(chief, "account")
    chief.get_by_role("button", name="Block").click()
    told(chief, "blocked")
    new.goto(f"{site.url}/console/work")
    assert "/sign-in" in new.url, "blocked, and out at once"
    chief.goto(f"{site.url}/console/trail?action=staff")
    look(chief, "trail")
