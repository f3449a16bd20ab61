"""Inviting staff: the role is chosen, never preset, and said once more beside the code."""

import re

import pytest

from tests.integration.console.conftest import form_token
from topup.kernel.ids import new_id
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")
PLACE = "/console/staff"


@pytest.fixture
async def chief(enter):
    client, _ = await enter(Role.SECURITY)
    return client


async def invite(client, **fields):
    login = f"new-{new_id('staff', 0)[-6:]}"
    return await client.post(PLACE, data={"form_token": await form_token(client, PLACE), "login": login} | fields)


async def test_no_role_is_chosen_before_somebody_chooses_one(chief):
    choice = re.search(r'<select[^>]*name="role"[^>]*>(.*?)</select>', (await chief.get(PLACE)).text)
    assert " required" in choice[0].partition(">")[0]
    assert "selected" not in choice[1]
    assert choice[1].startswith('<option value="">')


@pytest.mark.parametrize("nothing", [{}, {"role": ""}])
async def test_nobody_is_invited_without_a_role(chief, nothing):
    before = (await chief.get(PLACE)).text.count("/console/staff/stf_")
    refused = await invite(chief, **nothing)
    assert refused.status_code == 422
    assert "Choose a role." in refused.text
    assert 'id="enrolment-code"' not in refused.text
    assert (await chief.get(PLACE)).text.count("/console/staff/stf_") == before


async def test_the_page_with_the_code_says_the_role_again_also_after_a_reset(chief):
    page = (await invite(chief, role="support")).text
    assert 'id="enrolment-code"' in page
    assert "<dd>Support</dd>" in page
    account = re.search(r'href="(/console/staff/[^"]+)"', page)[1]
    token = await form_token(chief, account)
    again = (await chief.post(account, data={"form_token": token, "decision": "reset"})).text
    assert 'id="enrolment-code"' in again
    assert "<dd>Support</dd>" in again
