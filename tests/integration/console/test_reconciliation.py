"""Reconciliation in the console: days at a glance, a day with its sums, and a signature that shows a later change."""

import re
from datetime import date, timedelta

import pytest

from tests.integration.console.conftest import form_token
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.payments.ports import BillLine
from topup.people.permissions import Role
from topup.work.operations import close_for_person

pytestmark = pytest.mark.xdist_group("browser")
METHOD = "wechatpay"
CARRIER = "carrier:external_demo"


@pytest.fixture
async def billed(site):
    """Keeps a bill of some day, of these lines, and holds it against the books; gives the day: of a way to pay and of
    a carrier another, as a test counts a day's bills.
    """
    async with site.transaction() as transaction:
        days = {
            METHOD: transaction.now.date() - timedelta(days=900),
            CARRIER: transaction.now.date() - timedelta(days=960),
        }

    async def kept(*lines: BillLine, method: str) -> date:
        day = days[method]
        desk = site.house.reconciliation
        async with desk.keeping(method, day) as take:
            await take(lines)
        await desk.compare(method=method, day=day)
        return day

    return lambda *lines, method=METHOD: site.within(kept(*lines, method=method))


async def test_a_day_that_ties_is_signed_once_and_a_changed_bill_shows(site, enter, billed):
    day = await billed()
    path = f"/console/reconciliation/{METHOD}/{day}"
    client, person = await enter(Role.FINANCE)
    token = {"form_token": await form_token(client)}
    page = (await client.get(path)).text
    assert "Sign this day" in page
    assert (await client.post(f"{path}/sign", data=token)).status_code == 303
    assert f"Signed by {person.login}" in (await client.get(path)).text
    assert (await client.post(f"{path}/sign", data=token)).status_code == 422, "once"
    month = (await client.get("/console/reconciliation", params={"until": str(day)})).text
    assert '<span class="label-below quiet">WeChat Pay</span>' in month, "on a telephone each row says whose day it is"
    assert f'<a class="state good" href="{path}"' in month

    async with site.transaction() as transaction:
        at = transaction.now - timedelta(days=900)
    stray = BillLine("payment", new_id("payment", 1), "WX-STRAY", Money(4_200, "CNY"), at, None)
    await billed(stray)
    page = (await client.get(path)).text
    for told in ("The bill changed since it was signed", "WX-STRAY", "CN¥42.00", "Open differences: 1"):
        assert told in page, told
    assert "Sign this day" not in page
    period = (await client.get("/console/reports", params={"since": str(day), "until": str(day)})).text
    for source in (page, period):
        assert f"/console/work?of={METHOD}:{day}" in source.replace("%3A", ":"), "each row leads to its tasks"
    tasks = (await client.get("/console/work", params={"of": f"{METHOD}:{day}"})).text
    assert re.findall(r"<code>(WX-\S+)</code>", tasks) == ["WX-STRAY"], "to those, and to no others"
    assert f'href="{path}"' in tasks, "and back"
    [task] = re.findall(r'href="(/console/work/wrk_\w+)"', tasks)
    assert f'href="{path}"' in (await client.get(task)).text
    refused = await client.post(f"{path}/sign", data=token)
    assert (refused.status_code, "1 differences are open" in refused.text) == (422, True)
    file = await client.get(f"{path}/differences.csv")
    assert "WX-STRAY" in file.text
    assert file.headers["content-type"].startswith("text/csv")
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action, actor FROM work.trail WHERE subject = %s", [f"{METHOD}:{day}"]
        )
        assert await cursor.fetchall() == [("day.signed", person.id)]


async def test_a_carriers_day_is_beside_those_of_ways_to_pay_and_signed_as_they_are(site, enter, billed):
    method, number = CARRIER, new_id("fulfilment", 1)
    async with site.transaction() as transaction:
        at = transaction.now - timedelta(days=960)
    day = await billed(BillLine("delivery", number, "EC-STRAY", Money(1_000, "SGD"), at), method=method)
    path = f"/console/reconciliation/{method}/{day}"
    client, person = await enter(Role.FINANCE)
    month = (await client.get("/console/reconciliation", params={"until": str(day)})).text
    assert "Carrier external_demo" in month
    page = (await client.get(path)).text
    for told in ("Deliveries less what was taken back", "We owe the carrier now", number, "Do not pay for it yet"):
        assert told in page, told
    tasks = (await client.get("/console/work", params={"of": f"{method}:{day}"})).text
    [task] = re.findall(r'href="(/console/work/wrk_\w+)"', tasks)
    assert number in (await client.get(task)).text
    assert f'href="{path}"' in tasks
    period = (await client.get("/console/reports", params={"since": str(day), "until": str(day)})).text
    assert f'href="{path}"' in period
    await billed(method=method)
    signed = await client.post(f"{path}/sign", data={"form_token": await form_token(client)})
    assert signed.status_code == 303
    assert f"Signed by {person.login}" in (await client.get(path)).text
    nothing = (await client.get("/console/work", params={"of": f"{method}:{day}"})).text
    assert "/console/work/wrk_" not in nothing, "what the bill has no more is off the list"


async def test_what_was_not_read_is_not_there(enter):
    client, _ = await enter(Role.AUDITOR)
    for path in ("nobody/2026-03-10", f"{METHOD}/2001-01-01", f"{METHOD}/someday"):
        assert (await client.get(f"/console/reconciliation/{path}")).status_code == 404, path
    assert (await client.get("/console/reconciliation?until=never")).status_code == 200


async def test_a_bill_that_waits_to_be_compared_is_not_called_one_without_movement(site, enter):
    async with site.transaction() as transaction:
        day = transaction.now.date() - timedelta(days=930)

    async def kept() -> None:
        async with site.house.reconciliation.keeping(METHOD, day) as take:
            await take([])

    await site.within(kept())
    client, _ = await enter(Role.AUDITOR)
    page = (await client.get("/console/reports", params={"since": str(day), "until": str(day)})).text
    assert "Bills that were read and wait to be compared with our books: 1." in page
    assert "nothing moved" not in page
    assert "No bill was read" not in page


async def test_a_period_is_told_with_its_sums_and_as_paper_and_file(enter, billed):
    day = await billed()
    client, _ = await enter(Role.AUDITOR)
    query = {"since": str(day), "until": str(day)}
    page = (await client.get("/console/reports", params=query)).text
    assert "Report of days" in page
    assert "Bills that were read and on which nothing moved: 1." in page
    assert "No bill was read" not in page
    unread = str(day - timedelta(days=40))
    assert "No bill was read" in (await client.get("/console/reports", params={"since": unread, "until": unread})).text
    assert (
        await client.get("/console/reports", params={"since": "nonsense", "until": "9999-99-99"})
    ).status_code == 200
    for ending, media_type in (("csv", "text/csv"), ("pdf", "application/pdf")):
        file = await client.get(f"/console/reports/report.{ending}", params=query)
        assert file.headers["content-type"].startswith(media_type)
        assert f"reconciliation-{day}-{day}.{ending}" in file.headers["content-disposition"]
    assert file.content.startswith(b"%PDF")


@pytest.fixture
async def counted(site):
    """A till that was kept with 200 yuan and counted a yuan short; gives its session's id and who kept it."""
    keeper = new_id("staff", 0)
    till = f"till-{keeper[-10:].lower()}"
    cash = site.house.desk.cash
    await site.within(cash.open(till=till, float_=Money(20_000, "CNY"), by=keeper))
    session, _ = await site.within(cash.close(till=till, counted=Money(19_900, "CNY"), by=keeper))
    yield session, keeper
    async with site.transaction() as transaction:
        place = (session.lane, "till_difference", session.id)
        await close_for_person(transaction.connection, [place], transaction.now)


async def test_tills_are_beside_the_bills_and_a_difference_leads_to_its_task_and_its_z_report(enter, counted):
    session, keeper = counted
    client, _ = await enter(Role.FINANCE)
    page = (await client.get("/console/reports")).text
    report = f"/console/reports/tills/{session.id}"
    [row] = [row for row in page.split("<tr>") if report in row]
    for told in (session.till, keeper, "CN¥200.00", "CN¥199.00", "-CN¥1.00", "nobody yet"):
        assert told in row, told
    sheet = (await client.get(report)).text
    for told in (session.till, "Should be there", "-CN¥1.00"):
        assert told in sheet, told
    [task] = {word for text in (row, sheet) for word in re.findall(r"/console/work/wrk_\w+", text)}
    item = (await client.get(task)).text
    assert session.id in item
    assert f'href="{report}"' in item, "and back"
    file = await client.get("/console/reports/tills.csv")
    assert session.id in file.text
    assert file.headers["content-type"].startswith("text/csv")


async def test_a_till_that_is_kept_has_no_report_for_the_office_before_it_is_counted(site, enter):
    keeper = new_id("staff", 0)
    till = f"till-{keeper[-10:].lower()}"
    cash = site.house.desk.cash
    session = await site.within(cash.open(till=till, float_=Money(0, "CNY"), by=keeper))
    client, _ = await enter(Role.FINANCE)
    assert (await client.get(f"/console/reports/tills/{session.id}")).status_code == 403
    assert f"tills/{session.id}" not in (await client.get("/console/reports")).text
    await site.within(cash.close(till=till, counted=Money(0, "CNY"), by=keeper))
    assert (await client.get(f"/console/reports/tills/{session.id}")).status_code == 200
