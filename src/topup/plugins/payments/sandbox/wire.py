"""The wire of the simulated gateway: what is signed, how it is verified, and the shape of its JSON.

Every signed text begins with what it is (`form`, `request`, `answer`, `event`), so that none passes as another. An
answer is bound to its question by the question's nonce, and an event to the key it names.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import quote

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from topup.payments.ports import EventRejected, PaymentRequest
from topup.platform.ed25519 import Signer, Verifier
from topup.platform.http import Response
from topup.plugins.payments.sandbox.keys import key_id, private_key, public_key

_LONGEST_EVENT: Final = 65_536
_ESCAPES: Final = {code: quote(chr(code), safe="") for code in range(128)}

Aware = Annotated[datetime, msgspec.Meta(tz=True)]
Amount = Annotated[int, msgspec.Meta(gt=0)]


class SandboxSettings(BaseModel):
    """Where the gateway is, who we are to it, and the two key files (PEM): ours to sign, its to verify."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    merchant_id: str
    private_key_file: Path
    gateway_public_key_file: Path
    timeout_s: float = Field(default=10.0, gt=0, le=20)
    """Of one call. Who takes a call up owns it for a minute, and it may need two."""
    start: Literal["page", "call"] = "page"
    """How a payment begins: by the address of the pay page alone, or, as gateways of QR codes have it, by a call."""


class Charge(msgspec.Struct):
    """One real payment."""

    reference: str
    amount_minor: Amount
    currency: str
    paid_at: Aware


class Line(msgspec.Struct):
    """One line of a day's bill."""

    kind: str
    our_id: str
    reference: str
    amount_minor: Amount
    currency: str
    at: Aware


class Answer(msgspec.Struct):
    """Any answer of the gateway; `code` says which of the fields are there."""

    code: str
    payment_id: str = ""
    refund_id: str = ""
    status: str = ""
    reference: str = ""
    reason: str = ""
    retry_after_s: int = 1
    payments: list[Charge] = []
    lines: list[Line] = []
    next: str = ""


class Event(msgspec.Struct):
    """Any event of the gateway; `type` says which of the fields are there."""

    event_id: str
    type: str
    merchant: str
    payment_id: str
    reference: str = ""
    amount_minor: Amount | None = None
    currency: str = ""
    paid_at: Aware | None = None
    refund_id: str = ""
    reason: str = ""


class Distrusted(Exception):
    """An answer that is not the gateway's word on this question, or that cannot be read."""


@dataclass(frozen=True, slots=True)
class Question:
    """A signed question, ready to be sent."""

    path: str
    nonce: str
    headers: dict[str, str]
    body: bytes


_read_answer: Final = msgspec.json.Decoder(Answer).decode
_read_event: Final = msgspec.json.Decoder(Event).decode


class Wire:
    """Signs with our key and verifies with the gateway's. Raises what reading a key file raises."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._merchant = settings.merchant_id
        ours = private_key(settings.private_key_file)
        theirs = public_key(settings.gateway_public_key_file)
        self._our_kid, self._their_kid = key_id(ours.public_key()), key_id(theirs)
        self._signer, self._verifier = Signer(ours), Verifier(theirs)

    def form(self, *, request: PaymentRequest, timestamp: int) -> str:
        """The query string of the pay page; `timestamp` in seconds since 1970."""
        fields = {
            "amount_minor": str(request.amount.amount_minor),
            "currency": request.amount.currency,
            "description": request.description,
            "expires_at": request.expires_at.astimezone(UTC).isoformat(),
            "kid": self._our_kid,
            "locale": request.locale,
            "merchant_id": self._merchant,
            "notify_url": request.notify_url,
            "payment_id": request.payment_id,
            "return_url": request.return_url,
            "timestamp": str(timestamp),
        }
        # Sorted by name above; percent-encoded before signing, for `a=1&b=2` as one value must not read as two.
        canonical = "&".join([f"{name}={_quoted(value)}" for name, value in fields.items()])
        return f"{canonical}&signature={_quoted(self._sign(_lines('form'), canonical.encode()))}"

    def question(self, *, path: str, content: Mapping[str, str | int], timestamp: int) -> Question:
        """A question with a fresh nonce; `timestamp` in seconds since 1970."""
        body = msgspec.json.encode(content)
        nonce = secrets.token_hex(16)
        headers = {
            "content-type": "application/json",
            "x-sandbox-merchant": self._merchant,
            "x-sandbox-kid": self._our_kid,
            "x-sandbox-timestamp": str(timestamp),
            "x-sandbox-nonce": nonce,
            "x-sandbox-signature": self._sign(_lines("request", "POST", path, str(timestamp), nonce), body),
        }
        return Question(path, nonce, headers, body)

    def answer(self, *, question: Question, response: Response) -> Answer:
        """What the gateway answered to this very question. Raises Distrusted."""
        timestamp = response.headers.get("x-sandbox-timestamp", "")
        head = _lines("answer", str(response.status), question.path, timestamp, question.nonce)
        if response.headers.get("x-sandbox-kid") != self._their_kid:
            raise Distrusted(f"unsigned, status {response.status}")
        if not self._holds(response.headers.get("x-sandbox-signature", ""), head, response.body):
            raise Distrusted(f"the signature does not hold, status {response.status}")
        try:
            return _read_answer(response.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Distrusted("unreadable") from None

    def event(self, *, headers: Mapping[str, str], body: bytes) -> Event:
        """The event, after every byte of it was verified. Raises EventRejected."""
        if len(body) > _LONGEST_EVENT:
            raise EventRejected("too long")
        if headers.get("x-sandbox-kid") != self._their_kid:
            raise EventRejected("signed with no key of the gateway")
        if not self._holds(headers.get("x-sandbox-signature", ""), _lines("event", self._their_kid), body):
            raise EventRejected("the signature does not hold")
        try:
            event = _read_event(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise EventRejected("unreadable") from None
        if event.merchant != self._merchant:
            raise EventRejected("for another merchant")
        return event

    def _sign(self, head: bytes, body: bytes) -> str:
        return base64.b64encode(self._signer.sign(head + body)).decode()

    def _holds(self, signature: str, head: bytes, body: bytes) -> bool:
        try:
            raw = base64.b64decode(signature, validate=True)
        except ValueError:
            return False
        return self._verifier.holds(raw, head + body)


def control_code(body: bytes) -> str:
    """The `code` in an answer of the gateway's controls, which are not signed. Raises Distrusted."""
    try:
        return _read_answer(body).code
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Distrusted("unreadable") from None


def _quoted(text: str) -> str:
    """Percent-encoded, everything but RFC 3986's unreserved characters."""
    return text.translate(_ESCAPES) if text.isascii() else quote(text, safe="")


def _lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
