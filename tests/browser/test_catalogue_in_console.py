"""A new price, by keys alone: a file with a mistake, mended, its differences read, published by another, then seen.

It is put back after, by the same two, as the version that was in force before.
"""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.staff_at_work import DESK, PHONE, accessible, hire, sign_in
from topup.catalogue.demonstration import demonstration_files
from topup.people.permissions import Role

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
[FILE] = [file for file in demonstration_files() if file.stem == "yunfan"]
NUMBER = "+852 5123 0017"
DRAFT = re.compile(r"/console/catalogue/drafts/dft_")
APPROVAL = re.compile(r"/console/approvals/apr_")


@pytest.fixture
def at_work(site, chromium):
    contexts = []

    def opened(role: Role, size: tuple[int, int] = DESK) -> Page:
        contexts.append(
            chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB", timezone_id="UTC")
        )
        page = contexts[-1].new_page()
        sign_in(site, page, hire(site, role))
        return page

    yield opened
    for context in contexts:
        context.close()


def look(page: Page, name: str) -> None:
    """Whether everybody can use it, on a desk and on a telephone; pictures where they are asked for."""
    for size in (PHONE, DESK):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        accessible(page)
        if pictures := os.environ.get("TOPUP_PICTURES"):
            page.screenshot(path=Path(pictures) / f"catalogue-{name}-{size[0]}.png", full_page=True)


def type_into(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.focus()
    expect(field).to_be_focused()
    page.keyboard.insert_text(text)


def press(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=name, exact=True)
    button.focus()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")


def decide(page: Page, address: str) -> None:
    page.goto(address)
    press(page, "Approve, and have it done")
    expect(page.get_by_role("button", name="Reject")).to_have_count(0)


def prices(site, guest) -> str:
    """What a guest sees on offer for a number of this carrier."""
    seen = guest(locale="en")
    seen.go()
    seen.enter_number(NUMBER)
    expect(seen.page.locator("input[value='pack:asia-5gb-10d']")).to_be_attached()
    return seen.page.locator("main").inner_text()


def upload(page: Page, file: Path) -> None:
    """A file with a mistake, which is not kept; it is mended on its line, and kept."""
    page.get_by_label("The carrier's file (TOML)").set_input_files(file)
    text = page.get_by_label("Text", exact=True)
    expect(text).to_be_focused()
    expect(text).to_have_value(re.compile("price = 68.5"))
    type_into(page, "Note", "Summer prices")
    press(page, "Check and keep as a draft")
    mistake = page.get_by_role("link", name=re.compile(r"^Line \d"))
    expect(mistake).to_have_count(1)
    look(page, "2-mistake")
    mistake.focus()
    page.keyboard.press("Enter")
    expect(text).to_be_focused()
    selected = "(field) => field.value.slice(field.selectionStart, field.selectionEnd)"
    assert text.evaluate(selected) == "price = 68.5"
    page.keyboard.insert_text('price = "68.50"')
    press(page, "Check and keep as a draft")
    page.wait_for_url(DRAFT)


def ask(page: Page, reason: str) -> None:
    type_into(page, "Reason", reason)
    press(page, "Ask for approval")
    page.wait_for_url(APPROVAL)


def test_a_price_goes_from_a_file_to_a_guest_by_two_people_and_back(site, at_work, guest, tmp_path):
    asker, decider = at_work(Role.SUPERVISOR), at_work(Role.FINANCE)
    asker.goto(f"{site.url}/console/catalogue")
    look(asker, "1-carriers")
    row = asker.locator("tr", has_text="Cloudsail Travel").inner_text()
    version = int(re.search(r"Version (\d+)", row)[1])
    asker.get_by_role("link", name="New draft").focus()
    asker.keyboard.press("Enter")
    wrong = tmp_path / "yunfan.toml"
    source = (
        FILE.read_text(encoding="utf-8").replace("price = 58", "price = 68.5").replace("days = 15 }", "days = 30 }")
    )
    wrong.write_text(source, encoding="utf-8")
    upload(asker, wrong)
    expect(asker.get_by_text("Changes: 2. Better for customers: 1; worse: 1.")).to_be_visible()
    asker.get_by_label("Product").select_option("asia-5gb-10d")
    press(asker, "Try")
    expect(asker.get_by_role("columnheader", name="Draft")).to_be_visible()
    asker.locator("summary", has_text="Line by line").press("Enter")
    look(asker, "3-draft")
    ask(asker, "As announced on 1 November")
    assert "HK$58.00" in prices(site, guest)
    decider.goto(asker.url)
    look(decider, "4-approval")
    decide(decider, asker.url)
    assert "HK$68.50" in prices(site, guest)
    asker.goto(f"{site.url}/console/catalogue/carriers/yunfan")
    look(asker, "5-carrier")
    asker.goto(f"{site.url}/console/catalogue/carriers/yunfan/versions/{version}")
    type_into(asker, "Note", "Not yet")
    press(asker, "Make a draft of it")
    asker.wait_for_url(DRAFT)
    look(asker, "6-restored")
    ask(asker, "It was for December")
    decide(decider, asker.url)
    assert "HK$58.00" in prices(site, guest)
