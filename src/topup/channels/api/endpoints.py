"""An endpoint as data: from the same table come the routes and the OpenAPI document, so that they cannot disagree."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from litestar.handlers import HTTPRouteHandler

from topup.kernel.errors import Problem
from topup.platform.web.shortcuts import SHORTCUT, Handler

Parameters = tuple["Parameter", ...]

EVERYWHERE: Final = ("too_many_requests", "request_malformed", "database_lost", "overloaded", "unexpected")
"""What any endpoint may answer."""
WITH_BODY: Final = ("body_unreadable", "body_invalid", "body_too_large", "body_too_slow", "body_type_unsupported")
WITH_KEY: Final = ("key_missing", "key_unreadable", "key_reused", "request_running", "credentials_wrong")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the path, the query or a header: its name, what it is, and an example."""

    name: str
    place: Literal["path", "query", "header"]
    meaning: str
    example: str
    longest: int = 64
    required: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation. `path` has its parameters in braces; `answer` is a type, or a media type of bytes."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    name: str
    summary: str
    tag: str
    answer: type[Any] | str
    status: int = 200
    body: type[Any] | str | None = None
    parameters: Parameters = ()
    problems: tuple[str | Problem, ...] = ()
    """Codes; a problem itself where its category is not the code's usual one."""
    keyed: bool = False
    """Needs an Idempotency-Key."""
    permission: str | None = None
    """Needs an API key with it."""
    asked: type[Any] | None = None
    """What 202 answers where another person has to approve first."""

    def all_problems(self) -> tuple[str | Problem, ...]:
        """Every problem this endpoint may answer."""
        more = WITH_BODY if isinstance(self.body, type) else ()
        keys = WITH_KEY if self.keyed else ()
        guarded = ("credentials_missing", "credentials_wrong", "not_permitted") if self.permission else ()
        return (*self.problems, *more, *keys, *guarded, *EVERYWHERE)

    def route(self) -> HTTPRouteHandler:
        """The handler as Litestar takes it."""
        path = self.path
        for parameter in self.parameters:
            path = path.replace(f"{{{parameter.name}}}", f"{{{parameter.name}:str}}")
        route = HTTPRouteHandler(
            path, http_method=self.method, status_code=self.status, name=self.name, opt=dict(SHORTCUT)
        )
        return route(self.handler)
