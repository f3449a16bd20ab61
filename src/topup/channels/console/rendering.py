"""From a template and a reader to a page of the console."""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, date
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response

from topup.channels.console.wording import LANGUAGE_NAMES, Wording
from topup.people.permissions import Permission
from topup.people.proving import TEMPLATES
from topup.people.sessions import SignedIn
from topup.platform.i18n import LOCALES
from topup.platform.web import request_locale
from topup.platform.web.assets import Asset, load
from topup.platform.web.pages import HEADERS, Page, WebRequest

Stylesheet = Callable[[], str]
"""The path of the one stylesheet of all pages, whose tokens the console's own builds on."""

STATIC: Final = Path(__file__).parent / "static"
LONGEST_ASKED: Final = 160
_EARLIEST_YEAR: Final = 2000

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


_LANGUAGES: Final = tuple(Language(locale, Wording(locale).lang, LANGUAGE_NAMES[locale]) for locale in LOCALES)


@dataclass(frozen=True, slots=True)
class Look:
    """How the console looks: the shared stylesheet's path, and the zone its times are told in."""

    stylesheet: Stylesheet
    zone: str

    def page(
        self,
        request: WebRequest,
        template: str,
        *,
        who: SignedIn | None = None,
        status: int = 200,
        place: str = "",
        **context: object,
    ) -> Page:
        """A page for whoever asked; `who` is signed in, `place` is where they are in the menu."""
        wording = wording_of(request, self.zone)
        facts: Mapping[str, object] = {
            "lang": wording.lang,
            "locale": wording.locale,
            "language_name": LANGUAGE_NAMES[wording.locale],
            "here": request.scope["path"] if request.method == "GET" else "/console",
            "place": place,
            "stylesheet": self.stylesheet(),
            "own_stylesheet": assets()["console.css"].path,
            "script": assets()["console.js"].path,
        }
        html = _ENVIRONMENT.get_template(template).render(
            page=facts,
            who=who,
            menu=menu_of(who),
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


_MENU: Final = (
    ("work", Permission.READ_WORK),
    ("approvals", Permission.READ_WORK),
    ("live", Permission.READ_BOARD),
    ("queues", Permission.READ_BOARD),
    ("orders", Permission.SEARCH_RECORDS),
    ("lines", Permission.SEARCH_RECORDS),
    ("tickets", Permission.ANSWER_TICKETS),
    ("outages", Permission.ANNOUNCE_OUTAGES),
    ("reconciliation", Permission.READ_BILLS),
    ("refund", Permission.REQUEST_REFUND),
    ("adjust", Permission.ADJUST_CREDIT),
    ("export", Permission.EXPORT_PEOPLE),
    ("erase", Permission.REQUEST_ERASURE),
    ("agents", Permission.READ_AGENTS),
    ("catalogue", Permission.READ_CATALOGUE),
    ("offers", Permission.READ_CATALOGUE),
    ("gifts", Permission.SEND_GIFTS),
    ("vouchers", Permission.REQUEST_VOUCHERS),
    ("trail", Permission.READ_TRAIL),
    ("staff", Permission.MANAGE_STAFF),
    ("keys", Permission.READ_SETTINGS),
    ("settings", Permission.READ_SETTINGS),
)


def menu_of(who: SignedIn | None) -> list[str]:
    """The rooms of the console that somebody may enter."""
    return [name for name, permission in _MENU if who is not None and who.may(permission)]


def wording_of(request: WebRequest, zone: str) -> Wording:
    """The language chosen before, else the browser's; times in `zone`."""
    return Wording(request_locale(request), zone)


def asked(request: WebRequest, name: str) -> str:
    """What the address asks for under a name: printable and short, else nothing."""
    text = str(request.query_params.get(name, "")).strip()
    return text if len(text) <= LONGEST_ASKED and text.isprintable() and text.isascii() else ""


def asked_of(request: WebRequest, name: str, known: Collection[str]) -> str:
    """What the address asks for under a name, of those that are known; else nothing."""
    text = asked(request, name)
    return text if text in known else ""


def day_in(text: str) -> date | None:
    """A day as forms send it (`2026-11-21`); None for what is none, or so far off that no calendar reaches beyond."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if _EARLIEST_YEAR <= found.year < MAXYEAR else None


@cache
def assets() -> dict[str, Asset]:
    """The console's own files by their plain names."""
    return load(STATIC, at="/console/assets")
