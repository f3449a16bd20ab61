"""From a template and a clerk to a page of the counter."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response

from topup.channels.counter.wording import LANGUAGE_NAMES, Wording
from topup.kernel.errors import NotFound
from topup.kernel.money import InvalidMoney, Money
from topup.people.proving import TEMPLATES
from topup.people.sessions import SignedIn
from topup.platform.i18n import LOCALES
from topup.platform.keys import CannotOpen, KeyRing
from topup.platform.web import request_locale
from topup.platform.web.assets import Asset, load
from topup.platform.web.pages import HEADERS, Page, WebRequest
from topup.platform.web.typed import money_typed

STATIC: Final = Path(__file__).parent / "static"
ZONE: Final = "zone"
"""Under this name a request's state has the zone of who is signed in."""
_LONGEST_TOKEN: Final = 400


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader([Path(__file__).parent / "templates", TEMPLATES]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


@dataclass(frozen=True, slots=True)
class Language:
    """An entry of the language menu."""

    id: str
    lang: str
    name: str


_LANGUAGES: Final = tuple(Language(locale, Wording(locale, "UTC").lang, LANGUAGE_NAMES[locale]) for locale in LOCALES)


@dataclass(frozen=True, slots=True)
class Look:
    """How the counter looks: the paths of the stylesheets it shares, and the zone its times are told in where
    nobody's shop says another.
    """

    stylesheets: Callable[[], tuple[str, ...]]
    zone: str

    def page(
        self,
        request: WebRequest,
        template: str,
        *,
        who: SignedIn | None = None,
        status: int = 200,
        place: str = "",
        back: str = "",
        **context: object,
    ) -> Page:
        """A page for whoever asked; `who` is signed in, `place` is where they are in the menu, `back` the page to come
        back to after choosing a language, where the page's own address answers a form.
        """
        wording = wording_of(request, self.zone)
        facts: Mapping[str, object] = {
            "lang": wording.lang,
            "locale": wording.locale,
            "language_name": LANGUAGE_NAMES[wording.locale],
            "here": back or (request.scope["path"] if request.method == "GET" else "/counter"),
            "place": place,
            "stylesheets": (*self.stylesheets(), assets()["counter.css"].path),
            "script": assets()["counter.js"].path,
        }
        html = _ENVIRONMENT.get_template(template).render(
            page=facts,
            who=who,
            languages=_LANGUAGES,
            t=wording.text,
            words=wording,
            form=secrets.token_urlsafe(16),
            **context,
        )
        return Response(
            html.encode(),
            status_code=status,
            media_type="text/html",
            headers=HEADERS | {"Content-Language": wording.lang},
        )


def wording_of(request: WebRequest, zone: str) -> Wording:
    """The language chosen before, else the browser's; times in the zone of who asks, else in `zone`."""
    return Wording(request_locale(request), request.state.get(ZONE, zone))


@cache
def assets() -> dict[str, Asset]:
    """The counter's own files by their plain names."""
    return load(STATIC, at="/counter/assets")


def sealed(keyring: KeyRing, number: str) -> str:
    """A number as it may stand in an address: nobody reads it there."""
    return urlsafe_b64encode(keyring.seal(number.encode(), "counter:line")).decode().rstrip("=")


def unsealed(keyring: KeyRing, token: str) -> str:
    """The number of an address; raises NotFound `route_unknown`."""
    if len(token) > _LONGEST_TOKEN:
        raise NotFound("route_unknown")
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        return keyring.unseal(raw, "counter:line").decode()
    except (ValueError, CannotOpen):
        raise NotFound("route_unknown") from None


def money_of(text: str, currency: str) -> Money | None:
    """An amount as it is typed (`platform.web.typed`); None for what is none."""
    try:
        return money_typed(text, currency)
    except InvalidMoney:
        return None
