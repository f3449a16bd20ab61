"""The day's bill of Alipay: read whole or not at all, to the fen."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.money import Money
from topup.payments.ports import BillLine, BillUnavailable
from topup.plugins.payments.alipay import bill
from topup.plugins.payments.alipay.bill import is_long_over

PAYMENT, REFUND = "pay_06b2c3d4e5f6g7h8j9kamnpqrs", "ref_06b2c3d4e5f6g7h8j9kamnpqrs"
COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
PAID = (
    f"2026112022001473030500100001\t,{PAYMENT}\t,交易,话费充值,2026-11-20 16:15:02,2026-11-20 16:15:30,,,,,"
    "sim***@example.com,50.00,50.00,0.00,0.00,0.00,0.00,0.00,,0.00,0.00,,-0.30,0.00,"
)
GIVEN_BACK = (
    f"2026112022001473030500100001\t,{PAYMENT}\t,退款,话费充值,2026-11-20 16:15:02,2026-11-20 17:00:00,,,,,"
    f"sim***@example.com,-12.34,-12.34,0.00,0.00,0.00,0.00,0.00,,0.00,0.00,{REFUND}\t,0.07,0.00,"
)
HEAD = "#支付宝业务明细查询\r\n#账号：[20880000000000010156]\r\n#-----业务明细列表-----\r\n"
FOOT = "#-----业务明细列表结束-----\r\n#导出时间：[2026年11月21日 09:00:00]\r\n"
SUMS = "#支付宝业务汇总查询\r\n门店编号,门店名称,交易订单总笔数\r\n合计,,1\r\n#-----业务汇总列表结束-----\r\n"


def read_bill(content):
    return [line for page in bill.read_bill(content) for line in page]


def zipped(*lines, columns=COLUMNS, sums=True):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        if sums:
            archive.writestr("汇总.csv", SUMS.encode("gbk"))
        archive.writestr("明细.csv", (HEAD + "\r\n".join([columns, *lines, ""]) + FOOT).encode("gbk"))
    return made.getvalue()


def test_a_payment_and_a_refund_with_their_fees():
    assert read_bill(zipped(PAID, GIVEN_BACK)) == [
        BillLine(
            "payment",
            PAYMENT,
            "2026112022001473030500100001",
            Money(5000, "CNY"),
            datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC),
            Money(30, "CNY"),
        ),
        BillLine(
            "refund",
            REFUND,
            "2026112022001473030500100001",
            Money(1234, "CNY"),
            datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
            Money(-7, "CNY"),
        ),
    ]


def test_a_long_bill_comes_page_by_page_and_a_damaged_one_not_at_all():
    many = zipped(*[PAID] * 2500)
    assert [len(page) for page in bill.read_bill(many)] == [1000, 1000, 500]
    place = many.index(PAYMENT.encode(), len(many) // 2)
    with pytest.raises(BillUnavailable):
        next(bill.read_bill(many[:place] + b"x" + many[place + 1 :]))


def test_a_day_without_lines():
    assert read_bill(zipped(sums=False)) == []


def test_what_a_cancel_gave_back_is_under_the_payment():
    [line] = read_bill(zipped(GIVEN_BACK.replace(f"{REFUND}\t", "")))
    assert (line.kind, line.our_id) == ("refund", PAYMENT)


def test_a_line_of_another_kind_is_kept_and_is_nobodys():
    [line] = read_bill(zipped(PAID.replace("交易,", "服务费收费,").replace(",50.00,", ",-1.00,", 1)))
    assert (line.kind, line.our_id, line.amount) == ("other", "", Money(100, "CNY"))


def test_columns_are_found_by_their_names():
    first, rest = COLUMNS.split(",", 1)
    value, others = PAID.split(",", 1)
    assert read_bill(zipped(f"{others},{value}", columns=f"{rest},{first}"))[0].our_id == PAYMENT
    narrow = COLUMNS.translate(str.maketrans("（）", "()"))
    assert read_bill(zipped(PAID, columns=narrow)) == read_bill(zipped(PAID))


@pytest.mark.parametrize(
    "line",
    [
        PAID[:60],
        PAID.replace("50.00", "fifty", 1),
        PAID.replace("50.00", "50.001", 1),
        PAID.replace("2026-11-20 16:15:30", "yesterday"),
        PAID.replace("2026112022001473030500100001\t", ""),
        PAID.replace("-0.30", "--0.30"),
    ],
)
def test_a_bill_with_one_bad_line_is_no_bill(line):
    with pytest.raises(BillUnavailable):
        read_bill(zipped(PAID, line))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_bill(content):
    with pytest.raises(BillUnavailable):
        read_bill(content)


@given(st.data())
def test_a_damaged_bill_is_read_as_it_was_or_not_at_all(data):
    good = zipped(PAID, GIVEN_BACK)
    place = data.draw(st.integers(0, len(good) - 1))
    change = data.draw(st.integers(1, 255))
    try:
        lines = read_bill(good[:place] + bytes([good[place] ^ change]) + good[place + 1 :])
    except BillUnavailable:
        return
    assert lines == read_bill(good)


def test_a_table_that_is_missing_or_named_otherwise():
    for content in (zipped(PAID, columns=COLUMNS.replace("服务费（元）", "费")), _only_sums()):
        with pytest.raises(BillUnavailable):
            read_bill(content)


def _only_sums():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("汇总.csv", SUMS.encode("gbk"))
    return made.getvalue()


def test_a_bill_that_is_not_there_is_waited_for_two_days():
    """Before that it may still come; after that nothing happened on that day."""
    day = date(2026, 11, 20)
    over = datetime(2026, 11, 20, 16, tzinfo=UTC)
    assert [is_long_over(day, over + timedelta(hours=hours)) for hours in (0, 17, 48, 49)] == [
        False,
        False,
        False,
        True,
    ]
