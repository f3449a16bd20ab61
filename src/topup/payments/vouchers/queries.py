"""What is known of vouchers, without their PINs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.kernel.errors import NotFound
from topup.kernel.money import Money
from topup.payments.vouchers.states import VoucherState
from topup.platform.database import Connection

_BATCH: Final = (
    "SELECT id, kind, face_minor, currency, count, carrier_id, valid_until, state, made_by, created_at, state_since,"
    " sold, approval_id FROM payments.voucher_batches"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Vouchers made together: of one face, for lines of one carrier (None: of any), until `valid_until`."""

    id: str
    kind: str
    face: Money
    count: int
    carrier_id: str | None
    valid_until: datetime
    state: VoucherState
    made_by: str
    created_at: datetime
    state_since: datetime
    sold: int = 0
    """Of one that is not activated as a whole: how many were, one by one."""
    approval_id: str | None = None
    """By what it was allowed, where it is for sale."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """One voucher by its serial number; `payment_id` is what it paid."""

    serial: str
    batch: Batch
    state: VoucherState
    payment_id: str | None
    state_since: datetime


async def batch_of(connection: Connection, batch_id: str) -> Batch:
    """A batch; raises NotFound voucher_batch_unknown."""
    cursor = await connection.execute(f"{_BATCH} WHERE id = %s", (batch_id,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("voucher_batch_unknown")
    return _batch(row)


async def state_of(connection: Connection, batch_id: str) -> VoucherState | None:
    """How a batch stands; None where there is none."""
    cursor = await connection.execute("SELECT state FROM payments.voucher_batches WHERE id = %s", (batch_id,))
    row = await cursor.fetchone()
    return VoucherState(row[0]) if row else None


async def batches(connection: Connection, *, limit: int = 100) -> list[Batch]:
    """The batches that were made to be sold, newest first."""
    cursor = await connection.execute(f"{_BATCH} WHERE kind <> 'slip' ORDER BY created_at DESC, id LIMIT %s", (limit,))
    return [_batch(row) for row in await cursor.fetchall()]


def _batch(row: tuple[Any, ...]) -> Batch:
    identifier, kind, face_minor, currency, count, carrier_id, valid_until, state, made_by, *rest = row
    created_at, since, sold, approval_id = rest
    return Batch(
        id=identifier,
        kind=kind,
        face=Money(face_minor, currency),
        count=count,
        carrier_id=carrier_id,
        valid_until=valid_until,
        state=VoucherState(state),
        made_by=made_by,
        created_at=created_at,
        state_since=since,
        sold=sold,
        approval_id=approval_id,
    )


async def voucher(connection: Connection, serial: str) -> Voucher:
    """A voucher by its serial number; raises NotFound voucher_unknown."""
    cursor = await connection.execute(
        "SELECT batch_id, state, payment_id, state_since FROM payments.vouchers WHERE serial = %s", (serial,)
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("voucher_unknown")
    batch_id, state, payment_id, since = row
    batch = await batch_of(connection, batch_id)
    return Voucher(serial, batch, VoucherState(state) if state else batch.state, payment_id, since or batch.state_since)


async def counts(connection: Connection, batch_id: str) -> Mapping[VoucherState, int]:
    """How many vouchers of a batch are in each state."""
    cursor = await connection.execute(
        "SELECT coalesce(v.state, b.state), count(*) FROM payments.vouchers v"
        " JOIN payments.voucher_batches b ON b.id = v.batch_id WHERE b.id = %s GROUP BY 1",
        (batch_id,),
    )
    return {VoucherState(state): count for state, count in await cursor.fetchall()}


async def live_count(connection: Connection, now: datetime) -> int:
    """About how many vouchers would pay now: what the chance of a guess is reckoned from. Used ones are not taken off,
    so it is never too few, and needs no look at each.
    """
    cursor = await connection.execute(
        "SELECT coalesce(sum(CASE WHEN state = 'activated' THEN count ELSE sold END), 0) FROM payments.voucher_batches"
        " WHERE state IN ('exported', 'activated') AND valid_until > %s",
        (now,),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
