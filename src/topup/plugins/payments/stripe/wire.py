"""Requests in Stripe's form encoding and their answers: an object of the kind we asked for, or a problem.

The version of the API is pinned, so that objects keep their shape whatever the account's default is. An answer is
believed where it is JSON of the expected object; an error only where it has Stripe's form. Everything else is Unknown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus

import msgspec

from topup.kernel.outcome import NotSent, Reason, Refused, Throttled, Unknown
from topup.platform.http import Client, Response
from topup.plugins.payments.stripe.objects import ErrorAnswer, ErrorBody
from topup.plugins.payments.stripe.settings import StripeSettings, secret_key

API_VERSION: Final = "2024-06-20"
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_TOO_MANY: Final = 429
_BROKEN: Final = 500
_REFUSING: Final = frozenset({400, 402, 404})
_LONGEST_WAIT_S: Final = 60

Problem = NotSent | Throttled | Unknown | Refused
Wanted = TypeVar("Wanted")


@dataclass(frozen=True, slots=True)
class Failed:
    """Stripe answered that it did not do it (400, 402, 404); what that means depends on what was asked."""

    status: int
    error: ErrorBody

    @property
    def code(self) -> str:
        """The most exact word for it: `card_declined`, `resource_missing`, or the type of the error."""
        return self.error.decline_code or self.error.code or self.error.type

    def unlisted(self) -> Unknown:
        """What it is where its code is on no list."""
        return Unknown(
            f"unlisted: {self.status} {self.error.type[:40]} {self.code[:40]} {(self.error.param or '')[:40]}"
        )


@dataclass(frozen=True, slots=True)
class FailedBefore:
    """Stripe keeps a failure of its own (5xx) for this key. What was asked is over, done or not, and can be found."""

    status: int

    def unlisted(self) -> Unknown:
        """What it is where nobody looks."""
        return Unknown(f"status {self.status}, replayed")


class Wire:
    """Sends with our key. Raises what reading the key raises, and ForbiddenAddress for a bad `base_url`."""

    def __init__(self, settings: StripeSettings, client: Client) -> None:
        client.check_address(settings.base_url)
        self._base = settings.base_url.rstrip("/")
        self._timeout_s = settings.timeout_s
        self._client = client
        self._headers = {
            "authorization": f"Bearer {secret_key(settings)}",
            "stripe-version": API_VERSION,
        }

    async def get(
        self, path: str, kind: type[Wanted], *, route: str, query: Mapping[str, Any] | None = None
    ) -> Wanted | Failed | Problem:
        """Read an object or a list. `route` is the label that is logged."""
        text = encode(query or {})
        response = await self._send("GET", f"{path}?{text}" if text else path, route, self._headers, b"")
        return understood(response, kind) if isinstance(response, Response) else response

    async def post(
        self, path: str, kind: type[Wanted], *, route: str, content: Mapping[str, Any]
    ) -> Wanted | Failed | Problem:
        """Do something that may be done twice."""
        response = await self._post(path, route, content, {})
        return understood(response, kind) if isinstance(response, Response) else response

    async def post_once(
        self, path: str, kind: type[Wanted], *, route: str, content: Mapping[str, Any], key: str
    ) -> Wanted | Failed | FailedBefore | Problem:
        """Do something, never twice under the same idempotency `key`. Stripe may forget a key after 24 hours."""
        response = await self._post(path, route, content, {"idempotency-key": key})
        if not isinstance(response, Response):
            return response
        if response.status >= _BROKEN and response.headers.get("idempotent-replayed") == "true":
            return FailedBefore(response.status)
        return understood(response, kind)

    async def answer_headers(self, path: str, *, route: str) -> tuple[Mapping[str, str], Response] | NotSent | Unknown:
        """The headers of an answer beside the answer itself, for doctor."""
        response = await self._send("GET", path, route, self._headers, b"")
        return (response.headers, response) if isinstance(response, Response) else response

    async def _post(
        self, path: str, route: str, content: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Response | NotSent | Unknown:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return await self._send("POST", path, route, {**self._headers, **kind, **headers}, encode(content).encode())

    async def _send(
        self, method: str, path: str, route: str, headers: Mapping[str, str], content: bytes
    ) -> Response | NotSent | Unknown:
        return await self._client.send(
            method=method,
            url=self._base + path,
            route=f"stripe.{route}",
            headers=headers,
            content=content,
            timeout_s=self._timeout_s,
        )


def encode(content: Mapping[str, Any]) -> str:
    """Form fields as Stripe reads them: `{"a": {"b": [1]}}` is `a[b][0]=1`. None is left out."""
    return "&".join(f"{quote_plus(name, safe='[]')}={quote_plus(value)}" for name, value in _flat("", content))


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{prefix}[{name}]" if prefix else str(name), inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _flat(f"{prefix}[{number}]", inner)
    elif isinstance(value, bool):
        yield prefix, "true" if value else "false"
    elif value is not None:
        yield prefix, str(value)


def understood(response: Response, kind: type[Wanted]) -> Wanted | Failed | Problem:
    """What an answer says, if it says anything: an object of `kind`, an error, or a problem."""
    if response.status == _OK:
        try:
            return msgspec.json.decode(response.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Unknown("an answer that is no such object")
    try:
        error = msgspec.json.decode(response.body, type=ErrorAnswer).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Unknown(f"status {response.status}, and no error of Stripe's")
    if response.status in (_UNAUTHORIZED, _FORBIDDEN):
        return Refused(Reason.CONFIGURATION, "key_refused" if response.status == _UNAUTHORIZED else "key_not_allowed")
    if response.status == _TOO_MANY:
        return Throttled(_wait(response.headers.get("retry-after", "")))
    if response.status in _REFUSING:
        return Failed(response.status, error)
    # 409: another request is under way with this key. 5xx: also the replay of one that failed.
    return Unknown(f"status {response.status} {error.type[:40]} {(error.code or '')[:40]}")


def _wait(text: str) -> int:
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1  # noqa: PLR2004 - no day has more
    return min(max(1, seconds), _LONGEST_WAIT_S)
