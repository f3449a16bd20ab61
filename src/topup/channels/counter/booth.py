"""What all pages of the counter work with, and who keeps which till."""

from dataclasses import dataclass

from topup.care.desk import Care
from topup.catalogue.queries import CatalogueCache
from topup.channels.counter.rendering import Look, wording_of
from topup.channels.counter.wording import Wording
from topup.kernel.errors import Conflict, Forbidden, NotFound, Problem, Throttled
from topup.orders.counter_sales import CounterSales, SaleView
from topup.orders.desk import Desk
from topup.payments.cash import drawer
from topup.payments.cash.records import Session
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.stepping_up import StepUp
from topup.platform.database import Database
from topup.platform.installation import installation
from topup.platform.keys import KeyRing
from topup.platform.request_keys import RequestKeys
from topup.platform.web import client_address
from topup.platform.web.forms import Form
from topup.platform.web.limits import neighbourhood
from topup.platform.web.pages import WebRequest
from topup.shops.ceilings import Ceilings
from topup.shops.displays import Displays
from topup.shops.printing.desk import Printing
from topup.shops.queries import Directories
from topup.shops.stock import queries as stock
from topup.shops.stock.handing_over import HandingOver
from topup.shops.terminals import Terminals
from topup.work.approvals import Approvals

_STATUSES = {"invalid": 422, "not_found": 404, "conflict": 409, "forbidden": 403, "unauthenticated": 401}


@dataclass(frozen=True, slots=True)
class Choice:
    """An item of which the shop has some."""

    sku: str
    name: str
    left: int


@dataclass(frozen=True, slots=True)
class Booth:
    """The parts of one process's counter."""

    look: Look
    database: Database
    keyring: KeyRing
    desk: Desk
    keys: RequestKeys
    care: Care
    approvals: Approvals
    sales: CounterSales
    step_up: StepUp
    directories: Directories
    catalogue: CatalogueCache
    displays: Displays
    terminals: Terminals
    ceilings: Ceilings
    printing: Printing
    public_url: str

    def words(self, request: WebRequest) -> Wording:
        """What this clerk reads."""
        return wording_of(request, self.look.zone)

    async def currencies(self) -> list[str]:
        """What lines are topped up in, those of our own networks first."""
        async with self.database.read() as transaction:
            snapshot = await self.catalogue.current(transaction.connection)
        carriers = sorted(snapshot.carriers(), key=lambda carrier: not carrier.is_own_network)
        return list(dict.fromkeys(carrier.currency for carrier in carriers))

    async def zone_of(self, who: SignedIn) -> str:
        """The zone of the clock on somebody's wall: that of the shop they work in; of who never kept a till, that of
        this installation.
        """
        async with self.database.read() as transaction:
            shop = await drawer.last_shop(transaction.connection, who.id)
            place = (await self.directories.current(transaction.connection)).place(shop) if shop else None
        return place.zone if place else self.look.zone

    async def till(self, who: SignedIn) -> Session | None:
        """The till that somebody keeps now."""
        async with self.database.read() as transaction:
            return await drawer.kept_by(transaction.connection, who.id)

    async def own_till(self, who: SignedIn) -> Session:
        """The same; raises Conflict `till_first` where they keep none."""
        session = await self.till(who)
        if session is None:
            raise Conflict("till_first")
        return session

    async def terminals_of(self, session: Session | None) -> list[str]:
        """The names of the terminals of a till's shop, its own first; empty where none was named."""
        if session is None or not session.shop:
            return []
        return [one.name for one in await self.terminals.of_shop(session.shop, till=session.till)]

    async def own_sale(self, who: SignedIn, quote_id: str) -> SaleView:
        """A sale of the till that this person keeps, or of a session they kept; or any, for who may check tills. Raises
        NotFound quote_unknown, Conflict sale_of_another.
        """
        sale = await self.sales.one(quote_id=quote_id)
        if sale.sale.staff_id != who.id and not who.may(Permission.CHECK_TILLS):
            session = await self.till(who)
            if session is None or session.till != sale.sale.till:
                raise Conflict("sale_of_another")
        return sale

    async def another(self, request: WebRequest, form: Form, *, by: str, may: Permission) -> str:
        """Who allows it: somebody else who may, by their own name and code. Raises as `StepUp.by_login`, and Forbidden
        colleague_not_permitted, for oneself too.
        """
        other = await self.step_up.by_login(
            login=form.one("login"), code=form.one("code"), address=caller(request), asked_by=by
        )
        if other.id == by or not other.may(may):
            raise Forbidden("colleague_not_permitted")
        return other.id

    async def lanes(self) -> int:
        """Of this installation."""
        async with self.database.read() as transaction:
            installed = await installation(transaction.connection)
        if installed is None:
            raise NotFound("route_unknown")
        return installed.lanes

    async def handing_over(self) -> HandingOver:
        """What is done about gifts."""
        return HandingOver(database=self.database, lanes=await self.lanes())

    async def in_stock(self, session: Session, kind: str, words: Wording) -> list[Choice]:
        """What the shop of a till has of a kind, and has promised to nobody."""
        async with self.database.read() as transaction:
            levels = await stock.levels(transaction.connection, session.shop)
        return [
            Choice(one.item.sku, words.name(one.item.names), one.free)
            for one in levels
            if one.item.kind == kind and one.free
        ]

    async def confirmed(self, request: WebRequest, who: SignedIn, form: Form) -> None:
        """One's own code once more. Raises Unauthenticated code_refused, Throttled too_many_sign_ins."""
        await self.step_up.by_login(login=who.login, code=form.one("code"), address=caller(request), asked_by=who.id)


def status_of(problem: Problem) -> int:
    """The status of a page that says what is wrong with its form."""
    return 429 if isinstance(problem, Throttled) else _STATUSES.get(problem.category, 422)


def caller(request: WebRequest) -> str:
    """Whose attempts are counted together: an address, or a network."""
    return neighbourhood(client_address(request))
