"""What runs by itself: each sweep takes what is due and can be run by any number of processes."""

from topup.orders.desk import Desk
from topup.platform.jobs import Sweep


def sweeps(desk: Desk) -> list[Sweep]:
    """The sweeps of orders, payments and deliveries."""
    return [
        Sweep("orders.expire", 1.0, desk.expire, batch=200),
        Sweep("orders.inbox", 1.0, desk.post_room.sweep, batch=200),
        Sweep("orders.deliver", 0.2, desk.outside.deliver),
        Sweep("orders.refund", 0.5, desk.outside.refund),
        Sweep("orders.ask", 1.0, desk.outside.ask),
        Sweep("orders.bills", 900.0, desk.outside.read_bills),
    ]
