"""The day's bill of trades (业务明细): a zip with a CSV file in GBK, whose lines begin with `#` around the table."""

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final

from topup.kernel.money import InvalidMoney, Money
from topup.payments.ports import BillLine, BillUnavailable
from topup.plugins.payments.alipay.wire import CHINA, moment_of

LONGEST: Final = 128 * 1024 * 1024
"""Bytes of the zip."""
_LONGEST_FILE: Final = 1024 * 1024 * 1024
_MOST_FILES: Final = 16
_PAGE: Final = 1000
# What reading an archive of unknown content raises: RuntimeError for one that is encrypted or packed in a way unknown.
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    csv.Error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)

_TRADE, _ORDER, _KIND, _AT = "支付宝交易号", "商户订单号", "业务类型", "完成时间"
_AMOUNT, _REQUEST, _FEE = "订单金额（元）", "退款批次号/请求号", "服务费（元）"
_PARENTHESES: Final = str.maketrans("()", "（）")
_WANTED: Final = frozenset({_TRADE, _ORDER, _KIND, _AT, _AMOUNT, _REQUEST, _FEE})
_KINDS: Final = {"交易": "payment", "退款": "refund"}

_IN_THE_END: Final = timedelta(days=2)
"""How long after a day its bill may still come: it is promised for the next morning, and later after great sales."""


def is_long_over(day: date, now: datetime) -> bool:
    """Whether the bill of that day would have come by now."""
    return now - datetime(day.year, day.month, day.day, tzinfo=CHINA) > timedelta(days=1) + _IN_THE_END


def read_bill(content: bytes) -> Iterator[list[BillLine]]:
    """The lines of the bill, page by page, once the whole file was found undamaged. Raises BillUnavailable.

    Where a line cannot be read, it is raised when its turn comes: half a bill is none. A refund's amount and the fee
    of a payment are written as negative. What a cancel gave back has no number of ours: it is under the payment's.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [file for file in archive.infolist() if not file.is_dir()]
            if len(files) > _MOST_FILES or sum(file.file_size for file in files) > _LONGEST_FILE:
                raise BillUnavailable("the bill is larger than we read")
            if archive.testzip() is not None:
                raise BillUnavailable("the file is damaged")
            for file in files:
                with archive.open(file) as raw:
                    table = _table(io.TextIOWrapper(raw, encoding="gb18030", newline=""))
                    if table is not None:
                        yield from _pages(table)
                        return
    except _DAMAGED as error:
        raise BillUnavailable(f"the file cannot be read: {type(error).__name__}") from None
    raise BillUnavailable("the file has no table of trades")


def _table(text: io.TextIOWrapper) -> Iterator[Mapping[str, str]] | None:
    """The rows of a file; None where it is another one (the sums of the day)."""
    rows = csv.reader(line for line in text if not line.startswith("#"))
    names = [name.strip().translate(_PARENTHESES) for name in next(rows, [])]
    return _rows(names, rows) if _WANTED.issubset(names) else None


def _pages(table: Iterator[Mapping[str, str]]) -> Iterator[list[BillLine]]:
    while page := [_line(row) for row in islice(table, _PAGE)]:
        yield page


def _rows(names: list[str], rows: Iterator[list[str]]) -> Iterator[dict[str, str]]:
    for row in rows:
        if len(row) >= len(names):
            # A tab after each number keeps spreadsheets from rounding it.
            yield dict(zip(names, (value.strip() for value in row), strict=False))
        elif any(value.strip() for value in row):
            raise BillUnavailable("a line of the bill is cut")


def _line(row: Mapping[str, str]) -> BillLine:
    kind, at = _KINDS.get(row[_KIND], "other"), moment_of(row[_AT])
    amount, fee = _money(row[_AMOUNT]), _money(row[_FEE])
    if at is None or not row[_TRADE]:
        raise BillUnavailable("a line of the bill cannot be read")
    our_id = {"payment": row[_ORDER], "refund": row[_REQUEST] or row[_ORDER]}.get(kind, "")
    moved = amount if kind == "payment" else Money(abs(amount.amount_minor), amount.currency)
    return BillLine(kind, our_id, row[_TRADE], moved, at, Money(-fee.amount_minor, fee.currency))


def _money(text: str) -> Money:
    try:
        money = Money.from_major(text.removeprefix("-") or "0", "CNY")
    except InvalidMoney:
        raise BillUnavailable("an amount of the bill cannot be read") from None
    return Money(-money.amount_minor, "CNY") if text.startswith("-") else money
