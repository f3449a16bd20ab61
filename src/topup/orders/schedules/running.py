"""Carrying out what schedules wrote down: a price, an order, a payment with nobody there, and what became of it.

Every step is under an id that was written down before it, so that whoever takes a run up again repeats the same step:
an attempt has one order and one payment, whatever dies. Another attempt begins only when nobody can pay the last any
more; what is unknown is waited for.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Conflict, NotFound, Problem, Throttled, Unavailable
from topup.kernel.ids import OrderId, PaymentId
from topup.orders.desk import Desk
from topup.orders.paying import Presented
from topup.orders.schedules import keeping, records, runs
from topup.orders.schedules.looking import Looking, Stop
from topup.orders.schedules.records import Schedule
from topup.orders.schedules.rules import AFTER_DECLINE, Trigger
from topup.orders.schedules.runs import RunRow
from topup.orders.schedules.states import RunState, ScheduleState
from topup.orders.schedules.telling import tell_declined
from topup.orders.views import OrderView, PaymentView
from topup.payments.instruments import records as instruments
from topup.payments.instruments.records import Kept
from topup.payments.ports import Decline, Scene
from topup.payments.states import PaymentState
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database, Transaction
from topup.platform.keys import KeyRing

CHANNEL: Final = "automatic"
NOT_ANSWERED: Final = "not_answered"
"""Why an attempt came to nothing whose payment nobody answered for."""
PRICE_ROSE: Final = "price_rose"
"""Why nothing was bought where the fee became higher than when it was decided."""
KEPT: Final = "kept"
"""Why nothing is bought for a number that something else has kept meanwhile."""
FINAL: Final = frozenset(
    {Decline.EXPIRED, Decline.DETAILS, Decline.UNSUPPORTED, Decline.AUTHENTICATION, Decline.METHOD}
)
"""Declines that another attempt with the same card would only repeat."""
_ASK_AGAIN: Final = timedelta(seconds=20)
_AFTER_TROUBLE: Final = timedelta(minutes=1)
_SAME_AGAIN: Final = timedelta(minutes=10)
"""How soon it is tried again after somebody topped the number up by the same amount just now."""
_PATIENCE: Final = timedelta(days=2)
"""How long after it was seen a run is given up that never came to a payment."""
AT_ONCE: Final = 8

_BEFORE_TAKING: Final = crash_label("schedules.take.before_commit")
_AFTER_TAKING: Final = crash_label("schedules.take.after_commit")
_BEFORE_PRICING: Final = crash_label("schedules.price.before_commit")
_AFTER_PRICING: Final = crash_label("schedules.price.after_commit")
_BEFORE_WRITING: Final = crash_label("schedules.result.before_commit")
_AFTER_WRITING: Final = crash_label("schedules.result.after_commit")

_log: Final = structlog.get_logger(__name__)


class Runner:
    """Carries runs out; any number of processes may."""

    def __init__(
        self, *, database: Database, desk: Desk, keys: KeyRing, looking: Looking, catalogue: CatalogueCache
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._desk = desk
        self._keys = keys
        self._looking = looking
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def run_due(self, limit: int) -> int:
        """Go a step further with up to `limit` runs; how many."""
        async with self._database.transaction() as transaction:
            taken = await runs.take(transaction.connection, limit, transaction.now)
            if taken:
                crash_point(_BEFORE_TAKING)
        if taken:
            crash_point(_AFTER_TAKING)
        await asyncio.gather(*(self._one(run) for run in taken))
        return len(taken)

    async def _one(self, run: RunRow) -> None:
        async with self._at_once:
            try:
                await self._step(run)
            except Problem as trouble:
                # The step is taken up again when the lease is over, under the same ids.
                _log.warning("schedule_run_put_off", code=trouble.code)

    async def _step(self, run: RunRow) -> None:
        whose, kept, now = await self._agreed(run)
        if whose is None:
            return
        order = await self._order(run)
        if order is None:
            if whose.state is not ScheduleState.ACTIVE:
                await self._end(run, whose, RunState.SKIPPED, whose.reason or whose.state.value)
                return
            if kept is None:
                await self._give_up(run, whose, Stop.CARD_REMOVED)
                return
            if not await self._is_needed(run, whose):
                await self._end(run, whose, RunState.SKIPPED, KEPT)
                return
            order = await self._made(run, whose, kept, now)
        if order is not None:
            await self._follow(run, whose, order)

    async def _agreed(self, run: RunRow) -> tuple[Schedule | None, Kept | None, datetime]:
        """What its owner agrees to at this moment: the schedule, and the card it is paid by (None: removed)."""
        async with self._database.read() as transaction:
            whose = await records.schedule(transaction.connection, run.schedule_id)
            kept = await self._card(transaction, whose) if whose else None
            return whose, kept, transaction.now

    async def _is_needed(self, run: RunRow, whose: Schedule) -> bool:
        """Whether what it is for is still to be done: of a number, whether nothing else has kept it meanwhile."""
        if whose.agreement.trigger is not Trigger.KEEP:
            return True
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            snapshot = await self._catalogue.current(connection)
            return await keeping.is_needed(connection, whose, run.cause, snapshot, now)

    async def _card(self, transaction: Transaction, whose: Schedule) -> Kept | None:
        try:
            return await instruments.instrument(
                transaction.connection, subscriber_id=whose.subscriber_id, instrument_id=whose.instrument_id
            )
        except NotFound:
            return None

    async def _order(self, run: RunRow) -> OrderView | None:
        """The order of this attempt, where it was made."""
        try:
            return await self._desk.get_order(order_id=str(run.order_id))
        except NotFound:
            return None

    async def _made(self, run: RunRow, whose: Schedule, kept: Kept, now: datetime) -> OrderView | None:
        """Make it; None where it cannot be now, or ever, which is written down."""
        try:
            quote_id = run.quote_id or await self._priced(run, whose, kept)
            if quote_id is None:
                return None
            return await self._desk.order(
                order_id=OrderId(str(run.order_id)),
                quote_id=quote_id,
                contact=None,
                confirmations=frozenset({"large_amount"}),
                locale=whose.locale,
                channel=CHANNEL,
                payer=whose.subscriber_id,
                payer_id=whose.subscriber_id,
            )
        except Throttled:
            await self._look_later(run, _AFTER_TROUBLE)
        except Conflict as refused:
            if refused.code in ("quote_expired", "quote_used", "offer_gone"):
                await self._without_price(run, whose)
            elif refused.code == "confirmation_needed" and now - (run.tried_at or run.at) < _PATIENCE:
                await self._look_later(run, _SAME_AGAIN)
            else:
                await self._end(run, whose, RunState.FAILED, refused.code)
        except Unavailable:
            raise
        except Problem as refused:
            await self._end(run, whose, RunState.FAILED, refused.code)
        return None

    async def _priced(self, run: RunRow, whose: Schedule, kept: Kept) -> str | None:
        quote = await self._desk.quote(
            number=whose.msisdn.e164,
            product=None,
            amount=run.amount(whose.currency),
            payment_method=kept.method,
            channel=CHANNEL,
            payer_id=whose.subscriber_id,
        )
        if quote.total.amount_minor > run.cost_minor:
            # The fee rose since it was decided: nobody agreed to that much. The next cause is judged by the new price.
            await self._end(run, whose, RunState.SKIPPED, PRICE_ROSE)
            return None
        async with self._database.transaction() as transaction:
            found = await runs.priced(transaction.connection, run, quote.id)
            crash_point(_BEFORE_PRICING)
        crash_point(_AFTER_PRICING)
        return found

    async def _follow(self, run: RunRow, whose: Schedule, order: OrderView) -> None:
        """What became of the order: pay it, wait, or write down how it ended."""
        paying = next((one for one in order.payments if one.id == run.payment_id), None)
        if order.status == "awaiting_payment" and (paying is None or paying.status == PaymentState.STARTING):
            # Looked at once more, so late as can be: who has stopped it, or removed the card, is charged no more.
            agreed, kept, _ = await self._agreed(run)
            is_on = agreed is not None and agreed.state is ScheduleState.ACTIVE and await self._is_needed(run, whose)
            if kept is None or not is_on:
                await self._call_off(order)
            elif not await self._pay(run, order, kept):
                return
        elif order.status == "awaiting_payment" and paying is not None and paying.status == PaymentState.DECLINED:
            await self._call_off(order)
        order = await self._desk.get_order(order_id=order.id)
        if order.status != "awaiting_payment" and not order.ended_unpaid:
            await self._end(run, whose, RunState.DONE, "")
        elif order.comes_to_nothing and order.final:
            await self._nobody_paid(run, whose, _reason(order.payments, run))
        else:
            await self._look_later(run, _ASK_AGAIN)

    async def _pay(self, run: RunRow, order: OrderView, kept: Kept) -> bool:
        """Have the card charged; whether there is something to follow. The same payment again is the same charge."""
        presented = Presented(instrument=instruments.token_of(kept, self._keys))
        try:
            await self._desk.pay(
                payment_id=PaymentId(str(run.payment_id)),
                order_id=order.id,
                method=kept.method,
                locale=order.locale,
                scene=Scene.UNATTENDED,
                presented=presented,
            )
        except Unavailable:
            await self._look_later(run, _AFTER_TROUBLE)
            return False
        except Problem as refused:
            _log.warning("schedule_not_payable", code=refused.code)
            await self._call_off(order)
        return True

    async def _call_off(self, order: OrderView) -> None:
        try:
            await self._desk.cancel(order_id=order.id)
        except Conflict:
            # It was paid, or ended, in this moment: it is looked at again.
            _log.info("schedule_order_moved_on")

    async def _nobody_paid(self, run: RunRow, whose: Schedule, reason: str) -> None:
        """Nothing came and nothing can come: another attempt, if there may be one."""
        agreed, kept, _ = await self._agreed(run)
        if agreed is None or agreed.state is not ScheduleState.ACTIVE:
            why = (agreed.reason or agreed.state.value) if agreed else ScheduleState.ENDED.value
            await self._end(run, whose, RunState.SKIPPED, why)
            return
        if not await self._is_needed(run, whose):
            await self._end(run, whose, RunState.SKIPPED, KEPT)
            return
        if kept is None:
            await self._give_up(run, whose, Stop.CARD_REMOVED)
            return
        last = run.attempt > len(AFTER_DECLINE)
        if last or reason in FINAL:
            await self._give_up(run, whose, Stop.DECLINED, reason)
            return
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            at = now + AFTER_DECLINE[run.attempt - 1]
            if await runs.again(connection, run, reason=reason, at=at):
                await tell_declined(connection, self._keys, whose, again=at, now=now)
            crash_point(_BEFORE_WRITING)
        crash_point(_AFTER_WRITING)

    async def _give_up(self, run: RunRow, whose: Schedule, why: Stop, reason: str = "") -> None:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            if await runs.end(connection, run, state=RunState.FAILED, reason=reason or why.value, now=now):
                await self._looking.stop(connection, whose, why, now)
            crash_point(_BEFORE_WRITING)
        crash_point(_AFTER_WRITING)

    async def _end(self, run: RunRow, whose: Schedule, state: RunState, reason: str) -> None:
        if state is RunState.FAILED:
            await self._give_up(run, whose, Stop.NOT_POSSIBLE, reason)
            return
        async with self._database.transaction() as transaction:
            await runs.end(transaction.connection, run, state=state, reason=reason, now=transaction.now)
            crash_point(_BEFORE_WRITING)
        crash_point(_AFTER_WRITING)

    async def _without_price(self, run: RunRow, whose: Schedule) -> None:
        if run.quote_id is not None:
            # Whoever was cut off after holding its offers left them held for this order.
            await self._desk.promising.let_go_of_price(
                order_id=str(run.order_id), quote_id=run.quote_id, payer_id=whose.subscriber_id
            )
        async with self._database.transaction() as transaction:
            await runs.unpriced(transaction.connection, run)
            await runs.later(transaction.connection, run, transaction.now)
            crash_point(_BEFORE_WRITING)
        crash_point(_AFTER_WRITING)

    async def _look_later(self, run: RunRow, after: timedelta) -> None:
        async with self._database.transaction() as transaction:
            await runs.later(transaction.connection, run, transaction.now + after)
            crash_point(_BEFORE_WRITING)
        crash_point(_AFTER_WRITING)


def _reason(payments: tuple[PaymentView, ...], run: RunRow) -> str:
    paying = next((one for one in payments if one.id == run.payment_id), None)
    return paying.reason if paying is not None and paying.reason else NOT_ANSWERED
