"""Payment methods: cards that customers left with the merchant, read and detached."""

import sqlite3

from topup_simulators.store import Store
from topup_simulators.stripe.cards import CARDS
from topup_simulators.stripe.forms import Fields, Refusal
from topup_simulators.stripe.render import Object


class KeptCards:
    """Answers `/v1/payment_methods`. A detached card stays known, and has no customer any more."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def read(self, identifier: str) -> Object:
        """One as it is now. Raises Refusal."""
        return _shown(self._row(identifier))

    def detach(self, identifier: str, fields: Fields) -> tuple[Object, str]:
        """Take it away from its customer, for ever. Raises Refusal."""
        fields.done()
        if not self._row(identifier)["customer"]:
            raise Refusal(
                "The payment method you provided is not attached to a customer so detachment is impossible.",
                code="payment_method_unexpected_state",
                param="payment_method",
            )
        self._store.write("UPDATE kept_cards SET customer = '' WHERE method = ?", (identifier,))
        return self.read(identifier), f"detach {identifier}"

    def _row(self, identifier: str) -> sqlite3.Row:
        row = self._store.one("SELECT * FROM kept_cards WHERE method = ?", (identifier,))
        if row is None:
            message = f"No such PaymentMethod: '{identifier[:60]}'"
            raise Refusal(message, status=404, code="resource_missing", param="payment_method")
        return row


def _shown(row: sqlite3.Row) -> Object:
    card = CARDS[row["card"]]
    return {
        "id": row["method"],
        "object": "payment_method",
        "type": "card",
        "customer": row["customer"] or None,
        "livemode": False,
        "card": {"brand": card.brand, "last4": card.last4},
    }
