"""From a template and a reader to a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie

from topup.channels.web.assets import assets
from topup.channels.web.wording import LANGUAGE_NAMES, Wording
from topup.payments.ports import Scene
from topup.people.subscribers.devices import Subscriber
from topup.platform.i18n import LOCALES
from topup.platform.web import request_locale
from topup.platform.web.answers import Scope

WebRequest = Request[Any, Any, Any]
Page = Response[bytes]

SIZE_COOKIE: Final = "size"
SUBSCRIBER: Final = "topup.subscriber"
"""Where a request keeps who is here (`visitors`)."""
_YEAR_S: Final = 31_536_000

HEADERS: Final = {
    "Cache-Control": "private, no-store",
    "Vary": "Accept-Language, Cookie",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms too, which could be anybody's.
    "Referrer-Policy": "same-origin",
}
"""What every page carries: nothing from elsewhere, nothing inline, no frame around it, no address told to others."""

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.globals["asset"] = lambda name: assets()[name].path


@dataclass(frozen=True, slots=True)
class Reader:
    """Who a page is for, as far as it must know: a language, whether large, and the subscriber, where one is here."""

    wording: Wording
    elder: bool
    subscriber: Subscriber | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where one goes on with one touch: its path, the text of its name, and its picture (`parts.html`)."""

    path: str
    text: str
    icon: str


PLACES: Final = (
    Place("/home", "place_home", "home"),
    Place("/", "place_top_up", "phone"),
    Place("/history", "place_history", "receipt"),
    Place("/help", "place_help", "info"),
)
"""The bar at the bottom, for whoever is signed in."""


@dataclass(frozen=True, slots=True)
class Language:
    """An entry of the language menu."""

    id: str
    lang: str
    name: str


_LANGUAGES: Final = tuple(Language(locale, Wording(locale).lang, LANGUAGE_NAMES[locale]) for locale in LOCALES)


def reader_of(request: WebRequest) -> Reader:
    """The reader by what was chosen before, else by the browser's languages."""
    subscriber = cast("Scope", request.scope).get(SUBSCRIBER)
    return Reader(Wording(request_locale(request)), request.cookies.get(SIZE_COOKIE) == "large", subscriber)


def scene_of(request: WebRequest) -> Scene:
    """Where the payer is, by what the browser says of itself; a wrong guess only offers other ways to pay first."""
    is_mobile = request.headers.get("sec-ch-ua-mobile")
    if is_mobile is None:
        is_mobile = "?1" if "Mobi" in request.headers.get("user-agent", "") else "?0"
    return Scene.PHONE if is_mobile == "?1" else Scene.DESKTOP


def page(request: WebRequest, template: str, *, status: int = 200, here: str | None = None, **context: object) -> Page:
    """A page for whoever asked. `here` is where the reader comes back to after changing the language; by default the
    page's own address, which a page that answers a form must replace by one that can be asked for. A template in a
    folder has the texts of that name as `s`, beside those of all pages, which are `t`.
    """
    reader = reader_of(request)
    subject = template.rpartition("/")[0] or "web"
    facts: Mapping[str, object] = {
        "lang": reader.wording.lang,
        "locale": reader.wording.locale,
        "language_name": LANGUAGE_NAMES[reader.wording.locale],
        "elder": reader.elder,
        "here": here or request.scope["path"],
        "subscriber": reader.subscriber,
        "places": PLACES,
        "path": request.scope["path"],
    }
    html = _ENVIRONMENT.get_template(template).render(
        page=facts,
        languages=_LANGUAGES,
        t=reader.wording.text,
        s=partial(reader.wording.of, subject),
        **context,
    )
    return Response(
        html.encode(),
        status_code=status,
        media_type="text/html",
        headers=HEADERS | {"Content-Language": reader.wording.lang},
    )


def go_to(path: str, *, cookie: Cookie | None = None, cookies: Sequence[Cookie] = ()) -> Page:
    """After a form: the browser asks for `path` next, so that a reload repeats nothing (303)."""
    given = [*cookies, cookie] if cookie else list(cookies)
    return Response(b"", status_code=303, headers=HEADERS | {"Location": path}, cookies=given)


def kept_for_a_year(name: str, value: str, *, secure: bool) -> Cookie:
    """A cookie that remembers a choice and nothing about the person."""
    return Cookie(key=name, value=value, max_age=_YEAR_S, path="/", httponly=True, samesite="lax", secure=secure)
