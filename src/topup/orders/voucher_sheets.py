"""Voucher cards as PDF, ten on a page: face, serial number with its QR, last day, and the PIN where the film goes.

The PINs are in it and nowhere else: it is made in the run that makes the batch, and leaves it encrypted.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Final

import typst

from topup.kernel.errors import Invalid
from topup.orders.receipt_pdf import DOCUMENTS, qr_svg
from topup.payments.vouchers.operations import Printed, last_day
from topup.payments.vouchers.pins import grouped
from topup.payments.vouchers.queries import Batch
from topup.platform.i18n import format_date, format_money, language_tag, translate

MOST: Final = 2_000
"""Cards of one file: two hundred pages."""

# As for receipts: a compiler keeps its fonts, and compiles one document at a time.
_lock: Final = Lock()
_compilers: Final[list[typst.Compiler]] = []


def check_sheets(count: int) -> None:
    """That so many cards can be set on sheets. Raises Invalid voucher_sheets_many."""
    if count > MOST:
        raise Invalid("voucher_sheets_many", most=MOST)


def render_sheets(batch: Batch, printed: Sequence[Printed], *, locale: str, made: datetime) -> bytes:
    """The cards of a batch as PDF, in one of our languages. To be called in a thread: about 1 ms for each card.

    Raises Invalid voucher_sheets_many.
    """
    check_sheets(len(printed))

    def text(message_id: str, **parameters: object) -> str:
        return translate(locale, "printing", f"sheet.{message_id}", **parameters)

    face = format_money(batch.face, locale)
    sheet: dict[str, Any] = {
        "lang": language_tag(locale).split("-")[0],
        "title": text("title", batch=batch.id),
        "batch": text("batch", batch=batch.id, count=batch.count, face=face),
        "name": text("name"),
        "face": face,
        "serial": text("serial"),
        "until": text("until", date=format_date(last_day(batch.valid_until), locale, zone="UTC")),
        "how": text("how"),
        "pin": text("pin"),
        "cards": [
            {"serial": one.serial, "pin": grouped(one.pin), "code": qr_svg(one.serial)}
            for one in sorted(printed, key=lambda one: one.serial)
        ],
    }
    with _lock:
        if not _compilers:
            template = DOCUMENTS / "vouchers.typ"
            _compilers.append(typst.Compiler(template, root=DOCUMENTS, font_paths=[DOCUMENTS]))
        pdf = _compilers[0].compile(
            format="pdf", sys_inputs={"sheet": json.dumps(sheet, ensure_ascii=False)}, timestamp=int(made.timestamp())
        )
    assert isinstance(pdf, bytes)  # noqa: S101 - a PDF is one file, whatever its pages
    return pdf
