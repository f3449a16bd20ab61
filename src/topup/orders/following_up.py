"""What staff do about an order that moves nothing by itself: have everybody outside asked at once, give it to a person.

Neither can pay, credit or send anything twice: who is asked says how what was sent before has ended.
"""

from typing import Final

from topup.fulfilment import operations as deliveries
from topup.kernel.errors import Forbidden, NotFound
from topup.orders import queries
from topup.orders.queries import place_of
from topup.payments import operations as payments
from topup.people.permissions import Permission
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.work import trail
from topup.work.approvals import Actor, checked_reason
from topup.work.operations import Decision, list_anew

HANDED_OVER: Final = "handed_over"
"""The kind of item that somebody put on the work list."""

_BEFORE_ASKING = crash_label("following_up.ask.before_commit")
_AFTER_ASKING = crash_label("following_up.ask.after_commit")
_BEFORE_NOTE = crash_label("following_up.replay.before_commit")
_AFTER_NOTE = crash_label("following_up.replay.after_commit")
_BEFORE_HANDING = crash_label("following_up.hand_over.before_commit")
_AFTER_HANDING = crash_label("following_up.hand_over.after_commit")


class FollowingUp:
    """For staff who may decide what is on the work list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask_again(self, actor: Actor, order_id: str) -> int:
        """Have everybody asked at once who has not said how their part of an order ended; how many are.

        Raises Forbidden `not_permitted`, NotFound `order_unknown`.
        """
        _check(actor)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            place = await _held(connection, order_id)
            asked = await payments.ask_at_once(connection, [place], now)
            asked += await deliveries.ask_at_once(connection, [place], now)
            facts = {"asked": asked, **trail.change(None, {"asked": asked} if asked else None)}
            await trail.write(connection, actor=actor.id, action="order.asked", subject=order_id, facts=facts, now=now)
            crash_point(_BEFORE_ASKING)
        crash_point(_AFTER_ASKING)
        return asked

    async def hand_over(self, actor: Actor, order_id: str, *, reason: str) -> None:
        """Put an order on the work list, for whoever can do more, with the reason; once more, where it was there.

        Raises Forbidden `not_permitted`, NotFound `order_unknown`, Invalid `approval_reason_missing`,
        `approval_reason_too_long`.
        """
        _check(actor)
        why = checked_reason(reason)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            lane, _ = await _held(connection, order_id)
            decision = Decision(lane, HANDED_OVER, order_id, {"order": order_id, "handed_by": actor.id, "reason": why})
            await list_anew(connection, [decision], now)
            facts = {"reason": why, **trail.change(None, {"listed": HANDED_OVER})}
            await trail.write(
                connection, actor=actor.id, action="order.handed_over", subject=order_id, facts=facts, now=now
            )
            crash_point(_BEFORE_HANDING)
        crash_point(_AFTER_HANDING)

    async def note_replay(self, actor: Actor, order_id: str, *, event: str) -> None:
        """Write down that somebody has a stored event told once more. Raises Forbidden `not_permitted`."""
        _check(actor)
        async with self._database.transaction() as transaction:
            await trail.write(
                transaction.connection,
                actor=actor.id,
                action="order.event_replayed",
                subject=order_id,
                facts={"event": event, **trail.change(None, {"event": event})},
                now=transaction.now,
            )
            crash_point(_BEFORE_NOTE)
        crash_point(_AFTER_NOTE)


def _check(actor: Actor) -> None:
    if not actor.may(Permission.DECIDE_WORK):
        raise Forbidden("not_permitted", permission=Permission.DECIDE_WORK.value)


async def _held(connection: Connection, order_id: str) -> tuple[int, str]:
    place = place_of("order", order_id)
    if order_id not in await queries.locked(connection, [place]):
        raise NotFound("order_unknown")
    return place
