"""The day's bill as a file: comma-separated, a grave accent before each value, sums at the end, in yuan."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from topup_simulators.payments.book import Book
from topup_simulators.wechatpay.seal import APP, MERCHANT
from topup_simulators.wechatpay.voice import CHINA, CODE_PAYMENT, in_china

_HEADER: Final = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
_SUMS: Final = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
_RATE: Final = Decimal("0.006")
_PAGE: Final = 1000


def file_of(book: Book, day: date, kind: str, now: datetime) -> bytes | None:
    """The file of a day in China Standard Time, `ALL`, `SUCCESS` or `REFUND`; None where nothing moved on a day that is
    over. The real one has no file of a day that is not.
    """
    begin = datetime(day.year, day.month, day.day, tzinfo=CHINA)
    moved: list[dict[str, Any]] = []
    after = ""
    while True:
        page, after = book.moved(begin, begin + timedelta(days=1), after=after, most=_PAGE)
        moved += page
        if not after:
            break
    wanted = {"SUCCESS": ("payment",), "REFUND": ("refund",)}.get(kind, ("payment", "refund"))
    rows = [_row(book, line) for line in moved if line["kind"] in wanted]
    if not rows and now >= begin + timedelta(days=1):
        return None
    lines = [_HEADER, *(_written(row) for row in rows), _SUMS, _written(_sums(rows))]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")


def _row(book: Book, line: Mapping[str, Any]) -> Sequence[str]:
    terms = book.terms(line["payment_id"])
    trade_type = "" if terms is None else terms.facts.get("trade_type", "")
    amount = Decimal(line["amount_minor"]).scaleb(-2)
    fee = (amount * _RATE).quantize(Decimal("0.01"), ROUND_HALF_UP)
    is_refund = line["kind"] == "refund"
    is_reversed = is_refund and line["our_id"] == line["payment_id"] and trade_type == CODE_PAYMENT
    state = ("REVOKED" if is_reversed else "REFUND") if is_refund else "SUCCESS"
    nothing, plain = "0.00", f"{amount:.2f}"
    return (
        in_china(line["at"]).strftime("%Y-%m-%d %H:%M:%S"),
        APP,
        MERCHANT,
        "0",
        "",
        line["charge"],
        line["payment_id"],
        "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        trade_type,
        state,
        "OTHERS",
        line["currency"],
        nothing if is_refund else plain,
        nothing,
        line["reference"] if is_refund else "0",
        line["our_id"] if is_refund and not is_reversed else "0",
        plain if is_refund else nothing,
        nothing,
        "ORIGINAL" if is_refund else "",
        "SUCCESS" if is_refund else "",
        "" if terms is None else terms.description,
        "",
        f"{-fee if is_refund else fee:.5f}",
        "0.60%",
        nothing if is_refund else plain,
        plain if is_refund else nothing,
        "",
    )


def _sums(rows: Sequence[Sequence[str]]) -> Sequence[str]:
    def total(column: int) -> Decimal:
        return sum((Decimal(row[column]) for row in rows), Decimal(0))

    settled, refunds, coupons, fees, asked, refunds_asked = (total(column) for column in (12, 16, 17, 22, 24, 25))
    plain = (settled, refunds, coupons)
    return (
        str(len(rows)),
        *(f"{value:.2f}" for value in plain),
        f"{fees:.5f}",
        f"{asked:.2f}",
        f"{refunds_asked:.2f}",
    )


def _written(values: Sequence[str]) -> str:
    return ",".join(f"`{value}" for value in values)
