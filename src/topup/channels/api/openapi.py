"""The OpenAPI 3.1 document, made from the table of endpoints and the shapes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec

from topup.channels.api import credit_shapes, shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem, Throttled, Unauthenticated, Unavailable
from topup.kernel.errors import Forbidden as ForbiddenProblem
from topup.platform.i18n import translate
from topup.platform.request_keys import KEEP_DAYS, LONGEST_KEY
from topup.platform.web.problems import MEDIA_TYPE, status_of

_REFERENCE: Final = "#/components/schemas/{name}"
_DESCRIPTION: Final = """\
Top up a mobile line in four calls: `createQuote`, `createOrder`, `createPayment`, and `getOrder` until it is `final`.

Money is an integer of minor units and an ISO 4217 currency. Failures are problem documents (RFC 9457): decide by
`code`, show `title` and `detail`, and see in `who_must_act` whose turn it is. Texts follow Accept-Language: 简体, 繁體,
English.

Requests that create something need an `Idempotency-Key`. The same key with the same request gives the same answer,
with `Idempotent-Replayed: true`; with another request it is refused. So whatever happens to an answer on its way, send
the same request again with the same key.
"""
_TAGS: Final = {
    "Top-up": "From a number to a receipt.",
    "Agents": "Sell from a float, with an agent's API key.",
    "Lines": "For systems of the operator: needs an API key.",
    "Usage": "For the network's systems, and others of the operator: needs an API key.",
    "Reconciliation": "Providers' bills held against our books: needs an API key.",
    "Tills": "For counters and kiosks: needs an API key.",
    "Links": "Prepared top-ups to be shared or printed, for shops: needs an API key.",
    "Events": "What gateways and carriers tell us.",
    "Running it": "For monitors.",
    "Demonstration": "Only in a demonstration.",
}
_CATEGORIES: Final[dict[type[Problem], str]] = {
    NotFound: "_unknown receipt_not_yet",
    Conflict: (
        "quote_expired quote_altered quote_used carrier_changed confirmation_needed order_not_payable "
        "too_late_to_cancel request_running"
    ),
    Unauthenticated: "credentials_missing credentials_wrong",
    ForbiddenProblem: "not_permitted",
    Throttled: "too_many_requests",
    Unavailable: "gateway_unavailable database_lost overloaded not_ready unexpected",
}


def document(endpoints: Sequence[Endpoint], *, address: str) -> bytes:
    """The document as JSON. `address` is how the outside reaches us."""
    ordered = _types(endpoints)
    references, schemas = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    named = dict(zip(ordered, references, strict=True))
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for endpoint in endpoints:
        paths[endpoint.path][endpoint.method.lower()] = _operation(endpoint, named)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "topup",
                "version": version("topup"),
                "summary": "Top up and renew a mobile line.",
                "description": _DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": address}],
            "tags": _tags(endpoints),
            "paths": paths,
            "components": {"schemas": schemas, "securitySchemes": _SECURITY_SCHEMES},
        }
    )


def _types(endpoints: Iterable[Endpoint]) -> list[type[Any]]:
    kinds = [kind for endpoint in endpoints for kind in (endpoint.answer, endpoint.body, endpoint.asked)]
    types: set[type[Any]] = {shapes.Problem, *(kind for kind in kinds if isinstance(kind, type))}
    return sorted(types, key=lambda kind: kind.__name__)


_SECURITY_SCHEMES: Final = {
    "ApiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A secret made by `topup keys create --role ROLE`.",
    }
}


def _tags(endpoints: Iterable[Endpoint]) -> list[dict[str, str]]:
    used = {endpoint.tag for endpoint in endpoints}
    return [{"name": name, "description": meaning} for name, meaning in _TAGS.items() if name in used]


def _operation(endpoint: Endpoint, named: dict[type[Any], Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [*map(_parameter, endpoint.parameters), *_headers(endpoint)],
        "responses": {str(endpoint.status): _success(endpoint, named), **_failures(endpoint, named[shapes.Problem])},
    }
    if endpoint.asked is not None:
        held = {"description": "Asked for: another person decides.", "content": _content(endpoint.asked, named)}
        operation["responses"]["202"] = held
    if endpoint.handler.__doc__:
        operation["description"] = endpoint.handler.__doc__
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(endpoint.body, named)}
    if endpoint.permission:
        operation["security"] = [{"ApiKey": []}]
    elif endpoint.keyed:
        # Guests may order; a key files the request under its owner.
        operation["security"] = [{}, {"ApiKey": []}]
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.meaning,
        "schema": {"type": "string", "minLength": 1, "maxLength": parameter.longest},
        "example": parameter.example,
    }


def _headers(endpoint: Endpoint) -> list[dict[str, Any]]:
    language = {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "The language of texts; `zh-Hans` where none is known.",
        "schema": {"type": "string"},
        "example": "en",
    }
    if not endpoint.keyed:
        return [language]
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": f"Unique to this operation, for example a UUID. Its answer is kept for {KEEP_DAYS} days.",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    }
    return [key, language]


def _success(endpoint: Endpoint, named: dict[type[Any], Any]) -> dict[str, Any]:
    answered: dict[str, Any] = {"description": endpoint.summary, "content": _content(endpoint.answer, named)}
    if endpoint.keyed:
        answered["headers"] = {
            "Idempotent-Replayed": {
                "description": "`true` where this is the stored answer of an earlier request.",
                "schema": {"type": "string", "const": "true"},
            }
        }
    return answered


def _content(kind: type[Any] | str, named: dict[type[Any], Any]) -> dict[str, Any]:
    if isinstance(kind, str):
        return {kind: {"schema": {}}}
    return {"application/json": {"schema": named[kind], **_examples(kind)}}


def _examples(kind: type[Any]) -> dict[str, Any]:
    example = _EXAMPLES.get(kind)
    return {"example": example} if example else {}


_EXAMPLES: Final[dict[type[Any], Any]] = {
    shapes.NewQuote: {"number": "138 0013 8000", "amount": {"amount_minor": 5000, "currency": "CNY"}},
    shapes.NewOrder: {"quote_id": "quo_01m7xprzmv03t2s6sdhxcrg8x8", "contact": "lin@example.com"},
    shapes.NewPayment: {"method": "sandbox"},
    shapes.SandboxOutcome: {"outcome": "pay"},
    credit_shapes.NewShare: {"to": "138 0013 8001", "amount": {"amount_minor": 1000, "currency": "CNY"}},
    credit_shapes.NewAdjustment: {
        "amount": {"amount_minor": 500, "currency": "CNY"},
        "reason": "goodwill",
        "note": "Waited an hour at the counter.",
    },
    shapes.Number: {
        "number": "+8613800138000",
        "grouped": "138 0013 8000",
        "country": "CN",
        "carrier": {"id": "qingfeng", "names": {"zh-Hans": "青峰移动", "en": "Qingfeng Mobile"}},
        "currency": "CNY",
        "zone": "Asia/Shanghai",
    },
}


def _failures(endpoint: Endpoint, schema: Any) -> dict[str, Any]:
    """One response per status, with an example per code."""
    by_status: dict[int, list[Problem]] = defaultdict(list)
    for named in dict.fromkeys(endpoint.all_problems()):
        problem = _problem(named) if isinstance(named, str) else named
        by_status[status_of(problem)].append(problem)
    return {str(status): _failure(status, problems, schema) for status, problems in sorted(by_status.items())}


def _failure(status: int, problems: Sequence[Problem], schema: Any) -> dict[str, Any]:
    answered: dict[str, Any] = {
        "description": ", ".join(f"`{problem.code}`" for problem in problems),
        "content": {
            MEDIA_TYPE: {
                "schema": schema,
                "examples": {problem.code: {"value": _told(problem, status)} for problem in problems},
            }
        },
    }
    if status in {429, 503}:
        answered["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}}
    return answered


def _told(problem: Problem, status: int) -> dict[str, Any]:
    """An example, without the parts of the advice that depend on the case."""
    return {
        "type": f"/problems/{problem.code}",
        "title": translate("en", "problems", problem.code),
        "status": status,
        "detail": "…",
        "instance": "/requests/1f0c9a3b5d7e2468ace0",
        "code": problem.code,
        "who_must_act": problem.who_must_act.value,
    }


def _problem(code: str) -> Problem:
    """A problem of that code in its category; whatever is in no other is Invalid."""
    for category, codes in _CATEGORIES.items():
        if code in codes.split() or (category is NotFound and code in _ABSENT):
            return category(code)
    return Invalid(code)


_ABSENT: Final = frozenset({"quote_unknown", "order_unknown", "payment_unknown", "line_unknown", "carrier_unknown"})
