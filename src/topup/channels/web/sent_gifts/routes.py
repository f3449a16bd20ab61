"""Every address of gifts that are sent."""

from topup.channels.web.keeping import Keeping
from topup.channels.web.routing import Route
from topup.channels.web.sent_gifts.pages import AddressPages
from topup.orders.desk import Desk
from topup.orders.order_gifts import OrderGifts


def sent_gift_routes(desk: Desk, gifts: OrderGifts, keeping: Keeping) -> list[Route]:
    """The pages."""
    pages = AddressPages(desk=desk, sending=desk.sending, gifts=gifts, keeping=keeping)
    return [
        ("GET", "/orders/{order_id:str}/address", pages.form),
        ("POST", "/orders/{order_id:str}/address", pages.give),
        ("GET", "/orders/{order_id:str}/address/{token:str}", pages.form),
    ]
