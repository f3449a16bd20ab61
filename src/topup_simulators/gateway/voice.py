"""How this gateway tells its merchant something: JSON signed over its bytes, resent until exactly `success`."""

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from topup_simulators.gateway.seal import Seal
from topup_simulators.payments.voice import News

# Minutes between one sending and the next, as Alipay documents them; the factor of the process shortens them.
_RESEND_AFTER_MINUTES: Final = (4, 10, 10, 60, 120, 360, 900)
_OF_A_REFUND: Final = ("refund_id", "reference", "amount_minor", "currency", "reason")


class SandboxVoice:
    """Speaks under the gateway's key, for one merchant."""

    resend_after_s: Sequence[float] = tuple(60 * minutes for minutes in _RESEND_AFTER_MINUTES)

    def __init__(self, *, seal: Seal, merchant_id: str) -> None:
        self._seal = seal
        self._merchant_id = merchant_id

    def news(self, kind: str, payment: sqlite3.Row, facts: Mapping[str, Any]) -> News:
        """An event; its bytes are the same however often it is sent."""
        told = {name: facts[name] for name in _OF_A_REFUND} if kind.startswith("refund.") else dict(facts)
        return {
            "event_id": _event_id(),
            "type": kind,
            "merchant": self._merchant_id,
            "payment_id": payment["payment_id"],
            **told,
        }

    def renamed(self, news: News) -> News:
        """The same under another event id."""
        return {**news, "event_id": _event_id()}

    def spoken(self, news: News, *, forged: bool) -> tuple[dict[str, str], bytes]:
        """Headers and body to be posted; `forged` is signed with a stranger's key."""
        body = json.dumps(news, ensure_ascii=False, separators=(",", ":")).encode()
        return self._seal.event_headers(body, forged=forged), body

    def heard(self, status: int, body: bytes) -> bool:
        """200 and exactly `success`."""
        return (status, body) == (200, b"success")


def _event_id() -> str:
    return f"evt_{secrets.token_hex(12)}"
