"""Writing down attempts, captures and refunds. Every operation takes a list and one transaction.

What protects what: whoever decides about orders, or writes more than one of these rows, first holds the rows of the
orders, locked in the order of (lane, id) (`orders.queries.locked`). That is how `begin`, `advance`, `record`,
`request_refunds`, `advance_refunds` and `close_open` are called; they take no lock but those of the rows they write.
Since nobody else holds rows of the same orders then, two batches cannot wait for each other in a circle.

Without the orders' rows are only called

- `due` and `due_refunds`, which pass over rows that somebody holds, and so never wait;
- `ask_later`, and `advance` to `needs_person`, for one attempt in a transaction of its own, which waits while it holds
  nothing. Both change nothing of an attempt that was settled meanwhile: the table of transitions and the states named
  in the statement see to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from topup.kernel.ids import OrderId, PaymentId, RefundId, new_id
from topup.kernel.money import Money
from topup.payments.ports import PaymentFact, Scene
from topup.payments.queries import Capture, Payment, Place, Refund, split
from topup.payments.states import PAYMENT, REFUND, Disposition, PaymentState, RefundState, ask_after
from topup.platform.arrays import columns
from topup.platform.database import Connection

LEASE: Final = timedelta(seconds=60)
"""How long a call to a gateway may be under way before another process takes the row up again. Longer than any
call's own timeout."""


@dataclass(frozen=True, slots=True)
class NewPayment:
    """An attempt to be written down before the gateway hears of it; with an `action`, the payer can pay already."""

    lane: int
    id: PaymentId
    order_id: OrderId
    method: str
    scene: Scene
    amount: Money
    fee_minor: int
    expires_at: datetime
    action: Mapping[str, Any] | None = None


async def begin(connection: Connection, attempts: Sequence[NewPayment], now: datetime) -> set[str]:
    """Write attempts down, as `starting` or with an action as `pending`; the ids that were new. Known ids are left as
    they are.
    """
    if not attempts:
        return set()
    cursor = await connection.execute(
        "INSERT INTO payments.payments (lane, id, order_id, method, scene, amount_minor, currency, fee_minor, state,"
        " created_at, state_since, expires_at, ask_at, action)"
        " SELECT u.lane, u.id, u.order_id, u.method, u.scene, u.amount_minor, u.currency, u.fee_minor,"
        " CASE WHEN u.action IS NULL THEN 'starting' ELSE 'pending' END, %s, %s, u.expires_at, %s, u.action::jsonb"
        " FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bigint[], %b::text[],"
        " %b::bigint[], %b::timestamptz[], %b::text[])"
        " AS u (lane, id, order_id, method, scene, amount_minor, currency, fee_minor, expires_at, action)"
        " ON CONFLICT DO NOTHING RETURNING id",
        (
            now,
            now,
            now + ask_after(0),
            *columns(
                (
                    a.lane,
                    a.id,
                    a.order_id,
                    a.method,
                    a.scene.value,
                    a.amount.amount_minor,
                    a.amount.currency,
                    a.fee_minor,
                    a.expires_at,
                    _action(a.action),
                )
                for a in attempts
            ),
        ),
    )
    return {identifier for (identifier,) in await cursor.fetchall()}


def _action(action: Mapping[str, Any] | None) -> str | None:
    return msgspec.json.encode(action).decode() if action else None


@dataclass(frozen=True, slots=True)
class Step:
    """A payment's next state, and when its gateway is asked next (None: never again)."""

    lane: int
    id: str
    state: PaymentState
    ask_at: datetime | None
    action: Mapping[str, Any] | None = None
    reason: str = ""
    """Of `declined`: why, as `PaymentFact.reason` has it."""


async def advance(connection: Connection, steps: Sequence[Step], now: datetime) -> set[str]:
    """Move attempts along the table of transitions; the ids that moved. A step it does not have moves nothing."""
    moved: set[str] = set()
    for state in dict.fromkeys(step.state for step in steps):
        group = sorted((step for step in steps if step.state is state), key=lambda step: (step.lane, step.id))
        cursor = await connection.execute(
            "UPDATE payments.payments p SET state = %s, state_since = %s, ask_at = u.ask_at, asked = 0,"
            " action = coalesce(u.action::jsonb, p.action), reason = u.reason"
            " FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[], %b::text[], %b::text[])"
            " AS u (lane, id, ask_at, action, reason)"
            " WHERE p.lane = u.lane AND p.id = u.id AND p.state = ANY (%s) RETURNING p.id",
            (
                state.value,
                now,
                *columns((s.lane, s.id, s.ask_at, _action(s.action), s.reason) for s in group),
                [source.value for source in PAYMENT.sources(state)],
            ),
        )
        moved |= {identifier for (identifier,) in await cursor.fetchall()}
    return moved


async def ask_later(connection: Connection, places: Sequence[tuple[int, str, datetime | None]]) -> None:
    """Note when each attempt is asked about next; None ends the asking. What was settled meanwhile stays."""
    if not places:
        return
    await connection.execute(
        "UPDATE payments.payments p SET ask_at = u.ask_at"
        " FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[]) AS u (lane, id, ask_at)"
        " WHERE p.lane = u.lane AND p.id = u.id AND p.state IN ('starting', 'pending', 'declined')",
        columns(places),
    )


async def due(connection: Connection, limit: int, now: datetime) -> list[Place]:
    """Take up to `limit` attempts whose gateway is to be asked now; nobody else takes them for LEASE."""
    cursor = await connection.execute(
        "UPDATE payments.payments p SET ask_at = %s, asked = least(p.asked + 1, 32000) FROM ("
        " SELECT lane, id FROM payments.payments WHERE ask_at <= %s ORDER BY ask_at LIMIT %s FOR UPDATE SKIP LOCKED"
        ") AS d WHERE p.lane = d.lane AND p.id = d.id RETURNING p.lane, p.id",
        (now + LEASE, now, limit),
    )
    return [(lane, identifier) for lane, identifier in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class NewCapture:
    """Money that came, and what becomes of it. `typed`: people recorded it, and may have mistyped its reference."""

    payment: Payment
    fact: PaymentFact
    disposition: Disposition
    typed: bool = False

    @property
    def amount(self) -> Money:
        """What came."""
        if self.fact.amount is None:
            raise ValueError("money that came has an amount")
        return self.fact.amount

    @property
    def row(self) -> Capture:
        """As it will be stored."""
        return Capture(
            self.payment.lane,
            self.payment.id,
            self.fact.reference,
            self.amount.amount_minor,
            self.amount.currency,
            self.fact.paid_at or self.payment.created_at,
            self.disposition,
            0,
            confirmed=not self.typed,
        )


async def record(connection: Connection, news: Sequence[NewCapture], now: datetime) -> None:
    """Record money that came. The caller has looked, under the order's lock, that the reference is new."""
    if not news:
        return
    rows = []
    for capture in news:
        amount, paid_at = capture.fact.amount, capture.fact.paid_at
        if amount is None or paid_at is None:
            raise ValueError("money that came has an amount and a time")
        rows.append(
            (
                capture.payment.lane,
                capture.payment.id,
                capture.fact.reference,
                amount.amount_minor,
                amount.currency,
                paid_at,
                capture.disposition.value,
                capture.fact.reference if capture.typed else None,
                not capture.typed,
            )
        )
    await connection.execute(
        "INSERT INTO payments.captures"
        " (lane, payment_id, reference, amount_minor, currency, paid_at, disposition, typed, confirmed, recorded_at)"
        " SELECT u.*, %s FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bigint[], %b::text[],"
        " %b::timestamptz[], %b::text[], %b::text[], %b::boolean[]) AS u",
        (now, *columns(rows)),
    )


async def confirm(connection: Connection, named: Sequence[tuple[Capture, str]]) -> None:
    """Note by which reference the gateway knows money that people recorded; refunds of it are sent by that one."""
    for capture, reference in named:
        await connection.execute(
            "UPDATE payments.captures SET reference = %s, confirmed = true"
            " WHERE lane = %s AND payment_id = %s AND reference = %s AND NOT confirmed",
            (reference, capture.lane, capture.payment_id, capture.reference),
        )


async def remember_bills(connection: Connection, *, method: str, through: date, today: date) -> None:
    """Note that a method's bills were read up to the day `through`: never less than before, but for a day that had not
    come yet, because our clock was ahead.
    """
    await connection.execute(
        "INSERT INTO payments.bills AS b (method, read_through) VALUES (%s, %s) ON CONFLICT (method)"
        " DO UPDATE SET read_through = CASE WHEN b.read_through > %s THEN excluded.read_through"
        " ELSE greatest(b.read_through, excluded.read_through) END",
        (method, through, today),
    )


class OverRefund(RuntimeError):
    """More would go back than came: refused by the database as well."""


async def request_refunds(
    connection: Connection, wanted: Sequence[tuple[Capture, int, str]], now: datetime
) -> list[Refund]:
    """Promise back an amount (minor units of the capture's currency) of each capture, with a reason; due at once.

    The promise counts against the capture before anything is sent, so that refunds of unknown outcome are never
    promised twice (G16). Raises OverRefund, and then nothing is written.
    """
    if not wanted:
        return []
    refunds = [
        Refund(
            capture.lane,
            RefundId(new_id("refund", capture.lane)),
            capture.payment_id,
            capture.reference,
            amount_minor,
            capture.currency,
            reason,
            RefundState.REQUESTED,
            now,
            0,
            now,
        )
        for capture, amount_minor, reason in wanted
    ]
    cursor = await connection.execute(
        "UPDATE payments.captures c SET refunded_minor = c.refunded_minor + u.amount_minor"
        " FROM (SELECT lane, payment_id, reference, sum(amount_minor)::bigint AS amount_minor"
        " FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bigint[])"
        " AS v (lane, payment_id, reference, amount_minor) GROUP BY 1, 2, 3) AS u"
        " WHERE (c.lane, c.payment_id, c.reference) = (u.lane, u.payment_id, u.reference)"
        " AND c.refunded_minor + u.amount_minor <= c.amount_minor RETURNING 1",
        columns((r.lane, r.payment_id, r.reference, r.amount_minor) for r in refunds),
    )
    if len(await cursor.fetchall()) != len({(r.lane, r.payment_id, r.reference) for r in refunds}):
        raise OverRefund
    await connection.execute(
        "INSERT INTO payments.refunds (lane, id, payment_id, reference, amount_minor, currency, reason, state,"
        " created_at, state_since, act_at)"
        " SELECT u.*, 'requested', %s, %s, %s FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[],"
        " %b::bigint[], %b::text[], %b::text[]) AS u",
        (
            now,
            now,
            now,
            *columns((r.lane, r.id, r.payment_id, r.reference, r.amount_minor, r.currency, r.reason) for r in refunds),
        ),
    )
    return refunds


async def due_refunds(connection: Connection, limit: int, now: datetime) -> list[tuple[Place, RefundState]]:
    """Take up to `limit` refunds to send or ask about, with the state each was in; nobody else takes them for LEASE.

    One to be sent becomes `sending` here, before the call: after a crash it is asked about first.
    """
    cursor = await connection.execute(
        "UPDATE payments.refunds r SET act_at = %s, tries = least(r.tries + 1, 32000),"
        " state = CASE r.state WHEN 'requested' THEN 'sending' ELSE r.state END,"
        " state_since = CASE r.state WHEN 'requested' THEN %s ELSE r.state_since END FROM ("
        " SELECT lane, id, state FROM payments.refunds WHERE act_at <= %s"
        " ORDER BY act_at LIMIT %s FOR UPDATE SKIP LOCKED"
        ") AS d WHERE r.lane = d.lane AND r.id = d.id RETURNING r.lane, r.id, d.state",
        (now + LEASE, now, now, limit),
    )
    return [((lane, identifier), RefundState(state)) for lane, identifier, state in await cursor.fetchall()]


async def advance_refunds(
    connection: Connection, steps: Sequence[tuple[Place, RefundState, datetime | None]], now: datetime
) -> set[str]:
    """Move refunds along their table, and note when to act next; the ids that moved. Staying only moves the time."""
    moved: set[str] = set()
    for (lane, identifier), state, act_at in sorted(steps, key=lambda step: step[0]):
        cursor = await connection.execute(
            "UPDATE payments.refunds SET act_at = %s,"
            " state_since = CASE WHEN state = %s THEN state_since ELSE %s END, state = %s"
            " WHERE lane = %s AND id = %s AND (state = ANY (%s) OR (state = %s AND state = ANY (%s))) RETURNING id",
            (
                act_at,
                state.value,
                now,
                state.value,
                lane,
                identifier,
                [source.value for source in REFUND.sources(state)],
                state.value,
                [RefundState.ACCEPTED.value, RefundState.UNKNOWN.value, RefundState.DISPUTED.value],
            ),
        )
        if await cursor.fetchone():
            moved.add(identifier)
    return moved


async def note_taken(connection: Connection, taken: Sequence[tuple[Place, int]]) -> None:
    """Note how much of refunds the payer's bank gave back, in minor units: so much was not sent."""
    if not taken:
        return
    await connection.execute(
        "UPDATE payments.refunds r SET taken_minor = u.minor"
        " FROM unnest(%b::smallint[], %b::text[], %b::bigint[]) AS u (lane, id, minor)"
        " WHERE r.lane = u.lane AND r.id = u.id",
        columns((*place, minor) for place, minor in taken),
    )


async def close_open(connection: Connection, orders: Sequence[Place], now: datetime) -> None:
    """Have the open attempts of these orders asked about at once: their gateways are told to close them."""
    if not orders:
        return
    await connection.execute(
        "UPDATE payments.payments p SET ask_at = %s, expires_at = least(p.expires_at, %s)"
        " FROM unnest(%b::smallint[], %b::text[]) AS u (lane, order_id)"
        " WHERE p.lane = u.lane AND p.order_id = u.order_id AND p.state IN ('starting', 'pending', 'declined')",
        (now, now, *split(orders)),
    )


async def ask_at_once(connection: Connection, orders: Sequence[Place], now: datetime) -> int:
    """Have the open attempts to pay these orders, and what was sent back of them, asked about at once; how many.

    What is yet to be sent, or is being sent, keeps its time: nobody has heard of it who could say more.
    """
    lanes, ids = split(orders)
    cursor = await connection.execute(
        "WITH open AS (SELECT p.lane, p.id, p.ask_at, p.order_id FROM payments.payments AS p"
        " JOIN unnest(%b::smallint[], %b::text[]) AS u (lane, order_id)"
        " ON p.lane = u.lane AND p.order_id = u.order_id),"
        " asked AS (UPDATE payments.payments AS p SET ask_at = %s FROM open AS o"
        " WHERE p.lane = o.lane AND p.id = o.id AND p.ask_at > %s"
        " AND p.state IN ('starting', 'pending', 'declined') RETURNING 1),"
        " acted AS (UPDATE payments.refunds AS r SET act_at = %s FROM open AS o"
        " WHERE r.lane = o.lane AND r.payment_id = o.id AND r.act_at > %s"
        " AND r.state IN ('accepted', 'unknown') RETURNING 1)"
        " SELECT (SELECT count(*) FROM asked) + (SELECT count(*) FROM acted)",
        (lanes, ids, now, now, now, now),
    )
    [asked] = await cursor.fetchone() or (0,)
    return int(asked)
