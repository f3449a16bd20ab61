"""The desk where top-ups are made: what every channel calls, whatever it looks like.

Requests that come together go to the database together (`platform.batching`); calls to the outside happen between
transactions. Everything here may be called by anybody who holds the id it takes: the channel has checked who that is.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Self, Unpack, cast

from topup.fulfilment.queries import Attempt
from topup.kernel.errors import Invalid, NotFound, Problem, Unavailable
from topup.kernel.ids import OrderId, PaymentId, lane_of
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.kernel.outcome import NotSent, Refused, Throttled
from topup.lines.queries import route
from topup.orders import paying, receipts
from topup.orders.bills import Bills
from topup.orders.completion import LineIsFull
from topup.orders.concluding import Concluding, Heard
from topup.orders.ordering import NewOrder, Ordering, OrderWanted, QuoteWanted
from topup.orders.outside import Ears, Outside
from topup.orders.paying import Begun, NewAttempt, PaymentWanted, Started
from topup.orders.post_room import PostRoom
from topup.orders.presentation import order_views
from topup.orders.queries import place_of
from topup.orders.reading import Parts, Reading
from topup.orders.refunding import RefundHeard, Refunding
from topup.orders.settlement import Settled, Settlement, Told
from topup.orders.states import Cause
from topup.orders.views import OrderView, PaymentView, QuoteView
from topup.payments.ports import Action, Demonstration, PaymentRequest, PayPage
from topup.payments.states import PaymentState
from topup.people.contacts import parse_contact
from topup.people.operations import seal_contact
from topup.platform.batching import Batcher
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection
from topup.platform.keys import CannotOpen
from topup.platform.once import Asked, Going, Key, Once
from topup.platform.request_keys import Answering, Claim, RequestKeys, Stored

LONGEST_WAIT_S: Final = 30.0
"""A live page's question is answered after that at the latest."""
_LOOK_AGAIN_S: Final = 1.0
"""Another process may have changed the order: looked at this often while somebody waits."""

_BEFORE_START = crash_label("payment.before_start")
_AFTER_START = crash_label("payment.after_start")
_BEFORE_EXPIRY = crash_label("orders.expire.before_commit")
_AFTER_EXPIRY = crash_label("orders.expire.after_commit")


class Desk(Reading):
    """One process's desk. Made with `Desk(parts)`, closed with `aclose()`."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.deliveries_wait = asyncio.Event()
        """Set when a delivery waits to be submitted: the sweep need not wait for its time."""
        database, keys = parts.database, parts.keys
        ordering = Ordering(
            catalogue=parts.catalogue,
            keys=keys,
            lanes=parts.lanes,
            methods=frozenset(parts.gateways),
            networks=frozenset(parts.carriers),
        )
        settlement = Settlement(keys=keys, catalogue=parts.catalogue, lanes=parts.lanes, public_url=parts.public_url)
        limits = {name: carrier.limits for name, carrier in parts.carriers.items()}
        concluding = Concluding(keys=keys, public_url=parts.public_url, limits=limits)
        refunding = Refunding(public_url=parts.public_url)
        self._quotes = Batcher(database, "orders.quote", ordering.quote)
        self._orders = Batcher(database, "orders.order", Once(ordering.order, lanes=parts.lanes))
        beginning = Once[PaymentWanted, PaymentView | Begun](paying.begin, lanes=parts.lanes, going=Begun)
        self._begin = Batcher(database, "payments.begin", beginning)
        self._started = Batcher(database, "payments.started", paying.started)
        self._cancel = Batcher(database, "orders.cancel", paying.cancel)
        self._read = Batcher(database, "orders.read", _read)
        self._settle = Batcher(database, "orders.settle", settlement.settle)
        self._conclude = Batcher(database, "orders.conclude", concluding.conclude)
        self._refunded = Batcher(database, "orders.refund", refunding.conclude)
        ears = Ears(payment=self.hear_payment, refund=self.hear_refund, delivery=self.hear_delivery)
        self.outside = Outside(
            database=database,
            gateways=parts.gateways,
            carriers=parts.carriers,
            ears=ears,
            carrier_events_url=lambda carrier: f"{parts.public_url}/webhooks/carriers/{carrier}",
            is_same_carrier=self._still_served,
        )
        self.bills = Bills(database=database, gateways=parts.gateways, ears=ears)
        self.post_room = PostRoom(
            database=database, keys=keys, gateways=parts.gateways, carriers=parts.carriers, ears=ears
        )

    async def aclose(self) -> None:
        """Finish what was taken in, take nothing more."""
        await self.outside.aclose()
        await self.post_room.aclose()
        for batcher in self._batchers:
            await batcher.aclose()

    @property
    def _batchers(self) -> Sequence[Batcher]:  # type: ignore[type-arg]  # each has its own item and result
        return (
            self._quotes,
            self._orders,
            self._begin,
            self._started,
            self._cancel,
            self._settle,
            self._conclude,
            self._refunded,
            self._read,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # Prices

    async def quote(
        self,
        *,
        number: str,
        product: str | None,
        amount: Money | None,
        payment_method: str | None,
        sees_balance: bool = False,
    ) -> QuoteView:
        """A signed price, valid 15 minutes. Raises as `number`, and product_or_amount, product_unknown,
        amount_not_offered, amount_too_small, amount_too_large, amount_above_cap, currency_wrong, method_unknown,
        number_cannot_be_topped_up. Who may see the line's balance (its owner, staff, a key for it: `sees_balance`) is
        told what it would make of what is bought now, or line_full, line_nearly_full.
        """
        msisdn = parse_msisdn(number)
        return await self._quotes.submit(QuoteWanted(msisdn, product, amount, payment_method, sees_balance))

    # Orders and payments

    async def order(self, **wanted: Unpack[NewOrder]) -> OrderView:
        """Make an order of a quote, in the quote's lane. Raises quote_unknown, quote_altered, quote_expired,
        quote_used, carrier_changed, number_cannot_be_topped_up, contact_unreadable, and confirmation_needed with the
        `confirmations` that are missing, and the `minutes` since a suspected duplicate of the caller's own: who that is
        says `payer`, which is kept as a pseudonym. With `sees_balance` also line_full, line_nearly_full, and every
        duplicate is told as one's own.
        """
        made = await self._orders.submit(self._asked(wanted, None))
        return cast("OrderView", made)

    async def order_once(self, key: Key[OrderView], **wanted: Unpack[NewOrder]) -> OrderView | Stored:
        """The same, once for a caller's key: its answer again if it has one. Raises also key_reused and
        request_running.
        """
        made = await self._orders.submit(self._asked(wanted, key))
        return cast("OrderView | Stored", made)

    def _asked(self, wanted: NewOrder, key: Key[OrderView] | None) -> Asked[OrderWanted, OrderView]:
        lane, _ = place_of("quote", wanted["quote_id"])
        contact = wanted["contact"]
        sealed = seal_contact(self._parts.keys, lane=lane, address=parse_contact(contact)) if contact else None
        payer = wanted.get("payer")
        mark = self._parts.keys.pseudonym(payer) if payer else None

        def make(order_id: str) -> OrderWanted:
            return OrderWanted(
                OrderId(order_id),
                wanted["quote_id"],
                sealed,
                wanted["confirmations"],
                wanted["locale"],
                wanted["channel"],
                wanted.get("sees_balance", False),
                mark,
            )

        return Asked(make, wanted["order_id"], key)

    async def pay(self, **wanted: Unpack[NewAttempt]) -> PaymentView:
        """Begin to pay: written down, then started at the gateway if that takes a call, then answered. The same payment
        id again starts the same payment again, for as long as its order may be paid. Raises order_unknown,
        order_not_payable, too_many_payments, method_unknown, gateway_unavailable.
        """
        begun = await self._begin.submit(self._attempt(wanted, None))
        if isinstance(begun, Begun):
            return await self._start(begun, wanted["locale"], None)
        return cast("PaymentView", begun)

    async def pay_once(
        self, key: Key[PaymentView], keys: RequestKeys, **wanted: Unpack[NewAttempt]
    ) -> PaymentView | Stored:
        """The same, once for a caller's key: its answer again if it has one. Raises also key_reused and
        request_running.
        """
        try:
            begun = await self._begin.submit(self._attempt(wanted, key))
        except Unavailable as error:
            if error.code == "database_lost":
                keys.unheard(request=key.request)
            raise
        if not isinstance(begun, Going):
            return cast("PaymentView | Stored", begun)

        async def start(claim: Claim) -> PaymentView:
            return await self._start(cast("Begun", begun.result), wanted["locale"], Answering(claim, key.render))

        return await keys.finish(claim=begun.claim, work=start)

    def _attempt(self, wanted: NewAttempt, key: Key[PaymentView] | None) -> Asked[PaymentWanted, PaymentView | Begun]:
        order_id, method, locale = wanted["order_id"], wanted["method"], wanted["locale"]
        place_of("order", order_id)
        gateway = self._parts.gateways.get(method)
        if gateway is None:
            raise Invalid("method_unknown")
        page = (lambda begun: gateway.pay_page(self._request(begun, locale))) if isinstance(gateway, PayPage) else None

        def make(payment_id: str) -> PaymentWanted:
            return PaymentWanted(PaymentId(payment_id), order_id, method, page)

        return Asked(make, wanted["payment_id"], cast("Key[PaymentView | Begun] | None", key))

    async def _start(self, begun: Begun, locale: str, answer: Answering[PaymentView] | None) -> PaymentView:
        gateway = self._parts.gateways[begun.payment.method]
        crash_point(_BEFORE_START)
        outcome = await gateway.start(self._request(begun, locale))
        crash_point(_AFTER_START)
        if isinstance(outcome, Action):
            return await self._started.submit(Started(begun.payment, outcome, PaymentState.PENDING, answer))
        if isinstance(outcome, Refused):
            return await self._started.submit(Started(begun.payment, None, PaymentState.DECLINED, answer))
        # What was not taken in, or is unknown, stays `starting`: it is asked about, closed with its order, and the same
        # key starts the same payment again under the same number.
        raise Unavailable("gateway_unavailable")

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

    async def cancel(self, *, order_id: str) -> OrderView:
        """Call an order off that was not paid; raises order_unknown, too_late_to_cancel."""
        place_of("order", order_id)
        view = await self._cancel.submit(OrderId(order_id))
        self._changed(order_id)
        return view

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

    async def demo_payment(self, *, payment_id: str, outcome: str) -> None:
        """Have the simulated payer act on a payment. Raises payment_unknown, outcome_unknown, gateway_unavailable."""
        if outcome not in {"pay", "decline", "late", "twice", "silent"}:
            raise Invalid("outcome_unknown")
        begun = await self._begun(payment_id)
        gateway = self._parts.gateways.get(begun.payment.method)
        if not isinstance(gateway, Demonstration):
            raise NotFound("payment_unknown")
        answer = await gateway.sandbox_outcome(self._request(begun, begun.locale), outcome)
        if isinstance(answer, Refused):
            raise Invalid("outcome_refused", reason=answer.code)
        if isinstance(answer, NotSent | Throttled):
            raise Unavailable("gateway_unavailable")

    async def _begun(self, payment_id: str) -> Begun:
        place = place_of("payment", payment_id)
        async with self._parts.database.read() as transaction:
            return await paying.begun(transaction.connection, place)

    def _request(self, begun: Begun, locale: str) -> PaymentRequest:
        payment = begun.payment
        return PaymentRequest(
            payment_id=payment.id,
            amount=Money(payment.amount_minor, payment.currency),
            description=f"topup {Msisdn(begun.quote.msisdn, begun.quote.country).masked()}",
            return_url=f"{self._parts.public_url}/orders/{payment.order_id}",
            notify_url=f"{self._parts.public_url}/webhooks/{payment.method}",
            expires_at=payment.expires_at,
            locale=locale,
        )

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


async def _read(connection: Connection, wanted: Sequence[str], now: datetime) -> list[OrderView | Problem]:  # noqa: ARG001 - an operation on lists
    views = await order_views(connection, [(lane_of(identifier), identifier) for identifier in wanted])
    return [views.get(identifier) or NotFound("order_unknown") for identifier in wanted]
