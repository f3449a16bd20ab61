"""What is true in the end: topup's books held against those of the gateway and the carrier, which were not killed."""

import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from tests.support.callers import Journey
from tests.support.chaos import Topup
from tests.support.database import settings_for
from topup.ledger.audit import AuditReport, audit
from topup.platform.database import Connection, Database

SETTLED = {"delivered", "refunded", "expired", "cancelled"}
OPEN_REFUNDS = {"requested", "sending", "accepted", "unknown"}
Row = dict[str, Any]


@dataclass
class Books:
    """Everybody's rows."""

    orders: dict[str, Row]
    payments: dict[str, Row]
    captures: dict[str, Row]
    refunds: dict[str, Row]
    attempts: dict[str, Row]
    listed: set[str]
    """Ids of the orders that wait for a person."""
    unsettled_events: int
    suspense: dict[str, int]
    balances: dict[str, int]
    receipts: list[Row]
    messages: list[Row]
    report: AuditReport
    charges: dict[str, Row]
    given_back: dict[str, Row]
    deliveries: dict[str, Row]
    wrong: list[str] = field(default_factory=list)

    def holds(self, fact: object, what: str) -> None:
        if not fact:
            self.wrong.append(what)


_QUERIES = {
    "orders": "SELECT * FROM orders.orders",
    "payments": "SELECT * FROM payments.payments",
    "captures": "SELECT c.*, p.order_id FROM payments.captures c JOIN payments.payments p ON p.id = c.payment_id",
    "refunds": "SELECT * FROM payments.refunds",
    "attempts": "SELECT * FROM fulfilment.attempts",
}


async def open_books(topup: Topup) -> Books:
    """Read all books; those of the simulators as they stand in their stores."""
    async with (
        Database.open(settings=settings_for(topup.database), migrating=False) as database,
        database.read() as transaction,
    ):
        connection = transaction.connection
        found = {name: await _rows(connection, query) for name, query in _QUERIES.items()}
        listed = await _rows(connection, "SELECT evidence ->> 'order' AS id FROM work.items WHERE state = 'open'")
        events = "SELECT settled_at FROM payments.inbox UNION ALL SELECT settled_at FROM fulfilment.inbox"
        open_events = await _rows(connection, f"SELECT count(*) AS n FROM ({events}) AS e WHERE settled_at IS NULL")
        suspense = "SELECT asset, sum(balance)::bigint AS sum FROM ledger.house_accounts WHERE code = 'suspense'"
        in_suspense = await _rows(connection, f"{suspense} GROUP BY asset")
        balances = await _rows(
            connection,
            "SELECT n.msisdn, sum(b.balance)::bigint AS sum FROM ledger.buckets b JOIN lines.numbers n USING (line_id)"
            " WHERE b.asset = 'CNY' AND b.kind = 'main' GROUP BY 1",
        )
        receipts = await _rows(connection, "SELECT lane, year, number, order_id FROM orders.receipts")
        messages = await _rows(connection, "SELECT key, state, template FROM notifications.messages")
        report = await audit(connection)
    simulators = topup.outside.folder
    return Books(
        orders=_by(found["orders"], "id"),
        payments=_by(found["payments"], "id"),
        captures=_by(found["captures"], "reference"),
        refunds=_by(found["refunds"], "id"),
        attempts=_by(found["attempts"], "id"),
        listed={row["id"] for row in listed},
        unsettled_events=open_events[0]["n"],
        suspense={row["asset"]: row["sum"] for row in in_suspense},
        balances={row["msisdn"]: row["sum"] for row in balances},
        receipts=receipts,
        messages=messages,
        report=report,
        charges=_by(_stored(simulators / "gateway" / "gateway.sqlite", "SELECT * FROM charges"), "reference"),
        given_back=_by(_stored(simulators / "gateway" / "gateway.sqlite", "SELECT * FROM refunds"), "refund_id"),
        deliveries=_by(_stored(simulators / "carrier" / "carrier.sqlite", _SUBMITTED), "external_id"),
    )


_SUBMITTED = (
    "SELECT c.subject AS external_id, c.received, c.effected, t.code, coalesce(t.delivered, 0) AS delivered"
    " FROM calls c LEFT JOIN topups t ON t.external_id = c.subject WHERE c.kind = 'submit'"
)


def unfinished(books: Books) -> list[str]:
    """What is still on its way: nothing, once topup had time enough."""
    found = [
        f"order {row['id']} {row['state']}"
        for row in books.orders.values()
        if row["state"] not in SETTLED and not (row["state"] == "needs_person" and row["id"] in books.listed)
    ]
    found += [f"refund {row['id']} {row['state']}" for row in books.refunds.values() if row["state"] in OPEN_REFUNDS]
    found += [f"payment {row['id']} {row['state']}" for row in books.payments.values() if row["state"] == "starting"]
    found += [
        f"message {row['key']} {row['state']}" for row in books.messages if row["state"] in {"waiting", "sending"}
    ]
    missing = books.charges.keys() - books.captures.keys()
    found += [f"charge {reference} unheard of" for reference in missing if _is_ours(books, reference)]
    return found + ([f"{books.unsettled_events} events"] if books.unsettled_events else [])


def _is_ours(books: Books, reference: str) -> bool:
    return books.charges[reference]["payment_id"] in books.payments


def wrongs(books: Books, journeys: list[Journey]) -> list[str]:
    """Everything that must not be: nothing, always. Sentences with ids."""
    books.holds(books.report.sound, f"the audit found {books.report.faults}")
    for check in (_money, _refunds, _deliveries, _suspense, _credit, _receipts, _messages):
        check(books)
    _answers(books, journeys)
    return books.wrong


def _money(books: Books) -> None:
    """Each payment captured at the gateway is known, and kept once or refunded once."""
    kept: Counter[str] = Counter()
    back: Counter[str] = Counter()
    for row in books.given_back.values():
        if row["status"] != "refused":
            back[row["charge"]] += row["amount_minor"]
    for reference, charge in books.charges.items():
        if not _is_ours(books, reference):
            continue
        capture = books.captures.get(reference)
        books.holds(capture, f"charge {reference} is not known")
        if capture is None:
            continue
        order = books.orders[capture["order_id"]]
        state, listed = order["state"], order["id"] in books.listed
        keeps = capture["disposition"] == "kept"
        kept[order["id"]] += keeps
        wanted = 0 if keeps and state == "delivered" else charge["amount_minor"]
        books.holds(
            back[reference] == wanted or (listed and back[reference] in {0, charge["amount_minor"]}),
            f"charge {reference} ({capture['disposition']}) of {order['id']} {state}: {back[reference]} went back,"
            f" not {wanted}",
        )
    books.holds(books.captures.keys() <= books.charges.keys(), "money is known that never came")
    books.holds(all(times <= 1 for times in kept.values()), f"kept twice: {kept.most_common(1)}")
    for identifier, order in books.orders.items():
        paid = order["state"] in {"delivered", "refunded"}
        books.holds(not paid or kept[identifier] == 1, f"{identifier} is {order['state']} and keeps no payment")


def _refunds(books: Books) -> None:
    """Both sides know the same refunds; topup calls none done that is not."""
    books.holds(books.given_back.keys() <= books.refunds.keys(), "the gateway gave back what nobody asked for")
    for identifier, refund in books.refunds.items():
        theirs = books.given_back.get(identifier, {"status": "never heard of"})["status"]
        books.holds((refund["state"] == "refunded") == (theirs == "done"), f"{identifier} {refund['state']}: {theirs}")


def _deliveries(books: Books) -> None:
    """No order is credited twice, and none is called delivered that was not."""
    of_order: defaultdict[str, list[Row]] = defaultdict(list)
    for attempt in books.attempts.values():
        of_order[attempt["order_id"]].append(books.deliveries.get(attempt["id"], {"delivered": 0, "code": None}))
    for identifier, attempts in of_order.items():
        credited = sum(row["delivered"] for row in attempts)
        stands = sum(row["delivered"] for row in attempts if row["code"] == "COMPLETED")
        state = books.orders[identifier]["state"]
        books.holds(credited <= 1, f"{identifier} was delivered {credited} times")
        if state != "needs_person":
            books.holds(stands == (state == "delivered"), f"{identifier} is {state}, and delivered {stands} times")
    books.holds(books.deliveries.keys() <= books.attempts.keys(), "the carrier delivered what nobody knows of")


def _suspense(books: Books) -> None:
    """Nothing stays in suspense but the money a person decides about."""
    waiting: Counter[str] = Counter()
    for capture in books.captures.values():
        order = books.orders[capture["order_id"]]
        refunded = sum(
            row["amount_minor"]
            for row in books.refunds.values()
            if row["reference"] == capture["reference"] and row["state"] == "refunded"
        )
        if not (capture["disposition"] == "kept" and order["state"] == "delivered"):
            waiting[capture["currency"]] += capture["amount_minor"] - refunded
    found = {asset: rest for asset, rest in books.suspense.items() if rest}
    books.holds(found == {asset: rest for asset, rest in waiting.items() if rest}, f"in suspense: {found} {waiting}")


def _credit(books: Books) -> None:
    """Lines of the own networks have exactly what was delivered to them."""
    due: Counter[str] = Counter()
    for order in books.orders.values():
        if order["state"] == "delivered" and order["currency"] == "CNY":
            due[order["msisdn"]] += order["face_minor"]
    found = {msisdn: balance for msisdn, balance in books.balances.items() if balance}
    books.holds(found == dict(due), f"credited otherwise than delivered: {set(found.items()) ^ set(due.items())}")


def _receipts(books: Books) -> None:
    """Every order that was ever delivered has one receipt, numbered without gaps per year and lane."""
    numbers: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row in books.receipts:
        numbers[row["lane"], row["year"]].append(row["number"])
    for place, issued in numbers.items():
        books.holds(sorted(issued) == list(range(1, len(issued) + 1)), f"receipts of {place}: {sorted(issued)}")
    has = {row["order_id"] for row in books.receipts}
    delivered = {identifier for identifier, row in books.orders.items() if row["state"] == "delivered"}
    books.holds(delivered <= has, f"no receipt: {delivered - has}")


def _messages(books: Books) -> None:
    """Each piece of news was told once, or is known not to be known."""
    states = Counter(row["state"] for row in books.messages)
    books.holds(states["failed"] == 0, f"messages: {states}")


def _answers(books: Books, journeys: list[Journey]) -> None:
    """What was acknowledged to somebody exists, and ended as it may."""
    for journey in journeys:
        if journey.order_id is None:
            books.wrong.append(f"{journey.kind} was never answered")
            continue
        order = books.orders.get(journey.order_id)
        state = order["state"] if order else "lost"
        books.holds(state in journey.allowed, f"{journey.kind} {journey.order_id} is {state}")
        lost = set(journey.payments) - books.payments.keys()
        books.holds(not lost, f"payments lost: {lost}")
    numbers = Counter(row["quote_id"] for row in books.orders.values())
    books.holds(all(times == 1 for times in numbers.values()), "one quote, two orders")


async def _rows(connection: Connection, query: str) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query)
        return await cursor.fetchall()


def _by(rows: list[Row], name: str) -> dict[str, Row]:
    return {row[name]: row for row in rows}


def _stored(file: Path, query: str) -> list[Row]:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]
    finally:
        connection.close()
