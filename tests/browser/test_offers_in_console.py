"""An offer published by two people, tried, stopped at once by one, started again by two; and a batch of its codes."""

import re
import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.test_catalogue_in_console import FILE, ask, at_work, decide, look, press, type_into
from topup.people.permissions import Role

__all__ = ["at_work"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_an_offer_from_its_file_to_its_stop_and_back(site, at_work, tmp_path):
    asker, decider = at_work(Role.SUPERVISOR), at_work(Role.FINANCE)
    name = f"autumn-{secrets.token_hex(4)}"
    offer = f"""
[[campaigns]]
id = "{name}"
names = {{ zh_Hans = "秋", zh_Hant = "秋", en = "Autumn" }}
minimum = 50
coupon = {{ prefix = "A{name[-8:].upper()}" }}
discount = {{ fixed = 3 }}
"""
    source = FILE.read_text(encoding="utf-8")
    file = tmp_path / "yunfan.toml"
    file.write_text(source + offer, encoding="utf-8")
    asker.goto(f"{site.url}/console/catalogue")
    asker.get_by_role("link", name="New draft").click()
    asker.get_by_label("The carrier's file (TOML)").set_input_files(file)
    expect(asker.get_by_label("Text", exact=True)).to_have_value(re.compile(name))
    type_into(asker, "Note", "Autumn")
    press(asker, "Check and keep as a draft")
    asker.wait_for_url(re.compile(r"/console/catalogue/drafts/dft_"))
    ask(asker, "For the autumn")
    decide(decider, asker.url)

    page = f"{site.url}/console/offers/yunfan/{name}"
    asker.goto(f"{site.url}/console/offers/preview?carrier=yunfan")
    asker.locator("[name=amount]").fill("50")
    asker.locator("[name=amount]").press("Enter")
    expect(asker.get_by_text("Needs a coupon code.").first).to_be_visible()
    asker.goto(f"{page}/codes")
    asker.get_by_label("How many", exact=True).fill("2")
    ask(asker, "For the members")
    decide(decider, asker.url)
    asker.goto(f"{page}/codes")
    expect(asker.get_by_text("approved: not made yet")).to_be_visible()
    look(asker, "offer-codes")

    asker.goto(page)
    type_into(asker, "Reason", "The price was wrong")
    press(asker, "Stop this offer")
    expect(asker.get_by_text("The price was wrong")).to_be_visible()
    ask(asker, "It is right now")
    decide(decider, asker.url)
    asker.goto(page)
    expect(asker.get_by_role("heading", name=re.compile("Stopped by"))).to_have_count(0)
    expect(asker.locator("main .state").first).to_have_text("running")
