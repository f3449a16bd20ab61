"""Where objects are found: by their id, or newest first within a time, a page at a time."""

import sqlite3
from datetime import UTC, datetime
from typing import Final

from topup_simulators.payments.book import Book
from topup_simulators.payments.terms import Terms
from topup_simulators.store import Store
from topup_simulators.stripe.forms import Fields, Refusal

_LARGEST_PAGE: Final = 100
_USUAL_PAGE: Final = 10


class Shelf:
    """Sessions and intents by Stripe's ids."""

    def __init__(self, *, store: Store, book: Book) -> None:
        self._store = store
        self._book = book

    def put(self, *, kind: str, identifier: str, payment_id: str, created: int) -> None:
        """Keep an object of a kind, `session` or `intent`."""
        self._store.write(
            "INSERT INTO objects (id, kind, payment_id, created) VALUES (?, ?, ?, ?)",
            (identifier, kind, payment_id, created),
        )

    def found(self, kind: str, identifier: str, *, param: str = "id") -> tuple[sqlite3.Row, Terms]:
        """The payment of an object. Raises Refusal `resource_missing`."""
        row = self._store.one("SELECT payment_id FROM objects WHERE id = ? AND kind = ?", (identifier, kind))
        known = self.of_payment(row["payment_id"]) if row is not None else None
        if known is None:
            raise Refusal(
                f"No such {kind}: '{identifier[:60]}'",
                status=404 if param == "id" else 400,
                code="resource_missing",
                param=param,
            )
        return known

    def of_payment(self, payment_id: str) -> tuple[sqlite3.Row, Terms] | None:
        """A payment of the book, as it was asked for."""
        payment, terms = self._book.payment(payment_id), self._book.terms(payment_id)
        return None if payment is None or terms is None else (payment, terms)

    def page(self, kind: str, fields: Fields) -> tuple[list[tuple[sqlite3.Row, Terms]], bool]:
        """A page of objects, newest first, and whether there are more. Reads `created`, `limit`, `starting_after`."""
        limit, first, last, after = read_page(fields)
        before = self._store.one("SELECT number FROM objects WHERE id = ?", (after,)) if after else None
        if after and before is None:
            raise Refusal(f"No such {kind}: '{after[:60]}'", code="resource_missing", param="starting_after")
        rows = self._store.all(
            "SELECT payment_id FROM objects WHERE kind = ? AND created >= ? AND created < ? AND number < ? "
            "ORDER BY number DESC LIMIT ?",
            (kind, first, last, before["number"] if before is not None else 2**62, limit + 1),
        )
        known = [self.of_payment(row["payment_id"]) for row in rows[:limit]]
        return [thing for thing in known if thing is not None], len(rows) > limit


def read_page(fields: Fields) -> tuple[int, int, int, str]:
    """How many, from when, until before when, and after which: what every list may be asked."""
    limit = fields.whole("limit")
    if limit is not None and not 1 <= limit <= _LARGEST_PAGE:
        raise Refusal("Invalid limit: between 1 and 100.", code="parameter_invalid_integer", param="limit")
    created = fields.inner("created")
    bounds: dict[str, int | None] = {name: created.whole(name) for name in ("gte", "gt", "lt", "lte")}
    created.done()
    first = max(bounds["gte"] or 0, -1 if bounds["gt"] is None else bounds["gt"] + 1)
    last = min(2**40 if bounds["lt"] is None else bounds["lt"], 2**40 if bounds["lte"] is None else bounds["lte"] + 1)
    return limit or _USUAL_PAGE, first, last, fields.text("starting_after", most=255)


def now_s() -> int:
    """The second it is."""
    return int(datetime.now(UTC).timestamp())
