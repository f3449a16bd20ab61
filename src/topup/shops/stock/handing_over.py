"""Gifts that leave us: handed over at a counter, or sent; and what comes back of them when the money went back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import lane_of
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.shops.stock import gifts, operations
from topup.shops.stock.gift_states import KEPT_BACK, GiftState
from topup.shops.stock.gifts import Gift, GiftKey
from topup.shops.stock.movements import given, returned
from topup.shops.stock.queries import level
from topup.work import trail
from topup.work.operations import Decision, list_for_person

NOT_RETURNED: Final = "gift_not_returned"
"""The kind of what a person hears of: the money went back, and the customer has the gift."""
_BEFORE = crash_label("gifts.decide.before_commit")
_AFTER = crash_label("gifts.decide.after_commit")


@dataclass(frozen=True, slots=True)
class _Deciding:
    """A gift that is locked, and how it and the pieces of the shop stood before."""

    connection: Connection
    now: datetime
    gift: Gift
    place: str
    by: str
    before: dict[str, object]

    async def becomes(self, state: GiftState, action: str) -> None:
        """Write it down, and in the trail."""
        await gifts.moved(self.connection, self.gift, state, self.now)
        key = self.gift.key
        after = await _standing(self.connection, replace(self.gift, state=state), self.place)
        facts = {"sku": key.sku, "shop": self.place, "quantity": self.gift.quantity, **trail.change(self.before, after)}
        await trail.write(
            self.connection, actor=self.by, action=action, subject=key.order_id, facts=facts, now=self.now
        )


class HandingOver:
    """What is done about gifts at the counters of this installation. `lanes`: of the installation."""

    def __init__(self, *, database: Database, lanes: int) -> None:
        self._database = database
        self._lanes = lanes

    async def hand_over(self, key: GiftKey, *, place: str, by: str) -> None:
        """The customer has it: it leaves the stock of this shop. Again, it changes nothing. The caller knows that the
        order was delivered. Raises NotFound `gift_unknown`; Conflict `gift_is_sent`, `gift_elsewhere`, `gift_not_open`,
        `stock_short`.
        """
        async with self._deciding(key, place, by) as it:
            if it.gift.state is GiftState.HANDED_OVER:
                return
            if it.gift.is_sent:
                raise Conflict("gift_is_sent")
            if it.gift.place != place:
                raise Conflict("gift_elsewhere")
            if it.gift.state not in KEPT_BACK or it.now >= it.gift.until:
                raise Conflict("gift_not_open")
            name = f"gift:{key.order_id}:{key.sku}"
            movement = given(name, key.sku, place, it.gift.quantity, by=by, reference=key.order_id)
            await operations.move(it.connection, movement, it.now, lanes=self._lanes, from_held=True)
            await it.becomes(GiftState.HANDED_OVER, "stock.gift_handed_over")

    async def take_back(self, key: GiftKey, *, place: str, by: str) -> None:
        """The customer brought it to this shop: it is in its stock now. Again, it changes nothing. Raises NotFound
        `gift_unknown`, Conflict `gift_not_asked_back`.
        """
        async with self._deciding(key, place, by) as it:
            if it.gift.state is GiftState.RETURNED:
                return
            _check_asked_back(it.gift)
            name = f"gift-back:{key.order_id}:{key.sku}"
            movement = returned(name, key.sku, place, it.gift.quantity, by=by, reference=key.order_id)
            await operations.move(it.connection, movement, it.now, lanes=self._lanes)
            await it.becomes(GiftState.RETURNED, "stock.gift_returned")

    async def leave(self, key: GiftKey, *, place: str, by: str) -> None:
        """The customer keeps it, as they say in this shop: a person decides about what it is worth. Again, it changes
        nothing. Raises as `take_back`.
        """
        async with self._deciding(key, place, by) as it:
            gift = it.gift
            if gift.state is GiftState.KEPT:
                return
            _check_asked_back(gift)
            evidence = {
                "order": key.order_id,
                "shop": gift.place,
                "sku": key.sku,
                "quantity": gift.quantity,
                "worth_minor": gift.worth_minor,
                "currency": gift.currency,
            }
            lane, subject = lane_of(key.order_id), f"{key.order_id}:{key.sku}"
            await list_for_person(it.connection, [Decision(lane, NOT_RETURNED, subject, evidence)], it.now)
            await it.becomes(GiftState.KEPT, "stock.gift_kept")

    @asynccontextmanager
    async def _deciding(self, key: GiftKey, place: str, by: str) -> AsyncIterator[_Deciding]:
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            yield await _begin(connection, key, place=place, by=by, now=transaction.now)
            crash_point(_BEFORE)
        crash_point(_AFTER)


async def send(
    connection: Connection, key: GiftKey, *, by: str, tracking: str, now: datetime, lanes: int
) -> Gift | None:
    """It left for its address, out of the stock of its place, in the caller's transaction; the caller knows that the
    order was delivered. The gift, or None where it had left before. Raises NotFound `gift_unknown`; Conflict
    `gift_not_sent`, `gift_not_open`, `gift_without_address`, `stock_short`.
    """
    it = await _begin(connection, key, place=None, by=by, now=now)
    gift = it.gift
    if not gift.is_sent:
        raise Conflict("gift_not_sent")
    if gift.state is GiftState.HANDED_OVER:
        return None
    if gift.state not in KEPT_BACK:
        raise Conflict("gift_not_open")
    if gift.addressed_at is None:
        raise Conflict("gift_without_address")
    name = f"gift:{key.order_id}:{key.sku}"
    movement = given(name, key.sku, gift.place, gift.quantity, by=by, reference=key.order_id)
    await operations.move(connection, movement, now, lanes=lanes, from_held=True)
    sent = replace(gift, tracking=tracking)
    await replace(it, gift=sent).becomes(GiftState.HANDED_OVER, "stock.gift_sent")
    return sent


async def _begin(connection: Connection, key: GiftKey, *, place: str | None, by: str, now: datetime) -> _Deciding:
    """Lock it, and see how it stands; without a place, at its own."""
    gift = await gifts.locked(connection, key)
    if gift is None:
        raise NotFound("gift_unknown")
    at = place or gift.place
    return _Deciding(connection, now, gift, at, by, await _standing(connection, gift, at))


def _check_asked_back(gift: Gift) -> None:
    if gift.state is not GiftState.ASKED_BACK:
        raise Conflict("gift_not_asked_back")


async def _standing(connection: Connection, gift: Gift, place: str) -> dict[str, object]:
    """What became of the gift, and how many pieces the shop has; of one that was sent, what the courier calls it."""
    said: dict[str, object] = {"state": gift.state.value, "left": await level(connection, place, gift.key.sku)}
    return said | ({"tracking": gift.tracking} if gift.tracking else {})
