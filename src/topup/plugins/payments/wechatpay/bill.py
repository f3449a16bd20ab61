"""The day's bill: a file of comma-separated values, a grave accent before each, sums at its end.

Amounts are in yuan. A line's `fee` is all that keeps a payment from arriving whole: the provider's charge, and the
coupons that the merchant pays for; it is negative where a refund gives some of it back.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import islice
from typing import Final

from topup.kernel.money import InvalidMoney, Money
from topup.payments.ports import BillLine, BillUnavailable
from topup.plugins.payments.wechatpay.orders import CHINA
from topup.plugins.payments.wechatpay.outcomes import cancelled_payment
from topup.plugins.payments.wechatpay.shapes import BillPlace

_MOST_UNPACKED: Final = 1024 * 1024 * 1024
_CHUNK: Final = 65_536
_PAGE: Final = 1000
_GZIP: Final = 16 + zlib.MAX_WBITS
_TIME: Final = "交易时间"
_STATE: Final = "交易状态"
_PAYMENT: Final = "商户订单号"
_REFUND: Final = "商户退款单号"
_TRANSACTION: Final = "微信订单号"
_REFUND_REFERENCE: Final = "微信退款单号"
_CURRENCY: Final = "货币种类"
_ASKED: Final = "订单金额"
_SETTLED: Final = "应结订单金额"
_REFUND_ASKED: Final = "申请退款金额"
_REFUND_SETTLED: Final = "退款金额"
_REFUND_STATE: Final = "退款状态"
_FEE: Final = "手续费"
_NEEDED: Final = frozenset(
    {_TIME, _STATE, _PAYMENT, _REFUND, _TRANSACTION, _REFUND_REFERENCE, _CURRENCY, _ASKED, _SETTLED}
    | {_REFUND_ASKED, _REFUND_SETTLED, _REFUND_STATE, _FEE}
)
_SUMS: Final = "总交易单数"
_SUM_ASKED: Final = "订单总金额"
_SUM_REFUNDS: Final = "申请退款总金额"
_FAILED: Final = "FAIL"


def pages_of(raw: bytes, place: BillPlace, day: date) -> Iterator[list[BillLine]]:
    """The lines, page by page, of a file whose digest is the one that was announced, and whose lines can all be read
    and add up: it is gone through once before the first page, unpacked as it goes. Raises BillUnavailable.
    """
    digest = hashlib.sha1(usedforsecurity=False)
    try:
        for _ in _lines(_rows(raw, digest.update), day):
            pass
    except (InvalidOperation, InvalidMoney, ValueError, KeyError):
        raise BillUnavailable("a line cannot be read") from None
    if place.hash_type != "SHA1" or digest.hexdigest() != place.hash_value:
        raise BillUnavailable("the file is not the one that was announced")
    lines = _lines(_rows(raw), day)
    while page := list(islice(lines, _PAGE)):
        yield page


def _rows(raw: bytes, seen: Callable[[bytes], None] = lambda _: None) -> Iterator[str]:
    """The rows of the file; `seen` is given its bytes. Raises BillUnavailable, UnicodeDecodeError."""
    rest = b""
    for chunk in _unpacked(raw):
        seen(chunk)
        *rows, rest = (rest + chunk).split(b"\n")
        yield from (row.decode().strip() for row in rows)
    if rest:
        yield rest.decode().strip()


def _unpacked(raw: bytes) -> Iterator[bytes]:
    unpacker, size = zlib.decompressobj(_GZIP), 0
    for begin in range(0, len(raw), _CHUNK):
        try:
            content = unpacker.decompress(raw[begin : begin + _CHUNK])
        except zlib.error:
            raise BillUnavailable("the file is not compressed as it should be") from None
        size += len(content)
        if size > _MOST_UNPACKED or unpacker.unused_data:
            raise BillUnavailable("the file is too long")
        yield content
    if not unpacker.eof:
        raise BillUnavailable("the file is cut off")


def _lines(rows: Iterator[str], day: date) -> Iterator[BillLine]:
    """The lines, and at the end whether they add up. Raises what reading a number or a time raises."""
    header = next(rows, "").removeprefix("\ufeff").split(",")
    if not set(header) >= _NEEDED or len(set(header)) != len(header):
        raise BillUnavailable("the file lacks columns")
    counted = {_SUMS: Decimal(0), _SUM_ASKED: Decimal(0), _SUM_REFUNDS: Decimal(0)}
    for row in rows:
        if row.startswith(_SUMS):
            _check_sums(_record(row.split(","), next(rows, "")), counted)
            break
        record = _record(header, row)
        counted[_SUMS] += 1
        counted[_SUM_ASKED] += Decimal(record[_ASKED])
        counted[_SUM_REFUNDS] += Decimal(record[_REFUND_ASKED])
        line = _line(record, day)
        if line is not None:
            yield line
    else:
        raise BillUnavailable("the file has no sums at its end")
    if next(rows, None) is not None:
        raise BillUnavailable("the file goes on after its sums")


def _check_sums(sums: Mapping[str, str], counted: Mapping[str, Decimal]) -> None:
    if any(Decimal(sums[name]) != value for name, value in counted.items()):
        raise BillUnavailable("the lines do not add up to the sums at the end")


def _record(header: Sequence[str], row: str) -> Mapping[str, str]:
    """The values of a row by column. A description may have commas: a value begins after `,` and a grave accent."""
    values = row.removeprefix("`").split(",`")
    if len(values) != len(header):
        raise BillUnavailable("a line has not the columns of the file")
    return dict(zip(header, values, strict=True))


def _line(record: Mapping[str, str], day: date) -> BillLine | None:
    """A row as a line; None for a refund that failed, of which nothing moved."""
    written = datetime.fromisoformat(record[_TIME])
    if written.date() != day or written.tzinfo is not None:
        raise BillUnavailable("a line is of another day")
    at = written.replace(tzinfo=CHINA)
    currency, charge = record[_CURRENCY], _rounded(record[_FEE])
    if record[_STATE] == "SUCCESS":
        asked, settled = _fen(record[_ASKED]), _fen(record[_SETTLED])
        fee = Money(asked - settled + charge, currency)
        return BillLine("payment", record[_PAYMENT], record[_TRANSACTION], Money(asked, currency), at, fee)
    if record[_STATE] not in ("REFUND", "REVOKED"):
        raise BillUnavailable(f"a line has the state {record[_STATE][:20]}")
    if record[_REFUND_STATE] == _FAILED:
        return None
    asked, settled = _fen(record[_REFUND_ASKED]), _fen(record[_REFUND_SETTLED])
    fee = Money(settled - asked + charge, currency)
    number = record[_REFUND]
    # What was reversed, and what a cancelled payment gave back, has no refund of ours: it is told of the payment.
    ours = record[_PAYMENT] if record[_STATE] == "REVOKED" else cancelled_payment(number) or number
    return BillLine("refund", ours, record[_REFUND_REFERENCE], Money(asked, currency), at, fee)


def _fen(yuan: str) -> int:
    """Exactly; raises ValueError for parts of a fen."""
    fen = Decimal(yuan).scaleb(2)
    if fen != fen.to_integral_value():
        raise ValueError(yuan)
    return int(fen)


def _rounded(yuan: str) -> int:
    """The charge has five decimals, and is settled in whole fen."""
    return int(Decimal(yuan).scaleb(2).to_integral_value(ROUND_HALF_UP))
