"""What of this room waits to be done by itself (`platform.queues`)."""

from typing import Final

from topup.platform.queues import Swept

QUEUES: Final = (
    Swept("messages", "notifications.messages", due="send_at", since="created_at", id="id"),
    Swept("notices", "notifications.notices", due="send_at", since="written_at", id="id"),
)
