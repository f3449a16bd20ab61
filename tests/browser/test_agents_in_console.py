"""Agents in the console, on a desk and on a telephone: everything is there, reached by keys, and nothing is cut off."""

import pytest

from tests.support.staff_at_work import DESK, PHONE, accessible, hire, sign_in
from topup.kernel.ids import new_id
from topup.people.permissions import Role

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_agent_is_taken_on_looked_at_and_suspended(site, chromium, size):
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
    page = context.new_page()
    sign_in(site, page, hire(site, Role.SUPERVISOR))
    page.goto(f"{site.url}/console/agents")
    accessible(page)
    name = f"Corner shop {new_id('agent', 0)[-6:]}"
    page.fill("#name", name)
    page.fill("#currency", "CNY")
    page.fill("#low_below", "100")
    page.click("text=Add")
    page.wait_for_url("**/console/agents/agt_*")
    accessible(page)
    page.fill("#amount", "200")
    page.fill("#reference", "B-17")
    page.fill("#reason", "Paid by bank")
    page.click("text=Ask for approval >> visible=true")
    page.wait_for_url("**/console/approvals/*")
    accessible(page)
    page.go_back()
    page.reload()
    page.fill("#why", "Unpaid bill")
    page.press("#why", "Enter")
    page.wait_for_selector("text=Suspended")
    accessible(page)
    context.close()
