"""What of this room waits to be done by itself (`platform.queues`)."""

from typing import Final

from topup.platform.queues import Swept

QUEUES: Final = (
    Swept(
        "printing",
        "shops.print_jobs",
        due="next_at",
        since="asked_at",
        id="till || ' ' || kind || ' ' || subject",
        where="state IN ('waiting', 'printing')",
    ),
)
