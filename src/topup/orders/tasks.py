"""What runs by itself: each sweep takes what is due and can be run by any number of processes."""

from functools import partial
from typing import Final

from topup.orders.desk import Desk
from topup.orders.rewarding import AT_ONCE
from topup.platform.jobs import Sweep

PATIENCE_S: Final = 0.2
"""How long a sweep waits for answers from the outside before it looks for what came due meanwhile."""


def sweeps(desk: Desk) -> list[Sweep]:
    """The sweeps of orders, payments and deliveries."""
    return [
        Sweep("orders.expire", 1.0, desk.expire, batch=200),
        Sweep("orders.offers", 1.0, desk.promising.follow, batch=AT_ONCE),
        Sweep("orders.points", 1.0, desk.rewarding.follow, batch=AT_ONCE),
        Sweep("orders.inbox", 1.0, desk.post_room.sweep, batch=200),
        Sweep("orders.deliver", 0.2, partial(desk.outside.deliver, patience_s=PATIENCE_S)),
        Sweep("orders.transfers", 30.0, desk.transfers.sweep, batch=500),
        Sweep("orders.refund", 0.5, partial(desk.outside.refund, patience_s=PATIENCE_S)),
        Sweep("orders.ask", 1.0, partial(desk.outside.ask, patience_s=PATIENCE_S)),
        Sweep("orders.bills", 900.0, desk.bills.read),
        *desk.disputes.sweeps(),
        *desk.elsewhere.sweeps(),
        *desk.links.sweeps(),
        *desk.instruments.sweeps(),
        *desk.agreements.sweeps(),
        *desk.sending.sweeps(),
    ]
