"""The controls of tests and demonstrations: pay without a browser, count calls, hold events back.

They are not signed: the simulator listens on the loopback address, and no real gateway has them.
"""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from topup_simulators.agenda import Agenda
from topup_simulators.payments.book import Book
from topup_simulators.payments.notices import NOTIFY, Notices
from topup_simulators.payments.payer import AlreadyFinal, BadOutcome, Payer
from topup_simulators.payments.terms import Enter, OtherContent, Rejected
from topup_simulators.store import Store
from topup_simulators.web import Answer, Request

_MOST_CALLS: Final = 10_000
_PAYMENTS: Final = "/control/payments/"


class _Choice(msgspec.Struct):
    outcome: str
    form: str = ""


class _Settings(msgspec.Struct):
    paused: bool | None = None
    hasten: bool = False
    resend_factor: float | None = None
    time_factor: float | None = None


class Control:
    """Answers under /control."""

    def __init__(
        self, *, store: Store, book: Book, agenda: Agenda, notices: Notices, payer: Payer, enter: Enter
    ) -> None:
        self._store = store
        self._book = book
        self._agenda = agenda
        self._notices = notices
        self._payer = payer
        self._enter = enter

    def handle(self, request: Request) -> Answer:
        """Answer one request; `code` says why where it was refused."""
        try:
            if request.path.startswith(_PAYMENTS) and request.method == "POST":
                return self._pay(request.path.removeprefix(_PAYMENTS), request.body)
            if (request.method, request.path) == ("POST", "/control/notifications"):
                return self._notifications(request.body)
            if (request.method, request.path) == ("GET", "/control/calls"):
                subject = parse_qs(request.query).get("subject", [None])[0]
                return _answer(200, {"calls": self._store.counted(subject=subject, most=_MOST_CALLS)})
            if (request.method, request.path) == ("GET", "/control/agenda"):
                return _answer(200, {"agenda": self._agenda.waiting()})
        except msgspec.MsgspecError:
            return _answer(400, {"code": "BAD_REQUEST"})
        return _answer(404, {"code": "NO_SUCH_CONTROL"})

    def _pay(self, payment_id: str, body: bytes) -> Answer:
        choice = msgspec.json.decode(body, type=_Choice)
        now = datetime.now(UTC)
        try:
            with self._store.transaction():
                self._register(payment_id, choice.form, now)
                self._payer.choose(payment_id, choice.outcome, now)
        except Rejected as rejected:
            return _answer(403, {"code": rejected.code})
        except BadOutcome:
            return _answer(400, {"code": "BAD_OUTCOME"})
        except LookupError:
            return _answer(404, {"code": "PAYMENT_NOT_FOUND"})
        except (AlreadyFinal, OtherContent) as error:
            return _answer(409, {"code": "ALREADY_FINAL" if isinstance(error, AlreadyFinal) else "OTHER_CONTENT"})
        charges = self._book.charges(payment_id)
        return _answer(200, {"code": "OK", "payment_id": payment_id, "payments": charges})

    def _register(self, payment_id: str, form: str, now: datetime) -> None:
        if not form:
            return
        read = self._enter(form, now)
        if read.payment_id != payment_id:
            raise Rejected("BAD_FORM")
        self._book.register(read)

    def _notifications(self, body: bytes) -> Answer:
        """Hold events back or let them go, send what waits at once, change the pace."""
        wanted = msgspec.json.decode(body, type=_Settings)
        if wanted.resend_factor is not None:
            self._notices.resend_factor = wanted.resend_factor
        if wanted.time_factor is not None:
            self._notices.time_factor = wanted.time_factor
        if wanted.hasten:
            self._agenda.hasten(NOTIFY)
        if wanted.paused is not None:
            self._agenda.pause(NOTIFY, paused=wanted.paused)
        return _answer(200, {"code": "OK"})


def _answer(status: int, content: dict[str, Any]) -> Answer:
    return Answer(status, msgspec.json.encode(content))
