"""How Stripe tells its merchant something: events in JSON, signed afresh each time they are sent, for three days."""

import hmac
import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from topup_simulators.agenda import Agenda
from topup_simulators.payments.book import Book
from topup_simulators.payments.magic import magic_of
from topup_simulators.payments.notices import NOTIFY
from topup_simulators.payments.terms import Terms
from topup_simulators.payments.voice import News
from topup_simulators.stripe.render import Object, Render, event

_HOURS_AFTER: Final = (1 / 12, 1 / 2, 2, 5, 10, 12, 12, 12, 12)
"""Three days in all, ever longer apart: Stripe promises the three days, and not the steps."""
_SUCCESSFUL: Final = 2


class StripeVoice:
    """Speaks under the endpoint's secret. `render` and `agenda` are given once the shared parts are there."""

    resend_after_s: Sequence[float] = tuple(3600 * hours for hours in _HOURS_AFTER)

    def __init__(self, *, book: Book, secret: str) -> None:
        self._book = book
        self._secret = secret.encode()
        self.render: Render | None = None
        self.agenda: Agenda | None = None

    def news(self, kind: str, payment: sqlite3.Row, facts: Mapping[str, Any]) -> News | None:
        """The event that says it. Where a payment behaves, its other events are planned too, as Stripe sends them."""
        terms = self._book.terms(payment["payment_id"])
        if terms is None or self.render is None:
            return None
        if kind.startswith("refund."):
            refund = self._book.refund(facts["refund_id"])
            told = "refund.updated" if kind == "refund.done" else "refund.failed"
            return None if refund is None else _event(told, self.render.refund(refund, terms))
        if kind == "payment.paid":
            return self._paid(payment, terms, facts)
        return self._over(kind, payment, terms)

    def tell(self, kind: str, thing: Object, payment: sqlite3.Row) -> None:
        """Have an event sent beside the shared ones; part of the caller's transaction."""
        if self.agenda is not None and payment["notify_url"]:
            detail = {
                "url": payment["notify_url"],
                "kind": kind,
                "payment_id": payment["payment_id"],
                "news": _event(kind, thing),
                "forged": False,
            }
            self.agenda.plan(NOTIFY, detail)

    def renamed(self, news: News) -> News:
        """The same under another event id."""
        return {**news, "id": _identifier()}

    def spoken(self, news: News, *, forged: bool) -> tuple[dict[str, str], bytes]:
        """Headers and body; `forged` is signed with a stranger's secret. The scheme v0 is there to be ignored."""
        body = json.dumps(news, ensure_ascii=False, indent=2).encode()
        moment = str(int(datetime.now(UTC).timestamp()))
        secret = secrets.token_bytes(32) if forged else self._secret
        signature = hmac.new(secret, f"{moment}.".encode() + body, sha256).hexdigest()
        header = f"t={moment},v1={signature},v0={secrets.token_hex(32)}"
        return {"content-type": "application/json; charset=utf-8", "stripe-signature": header}, body

    def heard(self, status: int, body: bytes) -> bool:
        """Any 2xx; the body does not matter."""
        del body
        return status // 100 == _SUCCESSFUL

    def _paid(self, payment: sqlite3.Row, terms: Terms, facts: Mapping[str, Any]) -> News:
        assert self.render is not None  # noqa: S101 - looked at by the caller
        now = datetime.now(UTC)
        # The book ends the payment after it has told of it: here it is told as it will be.
        ended: Any = {**dict(payment), "status": "paid", "in_progress": 0}
        intent = self.render.intent(ended, terms, expand=set(), now=now)
        if magic_of(payment["amount_minor"]) is None:
            self.tell("charge.succeeded", self.render.charge(ended, terms, facts), payment)
            if terms.facts["session"]:
                self.tell("payment_intent.succeeded", intent, payment)
        if not terms.facts["session"]:
            return _event("payment_intent.succeeded", intent)
        session = self.render.session(ended, terms, expand=set(), now=now)
        session |= {"amount_total": facts["amount_minor"], "currency": facts["currency"].lower()}
        return _event("checkout.session.completed", session)

    def _over(self, kind: str, payment: sqlite3.Row, terms: Terms) -> News:
        assert self.render is not None  # noqa: S101 - looked at by the caller
        status = "declined" if kind == "payment.declined" else "closed"
        ended: Any = {**dict(payment), "status": status, "in_progress": 0}
        now = datetime.now(UTC)
        if not terms.facts["session"]:
            told = "payment_intent.payment_failed" if status == "declined" else "payment_intent.canceled"
            return _event(told, self.render.intent(ended, terms, expand=set(), now=now))
        told = "checkout.session.async_payment_failed" if status == "declined" else "checkout.session.expired"
        return _event(told, self.render.session(ended, terms, expand=set(), now=now))


def _event(kind: str, thing: Object) -> Object:
    return event(kind, thing, _identifier())


def _identifier() -> str:
    return f"evt_{secrets.token_hex(12)}"
