"""The addresses of the customer's display. Nobody signs in there: a till's staff bind it by its code."""

from collections.abc import Awaitable, Callable
from typing import Literal

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from topup.catalogue.queries import CatalogueCache
from topup.channels.counter.display.pages import PLACE, DisplayPages
from topup.channels.counter.display.plans import PlanDisplay
from topup.orders.counter_sales import CounterSales
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.web.forms import only_our_forms
from topup.platform.web.pages import Page, WebRequest
from topup.shops.displays import Displays


def create_display_router(
    *,
    displays: Displays,
    sales: CounterSales,
    database: Database,
    catalogue: CatalogueCache,
    keyring: KeyRing,
    secure: bool,
) -> Router:
    """The pages of customers' displays."""
    offers = PlanDisplay(database=database, catalogue=catalogue, keyring=keyring)
    pages = DisplayPages(displays=displays, sales=sales, plans=offers, database=database, secure=secure)
    handlers = [
        _handler("GET", "/", pages.page),
        _handler("GET", "/live", pages.live, patient=True),
        _handler("POST", "/confirm", pages.confirm),
        _handler("POST", "/language", pages.speak),
        _handler("GET", "/assets/{name:str}", pages.asset),
    ]
    return Router(PLACE, route_handlers=handlers, before_request=only_our_forms)


def _handler(
    method: Literal["GET", "POST"], path: str, show: Callable[..., Awaitable[Page]], *, patient: bool = False
) -> HTTPRouteHandler:
    """A route. The framework copies its handlers deeply, so they are plain functions, which copying leaves alone."""

    async def handle(request: WebRequest) -> Page:
        return await show(request, **request.path_params)

    return HTTPRouteHandler(path, http_method=method, status_code=200, include_in_schema=False, patient=patient)(handle)
