"""The code of an order, for who ordered it: to be typed or scanned on another device, or said at a counter."""

from typing import Final

from litestar import Response

from topup.channels.web.rendering import HEADERS, Page, WebRequest, go_to, page, reader_of
from topup.kernel.errors import Conflict
from topup.orders.desk import Desk
from topup.orders.elsewhere import grouped
from topup.orders.receipt_pdf import qr_svg
from topup.platform.web import limit

LOOK_S: Final = 20.0
"""How long a page waits for news before it asks again: shorter than proxies' patience."""
_WAITS: Final = "awaiting_payment"


class CodePages:
    """Codes by the id of an order, which is its payer's capability."""

    def __init__(self, desk: Desk, public_url: str) -> None:
        self._desk = desk
        self._public_url = public_url

    async def code(self, request: WebRequest, order_id: str) -> Page:
        """The code, and the same as a picture; of an order that cannot be paid any more its own page."""
        limit(request, "order")
        order = await self._desk.get_order(order_id=order_id)
        try:
            found = await self._desk.elsewhere.code(order_id=order.id)
        except Conflict:
            return go_to(f"/orders/{order.id}")
        wording = reader_of(request).wording
        return page(
            request,
            "elsewhere/code.html",
            order_id=order.id,
            number=order.shown_number,
            sum=wording.money(order.total),
            code=grouped(found.code),
            qr=qr_svg(f"{self._public_url}/pay/{found.token}"),
            door=f"{self._public_url.partition('://')[2]}/pay",
            until=wording.clock_in(found.until, order.zone, today=order.created_at),
        )

    async def news(self, request: WebRequest, order_id: str) -> Page:
        """On to the order's page once it is not waited for any more; 204 when nothing came in a while."""
        limit(request, "read")
        order = await self._desk.wait_for_change(order_id=order_id, seen=_WAITS, timeout_s=LOOK_S)
        return nothing_new() if order.status == _WAITS else elsewhere(f"/orders/{order.id}")


def nothing_new() -> Page:
    """Nothing came in a while: the page asks again."""
    return Response(b"", status_code=204, headers=HEADERS | {"HX-Trigger": "again"})


def elsewhere(path: str) -> Page:
    """The page that asked goes there."""
    return Response(b"", status_code=200, headers=HEADERS | {"HX-Redirect": path})
