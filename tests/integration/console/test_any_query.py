"""Whatever an address asks for, in any of its fields: it is answered, and never by an error of ours."""

import pytest

from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")

STRANGE = (
    "9999-12-31",
    "9999-12",
    "0001-01-01",
    "0000-00-00",
    "2026-W53-7",
    "0001-01-01T00:00:00+23:59~ord_00000000000000000000000000",
    "9" * 30,
    "-1",
    "1e999",
    "bogus",
    "http://[x/pay/1",
    "%",
    "\x00",
    "一",
)
"""Days and months at the ends of calendars, numbers too large, and what is nothing at all."""


@pytest.mark.parametrize(
    ("role", "page", "fields"),
    [
        (Role.SUPPORT, "/console/orders", "q state channel carrier method since until before"),
        (Role.SUPPORT, "/console/orders/{order}", "done"),
        (Role.SUPPORT, "/console/lines", "q"),
        (Role.SUPPORT, "/console/lines/{line}", "done before"),
        (Role.SUPPORT, "/console/work", "q state kind after"),
        (Role.SUPPORT, "/console/refund", "order"),
        (Role.SUPPORT, "/console/tickets", "q state"),
        (Role.FINANCE, "/console/reconciliation", "until"),
        (Role.FINANCE, "/console/live", "by"),
        (Role.AUDITOR, "/console/trail", "subject actor before action"),
    ],
)
async def test_no_query_of_ours_answers_5xx(enter, topped_up, role, page, fields):
    order, _, number = topped_up
    client, _ = await enter(role)
    if "{line}" in page:
        found = await client.get("/console/lines", params={"q": number})
        page = page.format(line=found.headers["location"].rpartition("/")[2])
    page = page.format(order=order)
    assert (await client.get(page)).status_code == 200
    for field in fields.split():
        for text in STRANGE:
            answer = await client.get(page, params={field: text})
            assert answer.status_code < 500, (field, text)
