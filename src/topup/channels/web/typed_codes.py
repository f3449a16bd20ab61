"""A voucher's PIN that was typed, while something must be asked first: it stays in its field, and is not typed twice.

No address has it, not even sealed: addresses are kept in histories. It goes with the answer as a cookie that the
browser gives back to the page of that one price alone, sealed, and that ends by itself after minutes.
"""

from typing import Final

from litestar.datastructures import Cookie

from topup.channels.web.keeping import Keeping
from topup.channels.web.rendering import WebRequest
from topup.kernel.errors import NotFound

LASTS_S: Final = 300
_NAME: Final = "topup_typed"


def kept(request: WebRequest, keeping: Keeping, code: str, *, quote_id: str) -> Cookie:
    """The cookie that keeps a code for the page of a price."""
    return Cookie(
        key=_NAME,
        value=keeping.seal({"typed": code}, place=_place(quote_id)),
        max_age=LASTS_S,
        path=f"/quotes/{quote_id}",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def typed(request: WebRequest, keeping: Keeping, *, quote_id: str) -> str:
    """The code that was typed for a price; empty where none is kept (any more)."""
    try:
        return str(keeping.open(request.cookies.get(_NAME, ""), place=_place(quote_id))["fields"]["typed"])
    except NotFound:
        return ""


def _place(quote_id: str) -> str:
    return f"typed:{quote_id}"
