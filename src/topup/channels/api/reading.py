"""From a request to what the desk takes: bodies, keys and credentials, each refused with a sentence that helps."""

import re
from typing import Final, TypeVar
from urllib.parse import unquote, unquote_plus

import msgspec

from topup.kernel.errors import Forbidden, Invalid, Unauthenticated
from topup.people.api_keys import caller_of
from topup.people.queries import ApiPrincipal
from topup.platform.database import Database
from topup.platform.web import limit, read_body
from topup.platform.web.edge import AnyRequest, header

Body = TypeVar("Body")

GUEST: Final = "guest"
_WHERE: Final = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<field>[^`]*)`)?$", re.DOTALL)
_LONGEST_REASON: Final = 160


async def read_json(request: AnyRequest, decoder: msgspec.json.Decoder[Body]) -> Body:
    """The body as the decoder's type.

    Raises Invalid `body_unreadable` (no JSON), `body_invalid` with `field` and `reason`, or what `read_body` raises.
    """
    return decoded(await read_body(request), decoder)


def decoded(body: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """A body as the decoder's type. Raises Invalid `body_unreadable`, `body_invalid`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _misfit(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("body_unreadable") from None


def _misfit(error: msgspec.ValidationError) -> Invalid:
    found = _WHERE.match(str(error))
    field, reason = (found["field"], found["reason"]) if found else (None, str(error))
    return Invalid("body_invalid", field=field or "$", reason=reason[:_LONGEST_REASON])


def query_number(request: AnyRequest) -> str:
    """The phone number in `?number=`, empty where there is none.

    A leading plus sign means one: few people know that a form reads it as a space.
    """
    for pair in request.scope["query_string"].decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if unquote_plus(name) == "number":
            return "+" + unquote_plus(value[1:]) if value.startswith("+") else unquote_plus(value)
    return ""


def query_text(request: AnyRequest, wanted: str) -> str | None:
    """The query parameter of that name, None where there is none; of several the first counts."""
    for pair in request.scope["query_string"].decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if unquote_plus(name) == wanted:
            return unquote_plus(value)
    return None


def path_text(text: str) -> str:
    """A path parameter that was escaped twice, as some clients do with a plus sign."""
    return unquote(text) if "%" in text else text


async def principal_of(request: AnyRequest, database: Database) -> ApiPrincipal | None:
    """Who calls: the owner of the API key in `Authorization: Bearer`, or None for a guest.

    Raises Unauthenticated `credentials_wrong` for a key that is none, and Throttled when that happens too often.
    """
    credentials = header(request, b"authorization")
    if credentials is None:
        return None
    scheme, _, secret = credentials.partition(" ")
    if scheme.lower() == "bearer":
        principal = await caller_of(database, secret.strip())
        if principal is not None:
            return principal
    limit(request, "key")
    raise Unauthenticated("credentials_wrong")


async def permitted(request: AnyRequest, database: Database, permission: str) -> ApiPrincipal:
    """The caller, who must hold a key with `permission`.

    Raises Unauthenticated `credentials_missing` or `credentials_wrong`, Forbidden `not_permitted`.
    """
    principal = await principal_of(request, database)
    if principal is None:
        raise Unauthenticated("credentials_missing")
    if not principal.may(permission):
        raise Forbidden("not_permitted", permission=permission)
    return principal


def name_of(principal: ApiPrincipal | None) -> str:
    """What idempotency keys are filed under, and who did it."""
    return principal.actor if principal else GUEST
