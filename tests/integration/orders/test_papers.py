"""Receipts and reports on paper: in columns for a thermal printer, and as a PDF of 80 mm, in the screen's words."""

import subprocess
from datetime import UTC, datetime

import pytest

from tests.support.receipts import PAID, VERIFY, a_receipt
from topup.kernel.money import Money
from topup.kernel.outcome import Done
from topup.orders.paper_pdf import render_paper
from topup.orders.papers import Counter, Group, receipt_paper, report_paper, trial_paper
from topup.orders.receipt_sheet import Row, receipt_sheet
from topup.platform.i18n import LOCALES
from topup.plugins.devices.escpos_network.printers import EscposNetwork
from topup.shops.printing.desk import marked
from topup.shops.printing.layout import as_text, set_paper, width

pytest_plugins = ["tests.support.printers"]

AT = Counter("天河营业厅", "counter-1", Money(6000, "CNY"), Money(970, "CNY"))
REPORT = report_paper(
    title="Z 报告",
    lead=["counter-1", "2026-11-21"],
    groups=[
        Group("现金", [Row("备用金", "¥200.00"), Row("收款", "¥50.30")], [Row("应有", "¥250.30")]),
        Group("", [Row("支付宝", "¥100.00")]),
    ],
    locale="zh_Hans",
)


def on_paper(locale: str, columns: int) -> str:
    paper = receipt_paper(a_receipt(), locale=locale, verify_url=VERIFY, at=AT)
    return as_text(set_paper(paper, columns=columns), columns=columns)


def run(*command: str, content: bytes) -> str:
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout.decode()


def read(pdf: bytes) -> str:
    return "".join(run("pdftotext", "-layout", "-", "-", content=pdf).split())


def squeezed(text: str) -> str:
    return "".join(text.split()).replace("¥", "￥")


@pytest.mark.parametrize("columns", [48, 32])
@pytest.mark.parametrize("locale", LOCALES)
def test_a_receipt_says_on_paper_all_that_the_screen_says(locale, columns):
    said = squeezed(on_paper(locale, columns))
    sheet = receipt_sheet(a_receipt(), locale=locale)
    rows = [part for row in (*sheet.facts, *sheet.lines, *sheet.grants) for part in (row.label, row.value)]
    for text in (sheet.title, sheet.number, sheet.total, sheet.summary, sheet.verify, AT.shop, AT.till, *rows):
        assert squeezed(text) in said


def test_amounts_stand_in_one_column_of_a_chinese_receipt():
    lines = on_paper("zh_Hans", 32).splitlines()
    amounts = [line for line in lines if line.endswith((".00", ".30", ".70")) and not line.startswith("  ")]
    assert len(amounts) >= 4
    assert {width(line) for line in amounts} == {32}
    assert "找零" + " " * 22 + "￥9.70" in lines


async def test_a_printer_takes_it_as_it_is(printer):
    printers = EscposNetwork(printer.settings(paper_mm=58))
    paper = receipt_paper(a_receipt(), locale="zh_Hant", verify_url=VERIFY, at=AT, drawer=True)
    assert await printers.print("counter-1", paper) == Done("")
    [found] = printer.papers()
    assert (found["faults"], found["drawer"]) == ([], True)
    assert VERIFY in printer.texts()[0]


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_pdf_is_as_wide_as_the_paper_and_says_the_same(locale):
    paper = receipt_paper(a_receipt(), locale=locale, verify_url=VERIFY, at=AT)
    pdf = await render_paper(paper, made=PAID)
    assert await render_paper(paper, made=PAID) == pdf
    said, sheet = read(pdf), receipt_sheet(a_receipt(), locale=locale)
    for text in (sheet.title, sheet.total, *(row.value for row in sheet.facts)):
        assert "".join(text.split()) in said
    told = run("pdfinfo", "-", content=pdf)
    assert "Page size:       226.772 x" in told
    assert "Pages:           1" in told


async def test_a_report_of_a_till_and_a_marked_copy_come_out_whole_on_paper_and_as_pdf():
    text = as_text(set_paper(REPORT, columns=48), columns=48)
    assert "应有" + " " * 36 + "￥250.30" in text
    said = read(await render_paper(marked(REPORT, 2), made=PAID))
    assert said.count("补打REPRINT2") == 2
    assert "应有¥250.30" in said


@pytest.mark.parametrize("locale", LOCALES)
def test_a_trial_shows_the_till_an_amount_and_a_code(locale):
    at = datetime(2026, 11, 21, tzinfo=UTC).isoformat()
    text = as_text(set_paper(trial_paper(till="counter-1", locale=locale, at=at), columns=48), columns=48)
    assert "counter-1" in text
    assert "1,234.56" in text
    assert "[QR topup:counter-1]" in text
