"""From a template and a reader to a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie

from topup.channels.web.assets import assets
from topup.channels.web.wording import LANGUAGE_NAMES, Wording
from topup.platform.i18n import LOCALES
from topup.platform.web import request_locale

WebRequest = Request[Any, Any, Any]
Page = Response[bytes]

SIZE_COOKIE: Final = "size"
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
    """Who a page is for, as far as it must know: a language, and whether large."""

    wording: Wording
    elder: bool


@dataclass(frozen=True, slots=True)
class Language:
    """An entry of the language menu."""

    id: str
    lang: str
    name: str


_LANGUAGES: Final = tuple(Language(locale, Wording(locale).lang, LANGUAGE_NAMES[locale]) for locale in LOCALES)


def reader_of(request: WebRequest) -> Reader:
    """The reader by what was chosen before, else by the browser's languages."""
    return Reader(Wording(request_locale(request)), request.cookies.get(SIZE_COOKIE) == "large")


def page(request: WebRequest, template: str, *, status: int = 200, here: str | None = None, **context: object) -> Page:
    """A page for whoever asked. `here` is where the reader comes back to after changing the language; by default the
    page's own address, which a page that answers a form must replace by one that can be asked for.
    """
    reader = reader_of(request)
    facts: Mapping[str, object] = {
        "lang": reader.wording.lang,
        "locale": reader.wording.locale,
        "language_name": LANGUAGE_NAMES[reader.wording.locale],
        "elder": reader.elder,
        "here": here or request.scope["path"],
    }
    html = _ENVIRONMENT.get_template(template).render(
        page=facts, languages=_LANGUAGES, t=reader.wording.text, **context
    )
    return Response(
        html.encode(),
        status_code=status,
        media_type="text/html",
        headers=HEADERS | {"Content-Language": reader.wording.lang},
    )


def go_to(path: str, *, cookie: Cookie | None = None) -> Page:
    """After a form: the browser asks for `path` next, so that a reload repeats nothing (303)."""
    return Response(b"", status_code=303, headers=HEADERS | {"Location": path}, cookies=[cookie] if cookie else [])


def kept_for_a_year(name: str, value: str, *, secure: bool) -> Cookie:
    """A cookie that remembers a choice and nothing about the person."""
    return Cookie(key=name, value=value, max_age=_YEAR_S, path="/", httponly=True, samesite="lax", secure=secure)
