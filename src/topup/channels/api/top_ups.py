"""The main job over REST: number, products, quote, order, payment, status, receipt."""

from functools import partial
from typing import Final

import msgspec
from litestar.params import FromPath

from topup.channels.api import receipt_shapes, rendering, shapes, way_shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.keyed import Keyed, answer_asked
from topup.channels.api.reading import name_of, path_text, permitted, principal_of, query_number, read_json
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import InvalidId, OrderId, PaymentId, check_id, lane_of, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.orders.desk import Desk
from topup.orders.paying import Presented
from topup.orders.receipt_pdf import render_pdf
from topup.orders.views import OrderView, PaymentView
from topup.payments.ports import Scene, Unfit
from topup.people.api_keys import ApiPrincipal
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.once import Key
from topup.platform.request_keys import RequestKeys, Stored
from topup.platform.web import Handlers, client_address, limit, request_locale
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest, caller_of

_CHANNEL: Final = "api"
_BALANCE: Final = "balance"
"""The method that pays from the balance of a line."""
_ROOT: Final = "/api/v1"
_NUMBER_PROBLEMS: Final = (
    "number_missing",
    "number_unreadable",
    "number_impossible",
    "number_invalid",
    "number_not_served",
    "number_cannot_be_topped_up",
)
_NUMBER: Final = "A phone number as people write it; escape spaces, and the plus sign as %2B."

_new_quote: Final = msgspec.json.Decoder(shapes.NewQuote)
_new_order: Final = msgspec.json.Decoder(shapes.NewOrder)
_new_payment: Final = msgspec.json.Decoder(shapes.NewPayment)


class TopUps(Handlers):
    """Handlers of the routes a guest needs. `address` is how the outside reaches us."""

    def __init__(self, *, desk: Desk, keys: RequestKeys, database: Database, address: str) -> None:
        self._desk = desk
        self._keys = keys
        self._database = database
        self._address = address

    async def number(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """Which carrier serves a number today."""
        limit(request, "number")
        view = await self._desk.number(text=path_text(number))
        return answer(rendering.encode(rendering.number(view)))

    async def products(self, request: AnyRequest) -> Answer:
        """What can be bought for a number."""
        limit(request, "number")
        view = await self._desk.products(text=query_number(request))
        return answer(rendering.encode(rendering.products(view, request_locale(request))))

    async def new_quote(self, request: AnyRequest) -> Answer:
        """Price a top-up."""
        limit(request, "quote")
        wish = await read_json(request, _new_quote)
        principal = await principal_of(request, self._database)
        caller = name_of(principal) if principal else None
        view = await self._desk.quote(
            number=wish.number,
            product=wish.product,
            amount=await self._amount(wish),
            payment_method=wish.payment_method,
            sees_balance=_sees_balance(principal),
            channel=_CHANNEL,
            coupons=wish.coupons,
            guessing=self._desk.guesser(payer=caller, address=None if principal else client_address(request)),
        )
        return answer(rendering.encode(rendering.quote(view, request_locale(request))), status=201)

    async def _amount(self, wish: shapes.NewQuote) -> Money | None:
        """The amount asked for. Raises currency_wrong where it is written as a currency is and is none of ours."""
        try:
            return Money(wish.amount.amount_minor, wish.amount.currency) if wish.amount else None
        except InvalidMoney:
            view = await self._desk.number(text=wish.number)
            raise Invalid("currency_wrong", currency=view.currency) from None

    async def methods(self, request: AnyRequest, quote_id: FromPath[str]) -> Answer:
        """How a quote can be paid."""
        limit(request, "read")
        scene = _scene(request.query_params.get("scene"))
        principal = await principal_of(request, self._database)
        payer_known = principal is not None and principal.may(Permission.PAY_FROM_BALANCE)
        found = await self._desk.methods(quote_id=quote_id, scene=scene, payer_known=payer_known)
        return answer(rendering.encode(rendering.methods(found)))

    async def new_order(self, request: AnyRequest) -> Answer:
        """Order at a quoted price."""
        limit(request, "order")
        wish = await read_json(request, _new_order)
        locale = request_locale(request)
        confirmations = frozenset(wish.confirmations)
        principal = await principal_of(request, self._database)

        def render(view: OrderView) -> tuple[int, bytes]:
            return 201, rendering.encode(rendering.order(view, locale))

        resource = new_id("order", _lane("quote", wish.quote_id))

        async def work(key: Key[OrderView]) -> OrderView | Stored:
            return await self._desk.order_once(
                key,
                order_id=OrderId(resource),
                quote_id=wish.quote_id,
                contact=wish.contact,
                confirmations=confirmations,
                locale=locale,
                channel=_CHANNEL,
                sees_balance=_sees_balance(principal),
                payer=name_of(principal) if principal else caller_of(request),
            )

        content = rendering.encode((wish.quote_id, wish.contact, sorted(confirmations)))
        keyed = Keyed(route="POST /orders", content=content, resource=resource, render=render)
        return await answer_asked(request, database=self._database, keyed=keyed, work=work)

    async def order(self, request: AnyRequest, order_id: FromPath[str]) -> Answer:
        """Where an order stands."""
        limit(request, "read")
        view = await self._desk.get_order(order_id=order_id)
        return answer(rendering.encode(rendering.order(view, request_locale(request))))

    async def new_payment(self, request: AnyRequest, order_id: FromPath[str]) -> Answer:
        """Begin to pay an order."""
        limit(request, "order")
        wish = await read_json(request, _new_payment)
        if wish.method == _BALANCE:
            # Whose balance it is the caller says: so it must be one who may say that.
            await permitted(request, self._database, Permission.PAY_FROM_BALANCE)
        locale = request_locale(request)
        principal = await principal_of(request, self._database)
        payer = name_of(principal) if principal else caller_of(request)
        resource = new_id("payment", _lane("order", order_id))

        async def work(key: Key[PaymentView]) -> PaymentView | Stored:
            return await self._desk.pay_once(
                key,
                self._keys,
                payment_id=PaymentId(resource),
                order_id=order_id,
                method=wish.method,
                locale=locale,
                scene=wish.scene,
                currency=wish.currency,
                presented=Presented(client_address(request), wish.payment_code, wish.wallet_user, payer),
            )

        content = rendering.encode(
            (order_id, wish.method, wish.scene, wish.currency, *([wish.wallet_user] * (wish.method == _BALANCE)))
        )
        render = partial(_render_payment, locale=locale)
        keyed = Keyed(route="POST /orders/{id}/payments", content=content, resource=resource, render=render)
        return await answer_asked(request, database=self._database, keyed=keyed, work=work)

    async def cancel(self, request: AnyRequest, order_id: FromPath[str]) -> Answer:
        """Call an order off before it is delivered."""
        limit(request, "order")
        view = await self._desk.cancel(order_id=order_id)
        return answer(rendering.encode(rendering.order(view, request_locale(request))))

    async def credit_slips(self, request: AnyRequest, order_id: FromPath[str]) -> Answer:
        """What came back of an order as vouchers."""
        limit(request, "order")
        return answer(rendering.encode(rendering.credit_slips(await self._desk.credit_slips(order_id=order_id))))

    async def receipt(self, request: AnyRequest, order_id: FromPath[str]) -> Answer:
        """The receipt of a delivered order."""
        limit(request, "read")
        view = await self._desk.receipt(order_id=order_id)
        shown = rendering.receipt(view, request_locale(request), address=self._address)
        return answer(rendering.encode(shown))

    async def receipt_pdf(self, request: AnyRequest, order_id: FromPath[str]) -> Answer:
        """The receipt as a PDF document."""
        limit(request, "order")
        view = await self._desk.receipt(order_id=order_id)
        locale = request_locale(request)
        document = await render_pdf(view, locale=locale, verify_url=self._address + view.verify_path)
        named = f'inline; filename="receipt-{view.number}.pdf"'
        return answer(document, media_type="application/pdf", content_disposition=named)

    def endpoints(self) -> list[Endpoint]:
        """The routes, in the order of a top-up."""
        number = Parameter("number", "path", _NUMBER, "13800138000")
        quote = Parameter("quote_id", "path", "Id of a quote.", "quo_01m7xprzmv03t2s6sdhxcrg8x8")
        order = Parameter(
            "order_id", "path", "Id of an order: who has it may see it.", "ord_01m7xprzmv03t2s6sdhxcrg8x8"
        )
        return [
            Endpoint("GET", f"{_ROOT}/numbers/{{number}}", self.number, "getNumber", "Look up a number", "Top-up",
                     shapes.Number, parameters=(number,), problems=_NUMBER_PROBLEMS),
            Endpoint("GET", f"{_ROOT}/products", self.products, "listProducts", "List what a number can buy", "Top-up",
                     shapes.Products, parameters=(Parameter("number", "query", _NUMBER, "13800138000"),),
                     problems=_NUMBER_PROBLEMS),
            Endpoint("POST", f"{_ROOT}/quotes", self.new_quote, "createQuote", "Price a top-up", "Top-up",
                     shapes.Quote, 201, shapes.NewQuote,
                     problems=(*_NUMBER_PROBLEMS, "product_unknown", "product_or_amount", "amount_not_offered",
                               "amount_above_cap", "line_full", "line_nearly_full", "coupons_guessed",
                               "amount_too_small", "amount_too_large", "currency_wrong", "method_unknown")),
            Endpoint("GET", f"{_ROOT}/quotes/{{quote_id}}/methods", self.methods, "listMethods",
                     "List how a quote can be paid", "Top-up", way_shapes.Methods,
                     parameters=(quote, Parameter("scene", "query", "Where the payer is.", "phone", required=False)),
                     problems=("quote_unknown", "quote_expired", "quote_altered", "scene_unknown")),
            Endpoint("POST", f"{_ROOT}/orders", self.new_order, "createOrder", "Order at a quoted price", "Top-up",
                     shapes.Order, 201, shapes.NewOrder, keyed=True,
                     problems=("quote_unknown", "quote_expired", "quote_altered", "quote_used", "carrier_changed",
                               "confirmation_needed", "contact_unreadable", "number_cannot_be_topped_up",
                               "line_full", "line_nearly_full", "offer_gone",
                               "number_not_served")),
            Endpoint("POST", f"{_ROOT}/orders/{{order_id}}/payments", self.new_payment, "createPayment",
                     "Begin to pay an order", "Top-up", shapes.Payment, 201, shapes.NewPayment, parameters=(order,),
                     keyed=True,
                     problems=("order_unknown", "order_not_payable", "too_many_payments", "method_unknown", *Unfit,
                               "gateway_unavailable")),
            Endpoint("GET", f"{_ROOT}/orders/{{order_id}}", self.order, "getOrder", "See where an order stands",
                     "Top-up", shapes.Order, parameters=(order,), problems=("order_unknown",)),
            Endpoint("POST", f"{_ROOT}/orders/{{order_id}}/cancel", self.cancel, "cancelOrder",
                     "Call an order off before it is delivered", "Top-up", shapes.Order, parameters=(order,),
                     problems=("order_unknown", "too_late_to_cancel")),
            Endpoint("POST", f"{_ROOT}/orders/{{order_id}}/credit-slips", self.credit_slips, "showCreditSlips",
                     "Show what came back as vouchers", "Top-up", receipt_shapes.CreditSlips, parameters=(order,),
                     problems=("order_unknown",)),
            Endpoint("GET", f"{_ROOT}/orders/{{order_id}}/receipt", self.receipt, "getReceipt", "Get the receipt",
                     "Top-up", receipt_shapes.Receipt, parameters=(order,),
                     problems=("order_unknown", "receipt_not_yet")),
            Endpoint("GET", f"{_ROOT}/orders/{{order_id}}/receipt.pdf", self.receipt_pdf, "getReceiptPdf",
                     "Get the receipt as PDF", "Top-up", "application/pdf", parameters=(order,),
                     problems=("order_unknown", "receipt_not_yet")),
        ]  # fmt: skip


def _scene(text: str | None) -> Scene:
    try:
        return Scene(text or Scene.PHONE)
    except ValueError:
        raise Invalid("scene_unknown", scenes=", ".join(Scene)) from None


def _render_payment(view: PaymentView, *, locale: str) -> tuple[int, bytes]:
    return 201, rendering.encode(rendering.payment(view, locale))


def _sees_balance(principal: ApiPrincipal | None) -> bool:
    """Whether the caller may see what a line has. A guest never may; nor learns that it has anything."""
    return principal is not None and principal.may(Permission.READ_LINES)


def _lane(kind: str, identifier: str) -> int:
    """The lane of the quote or order that a new thing belongs to; raises NotFound."""
    try:
        return lane_of(check_id(kind, identifier))
    except InvalidId:
        raise NotFound(f"{kind}_unknown") from None
