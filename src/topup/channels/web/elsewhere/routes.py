"""Every address of paying on another device."""

from topup.channels.web.elsewhere.codes import CodePages
from topup.channels.web.elsewhere.paying import PayingPages
from topup.channels.web.keeping import Keeping
from topup.channels.web.routing import Route
from topup.orders.desk import Desk
from topup.platform.request_keys import RequestKeys


def elsewhere_routes(
    desk: Desk, *, keys: RequestKeys, keeping: Keeping, public_url: str
) -> tuple[list[Route], list[Route]]:
    """The pages, and those that answer only when something changed."""
    codes = CodePages(desk, public_url)
    paying = PayingPages(desk, keys, keeping)
    return [
        ("GET", "/orders/{order_id:str}/elsewhere", codes.code),
        ("GET", "/pay", paying.door),
        ("POST", "/pay", paying.find),
        ("GET", "/pay/again/{token:str}", paying.door_again),
        ("GET", "/pay/{token:str}", paying.shown),
        ("POST", "/pay/{token:str}/payments", paying.pay),
        ("GET", "/pay/{token:str}/payments/{payment_id:str}", paying.handover),
    ], [
        ("GET", "/orders/{order_id:str}/elsewhere/news", codes.news),
        ("GET", "/pay/{token:str}/news", paying.news),
    ]
