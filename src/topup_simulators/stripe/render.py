"""Stripe's objects, as its API writes them, made of what the book knows."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from topup_simulators.payments.book import Book
from topup_simulators.payments.terms import Terms
from topup_simulators.store import Store
from topup_simulators.stripe.cards import CARDS, DEFAULT, error_of

VERSION: Final = "2024-06-20"
DAY_S: Final = 86_400
_REFUND_STATUS: Final = {"pending": "pending", "done": "succeeded", "refused": "failed"}

Object = dict[str, Any]


def seconds(moment: str) -> int:
    """A time of the book as Stripe writes it."""
    return int(datetime.fromisoformat(moment).timestamp())


class Render:
    """Writes objects; `expand` are the references that are to be written whole; `home` is where this is."""

    def __init__(self, *, store: Store, book: Book, home: Callable[[], str]) -> None:
        self._store = store
        self._book = book
        self._home = home

    def session(self, payment: sqlite3.Row, terms: Terms, *, expand: set[str], now: datetime) -> Object:
        """The Checkout Session of a payment."""
        facts = terms.facts
        standing = self._book.standing(payment, now)
        status = {"waiting": "open", "paid": "complete", "declined": "complete", "closed": "expired"}[standing]
        touched = self._is_touched(payment, terms)
        intent: Any = facts["intent"] if touched else None
        if intent and "payment_intent" in expand:
            intent = self.intent(payment, terms, expand=_within(expand, "payment_intent"), now=now)
        return {
            "id": facts["session"],
            "object": "checkout.session",
            "amount_subtotal": payment["amount_minor"],
            "amount_total": payment["amount_minor"],
            "client_reference_id": facts["reference"] or None,
            "created": int(facts["created"]),
            "currency": payment["currency"].lower(),
            "customer": facts["customer"] or None,
            "expires_at": int(payment["expires_at"]),
            "livemode": False,
            "metadata": _metadata(facts, "metadata."),
            "mode": "payment",
            "payment_intent": intent,
            "payment_method_types": ["card"],
            "payment_status": "paid" if standing == "paid" else "unpaid",
            "status": status,
            "success_url": terms.return_url,
            "cancel_url": facts["cancel_url"] or None,
            "url": f"{self._home()}/pay?session={facts['session']}" if status == "open" else None,
        }

    def intent(self, payment: sqlite3.Row, terms: Terms, *, expand: set[str], now: datetime) -> Object:
        """The payment intent of a payment, with or without a session."""
        facts = terms.facts
        charges = self._book.charges(payment["payment_id"])
        charge = charges[0] if charges else None
        latest: Any = facts["charge"] if charge is not None else None
        if charge is not None and "latest_charge" in expand:
            latest = self.charge(payment, terms, charge)
        decline = facts.get("decline", "")
        return {
            "id": facts["intent"],
            "object": "payment_intent",
            "amount": payment["amount_minor"],
            "amount_received": charge["amount_minor"] if charge is not None else 0,
            "canceled_at": None,
            "capture_method": "automatic",
            "created": int(facts["created"]),
            "currency": (charge["currency"] if charge is not None else payment["currency"]).lower(),
            "customer": facts["customer"] or None,
            "description": terms.description or None,
            "last_payment_error": error_of(decline) if decline and charge is None else None,
            "latest_charge": latest,
            "livemode": False,
            "metadata": _metadata(facts, "intent."),
            "payment_method": facts["method"] if charge is not None and facts["method"] else None,
            "payment_method_types": ["card"],
            "setup_future_usage": "off_session" if facts["keep"] else None,
            "status": self._intent_status(payment, charge is not None, now),
        }

    def charge(self, payment: sqlite3.Row, terms: Terms, charge: Mapping[str, Any]) -> Object:
        """The charge that succeeded."""
        facts = terms.facts
        card = CARDS[facts.get("card") or DEFAULT]
        refunded = self._book.refunded(charge["reference"])
        return {
            "id": facts["charge"],
            "object": "charge",
            "amount": charge["amount_minor"],
            "amount_captured": charge["amount_minor"],
            "amount_refunded": refunded,
            "balance_transaction": f"txn_{facts['charge'].removeprefix('ch_')}",
            "captured": True,
            "created": seconds(charge["paid_at"]),
            "currency": charge["currency"].lower(),
            "customer": facts["customer"] or None,
            "description": terms.description or None,
            "disputed": self._store.one("SELECT 1 FROM disputes WHERE payment_id = ?", (payment["payment_id"],))
            is not None,
            "livemode": False,
            "metadata": _metadata(facts, "intent."),
            "paid": True,
            "payment_intent": facts["intent"],
            "payment_method": facts["method"],
            "payment_method_details": {"type": "card", "card": {"brand": card.brand, "last4": card.last4}},
            "refunded": refunded == charge["amount_minor"],
            "status": "succeeded",
        }

    def refund(self, refund: sqlite3.Row, terms: Terms) -> Object:
        """A refund."""
        kept = self._store.one("SELECT metadata FROM refund_words WHERE refund_id = ?", (refund["refund_id"],))
        failed = refund["status"] == "refused"
        return {
            "id": refund["reference"],
            "object": "refund",
            "amount": refund["amount_minor"],
            "charge": terms.facts["charge"],
            "created": seconds(refund["at"]),
            "currency": refund["currency"].lower(),
            "metadata": _read(kept["metadata"]) if kept is not None else {},
            "payment_intent": terms.facts["intent"],
            "reason": "requested_by_customer",
            "status": _REFUND_STATUS[refund["status"]],
            **({"failure_reason": "expired_or_canceled_card"} if failed else {}),
        }

    def dispute(self, dispute: sqlite3.Row, terms: Terms) -> Object:
        """A payer's objection; a week is given to answer, where no other date was set."""
        date = self._store.one("SELECT due_by FROM dispute_dates WHERE dispute = ?", (dispute["dispute"],))
        return {
            "id": dispute["dispute"],
            "object": "dispute",
            "amount": dispute["amount"],
            "charge": terms.facts["charge"],
            "created": int(dispute["created"]),
            "currency": dispute["currency"].lower(),
            "evidence_details": {
                "due_by": date["due_by"] if date is not None else int(dispute["created"]) + 7 * DAY_S,
                "has_evidence": False,
            },
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "payment_intent": terms.facts["intent"],
            "reason": "fraudulent",
            "status": dispute["status"],
        }

    def _is_touched(self, payment: sqlite3.Row, terms: Terms) -> bool:
        """Whether the payer tried to pay: before that there is no intent."""
        over = payment["status"] in ("paid", "declined") or payment["in_progress"]
        return bool(over or terms.facts.get("decline"))

    def _intent_status(self, payment: sqlite3.Row, charged: bool, now: datetime) -> str:  # noqa: FBT001 - of two calls
        if charged:
            return "succeeded"
        if payment["in_progress"]:
            return "processing"
        standing = self._book.standing(payment, now)
        return "canceled" if standing == "closed" else "requires_payment_method"


def event(kind: str, thing: Object, identifier: str, now: datetime | None = None) -> Object:
    """Something that happened to an object."""
    return {
        "id": identifier,
        "object": "event",
        "api_version": VERSION,
        "created": int((now or datetime.now(UTC)).timestamp()),
        "data": {"object": thing},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def listed(things: list[Object], *, more: bool, url: str) -> Object:
    """A list of objects."""
    return {"object": "list", "data": things, "has_more": more, "url": url}


def _within(expand: set[str], name: str) -> set[str]:
    return {path.removeprefix(f"{name}.") for path in expand if path.startswith(f"{name}.")}


def _metadata(facts: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in facts.items() if name.startswith(prefix)}


def _read(text: str) -> dict[str, str]:
    words: dict[str, str] = json.loads(text)
    return words
