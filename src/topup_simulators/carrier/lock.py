"""The carrier's shared secret, and the strictness with which it reads a caller's signature."""

import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Final

from topup_simulators.store import Store
from topup_simulators.web import Request

TOLERANCE_MS: Final = 300_000


class TurnedAway(Exception):
    """The call is not taken in; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Lock:
    """Key name and secret, made at the first start in `directory`, readable by its owner only."""

    def __init__(self, directory: Path) -> None:
        self.secret_file = directory / "carrier.secret.json"
        if not self.secret_file.exists():
            draft = directory / ".carrier.secret.json"
            draft.touch(mode=0o600)
            draft.write_text(json.dumps({"key": f"ck_{secrets.token_hex(6)}", "secret": secrets.token_hex(32)}))
            draft.rename(self.secret_file)
        known = json.loads(self.secret_file.read_text())
        self._key = known["key"]
        self._secret = bytes.fromhex(known["secret"])

    def check(self, request: Request, store: Store, now_ms: int) -> None:
        """Raises TurnedAway unless our customer signed this very call, just now, for the first time."""
        time, nonce = request.headers.get("x-api-time", ""), request.headers.get("x-api-nonce", "")
        digest = hashlib.sha256(request.body).hexdigest()
        expected = self._mac(f"CALL\n{request.method}\n{request.target}\n{time}\n{nonce}\n{digest}")
        given = request.headers.get("x-api-mac", "")
        if request.headers.get("x-api-key") != self._key or not hmac.compare_digest(expected.encode(), given.encode()):
            raise TurnedAway("BAD_MAC")
        if not time.isdigit() or abs(now_ms - int(time)) > TOLERANCE_MS:
            raise TurnedAway("STALE_CALL")
        if not store.use_nonce(nonce, now_ms / 1000, 2 * TOLERANCE_MS / 1000):
            raise TurnedAway("NONCE_USED")

    def reply_headers(
        self, *, status: int, nonce: str, body: bytes, now_ms: int, spoilt: bool
    ) -> tuple[tuple[str, str], ...]:
        """What binds a reply to its call; `spoilt` for a signature that does not hold."""
        digest = hashlib.sha256(body).hexdigest()
        mac = self._mac(f"REPLY\n{status}\n{nonce}\n{now_ms}\n{digest}")
        return (("x-api-time", str(now_ms)), ("x-api-mac", mac[::-1] if spoilt else mac))

    def callback_headers(self, body: bytes, now_ms: int) -> dict[str, str]:
        """The headers of a callback sent at this moment."""
        mac = self._mac(f"CALLBACK\n{now_ms}\n{hashlib.sha256(body).hexdigest()}")
        return {
            "content-type": "application/json",
            "x-api-key": self._key,
            "x-api-time": str(now_ms),
            "x-api-mac": mac,
        }

    def _mac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
