"""Failures as pages: what happened, whose turn it is, and a way on."""

from dataclasses import dataclass
from typing import Final

from topup.channels.web.rendering import Page, WebRequest, page, reader_of
from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import NotFound, Problem
from topup.platform.i18n import catalogue
from topup.platform.web import ProblemDocument

_WHO: Final = frozenset({"us", "carrier", "wait"})
_OF_THE_API: Final = frozenset(
    {
        "body_invalid",
        "body_too_large",
        "body_type_unsupported",
        "body_unreadable",
        "key_missing",
        "key_reused",
        "key_unreadable",
        "method_not_allowed",
        "request_malformed",
    }
)
"""Failures whose texts speak of headers and bodies to callers of the API. No form of ours, sent whole, meets them."""
_ICONS: Final = {"wait": ("wait", "clock"), "carrier": ("wait", "clock"), "us": ("alarm", "alarm")}


@dataclass(frozen=True, slots=True)
class Onward:
    """A way on: a form to press, or a link."""

    href: str
    label: str
    form: bool


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """A failure in words."""

    title: str
    what_to_do: str
    tone: str
    icon: str
    who: str
    onward: Onward | None
    reference: str


def problem_page(request: WebRequest, document: ProblemDocument) -> Page:
    """The page of a failure; `platform.web` gives it its status."""
    wording = reader_of(request).wording
    tone, icon = _ICONS.get(document.who_must_act, ("wait", "info"))
    said = _said(request, document, wording)
    shown = ProblemPage(
        title=said.title,
        what_to_do=said.what_to_do,
        tone=tone,
        icon=icon,
        who=wording.text(f"who_{document.who_must_act}") if document.who_must_act in _WHO else "",
        onward=_onward(request, document, wording),
        reference=document.instance.removeprefix("/requests/") if document.who_must_act == "us" else "",
    )
    return page(request, "problem.html", status=document.status, here=_here(request), problem=shown)


async def explained(request: WebRequest, code: str) -> Page:
    """What a problem's code means: problem documents of the API name this page as their type."""
    wording = reader_of(request).wording
    texts = catalogue(wording.locale, "problems")
    if code not in texts:
        raise NotFound("route_unknown")
    # Without the request there are no parameters: the sentence stands as it is written, places marked.
    shown = ProblemPage(texts[code], texts.get(f"{code}.do", ""), "wait", "info", "", None, "")
    return page(request, "problem.html", problem=shown)


def _said(request: WebRequest, document: ProblemDocument, wording: Wording) -> Said:
    """The failure in words for a person, who sent a form or followed a link and knows of no header."""
    if document.code not in _OF_THE_API:
        return Said(document.title, document.detail)
    if request.method == "POST":
        return Said(wording.text("form_incomplete"), wording.text("form_incomplete_do"))
    return wording.problem(Problem("route_unknown"))


def _onward(request: WebRequest, document: ProblemDocument, wording: Wording) -> Onward | None:
    path = request.scope["path"]
    parts = path.split("/")
    if document.code in _NEW_PRICE and parts[1] == "quotes":
        return Onward(f"/quotes/{parts[2]}/again", wording.text("new_quote"), form=True)
    if parts[1] == "orders" and document.code != "order_unknown" and len(parts) > _ID_AND_MORE:
        return Onward(f"/orders/{parts[2]}", wording.text("see_order"), form=False)
    if document.status >= _OURS and request.method == "GET":
        return Onward(path, wording.text("try_again"), form=False)
    return None


_NEW_PRICE: Final = frozenset({"quote_expired", "quote_altered", "quote_used", "carrier_changed"})
_ID_AND_MORE: Final = 3
_OURS: Final = 500


def _here(request: WebRequest) -> str:
    """Where changing the language leads back to: this page, unless it answered a form."""
    return request.scope["path"] if request.method == "GET" else "/"
