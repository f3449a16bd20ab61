"""The day's bill: a zip with the trades and the sums, in GBK, as the merchant's portal gives it."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from topup_simulators.alipay.seal import CHINA
from topup_simulators.alipay.voice import BUYER, spell, yuan
from topup_simulators.payments.book import Book

_FEE: Final = Decimal("0.006")
_PAGE: Final = 1000
_COLUMNS: Final = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,"
    "券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_SUMS: Final = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)


def zipped(book: Book, *, first: datetime, seller_id: str) -> bytes | None:
    """The bill of the day that begins at `first`; None of a day on which nothing moved."""
    lines = list(_moved(book, first))
    if not lines:
        return None
    rows = [_row(book, line) for line in lines]
    name = f"{seller_id}0156_{first:%Y%m%d}"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}_业务明细(汇总).csv", _sums(first, seller_id, rows))
        archive.writestr(f"{name}_业务明细.csv", _trades(first, seller_id, rows))
    return made.getvalue()


def fee_of(minor: int) -> int:
    """What Alipay keeps of a payment: 0.6 %, to the nearest fen."""
    return int((minor * _FEE).quantize(Decimal(1), ROUND_HALF_UP))


def _moved(book: Book, first: datetime) -> Iterable[dict[str, Any]]:
    after = ""
    while True:
        lines, after = book.moved(first, first + timedelta(days=1), after=after, most=_PAGE)
        yield from lines
        if not after:
            return


def _row(book: Book, line: Mapping[str, Any]) -> list[str]:
    is_refund = line["kind"] == "refund"
    sign = "-" if is_refund else ""
    terms = book.terms(line["payment_id"])
    at = spell(datetime.fromisoformat(line["at"]))
    # What a cancel gave back has no request number.
    request = f"{line['our_id']}\t" if is_refund and line["our_id"] != line["payment_id"] else ""
    amount, fee = f"{sign}{yuan(line['amount_minor'])}", yuan(fee_of(line["amount_minor"]))
    return [
        f"{line['charge']}\t",
        f"{line['payment_id']}\t",
        "退款" if is_refund else "交易",
        terms.description if terms else "",
        at,
        at,
        *[""] * 4,
        BUYER["buyer_logon_id"],
        amount,
        amount,
        *["0.00"] * 5,
        "",
        *["0.00"] * 2,
        request,
        fee if is_refund else f"-{fee}",
        "0.00",
        "",
    ]


def _trades(first: datetime, seller_id: str, rows: Sequence[Sequence[str]]) -> bytes:
    dashes = "-" * 41
    return _file(
        [*_head("业务明细查询", first, seller_id), f"#{dashes}业务明细列表{dashes}"],
        [_COLUMNS.split(","), *rows],
        [f"#{dashes}业务明细列表结束{dashes}", f"#导出时间：[{datetime.now(CHINA):%Y年%m月%d日 %H:%M:%S}]"],
    )


def _sums(first: datetime, seller_id: str, rows: Sequence[Sequence[str]]) -> bytes:
    paid = [row for row in rows if row[2] == "交易"]
    total, fees = (sum(Decimal(row[column]) for row in rows) for column in (11, 22))
    line = ["合计", "", str(len(paid)), str(len(rows) - len(paid)), f"{total:.2f}", f"{total:.2f}", *["0.00"] * 3]
    return _file(
        [*_head("业务汇总查询", first, seller_id), "#-----业务汇总列表-----"],
        [_SUMS.split(","), [*line, f"{fees:.2f}", "0.00", f"{total + fees:.2f}"]],
        ["#-----业务汇总列表结束-----"],
    )


def _head(title: str, first: datetime, seller_id: str) -> list[str]:
    last = first + timedelta(days=1)
    return [
        f"#支付宝{title}",
        f"#账号：[{seller_id}0156]",
        f"#起始日期：[{first:%Y年%m月%d日} 00:00:00]   终止日期：[{last:%Y年%m月%d日} 00:00:00]",
    ]


def _file(head: list[str], table: Sequence[Sequence[str]], foot: list[str]) -> bytes:
    text = io.StringIO()
    text.write("".join(f"{line}\r\n" for line in head))
    csv.writer(text, lineterminator="\r\n").writerows(table)
    text.write("".join(f"{line}\r\n" for line in foot))
    return text.getvalue().encode("gb18030")
