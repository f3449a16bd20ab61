"""What somebody ordered, and what others did for the lines in their account: found, narrowed, a page at a time.

Promise (G23): of an order of somebody else one learns nothing but that it came to one's line: neither its id, which is
its payer's capability, nor how and what was paid. Only those that were paid are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.orders.queries import Place
from topup.orders.searching import Search, of_amount
from topup.orders.states import OrderState
from topup.payments.queries import PAID_BY, methods_of
from topup.platform.arrays import columns
from topup.platform.database import Connection

STANDINGS: Final[Mapping[str, frozenset[OrderState]]] = {
    "arrived": frozenset({OrderState.DELIVERED}),
    "under_way": frozenset(
        {
            OrderState.AWAITING_PAYMENT,
            OrderState.PAID,
            OrderState.DELIVERING,
            OrderState.UNRESOLVED,
            OrderState.NEEDS_PERSON,
        }
    ),
    "returned": frozenset({OrderState.REFUNDING, OrderState.REFUNDED}),
    "not_paid": frozenset({OrderState.EXPIRED, OrderState.CANCELLED}),
}
"""How people ask for states."""
_PAID: Final = sorted(frozenset(OrderState) - STANDINGS["not_paid"] - {OrderState.QUOTED, OrderState.AWAITING_PAYMENT})


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A line in the account: its number in E.164, which it has had `since`."""

    lane: int
    e164: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page ends: the last entry on it."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; what is not said is not asked. `since` and `until` (not included) are of the order."""

    e164: str = ""
    since: datetime | None = None
    until: datetime | None = None
    standing: str = ""
    method: str = ""
    search: Search | None = None
    only_own: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An order that was found. `own`: whoever asks ordered it; else `payer_id` is the subscriber who did, if any."""

    place: Place
    at: datetime
    own: bool
    payer_id: str | None

    @property
    def mark(self) -> Mark:
        """The place behind it."""
        return Mark(self.at, self.place[1])


async def found(
    connection: Connection,
    *,
    who: str,
    lines: Sequence[OwnLine],
    wanted: Wanted,
    before: Mark | None = None,
    limit: int,
) -> list[Entry]:
    """Up to `limit` orders, newest first: those of the subscriber `who`, and those that others paid for `lines`."""
    if wanted.search is not None and wanted.search.means_nothing:
        return []
    parameters: dict[str, Any] = {"who": who, "limit": limit, "paid": _PAID}
    sql = _OWN.format(where=" AND ".join(_conditions(wanted, before, parameters, own=True)))
    theirs = _looked_at(lines, wanted)
    if theirs:
        parameters |= zip(("lanes", "msisdns", "sinces"), columns(theirs), strict=True)
        where = " AND ".join(_conditions(wanted, before, parameters, own=False))
        sql = f"({sql}) UNION ALL ({_THEIRS.format(where=where)}) ORDER BY 3 DESC, 2 DESC LIMIT %(limit)s"
    cursor = await connection.execute(sql, parameters)
    return [Entry((lane, id_), at, own, payer) for lane, id_, at, own, payer in await cursor.fetchall()]


async def methods_used(connection: Connection, *, who: str) -> list[str]:
    """The ways a subscriber paid by, of late."""
    rows = await (await connection.execute(_KEPT, [who])).fetchall()
    return await methods_of(connection, [(lane, payment) for lane, payment in rows])


_KEPT: Final = """
SELECT lane, kept_payment_id FROM (
    SELECT lane, kept_payment_id FROM orders.orders WHERE payer_id = %s ORDER BY created_at DESC LIMIT 200
) AS latest WHERE kept_payment_id IS NOT NULL
"""


def _looked_at(lines: Sequence[OwnLine], wanted: Wanted) -> list[tuple[int, str, datetime]]:
    """The lines of which others' orders are looked for. How others paid is theirs to know: who asks for a way to pay
    asks for their own.
    """
    if wanted.only_own or wanted.method:
        return []
    return [(line.lane, line.e164, line.since) for line in lines if wanted.e164 in {"", line.e164}]


_OWN: Final = """
SELECT o.lane, o.id, o.created_at, true, o.payer_id FROM orders.orders AS o
WHERE {where} ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s
"""
_THEIRS: Final = """
SELECT f.* FROM unnest(%(lanes)s::smallint[], %(msisdns)s::text[], %(sinces)s::timestamptz[])
    AS l (lane, msisdn, since)
CROSS JOIN LATERAL (
    SELECT o.lane, o.id, o.created_at, false, o.payer_id FROM orders.orders AS o
    WHERE {where} ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s) AS f
"""
_IS_THEIRS: Final = (
    "o.lane = l.lane AND o.msisdn = l.msisdn AND o.created_at >= l.since"
    " AND o.payer_id IS DISTINCT FROM %(who)s AND o.state = ANY (%(paid)s)"
)
_SIMPLE: Final = (
    ("e164", "o.msisdn = %(e164)s"),
    ("since", "o.created_at >= %(since)s"),
    ("until", "o.created_at < %(until)s"),
    ("method", PAID_BY.format(lane="o.lane", payment="o.kept_payment_id", method="%(method)s")),
)


def _conditions(wanted: Wanted, before: Mark | None, parameters: dict[str, Any], *, own: bool) -> list[str]:
    """What holds of every order that is found; its values go into `parameters`."""
    conditions = ["o.payer_id = %(who)s" if own else _IS_THEIRS]
    for name, condition in _SIMPLE:
        if value := getattr(wanted, name):
            conditions.append(condition)
            parameters[name] = value
    if before is not None:
        conditions.append("(o.created_at, o.id) < (%(before)s, %(before_id)s)")
        parameters |= {"before": before.at, "before_id": before.id}
    if wanted.standing:
        conditions.append("o.state = ANY (%(states)s)")
        parameters["states"] = sorted(state.value for state in STANDINGS[wanted.standing])
    if wanted.search is not None:
        conditions.append(_meant(wanted.search, parameters, own=own))
    return conditions


def _meant(search: Search, parameters: dict[str, Any], *, own: bool) -> str:
    """Any of what a text may mean. Of others' orders only number and face value are known."""
    meant = ["false"]
    if search.digits:
        # Of an order through a link its payer does not know the number, and must not find it out digit by digit.
        meant.append(f"o.msisdn LIKE %(digits)s{_BY_LINK if own else ''}")
        parameters["digits"] = f"%{search.digits}%"
    if search.numbers:
        meant.append("o.msisdn = ANY (%(named)s)")
        parameters["named"] = list(search.numbers)
    if search.amount is not None:
        meant.append(of_amount(search.amount, parameters, paid=own))
    if own and search.receipt is not None:
        meant.append(_RECEIPT)
        parameters |= zip(("receipt_lane", "receipt_year", "receipt_number"), search.receipt, strict=True)
    if own and search.order_id:
        meant.append("o.id = %(order_id)s")
        parameters["order_id"] = search.order_id
    return f"({' OR '.join(f'({one})' for one in meant)})"


_BY_LINK: Final = " AND o.channel <> 'link'"
_RECEIPT: Final = (
    "(o.lane, o.id) IN (SELECT r.lane, r.order_id FROM orders.receipts AS r WHERE r.lane = %(receipt_lane)s"
    " AND r.year = %(receipt_year)s AND r.number = %(receipt_number)s)"
)
