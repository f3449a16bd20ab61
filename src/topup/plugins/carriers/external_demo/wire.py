"""The wire of the simulated carrier: one shared secret, HMAC-SHA256 over what a call is and a digest of its body.

A call, its reply and a callback are signed as different things. A reply is bound to its call by the call's nonce; a
callback carries its time, and each resending is signed afresh, so a stale one is refused.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from topup.fulfilment.ports import CarrierEventRejected
from topup.platform.http import Response

_TOLERANCE_S: Final = 300
_LONGEST_EVENT: Final = 65_536
_NO_BODY: Final = b""

Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class ExternalDemoSettings(BaseModel):
    """Where the carrier is, the file with our key's name and secret, and what its contract says of asking."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    secret_file: Path
    """JSON: `{"key": …, "secret": 64 hexadecimal digits}`."""
    timeout_s: float = Field(default=10.0, gt=0, le=20)
    """Of one call. Who takes a call up owns it for a minute, and it may need two."""
    minimum_interval_s: float = Field(default=1.0, ge=0)
    horizon_s: float = Field(default=259_200.0, gt=0)
    absence_proves_after_s: float = Field(default=60.0, ge=0)


class BillItem(msgspec.Struct):
    """One delivery on a day's bill."""

    external_id: str
    reference: str
    amount_minor: int
    currency: str
    code: str
    at: Aware


class Reply(msgspec.Struct):
    """Any reply of the carrier; `code` says which of the fields are there."""

    code: str
    external_id: str = ""
    reference: str = ""
    retry_after_s: int = 1
    can_be_topped_up: bool | None = None
    amount_minor: int | None = None
    currency: str = ""
    deliveries: list[BillItem] = []
    next: str = ""


class Callback(msgspec.Struct):
    """What became of a delivery, told without being asked."""

    event_id: str
    external_id: str
    code: str
    reference: str = ""


class Distrusted(Exception):
    """A reply that is not the carrier's word on this call, or that cannot be read."""


@dataclass(frozen=True, slots=True)
class Call:
    """A signed call, ready to be sent."""

    method: str
    path: str
    nonce: str
    headers: dict[str, str]
    body: bytes


_read_reply: Final = msgspec.json.Decoder(Reply).decode
_read_callback: Final = msgspec.json.Decoder(Callback).decode


class Wire:
    """Signs and verifies with the shared secret. Raises OSError or ValueError for a secret file that is none."""

    def __init__(self, secret_file: Path) -> None:
        content = json.loads(secret_file.read_text())
        try:
            self._key, self._secret = str(content["key"]), bytes.fromhex(content["secret"])
        except (KeyError, TypeError):
            raise ValueError(f"{secret_file.name} holds no key and secret") from None
        if len(self._secret) < 32:  # noqa: PLR2004 - RFC 2104, 3: no shorter than the hash
            raise ValueError(f"the secret in {secret_file.name} is too short")

    def call(self, *, method: str, path: str, body: bytes = _NO_BODY, milliseconds: int) -> Call:
        """A call with a fresh nonce; `milliseconds` since 1970."""
        time, nonce = str(milliseconds), secrets.token_urlsafe(16)
        headers = {
            "content-type": "application/json",
            "x-api-key": self._key,
            "x-api-time": time,
            "x-api-nonce": nonce,
            "x-api-mac": self._mac("CALL", method, path, time, nonce, sha256(body).hexdigest()),
        }
        return Call(method, path, nonce, headers, body)

    def reply(self, *, call: Call, response: Response) -> Reply:
        """What the carrier replied to this very call. Raises Distrusted."""
        time = response.headers.get("x-api-time", "")
        mac = self._mac("REPLY", str(response.status), call.nonce, time, sha256(response.body).hexdigest())
        if not _same(mac, response.headers.get("x-api-mac", "")):
            raise Distrusted(f"not signed, or not by the carrier; status {response.status}")
        try:
            return _read_reply(response.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Distrusted("unreadable") from None

    def callback(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Callback:
        """The callback, after every byte was verified and its time found within five minutes of `now`, either side.

        Raises CarrierEventRejected.
        """
        time = headers.get("x-api-time", "")
        if len(body) > _LONGEST_EVENT:
            raise CarrierEventRejected("too long")
        if headers.get("x-api-key") != self._key:
            raise CarrierEventRejected("signed with another key")
        if not _same(self._mac("CALLBACK", time, sha256(body).hexdigest()), headers.get("x-api-mac", "")):
            raise CarrierEventRejected("the signature does not hold")
        try:
            if abs(now.timestamp() - int(time) / 1000) > _TOLERANCE_S:
                raise CarrierEventRejected("stale")
            return _read_callback(body)
        except (msgspec.MsgspecError, ValueError):
            raise CarrierEventRejected("unreadable") from None

    def _mac(self, *parts: str) -> str:
        return hmac.digest(self._secret, "\n".join(parts).encode(), "sha256").hex()


def _same(ours: str, theirs: str) -> bool:
    # compare_digest takes no other text than ASCII.
    return hmac.compare_digest(ours.encode(), theirs.encode())
