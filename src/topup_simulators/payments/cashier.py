"""What a merchant may ask of a payment, answered without a wire: a provider's interface puts it in its own words."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from topup_simulators.agenda import Agenda
from topup_simulators.payments.book import Book
from topup_simulators.payments.magic import Magic, magic_of
from topup_simulators.payments.notices import Notices
from topup_simulators.store import Store

REFUND: Final = "refund"
_SLOW_REFUND_S: Final = 2.0
_MISBEHAVES_TIMES: Final = 2


class Trouble(StrEnum):
    """What the magic of an amount does to an answer."""

    BROKEN = "broken"
    """A 500 with a body that is no answer."""
    GARBAGE = "garbage"
    """A 200 with bytes that are no answer."""
    THROTTLED = "throttled"
    """Asked to wait a second, in the provider's words."""
    SPOILT = "spoilt"
    """A good answer with a signature that does not hold."""
    HANG_UP = "hang_up"


class Closed(StrEnum):
    """What a close came to."""

    DONE = "done"
    UNHEARD = "unheard"
    """Never opened; it cannot be opened later."""
    PAID = "paid"
    IN_PROGRESS = "in_progress"


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a payment. `standing` is waiting, paid, declined or closed; empty where nothing is known."""

    payment: sqlite3.Row | None
    standing: str
    charges: list[dict[str, Any]]
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class RefundWanted:
    """A refund as the merchant asks for it; `reference` is the charge's."""

    refund_id: str
    payment_id: str
    reference: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """What a request of a refund came to: OK, REFUND_ID_REUSED, UNKNOWN_CHARGE or REFUND_EXCEEDS_PAYMENT.

    `refund` is there with OK; `replay` where the refund was known before.
    """

    code: str
    refund: sqlite3.Row | None
    replay: bool = False
    trouble: Trouble | None = None


_TROUBLES: Final = {
    Magic.REFUND_HANGS_UP_DONE: Trouble.HANG_UP,
    Magic.REFUND_BROKEN: Trouble.BROKEN,
    Magic.REFUND_GARBAGE: Trouble.GARBAGE,
}


class Cashier:
    """Answers about payments and changes them; callers open the transaction."""

    def __init__(self, *, store: Store, book: Book, agenda: Agenda, notices: Notices) -> None:
        self._store = store
        self._book = book
        self._agenda = agenda
        self._notices = notices

    def begun(self, payment_id: str) -> Trouble | None:
        """A call began the payment, or began it again: with what the answer is to be spoilt."""
        payment = self._book.payment(payment_id)
        self._store.count("start", payment_id, effected=True)
        magic = None if payment is None else magic_of(payment["amount_minor"])
        return Trouble.BROKEN if magic is Magic.START_BROKEN and self._times("start", payment_id) == 1 else None

    def query(self, payment_id: str, now: datetime) -> Found:
        """How a payment stands, and with what the answer is to be spoilt."""
        payment = self._book.payment(payment_id)
        self._store.count("query", payment_id, effected=payment is not None)
        if payment is None:
            return Found(None, "", [])
        magic = magic_of(payment["amount_minor"]) if payment["content"] is not None else None
        first = self._times("query", payment_id) <= _MISBEHAVES_TIMES
        trouble = {
            Magic.QUERY_BROKEN: Trouble.BROKEN,
            Magic.QUERY_THROTTLED: Trouble.THROTTLED if first else None,
            Magic.QUERY_BADLY_SIGNED: Trouble.SPOILT if first else None,
        }.get(magic or Magic.DECLINED)
        standing = self._book.standing(payment, now)
        return Found(payment, standing, self._book.charges(payment_id) if standing == "paid" else [], trouble)

    def close(self, payment_id: str, now: datetime) -> Closed:
        """Forbid further payment, unless it was paid or is being paid."""
        payment = self._book.payment(payment_id)
        status = None if payment is None else self._book.standing(payment, now)
        self._store.count("close", payment_id, effected=status in (None, "waiting"))
        if payment is None:
            self._book.close_unheard(payment_id)
            return Closed.UNHEARD
        if status == "paid":
            return Closed.PAID
        if payment["in_progress"]:
            return Closed.IN_PROGRESS
        if status == "waiting":
            self._end_unpaid(payment)
        return Closed.DONE

    def cancel(self, payment_id: str, now: datetime) -> str:
        """Close it and give back whatever was paid; gives how it stood before, empty where it was never heard of."""
        payment = self._book.payment(payment_id)
        self._store.count("cancel", payment_id, effected=payment is None or payment["status"] != "closed")
        if payment is None:
            self._book.close_unheard(payment_id)
            return ""
        if payment["status"] == "waiting":
            self._end_unpaid(payment)
        elif payment["status"] == "paid":
            self._book.cancel(payment_id, now)
        return str(payment["status"])

    def refund(self, wanted: RefundWanted, now: datetime) -> Refunded:
        """Give back once under its number; a repetition is answered with what became of the first."""
        known = self._book.refund(wanted.refund_id)
        if known is not None:
            self._store.count("refund", wanted.refund_id, effected=False)
            return Refunded("OK", known, replay=True) if _same(known, wanted) else Refunded("REFUND_ID_REUSED", None)
        payment = self._book.payment(wanted.payment_id)
        magic = None if payment is None else magic_of(payment["amount_minor"])
        if magic is Magic.REFUND_HANGS_UP_UNDONE and self._times("refund", wanted.refund_id) == 0:
            self._store.count("refund", wanted.refund_id, effected=False)
            return Refunded("OK", None, trouble=Trouble.HANG_UP)
        refusal = self._refusal(wanted)
        self._store.count("refund", wanted.refund_id, effected=refusal is None)
        return Refunded(refusal, None) if refusal else self._give_back(wanted, magic, now)

    def refund_query(self, refund_id: str, payment_id: str) -> sqlite3.Row | None:
        """What became of a refund of that payment; None where there is none."""
        known = self._book.refund(refund_id)
        self._store.count("refund_query", refund_id, effected=known is not None)
        return known if known is not None and known["payment_id"] == payment_id else None

    async def finish_refund(self, detail: Mapping[str, Any], _tries: int) -> None:
        """A slow refund comes to its end."""
        with self._store.transaction():
            refused = detail["refused"]
            status, reason = ("refused", "ACCOUNT_CLOSED") if refused else ("done", "")
            now = datetime.now(UTC)
            if self._book.end_refund(detail["refund_id"], status=status, reason=reason, now=now):
                self._tell_refund(detail["refund_id"])

    def _give_back(self, wanted: RefundWanted, magic: Magic | None, now: datetime) -> Refunded:
        slow = magic in (Magic.REFUND_SLOW, Magic.REFUND_FAILS_LATER)
        self._book.add_refund(
            refund_id=wanted.refund_id,
            payment_id=wanted.payment_id,
            charge=wanted.reference,
            amount_minor=wanted.amount_minor,
            currency=wanted.currency,
            status="pending" if slow else "done",
            now=now,
        )
        if slow:
            detail = {"refund_id": wanted.refund_id, "refused": magic is Magic.REFUND_FAILS_LATER}
            self._agenda.plan(REFUND, detail, after_s=_SLOW_REFUND_S * self._notices.time_factor)
        else:
            self._tell_refund(wanted.refund_id)
        return Refunded("OK", self._book.refund(wanted.refund_id), trouble=_TROUBLES.get(magic or Magic.DECLINED))

    def _refusal(self, wanted: RefundWanted) -> str | None:
        charge = self._book.charge_of(wanted.payment_id, wanted.reference)
        if charge is None or charge["currency"] != wanted.currency:
            return "UNKNOWN_CHARGE"
        left = charge["amount_minor"] - self._book.refunded(wanted.reference)
        return "REFUND_EXCEEDS_PAYMENT" if wanted.amount_minor > left else None

    def _end_unpaid(self, payment: sqlite3.Row) -> None:
        self._book.end(payment["payment_id"], "closed")
        news = self._notices.compose("payment.closed", payment)
        self._notices.plan(self._agenda, "payment.closed", payment, news)

    def _tell_refund(self, refund_id: str) -> None:
        refund = self._book.refund(refund_id)
        payment = self._book.payment(refund["payment_id"]) if refund else None
        if refund is None or payment is None:
            return
        kind = f"refund.{refund['status']}"
        self._notices.plan(self._agenda, kind, payment, self._notices.compose(kind, payment, dict(refund)))

    def _times(self, kind: str, subject: str) -> int:
        row = self._store.one("SELECT received FROM calls WHERE kind = ? AND subject = ?", (kind, subject))
        return 0 if row is None else int(row["received"])


def _same(known: sqlite3.Row, wanted: RefundWanted) -> bool:
    return (known["payment_id"], known["charge"], known["amount_minor"], known["currency"]) == (
        wanted.payment_id,
        wanted.reference,
        wanted.amount_minor,
        wanted.currency,
    )
