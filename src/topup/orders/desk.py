"""The desk where top-ups are made: what every channel calls, whatever it looks like.

Requests that come together go to the database together (`platform.batching`); calls to the outside happen between
transactions. Everything here may be called by anybody who holds the id it takes: the channel has checked who that is.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final, Self

from topup.fulfilment.queries import Attempt
from topup.kernel.errors import NotFound, Problem
from topup.kernel.ids import OrderId, lane_of
from topup.kernel.msisdn import parse_msisdn
from topup.lines.queries import route
from topup.orders import paying, receipts
from topup.orders.agents.desk import Agents
from topup.orders.asking_disputes import AskingDisputes
from topup.orders.bills import Bills
from topup.orders.calling_off import CallingOff
from topup.orders.cash_desk import CashDesk
from topup.orders.completion import LineIsFull
from topup.orders.concluding import Concluding, Heard
from topup.orders.deciding import Deciding
from topup.orders.disputing import DisputeHeard, Disputing
from topup.orders.elsewhere import Elsewhere
from topup.orders.links import Link, Links, LinkWanted
from topup.orders.outside import Ears, Outside
from topup.orders.parcels import Sending
from topup.orders.post_room import PostRoom
from topup.orders.presentation import order_views
from topup.orders.queries import place_of
from topup.orders.quoting import Quoting
from topup.orders.reading import Parts
from topup.orders.refunding import RefundHeard, Refunding
from topup.orders.schedules.desk import Schedules, ScheduleView
from topup.orders.schedules.looking import stop_paid_with
from topup.orders.schedules.numbers import Numbers
from topup.orders.settlement import Settled, Settlement, Told
from topup.orders.states import Cause
from topup.orders.terminal_desk import TerminalDesk
from topup.orders.transfers import Transfers
from topup.orders.views import OrderView
from topup.payments.instruments.agreeing import Agreements
from topup.payments.instruments.desk import Instruments
from topup.payments.ports import SlowToRefund
from topup.payments.vouchers import slips
from topup.payments.vouchers.slips import ShownSlip
from topup.platform.batching import Batcher
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection
from topup.platform.keys import CannotOpen
from topup.platform.request_keys import Answering

LONGEST_WAIT_S: Final = 30.0
"""A live page's question is answered after that at the latest."""
_LOOK_AGAIN_S: Final = 1.0
"""Another process may have changed the order: looked at this often while somebody waits."""

_BEFORE_EXPIRY = crash_label("orders.expire.before_commit")
_AFTER_EXPIRY = crash_label("orders.expire.after_commit")
_BEFORE_SHOWING = crash_label("voucher.show.before_commit")
_AFTER_SHOWING = crash_label("voucher.show.after_commit")


class Desk(Quoting):
    """One process's desk. Made with `Desk(parts)`, closed with `aclose()`."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.deliveries_wait = asyncio.Event()
        """Set when a delivery waits to be submitted: the sweep need not wait for its time."""
        database, keys = parts.database, parts.keys
        settlement = Settlement(keys=keys, catalogue=parts.catalogue, lanes=parts.lanes, public_url=parts.public_url)
        self.agents = Agents(
            database=database,
            catalogue=parts.catalogue,
            keys=keys,
            lanes=parts.lanes,
            ordering=self._ordering,
            settlement=settlement,
            wake=self.deliveries_wait.set,
        )
        limits = {name: carrier.limits for name, carrier in parts.carriers.items()}
        concluding = Concluding(keys=keys, public_url=parts.public_url, limits=limits)
        horizons = {name: one.refunds_take for name, one in parts.gateways.items() if isinstance(one, SlowToRefund)}
        refunding = Refunding(public_url=parts.public_url, horizons=horizons)
        self.deciding = Deciding(settlement=settlement, concluding=concluding, refunding=refunding, lanes=parts.lanes)
        self._cancel = Batcher(database, "orders.cancel", paying.cancel)
        self._call_off = Batcher(database, "orders.call_off", CallingOff(concluding).call_off)
        self._read = Batcher(database, "orders.read", _read)
        self._settle = Batcher(database, "orders.settle", settlement.settle)
        self._conclude = Batcher(database, "orders.conclude", concluding.conclude)
        self._refunded = Batcher(database, "orders.refund", refunding.conclude)
        self._disputing = Disputing(database=database, lanes=parts.lanes)
        self.sending = Sending(database=database, keyring=keys, lanes=parts.lanes, public_url=parts.public_url)
        self.schedules = Schedules(database=database, catalogue=parts.catalogue, lanes=parts.lanes)
        removal = partial(stop_paid_with, keys)
        self.agreements = Agreements(
            database=database,
            keys=keys,
            gateways=parts.gateways,
            public_url=parts.public_url,
            on_removed=removal,
            dearest=self.schedules.dearest,
        )
        ears = Ears(
            payment=self.hear_payment,
            refund=self.hear_refund,
            delivery=self.hear_delivery,
            dispute=self.hear_dispute,
            agreement=self.agreements.hear,
        )
        self.outside = self._outside(parts, ears)
        self.cash = CashDesk(
            database=database,
            keys=keys,
            lanes=parts.lanes,
            hear_payment=self.hear_payment,
            hear_refund=self.hear_refund,
        )
        self.terminals = TerminalDesk(
            database=database, lanes=parts.lanes, hear_payment=self.hear_payment, hear_refund=self.hear_refund
        )
        self.bills = Bills(
            database=database, gateways=parts.gateways, ears=ears, keeping=parts.keeping, carriers=parts.carriers
        )
        self.disputes = AskingDisputes(database=database, gateways=parts.gateways, ears=ears)
        self.elsewhere = Elsewhere(database=database, keys=keys, lanes=parts.lanes)
        self.instruments = Instruments(database=database, keys=keys, gateways=parts.gateways, on_removed=removal)
        self.numbers = Numbers(database=database, catalogue=parts.catalogue, schedules=self.schedules)
        self.links = Links(database=database, keys=keys, lanes=parts.lanes)
        self.transfers = Transfers(database=database, keys=keys, lanes=parts.lanes, gateways=parts.gateways, ears=ears)
        self.post_room = PostRoom(
            database=database, keys=keys, gateways=parts.gateways, carriers=parts.carriers, ears=ears
        )

    def _outside(self, parts: Parts, ears: Ears) -> Outside:
        return Outside(
            database=parts.database,
            gateways=parts.gateways,
            carriers=parts.carriers,
            ears=ears,
            carrier_events_url=lambda carrier: f"{parts.public_url}/webhooks/carriers/{carrier}",
            is_same_carrier=self._still_served,
        )

    async def aclose(self) -> None:
        """Finish what was taken in, take nothing more."""
        await self.outside.aclose()
        await self.post_room.aclose()
        await self.agents.aclose()
        for batcher in self._batchers:
            await batcher.aclose()
        await self.promising.aclose()
        await self.rewarding.aclose()

    @property
    def _batchers(self) -> Sequence[Batcher]:  # type: ignore[type-arg]  # each has its own item and result
        return (
            self._quotes,
            self._orders,
            self._begin,
            self._started,
            self._cancel,
            self._call_off,
            self._settle,
            self._conclude,
            self._refunded,
            self._read,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def get_order(self, *, order_id: str) -> OrderView:
        """An order as its payer sees it; raises NotFound order_unknown."""
        place_of("order", order_id)
        return await self._read.submit(order_id)

    async def wait_for_change(self, *, order_id: str, seen: str, timeout_s: float) -> OrderView:
        """The order as soon as its status is not `seen` any more, or at the timeout (30 s at most)."""
        loop = asyncio.get_running_loop()
        end = loop.time() + min(timeout_s, LONGEST_WAIT_S)
        changed = asyncio.Event()
        self._watchers[order_id].add(changed)
        try:
            while True:
                changed.clear()
                view = await self.get_order(order_id=order_id)
                left = end - loop.time()
                if view.status != seen or view.final or left <= 0:
                    return view
                try:
                    await asyncio.wait_for(changed.wait(), min(left, _LOOK_AGAIN_S))
                except TimeoutError:
                    continue
        finally:
            self._watchers[order_id].discard(changed)
            if not self._watchers[order_id]:
                del self._watchers[order_id]

    async def cancel(self, *, order_id: str, by: str = "") -> OrderView:
        """Call an order off that was not paid (by one of us: `by`); raises order_unknown, too_late_to_cancel."""
        place_of("order", order_id)
        view = await self._cancel.submit(paying.Cancelling(OrderId(order_id), by))
        self._changed(order_id)
        return view

    async def call_off(self, *, order_id: str) -> OrderView:
        """Call an order off that was paid and of which nothing was sent to its carrier: its money goes back. Raises
        order_unknown, too_late_to_cancel.
        """
        place_of("order", order_id)
        view = await self._call_off.submit(OrderId(order_id))
        self._changed(order_id)
        return view

    async def stop_automatic(
        self, *, schedule_id: str, by: str, reason: str, answer: Answering[ScheduleView] | None = None
    ) -> tuple[ScheduleView, bool]:
        """Have staff, or a program of theirs, stop a top-up that runs by itself. As `Schedules.stop`."""
        keys = self._parts.keys
        return await self.schedules.stop(schedule_id=schedule_id, by=by, reason=reason, keys=keys, answer=answer)

    async def credit_slips(self, *, order_id: str) -> list[ShownSlip]:
        """What came back of an order's payments as vouchers, for its payer: their PINs are shown for ten minutes from
        the first look on, then never more. Raises order_unknown.
        """
        order = await self.get_order(order_id=order_id)
        async with self._parts.database.transaction() as transaction:
            payments = [payment.id for payment in order.payments]
            found = await slips.show(transaction.connection, payments, transaction.now, keys=self._parts.keys)
            crash_point(_BEFORE_SHOWING)
        crash_point(_AFTER_SHOWING)
        return found

    # Receipts and links to share

    async def share_token(self, *, order_id: str) -> str:
        """A read-only link's token for an order, fit to be shown to strangers; raises order_unknown."""
        await self.get_order(order_id=order_id)
        return receipts.shared(order_id, self._parts.keys)

    async def shared_order(self, *, token: str) -> OrderView:
        """The order of a shared token; the channel masks the number. Raises order_unknown."""
        try:
            order_id = receipts.unshared(token, self._parts.keys)
        except (CannotOpen, ValueError):
            raise NotFound("order_unknown") from None
        return await self.get_order(order_id=order_id)

    async def make_link(
        self, wanted: LinkWanted, *, link_id: str | None = None, answer: Answering[Link] | None = None
    ) -> Link:
        """Make a link, once it is known that what it prepares can be had now. Raises as `quote`, and those of
        `Links.make`.
        """
        number = wanted.number.e164 if wanted.number else ""
        if number and (wanted.product or wanted.amount):
            await self.quote(number=number, product=wanted.product, amount=wanted.amount, payment_method=None)
        elif number:
            await self.number(text=number)
        return await self.links.make(wanted, link_id=link_id, answer=answer)

    # What the outside says

    async def receive_event(self, *, method: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        """A gateway's event: verified, stored, acknowledged as the gateway wants it, and settled afterwards. Gives
        status, content type and body. Raises method_unknown.
        """
        return await self.post_room.from_gateway(method=method, headers=headers, body=body)

    async def receive_carrier_event(
        self, *, carrier: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        """A carrier's event, likewise. Raises carrier_unknown."""
        return await self.post_room.from_carrier(carrier=carrier, headers=headers, body=body)

    async def hear_payment(self, told: Told) -> Settled:
        """Settle one fact about a payment. Where the line may not hold any more what was paid for, it goes back."""
        try:
            settled = await self._settle.submit(told)
        except LineIsFull as refusal:
            settled = await self._settle.submit(replace(told, full=Cause(refusal.code)))
        self._changed(settled.order_id)
        if settled.to_submit:
            self.deliveries_wait.set()
        return settled

    async def hear_refund(self, heard: RefundHeard) -> Settled:
        """Write down one answer about a refund."""
        settled = await self._refunded.submit(heard)
        self._changed(settled.order_id)
        return settled

    async def hear_dispute(self, heard: DisputeHeard) -> Settled:
        """Write down how a payer's objection with the bank stands."""
        settled = await self._disputing.hear(heard)
        self._changed(settled.order_id)
        return settled

    async def hear_delivery(self, heard: Heard) -> Settled:
        """Write down one answer about a delivery."""
        settled = await self._conclude.submit(heard)
        self._changed(settled.order_id)
        if settled.to_submit:
            self.deliveries_wait.set()
        return settled

    async def expire(self, limit: int = 200) -> int:
        """Let orders expire that were not paid in time; how many."""
        async with self._parts.database.transaction() as transaction:
            expired = await paying.expire(transaction.connection, limit, transaction.now)
            if expired:
                crash_point(_BEFORE_EXPIRY)
        if not expired:
            return 0
        crash_point(_AFTER_EXPIRY)
        for order_id in expired:
            self._changed(order_id)
        return len(expired)

    async def _still_served(self, connection: Connection, wanted: Sequence[Attempt]) -> set[str]:
        """The attempts whose numbers are still served through the carrier plugin they were written for."""
        snapshot = await self._parts.catalogue.current(connection)
        ways = await route(
            connection, [parse_msisdn(attempt.msisdn) for attempt in wanted], snapshot, lanes=self._parts.lanes
        )
        served = set()
        for attempt, way in zip(wanted, ways, strict=True):
            carrier = snapshot.carrier(way.carrier_id) if way.carrier_id else None
            if carrier is not None and carrier.plugin == attempt.carrier:
                served.add(str(attempt.id))
        return served

    def _changed(self, order_id: str) -> None:
        for event in self._watchers.get(order_id, ()):
            event.set()


async def _read(connection: Connection, wanted: Sequence[str], now: datetime) -> list[OrderView | Problem]:
    views = await order_views(connection, [(lane_of(identifier), identifier) for identifier in wanted])
    return [
        replace(views[identifier], read_at=now) if identifier in views else NotFound("order_unknown")
        for identifier in wanted
    ]
