"""The life of batches: made, exported, activated, and their end. Every change is one transaction, the ledger last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from psycopg.errors import UniqueViolation

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import lane_for, new_id
from topup.kernel.money import Money
from topup.ledger import PostingRefused, Transfer, post
from topup.payments.vouchers import postings
from topup.payments.vouchers.pins import new_pin, serial_of
from topup.payments.vouchers.queries import Batch, batch_of, voucher
from topup.payments.vouchers.states import VOUCHER, VoucherState
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

MOST: Final = 1_000_000
"""Vouchers in one batch."""
LONGEST_LIFE: Final = timedelta(days=3_660)

_COPIED: Final = 20_000
"""Vouchers that one statement writes: no statement may take long."""
_ANYWHERE: Final = timedelta(days=1, hours=12)
"""From the beginning of a day by UTC to its end where it ends last (UTC-12)."""


class PinsCollided(RuntimeError):
    """A PIN was drawn that there is already: nothing was written. Draw again."""


class LedgerRefused(RuntimeError):
    """The ledger refused a voucher's money: nothing of it may take hold."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A batch to make: how many, worth what each, and until when. `carrier_id` None: for lines of any carrier.

    `kind` is `batch` for what is to be sold, which takes an approval; `slip` for money that goes back; `trial` for what
    a demonstration shows.
    """

    face: Money
    count: int
    valid_until: datetime
    made_by: str
    carrier_id: str | None = None
    kind: str = "trial"


@dataclass(frozen=True, slots=True)
class Printed:
    """One voucher as it is printed. The PIN is money, and is not shown when this is printed or logged."""

    serial: str
    pin: str

    def __repr__(self) -> str:
        return f"Printed(serial={self.serial!r})"


def end_of_day(day: date) -> datetime:
    """When a voucher ends that says `day`: when that day has ended everywhere, so that nobody's is cut short. Raises
    Invalid `day_unreadable` for the last day that there is, which no moment follows.
    """
    try:
        return datetime.combine(day, time(), UTC) + _ANYWHERE
    except OverflowError as error:
        raise Invalid("day_unreadable") from error


def last_day(valid_until: datetime) -> date:
    """The day that a voucher says which ends then."""
    return (valid_until - _ANYWHERE).astimezone(UTC).date()


async def make(
    connection: Connection,
    wanted: Wanted,
    now: datetime,
    *,
    keys: KeyRing,
    lanes: int,
    state: VoucherState = VoucherState.MADE,
) -> tuple[Batch, list[Printed]]:
    """A new batch that is not for sale, and its PINs, which are nowhere else: the database has their marks.

    Raises those of `check`; PinsCollided, and then the transaction must not commit.
    """
    check(wanted, now)
    batch_id = new_id("batch", 0)
    await _insert(connection, wanted, now, batch_id=batch_id, state=state)
    printed = await _drawn(connection, batch_id, wanted.count, keys=keys, lanes=lanes)
    return await batch_of(connection, batch_id), printed


async def approve(connection: Connection, wanted: Wanted, *, batch_id: str, approval_id: str, now: datetime) -> Batch:
    """A batch that two people agreed on, without PINs yet. Raises those of `check`."""
    check(wanted, now)
    await _insert(connection, wanted, now, batch_id=batch_id, state=VoucherState.APPROVED, approval_id=approval_id)
    return await batch_of(connection, batch_id)


async def draw(
    connection: Connection, *, batch_id: str, now: datetime, keys: KeyRing, lanes: int
) -> tuple[Batch, list[Printed]]:
    """The PINs of a batch that was approved, once; they are nowhere else.

    Raises voucher_batch_unknown, voucher_batch_stands, voucher_batch_over; PinsCollided as `make`.
    """
    batch = await _locked(connection, batch_id)
    if VOUCHER.permits(batch.state, VoucherState.MADE) and now >= batch.valid_until:
        raise Conflict("voucher_batch_over")
    made = await _advance(connection, batch, VoucherState.MADE, now)
    return made, await _drawn(connection, batch_id, batch.count, keys=keys, lanes=lanes)


async def _drawn(connection: Connection, batch_id: str, count: int, *, keys: KeyRing, lanes: int) -> list[Printed]:
    pins = {new_pin() for _ in range(count)}
    if len(pins) != count:
        raise PinsCollided
    printed = [Printed(serial_of(batch_id, number), pin) for number, pin in enumerate(pins, 1)]
    try:
        await _copy(connection, batch_id, printed, keys=keys, lanes=lanes)
    except UniqueViolation:
        # Not repeated as it is: the database's own words would hold the mark.
        raise PinsCollided from None
    return printed


async def _insert(
    connection: Connection,
    wanted: Wanted,
    now: datetime,
    *,
    batch_id: str,
    state: VoucherState,
    approval_id: str | None = None,
) -> None:
    await connection.execute(
        "INSERT INTO payments.voucher_batches (id, kind, face_minor, currency, count, carrier_id, valid_until, state,"
        " made_by, created_at, state_since, approval_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            batch_id,
            wanted.kind,
            wanted.face.amount_minor,
            wanted.face.currency,
            wanted.count,
            wanted.carrier_id,
            wanted.valid_until,
            state.value,
            wanted.made_by,
            now,
            now,
            approval_id,
        ),
    )


def check(wanted: Wanted, now: datetime) -> None:
    """Whether there can be such a batch; raises Invalid voucher_count, voucher_face, voucher_until."""
    if not 1 <= wanted.count <= MOST:
        raise Invalid("voucher_count", most=MOST)
    if wanted.face.amount_minor <= 0:
        raise Invalid("voucher_face")
    if not now < wanted.valid_until <= now + LONGEST_LIFE:
        raise Invalid("voucher_until", years=LONGEST_LIFE.days // 366)


async def _copy(
    connection: Connection, batch_id: str, printed: Sequence[Printed], *, keys: KeyRing, lanes: int
) -> None:
    sql = "COPY payments.vouchers (lane, mark, batch_id, serial) FROM STDIN (FORMAT BINARY)"
    for start in range(0, len(printed), _COPIED):
        async with connection.cursor() as cursor, cursor.copy(sql) as copy:
            copy.set_types(["int2", "bytea", "text", "text"])
            for voucher in printed[start : start + _COPIED]:
                mark = keys.marks(voucher.pin)[0]
                await copy.write_row((lane_of_mark(mark, lanes), mark, batch_id, voucher.serial))


def lane_of_mark(mark: bytes, lanes: int) -> int:
    """The lane a voucher lives in, which its mark decides."""
    return lane_for(mark.hex(), lanes)


async def exported(connection: Connection, *, batch_id: str, now: datetime) -> Batch:
    """The batch's PINs are in a file for whoever prints them. Raises voucher_batch_unknown, voucher_batch_stands."""
    batch = await _locked(connection, batch_id)
    return await _advance(connection, batch, VoucherState.EXPORTED, now)


async def activate(connection: Connection, *, batch_id: str, now: datetime) -> Batch:
    """The batch pays from now on, and we owe its faces; one that is active already stays as it is.

    Raises voucher_batch_unknown, voucher_batch_stands, voucher_batch_over.
    """
    batch = await _locked(connection, batch_id)
    if batch.state is VoucherState.ACTIVATED:
        return batch
    if VOUCHER.permits(batch.state, VoucherState.ACTIVATED) and now >= batch.valid_until:
        raise Conflict("voucher_batch_over")
    done = await _advance(connection, batch, VoucherState.ACTIVATED, now)
    await _post(
        connection,
        [
            postings.activated(batch.id, lane, batch.face.currency, count * batch.face.amount_minor)
            for lane, count in await _unactivated(connection, batch.id)
        ],
        now,
    )
    return done


async def activate_one(connection: Connection, *, serial: str, now: datetime) -> Batch:
    """Let one voucher pay that is handed over for money, of a batch that is not activated as a whole; gives its batch.

    Raises voucher_unknown, voucher_stands (it pays already by itself, redeemed, blocked, over, or not yet exported).
    """
    found = await voucher(connection, serial)
    batch = await _locked(connection, found.batch.id)
    cursor = await connection.execute(
        "SELECT lane, mark, state FROM payments.vouchers WHERE serial = %s FOR UPDATE", (serial,)
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("voucher_unknown")
    lane, mark, own = row
    if own is None and batch.state is VoucherState.ACTIVATED and now < batch.valid_until:
        return batch
    state = VoucherState(own or batch.state)
    if own is not None or now >= batch.valid_until or not VOUCHER.permits(state, VoucherState.ACTIVATED):
        raise Conflict("voucher_stands", status=state.value)
    await connection.execute(
        "UPDATE payments.vouchers SET state = 'activated', state_since = %s WHERE lane = %s AND mark = %s",
        (now, lane, mark),
    )
    await connection.execute("UPDATE payments.voucher_batches SET sold = sold + 1 WHERE id = %s", (batch.id,))
    amount = batch.face.amount_minor
    await _post(connection, [postings.activated_one(serial, lane, batch.face.currency, amount, batch.id)], now)
    return batch


async def locked_lane(connection: Connection, serial: str) -> int:
    """The lane of a voucher, whose batch is ours alone from now on. Raises voucher_unknown."""
    cursor = await connection.execute("SELECT lane, batch_id FROM payments.vouchers WHERE serial = %s", (serial,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("voucher_unknown")
    await _locked(connection, row[1])
    return int(row[0])


async def block(connection: Connection, *, batch_id: str, now: datetime) -> Batch:
    """Nothing of the batch pays any more; what was paid with it before stands. One that is blocked stays as it is.

    Raises voucher_batch_unknown, voucher_batch_stands.
    """
    batch = await _locked(connection, batch_id)
    return batch if batch.state is VoucherState.BLOCKED else await _end(connection, batch, VoucherState.BLOCKED, now)


async def block_one(connection: Connection, *, serial: str, now: datetime) -> VoucherState:
    """One voucher pays nothing any more; gives its state, also where it was blocked before.

    Raises voucher_unknown, voucher_stands (redeemed, expired).
    """
    cursor = await connection.execute(
        "SELECT v.lane, v.mark, b.id, b.face_minor, b.currency, coalesce(v.state, b.state)"
        " FROM payments.vouchers v JOIN payments.voucher_batches b ON b.id = v.batch_id"
        " WHERE v.serial = %s FOR UPDATE OF v FOR SHARE OF b",
        (serial,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("voucher_unknown")
    lane, mark, batch_id, face_minor, currency, text = row
    state = VoucherState(text)
    if state is VoucherState.BLOCKED:
        return state
    if not VOUCHER.permits(state, VoucherState.BLOCKED):
        raise Conflict("voucher_stands", status=state.value)
    await connection.execute(
        "UPDATE payments.vouchers SET state = 'blocked', state_since = %s WHERE lane = %s AND mark = %s",
        (now, lane, mark),
    )
    if state is VoucherState.ACTIVATED:
        await _post(connection, [postings.blocked(serial, lane, currency, face_minor, batch_id)], now)
    return VoucherState.BLOCKED


async def expire(connection: Connection, limit: int, now: datetime) -> int:
    """End up to `limit` batches whose time has come; how many."""
    cursor = await connection.execute(
        "SELECT id FROM payments.voucher_batches WHERE valid_until <= %s"
        " AND state IN ('approved', 'made', 'exported', 'activated') ORDER BY valid_until, id LIMIT %s"
        " FOR UPDATE SKIP LOCKED",
        (now, limit),
    )
    due = [identifier for (identifier,) in await cursor.fetchall()]
    ended: list[Transfer] = []
    for identifier in due:
        ended += await _ended(connection, await _locked(connection, identifier), VoucherState.EXPIRED, now)
    await _post(connection, ended, now)
    return len(due)


async def _end(connection: Connection, batch: Batch, state: VoucherState, now: datetime) -> Batch:
    items = await _ended(connection, batch, state, now)
    await _post(connection, items, now)
    return await batch_of(connection, batch.id)


async def _ended(connection: Connection, batch: Batch, state: VoucherState, now: datetime) -> list[Transfer]:
    """Move a batch to its end, and give what is to be posted: only what was sold is owed."""
    was_sold = batch.state is VoucherState.ACTIVATED
    await _advance(connection, batch, state, now)
    if not was_sold and not batch.sold:
        return []
    is_expired = state is VoucherState.EXPIRED
    owed = await _unused(connection, batch.id, all_of_it=was_sold)
    # Those that were sold one by one end with the others.
    await connection.execute(
        "UPDATE payments.vouchers SET state = NULL, state_since = NULL WHERE batch_id = %s AND state = 'activated'",
        (batch.id,),
    )
    return [
        postings.ended(batch.id, lane, batch.face.currency, count * batch.face.amount_minor, expired=is_expired)
        for lane, count in owed
    ]


async def _advance(connection: Connection, batch: Batch, state: VoucherState, now: datetime) -> Batch:
    if not VOUCHER.permits(batch.state, state):
        raise Conflict("voucher_batch_stands", status=batch.state.value)
    await connection.execute(
        "UPDATE payments.voucher_batches SET state = %s, state_since = %s WHERE id = %s", (state.value, now, batch.id)
    )
    return await batch_of(connection, batch.id)


async def _locked(connection: Connection, batch_id: str) -> Batch:
    """Alone with the batch: whoever redeems one of it holds a share of this lock."""
    await connection.execute("SELECT 1 FROM payments.voucher_batches WHERE id = %s FOR UPDATE", (batch_id,))
    return await batch_of(connection, batch_id)


async def _unactivated(connection: Connection, batch_id: str) -> list[tuple[int, int]]:
    """How many vouchers of a batch stand as their batch does, by lane."""
    cursor = await connection.execute(
        "SELECT lane, count(*) FROM payments.vouchers WHERE batch_id = %s AND state IS NULL GROUP BY 1 ORDER BY 1",
        (batch_id,),
    )
    return [(lane, count) for lane, count in await cursor.fetchall()]


async def _unused(connection: Connection, batch_id: str, *, all_of_it: bool) -> list[tuple[int, int]]:
    """How many vouchers of a batch are owed to whoever holds them, by lane: those that were activated one by one, and
    where all of it was those that stand as it does.
    """
    cursor = await connection.execute(
        "SELECT lane, count(*) FROM payments.vouchers WHERE batch_id = %s"
        " AND (state = 'activated' OR (%s AND state IS NULL)) GROUP BY 1 ORDER BY 1",
        (batch_id, all_of_it),
    )
    return [(lane, count) for lane, count in await cursor.fetchall()]


async def _post(connection: Connection, items: Sequence[Transfer], now: datetime) -> None:
    for answer in await post(connection, items, now):
        if isinstance(answer, PostingRefused):
            raise LedgerRefused(answer.code)
