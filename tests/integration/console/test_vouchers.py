"""Batches of vouchers at the console: asked for by one, decided by another, and never a PIN on a page."""

import re

import pytest

from tests.integration.console.conftest import form_token
from topup.payments.vouchers import queries
from topup.payments.vouchers.states import VoucherState
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")
SAID = {"face": "30", "currency": "CNY", "count": "4", "until": "2030-12-31", "carrier": "", "reason": "For the shops"}


async def asks(client, **other):
    page = (await client.get("/console/vouchers")).text
    hidden = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in ("form_token", "form", "batch")}
    return hidden, await client.post("/console/vouchers", data=SAID | hidden | other)


async def test_one_asks_another_decides_and_the_batch_waits_to_be_made(site, enter):
    asking, _ = await enter(Role.SUPERVISOR)
    hidden, asked = await asks(asking)
    assert asked.status_code == 303, asked.text
    place = asked.headers["location"]
    again = await asking.post("/console/vouchers", data=SAID | hidden)
    assert again.headers["location"] == place, "a form sent twice is one request"
    own = (await asking.get(place)).text
    assert "Make a batch of vouchers" in own
    assert "CN¥120.00" in own, "what all of them are worth together"
    deciding, _ = await enter(Role.FINANCE)
    shown = (await deciding.get(place)).text
    assert "CN¥30.00" in shown
    data = {"form_token": await form_token(deciding), "decision": "approve", "note": ""}
    assert (await deciding.post(place, data=data)).status_code == 303
    async with site.transaction() as transaction:
        batch = await queries.batch_of(transaction.connection, hidden["batch"])
    assert (batch.state, batch.count, batch.face.amount_minor) == (VoucherState.APPROVED, 4, 3000)
    listed = (await asking.get("/console/vouchers")).text
    assert hidden["batch"] in listed
    assert "approved, not made yet" in listed
    assert f'href="{place}"' in listed


async def test_what_cannot_be_made_is_told_beside_the_form_with_what_was_typed(enter):
    client, _ = await enter(Role.FINANCE)
    for unreadable in ("soon", "9999-12-31"):
        _, answer = await asks(client, until=unreadable)
        assert answer.status_code == 422
        assert "That day cannot be read" in answer.text
    _, answer = await asks(client, until="2001-01-01")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'value="2001-01-01"' in answer.text


async def test_a_currency_that_nobody_can_top_up_in_is_refused_at_the_form(enter):
    client, _ = await enter(Role.FINANCE)
    for wrong, told in (
        ({"currency": "XXX"}, "No carrier here has credit in XXX."),
        ({"currency": "HKD", "carrier": "qingfeng"}, "Credit of qingfeng is in CNY"),
    ):
        _, answer = await asks(client, **wrong)
        assert (answer.status_code, told in answer.text) == (422, True), told
        assert 'value="{currency}"'.format(**wrong) in answer.text, "what was typed is still there"


async def test_who_may_neither_ask_nor_decide_does_not_see_them(enter):
    client, _ = await enter(Role.SUPPORT)
    assert (await client.get("/console/vouchers")).status_code == 403
