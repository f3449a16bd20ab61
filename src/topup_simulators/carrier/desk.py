"""What becomes of a submission: the ending of the number decides."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from topup_simulators.agenda import Agenda
from topup_simulators.carrier.book import Book, FloatTooLow
from topup_simulators.carrier.endings import Ending, ending_of
from topup_simulators.carrier.lock import Lock
from topup_simulators.post import Poster
from topup_simulators.store import Store
from topup_simulators.web import Answer, Misbehaviour

LATER: Final = "later"
CALLBACK: Final = "callback"
_DONE_AFTER_S: Final = 1.0
_REVERSED_AFTER_S: Final = 3.0
_THROTTLED_TIMES: Final = 2
_RESEND_AFTER_S: Final = (60, 300, 1800, 7200, 21600, 43200)
_HEARD: Final = range(200, 300)
_BROKEN: Final = Answer(500, b"upstream connect error", "text/plain")
_GARBAGE: Final = Answer(200, b"\xff\xfe{{ code: COMPLETED", "application/json")

Reply = dict[str, Any] | Answer | Misbehaviour
"""Content to be signed, or something that is not."""


class Desk:
    """Takes submissions in, finishes them later, and calls back."""

    def __init__(
        self, *, store: Store, book: Book, lock: Lock, agenda: Agenda, time_factor: float, resend_factor: float
    ) -> None:
        self._store = store
        self._book = book
        self._lock = lock
        self._agenda = agenda
        self._time_factor = time_factor
        self._resend_factor = resend_factor
        self._poster = Poster()
        self._odd: dict[Ending, Callable[[dict[str, Any], datetime], Reply]] = {
            Ending.NOT_FOUND: lambda wanted, now: self._refuse(wanted, "NUMBER_NOT_FOUND", now),
            Ending.SUSPENDED: lambda wanted, now: self._refuse(wanted, "NUMBER_SUSPENDED", now),
            Ending.FLOAT_OUT: lambda wanted, now: self._refuse(wanted, "INSUFFICIENT_FLOAT", now),
            Ending.PRODUCT: lambda wanted, now: self._refuse(wanted, "PRODUCT_UNKNOWN", now),
            Ending.CALLED_BACK: lambda wanted, now: self._finish_later(wanted, "COMPLETED", now, tell=True),
            Ending.ASK_ME: lambda wanted, now: self._finish_later(wanted, "COMPLETED", now, tell=False),
            Ending.REFUSED_LATER: lambda wanted, now: self._finish_later(wanted, "NUMBER_SUSPENDED", now, tell=True),
            Ending.SILENT_DONE: lambda wanted, now: self._do_and(wanted, now, Misbehaviour.SILENCE),
            Ending.SILENT_UNDONE: lambda _wanted, _now: Misbehaviour.SILENCE,
            Ending.BROKEN_DONE: lambda wanted, now: self._do_and(wanted, now, _BROKEN),
            Ending.HANGS_UP_DONE: lambda wanted, now: self._do_and(wanted, now, Misbehaviour.HANG_UP),
            Ending.HANGS_UP_UNDONE: lambda _wanted, _now: Misbehaviour.HANG_UP,
            Ending.UNLISTED_DONE: lambda wanted, now: self._do_and(wanted, now, _about(wanted, "PARTIALLY_ROUTED")),
            Ending.UNLISTED_UNDONE: lambda wanted, _now: _about(wanted, "ROUTE_BUSY"),
            Ending.GARBAGE: lambda wanted, now: self._do_and(wanted, now, _GARBAGE),
            Ending.DUPLICATE: lambda wanted, now: self._do_and(wanted, now, _about(wanted, "DUPLICATE")),
            Ending.BADLY_SIGNED: self._badly_signed,
            Ending.REVERSED: self._reversed,
            Ending.THROTTLED: self._throttled,
            Ending.NEVER_FINAL: self._never_final,
        }

    def submit(self, wanted: dict[str, Any], now: datetime) -> Reply:
        """Take a submission in, or answer DUPLICATE where the number of it is known."""
        known = self._book.topup(wanted["external_id"])
        self._store.count("submit", wanted["external_id"], effected=False)
        if known is not None:
            return _about(wanted, "DUPLICATE")
        if wanted["currency"] != self._book.currency:
            return self._refuse(wanted, "PRODUCT_UNKNOWN", now)
        ending = ending_of(wanted["msisdn"])
        return self._do(wanted, now) if ending is None else self._odd[ending](wanted, now)

    async def finish(self, detail: Mapping[str, Any], _tries: int) -> None:
        """What was accepted comes to its end, or what was done is taken back."""
        with self._store.transaction():
            topup = self._book.topup(detail["external_id"])
            if topup is None or topup["code"] != detail["from"]:
                return
            if detail["code"] == "COMPLETED":
                self._deliver(topup["external_id"])
            elif detail["code"] == "REVERSED":
                self._book.take_back(topup["external_id"], datetime.now(UTC))
            else:
                self._book.set_code(topup["external_id"], detail["code"])
            if detail["tell"]:
                self._plan_callback(topup["external_id"])

    async def call_back(self, detail: Mapping[str, Any], tries: int) -> float | None:
        """One callback, signed at this moment: gives when to try again, or None when it was heard or given up."""
        body = detail["body"].encode()
        headers = self._lock.callback_headers(body, time.time_ns() // 1_000_000)
        answer = await self._poster.post(detail["url"], headers, body)
        heard = answer is not None and answer[0] in _HEARD
        self._store.count("callback", json.loads(body)["external_id"], effected=heard)
        if heard or tries >= len(_RESEND_AFTER_S):
            return None
        return _RESEND_AFTER_S[tries] * self._resend_factor

    def _do(self, wanted: dict[str, Any], now: datetime) -> Reply:
        self._book.take_in(wanted, "SUBMITTED", now)
        self._deliver(wanted["external_id"])
        return self._tell(wanted["external_id"])

    def _do_and(self, wanted: dict[str, Any], now: datetime, reply: Reply) -> Reply:
        self._do(wanted, now)
        return reply

    def _refuse(self, wanted: dict[str, Any], code: str, now: datetime) -> Reply:
        self._book.take_in(wanted, code, now)
        return self._tell(wanted["external_id"])

    def _finish_later(self, wanted: dict[str, Any], code: str, now: datetime, *, tell: bool) -> Reply:
        self._book.take_in(wanted, "SUBMITTED", now)
        self._plan_end(wanted["external_id"], code, _DONE_AFTER_S, tell=tell)
        return self._tell(wanted["external_id"])

    def _badly_signed(self, wanted: dict[str, Any], now: datetime) -> Reply:
        reply = self._do(wanted, now)
        return {**reply, "spoilt": True} if isinstance(reply, dict) else reply

    def _reversed(self, wanted: dict[str, Any], now: datetime) -> Reply:
        reply = self._do(wanted, now)
        self._plan_end(wanted["external_id"], "REVERSED", _REVERSED_AFTER_S, tell=True, before="COMPLETED")
        return reply

    def _throttled(self, wanted: dict[str, Any], now: datetime) -> Reply:
        row = self._store.one(
            "SELECT received FROM calls WHERE kind = 'submit' AND subject = ?", (wanted["external_id"],)
        )
        if row is not None and row["received"] <= _THROTTLED_TIMES:
            return {"code": "THROTTLED", "external_id": wanted["external_id"], "retry_after_s": 1}
        return self._do(wanted, now)

    def _never_final(self, wanted: dict[str, Any], now: datetime) -> Reply:
        self._book.take_in(wanted, "SUBMITTED", now)
        return self._tell(wanted["external_id"])

    def _deliver(self, external_id: str) -> None:
        try:
            self._book.deliver(external_id)
        except FloatTooLow:
            return
        self._store.write(
            "UPDATE calls SET effected = effected + 1 WHERE kind = 'submit' AND subject = ?", (external_id,)
        )

    def _tell(self, external_id: str) -> dict[str, Any]:
        topup = self._book.topup(external_id)
        if topup is None:
            return {"code": "NOT_FOUND", "external_id": external_id}
        return {"code": topup["code"], "external_id": external_id, "reference": topup["reference"]}

    def _plan_end(self, external_id: str, code: str, after_s: float, *, tell: bool, before: str = "SUBMITTED") -> None:
        detail = {"external_id": external_id, "code": code, "from": before, "tell": tell}
        self._agenda.plan(LATER, detail, after_s=after_s * self._time_factor)

    def _plan_callback(self, external_id: str) -> None:
        topup = self._book.topup(external_id)
        if topup is None or not topup["callback_url"]:
            return
        event = {"event_id": f"cb_{secrets.token_hex(12)}", **self._tell(external_id)}
        event["at"] = datetime.now(UTC).isoformat()
        self._agenda.plan(CALLBACK, {"url": topup["callback_url"], "body": json.dumps(event)})


def _about(wanted: Mapping[str, Any], code: str) -> dict[str, Any]:
    return {"code": code, "external_id": wanted["external_id"]}
