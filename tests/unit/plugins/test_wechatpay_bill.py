"""The day's bill of WeChat Pay: what each row means in fen, and which files are not believed."""

import gzip
import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.misbehaving import misbehaving, read_request
from tests.support.wechatpay import Platform
from topup.kernel.money import Money
from topup.payments.ports import BillLine, BillUnavailable, NoBillYet
from topup.plugins.payments.wechatpay import Wechatpay
from topup.plugins.payments.wechatpay.bill import pages_of
from topup.plugins.payments.wechatpay.shapes import BillPlace

DAY = date(2026, 11, 20)
COLUMNS = [
    "交易时间",
    "公众账号ID",
    "商户号",
    "特约商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "货币种类",
    "应结订单金额",
    "代金券金额",
    "微信退款单号",
    "商户退款单号",
    "退款金额",
    "充值券退款金额",
    "退款类型",
    "退款状态",
    "商品名称",
    "商户数据包",
    "手续费",
    "费率",
    "订单金额",
    "申请退款金额",
    "费率备注",
]
SUMS = [
    "总交易单数",
    "应结订单总金额",
    "退款总金额",
    "充值券退款总金额",
    "手续费总金额",
    "订单总金额",
    "申请退款总金额",
]
PAYMENT, REFUND = "pay_06b2c3d4e5f6g7h8j9kamnpqrs", "ref_06b2c3d4e5f6g7h8j9kamnpqrs"


def a_row(**changes):
    row = dict.fromkeys(COLUMNS, "")
    row |= {"交易时间": "2026-11-20 16:15:29", "微信订单号": "4200001", "商户订单号": PAYMENT, "交易状态": "SUCCESS"}
    row |= {"货币种类": "CNY", "应结订单金额": "50.00", "代金券金额": "0.00", "微信退款单号": "0", "商户退款单号": "0"}
    row |= {
        "退款金额": "0.00",
        "充值券退款金额": "0.00",
        "手续费": "0.30000",
        "订单金额": "50.00",
        "申请退款金额": "0.00",
    }
    return row | changes


def a_refund(**changes):
    row = a_row(交易状态="REFUND", 微信退款单号="5030001", 商户退款单号=REFUND, 退款金额="50.00", 退款状态="SUCCESS")
    return row | {"应结订单金额": "0.00", "订单金额": "0.00", "申请退款金额": "50.00", "手续费": "-0.30000"} | changes


def a_file(*rows, mark="\ufeff", end="\r\n", columns=COLUMNS, **sums):
    def total(column):
        return str(sum((Decimal(row[column]) for row in rows), Decimal(0)))

    summed = [str(len(rows)), total("应结订单金额"), total("退款金额"), total("充值券退款金额"), total("手续费")]
    summed += [total("订单金额"), total("申请退款金额")]
    values = dict(zip(SUMS, summed, strict=True)) | sums
    lines = [",".join(columns), *(",".join(f"`{row[name]}" for name in columns) for row in rows), ",".join(SUMS)]
    lines.append(",".join(f"`{values[name]}" for name in SUMS))
    return (mark + end.join(lines) + end).encode()


def place_of(content, **changes):
    facts = {"download_url": "", "hash_type": "SHA1", "hash_value": hashlib.sha1(content).hexdigest()}  # noqa: S324 - the provider's digest
    return BillPlace(**facts | changes)


def lines_of(content, day):
    return [line for page in pages_of(gzip.compress(content), place_of(content), day) for line in page]


def yuan(fen):
    return f"{Decimal(fen).scaleb(-2):.2f}"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_payment_and_its_refund(mark, end):
    payment, refund = lines_of(a_file(a_row(), a_refund(), mark=mark, end=end), DAY)
    at = datetime(2026, 11, 20, 8, 15, 29, tzinfo=UTC)
    assert payment == BillLine("payment", PAYMENT, "4200001", Money(5000, "CNY"), at, Money(30, "CNY"))
    assert refund == BillLine("refund", REFUND, "5030001", Money(5000, "CNY"), at, Money(-30, "CNY"))


def test_a_coupon_that_the_merchant_pays_for_is_kept_from_us_like_a_fee():
    """50.00 asked, 45.00 settled, 0.27 charged: 44.73 arrives. Given back, 44.73 leaves."""
    rows = (
        a_row(应结订单金额="45.00", 代金券金额="5.00", 手续费="0.27000"),
        a_refund(退款金额="45.00", 手续费="-0.27000"),
    )
    payment, refund = lines_of(a_file(*rows), DAY)
    assert payment.amount.amount_minor - payment.fee.amount_minor == 4473
    assert refund.amount.amount_minor + refund.fee.amount_minor == 4473


@pytest.mark.parametrize(("charge", "fen"), [("0.00000", 0), ("0.00499", 0), ("0.00500", 1), ("0.12000", 12)])
def test_a_charge_of_parts_of_a_fen_is_rounded_as_it_is_settled(charge, fen):
    [line] = lines_of(a_file(a_row(手续费=charge)), DAY)
    assert line.fee == Money(fen, "CNY")


def test_a_reversed_code_payment_gives_back_under_the_payments_number():
    row = a_refund(交易状态="REVOKED", 商户退款单号="0")
    [line] = lines_of(a_file(row), DAY)
    assert (line.kind, line.our_id, line.reference) == ("refund", PAYMENT, "5030001")


def test_what_a_cancelled_payment_gave_back_is_told_of_the_payment():
    [line] = lines_of(a_file(a_refund(商户退款单号=f"cancel-{PAYMENT}")), DAY)
    assert (line.kind, line.our_id) == ("refund", PAYMENT)


@pytest.mark.parametrize(("state", "lines"), [("SUCCESS", 1), ("PROCESSING", 1), ("CHANGE", 1), ("FAIL", 0)])
def test_a_refund_counts_unless_it_failed(state, lines):
    assert len(lines_of(a_file(a_refund(退款状态=state)), DAY)) == lines


def test_a_description_may_have_commas_and_grave_accents():
    [line] = lines_of(a_file(a_row(商品名称="话费, 充值 `50`")), DAY)
    assert line.our_id == PAYMENT


def test_a_day_without_anything():
    assert lines_of(a_file(), DAY) == []


def test_columns_may_stand_in_another_order_and_there_may_be_more():
    columns = [*reversed(COLUMNS[1:]), "新列"]
    rows = [a_row(新列="x")]
    [line] = lines_of(a_file(*rows, columns=["交易时间", *columns]), DAY)
    assert line.amount == Money(5000, "CNY")


@given(amounts=st.lists(st.tuples(st.integers(1, 10**9), st.booleans()), max_size=20))
def test_every_fen_is_kept(amounts):
    rows = [
        a_refund(退款金额=yuan(fen), 申请退款金额=yuan(fen))
        if back
        else a_row(应结订单金额=yuan(fen), 订单金额=yuan(fen))
        for fen, back in amounts
    ]
    lines = lines_of(a_file(*rows), DAY)
    assert [(line.amount.amount_minor, line.kind == "refund") for line in lines] == amounts


WRONG = {
    "a line too few": a_file(a_row(), 总交易单数="2"),
    "another sum": a_file(a_row(), 订单总金额="50.01"),
    "another sum of refunds": a_file(a_refund(), 申请退款总金额="49.99"),
    "another day": a_file(a_row(交易时间="2026-11-21 00:00:00")),
    "parts of a fen": a_file(a_row(订单金额="50.001")),
    "a state on no list": a_file(a_row(交易状态="PENDING")),
    "no amount": a_file(a_row(), 订单总金额="0").replace(b"`50.00,`0.00,`\r\n", b"`,`0.00,`\r\n"),
    "no time": a_file(a_row(交易时间="yesterday")),
    "a currency that is none": a_file(a_row(货币种类="yuan")),
    "no sums": a_file(a_row()).partition("总交易单数".encode())[0],
    "no header": a_file(a_row()).partition(b"\n")[2],
    "lines after the sums": a_file(a_row()) + b"`1\r\n",
    "a column too few": a_file(a_row()).replace(b"`4200001,", b""),
    "no such columns": a_file(a_row(), columns=[name for name in COLUMNS if name != "手续费"]),
    "not text": b"\xff\xfe\x00",
    "nothing": b"",
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG.keys())
def test_a_file_that_is_not_whole_is_no_bill(content):
    with pytest.raises(BillUnavailable):
        lines_of(content, DAY)


def test_a_file_that_is_cut_off_altered_or_of_another_digest_is_not_believed():
    content = a_file(a_row())
    packed, place = gzip.compress(content), place_of(content)
    assert list(pages_of(packed, place, DAY)), "the digest is of the file before it was compressed"
    for raw in (packed[:-1], packed[: len(packed) // 2], b"", b"\x00", packed + b"\x00", gzip.compress(content + b" ")):
        with pytest.raises(BillUnavailable):
            list(pages_of(raw, place, DAY))
    for change in ({"hash_type": "MD5"}, {"hash_value": "0" * 40}):
        with pytest.raises(BillUnavailable):
            list(pages_of(packed, place_of(content, **change), DAY))


def test_a_long_bill_comes_page_by_page_and_only_when_all_of_it_holds():
    rows = [a_row(商户订单号=f"pay_{number:026}") for number in range(2500)]
    content = a_file(*rows)
    pages = list(pages_of(gzip.compress(content), place_of(content), DAY))
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert len({line.our_id for page in pages for line in page}) == 2500
    spoilt = a_file(*rows, 订单总金额="1.00")
    with pytest.raises(BillUnavailable):
        next(pages_of(gzip.compress(spoilt), place_of(spoilt), DAY))


async def test_our_signature_goes_to_no_other_address(tmp_path, http_client):
    """The answer that says where the bill lies is WeChat Pay's; the address in it is not therefore WeChat Pay."""
    platform = Platform()
    told = []

    async def elsewhere(reader, writer):
        told.append(await read_request(reader))
        writer.close()

    async with misbehaving(elsewhere) as (other, _):
        place = {"download_url": f"{other}/file?token=1", "hash_type": "SHA1", "hash_value": "0" * 40}
        async with misbehaving(platform.answering((200, place))) as (url, _):
            with pytest.raises(BillUnavailable, match="another address"):
                await Wechatpay(platform.settings(tmp_path, url), http_client).bill(DAY)
    assert told == []


@pytest.mark.parametrize(
    ("code", "day", "there"),
    [
        ("NO_STATEMENT_EXIST", date(2020, 1, 1), True),
        ("NO_STATEMENT_EXIST", date(2999, 1, 1), False),
        ("STATEMENT_CREATING", date(2020, 1, 1), False),
    ],
)
async def test_no_bill_means_an_empty_day_only_once_the_bill_would_be_there(tmp_path, http_client, code, day, there):
    platform = Platform()
    async with misbehaving(platform.answering((400, {"code": code}))) as (url, _):
        plugin = Wechatpay(platform.settings(tmp_path, url), http_client)
        if there:
            assert await plugin.bill(day) == []
        else:
            with pytest.raises(BillUnavailable, match=code) as raised:
                await plugin.bill(day)
            assert isinstance(raised.value, NoBillYet) == (code == "NO_STATEMENT_EXIST")
