"""Refunds of payments: made, listed, read."""

import json
import secrets
import sqlite3
from datetime import UTC, datetime
from typing import Final

from topup_simulators.payments.book import Book
from topup_simulators.payments.cashier import Cashier, RefundWanted, Trouble
from topup_simulators.payments.terms import Terms
from topup_simulators.store import Store
from topup_simulators.stripe.forms import Fields, Refusal
from topup_simulators.stripe.render import Object, Render, listed
from topup_simulators.stripe.shelf import Shelf, read_page

_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")


class Refunds:
    """Answers `/v1/refunds`."""

    def __init__(self, *, store: Store, book: Book, cashier: Cashier, shelf: Shelf, render: Render) -> None:
        self._store = store
        self._book = book
        self._cashier = cashier
        self._shelf = shelf
        self._render = render

    def create(self, fields: Fields) -> tuple[Object | None, str, Trouble | None]:
        """Give back; gives the refund, what is counted, and what is to happen to the answer.

        A second request without the first one's idempotency key is a second refund, as it is at Stripe.
        """
        intent, charge = fields.text("payment_intent"), fields.text("charge")
        amount, metadata = fields.whole("amount"), fields.metadata()
        fields.text("reason", among=_REASONS)
        fields.done()
        if bool(intent) == bool(charge):
            raise Refusal("One of payment_intent and charge must be given.", code="parameter_missing")
        payment, terms = self._paid(intent, charge)
        paid = self._book.charges(payment["payment_id"])[0]
        left = paid["amount_minor"] - self._book.refunded(paid["reference"])
        self._check(left, amount, terms)
        wanted = metadata.get("refund_id", "")
        number = wanted if wanted and self._book.refund(wanted) is None else f"unnamed-{secrets.token_hex(12)}"
        self._store.write(
            "INSERT INTO refund_words (refund_id, metadata) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (number, json.dumps(metadata)),
        )
        came = self._cashier.refund(
            RefundWanted(number, payment["payment_id"], paid["reference"], amount or left, paid["currency"]),
            datetime.now(UTC),
        )
        if came.code != "OK":
            raise Refusal(f"The refund cannot be made: {came.code}", param="amount")
        made = None if came.refund is None else self._render.refund(came.refund, terms)
        return made, f"refund {number}", came.trouble

    def read(self, identifier: str) -> Object:
        """One as it is now."""
        row = self._store.one("SELECT * FROM refunds WHERE reference = ?", (identifier,))
        known = self._shelf.of_payment(row["payment_id"]) if row is not None else None
        if row is None or known is None:
            raise Refusal(f"No such refund: '{identifier[:60]}'", status=404, code="resource_missing", param="id")
        return self._render.refund(row, known[1])

    def page(self, fields: Fields) -> Object:
        """Those of a payment, newest first."""
        intent = fields.text("payment_intent", required=True)
        limit, first, last, after = read_page(fields)
        fields.done()
        payment, terms = self._shelf.found("intent", intent, param="payment_intent")
        rows = self._book.refunds(payment["payment_id"])
        for row in rows:
            self._store.count("refund_query", row["refund_id"], effected=True)
        things = [self._render.refund(row, terms) for row in reversed(rows)]
        things = [thing for thing in things if first <= thing["created"] < last]
        ids = [thing["id"] for thing in things]
        if after:
            if after not in ids:
                raise Refusal(f"No such refund: '{after[:60]}'", code="resource_missing", param="starting_after")
            things = things[ids.index(after) + 1 :]
        return listed(things[:limit], more=len(things) > limit, url="/v1/refunds")

    def _paid(self, intent: str, charge: str) -> tuple[sqlite3.Row, Terms]:
        if charge:
            raise Refusal("This simulator refunds payment intents.", param="charge")
        payment, terms = self._shelf.found("intent", intent, param="payment_intent")
        if not self._book.charges(payment["payment_id"]):
            raise Refusal(
                f"This PaymentIntent ({intent[:60]}) does not have a successful charge to refund.",
                code="payment_intent_unexpected_state",
            )
        return payment, terms

    def _check(self, left: int, amount: int | None, terms: Terms) -> None:
        if left <= 0:
            raise Refusal(f"Charge {terms.facts['charge']} has already been refunded.", code="charge_already_refunded")
        if amount is not None and amount < 1:
            raise Refusal("Invalid positive integer", code="parameter_invalid_integer", param="amount")
        if amount is not None and amount > left:
            raise Refusal("Refund amount is greater than unrefunded amount on charge", param="amount")
        open_one = self._store.one(
            "SELECT 1 FROM disputes WHERE payment_id = ? AND closed IS NULL", (terms.payment_id,)
        )
        if open_one is not None:
            raise Refusal(f"Charge {terms.facts['charge']} has been charged back.", code="charge_disputed")
