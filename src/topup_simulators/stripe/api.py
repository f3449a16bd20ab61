"""The interface under `/v1`: who asks, which version, the idempotency store, and which address belongs to what."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from topup_simulators.payments.cashier import Cashier, Trouble
from topup_simulators.store import Store
from topup_simulators.stripe.endpoints import Endpoints
from topup_simulators.stripe.forms import Fields, Refusal, read_form
from topup_simulators.stripe.intents import Declined, Intents
from topup_simulators.stripe.kept import KeptCards
from topup_simulators.stripe.movements import Movements
from topup_simulators.stripe.refunds import Refunds
from topup_simulators.stripe.render import Object
from topup_simulators.stripe.sessions import Sessions
from topup_simulators.stripe.shelf import Shelf
from topup_simulators.web import Answer, Misbehaviour, Request

_VERSION: Final = re.compile(r"20[1-9][0-9]-[01][0-9]-[0-3][0-9](\.[a-z]+)?", re.ASCII)
_KEYS_LAST_S: Final = 24 * 3600
_LONGEST_KEY: Final = 255
_FORM: Final = "application/x-www-form-urlencoded"
_BROKEN: Final = b'{"error":{"type":"api_error","message":"Sorry! Something went wrong on our end."}}'


@dataclass(frozen=True, slots=True)
class Done:
    """What a request came to: an object, what of it is counted, and what is to happen to its answer."""

    thing: Object | None
    counted: str = ""
    trouble: Trouble | None = None


class Api:
    """Answers the merchant's servers; each request in one transaction."""

    def __init__(
        self,
        *,
        store: Store,
        key: str,
        account: str,
        sessions: Sessions,
        intents: Intents,
        refunds: Refunds,
        movements: Movements,
        endpoints: Endpoints,
        cashier: Cashier,
        shelf: Shelf,
        kept: KeptCards,
    ) -> None:
        self._kept = kept
        self._store = store
        self._key = key
        self._account = account
        self._sessions = sessions
        self._intents = intents
        self._refunds = refunds
        self._movements = movements
        self._endpoints = endpoints
        self._cashier = cashier
        self._shelf = shelf

    def handle(self, request: Request) -> Answer | Misbehaviour:
        """Answer one request."""
        name = f"req_{secrets.token_hex(7)}"
        try:
            self._check(request)
            with self._store.transaction():
                if request.method == "POST":
                    return self._once(request, name)
                done = self._got(request)
        except Refusal as refusal:
            return _refused(refusal, name)
        except RecursionError:
            return _refused(Refusal("The parameters are nested too deeply."), name)
        return _spoilt(done.trouble, _spelt(200, done.thing or {}, name))

    def forget_keys(self) -> int:
        """Prune the idempotency store, as Stripe may after 24 hours; gives how many were forgotten."""
        return self._store.write("DELETE FROM replays")

    def _check(self, request: Request) -> None:
        """Key, version and form. Raises Refusal."""
        given = _key_of(request.headers.get("authorization", ""))
        if not hmac.compare_digest(given.encode(), self._key.encode()):
            shown = f"{given[:8]}{'*' * 8}{given[-4:]}" if given else ""
            message = f"Invalid API Key provided: {shown}" if given else "You did not provide an API key."
            raise Refusal(message, status=401)
        version = request.headers.get("stripe-version")
        if version is not None and (
            _VERSION.fullmatch(version) is None or version[:10] > f"{datetime.now(UTC):%Y-%m-%d}"
        ):
            raise Refusal(f"Invalid Stripe API version: {version[:40]}")
        kind = request.headers.get("content-type", _FORM).partition(";")[0].strip()
        if request.method == "POST" and kind != _FORM:
            raise Refusal("Request body must be a form.", status=415 if kind else 400)
        if request.method not in ("GET", "POST", "DELETE"):
            raise _unknown(request)

    def _once(self, request: Request, name: str) -> Answer | Misbehaviour:
        """Do a request once under its key: what came of it is kept, failures too, but not what was never done."""
        text = request.body.decode("utf-8", "strict") if request.body.isascii() else _not_ascii()
        key = request.headers.get("idempotency-key")
        digest = hashlib.sha256("\n".join(sorted(text.split("&"))).encode()).hexdigest()
        asked = f"{request.method} {request.path} {digest}"
        if key is not None:
            if not 0 < len(key) <= _LONGEST_KEY:
                raise Refusal("Idempotency keys are at most 255 characters long.", kind="idempotency_error")
            replay = self._replayed(key, asked, name)
            if replay is not None:
                return replay
        try:
            done = self._posted(request, Fields(read_form(text)))
            answer = _spelt(200, done.thing or {}, name)
            counted, trouble = done.counted, done.trouble
        except Declined as declined:
            answer, counted, trouble = _refused(declined.refusal, name), declined.counted, None
        if trouble is Trouble.BROKEN:
            answer = Answer(500, _BROKEN, headers=_headers(name))
        undone = trouble is Trouble.HANG_UP and answer.body == b"{}"
        if key is not None and not undone:
            self._store.write(
                "INSERT INTO replays VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key, asked, answer.status, answer.body, counted, name, datetime.now(UTC).timestamp()),
            )
        return _spoilt(trouble, answer)

    def _replayed(self, key: str, asked: str, name: str) -> Answer | None:
        now = datetime.now(UTC).timestamp()
        self._store.write("DELETE FROM replays WHERE at < ?", (now - _KEYS_LAST_S,))
        kept = self._store.one("SELECT * FROM replays WHERE key = ?", (key,))
        if kept is None:
            return None
        if kept["asked"] != asked:
            raise Refusal(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key[:80]}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        kind, _, subject = kept["counted"].partition(" ")
        if subject:
            self._store.count(kind, subject, effected=False)
        headers = (*_headers(name), ("idempotent-replayed", "true"), ("original-request", kept["request"]))
        return Answer(kept["status"], kept["body"], headers=headers)

    def _posted(self, request: Request, fields: Fields) -> Done:
        expand = _expansion(fields.texts("expand"))
        place = request.path.removeprefix("/v1/").split("/")
        match place:
            case ["checkout", "sessions"]:
                return Done(*self._sessions.create(fields))
            case ["checkout", "sessions", identifier, "expire"]:
                thing, _ = self._sessions.expire(identifier, fields)
                return Done(thing)
            case ["payment_intents"]:
                thing, counted = self._intents.create(fields, expand)
                return Done(thing, counted)
            case ["payment_intents", identifier, "cancel"]:
                thing, _ = self._intents.cancel(identifier, fields)
                return Done(thing)
            case ["payment_methods", identifier, "detach"]:
                return Done(*self._kept.detach(identifier, fields))
            case ["refunds"]:
                return Done(*self._refunds.create(fields))
            case ["webhook_endpoints"]:
                return Done(self._endpoints.create(fields))
            case _:
                raise _unknown(request)

    def _got(self, request: Request) -> Done:
        fields = Fields(read_form(request.query))
        expand = _expansion(fields.texts("expand"))
        place = request.path.removeprefix("/v1/").split("/")
        if request.method == "DELETE":
            if place[0] == "webhook_endpoints" and len(place) == 2:  # noqa: PLR2004 - with an id
                return Done(self._endpoints.delete(place[1]))
            raise _unknown(request)
        lists: dict[str, Callable[[Fields, set[str]], Object]] = {
            "checkout/sessions": self._sessions.page,
            "payment_intents": self._intents.page,
            "refunds": lambda fields, _: self._refunds.page(fields),
            "balance_transactions": self._movements.page,
            "webhook_endpoints": lambda fields, _: self._endpoints.page(fields),
        }
        page = lists.get("/".join(place))
        if page is not None:
            return Done(page(fields, expand))
        fields.done()
        return self._one(request, place, expand)

    def _one(self, request: Request, place: list[str], expand: set[str]) -> Done:
        match place:
            case ["checkout", "sessions", identifier]:
                return Done(self._sessions.read(identifier, expand), trouble=self._asked("session", identifier))
            case ["payment_intents", identifier]:
                return Done(self._intents.read(identifier, expand), trouble=self._asked("intent", identifier))
            case ["refunds", identifier]:
                return Done(self._refunds.read(identifier))
            case ["disputes", identifier]:
                return Done(self._movements.read(identifier))
            case ["payment_methods", identifier]:
                return Done(self._kept.read(identifier))
            case ["account"]:
                return Done({"id": self._account, "object": "account", "charges_enabled": True})
            case ["balance"]:
                return Done({"object": "balance", "livemode": False, "available": [], "pending": []})
            case _:
                raise _unknown(request)

    def _asked(self, kind: str, identifier: str) -> Trouble | None:
        payment, _ = self._shelf.found(kind, identifier)
        return self._cashier.query(payment["payment_id"], datetime.now(UTC)).trouble


def _expansion(paths: list[str]) -> set[str]:
    """What is to be written whole: what is on the way to something, too."""
    parts = [path.split(".") for path in paths]
    return {".".join(path[: number + 1]) for path in parts for number in range(len(path))}


def _key_of(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme == "Bearer":
        return rest.strip()
    if scheme == "Basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _not_ascii() -> str:
    raise Refusal("The request body is no form: encode what is not ASCII.")


def _unknown(request: Request) -> Refusal:
    return Refusal(f"Unrecognized request URL ({request.method}: {request.path[:100]}).", status=404)


def _headers(name: str) -> tuple[tuple[str, str], ...]:
    date = f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}"
    return (("request-id", name), ("date", date), ("stripe-version", "2024-06-20"))


def _spelt(status: int, thing: Object, name: str) -> Answer:
    body = json.dumps(thing, ensure_ascii=False, indent=2 if thing else None).encode()
    return Answer(status, body, headers=_headers(name))


def _refused(refusal: Refusal, name: str) -> Answer:
    error: dict[str, Any] = {"error": {**refusal.error, "request_log_url": f"https://dashboard.stripe.com/{name}"}}
    return _spelt(refusal.status, error, name)


def _spoilt(trouble: Trouble | None, answer: Answer) -> Answer | Misbehaviour:
    """What the magic of an amount makes of an answer. Answers are not signed: one that is spoilt is cut off."""
    if trouble is Trouble.HANG_UP:
        return Misbehaviour.HANG_UP
    if trouble is Trouble.BROKEN:
        return Answer(500, _BROKEN, headers=answer.headers)
    if trouble is Trouble.GARBAGE:
        return Answer(200, b"\x00\x01 what is this", headers=answer.headers)
    if trouble is Trouble.SPOILT:
        return Answer(200, answer.body[: len(answer.body) // 2], headers=answer.headers)
    if trouble is Trouble.THROTTLED:
        body = b'{"error":{"type":"invalid_request_error","code":"rate_limit","message":"Too many requests."}}'
        return Answer(429, body, headers=(*answer.headers, ("retry-after", "1")))
    return answer
