"""What of this room waits to be done by itself (`platform.queues`)."""

from typing import Final

from topup.platform.queues import Swept

QUEUES: Final = (
    Swept("lines", "lines.lines", due="next_at", since="state_since", id="id", about="id"),
    Swept("reminders", "lines.reminders", due="tell_at", since="noted_at", id="line_id", about="line_id"),
)
