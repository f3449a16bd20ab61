"""Failures as pages of the counter."""

from topup.channels.counter.rendering import Look, wording_of
from topup.channels.counter.wording import Said
from topup.people.doors import WHO
from topup.people.sessions import SignedIn
from topup.platform.web.pages import Page, WebRequest
from topup.platform.web.problems import ProblemDocument

_OF_THE_API = frozenset(
    {"body_too_large", "body_type_unsupported", "body_unreadable", "method_not_allowed", "request_malformed"}
)


def problem_page(look: Look, request: WebRequest, document: ProblemDocument) -> Page:
    """The page of a failure; `platform.web` gives it its status. Who is signed in keeps the menu."""
    who: SignedIn | None = request.state.get(WHO)
    words = wording_of(request, look.zone)
    said = Said(document.title, document.detail)
    if document.code in _OF_THE_API or document.code == "not_permitted":
        code = "not_yours" if document.code == "not_permitted" else "form_incomplete"
        said = Said(words.text(code), words.text(f"{code}.do"))
    return look.page(request, "problem.html", who=who, back="/counter", status=document.status, said=said)
