"""Where a gift is sent: asked of its order's payer on a page of its own, without which the order's page stays what it
is.

An order's id is its payer's capability, so whoever has it says where to, and is not shown what was said before: the id
may be in other hands by then. Of an order that somebody made who was signed in only they may, and see it again.
"""

from typing import Final
from urllib.parse import quote

from babel import Locale

from topup.channels.web.forms import read_form
from topup.channels.web.keeping import Keeping
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.sent_gifts.wording import parcel_rows
from topup.channels.web.visitors import FORM_TOKEN, SIGN_IN
from topup.kernel.errors import Conflict, Forbidden, NotFound
from topup.orders.desk import Desk
from topup.orders.order_gifts import OrderGifts
from topup.orders.parcels import Parcels, Sending
from topup.orders.views import OrderView
from topup.people import postal
from topup.people.postal import UnreadableAddress, parse_address
from topup.platform.web import limit

FIELDS: Final = ("name", "address", "postcode", "country", "phone")
_LONGEST: Final = {
    "name": postal.LONGEST_NAME,
    "address": postal.LONGEST_ADDRESS,
    "postcode": postal.LONGEST_POSTCODE,
    "country": postal.LONGEST_COUNTRY,
    "phone": postal.LONGEST_PHONE,
}


class AddressPages:
    """The form, and what it holds."""

    def __init__(self, *, desk: Desk, sending: Sending, gifts: OrderGifts, keeping: Keeping) -> None:
        self._desk = desk
        self._sending = sending
        self._gifts = gifts
        self._keeping = keeping

    async def form(self, request: WebRequest, order_id: str, token: str = "") -> Page:
        """What is asked; with `token`, what was typed and is wrong."""
        limit(request, "read")
        order = await self._desk.get_order(order_id=order_id)
        parcels = await self._parcels(request, order)
        if parcels is None:
            return go_to(f"{SIGN_IN}?back={quote(f'/orders/{order.id}/address', safe='/')}")
        if not parcels.wanted:
            return go_to(f"/orders/{order.id}")
        kept = self._keeping.open(token, place=_place(order)) if token else None
        wrong = kept["parameters"]["fields"] if kept else []
        wording = reader_of(request).wording
        return page(
            request,
            "sent_gifts/address.html",
            here=f"/orders/{order.id}/address",
            order_id=order.id,
            gifts=parcel_rows(parcels, {one.sku: one for one in await self._gifts.of_order(order)}, wording),
            given=any(one.addressed_at for one in parcels.wanted),
            fields=kept["fields"] if kept else await self._known(request, order),
            wrong=[field for field in FIELDS if field in wrong],
            longest=_LONGEST,
        )

    async def give(self, request: WebRequest, order_id: str) -> Page:
        """Send it there. What is wrong is told at the fields it is wrong in."""
        limit(request, "order")
        form = await read_form(request)
        who = reader_of(request).subscriber
        if who is not None and not who.sent(form.one(FORM_TOKEN)):
            raise Forbidden("request_refused")
        order = await self._desk.get_order(order_id=order_id)
        if await self._parcels(request, order) is None:
            return go_to(f"{SIGN_IN}?back={quote(f'/orders/{order.id}/address', safe='/')}")
        typed = {name: form.one(name) for name in FIELDS}
        try:
            address = parse_address(**typed)
        except UnreadableAddress as problem:
            short = {name: text[: _LONGEST[name]] for name, text in typed.items()}
            token = self._keeping.seal(short, place=_place(order), problem=problem)
            return go_to(f"/orders/{order.id}/address/{token}")
        try:
            await self._sending.give_address(order_id=order.id, subscriber_id=who.id if who else None, address=address)
        except Conflict:
            # It left meanwhile, or its time is over: the order says which.
            return go_to(f"/orders/{order.id}")
        return go_to(f"/orders/{order.id}#gifts")

    async def _parcels(self, request: WebRequest, order: OrderView) -> Parcels | None:
        """What is sent with an order; None for who must sign in first. Raises NotFound `order_unknown` for somebody
        else who is signed in.
        """
        who = reader_of(request).subscriber
        parcels = await self._sending.parcels(order_id=order.id, subscriber_id=who.id if who else None)
        if parcels.is_theirs:
            return parcels
        if who is not None:
            raise NotFound("order_unknown")
        return None

    async def _known(self, request: WebRequest, order: OrderView) -> dict[str, str]:
        """What the form begins with: where a subscriber's gift is sent so far, else the country of the number."""
        who = reader_of(request).subscriber
        known = await self._sending.address(order_id=order.id, subscriber_id=who.id) if who else None
        if known is not None:
            return {
                "name": known.name,
                "address": "\n".join(known.lines),
                "postcode": known.postcode,
                "country": known.country,
                "phone": known.phone,
            }
        country = Locale.parse(reader_of(request).wording.locale).territories.get(order.msisdn.country, "")
        return dict.fromkeys(FIELDS, "") | {"country": country}


def _place(order: OrderView) -> str:
    return f"gift-address:{order.id}"
