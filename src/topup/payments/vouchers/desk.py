"""What is done with vouchers at a desk: batches made for the printer, sold (whole or card by card), blocked. Each is
one transaction, and in the audit trail.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from topup.kernel.errors import Conflict
from topup.payments.cash import drawer, records
from topup.payments.cash.drawer import CARD, Movement
from topup.payments.vouchers import operations
from topup.payments.vouchers.operations import PinsCollided, Printed
from topup.payments.vouchers.queries import Batch, batch_of, voucher
from topup.payments.vouchers.states import VoucherState
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing
from topup.shops.stock import operations as stock
from topup.shops.stock.movements import sold
from topup.work import trail

_DRAWS: Final = 3
"""Times that PINs are drawn anew because one of them was there already."""

_BEFORE_MAKING = crash_label("voucher.make.before_commit")
_AFTER_MAKING = crash_label("voucher.make.after_commit")
_BEFORE_ACTIVATION = crash_label("voucher.activate.before_commit")
_AFTER_ACTIVATION = crash_label("voucher.activate.after_commit")
_BEFORE_HAND_OVER = crash_label("voucher.hand_over.before_commit")
_AFTER_HAND_OVER = crash_label("voucher.hand_over.after_commit")
_BEFORE_BLOCK = crash_label("voucher.block.before_commit")
_AFTER_BLOCK = crash_label("voucher.block.after_commit")
_BEFORE_ONE = crash_label("voucher.block_one.before_commit")
_AFTER_ONE = crash_label("voucher.block_one.after_commit")


class VoucherDesk:
    """The vouchers of this installation, for those who make and sell them."""

    def __init__(self, *, database: Database, keys: KeyRing, lanes: int) -> None:
        self._database = database
        self._keys = keys
        self._lanes = lanes

    async def make(self, keep: Callable[[Batch, Sequence[Printed]], None], *, batch_id: str, by: str) -> Batch:
        """A batch that was approved, made and exported. `keep`, called once and in a thread, writes its PINs where they
        stay, before they are there: so there are none that nobody has. Where the process dies before the commit, what
        was written is worth nothing, and the batch can still be made.

        Raises those of `operations.draw`, and whatever `keep` raises.
        """
        for draw in range(1, _DRAWS + 1):
            try:
                async with self._database.transaction() as transaction:
                    connection, now = transaction.connection, transaction.now
                    batch, printed = await operations.draw(
                        connection, batch_id=batch_id, now=now, keys=self._keys, lanes=self._lanes
                    )
                    await asyncio.to_thread(keep, batch, printed)
                    batch = await operations.exported(connection, batch_id=batch.id, now=now)
                    await _note(connection, "voucher.made", batch, by, now, before=VoucherState.APPROVED)
                    crash_point(_BEFORE_MAKING)
                crash_point(_AFTER_MAKING)
            except PinsCollided:
                if draw == _DRAWS:
                    raise
            else:
                return batch
        raise AssertionError("the last draw returns or raises")

    async def activate(self, *, batch_id: str, by: str) -> Batch:
        """Let a batch pay. Raises those of `operations.activate`."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            batch = await operations.activate(connection, batch_id=batch_id, now=now)
            await _note(connection, "voucher.activated", batch, by, now, before=VoucherState.EXPORTED)
            crash_point(_BEFORE_ACTIVATION)
        crash_point(_AFTER_ACTIVATION)
        return batch

    async def hand_over(self, *, serial: str, shop: str, sku: str, by: str, key: str, till: str | None = None) -> Batch:
        """Sell one card over a counter: it leaves the shop's stock, pays from now on, and its face is in the drawer of
        `till` (None: whoever sells owes it to us); all of it or nothing. The same again under its key changes nothing.
        `sku` is what the shop calls such cards.

        Raises those of `operations.activate_one`, of `shops.stock.operations.move` and of `payments.cash.drawer.move`.
        """
        movement = sold(key, sku, shop, 1, by=by, reference=serial)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            moved = await stock.move(connection, movement, now, lanes=self._lanes)
            batch = (await voucher(connection, serial)).batch
            if moved.is_new:
                paid = Movement(f"card:{serial}", CARD, batch.face, serial, by)
                first = till is not None and await _drawer_comes_first(connection, serial, till)
                if till is not None and first:
                    await drawer.move(connection, till=till, movement=paid, now=now)
                await operations.activate_one(connection, serial=serial, now=now)
                if till is not None and not first:
                    await drawer.move(connection, till=till, movement=paid, now=now)
                facts = {
                    "shop": shop,
                    "sku": sku,
                    "amount_minor": batch.face.amount_minor,
                    "currency": batch.face.currency,
                    "movement": moved.id,
                    **trail.change({"state": batch.state.value}, {"state": VoucherState.ACTIVATED.value}),
                }
                await trail.write(
                    connection, actor=by, action="voucher.handed_over", subject=serial, facts=facts, now=now
                )
            crash_point(_BEFORE_HAND_OVER)
        crash_point(_AFTER_HAND_OVER)
        return batch

    async def block(self, *, batch_id: str, by: str) -> Batch:
        """Block a batch, for ever. Raises those of `operations.block`."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            before = (await batch_of(connection, batch_id)).state
            batch = await operations.block(connection, batch_id=batch_id, now=now)
            await _note(connection, "voucher.blocked", batch, by, now, before=before)
            crash_point(_BEFORE_BLOCK)
        crash_point(_AFTER_BLOCK)
        return batch

    async def block_one(self, *, serial: str, by: str) -> VoucherState:
        """Block one voucher, for ever. Raises those of `operations.block_one`."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            before = (await voucher(connection, serial)).state
            state = await operations.block_one(connection, serial=serial, now=now)
            if (await voucher(connection, serial)).state_since == now:
                facts = trail.change({"state": before.value}, {"state": state.value})
                await trail.write(
                    connection, actor=by, action="voucher.one_blocked", subject=serial, facts=facts, now=now
                )
            crash_point(_BEFORE_ONE)
        crash_point(_AFTER_ONE)
        return state


async def _drawer_comes_first(connection: Connection, serial: str, till: str) -> bool:
    """Whether the drawer's lane is before the card's: the heads of lanes are locked in order, as whoever posts to many
    does. The rows of both are locked here, in one order whichever it is. Raises Conflict till_not_open.
    """
    session = await records.open_session(connection, till, lock="UPDATE")
    if session is None:
        raise Conflict("till_not_open", till=till)
    return session.lane < await operations.locked_lane(connection, serial)


async def _note(
    connection: Connection, action: str, batch: Batch, by: str, now: datetime, *, before: VoucherState
) -> None:
    """Write it into the trail, unless it stood so already: an order that is repeated changes nothing."""
    if batch.state_since != now:
        return
    facts = {
        "count": batch.count,
        "amount_minor": batch.face.amount_minor,
        "currency": batch.face.currency,
        **trail.change({"state": before.value}, {"state": batch.state.value}),
    }
    await trail.write(connection, actor=by, action=action, subject=batch.id, facts=facts, now=now)
