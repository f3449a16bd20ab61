"""A receipt as PDF: complete, the same bytes each time, legible on a machine without fonts, verifiable."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import typst

from tests.support.receipts import PAID, VERIFY, a_receipt
from topup.kernel.money import Money
from topup.orders.receipt_pdf import DOCUMENTS, qr_svg, render_pdf
from topup.orders.receipt_sheet import receipt_sheet
from topup.orders.views import ReceiptView, ReturnedMoney
from topup.platform.i18n import LOCALES


@pytest.fixture
def receipt() -> ReceiptView:
    return a_receipt()


def run(*command: str, content: bytes = b"") -> str:
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout.decode()


def read(pdf: bytes) -> str:
    return run("pdftotext", "-layout", "-", "-", content=pdf)


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_pdf_says_everything_the_screen_says(receipt, locale):
    pdf = await render_pdf(receipt, locale=locale, verify_url=VERIFY)
    said = "".join(read(pdf).split())
    sheet = receipt_sheet(receipt, locale=locale)
    rows = [part for row in (*sheet.facts, *sheet.lines, *sheet.grants) for part in (row.label, row.value)]
    for text in (sheet.title, sheet.number, sheet.total, sheet.summary, sheet.verify, *rows):
        assert "".join(text.split()) in said
    print(f"{locale}: {len(pdf)} bytes")
    assert len(pdf) < 100_000


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_refunded_receipt_says_so_and_promises_nothing_any_more(receipt, locale):
    gone = replace(receipt, stands=False, refunded_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC))
    sheet = receipt_sheet(gone, locale=locale)
    (row,) = sheet.refunded
    assert (row.value, "22" in row.label) == (sheet.total, True)
    said = "".join(read(await render_pdf(gone, locale=locale, verify_url=VERIFY)).split())
    assert "".join(row.label.split()) in said
    as_it_was = receipt_sheet(receipt, locale=locale)
    for promise in (as_it_was.summary, *(grant.value for grant in as_it_was.grants)):
        assert "".join(promise.split()) not in said
    assert as_it_was.refunded == ()


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_receipt_says_what_staff_gave_back_and_still_stands(receipt, locale):
    back_at = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    part, rest = Money(1000, "CNY"), Money(4030, "CNY")
    arrived = ReturnedMoney(part, "goodwill", "went_back", back_at, PAID)
    coming = ReturnedMoney(rest, "goodwill", "going_back", None, PAID)
    given = replace(receipt, given_back=(arrived, coming))
    assert (given.refunded, given.last_refunded_at) == (part, back_at)
    sheet = receipt_sheet(given, locale=locale)
    assert [("22" in row.label, "10.00" in row.value, "40.30" in row.value) for row in sheet.refunded] == [
        (True, True, False),
        (False, False, True),
    ]
    assert sheet.grants == receipt_sheet(receipt, locale=locale).grants
    said = "".join(read(await render_pdf(given, locale=locale, verify_url=VERIFY)).split())
    for row in sheet.refunded:
        assert "".join((row.label + row.value).split()) in said


async def test_the_same_receipt_is_the_same_file(receipt):
    first = await render_pdf(receipt, locale="zh_Hans", verify_url=VERIFY)
    assert await render_pdf(receipt, locale="zh_Hans", verify_url=VERIFY) == first
    told = run("pdfinfo", "-isodates", "-", content=first)
    assert "2026-11-21T" in told, "dated when it was issued, not when it was asked for"


@pytest.mark.parametrize("locale", LOCALES)
async def test_all_its_fonts_come_with_it(receipt, locale, tmp_path):
    """On a machine without fonts it is set in the one that lies beside its template, and in nothing else."""
    file = tmp_path / "receipt.pdf"
    file.write_bytes(await render_pdf(receipt, locale=locale, verify_url=VERIFY))
    listed = run("pdffonts", str(file)).splitlines()[2:]
    assert listed
    assert all("NotoSansSC" in line and " yes yes yes " in line for line in listed), listed


def test_the_font_has_the_characters_of_names():
    """Those of GB 2312 and of Big5's first level, without any help of the system's fonts."""
    names = "青峰移动狮岛電信獅島鑫淼焱昊"
    template = '#set text(font: "Noto Sans SC", fallback: false)\n' + names
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[DOCUMENTS])
    assert "Noto Sans SC" in fonts.families()
    pdf = typst.Compiler(template.encode(), font_paths=fonts).compile(format="pdf")
    assert "".join(read(pdf).split()) == names


async def test_the_qr_on_the_paper_leads_to_the_verification(receipt, tmp_path):
    pdf = await render_pdf(receipt, locale="zh_Hans", verify_url=VERIFY)
    picture = tmp_path / "receipt"
    run("pdftoppm", "-r", "200", "-png", "-singlefile", "-", str(picture), content=pdf)
    assert run("zbarimg", "--quiet", "--raw", f"{picture}.png").strip() == VERIFY


def test_the_qr_carries_no_style_that_a_strict_policy_forbids():
    svg = qr_svg(VERIFY)
    assert "style" not in svg
    assert "<script" not in svg
