"""What owners of schedules are written when one does not do what they count on."""

from datetime import datetime
from typing import Final

from topup.notifications.templates import LocalTime, Words
from topup.orders.schedules.records import Schedule
from topup.people.subscribers.news import tell
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

DOMAIN: Final = "automatic"


async def tell_stopped(connection: Connection, keys: KeyRing, whose: Schedule, *, reason: str, now: datetime) -> None:
    """It goes on no more before they have done something."""
    await tell(
        connection,
        keys,
        subscriber_id=whose.subscriber_id,
        template="automatic_stopped",
        now=now,
        number=whose.msisdn.masked(),
        what=Words(DOMAIN, f"stopped_{reason}"),
    )


async def tell_declined(
    connection: Connection, keys: KeyRing, whose: Schedule, *, again: datetime, now: datetime
) -> None:
    """The card was declined, and is asked again then."""
    await tell(
        connection,
        keys,
        subscriber_id=whose.subscriber_id,
        template="automatic_declined",
        now=now,
        number=whose.msisdn.masked(),
        again=LocalTime(again, whose.zone.key),
    )


async def tell_not_kept(
    connection: Connection, keys: KeyRing, whose: Schedule, *, reason: str, until: datetime, now: datetime
) -> None:
    """Nothing is bought that would keep the number; whoever tops it up `until` then keeps it."""
    await tell(
        connection,
        keys,
        subscriber_id=whose.subscriber_id,
        template="automatic_not_kept",
        now=now,
        number=whose.msisdn.masked(),
        what=Words(DOMAIN, f"why_{reason}"),
        until=LocalTime(until, whose.zone.key),
    )
