"""What the carrier knows of deliveries, and its customer's float."""

import secrets
import sqlite3
from datetime import datetime
from typing import Any, Final

from topup_simulators.store import Store

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS topups (
    external_id TEXT PRIMARY KEY,
    msisdn TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    callback_url TEXT NOT NULL,
    code TEXT NOT NULL,
    reference TEXT NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,  -- how often the number was credited for it
    at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS float (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    currency TEXT NOT NULL
);
"""
_BILL_PAGE: Final = 100
_MOST_DELIVERIES: Final = 100_000


class FloatTooLow(Exception):
    """The customer's float does not cover the delivery."""


class Book:
    """Reads and writes of deliveries; callers open the transaction."""

    def __init__(self, store: Store, *, float_minor: int, currency: str) -> None:
        self._store = store
        self.currency = currency
        store.write(
            "INSERT INTO float (one, amount_minor, currency) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
            (float_minor, currency),
        )

    def topup(self, external_id: str) -> sqlite3.Row | None:
        """The delivery, if it was ever taken in."""
        return self._store.one("SELECT * FROM topups WHERE external_id = ?", (external_id,))

    def take_in(self, wanted: dict[str, Any], code: str, now: datetime) -> None:
        """Know a delivery, under a code that may be final or not."""
        self._store.write(
            "INSERT INTO topups (external_id, msisdn, amount_minor, currency, callback_url, code, reference, at) "
            "VALUES (:external_id, :msisdn, :amount_minor, :currency, :callback_url, :code, :reference, :at)",
            {**wanted, "code": code, "reference": f"EC{secrets.token_hex(8).upper()}", "at": now.isoformat()},
        )

    def deliver(self, external_id: str) -> None:
        """Credit the number and take the amount from the float. Raises FloatTooLow."""
        taken = self._store.write(
            "UPDATE float SET amount_minor = float.amount_minor - t.amount_minor FROM topups t "
            "WHERE t.external_id = ? AND float.amount_minor >= t.amount_minor",
            (external_id,),
        )
        if not taken:
            self.set_code(external_id, "INSUFFICIENT_FLOAT")
            raise FloatTooLow
        self._store.write(
            "UPDATE topups SET code = 'COMPLETED', delivered = delivered + 1 WHERE external_id = ?", (external_id,)
        )

    def take_back(self, external_id: str) -> None:
        """Reverse a delivery and give the amount back to the float."""
        self._store.write(
            "UPDATE float SET amount_minor = float.amount_minor + t.amount_minor FROM topups t WHERE t.external_id = ?",
            (external_id,),
        )
        self.set_code(external_id, "REVERSED")

    def set_code(self, external_id: str, code: str) -> None:
        """The delivery stands so now."""
        self._store.write("UPDATE topups SET code = ? WHERE external_id = ?", (code, external_id))

    def float_left(self) -> dict[str, Any]:
        """Amount and currency of the float."""
        row = self._store.one("SELECT amount_minor, currency FROM float")
        return dict(row) if row else {}

    def set_float(self, amount_minor: int) -> None:
        """Fill the float up, or let it run out."""
        self._store.write("UPDATE float SET amount_minor = ?", (amount_minor,))

    def deliveries(self, *, msisdn: str | None) -> list[dict[str, Any]]:
        """Every delivery asked for, how often it was submitted and how often credited; also those never taken in."""
        rows = self._store.all(
            "SELECT c.subject AS external_id, t.msisdn, t.amount_minor, t.currency, t.code, "
            "c.received AS submissions, COALESCE(t.delivered, 0) AS delivered "
            "FROM calls c LEFT JOIN topups t ON t.external_id = c.subject "
            "WHERE c.kind = 'submit' AND (?1 IS NULL OR t.msisdn = ?1) ORDER BY c.subject LIMIT ?2",
            (msisdn, _MOST_DELIVERIES),
        )
        return [dict(row) for row in rows]

    def bill(self, day: str, after: str) -> tuple[list[dict[str, Any]], str]:
        """A page of the day's deliveries, and where the next one begins, or an empty text."""
        rows = self._store.all(
            "SELECT external_id, reference, amount_minor, currency, code, at FROM topups "
            "WHERE substr(at, 1, 10) = ? AND code IN ('COMPLETED', 'REVERSED') AND external_id > ? "
            "ORDER BY external_id LIMIT ?",
            (day, after, _BILL_PAGE + 1),
        )
        return (
            [dict(row) for row in rows[:_BILL_PAGE]],
            rows[_BILL_PAGE - 1]["external_id"] if len(rows) > _BILL_PAGE else "",
        )
