"""Orders as staff look for them: by anything a caller may know, and all of them by what is asked, newest first.

What one can know of a top-up is any id of ours (order, quote, payment, refund, delivery), the number of its receipt, a
reference of the gateway's or the carrier's, the id of an event, the number that was topped up, and what was paid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import args_row

from topup.fulfilment import queries as deliveries
from topup.kernel.ids import is_id, lane_of
from topup.orders import queries
from topup.orders.queries import Place
from topup.orders.searching import Search, of_amount, read_search
from topup.orders.states import OrderState
from topup.payments import queries as paid
from topup.platform.database import Connection, plan_by_values

PORTION: Final = 10_000
"""So many orders are looked through at a time for those of a channel, a carrier, a way to pay or an amount: a way that
is never used would else be looked for among all orders there are. Who goes on has as many more looked through.
"""
_IDS: Final = ("quote", "fulfilment", "payment", "refund")
_WHOLE_NUMBER: Final = 7
"""Digits that are looked up as a number."""
_UNFINISHED: Final = frozenset(OrderState) - {
    OrderState.QUOTED,
    OrderState.AWAITING_PAYMENT,
    OrderState.DELIVERED,
    OrderState.EXPIRED,
    OrderState.CANCELLED,
    OrderState.REFUNDED,
}
STATES: Final[Mapping[str, frozenset[OrderState]]] = {
    "open": _UNFINISHED,
    **{state.value: frozenset({state}) for state in OrderState if state is not OrderState.QUOTED},
}
"""What the list may be narrowed to: one state, or all in which money has come and nothing is settled yet."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page ends: the last order on it."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Sought:
    """What is asked for; what is empty is not asked. `since` and `until` (not included) are of the order."""

    text: str = ""
    state: str = ""
    channel: str = ""
    carrier: str = ""
    method: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """An order of the list. `paid_minor` is in the currency it was paid in, None where nothing was."""

    lane: int
    id: str
    msisdn: str
    carrier_id: str
    channel: str
    state: str
    state_since: datetime
    created_at: datetime
    currency: str
    face_minor: int
    method: str | None
    paid_minor: int | None
    paid_currency: str | None

    @property
    def mark(self) -> Mark:
        """The place behind it."""
        return Mark(self.created_at, self.id)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of orders, and where the next one begins: None where there is none. `through`: so far back was looked,
    where not all orders were.
    """

    rows: Sequence[Row]
    after: Mark | None = None
    through: datetime | None = None


_SELECT: Final = """
SELECT o.lane, o.id, o.msisdn, o.carrier_id, o.channel, o.state, o.state_since, o.created_at, o.currency, o.face_minor,
    p.method, p.amount_minor, p.currency
FROM ({orders}) AS o
LEFT JOIN payments.payments AS p ON p.lane = o.lane AND p.id = o.kept_payment_id
ORDER BY o.created_at DESC, o.id DESC
"""
_LISTED: Final = "SELECT * FROM orders.orders AS o WHERE {where} ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s"
_PORTION: Final = """
SELECT o.created_at, o.id FROM orders.orders AS o WHERE {where}
ORDER BY o.created_at DESC, o.id DESC OFFSET %(portion)s LIMIT 1
"""
_AT: Final = (
    "SELECT o.* FROM unnest(%(lanes)s::smallint[], %(ids)s::text[]) AS place (lane, id)"
    " JOIN orders.orders AS o ON o.lane = place.lane AND o.id = place.id"
)
_OF_NUMBER: Final = "o.lane = ANY (%(every_lane)s::smallint[]) AND o.msisdn = %(msisdn)s"


async def found(
    connection: Connection,
    sought: Sought,
    *,
    lanes: int,
    methods: Sequence[str],
    before: Mark | None = None,
    limit: int,
) -> Found:
    """Up to `limit` orders, newest first. By an id or a reference it is found whatever else is asked; `methods` are the
    gateways whose events are known.
    """
    await plan_by_values(connection)
    search = read_search(sought.text)
    if sought.text and (places := await _places(connection, sought.text.strip(), search, lanes, methods)):
        parameters: dict[str, Any] = dict(zip(("lanes", "ids"), queries.split(places), strict=True))
        return Found(await _rows(connection, _AT, parameters) if before is None else [])
    parameters = {"limit": limit + 1, "portion": PORTION - 1, "every_lane": list(range(lanes))}
    conditions = _of_time(sought, parameters, before)
    end = await _end_of_portion(connection, conditions, parameters) if _may_be_rare(sought, search) else None
    if end is not None:
        conditions.append("(o.created_at, o.id) >= (%(end)s, %(end_id)s)")
        parameters |= {"end": end.at, "end_id": end.id}
    conditions += _conditions(sought, parameters)
    if sought.text:
        conditions.append(_meant(search, parameters))
    rows = await _rows(connection, _LISTED.format(where=_all(conditions)), parameters)
    if len(rows) > limit:
        return Found(rows[:limit], rows[limit - 1].mark)
    return Found(rows, end, end.at if end else None)


def _may_be_rare(sought: Sought, search: Search) -> bool:
    """Whether it may have to be looked for among many; what waits is few, and has an index."""
    of_amount_ = search.amount is not None and len(search.digits) < _WHOLE_NUMBER
    narrowed = of_amount_ or bool(sought.channel or sought.carrier or sought.method)
    return narrowed and not STATES.get(sought.state, frozenset(OrderState)) <= _UNFINISHED


async def _end_of_portion(
    connection: Connection, conditions: Sequence[str], parameters: Mapping[str, Any]
) -> Mark | None:
    """The last of the next PORTION of orders, whatever they are; None where there are not so many."""
    row = await (await connection.execute(_PORTION.format(where=_all(conditions)), parameters)).fetchone()
    return Mark(*row) if row else None


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions) or "true"


async def _rows(connection: Connection, orders: str, parameters: Mapping[str, Any]) -> list[Row]:
    async with connection.cursor(row_factory=args_row(Row)) as cursor:
        await cursor.execute(_SELECT.format(orders=orders), parameters)
        return await cursor.fetchall()


async def _places(connection: Connection, text: str, search: Search, lanes: int, methods: Sequence[str]) -> list[Place]:
    """The orders that an id, a receipt's number or a reference names."""
    if search.order_id:
        return [(lane_of(text), text)]
    if search.receipt:
        lane, year, number = search.receipt
        row = await queries.receipt_numbered(connection, lane=lane, year=year, number=number)
        return [(row.lane, row.order_id)] if row else []
    place = (lane_of(text), text) if any(is_id(kind, text) for kind in _IDS) else None
    if place is None:
        return [
            *await paid.orders_called(connection, text, lanes=lanes, methods=methods),
            *await deliveries.orders_called(connection, text, lanes=lanes),
        ]
    if is_id("quote", text):
        return [(place[0], order) for order in (await queries.of_quotes(connection, [place])).values()]
    if is_id("fulfilment", text):
        return [
            (found.lane, str(found.order_id)) for found in (await deliveries.attempts(connection, [place])).values()
        ]
    return await paid.orders_of(connection, place)


def _conditions(sought: Sought, parameters: dict[str, Any]) -> list[str]:
    conditions = []
    # One state is looked up by its index; any of several is as well, where the text says which they are.
    if states := STATES.get(sought.state):
        listed = ", ".join(f"'{state.value}'" for state in sorted(states))
        conditions.append(f"o.state IN ({listed})")
    if sought.channel:
        conditions.append("o.channel = %(channel)s")
        parameters["channel"] = sought.channel
    if sought.carrier:
        conditions.append("o.carrier_id = %(carrier)s")
        parameters["carrier"] = sought.carrier
    if sought.method:
        conditions.append(f"{paid.METHOD_OF.format(lane='o.lane', payment='o.kept_payment_id')} = %(method)s")
        parameters["method"] = sought.method
    return conditions


def _of_time(sought: Sought, parameters: dict[str, Any], before: Mark | None) -> list[str]:
    conditions = []
    if sought.since:
        conditions.append("o.created_at >= %(since)s")
        parameters["since"] = sought.since
    if sought.until:
        conditions.append("o.created_at < %(until)s")
        parameters["until"] = sought.until
    if before is not None:
        conditions.append("(o.created_at, o.id) < (%(before)s, %(before_id)s)")
        parameters |= {"before": before.at, "before_id": before.id}
    return conditions


def _meant(search: Search, parameters: dict[str, Any]) -> str:
    """A number that was topped up, or an amount that was paid or credited; "false" where the text is neither."""
    if len(search.digits) >= _WHOLE_NUMBER:
        parameters["msisdn"] = f"+{search.digits.removeprefix('+')}"
        return _OF_NUMBER
    return of_amount(search.amount, parameters, paid=True) if search.amount is not None else "false"
