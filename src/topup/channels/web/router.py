"""Every address of the guest pages, and the rule that only our own pages may send our forms."""

from collections.abc import Awaitable, Callable
from typing import Final, Literal
from urllib.parse import urlsplit

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from topup.channels.web import installing, problems
from topup.channels.web.following import FollowingPages
from topup.channels.web.receipts import ReceiptPages
from topup.channels.web.rendering import Page, WebRequest
from topup.channels.web.review import ReviewPages
from topup.channels.web.start import StartPages
from topup.kernel.errors import Forbidden
from topup.orders.desk import Desk
from topup.platform.request_keys import RequestKeys

Show = Callable[..., Awaitable[Page]]
"""Shows a page: takes the request, and the parts of its address by name."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def create_web_router(desk: Desk, *, keys: RequestKeys, public_url: str) -> Router:
    """The pages. `public_url` begins the links that are given away (QR codes, shared pages), without a slash."""
    start = StartPages(desk)
    review = ReviewPages(desk, keys)
    following = FollowingPages(desk, keys, public_url)
    receipts = ReceiptPages(desk, public_url)
    routes: list[tuple[Literal["GET", "POST"], str, Show]] = [
        ("GET", "/", start.start),
        ("POST", "/number", start.number),
        ("POST", "/quotes", start.quote),
        ("POST", "/change", start.change),
        ("POST", "/language", start.language),
        ("POST", "/size", start.size),
        ("GET", "/quotes/{quote_id:str}", review.review),
        ("POST", "/quotes/{quote_id:str}/again", review.again),
        ("POST", "/quotes/{quote_id:str}/order", review.order),
        ("GET", "/orders/{order_id:str}", following.order),
        ("GET", "/orders/{order_id:str}/live", following.live),
        ("POST", "/orders/{order_id:str}/payments", following.pay),
        ("GET", "/orders/{order_id:str}/payments/{payment_id:str}", following.handover),
        ("POST", "/orders/{order_id:str}/cancel", following.cancel),
        ("POST", "/orders/{order_id:str}/again", following.again),
        ("GET", "/orders/{order_id:str}/receipt", receipts.receipt),
        ("GET", "/orders/{order_id:str}/receipt.pdf", receipts.pdf),
        ("GET", "/verify/{token:str}", receipts.verify),
        ("GET", "/s/{token:str}", following.shared),
        ("GET", "/problems/{code:str}", problems.explained),
        ("GET", "/assets/{name:str}", installing.asset),
        ("GET", "/favicon.ico", installing.favicon),
        ("GET", "/manifest.webmanifest", installing.manifest),
        ("GET", "/offline", installing.offline),
        ("GET", "/sw.js", installing.service_worker),
    ]
    handlers = [_handler(method, path, show, patient=show == following.live) for method, path, show in routes]
    return Router("/", route_handlers=handlers, before_request=only_our_forms)


def _handler(method: Literal["GET", "POST"], path: str, show: Show, *, patient: bool) -> HTTPRouteHandler:
    """A route. The framework copies its handlers deeply, so they are plain functions, which copying leaves alone."""

    async def handle(request: WebRequest) -> Page:
        return await show(request, **request.path_params)

    return HTTPRouteHandler(path, http_method=method, status_code=200, patient=patient, include_in_schema=False)(handle)


async def only_our_forms(request: WebRequest) -> None:
    """Refuse a form that another site's page sent in a visitor's name; raises Forbidden `request_refused`.

    Browsers say where a request comes from in Sec-Fetch-Site (Fetch Metadata), older ones in Origin. What says neither
    is no browser, and acts in nobody's name: these pages know no login.
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        raise Forbidden("request_refused")
    if site is None and origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("request_refused")
