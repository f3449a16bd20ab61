"""Calling an order off that was paid, as long as nothing of it has left this machine.

Before it is paid an order is cancelled (`paying.cancel`). Afterwards it can be called off while its delivery through
another carrier waits to be submitted: the attempt is closed under its lock, so that nobody submits it any more, and the
money goes back the way it came. What was submitted is never called off: only the carrier knows what became of it.
"""

from collections.abc import Sequence
from datetime import datetime

from topup.fulfilment.operations import lock_intended
from topup.kernel.errors import Conflict, NotFound, Problem
from topup.kernel.ids import OrderId
from topup.orders import queries
from topup.orders.concluding import Concluding
from topup.orders.presentation import order_views
from topup.orders.queries import place_of
from topup.orders.states import OrderState
from topup.orders.views import OrderView
from topup.platform.database import Connection

CALLABLE_OFF = frozenset({OrderState.PAID, OrderState.DELIVERING, OrderState.UNRESOLVED})
"""Where an attempt may wait to be submitted."""


class CallingOff:
    """Calls orders of this installation off."""

    def __init__(self, concluding: Concluding) -> None:
        self._concluding = concluding

    async def call_off(
        self, connection: Connection, wanted: Sequence[OrderId], now: datetime
    ) -> list[OrderView | Problem]:
        """Call many off. Refusals: order_unknown, too_late_to_cancel. One that goes back already stays as it is."""
        places = [place_of("order", identifier) for identifier in wanted]
        orders = await queries.locked(connection, sorted(set(places)))
        waiting = [(order.lane, str(order.id)) for order in orders.values() if order.state in CALLABLE_OFF]
        intended = await lock_intended(connection, waiting) if waiting else []
        withdrawn = await self._concluding.withdraw(connection, intended, now) if intended else set()
        views = await order_views(connection, places)
        return [_answer(views.get(identifier), withdrawn) for identifier in wanted]


def _answer(view: OrderView | None, withdrawn: set[str]) -> OrderView | Problem:
    if view is None:
        return NotFound("order_unknown")
    goes_back = view.id in withdrawn or view.status in {OrderState.REFUNDING, OrderState.REFUNDED}
    return view if goes_back else Conflict("too_late_to_cancel", status=view.status)
