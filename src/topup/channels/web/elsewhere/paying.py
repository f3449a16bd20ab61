"""For whoever pays another's order: the code's door, and a page that pays. It tells a masked number and a sum."""

from dataclasses import dataclass, field, replace
from typing import Final
from uuid import uuid4

from topup.channels.web.elsewhere.codes import elsewhere, nothing_new
from topup.channels.web.following import SHORT_LOOK_S, trouble_of, why_declined_last
from topup.channels.web.forms import read_form
from topup.channels.web.handing_over import handover_page
from topup.channels.web.keeping import Keeping, problem_of
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of, scene_of
from topup.channels.web.review import pay
from topup.channels.web.reviewing import MethodRow, method_rows
from topup.channels.web.wording import Said
from topup.kernel.errors import Conflict, Invalid, NotFound, Throttled
from topup.orders.awaited import open_payment
from topup.orders.desk import Desk
from topup.orders.elsewhere import DIGITS, Payable
from topup.orders.views import OrderView
from topup.orders.wording import second_payment_words
from topup.platform.request_keys import RequestKeys, check_key
from topup.platform.web import client_address, limit

_PLACE: Final = "pay"
_NOT_PAID: Final = frozenset({"awaiting_payment", "quoted", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class PaySheet:
    """All that whoever pays is told. `stage`: `pay`, `wait` for what was begun, `paid`, `ended` (the code), `over`."""

    stage: str
    seen: str
    number: str
    total: str
    pay_at: str
    continue_at: str = ""
    continue_sum: str = ""
    continue_method: str = ""
    transfer: tuple[tuple[str, str], ...] = ()
    methods: list[MethodRow] = field(default_factory=list)
    pay_key: str = ""
    voucher_failed: bool = False
    trouble: Said | None = None
    second: str = ""
    """That it was paid twice, and what becomes of the second payment, which may be theirs."""


class PayingPages:
    """An order by its code, or by the sealed token that a code or a picture leads to."""

    def __init__(self, desk: Desk, keys: RequestKeys, keeping: Keeping) -> None:
        self._desk = desk
        self._keys = keys
        self._keeping = keeping

    async def door(self, request: WebRequest) -> Page:
        """Where a code is typed."""
        return page(request, "elsewhere/door.html", here="/pay", typed="", mistake=None, longest=DIGITS * 2)

    async def find(self, request: WebRequest) -> Page:
        """From a code to what it pays; to the door again where it is none."""
        limit(request, "order")
        form = await read_form(request)
        typed = form.one("code")
        try:
            who = reader_of(request).subscriber
            found = await self._desk.elsewhere.find(
                text=typed, payer=who.id if who else None, address=client_address(request)
            )
        except (Invalid, NotFound, Throttled) as problem:
            return go_to(f"/pay/again/{self._keeping.seal({'code': typed}, place=_PLACE, problem=problem)}")
        return go_to(f"/pay/{found.token}")

    async def door_again(self, request: WebRequest, token: str) -> Page:
        """The door, with what was wrong."""
        limit(request, "read")
        kept = self._keeping.open(token, place=_PLACE)
        problem = problem_of(kept)
        mistake = reader_of(request).wording.problem(problem) if problem else None
        typed = kept["fields"]["code"]
        return page(request, "elsewhere/door.html", here="/pay", typed=typed, mistake=mistake, longest=DIGITS * 2)

    async def shown(self, request: WebRequest, token: str) -> Page:
        """What is to be paid, and how; or that it is paid, or cannot be any more."""
        limit(request, "read")
        found = self._desk.elsewhere.open(token=token)
        order = await self._desk.get_order(order_id=found.order_id)
        sheet = await self._sheet(request, order, found, at=f"/pay/{token}")
        trouble = trouble_of(request.query_params.get("trouble", ""), reader_of(request).wording)
        return page(request, "elsewhere/pay.html", order=replace(sheet, trouble=trouble or sheet.trouble))

    async def news(self, request: WebRequest, token: str) -> Page:
        """The page anew once something changed."""
        limit(request, "read")
        found = self._desk.elsewhere.open(token=token)
        seen = request.query_params.get("seen", "")
        order = await self._desk.wait_for_change(
            order_id=found.order_id, seen=seen.partition(".")[0], timeout_s=SHORT_LOOK_S
        )
        return nothing_new() if _seen(order) == seen else elsewhere(f"/pay/{token}")

    async def pay(self, request: WebRequest, token: str) -> Page:
        """Begin to pay. What comes back from there comes to this page, not to the order's."""
        limit(request, "order")
        form = await read_form(request)
        found = self._desk.elsewhere.open(token=token)
        if not await self._desk.elsewhere.live(until=found.until):
            return go_to(f"/pay/{token}")
        return await pay(
            request,
            self._desk,
            self._keys,
            order_id=found.order_id,
            method=form.one("method"),
            key=check_key(form.one("key")),
            code=form.one("code"),
            at=f"/pay/{token}",
        )

    async def handover(self, request: WebRequest, token: str, payment_id: str) -> Page:
        """The step from here to the payment page, of the payment that was begun here."""
        limit(request, "read")
        found = self._desk.elsewhere.open(token=token)
        order = await self._desk.get_order(order_id=found.order_id)
        back = f"/pay/{token}"
        payment = next((one for one in order.payments if one.id == payment_id), None)
        if payment is None or payment.status != "pending" or order.status != "awaiting_payment":
            return go_to(back)
        simulated = self._desk.is_simulated(method=payment.method)
        return handover_page(request, order, payment, back=back, simulated=simulated)

    async def _sheet(self, request: WebRequest, order: OrderView, found: Payable, *, at: str) -> PaySheet:
        wording = reader_of(request).wording
        sheet = PaySheet(
            stage="over" if order.status in _NOT_PAID else "paid",
            seen=_seen(order),
            number=order.msisdn.masked(),
            total=wording.money(order.paid),
            pay_at=f"{at}/payments",
            second=second_payment_words(order, locale=wording.locale),
        )
        if order.status != "awaiting_payment":
            return sheet
        going_on = open_payment(order)
        if not await self._desk.elsewhere.live(until=found.until):
            return replace(sheet, stage="wait" if going_on else "ended")
        try:
            methods = await self._desk.methods(quote_id=order.quote_id, scene=scene_of(request))
        except (Conflict, NotFound):
            return sheet
        return replace(
            sheet,
            stage="wait" if going_on else "pay",
            methods=method_rows(methods, wording, zone=order.zone),
            pay_key=str(uuid4()),
            voucher_failed=bool(order.payments) and order.payments[-1].method == "voucher",
            trouble=why_declined_last(order, wording),
        )


def _seen(order: OrderView) -> str:
    return f"{order.status}.{order.next_step}"
