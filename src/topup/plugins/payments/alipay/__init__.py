"""Alipay's open platform (支付宝开放平台): wap and page payments, QR codes and payment codes of one merchant, in yuan.

docs/guides/payments/alipay.md says how to go live with it.
"""

from topup.platform.plugs import Plug
from topup.plugins.payments.alipay.checking import check
from topup.plugins.payments.alipay.gateway import Alipay
from topup.plugins.payments.alipay.settings import AlipaySettings
from topup.plugins.payments.alipay.vectors import VECTORS, example

__all__ = ["PLUG", "Alipay", "AlipaySettings"]

PLUG = Plug(
    name=Alipay.name,
    settings=AlipaySettings,
    capabilities=Alipay.capabilities,
    make=Alipay,
    vectors=VECTORS,
    example=example,
    check=check,
)
