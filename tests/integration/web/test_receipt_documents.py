"""A receipt as PDF: complete, the same bytes each time, legible on a machine without fonts, verifiable."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import typst

from topup.kernel.ids import OrderId
from topup.orders.receipt_pdf import DOCUMENTS, qr_svg, render_pdf
from topup.orders.receipt_sheet import receipt_sheet
from topup.orders.receipts import ReceiptBody, ReceiptGrant, ReceiptLine
from topup.orders.views import ReceiptView
from topup.platform.i18n import LOCALES

PAID = datetime(2026, 11, 21, 4, 5, 9, tzinfo=UTC)
VERIFY = "https://topup.example/verify/" + "Ab3_" * 60


@pytest.fixture
def receipt() -> ReceiptView:
    body = ReceiptBody(
        number="2026-03-000017",
        order_id="ord_01m7xqwpkj06f36d51nd7017dk",
        msisdn="+8613800138000",
        country="CN",
        carrier_id="qingfeng",
        carrier_names={"zh_Hans": "青峰移动", "zh_Hant": "青峰移動", "en": "Qingfeng Mobile"},
        product=None,
        currency="CNY",
        lines=[
            ReceiptLine("face", 5000, "line_face", {}),
            ReceiptLine("payment_fee", 30, "line_payment_fee", {"method": "sandbox"}),
        ],
        grants=[
            ReceiptGrant("CNY", 5000, "main", None),
            ReceiptGrant("DATA", 10 * 2**30, "promo", datetime(2026, 12, 21, 16, tzinfo=UTC)),
        ],
        total_minor=5030,
        method="sandbox",
        payment_id="pay_01m7xqwpkj06f36d51nd7017dk",
        payment_reference="SG20261121B054099DA2B1ADC8",
        paid_at=PAID,
        delivered_at=PAID + timedelta(seconds=2),
        zone="Asia/Shanghai",
    )
    return ReceiptView(body.number, OrderId(body.order_id), PAID + timedelta(seconds=2), body, "/verify/x")


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
