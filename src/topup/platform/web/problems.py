"""Failures as problem documents (RFC 9457): one table says which status each has."""

import traceback
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog
from litestar.exceptions import HTTPException, MethodNotAllowedException

from topup.kernel.errors import Invalid, NotFound, Problem, Unavailable
from topup.platform.i18n import MissingText, has_text, in_words, language_tag, translate
from topup.platform.metrics import problem_given

DOMAIN: Final = "problems"
MEDIA_TYPE: Final = "application/problem+json"

STATUS_OF_CATEGORY: Final = {
    "invalid": 422,
    "not_found": 404,
    "conflict": 409,
    "forbidden": 403,
    "unauthenticated": 401,
    "throttled": 429,
    "unavailable": 503,
}
STATUS_OF_CODE: Final = {
    "body_too_large": 413,
    "body_too_slow": 408,
    "body_type_unsupported": 415,
    "body_unreadable": 400,
    "event_rejected": 400,
    "key_missing": 400,
    "key_unreadable": 400,
    "method_not_allowed": 405,
    "request_malformed": 400,
    "unexpected": 500,
}
"""Codes whose status is not their category's."""
_CODE_OF_STATUS: Final = {
    401: "credentials_missing",
    403: "request_refused",
    404: "route_unknown",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "body_type_unsupported",
}
"""What the framework refuses by itself."""
_SERVER_ERROR: Final = 500
_RETRY_AFTER_S: Final = {"request_running": 1, "overloaded": 2, "unavailable": 10}
_USUAL_RETRY_S: Final = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """A failure, said in the caller's language. `title` is what happened, `detail` what to do about it."""

    status: int
    code: str
    title: str
    detail: str
    who_must_act: str
    instance: str
    locale: str
    parameters: dict[str, str | int | list[str]]
    headers: dict[str, str]

    def to_json(self) -> bytes:
        """The body of type MEDIA_TYPE; parameters are extension members and never hide a standard one."""
        standard = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": self.instance,
            "code": self.code,
            "who_must_act": self.who_must_act,
        }
        extensions = {name: value for name, value in self.parameters.items() if name not in standard}
        return msgspec.json.encode(standard | extensions)


def status_of(problem: Problem) -> int:
    """The HTTP status of a problem."""
    return STATUS_OF_CODE.get(problem.code) or STATUS_OF_CATEGORY[problem.category]


def document_of(problem: Problem, *, locale: str, request_id: str) -> ProblemDocument:
    """The problem as the caller is told it. What only the operator should know (a path, a host) is left out."""
    told = _told(problem)
    problem_given(code=told.code)
    status = status_of(told)
    title, detail = words_of(told, locale=locale)
    return ProblemDocument(
        status=status,
        code=told.code,
        title=title,
        detail=detail,
        who_must_act=told.who_must_act.value,
        instance=f"/requests/{request_id}",
        locale=locale,
        parameters=told.parameters,
        headers={"content-language": language_tag(locale)} | _headers(told, status),
    )


def words_of(problem: Problem, *, locale: str) -> tuple[str, str]:
    """What happened, and what to do about it; what only the operator should know is told as "not now"."""
    told = _told(problem)
    return _said(locale, told.code, told), _said(locale, _advice(told), told)


def _told(problem: Problem) -> Problem:
    if has_text(DOMAIN, problem.code):
        return problem
    if isinstance(problem, Unavailable):
        return Unavailable("unavailable", who=problem.who_must_act)
    # A defect of ours: somebody raised a code that has no words. The caller still gets an answer.
    _log.error("problem_without_text", code=problem.code)
    return Unavailable("unexpected")


def _advice(problem: Problem) -> str:
    without = f"{problem.code}.do.empty"
    if any(value == [] for value in problem.parameters.values()) and has_text(DOMAIN, without):
        return without
    for value in problem.parameters.values():
        # What is listed may have a sentence of its own: `confirmation_needed.do.large_amount`.
        if isinstance(value, list) and has_text(DOMAIN, named := f"{problem.code}.do.{'.'.join(value)}"):
            # And another where more may be told: how many `minutes` ago it was.
            return own if "minutes" in problem.parameters and has_text(DOMAIN, own := f"{named}.own") else named
    return f"{problem.code}.do"


def _said(locale: str, message_id: str, problem: Problem) -> str:
    try:
        return translate(locale, DOMAIN, message_id, **in_words(problem.parameters, locale))
    except MissingText as error:
        _log.error("problem_without_text", code=problem.code, error=str(error))
        return translate(locale, DOMAIN, "unexpected.do")


def _headers(problem: Problem, status: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    if status in {429, 503} or problem.code in _RETRY_AFTER_S:
        wait_s = problem.parameters.get("retry_after_s", _RETRY_AFTER_S.get(problem.code, _USUAL_RETRY_S))
        headers["retry-after"] = str(wait_s)
    if status == 401:  # noqa: PLR2004 - RFC 9110, 15.5.2
        headers["www-authenticate"] = 'Bearer realm="topup"'
    if problem.code == "method_not_allowed":
        headers["allow"] = str(problem.parameters["allowed"])
    return headers


def problem_of(error: Exception, *, body_limit: int) -> Problem:
    """What a handler or the framework raised, as a problem; a defect becomes `unexpected`, and is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException) and error.status_code < _SERVER_ERROR:
        return _refusal(error, body_limit)
    log_defect(error)
    return Unavailable("unexpected")


def _refusal(error: HTTPException, body_limit: int) -> Problem:
    code = _CODE_OF_STATUS.get(error.status_code, "request_malformed")
    if isinstance(error, MethodNotAllowedException):
        return Invalid(code, allowed=(error.headers or {}).get("allow", ""))
    if code == "route_unknown":
        return NotFound(code)
    if code == "body_too_large":
        return Invalid(code, limit=body_limit)
    if code == "body_type_unsupported":
        return Invalid(code, expected="application/json")
    return Invalid(code)


def log_defect(error: BaseException) -> None:
    """Log where a defect arose. Not what it says: an error's message may quote a number or a row."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    places = [f"{frame.filename.rpartition('/topup/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    _log.error("defect", error=type(error).__qualname__, places=places)
