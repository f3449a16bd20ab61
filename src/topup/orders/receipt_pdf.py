"""The receipt as PDF: one page, set by typst in a font that comes with it, the same bytes each time it is asked for."""

import asyncio
import json
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

import segno
import typst

from topup.orders.receipt_sheet import receipt_sheet
from topup.orders.views import ReceiptView
from topup.platform.i18n import language_tag

DOCUMENTS: Final = Path(__file__).parent / "documents"

# A compiler keeps its fonts, and compiles one document at a time.
_lock: Final = Lock()
_compilers: Final[list[typst.Compiler]] = []


async def render_pdf(receipt: ReceiptView, *, locale: str, verify_url: str) -> bytes:
    """The receipt as PDF in one of our languages; its QR leads to `verify_url`. About 0.2 s, in a thread."""
    return await asyncio.to_thread(_render, receipt, locale, verify_url)


def qr_svg(address: str) -> str:
    """The QR of an address as an SVG element: black on white, error correction M, with a quiet zone."""
    out = BytesIO()
    # XML without styles and without a fixed size, so that it may stand in a page with a strict policy.
    segno.make(address, error="m", boost_error=False).save(
        out, kind="svg", border=3, xmldecl=False, svgns=True, omitsize=True, dark="#000", svgclass=None, lineclass=None
    )
    return out.getvalue().decode()


def _render(receipt: ReceiptView, locale: str, verify_url: str) -> bytes:
    sheet = asdict(receipt_sheet(receipt, locale=locale)) | {
        "lang": language_tag(locale).split("-")[0],
        "qr": qr_svg(verify_url),
        "verify_url": verify_url,
        "verify_site": urlsplit(verify_url).netloc,
    }
    inputs = {"sheet": json.dumps(sheet, ensure_ascii=False)}
    with _lock:
        pdf = _compiler().compile(format="pdf", sys_inputs=inputs, timestamp=int(receipt.issued_at.timestamp()))
    assert isinstance(pdf, bytes)  # noqa: S101 - a PDF is one file, whatever its pages
    return pdf


def _compiler() -> typst.Compiler:
    if not _compilers:
        template = DOCUMENTS / "receipt.typ"
        _compilers.append(typst.Compiler(template, root=DOCUMENTS, font_paths=[DOCUMENTS]))
    return _compilers[0]
