"""What the merchant is told: planned on the agenda, and resent on the provider's schedule until it is heard."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from topup_simulators.agenda import Agenda
from topup_simulators.payments.voice import News, Voice
from topup_simulators.post import Poster
from topup_simulators.store import Store

NOTIFY: Final = "notify"


class Notices:
    """Plans notices and sends what is due. `time_factor` stretches delays, `resend_factor` the schedule."""

    def __init__(self, *, store: Store, voice: Voice, time_factor: float, resend_factor: float) -> None:
        self._store = store
        self._voice = voice
        self._poster = Poster()
        self.time_factor = time_factor
        self.resend_factor = resend_factor

    def compose(self, kind: str, payment: sqlite3.Row, facts: Mapping[str, Any] | None = None) -> News | None:
        """What is to be told of a payment or one of its refunds; None where the provider says nothing of it."""
        return self._voice.news(kind, payment, facts or {})

    def renamed(self, news: News) -> News:
        """The same, told as another event."""
        return self._voice.renamed(news)

    def plan(
        self,
        agenda: Agenda,
        kind: str,
        payment: sqlite3.Row,
        news: News | None,
        *,
        after_s: float = 0.0,
        forged: bool = False,
    ) -> None:
        """Have it sent; part of the caller's transaction. Nothing where no address is known, or nothing is told."""
        if payment["notify_url"] and news is not None:
            detail = {
                "url": payment["notify_url"],
                "kind": kind,
                "payment_id": payment["payment_id"],
                "news": news,
                "forged": forged,
            }
            agenda.plan(NOTIFY, detail, after_s=after_s * self.time_factor)

    async def send(self, detail: Mapping[str, Any], tries: int) -> float | None:
        """One sending: gives when to try again, or None when it was heard or the schedule is over."""
        headers, body = self._voice.spoken(detail["news"], forged=detail["forged"])
        answer = await self._poster.post(detail["url"], headers, body)
        heard = answer is not None and self._voice.heard(*answer)
        kind = "forged_event" if detail["forged"] else f"event {detail['kind']}"
        self._store.count(kind, detail["payment_id"], effected=heard)
        schedule = self._voice.resend_after_s
        if heard or detail["forged"] or tries >= len(schedule):
            return None
        return schedule[tries] * self.resend_factor
