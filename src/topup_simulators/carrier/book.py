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
CREATE TABLE IF NOT EXISTS reversals (
    external_id TEXT PRIMARY KEY,
    at TEXT NOT NULL
) WITHOUT ROWID;
-- What the bill says otherwise than it was: of a delivery, or (EXTRA) a line about nothing that ever was.
CREATE TABLE IF NOT EXISTS bill_faults (
    external_id TEXT PRIMARY KEY,
    fault TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS float (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    currency TEXT NOT NULL
);
"""
# Each line has a key of its own, by which a page goes on where the one before ended.
_BILL: Final = """
SELECT key, external_id, reference, amount_minor, currency, code, at FROM (
    SELECT t.external_id || ':1' AS key, t.external_id, t.reference,
        CASE f.fault WHEN 'AMOUNT' THEN f.amount_minor ELSE t.amount_minor END AS amount_minor, t.currency,
        CASE f.fault WHEN 'STATE' THEN 'FAILED' ELSE 'COMPLETED' END AS code, t.at
    FROM topups t LEFT JOIN bill_faults f ON f.external_id = t.external_id
    WHERE t.code IN ('COMPLETED', 'REVERSED') AND f.fault IS NOT 'MISSING'
    UNION ALL
    SELECT t.external_id || ':2', t.external_id, t.reference || '-2', t.amount_minor, t.currency, 'COMPLETED', t.at
    FROM topups t JOIN bill_faults f ON f.external_id = t.external_id AND f.fault = 'TWICE'
    UNION ALL
    SELECT t.external_id || ':3', t.external_id, t.reference, t.amount_minor, t.currency, 'REVERSED', r.at
    FROM reversals r JOIN topups t ON t.external_id = r.external_id
    UNION ALL
    SELECT f.external_id || ':4', f.external_id, 'EC' || upper(substr(f.external_id, -8)), f.amount_minor, ?1,
        'COMPLETED', f.at
    FROM bill_faults f WHERE f.fault = 'EXTRA'
) WHERE substr(at, 1, 10) = ?2 AND key > ?3 ORDER BY key LIMIT ?4
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

    def take_back(self, external_id: str, now: datetime) -> None:
        """Reverse a delivery and give the amount back to the float."""
        self._store.write(
            "UPDATE float SET amount_minor = float.amount_minor + t.amount_minor FROM topups t WHERE t.external_id = ?",
            (external_id,),
        )
        self.set_code(external_id, "REVERSED")
        self._store.write("INSERT INTO reversals (external_id, at) VALUES (?, ?)", (external_id, now.isoformat()))

    def spoil_bill(self, external_id: str, fault: str, amount_minor: int, at: datetime) -> None:
        """Have the bill say of a delivery what was not: MISSING, AMOUNT (another), STATE (it failed), TWICE; or EXTRA,
        a line of that day under a number that was never asked for.
        """
        self._store.write(
            "INSERT INTO bill_faults (external_id, fault, amount_minor, at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET fault = excluded.fault, amount_minor = excluded.amount_minor, at = excluded.at",
            (external_id, fault, amount_minor, at.isoformat()),
        )

    def mend_bill(self) -> None:
        """Have the bill say what was."""
        self._store.write("DELETE FROM bill_faults")

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
        """A page of what moved that day (a delivery is of the day it was taken in on), and where the next begins, or an
        empty text.
        """
        rows = self._store.all(_BILL, (self.currency, day, after, _BILL_PAGE + 1))
        page = [dict(row) for row in rows[:_BILL_PAGE]]
        following = str(page[-1]["key"]) if len(rows) > _BILL_PAGE else ""
        return [{name: value for name, value in line.items() if name != "key"} for line in page], following
