"""WeChat Pay, API v3 (微信支付): Native, H5, JSAPI and code payments of a merchant of its own, in yuan.

docs/guides/payments/wechatpay.md says how to go live with it.
"""

from topup.platform.plugs import Plug
from topup.plugins.payments.wechatpay.checking import check
from topup.plugins.payments.wechatpay.gateway import Wechatpay
from topup.plugins.payments.wechatpay.settings import WechatpaySettings
from topup.plugins.payments.wechatpay.vectors import VECTORS, example

__all__ = ["PLUG", "Wechatpay", "WechatpaySettings"]

PLUG = Plug(
    name=Wechatpay.name,
    settings=WechatpaySettings,
    capabilities=Wechatpay.capabilities,
    make=Wechatpay,
    vectors=VECTORS,
    example=example,
    check=check,
)
