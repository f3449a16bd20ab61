"""Everything that staff may see of one order: what its payer sees, and beside it what gateways and carriers call it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.fulfilment import queries as deliveries
from topup.fulfilment.queries import Attempt
from topup.kernel.errors import NotFound
from topup.orders.presentation import order_views
from topup.orders.queries import place_of
from topup.orders.views import OrderView
from topup.payments import queries as paid
from topup.payments.queries import Capture, Payment, Refund
from topup.platform.database import Connection
from topup.shops.stock.gifts import Gift, of_order
from topup.work.queries import Item, about

MOST_EVENTS: Final = 50
_EVENTS: Final = """
SELECT i.source, i.event_id, i.received_at, i.settled_at FROM payments.inbox AS i
WHERE (jsonb_path_query_array(i.facts, '$[*].about') || jsonb_path_query_array(i.facts, '$[*].reference'))
    ?| %s::text[]
ORDER BY i.received_at LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class EventSeen:
    """An event that a gateway sent about a payment: `settled_at` is when it had its effect, None while it has none."""

    source: str
    id: str
    received_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt to pay with the money that came under it and what went back of it."""

    payment: Payment
    captures: tuple[Capture, ...]
    refunds: tuple[Refund, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """An order as staff see it. `items` are what a person decides, or decided, about it."""

    view: OrderView
    channel: str
    attempts: tuple[Attempted, ...]
    deliveries: tuple[Attempt, ...]
    events: tuple[EventSeen, ...]
    items: tuple[Item, ...]
    gifts: tuple[Gift, ...]

    @property
    def can_be_asked(self) -> bool:
        """Whether somebody outside is still to say how something ended."""
        return any(
            one.payment.state.value in ASKED or any(refund.state.value in ASKED for refund in one.refunds)
            for one in self.attempts
        ) or any(one.state.value in ASKED for one in self.deliveries)


ASKED: Final = frozenset({"starting", "pending", "declined", "submitting", "accepted", "unknown", "sending"})
"""States of payments, deliveries and refunds of which somebody outside may say more."""


async def dossier(connection: Connection, order_id: str) -> Dossier:
    """All of it; raises NotFound `order_unknown`."""
    place = place_of("order", order_id)
    view = (await order_views(connection, [place])).get(order_id)
    if view is None:
        raise NotFound("order_unknown")
    [channel] = await (
        await connection.execute("SELECT channel FROM orders.orders WHERE lane = %s AND id = %s", place)
    ).fetchone() or ("",)
    payments = (await paid.payments_of_orders(connection, [place])).get(order_id, [])
    places = [(payment.lane, str(payment.id)) for payment in payments]
    captures = await paid.captures(connection, places) if places else {}
    refunds = await paid.refunds_of_payments(connection, places) if places else {}
    sent = await deliveries.of_orders(connection, [place])
    names = [*(identifier for _, identifier in places), *(one.id for found in refunds.values() for one in found)]
    disputes = [f"{identifier}:dispute" for _, identifier in places]
    gifts = await of_order(connection, order_id)
    given = [f"{order_id}:{one.key.sku}" for one in gifts]
    subjects = [order_id, *names, *disputes, *given, *(str(one.id) for one in sent)]
    return Dossier(
        view=view,
        channel=channel,
        attempts=tuple(
            Attempted(one, tuple(captures.get(one.id, ())), tuple(refunds.get(one.id, ()))) for one in payments
        ),
        deliveries=tuple(sent),
        events=await _events(connection, names) if names else (),
        items=tuple(await about(connection, place[0], subjects)),
        gifts=tuple(gifts),
    )


async def _events(connection: Connection, names: Sequence[str]) -> tuple[EventSeen, ...]:
    cursor = await connection.execute(_EVENTS, (list(names), MOST_EVENTS))
    return tuple(EventSeen(*row) for row in await cursor.fetchall())
