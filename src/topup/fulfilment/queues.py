"""What of this room waits to be done by itself (`platform.queues`)."""

from typing import Final

from topup.platform.queues import Swept

QUEUES: Final = (
    Swept(
        "carrier_events",
        "fulfilment.inbox",
        due="coalesce(due_at, received_at)",
        since="received_at",
        id="source || ' ' || event_id",
        where="settled_at IS NULL",
    ),
    Swept("deliveries", "fulfilment.attempts", due="act_at", since="created_at", id="id", about="order_id"),
)
