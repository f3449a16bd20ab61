"""Events to the merchant: composed once, signed, and resent on a schedule until exactly `success` is heard."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from topup_simulators.agenda import Agenda
from topup_simulators.gateway.seal import Seal
from topup_simulators.post import Poster
from topup_simulators.store import Store

# Minutes between one sending and the next, as Alipay documents them; the factor of the process shortens them.
_RESEND_AFTER_MINUTES: Final = (4, 10, 10, 60, 120, 360, 900)
NOTIFY: Final = "notify"


class Notices:
    """Plans events on the agenda and sends what is due."""

    def __init__(self, *, store: Store, seal: Seal, merchant_id: str, time_factor: float, resend_factor: float) -> None:
        self._store = store
        self._seal = seal
        self._merchant_id = merchant_id
        self._poster = Poster()
        self.time_factor = time_factor
        self.resend_factor = resend_factor

    def compose(self, kind: str, payment_id: str, **facts: str | int) -> str:
        """An event's body: these very bytes are signed, and sent however often."""
        event = {
            "event_id": f"evt_{secrets.token_hex(12)}",
            "type": kind,
            "merchant": self._merchant_id,
            "payment_id": payment_id,
            **facts,
        }
        return json.dumps(event, ensure_ascii=False, separators=(",", ":"))

    def plan(self, agenda: Agenda, url: str, body: str, *, after_s: float = 0.0, forged: bool = False) -> None:
        """Have an event sent; part of the caller's transaction. Nothing where no address is known."""
        if url:
            detail = {"url": url, "body": body, "forged": forged}
            agenda.plan(NOTIFY, detail, after_s=after_s * self.time_factor)

    async def send(self, detail: Mapping[str, Any], tries: int) -> float | None:
        """One sending: gives when to try again, or None when it was heard or the schedule is over."""
        body = detail["body"].encode()
        headers = self._seal.event_headers(body, forged=detail["forged"])
        heard = await self._poster.post(detail["url"], headers, body) == (200, b"success")
        event = json.loads(body)
        kind = "forged_event" if detail["forged"] else f"event {event['type']}"
        self._store.count(kind, event["payment_id"], effected=heard)
        if heard or detail["forged"] or tries >= len(_RESEND_AFTER_MINUTES):
            return None
        return _RESEND_AFTER_MINUTES[tries] * 60 * self.resend_factor
