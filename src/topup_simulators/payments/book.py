"""What the gateway knows of payments and refunds, and what may happen to them next."""

import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from topup_simulators.payments.terms import OtherContent, Terms
from topup_simulators.store import Store

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS payments (
    payment_id TEXT PRIMARY KEY,
    content TEXT,                           -- NULL where it was closed before it was ever opened
    amount_minor INTEGER NOT NULL DEFAULT 0,
    currency TEXT NOT NULL DEFAULT '',
    notify_url TEXT NOT NULL DEFAULT '',
    expires_at REAL NOT NULL DEFAULT 0,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'paid', 'declined', 'closed')),
    in_progress INTEGER NOT NULL DEFAULT 0  -- the payer has said yes, the money is not there yet
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charges (
    reference TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    paid_at TEXT NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS charges_of ON charges (payment_id);
CREATE TABLE IF NOT EXISTS refunds (
    refund_id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL,
    charge TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    reference TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'refused')),
    reason TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refunds_of ON refunds (charge);
CREATE TABLE IF NOT EXISTS details (payment_id TEXT PRIMARY KEY, detail TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, payment_id TEXT NOT NULL) WITHOUT ROWID;
"""


class Book:
    """Reads and writes of payments; callers open the transaction.

    `prefix` begins the numbers it gives. `reference` makes the provider's number of a charge, of the merchant's number
    and the moment; a provider may put its own in its place.
    """

    def __init__(self, store: Store, *, prefix: str = "SG") -> None:
        self._store = store
        self._prefix = prefix
        self.reference: Callable[[str, datetime], str] = self._by_chance

    def register(self, form: Terms) -> None:
        """Know the payment. Raises OtherContent where it is known as something else."""
        known = self.payment(form.payment_id)
        if known is not None and known["content"] is not None:
            if known["content"] != form.content():
                raise OtherContent
            return
        detail = {
            "description": form.description,
            "return_url": form.return_url,
            "locale": form.locale,
            "facts": dict(form.facts),
        }
        self._store.write(
            "INSERT INTO details (payment_id, detail) VALUES (?, ?) ON CONFLICT DO UPDATE SET detail = excluded.detail",
            (form.payment_id, json.dumps(detail)),
        )
        # A payment that was closed before it was opened stays closed.
        self._store.write(
            "INSERT INTO payments (payment_id, content, amount_minor, currency, notify_url, expires_at, status) "
            "VALUES (?, ?, ?, ?, ?, ?, 'waiting') ON CONFLICT DO UPDATE SET content = excluded.content, "
            "amount_minor = excluded.amount_minor, currency = excluded.currency, "
            "notify_url = excluded.notify_url, expires_at = excluded.expires_at",
            (
                form.payment_id,
                form.content(),
                form.amount_minor,
                form.currency,
                form.notify_url,
                form.expires_at.timestamp(),
            ),
        )

    def payment(self, payment_id: str) -> sqlite3.Row | None:
        """The payment, if it was ever heard of."""
        return self._store.one("SELECT * FROM payments WHERE payment_id = ?", (payment_id,))

    def terms(self, payment_id: str) -> Terms | None:
        """The payment as it was asked for; None where it never was, though it may have been closed."""
        payment = self.payment(payment_id)
        row = self._store.one("SELECT detail FROM details WHERE payment_id = ?", (payment_id,))
        if payment is None or row is None:
            return None
        return Terms(
            payment_id=payment_id,
            amount_minor=payment["amount_minor"],
            currency=payment["currency"],
            notify_url=payment["notify_url"],
            expires_at=datetime.fromtimestamp(payment["expires_at"], UTC),
            **json.loads(row["detail"]),
        )

    def note(self, payment_id: str, facts: Mapping[str, str]) -> None:
        """Keep something more that only the wire knows of a payment that was asked for."""
        row = self._store.one("SELECT detail FROM details WHERE payment_id = ?", (payment_id,))
        if row is not None:
            detail = json.loads(row["detail"])
            detail["facts"] |= facts
            self._store.write("UPDATE details SET detail = ? WHERE payment_id = ?", (json.dumps(detail), payment_id))

    def name(self, payment_id: str, name: str) -> None:
        """Have a payment found by a name of the provider's (a token, a number of its own) as well."""
        self._store.write(
            "INSERT INTO names (name, payment_id) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, payment_id)
        )

    def named(self, name: str) -> str | None:
        """The merchant's number of the payment with such a name of the provider's."""
        row = self._store.one("SELECT payment_id FROM names WHERE name = ?", (name,))
        return None if row is None else str(row["payment_id"])

    def standing(self, payment: sqlite3.Row, now: datetime) -> str:
        """waiting, paid, declined or closed; one whose time is over counts as closed."""
        status: str = payment["status"]
        over = payment["expires_at"] <= now.timestamp()
        return "closed" if status == "waiting" and over and not payment["in_progress"] else status

    def begin(self, payment_id: str) -> None:
        """The payer has said yes."""
        self._store.write("UPDATE payments SET in_progress = 1 WHERE payment_id = ?", (payment_id,))

    def end(self, payment_id: str, status: str) -> None:
        """The payment is over, with this status."""
        self._store.write("UPDATE payments SET status = ?, in_progress = 0 WHERE payment_id = ?", (status, payment_id))

    def close_unheard(self, payment_id: str) -> None:
        """Close a payment that was never opened, so that it cannot be opened later."""
        self._store.write("INSERT INTO payments (payment_id, status) VALUES (?, 'closed')", (payment_id,))

    def charge(self, payment_id: str, amount_minor: int, currency: str, paid_at: datetime) -> dict[str, Any]:
        """Money arrives for a payment; gives the charge."""
        charge = {
            "reference": self.reference(payment_id, paid_at),
            "payment_id": payment_id,
            "amount_minor": amount_minor,
            "currency": currency,
            "paid_at": _spell(paid_at),
        }
        self._store.write(
            "INSERT INTO charges (reference, payment_id, amount_minor, currency, paid_at) "
            "VALUES (:reference, :payment_id, :amount_minor, :currency, :paid_at)",
            charge,
        )
        return charge

    def _by_chance(self, _payment_id: str, paid_at: datetime) -> str:
        return f"{self._prefix}{paid_at:%Y%m%d}{secrets.token_hex(8).upper()}"

    def charges(self, payment_id: str) -> list[dict[str, Any]]:
        """The real payments under a number, without cancelled ones."""
        rows = self._store.all(
            "SELECT reference, amount_minor, currency, paid_at FROM charges WHERE payment_id = ? AND NOT cancelled "
            "ORDER BY paid_at, reference",
            (payment_id,),
        )
        return [dict(row) for row in rows]

    def cancel(self, payment_id: str, now: datetime) -> None:
        """Give back every charge of a payment that is not given back yet, and close it."""
        for charge in self.charges(payment_id):
            left = charge["amount_minor"] - self.refunded(charge["reference"])
            if left > 0:
                self.add_refund(
                    refund_id=f"cancel-{charge['reference']}",
                    payment_id=payment_id,
                    charge=charge["reference"],
                    amount_minor=left,
                    currency=charge["currency"],
                    status="done",
                    now=now,
                )
            self._store.write("UPDATE charges SET cancelled = 1 WHERE reference = ?", (charge["reference"],))
        self.end(payment_id, "closed")

    def refunded(self, reference: str) -> int:
        """How much of a charge is given back or about to be, in minor units."""
        row = self._store.one(
            "SELECT COALESCE(SUM(amount_minor), 0) AS sum FROM refunds WHERE charge = ? AND status <> 'refused'",
            (reference,),
        )
        return int(row["sum"]) if row else 0

    def charge_of(self, payment_id: str, reference: str) -> sqlite3.Row | None:
        """The charge, if it belongs to the payment."""
        return self._store.one("SELECT * FROM charges WHERE reference = ? AND payment_id = ?", (reference, payment_id))

    def refund(self, refund_id: str) -> sqlite3.Row | None:
        """The refund, if it was ever taken in."""
        return self._store.one("SELECT * FROM refunds WHERE refund_id = ?", (refund_id,))

    def add_refund(
        self,
        *,
        refund_id: str,
        payment_id: str,
        charge: str,
        amount_minor: int,
        currency: str,
        status: str,
        now: datetime,
    ) -> None:
        """Take a refund of a charge in, as pending or done."""
        self._store.write(
            "INSERT INTO refunds (refund_id, payment_id, charge, amount_minor, currency, reference, status, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                refund_id,
                payment_id,
                charge,
                amount_minor,
                currency,
                f"{self._prefix}R{secrets.token_hex(8).upper()}",
                status,
                _spell(now),
            ),
        )

    def end_refund(self, refund_id: str, *, status: str, reason: str, now: datetime) -> bool:
        """A pending refund comes to its end; False where it had come there before."""
        changed = self._store.write(
            "UPDATE refunds SET status = ?, reason = ?, at = ? WHERE refund_id = ? AND status = 'pending'",
            (status, reason, _spell(now), refund_id),
        )
        return changed == 1

    def refunds(self, payment_id: str) -> list[sqlite3.Row]:
        """Every refund of a payment, those of a cancel included, oldest first."""
        return self._store.all("SELECT * FROM refunds WHERE payment_id = ? ORDER BY at, refund_id", (payment_id,))

    def moved(self, begin: datetime, end: datetime, *, after: str, most: int) -> tuple[list[dict[str, Any]], str]:
        """What moved from `begin` until before `end`, at most `most` lines, and where the next ones begin or an empty
        text. What a cancel gave back is listed under the payment's id.
        """
        rows = self._store.all(
            "SELECT * FROM ("
            " SELECT 'c' || reference AS line, 'payment' AS kind, payment_id, payment_id AS our_id, reference,"
            "  reference AS charge, amount_minor, currency, paid_at AS at FROM charges"
            " UNION ALL SELECT 'r' || reference, 'refund', payment_id,"
            "  iif(refund_id LIKE 'cancel-%', payment_id, refund_id),"
            "  reference, charge, amount_minor, currency, at FROM refunds WHERE status = 'done'"
            ") WHERE at >= ? AND at < ? AND line > ? ORDER BY line LIMIT ?",
            (_spell(begin), _spell(end), after, most + 1),
        )
        return [dict(row) for row in rows[:most]], rows[most - 1]["line"] if len(rows) > most else ""


def _spell(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
