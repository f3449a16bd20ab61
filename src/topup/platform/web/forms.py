"""Forms of our own pages: read bounded, strict about bytes, never from the address, and only from our pages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

from topup.kernel.errors import Forbidden, Invalid
from topup.platform.web.bodies import read_body
from topup.platform.web.edge import AnyRequest

Show = TypeVar("Show", bound=Callable[..., Any])
FORM_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 32
_LONGEST_VALUE: Final = 1024
_PASSWORDS: Final = frozenset({"password", "again"})
"""Fields that may be as long as a body: who is in charge of passwords says how long one may be, on the form."""
LONG_TEXT: Final = "text"
"""The field of a long form that may be as long as its body."""
_LONG_FORM: Final = "longest_form_bytes"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of one form."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The value of a field, trimmed; empty when it was not sent."""
        return self.values.get(name, [""])[0].strip()

    def whole(self, name: str) -> str:
        """The value as it was sent, blanks and all; empty when it was not."""
        return self.values.get(name, [""])[0]

    def many(self, name: str) -> frozenset[str]:
        """Every value of a field, as of check boxes."""
        return frozenset(self.values.get(name, []))


async def read_form(request: AnyRequest) -> Form:
    """The fields of a form sent as application/x-www-form-urlencoded in UTF-8.

    Raises Invalid `request_malformed` for what no page of ours sends, and what `read_body` raises.
    """
    most = getattr(request.scope.get("route_handler"), "opt", {}).get(_LONG_FORM)
    body = await read_body(request, expected=FORM_TYPE, limit=most)
    try:
        values = parse_qs(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Invalid("request_malformed") from None
    for name, texts in values.items():
        longest = len(body) if name in _PASSWORDS or (most and name == LONG_TEXT) else _LONGEST_VALUE
        if any(len(text) > longest or "\0" in text for text in (name, *texts)):
            raise Invalid("request_malformed")
    return Form(values)


def long_form(most_bytes: int) -> Callable[[Show], Show]:
    """What shows the answer to a form with a whole text in its field LONG_TEXT: one of up to so many bytes."""

    def marked(show: Show) -> Show:
        setattr(show, _LONG_FORM, most_bytes)
        return show

    return marked


def form_options(show: object) -> dict[str, int]:
    """The options of a handler whose forms `show` answers."""
    most = getattr(show, _LONG_FORM, None)
    return {} if most is None else {_LONG_FORM: most}


def local_path(text: str) -> str:
    """`text` if it is a path on this site, else the first page: nobody is sent elsewhere by a link of ours."""
    parts = urlsplit(text)
    plain = text.isascii() and text.isprintable() and "\\" not in text
    ours = text.startswith("/") and not text.startswith("//") and not parts.scheme and not parts.netloc
    return parts.path if plain and ours else "/"


async def only_our_forms(request: AnyRequest) -> None:
    """Refuse a form that another site's page sent in a visitor's name; raises Forbidden `request_refused`.

    Browsers say where a request comes from in Sec-Fetch-Site (Fetch Metadata), older ones in Origin. What says neither
    is no browser, and acts in nobody's name; whoever knows a login asks for more (`people.sessions.SignedIn.sent`).
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        raise Forbidden("request_refused")
    if site is None and origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("request_refused")
