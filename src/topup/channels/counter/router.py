"""Every address of the counter, and what one must be allowed to see it."""

from functools import partial
from typing import Final

from litestar import Response, Router

from topup.care.desk import Care
from topup.catalogue.queries import CatalogueCache
from topup.channels.counter.booth import Booth
from topup.channels.counter.cards import CardPages
from topup.channels.counter.drawing import DrawerPages
from topup.channels.counter.finding import FindingPages
from topup.channels.counter.gifts import GiftPages
from topup.channels.counter.offering import LinePages
from topup.channels.counter.papers import PaperPages
from topup.channels.counter.planning import PlanPages
from topup.channels.counter.problems import problem_page
from topup.channels.counter.promised_gifts import PromisedGiftPages
from topup.channels.counter.rendering import ZONE, Look, assets, wording_of
from topup.channels.counter.replacing import ReplacingPages
from topup.channels.counter.selling import SalePages
from topup.channels.counter.tending import OrderPages
from topup.channels.counter.terminals import TerminalPages
from topup.kernel.errors import NotFound
from topup.orders.counter_sales import CounterSales
from topup.orders.desk import Desk
from topup.people.doors import Door, Doors, Route
from topup.people.permissions import Permission
from topup.people.proving import Proving, asking_page
from topup.people.sessions import SignedIn
from topup.people.stepping_up import StepUp
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.request_keys import RequestKeys
from topup.platform.web.assets import FOR_EVER
from topup.platform.web.edge import AnyRequest
from topup.platform.web.forms import Form, only_our_forms
from topup.platform.web.pages import Page, WebRequest
from topup.platform.web.problems import ProblemDocument
from topup.shops.ceilings import Ceilings
from topup.shops.displays import Displays
from topup.shops.printing.desk import Printing
from topup.shops.queries import Directories
from topup.shops.terminals import Terminals
from topup.work.approvals import Approvals

PATH: Final = "/counter"
_SELL: Final = Permission.KEEP_TILL


class Counter:
    """The counter of this installation. `secure`: it is reached over HTTPS alone."""

    def __init__(
        self,
        *,
        database: Database,
        keyring: KeyRing,
        desk: Desk,
        keys: RequestKeys,
        care: Care,
        approvals: Approvals,
        catalogue: CatalogueCache,
        printing: Printing,
        public_url: str,
        secure: bool,
        look: Look,
        proving: Proving,
    ) -> None:
        self._look = look
        asking = asking_page(partial(look.page, back=PATH), partial(wording_of, zone=look.zone))
        self._doors = Doors(database, secure=secure, proving=proving, room=PATH, asking=asking)
        self._booth = Booth(
            look=look,
            database=database,
            keyring=keyring,
            desk=desk,
            keys=keys,
            care=care,
            approvals=approvals,
            sales=CounterSales(database=database),
            step_up=StepUp(database=database, keyring=keyring),
            directories=Directories(),
            catalogue=catalogue,
            displays=Displays(database=database),
            terminals=Terminals(database=database),
            ceilings=Ceilings(database=database),
            printing=printing,
            public_url=public_url,
        )

    def router(self) -> Router:
        """The pages."""
        handlers = [self._doors.handler(self._in_their_zone(route)) for route in self.routes()]
        return Router(PATH, route_handlers=handlers, before_request=only_our_forms)

    def _in_their_zone(self, route: Route) -> Route:
        """The same, with times in the zone of who is signed in."""
        method, path, needed, show = route
        if not isinstance(needed, Permission):
            return route

        async def shown(request: WebRequest, who: SignedIn, form: Form, **parts: str) -> Page:
            request.state[ZONE] = await self._booth.zone_of(who)
            return await show(request, who, form, **parts)

        return method, path, needed, shown

    def routes(self) -> list[Route]:
        """Every address, and what one must be allowed to see it: the table that the tests try role by role."""
        drawer = DrawerPages(self._booth)
        finding = FindingPages(self._booth)
        lines = LinePages(self._booth)
        sales = SalePages(self._booth)
        orders = OrderPages(self._booth)
        papers = PaperPages(self._booth)
        cards = CardPages(self._booth)
        sims = ReplacingPages(self._booth)
        terminals = TerminalPages(self._booth)
        return [
            ("GET", "/", _SELL, finding.first),
            ("POST", "/find", _SELL, finding.find),
            ("GET", "/lines/{token:str}", _SELL, lines.show),
            ("POST", "/lines/{token:str}", _SELL, lines.quote),
            ("GET", "/sales/{quote_id:str}", _SELL, sales.show),
            ("GET", "/sales/{quote_id:str}/state", _SELL, sales.state),
            ("POST", "/sales/{quote_id:str}/change", _SELL, sales.change),
            ("GET", "/sales/{quote_id:str}/change", _SELL, sales.giving_change),
            ("POST", "/sales/{quote_id:str}/cash", _SELL, sales.take_cash),
            ("POST", "/sales/{quote_id:str}/card", _SELL, sales.charge_card),
            ("POST", "/sales/{quote_id:str}/pay", _SELL, sales.pay),
            ("POST", "/sales/{quote_id:str}/cancel", _SELL, sales.cancel),
            ("GET", "/sales/{quote_id:str}/receipt.pdf", _SELL, papers.sale_pdf),
            ("POST", "/sales/{quote_id:str}/print", _SELL, papers.print_sale),
            ("GET", "/open", _SELL, drawer.opening),
            ("POST", "/open", _SELL, drawer.open),
            ("GET", "/drawer", _SELL, drawer.show),
            ("POST", "/drawer/move", _SELL, drawer.move),
            ("POST", "/drawer/close", Permission.COUNT_TILL, drawer.close),
            ("POST", "/drawer/hand-over", Permission.COUNT_TILL, drawer.hand_over),
            ("POST", "/drawer/ready", Permission.COUNT_TILL, drawer.ready),
            ("GET", "/reports/{session_id:str}", _SELL, drawer.report),
            ("POST", "/reports/{session_id:str}", Permission.EXPLAIN_COUNT, drawer.explain),
            ("POST", "/drawer/terminal", _SELL, drawer.close_batch),
            ("POST", "/drawer/display", _SELL, drawer.bind_display),
            ("GET", "/reports/{session_id:str}/paper.pdf", _SELL, papers.report_pdf),
            ("POST", "/reports/{session_id:str}/print", _SELL, papers.print_report),
            ("GET", "/orders/{order_id:str}", Permission.READ_ORDERS, orders.show),
            ("POST", "/orders/{order_id:str}/unmask", Permission.READ_ORDERS, orders.unmask),
            ("POST", "/orders/{order_id:str}/refund", Permission.REQUEST_REFUND, orders.ask_refund),
            ("POST", "/orders/{order_id:str}/hand-back", _SELL, orders.hand_back),
            ("POST", "/orders/{order_id:str}/card-back", _SELL, orders.give_back_to_card),
            ("POST", "/orders/{order_id:str}/complaint", _SELL, orders.complain),
            ("GET", "/orders/{order_id:str}/receipt.pdf", _SELL, papers.receipt_pdf),
            ("POST", "/orders/{order_id:str}/print", _SELL, papers.print_receipt),
            ("GET", "/lines/{token:str}/sim", _SELL, sims.show),
            ("POST", "/lines/{token:str}/sim", Permission.REPLACE_CARDS, sims.hand_over),
            ("GET", "/sims/{use_id:str}", _SELL, sims.done),
            ("GET", "/sims/{use_id:str}/slip.pdf", _SELL, papers.sim_slip),
            ("POST", "/sims/{use_id:str}/print", _SELL, papers.print_sim_slip),
            *self._of_plans(),
            *self._of_gifts(sales, orders),
            ("POST", "/drawer/ceiling", Permission.CHECK_TILLS, drawer.ceiling),
            ("GET", "/terminals", _SELL, terminals.show),
            ("POST", "/terminals", Permission.CHECK_TILLS, terminals.place),
            ("POST", "/terminals/remove", Permission.CHECK_TILLS, terminals.remove),
            ("GET", "/cards", _SELL, cards.first),
            ("POST", "/cards", _SELL, cards.look),
            ("POST", "/cards/sell", _SELL, cards.sell),
            ("POST", "/lock", Door.SIGNED_IN, self._doors.lock),
            ("POST", "/unlock", Door.LOCKED, self._doors.unlock),
            ("GET", "/alive", Door.OPEN, alive),
            ("GET", "/assets/{name:str}", Door.OPEN, asset),
        ]

    def _of_plans(self) -> list[Route]:
        plans, line = PlanPages(self._booth), "/lines/{token:str}"
        return [
            ("GET", f"{line}/plans", Permission.READ_LINES, plans.listed),
            ("GET", f"{line}/plans/{{plan_id:str}}", Permission.READ_LINES, plans.one),
            ("GET", f"{line}/plans/{{plan_id:str}}/{{when:str}}", Permission.CHANGE_PLANS, plans.agree),
            ("POST", f"{line}/plans/{{plan_id:str}}/{{when:str}}", Permission.CHANGE_PLANS, plans.change),
            ("POST", f"{line}/plan/keep", Permission.CHANGE_PLANS, plans.keep),
        ]

    def _of_gifts(self, sales: SalePages, orders: OrderPages) -> list[Route]:
        gifts, promised = GiftPages(self._booth), PromisedGiftPages(self._booth, sales, orders)
        return [
            ("GET", "/orders/{order_id:str}/gift", _SELL, gifts.show),
            ("POST", "/orders/{order_id:str}/gift", _SELL, gifts.hand_over),
            ("POST", "/sales/{quote_id:str}/gift", _SELL, promised.of_sale),
            ("POST", "/orders/{order_id:str}/gift/hand-over", _SELL, promised.of_order),
            ("POST", "/orders/{order_id:str}/gift/returned", _SELL, promised.returned),
            ("POST", "/orders/{order_id:str}/gift/kept", _SELL, promised.kept),
        ]

    def problem_page(self, request: AnyRequest, document: ProblemDocument) -> Page:
        """The page of a failure at the counter."""
        return problem_page(self._look, request, document)


async def alive(request: WebRequest) -> Page:  # noqa: ARG001 - a page like the others
    """That the server is there: what each page's script asks for. It keeps nobody signed in."""
    return Response(b"yes", media_type="text/plain", headers={"Cache-Control": "no-store"})


async def asset(request: WebRequest, name: str) -> Page:
    """A file of the counter by its name with the hash of its content."""
    found = next((one for one in assets().values() if one.path == f"{PATH}/assets/{name}"), None)
    if found is None:
        raise NotFound("route_unknown")
    body, headers = found.encoded(request.headers.get("accept-encoding", ""))
    return Response(body, media_type=found.media_type, headers={"Cache-Control": FOR_EVER} | headers)
