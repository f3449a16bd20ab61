"""What is asked for when a payment begins, by the place where the payer is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any, Final
from urllib.parse import quote

from topup.payments.ports import PaymentRequest, Scene
from topup.plugins.payments.wechatpay.settings import WechatpaySettings

CHINA: Final = timezone(timedelta(hours=8))
"""China Standard Time: bills count their days in it, and times on the wire are written in it."""
_LONGEST_DESCRIPTION: Final = 127
_PAYMENT_CODE: Final = re.compile(r"[0-9]{10,32}", re.ASCII)
_PATHS: Final = {
    Scene.PHONE: "h5",
    Scene.DESKTOP: "native",
    Scene.SCREEN: "native",
    Scene.WALLET: "jsapi",
    Scene.COUNTER: "codepay",
}


class Incomplete(Exception):
    """The request lacks what the scene needs; nothing was sent."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that begins a payment."""

    path: str
    body: Mapping[str, Any]


def wanted(request: PaymentRequest, settings: WechatpaySettings) -> Wanted:
    """The call. Raises Incomplete."""
    path = _PATHS.get(request.scene)
    if path is None or request.scene not in settings.scenes or request.amount.currency != "CNY":
        raise Incomplete("NOT_SERVED")
    body: dict[str, Any] = {
        "appid": settings.app_id,
        "mchid": settings.merchant_id,
        "description": _cut(request.description),
        "out_trade_no": request.payment_id,
        "amount": {"total": request.amount.amount_minor, "currency": "CNY"},
        **_of_scene(request, settings),
    }
    if request.scene is not Scene.COUNTER:
        body["notify_url"] = request.notify_url
        body["time_expire"] = request.expires_at.astimezone(CHINA).isoformat(timespec="seconds")
    return Wanted(f"/v3/pay/transactions/{path}", body)


def with_return(h5_url: str, request: PaymentRequest) -> str:
    """The address of the pay page, which leads back to us."""
    mark = "&" if "?" in h5_url else "?"
    return f"{h5_url}{mark}redirect_url={quote(request.return_url, safe='')}"


def _of_scene(request: PaymentRequest, settings: WechatpaySettings) -> dict[str, Any]:
    match request.scene:
        case Scene.PHONE:
            if not request.payer_address:
                raise Incomplete("PAYER_ADDRESS_MISSING")
            return {"scene_info": {"payer_client_ip": request.payer_address, "h5_info": {"type": "Wap"}}}
        case Scene.WALLET:
            if not request.wallet_user:
                raise Incomplete("WALLET_USER_MISSING")
            return {"payer": {"openid": request.wallet_user}}
        case Scene.COUNTER:
            if _PAYMENT_CODE.fullmatch(request.payment_code or "") is None:
                raise Incomplete("PAYMENT_CODE_IMPOSSIBLE")
            store = {"store_info": {"out_id": settings.store_id}}
            return {"payer": {"auth_code": request.payment_code}, "scene_info": store}
        case _:
            return {}


def _cut(text: str) -> str:
    """At most 127 bytes of UTF-8, no character cut in two: the provider counts characters in one place and bytes in
    another.
    """
    return text.encode()[:_LONGEST_DESCRIPTION].decode(errors="ignore")
