"""Sheets of voucher cards: each card whole and once, ten on a page, nothing of the system's fonts, bounded."""

import subprocess
from datetime import UTC, date, datetime

import pytest

from topup.kernel.errors import Invalid
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.orders.voucher_sheets import MOST, check_sheets, render_sheets
from topup.payments.vouchers.operations import Printed, end_of_day, last_day
from topup.payments.vouchers.pins import grouped, new_pin, serial_of
from topup.payments.vouchers.queries import Batch
from topup.payments.vouchers.states import VoucherState
from topup.platform.i18n import LOCALES

MADE = datetime(2026, 11, 21, 4, 5, tzinfo=UTC)
LAST = date(2027, 12, 31)
BATCH = new_id("batch", 0)
CARDS = [Printed(serial_of(BATCH, number), new_pin()) for number in range(1, 13)]


def sheets(locale: str = "zh_Hans") -> bytes:
    until = end_of_day(LAST)
    batch = Batch(BATCH, "batch", Money(5000, "CNY"), 12, None, until, VoucherState.MADE, "cli", MADE, MADE)
    return render_sheets(batch, CARDS, locale=locale, made=MADE)


def run(*command: str, content: bytes) -> str:
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("locale", LOCALES)
def test_each_card_has_its_face_serial_number_last_day_and_pin_once(locale):
    pdf = sheets(locale)
    told = run("pdftotext", "-layout", "-", "-", content=pdf)
    for card in CARDS:
        assert told.count(card.serial) == 1
        assert told.count(grouped(card.pin)) == 1
    assert "50.00" in told
    assert "2027" in told
    assert BATCH in told
    facts = run("pdfinfo", "-", content=pdf)
    assert "Pages:           2" in facts
    assert "A4" in facts


def test_the_day_on_the_card_is_the_one_the_batch_was_made_for():
    assert last_day(end_of_day(LAST)) == LAST


def test_all_its_fonts_come_with_it(tmp_path):
    file = tmp_path / "sheets.pdf"
    file.write_bytes(sheets())
    listed = run("pdffonts", str(file), content=b"").splitlines()[2:]
    assert listed
    assert all("NotoSansSC" in line for line in listed), listed


def test_more_cards_than_one_file_holds_are_refused_before_any_is_made():
    check_sheets(MOST)
    with pytest.raises(Invalid, match="voucher_sheets_many"):
        check_sheets(MOST + 1)
