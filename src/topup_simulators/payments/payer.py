"""What a payer can do on the pay page, and what the magic of an amount makes of it."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from topup_simulators.agenda import Agenda
from topup_simulators.payments.book import Book
from topup_simulators.payments.magic import Magic, magic_of
from topup_simulators.payments.notices import Notices
from topup_simulators.payments.voice import News
from topup_simulators.store import Store

OUTCOMES: Final = ("pay", "decline", "late", "twice", "silent")
CHARGE: Final = "charge"
_LATE_AFTER_S: Final = 2.0
_MAGIC_AFTER_S: Final = 3.0
_APART_S: Final = 1.0


class AlreadyFinal(Exception):
    """The payment is paid, being paid, declined, closed or over."""


class BadOutcome(Exception):
    """No such thing can be done on the pay page."""


@dataclass(frozen=True, slots=True)
class _Course:
    """How a payment goes: after how long, how often it is charged, with what, and whether it is notified."""

    after_s: float = 0.0
    times: int = 1
    notified: bool = True


_COURSES: Final = {
    "pay": _Course(),
    "late": _Course(after_s=_LATE_AFTER_S),
    "twice": _Course(times=2),
    "silent": _Course(notified=False),
}


class Payer:
    """Does to a payment what the payer chose. `outcomes` are those this gateway's pay page has.

    `hears_no` says whether the provider tells its merchant that the payer of such a payment said no. Where it does
    not, a payment that was declined stays what it was: it waits, and can still be paid or closed.
    """

    def __init__(
        self,
        *,
        store: Store,
        book: Book,
        agenda: Agenda,
        notices: Notices,
        outcomes: Sequence[str] = OUTCOMES,
        one_currency: bool = False,
        hears_no: Callable[[str], bool] = lambda _payment_id: True,
    ) -> None:
        self.outcomes = tuple(outcomes)
        self._one_currency = one_currency
        self._hears_no = hears_no
        self._store = store
        self._book = book
        self._agenda = agenda
        self._notices = notices

    def choose(self, payment_id: str, outcome: str, now: datetime) -> bool:
        """Do it; False where that came to nothing, for the payer said no and nobody is told. Raises BadOutcome,
        AlreadyFinal, LookupError where the payment was never opened.
        """
        if outcome not in self.outcomes:
            raise BadOutcome
        payment = self._book.payment(payment_id)
        if payment is None or payment["content"] is None:
            raise LookupError(payment_id)
        magic = magic_of(payment["amount_minor"])
        self._check_open(payment, magic, outcome, now)
        if outcome == "decline" or (outcome == "pay" and magic is Magic.DECLINED):
            return self._decline(payment)
        course = _COURSES[outcome]
        if outcome == "pay" and magic is Magic.PAID_LATER:
            course = _Course(after_s=_MAGIC_AFTER_S)
        if outcome == "pay" and magic is Magic.NEVER_NOTIFIED:
            course = _Course(notified=False)
        self._book.begin(payment_id)
        detail = {"payment_id": payment_id, "times": course.times, "notified": course.notified}
        detail["magic"] = outcome == "pay"
        if course.after_s:
            self._agenda.plan(CHARGE, detail, after_s=course.after_s * self._notices.time_factor)
        else:
            self._charge(detail, now)
        return True

    def _decline(self, payment: sqlite3.Row) -> bool:
        if not self._hears_no(payment["payment_id"]):
            return False
        self._book.end(payment["payment_id"], "declined")
        self._tell("payment.declined", payment, self._notices.compose("payment.declined", payment))
        return True

    async def charge(self, detail: Mapping[str, Any], _tries: int) -> None:
        """The money of a payment that took its time arrives, unless it was cancelled meanwhile."""
        with self._store.transaction():
            self._charge(detail, datetime.now(UTC))

    def _check_open(self, payment: sqlite3.Row, magic: Magic | None, outcome: str, now: datetime) -> None:
        standing = self._book.standing(payment, now)
        over_by_time = standing == "closed" and payment["status"] == "waiting"
        payable = (
            standing == "waiting"
            or (over_by_time and outcome == "late")
            or (standing == "closed" and magic is Magic.CLOSED_IN_WORDS)
        )
        if payment["in_progress"] or not payable:
            raise AlreadyFinal

    def _charge(self, detail: Mapping[str, Any], now: datetime) -> None:
        payment = self._book.payment(detail["payment_id"])
        if payment is None or not payment["in_progress"]:
            return
        magic = magic_of(payment["amount_minor"]) if detail["magic"] else None
        amount, currency = payment["amount_minor"], payment["currency"]
        if magic is Magic.WRONG_AMOUNT:
            amount -= 1
        if magic is Magic.WRONG_CURRENCY and not self._one_currency:
            currency = "CNY" if currency == "USD" else "USD"
        for _ in range(detail["times"]):
            charge = self._book.charge(payment["payment_id"], amount, currency, now)
            self._store.count("payment", payment["payment_id"], effected=True)
            if detail["notified"]:
                self._tell_paid(payment, charge, magic)
        self._book.end(payment["payment_id"], "paid")

    def _tell_paid(self, payment: sqlite3.Row, charge: Mapping[str, Any], magic: Magic | None) -> None:
        news = self._notices.compose("payment.paid", payment, charge)
        closed = self._notices.compose("payment.closed", payment)
        if magic is Magic.FORGED_FIRST:
            self._tell("payment.paid", payment, news, forged=True)
        if magic is Magic.CLOSED_THEN_PAID:
            self._tell("payment.closed", payment, closed)
        delayed = magic in (Magic.FORGED_FIRST, Magic.CLOSED_THEN_PAID)
        self._tell("payment.paid", payment, news, after_s=_APART_S if delayed else 0.0)
        if magic is Magic.PAID_THEN_CLOSED:
            self._tell("payment.closed", payment, closed, after_s=_APART_S)
        if magic is Magic.NOTIFIED_AGAIN and news is not None:
            self._tell("payment.paid", payment, news, after_s=_APART_S)
            self._tell("payment.paid", payment, self._notices.renamed(news), after_s=_APART_S)

    def _tell(
        self, kind: str, payment: sqlite3.Row, news: News | None, *, after_s: float = 0.0, forged: bool = False
    ) -> None:
        self._notices.plan(self._agenda, kind, payment, news, after_s=after_s, forged=forged)
