"""The display's pages: its code while it belongs to nobody, what is sold, and nothing of anybody in between."""

import asyncio
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Cookie

from topup.channels.counter.display.plans import PlanDisplay
from topup.channels.counter.display.showing import DOMAIN, Shown, is_over, lang_of, shown
from topup.channels.counter.wording import LANGUAGE_NAMES
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import is_id
from topup.orders.counter_sales import CounterSales
from topup.orders.order_gifts import OrderGifts
from topup.platform.database import Database
from topup.platform.i18n import LOCALES, translate
from topup.platform.web import limit, request_locale
from topup.platform.web.assets import FOR_EVER, Asset, load
from topup.platform.web.forms import read_form
from topup.platform.web.pages import HEADERS, Page, WebRequest, go_to
from topup.shops.displays import Displays, Screen, Unbound, new_secret

PLACE: Final = "/counter/display"
_HERE: Final = Path(__file__).parent
_HOST_COOKIE: Final = "__Host-topup_display"
_PLAIN_COOKIE: Final = "topup_display"
_KEPT_S: Final = 400 * 24 * 3600
_LONGEST_SECRET: Final = 100
_LONG_LOOK_S: Final = 20.0
"""How long a page waits for news before it asks again."""
_LOOK_S: Final = 0.5

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


@dataclass(frozen=True, slots=True)
class Now:
    """What a display is to show: `token` changes whenever that does."""

    token: str
    locale: str | None
    till: str = ""
    code: str = ""
    sale: Shown | None = None


class DisplayPages:
    """The pages of this installation's displays. `secure`: they are reached over HTTPS alone."""

    def __init__(
        self, *, displays: Displays, sales: CounterSales, plans: PlanDisplay, database: Database, secure: bool
    ) -> None:
        self._displays = displays
        self._sales = sales
        self._plans = plans
        self._database = database
        self._gifts = OrderGifts(database=database)
        self._secure = secure

    async def page(self, request: WebRequest) -> Page:
        """The whole page; a browser that comes for the first time is given something to be known by."""
        limit(request, "read")
        known = self._secret(request)
        secret = known or new_secret()
        found = await self._displays.known(secret)
        if found is None:
            limit(request, "display")  # codes are few, and one address is not to have them all
            found = await self._displays.arrive(secret)
        now = (
            Now(f"code.{found.code}", None, code=found.code)
            if isinstance(found, Unbound)
            else await self._now(found, request)
        )
        cookie = None if known else self._cookie(secret)
        return self._rendered(request, "display.html", now, cookie=cookie)

    async def live(self, request: WebRequest) -> Page:
        """What changed of it, as soon as something has; 204 when nothing did in a while."""
        limit(request, "read")
        secret, seen = self._secret(request), str(request.query_params.get("seen", ""))
        if not secret:
            return _nothing()
        loop = asyncio.get_running_loop()
        until = loop.time() + _LONG_LOOK_S
        while True:
            found = await self._displays.known(secret)
            now = await self._now(found, request) if isinstance(found, Screen) else None
            if now is not None and now.token != seen:
                return self._rendered(request, "screen.html", now)
            if now is None and (not isinstance(found, Unbound) or seen != f"code.{found.code}"):
                # It was let go of, or its code ended: the page asks for another.
                return Response(b"", status_code=205, headers=HEADERS)
            if loop.time() >= until:
                return _nothing()
            await asyncio.sleep(_LOOK_S)

    async def confirm(self, request: WebRequest) -> Page:
        """The customer says yes to what they see."""
        limit(request, "order")
        form = await read_form(request)
        try:
            await self._displays.confirm(secret=self._secret(request), sale=form.one("sale"))
        except Conflict:
            return go_to(PLACE)  # which shows what it is by now
        return go_to(PLACE)

    async def speak(self, request: WebRequest) -> Page:
        """The customer chooses a language."""
        limit(request, "read")
        form = await read_form(request)
        screen = await self._displays.look(self._secret(request))
        if screen is None:
            return go_to(PLACE)
        try:
            await self._displays.speak(till=screen.till, locale=form.one("language"))
        except Invalid:
            return go_to(PLACE)
        return go_to(PLACE)

    async def asset(self, request: WebRequest, name: str) -> Page:
        """The stylesheet and the script."""
        found = by_name().get(name)
        if found is None:
            raise NotFound("route_unknown")
        body, headers = found.encoded(request.headers.get("accept-encoding", ""))
        headers = {"Cache-Control": FOR_EVER, **headers}
        return Response(body, media_type=found.media_type, headers=headers)

    async def _now(self, screen: Screen, request: WebRequest) -> Now:
        till, locale = screen.till, screen.locale
        spoken = locale or request_locale(request)
        idle = Now(f"{screen.revision}.{spoken}.idle", locale, till=till)
        sold = await self._sold(screen, spoken)
        if sold is None:
            return idle
        sale, standings = sold
        token = f"{screen.revision}.{spoken}.{sale.step}.{sale.total}.{len(sale.code)}.{len(sale.more)}.{standings}"
        return Now(token, locale, till=till, sale=sale)

    async def _sold(self, screen: Screen, spoken: str) -> tuple[Shown, str] | None:
        """What is sold at the till, a top-up or a plan, and how its gifts stand; None where nothing of it is to be seen
        any more.
        """
        if screen.sale is None:
            return None
        if not is_id("quote", screen.sale):
            plan = await self._plans.shown(screen, screen.sale, spoken)
            return (plan, "") if plan is not None else None
        try:
            view = await self._sales.one(quote_id=screen.sale)
        except NotFound:
            return None
        order = view.order
        if order is not None and is_over(view, await self._database.roughly_now() - order.timeline[-1].at):
            return None
        found = await (self._gifts.of_order(order) if order else self._gifts.of_price(view.quote))
        return shown(view, screen, spoken, gifts=found), ".".join(one.standing for one in found)

    def _rendered(self, request: WebRequest, template: str, now: Now, *, cookie: Cookie | None = None) -> Page:
        locale = now.locale or request_locale(request)
        html = _ENVIRONMENT.get_template(template).render(
            now=now,
            lang=lang_of(locale),
            locale=locale,
            languages=[(one, lang_of(one), LANGUAGE_NAMES[one]) for one in LOCALES],
            t=lambda message_id, **parameters: translate(locale, DOMAIN, message_id, **parameters),
            stylesheet=assets()["display.css"].path,
            script=assets()["display.js"].path,
        )
        headers = HEADERS | {"Content-Language": lang_of(locale)}
        cookies = [cookie] if cookie else []
        return Response(html.encode(), media_type="text/html", headers=headers, cookies=cookies)

    def _secret(self, request: WebRequest) -> str:
        found = request.cookies.get(_HOST_COOKIE if self._secure else _PLAIN_COOKIE, "")
        return found if len(found) <= _LONGEST_SECRET else ""

    def _cookie(self, secret: str) -> Cookie:
        return Cookie(
            key=_HOST_COOKIE if self._secure else _PLAIN_COOKIE,
            value=secret,
            max_age=_KEPT_S,
            path="/" if self._secure else PLACE,
            httponly=True,
            samesite="strict",
            secure=self._secure,
        )


def _nothing() -> Page:
    return Response(b"", status_code=204, headers=HEADERS)


@cache
def assets() -> dict[str, Asset]:
    """The display's own files by their plain names."""
    return load(_HERE / "static", at=f"{PLACE}/assets")


@cache
def by_name() -> dict[str, Asset]:
    """The same by the names in their addresses."""
    return {asset.path.rpartition("/")[2]: asset for asset in assets().values()}
