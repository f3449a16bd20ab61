"""What of this room waits to be done by itself (`platform.queues`)."""

from typing import Final

from topup.platform.queues import Swept

QUEUES: Final = (
    Swept(
        "expiries",
        "orders.orders",
        due="expires_at",
        since="created_at",
        id="id",
        where="state = 'awaiting_payment'",
        about="id",
    ),
    Swept("news", "orders.news", due="at", since="at", id="order_id", where="NOT heard", about="order_id"),
)
