"""What a line used and what was adjusted on it; and the file of what is kept about a person."""

import io
import zipfile

import pytest

from tests.integration.console.conftest import form_token
from tests.integration.console.test_ending_accounts import owner  # noqa: F401 - a fixture
from tests.integration.console.test_lines import found
from topup.catalogue.queries import CatalogueCache
from topup.charging.adjustments import Adjustments, AdjustmentWish
from topup.charging.usage.reading import UsageRecord
from topup.kernel.ids import AdjustmentId, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.people.permissions import Role
from topup.work import trail

pytestmark = pytest.mark.xdist_group("browser")
REASON = "Letter of 3 May; passport seen"


async def test_the_moves_of_a_line_are_told_in_words(enter, topped_up):
    _, _, number = topped_up
    client, _ = await enter(Role.SUPPORT)
    page = (await client.get(await found(client, number))).text
    assert "<td>Top-up<br>" in page
    assert "<td>grant" not in page


async def test_what_a_line_used_and_what_was_adjusted_is_a_page_from_it(site, enter, topped_up):
    _, _, number = topped_up
    async with site.transaction() as transaction:
        now = transaction.now
    call = UsageRecord(new_id("event", 1), f"+86{number}", "voice", 61, now, None, "+8613900001234", "api")
    await site.within(site.house.usage_records.charge([call]))
    adjustments = Adjustments(database=site.house.store.database, catalogue=CatalogueCache())
    _, line, _ = await site.within(adjustments.line(number=number))
    wish = AdjustmentWish(parse_msisdn(number), Money(200, "CNY"), "goodwill", "", "cli")
    identifier = AdjustmentId(new_id("adjustment", line.lane))
    await site.within(adjustments.make(adjustment_id=identifier, wish=wish))
    client, _ = await enter(Role.SUPPORT)
    address = await found(client, number)
    assert f'href="{address}/use"' in (await client.get(address)).text
    page = (await client.get(f"{address}/use")).text
    for told in ("Calls", parse_msisdn("+8613900001234").masked(), "CN¥2.00", identifier):
        assert told in page, told
    assert "13900001234" not in page, "whom somebody called is nobody's business"
    assert (await client.get(f"/console/lines/{new_id('line', 1)}/use")).status_code == 404
    assert (await client.get(f"{address}/use?before=nonsense")).status_code == 404


async def test_staff_take_what_is_kept_about_somebody_with_a_reason_and_that_is_in_the_trail(site, enter, owner):  # noqa: F811 - the fixture
    number, whose = owner
    client, person = await enter(Role.SUPPORT)
    token = {"form_token": await form_token(client, "/console/export")}
    for data in ({"number": number.grouped(), "reason": " "}, {"number": "13899999999", "reason": REASON}):
        assert (await client.post("/console/export", data=token | data)).status_code == 422
    async with site.transaction() as transaction:
        assert not await trail.entries(transaction.connection, subject=whose)
    taken = await client.post("/console/export", data=token | {"number": number.grouped(), "reason": REASON})
    assert taken.headers["content-type"] == "application/zip"
    assert "no-store" in taken.headers["cache-control"]
    with zipfile.ZipFile(io.BytesIO(taken.content)) as file:
        assert any(number.e164 in file.read(name).decode() for name in file.namelist())
    async with site.transaction() as transaction:
        [entry] = await trail.entries(transaction.connection, subject=whose)
    assert (entry.action, entry.actor, entry.facts) == ("people.exported", person.id, {"reason": REASON})


async def test_who_may_not_take_it_is_not_led_there(enter):
    client, _ = await enter(Role.FINANCE)
    assert (await client.get("/console/export")).status_code == 403
