"""What the pages for staff have alike, whatever they look like: their headers, and the way on after a form."""

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, Response
from litestar.datastructures import Cookie

from topup.kernel.errors import Invalid

WebRequest = Request[Any, Any, Any]
Page = Response[bytes]

HEADERS: Final = {
    "Cache-Control": "private, no-store",
    "Vary": "Accept-Language, Cookie",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
"""What every page carries: no script but our own, nothing from elsewhere, no frame around it."""


def go_to(path: str, *, cookies: Sequence[Cookie] = ()) -> Page:
    """After a form: the browser asks for `path` next, so that a reload repeats nothing (303). Raises Invalid
    request_malformed where a header cannot carry it, or could be ended by it.
    """
    if not (path.isascii() and path.isprintable()):
        raise Invalid("request_malformed")
    return Response(b"", status_code=303, headers=HEADERS | {"Location": path}, cookies=list(cookies))
