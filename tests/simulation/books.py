"""Our books, read as their owner and worked out a second time, slowly and obviously.

`Books.read` takes everything of a database; `wrong` says in sentences what does not hold. Nothing here is shared with
the code under test but the shape of a quote.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import psycopg
from psycopg.rows import dict_row

from topup.fulfilment.states import AttemptState
from topup.ledger.chain import REFERENCE
from topup.orders.quotes import StoredQuote, decoded
from topup.orders.states import ORDER, SETTLED, OrderState
from topup.payments.states import RefundState

Row = dict[str, Any]
_OPEN_ATTEMPTS = {"intended", "submitting", "accepted", "unknown"}


@dataclass
class Books:
    """Every row that has to do with money."""

    quotes: dict[str, StoredQuote]
    orders: dict[str, Row]
    history: dict[str, list[Row]]
    payments: dict[str, Row]
    captures: list[Row]
    refunds: list[Row]
    attempts: list[Row]
    transfers: list[Row]
    house: Counter
    buckets: Counter
    receipts: list[Row]
    items: list[Row]
    open_events: int

    @classmethod
    def read(cls, connection: psycopg.Connection) -> "Books":
        def rows(sql: str) -> list[Row]:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(sql).fetchall()

        history = defaultdict(list)
        for step in rows("SELECT * FROM orders.history ORDER BY order_id, step"):
            history[step["order_id"]].append(step)
        return cls(
            quotes={row["id"]: decoded(row["body"]) for row in rows("SELECT id, body FROM orders.quotes")},
            orders={row["id"]: row for row in rows("SELECT * FROM orders.orders")},
            history=history,
            payments={row["id"]: row for row in rows("SELECT * FROM payments.payments")},
            captures=rows("SELECT * FROM payments.captures"),
            refunds=rows("SELECT * FROM payments.refunds"),
            attempts=rows("SELECT * FROM fulfilment.attempts"),
            transfers=rows(f"SELECT t.*, {REFERENCE} AS reference FROM ledger.transfers AS t"),
            house=Counter(
                {
                    (row["code"], row["asset"]): int(row["balance"])
                    for row in rows(
                        "SELECT code, asset, sum(balance) AS balance FROM ledger.house_accounts GROUP BY 1, 2"
                    )
                }
            ),
            buckets=Counter(
                {
                    row["asset"]: int(row["balance"])
                    for row in rows("SELECT asset, sum(balance) AS balance FROM ledger.buckets GROUP BY 1")
                }
            ),
            receipts=rows("SELECT lane, year, number FROM orders.receipts ORDER BY 1, 2, 3"),
            items=rows("SELECT * FROM work.items"),
            open_events=rows(
                "SELECT (SELECT count(*) FROM payments.inbox WHERE settled_at IS NULL)"
                " + (SELECT count(*) FROM fulfilment.inbox WHERE settled_at IS NULL) AS number"
            )[0]["number"],
        )

    def order_of(self, payment_id: str) -> Row:
        return self.orders[self.payments[payment_id]["order_id"]]

    def delivered(self, order: Row) -> bool:
        """Whether the order is delivered, and not taken back since."""
        steps = [step for step in self.history[order["id"]] if step["state"] == "delivered"]
        later = [step for step in self.history[order["id"]] if step["cause"] == "carrier_reversed"]
        return bool(steps) and not (later and later[-1]["step"] > steps[-1]["step"])

    def suspense_of(self, order: Row) -> Counter:
        """What should be waiting of an order's money, by currency."""
        waiting: Counter = Counter()
        for capture in self.captures:
            if self.order_of(capture["payment_id"]) is order:
                waiting[capture["currency"]] += capture["amount_minor"]
        for refund in self.refunds:
            if refund["state"] == RefundState.REFUNDED and self.order_of(refund["payment_id"]) is order:
                waiting[refund["currency"]] -= refund["amount_minor"]
        if self.delivered(order):
            waiting[order["currency"]] -= self.payments[order["kept_payment_id"]]["amount_minor"]
        return waiting

    def wrong(self) -> list[str]:
        """Everything that does not hold, in sentences; empty when all is well."""
        return [
            *self._unbalanced(),
            *self._not_as_reckoned(),
            *(sentence for order in self.orders.values() for sentence in self._of_order(order)),
            *(
                f"more goes back than came of {capture['payment_id']}"
                for capture in self.captures
                if self._promised(capture) != capture["refunded_minor"]
                or capture["refunded_minor"] > capture["amount_minor"]
            ),
            *self._gaps(),
        ]

    def _unbalanced(self) -> list[str]:
        sums: Counter = Counter(self.buckets)
        for (_, asset), balance in self.house.items():
            sums[asset] += balance
        return [f"the ledger's {asset} does not sum to zero: {total}" for asset, total in sums.items() if total]

    def _not_as_reckoned(self) -> list[str]:
        house, lines = self.reckoned()
        found = Counter(self.house)
        return [
            f"{account} is {found[account]} and not {house[account]}"
            for account in {*house, *found}
            if house[account] != found[account]
        ] + [
            f"lines have {self.buckets[asset]} {asset} and not {lines[asset]}"
            for asset in {*lines, *self.buckets}
            if lines[asset] != self.buckets[asset]
        ]

    def reckoned(self) -> tuple[Counter, Counter]:
        """Every balance worked out anew from what came, what went back, and what was delivered."""
        house: Counter = Counter()
        lines: Counter = Counter()
        for capture in self.captures:
            house[f"clearing:{self.payments[capture['payment_id']]['method']}", capture["currency"]] -= capture[
                "amount_minor"
            ]
            house["suspense", capture["currency"]] += capture["amount_minor"]
        for refund in self.refunds:
            if refund["state"] == RefundState.REFUNDED:
                method = self.payments[refund["payment_id"]]["method"]
                house[f"clearing:{method}", refund["currency"]] += refund["amount_minor"]
                house["suspense", refund["currency"]] -= refund["amount_minor"]
        for order in self.orders.values():
            if self.delivered(order):
                self._reckon(order, house, lines)
        return house, lines

    def _reckon(self, order: Row, house: Counter, lines: Counter) -> None:
        """One delivered order: what was paid leaves `suspense`, and everybody gets their part."""
        quote, payment = self.quotes[order["quote_id"]], self.payments[order["kept_payment_id"]]
        currency = order["currency"]
        sums: Counter = Counter()
        for line in quote.lines:
            sums[line.type] += line.amount_minor
        house["suspense", currency] -= payment["amount_minor"]
        house["fees", currency] += sums["product_fee"] + payment["fee_minor"]
        house["tax", currency] += sums["tax"]
        house["promotions", currency] += sums["discount"]
        if quote.network != "own":
            house[f"payable:{quote.network.removeprefix('external:')}", currency] += sums["face"]
            return
        main = 0
        for grant in quote.grants:
            lines[grant.asset] += grant.amount
            if grant.asset != currency:
                house["issued", grant.asset] -= grant.amount
            elif grant.kind == "main":
                main += grant.amount
            else:
                house["promotions", currency] -= grant.amount
        house["sales", currency] += max(0, sums["face"] - main)
        house["promotions", currency] -= max(0, main - sums["face"])

    def _of_order(self, order: Row) -> list[str]:
        identifier = order["id"]
        wrong = [f"{identifier}: {sentence}" for sentence in self._steps(order)]
        kept = [
            capture
            for capture in self.captures
            if capture["disposition"] == "kept" and self.order_of(capture["payment_id"]) is order
        ]
        if len(kept) > 1 or bool(kept) != bool(order["kept_payment_id"]):
            wrong.append(f"{identifier} keeps {len(kept)} payments")
        if kept and kept[0]["amount_minor"] != self._price(order, kept[0]):
            wrong.append(f"{identifier} was not paid at the price of its quote")
        open_attempts = [
            one for one in self.attempts if one["order_id"] == identifier and one["state"] in _OPEN_ATTEMPTS
        ]
        if len(open_attempts) > 1:
            wrong.append(f"{identifier} has {len(open_attempts)} open attempts")
        for asset, amount in self._waiting(identifier).items():
            if amount != self.suspense_of(order)[asset]:
                wrong.append(f"{identifier}: {amount} {asset} wait and not {self.suspense_of(order)[asset]}")
        if (
            OrderState(order["state"]) in SETTLED
            and not self._going_back(order)
            and any(self._waiting(identifier).values())
        ):
            wrong.append(f"{identifier} is {order['state']} and money of it is stuck")
        grants = [one["key"] for one in self.transfers if one["reference"] == identifier and one["purpose"] == "grant"]
        quote = self.quotes[order["quote_id"]]
        due = len(quote.grants) if self.delivered(order) and quote.network == "own" else 0
        if len(grants) != due or len(set(grants)) != due:
            wrong.append(f"{identifier}: {len(grants)} grants were credited and not {due}")
        return wrong

    def _price(self, order: Row, capture: Row) -> int:
        return self.quotes[order["quote_id"]].total_minor(self.payments[capture["payment_id"]]["method"])

    def _steps(self, order: Row) -> list[str]:
        states = [OrderState(step["state"]) for step in self.history[order["id"]]]
        wrong = [
            f"went from {before} to {after}" for before, after in pairwise(states) if not ORDER.permits(before, after)
        ]
        if states[-1] != order["state"] or len(states) != order["steps"]:
            wrong.append("its history is not its state's")
        return wrong

    def _waiting(self, order_id: str) -> Counter:
        waiting: Counter = Counter()
        for one in self.transfers:
            if one["reference"] == order_id:
                waiting[one["asset"]] += one["amount"] * ((one["credit"] == "suspense") - (one["debit"] == "suspense"))
        return waiting

    def _going_back(self, order: Row) -> bool:
        return any(
            refund["state"] != RefundState.REFUNDED and self.order_of(refund["payment_id"]) is order
            for refund in self.refunds
        )

    def _promised(self, capture: Row) -> int:
        return sum(
            refund["amount_minor"]
            for refund in self.refunds
            if (refund["payment_id"], refund["reference"]) == (capture["payment_id"], capture["reference"])
        )

    def _gaps(self) -> list[str]:
        numbers = defaultdict(list)
        for receipt in self.receipts:
            numbers[receipt["lane"], receipt["year"]].append(receipt["number"])
        return [
            f"receipts of {place} have gaps: {found}"
            for place, found in numbers.items()
            if found != list(range(1, len(found) + 1))
        ]

    def unfinished(self) -> list[str]:
        """What is neither settled nor in a person's hands, and what would be asked about for ever."""
        listed = {item["subject"] for item in self.items}
        wrong = [
            f"{order['id']} is still {order['state']}"
            for order in self.orders.values()
            if OrderState(order["state"]) not in SETTLED and not self._with_a_person(order, listed)
        ]
        wrong += [
            f"{refund['id']} is {refund['state']} and nobody's"
            for refund in self.refunds
            if refund["state"] != RefundState.REFUNDED and refund["id"] not in listed
        ]
        wrong += [f"{one['id']} is still asked about" for one in self.payments.values() if one["ask_at"]]
        wrong += [f"{one['id']} is still sent" for one in self.refunds if one["act_at"]]
        wrong += [f"{one['id']} is still delivered" for one in self.attempts if one["act_at"]]
        return wrong + ([f"{self.open_events} events are open"] if self.open_events else [])

    def _with_a_person(self, order: Row, listed: set[str]) -> bool:
        if order["state"] != OrderState.NEEDS_PERSON:
            return False
        attempts = {one["id"] for one in self.attempts if one["order_id"] == order["id"]}
        refunds = {one["id"] for one in self.refunds if self.order_of(one["payment_id"]) is order}
        return bool((attempts | refunds) & listed)

    def attempts_of(self, order: Row) -> list[str]:
        return [one["id"] for one in self.attempts if one["order_id"] == order["id"]]

    def has_open_attempt(self, order: Row) -> bool:
        return any(
            one["order_id"] == order["id"] and AttemptState(one["state"]).value in _OPEN_ATTEMPTS
            for one in self.attempts
        )
