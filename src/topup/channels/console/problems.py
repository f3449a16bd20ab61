"""Failures as pages of the console."""

from typing import Final

from topup.channels.console.rendering import Look, wording_of
from topup.channels.console.wording import NOT_PERMITTED, Said
from topup.kernel.errors import Problem
from topup.people.doors import WHO
from topup.people.sessions import SignedIn
from topup.platform.web.pages import Page, WebRequest
from topup.platform.web.problems import ProblemDocument

_OF_THE_API: Final = frozenset(
    {"body_too_large", "body_type_unsupported", "body_unreadable", "method_not_allowed", "request_malformed"}
)
"""Failures whose texts speak of headers and bodies to callers of the API."""


def problem_page(look: Look, request: WebRequest, document: ProblemDocument) -> Page:
    """The page of a failure; `platform.web` gives it its status. Who is signed in keeps the menu, and is told of
    their role, not of keys.
    """
    who: SignedIn | None = request.state.get(WHO)
    wording = wording_of(request, look.zone)
    said = Said(document.title, document.detail)
    if document.code in _OF_THE_API:
        said = (
            Said(wording.text("form_incomplete"), wording.text("form_incomplete_do"))
            if request.method == "POST"
            else wording.problem(Problem("route_unknown"))
        )
    elif document.code == NOT_PERMITTED and who is not None:
        said = wording.not_yours(who, str(document.parameters.get("permission", "")))
    reference = document.instance.removeprefix("/requests/") if document.who_must_act == "us" else ""
    return look.page(request, "problem.html", who=who, status=document.status, said=said, reference=reference)
