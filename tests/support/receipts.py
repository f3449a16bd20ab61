"""A receipt as it was signed."""

from datetime import UTC, datetime, timedelta

from topup.kernel.ids import OrderId
from topup.orders.receipts import ReceiptBody, ReceiptGrant, ReceiptLine
from topup.orders.views import ReceiptView

PAID = datetime(2026, 11, 21, 4, 5, 9, tzinfo=UTC)
VERIFY = "https://topup.example/verify/" + "Ab3_" * 60


def a_receipt() -> ReceiptView:
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
