"""Entering what a card terminal's slips say: charges, what went back, and the total of its batch."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import InvalidId, PaymentId, RefundId, check_id, lane_for, new_id
from topup.kernel.money import Money
from topup.payments.queries import still_open
from topup.payments.terminal import records
from topup.payments.terminal.records import CardBack, Charge
from topup.platform.database import Connection
from topup.work import trail
from topup.work.operations import Decision, close_for_person, list_for_person

METHOD: Final = "card_terminal"
TO_GIVE_BACK: Final = "card_to_give_back"
"""The kind of what somebody at a terminal is to give back."""
DIFFERENCE: Final = "terminal_difference"

_TERMINAL: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_REFERENCE: Final = re.compile(r"[0-9A-Za-z]{4,40}", re.ASCII)
_BETWEEN: Final = re.compile(r"[\s-]+")
_SAME_SLIP_FOR: Final = timedelta(days=60)
"""So long a reference at a terminal is the same slip; months later it is another, for banks begin theirs anew."""
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('terminal.slip:' || %s || ':' || %s, 0))"
_USED: Final = """
SELECT 1 FROM payments.card_charges
WHERE reference = %(reference)s AND terminal = %(terminal)s AND state = 'taken' AND taken_at > %(since)s
UNION ALL
SELECT 1 FROM payments.card_backs
WHERE reference = %(reference)s AND terminal = %(terminal)s AND paid_at IS NOT NULL AND paid_at > %(since)s
LIMIT 1
"""
_COUNTED: Final = """
WITH charged AS (UPDATE payments.card_charges SET batch = %(batch)s
    WHERE terminal = %(terminal)s AND currency = %(currency)s AND batch IS NULL AND state = 'taken' AND NOT vouched
    RETURNING amount_minor),
gone AS (UPDATE payments.card_backs SET batch = %(batch)s
    WHERE terminal = %(terminal)s AND currency = %(currency)s AND batch IS NULL AND paid_at IS NOT NULL AND NOT vouched
    RETURNING amount_minor)
SELECT (SELECT count(*) FROM charged), (SELECT count(*) FROM gone),
    (SELECT coalesce(sum(amount_minor), 0)::bigint FROM charged)
    - (SELECT coalesce(sum(amount_minor), 0)::bigint FROM gone)
"""
_VOUCHED: Final = """
WITH charged AS (UPDATE payments.card_charges SET vouched = true
    WHERE terminal = %(terminal)s AND batch = %(batch)s AND state = 'taken' AND NOT vouched)
UPDATE payments.card_backs SET vouched = true
WHERE terminal = %(terminal)s AND batch = %(batch)s AND paid_at IS NOT NULL AND NOT vouched
"""
_ENTERED_BY: Final = """
SELECT entered_by FROM payments.card_charges
WHERE terminal = %(terminal)s AND batch = %(batch)s AND state = 'taken' AND NOT vouched
UNION
SELECT entered_by FROM payments.card_backs
WHERE terminal = %(terminal)s AND batch = %(batch)s AND paid_at IS NOT NULL AND NOT vouched
"""


@dataclass(frozen=True, slots=True)
class Slip:
    """What a terminal printed: for a payment, at which terminal, under which reference of the bank's."""

    payment_id: str
    terminal: str
    reference: str
    by: str


async def enter(connection: Connection, slip: Slip, now: datetime) -> Charge:
    """Write down that a card paid, once; the same again is told the same.

    Raises payment_unknown, terminal_unreadable, reference_unreadable, card_payment_closed, card_charged_otherwise, and
    terminal_reference_used where the slip was entered for something else.
    """
    terminal, reference = as_kept(slip.terminal, slip.reference)
    payment_id = _payment_id(slip.payment_id)
    charge = await records.BOOK.payment_of(connection, payment_id, lock=True)
    if charge is None:
        raise NotFound("payment_unknown")
    if charge.state == "closed":
        raise Conflict("card_payment_closed")
    if charge.state == "taken":
        if (charge.terminal, charge.reference) != (terminal, reference):
            raise Conflict("card_charged_otherwise")
        return charge
    await _unused(connection, terminal, reference, now)
    await connection.execute(
        "UPDATE payments.card_charges SET state = 'taken', terminal = %s, reference = %s, entered_by = %s,"
        " taken_at = %s WHERE lane = %s AND payment_id = %s AND state = 'waiting'",
        (terminal, reference, slip.by, now, charge.lane, payment_id),
    )
    found = await records.BOOK.payment_of(connection, payment_id)
    if found is None:
        raise NotFound("payment_unknown")
    return found


async def give_back(
    connection: Connection, *, refund_id: str, terminal: str, reference: str, by: str, now: datetime
) -> CardBack:
    """Write down that a card got its money back, once; the same again is told the same.

    Raises refund_unknown, terminal_unreadable, reference_unreadable, refund_settled, card_charged_otherwise, and
    terminal_reference_used where the slip was entered for something else.
    """
    terminal, reference = as_kept(terminal, reference)
    try:
        back = await records.BOOK.back_of(connection, check_id("refund", refund_id), lock=True)
    except InvalidId:
        back = None
    if back is None:
        raise NotFound("refund_unknown")
    if back.paid_at is not None:
        if (back.terminal, back.reference) != (terminal, reference):
            raise Conflict("card_charged_otherwise")
        return back
    await still_open(connection, RefundId(back.id))
    await _unused(connection, terminal, reference, now)
    await connection.execute(
        "UPDATE payments.card_backs SET terminal = %s, reference = %s, entered_by = %s, paid_at = %s"
        " WHERE lane = %s AND id = %s",
        (terminal, reference, by, now, back.lane, back.id),
    )
    await close_for_person(connection, [(back.lane, TO_GIVE_BACK, back.id)], now)
    return back


async def close_batch(
    connection: Connection, *, terminal: str, total: Money, form: str, by: str, now: datetime, lanes: int
) -> bool:
    """Hold a terminal's own total against what was entered in its currency since its last batch; whether they agree.
    Where they do, it vouches for that; what differs goes on the work list, where people may let it be (`vouch`).

    The same form again does nothing. Raises terminal_unreadable; form_reused for the same form with another total.
    """
    terminal = _name_as_kept(terminal)
    lane = lane_for(terminal, lanes)
    batch = new_id("batch", lane)
    row = (lane, batch, terminal, form, total.amount_minor, total.currency, by, now)
    cursor = await connection.execute(
        "INSERT INTO payments.card_batches (lane, id, terminal, form, total_minor, currency, closed_by, closed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1",
        row,
    )
    if await cursor.fetchone() is None:
        return await _agreed_before(connection, lane, terminal, form, total)
    said = {"batch": batch, "terminal": terminal, "currency": total.currency}
    answer = await (await connection.execute(_COUNTED, said)).fetchone()
    charged, gone, entered = answer or (0, 0, 0)
    await connection.execute(
        "UPDATE payments.card_batches SET charges = %s, backs = %s, entered_minor = %s WHERE lane = %s AND id = %s",
        (charged, gone, entered, lane, batch),
    )
    difference = total.amount_minor - entered
    if not difference:
        await vouch(connection, terminal=terminal, batch=batch)
        await _note_batch(connection, batch, terminal, total, entered=entered, by=by, now=now)
        return True
    evidence = {
        "terminal": terminal,
        "expected_minor": entered,
        "counted_minor": total.amount_minor,
        "difference_minor": difference,
        "currency": total.currency,
        "counted_by": by,
    }
    await list_for_person(connection, [Decision(lane, DIFFERENCE, batch, evidence)], now)
    await _note_batch(connection, batch, terminal, total, entered=entered, by=by, now=now)
    return False


async def _note_batch(
    connection: Connection, batch: str, terminal: str, total: Money, *, entered: int, by: str, now: datetime
) -> None:
    said = {"state": "closed", "counted_minor": total.amount_minor, "expected_minor": entered}
    facts = {"terminal": terminal, "currency": total.currency, **trail.change({"state": "open"}, said)}
    await trail.write(connection, actor=by, action="terminal.batch_closed", subject=batch, facts=facts, now=now)


async def vouch(connection: Connection, *, terminal: str, batch: str) -> None:
    """Have a batch vouch for what was counted in it: from now on the method's bill has it."""
    await connection.execute(_VOUCHED, {"terminal": terminal, "batch": batch})


async def entered_by(connection: Connection, *, terminal: str, batch: str) -> list[str]:
    """Who entered what a batch does not vouch for yet."""
    cursor = await connection.execute(_ENTERED_BY, {"terminal": terminal, "batch": batch})
    return [by for (by,) in await cursor.fetchall()]


async def _agreed_before(connection: Connection, lane: int, terminal: str, form: str, total: Money) -> bool:
    cursor = await connection.execute(
        "SELECT total_minor, currency, entered_minor FROM payments.card_batches"
        " WHERE lane = %s AND terminal = %s AND form = %s",
        (lane, terminal, form),
    )
    known = await cursor.fetchone()
    if known is None or (known[0], known[1]) != (total.amount_minor, total.currency):
        raise Conflict("form_reused")
    return bool(known[2] == known[0])


async def _unused(connection: Connection, terminal: str, reference: str, now: datetime) -> None:
    """Raises terminal_reference_used where the slip is entered already. Nobody else enters it meanwhile, for a payment
    or for what goes back.
    """
    await connection.execute(_ALONE, (terminal, reference))
    said = {"terminal": terminal, "reference": reference, "since": now - _SAME_SLIP_FOR}
    if await (await connection.execute(_USED, said)).fetchone() is not None:
        raise Conflict("terminal_reference_used")


def as_kept(terminal: str, reference: str) -> tuple[str, str]:
    """A slip as it is kept: however it is typed, it is the same. Raises terminal_unreadable, reference_unreadable."""
    name, bare = _name_as_kept(terminal), _BETWEEN.sub("", reference)
    if _REFERENCE.fullmatch(bare) is None:
        raise Invalid("reference_unreadable")
    return name, bare.upper()


def _name_as_kept(terminal: str) -> str:
    name = terminal.strip().lower()
    if _TERMINAL.fullmatch(name) is None:
        raise Invalid("terminal_unreadable")
    return name


def _payment_id(text: str) -> PaymentId:
    try:
        return PaymentId(check_id("payment", text))
    except InvalidId:
        raise NotFound("payment_unknown") from None
