"""Balance transactions: payments, refunds, disputes and payouts, in US dollars; and disputes, by the controls."""

import secrets
import sqlite3
from datetime import UTC, datetime
from typing import Any, Final

from topup_simulators.payments.book import Book
from topup_simulators.store import Store
from topup_simulators.stripe.forms import Fields, Refusal
from topup_simulators.stripe.money import DISPUTE_FEE, SETTLED_IN, fee_of, settled
from topup_simulators.stripe.render import DAY_S, Object, Render, listed, seconds
from topup_simulators.stripe.shelf import Shelf, now_s, read_page
from topup_simulators.stripe.voice import StripeVoice

_MOST: Final = 1_000_000
_ENDS: Final = ("won", "lost")


class Movements:
    """Answers `/v1/balance_transactions`, and keeps what else moves our balance."""

    def __init__(self, *, store: Store, book: Book, shelf: Shelf, render: Render, voice: StripeVoice) -> None:
        self._store = store
        self._book = book
        self._shelf = shelf
        self._render = render
        self._voice = voice

    def page(self, fields: Fields, expand: set[str]) -> Object:
        """Newest first."""
        limit, first, last, after = read_page(fields)
        fields.done()
        whole = "data.source" in expand
        entries = sorted(self._all(first, last), key=lambda entry: (-entry["created"], entry["id"]))
        ids = [entry["id"] for entry in entries]
        if after:
            if after not in ids:
                raise Refusal("No such balance transaction", code="resource_missing", param="starting_after")
            entries = entries[ids.index(after) + 1 :]
        things = [self._finished(entry, whole=whole) for entry in entries[:limit]]
        return listed(things, more=len(entries) > limit, url="/v1/balance_transactions")

    def dispute(self, payment_id: str, status: str, due_in_days: int | None) -> str:
        """A payer objects, the bank wants something else or by another date, or it decides; gives the dispute's id.
        Raises LookupError.
        """
        known = self._shelf.of_payment(payment_id)
        charges = self._book.charges(payment_id) if known is not None else []
        if known is None or not charges:
            raise LookupError(payment_id)
        payment, terms = known
        row = self._store.one("SELECT * FROM disputes WHERE payment_id = ?", (payment_id,))
        told = "charge.dispute.created" if row is None else "charge.dispute.updated"
        if row is None:
            values = (f"dp_{secrets.token_hex(12)}", payment_id, charges[0]["amount_minor"], charges[0]["currency"])
            self._store.write("INSERT INTO disputes VALUES (?, ?, ?, ?, ?, ?, NULL)", (*values, status, now_s()))
        self._store.write("UPDATE disputes SET status = ? WHERE payment_id = ?", (status, payment_id))
        if status in _ENDS:
            told = "charge.dispute.closed"
            self._store.write("UPDATE disputes SET closed = ? WHERE payment_id = ?", (now_s(), payment_id))
        row = self._store.one("SELECT * FROM disputes WHERE payment_id = ?", (payment_id,))
        assert row is not None  # noqa: S101 - just written
        if due_in_days is not None:
            due_by = now_s() + due_in_days * DAY_S
            self._store.write("INSERT OR REPLACE INTO dispute_dates VALUES (?, ?)", (row["dispute"], due_by))
        self._voice.tell(told, self._render.dispute(row, terms), payment)
        return str(row["dispute"])

    def read(self, identifier: str) -> Object:
        """A dispute by its id. Raises Refusal."""
        row = self._store.one("SELECT payment_id FROM disputes WHERE dispute = ?", (identifier,))
        if row is None:
            raise Refusal(f"No such dispute: '{identifier[:60]}'", status=404, code="resource_missing", param="id")
        return self._source("dispute", row["payment_id"], identifier)

    def move(self, kind: str, amount: int) -> str:
        """A payout, or a charge of Stripe's own: what is about no payment. US cents."""
        identifier = f"txn_{secrets.token_hex(12)}"
        self._store.write("INSERT INTO movements VALUES (?, ?, ?, ?)", (identifier, kind, amount, now_s()))
        return identifier

    def _all(self, first: int, last: int) -> list[dict[str, Any]]:
        """Every movement from a second until before another, still without its source."""
        begin, end = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(min(last, 2**37), UTC)
        moved, _ = self._book.moved(begin, end, after="", most=_MOST)
        entries = [entry for line in moved if (entry := self._of_line(line)) is not None]
        for row in self._store.all("SELECT * FROM disputes"):
            entries += self._of_dispute(row)
        for row in self._store.all("SELECT * FROM movements"):
            entries.append(_entry(row["id"], row["type"], row["type"], row["amount"], 0, row["created"], None, None))
        return [entry for entry in entries if first <= entry["created"] < last]

    def _of_line(self, line: dict[str, Any]) -> dict[str, Any] | None:
        known = self._shelf.of_payment(line["payment_id"])
        if known is None:
            return None
        cents, rate = settled(line["amount_minor"], line["currency"].lower())
        created = seconds(line["at"])
        if line["kind"] == "payment":
            identifier = f"txn_{known[1].facts['charge'].removeprefix('ch_')}"
            source = ("charge", line["payment_id"], "")
            return _entry(identifier, "charge", "charge", cents, fee_of(cents), created, rate, source)
        identifier = f"txn_{line['reference'].removeprefix('re_')}"
        source = ("refund", line["payment_id"], line["reference"])
        return _entry(identifier, "refund", "refund", -cents, 0, created, rate, source)

    def _of_dispute(self, row: sqlite3.Row) -> list[dict[str, Any]]:
        cents, rate = settled(row["amount"], row["currency"].lower())
        source = ("dispute", row["payment_id"], row["dispute"])
        name = f"txn_{row['dispute'].removeprefix('dp_')}"
        taken = _entry(f"{name}a", "adjustment", "dispute", -cents, DISPUTE_FEE, row["created"], rate, source)
        if row["status"] != "won":
            return [taken]
        back = _entry(f"{name}b", "adjustment", "dispute_reversal", cents, -DISPUTE_FEE, row["closed"], rate, source)
        return [taken, back]

    def _finished(self, entry: dict[str, Any], *, whole: bool) -> Object:
        """With its source: its id, or the object itself."""
        source = entry.pop("source")
        thing = self._source(*source) if source is not None else None
        return {**entry, "source": thing if whole or thing is None else thing["id"]}

    def _source(self, kind: str, payment_id: str, identifier: str) -> Object:
        known = self._shelf.of_payment(payment_id)
        assert known is not None  # noqa: S101 - its movement was found by it
        payment, terms = known
        if kind == "charge":
            return self._render.charge(payment, terms, self._book.charges(payment_id)[0])
        if kind == "refund":
            row = self._store.one("SELECT * FROM refunds WHERE reference = ?", (identifier,))
            assert row is not None  # noqa: S101 - likewise
            return self._render.refund(row, terms)
        row = self._store.one("SELECT * FROM disputes WHERE dispute = ?", (identifier,))
        assert row is not None  # noqa: S101 - likewise
        return self._render.dispute(row, terms)


def _entry(  # noqa: PLR0917 - a row of a table
    identifier: str,
    kind: str,
    category: str,
    amount: int,
    fee: int,
    created: int,
    rate: str | None,
    source: tuple[str, str, str] | None,
) -> dict[str, Any]:
    return {
        "id": identifier,
        "object": "balance_transaction",
        "amount": amount,
        "created": created,
        "currency": SETTLED_IN,
        "exchange_rate": float(rate) if rate else None,
        "fee": fee,
        "net": amount - fee,
        "reporting_category": category,
        "status": "available",
        "type": kind,
        "source": source,
    }
