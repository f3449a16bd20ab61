"""What of this room waits to be done by itself (`platform.queues`)."""

from typing import Final

from topup.platform.queues import Swept

QUEUES: Final = (
    Swept("shares", "charging.shares", due="act_at", since="created_at", id="id", about="sender_id"),
    Swept("usage_events", "charging.usage_events", due="look_at", since="occurred_at", id="id", about="line_id"),
    Swept("usage_sessions", "charging.usage_sessions", due="look_at", since="opened_at", id="id", about="line_id"),
)
