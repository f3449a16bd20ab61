"""Every address of the guest pages, and the rule that only our own pages may send our forms."""

from collections.abc import Sequence
from typing import Final, Literal

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from topup.care.desk import Care
from topup.catalogue.queries import CatalogueCache
from topup.channels.web import installing, problems
from topup.channels.web.account import account_routes, household
from topup.channels.web.automatic import automatic_routes
from topup.channels.web.elsewhere.routes import elsewhere_routes
from topup.channels.web.following import FollowingPages
from topup.channels.web.helping.routes import help_routes
from topup.channels.web.history import history_routes
from topup.channels.web.home.routes import home_routes
from topup.channels.web.keeping import Keeping
from topup.channels.web.links.routes import link_routes
from topup.channels.web.plans.routes import plan_routes
from topup.channels.web.receipts import ReceiptPages
from topup.channels.web.reminding import reminding_routes
from topup.channels.web.rendering import Page, WebRequest
from topup.channels.web.review import ReviewPages
from topup.channels.web.routing import Route, Show
from topup.channels.web.saved.picking import Picking
from topup.channels.web.saved.routes import saved_routes
from topup.channels.web.sent_gifts.routes import sent_gift_routes
from topup.channels.web.start import StartPages
from topup.channels.web.visitors import Visitors
from topup.lines.plans.desk import Plans
from topup.orders.desk import Desk
from topup.orders.order_gifts import OrderGifts
from topup.people.subscribers.codes import PER_ADDRESS
from topup.people.subscribers.saving import Saving
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.request_keys import RequestKeys


def create_web_router(
    desk: Desk,
    *,
    care: Care,
    database: Database,
    keys: RequestKeys,
    keyring: KeyRing,
    lanes: int,
    public_url: str,
    codes_per_address: int = PER_ADDRESS,
    mailbox: str = "",
) -> Router:
    """The pages. `public_url` begins the links that are given away (QR codes, shared pages), without a slash;
    `codes_per_address` is how many one-time codes an address may cause in an hour; `mailbox` is the page where they
    can be read, in a demonstration.
    """
    keeping = Keeping(keyring)
    visitors = Visitors(database, secure=public_url.startswith("https://"))
    house = household(
        database=database,
        keyring=keyring,
        visitors=visitors,
        keeping=keeping,
        lanes=lanes,
        codes_per_address=codes_per_address,
        mailbox=mailbox,
    )
    picking = Picking(database=database, keyring=keyring)
    saving = Saving(database=database, keyring=keyring)
    catalogue = CatalogueCache()
    plans = Plans(database=database, catalogue=catalogue)
    start = StartPages(desk, care, keeping, house.changes, picking)
    review = ReviewPages(desk, care, keys, keeping)
    gifts = OrderGifts(database=database)
    following = FollowingPages(desk, keys, public_url, picking, gifts)
    receipts = ReceiptPages(desk, public_url)
    paid_elsewhere, waiting = elsewhere_routes(desk, keys=keys, keeping=keeping, public_url=public_url)
    patient: list[Route] = [("GET", "/orders/{order_id:str}/live", following.live), *waiting]
    routes: list[Route] = [
        *_top_up_routes(start, review, following, receipts),
        *_OF_THE_SITE,
        *paid_elsewhere,
        *sent_gift_routes(desk, gifts, keeping),
        *link_routes(
            desk,
            database=database,
            picking=picking,
            visitors=visitors,
            keeping=keeping,
            public_url=public_url,
        ),
        *saved_routes(desk, database=database, saving=saving, picking=picking, visitors=visitors, keeping=keeping),
        *automatic_routes(desk, care, database=database, picking=picking, visitors=visitors, keeping=keeping),
        *help_routes(care, desk, keeping),
        *home_routes(desk, plans=plans, database=database, keyring=keyring, visitors=visitors),
        *plan_routes(desk, plans=plans, catalogue=catalogue, database=database, keyring=keyring, visitors=visitors),
        *account_routes(house, public_url=public_url),
        *history_routes(database=database, keyring=keyring, visitors=visitors, keeping=keeping),
        *reminding_routes(database=database, keyring=keyring, visitors=visitors, public_url=public_url),
    ]

    async def arrive(request: WebRequest) -> None:
        await visitors.arrive(request)

    handlers = [_handler(*route, patient=False) for route in routes] + [
        _handler(*route, patient=True) for route in patient
    ]
    return Router("/", route_handlers=handlers, before_request=arrive)


def _top_up_routes(
    start: StartPages, review: ReviewPages, following: FollowingPages, receipts: ReceiptPages
) -> list[Route]:
    """From a number to a receipt."""
    return [
        ("GET", "/", start.start),
        ("GET", "/start/{token:str}", start.started),
        ("POST", "/number", start.number),
        ("POST", "/quotes", start.quote),
        ("POST", "/change", start.change),
        ("POST", "/language", start.language),
        ("POST", "/size", start.size),
        ("GET", "/quotes/{quote_id:str}", review.review),
        ("POST", "/quotes/{quote_id:str}/again", review.again),
        ("POST", "/quotes/{quote_id:str}/codes", review.coded),
        ("POST", "/quotes/{quote_id:str}/order", review.order),
        ("GET", "/quotes/{quote_id:str}/asked/{token:str}", review.asked),
        ("GET", "/orders/{order_id:str}", following.order),
        ("POST", "/orders/{order_id:str}/payments", following.pay),
        ("GET", "/orders/{order_id:str}/payments/{payment_id:str}", following.handover),
        ("POST", "/orders/{order_id:str}/cancel", following.cancel),
        ("POST", "/orders/{order_id:str}/again", following.again),
        ("POST", "/orders/{order_id:str}/credit-slips", following.slips),
        ("GET", "/orders/{order_id:str}/receipt", receipts.receipt),
        ("GET", "/orders/{order_id:str}/receipt.pdf", receipts.pdf),
        ("GET", "/verify/{token:str}", receipts.verify),
        ("GET", "/s/{token:str}", following.shared),
    ]


_OF_THE_SITE: Final[Sequence[Route]] = [
    ("GET", "/problems/{code:str}", problems.explained),
    ("GET", "/assets/{name:str}", installing.asset),
    ("GET", "/favicon.ico", installing.favicon),
    ("GET", "/manifest.webmanifest", installing.manifest),
    ("GET", "/offline", installing.offline),
    ("GET", "/sw.js", installing.service_worker),
]
"""What belongs to no page of its own: explanations, files, and what makes it an app."""


def _handler(method: Literal["GET", "POST"], path: str, show: Show, *, patient: bool) -> HTTPRouteHandler:
    """A route. The framework copies its handlers deeply, so they are plain functions, which copying leaves alone."""

    async def handle(request: WebRequest) -> Page:
        return await show(request, **request.path_params)

    return HTTPRouteHandler(path, http_method=method, status_code=200, patient=patient, include_in_schema=False)(handle)
