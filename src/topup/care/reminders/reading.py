"""What somebody does with what they were told: read it, or stop what comes by mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from topup.care.reminders.stopping import Stop, Stops
from topup.kernel.ids import is_id
from topup.notifications import notices
from topup.notifications.notices import PAGE, Shown
from topup.people.subscribers.reminders import Way, stop
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.keys import KeyRing

_BEFORE_READ = crash_label("reminders.before_read")
_READ = crash_label("reminders.read")
_BEFORE_STOP = crash_label("reminders.before_stop")
_STOPPED = crash_label("reminders.stopped")


@dataclass(frozen=True, slots=True)
class Read:
    """A page of somebody's notices, newest first, as they were before they were read now; `older`: the next page."""

    notices: Sequence[Shown]
    older: str | None
    now: datetime


class Messages:
    """Notices, for their readers."""

    def __init__(self, *, database: Database, keyring: KeyRing, public_url: str) -> None:
        self._database = database
        self._stops = Stops(keyring, public_url=public_url)

    async def read(self, *, reader: str, before: str = "") -> Read:
        """A page: the newest, or those before one. What is on it has been read: the next time it is not new."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            place = before if is_id("notice", before) else "~"
            found = await notices.page(connection, reader=reader, before=place)
            new = any(one.read_at is None for one in found)
            if new:
                await notices.read(connection, reader=reader, up_to=found[0].id, now=now)
            crash_point(_BEFORE_READ)
        crash_point(_READ)
        return Read(found, found[-1].id if len(found) == PAGE else None, now)

    def asked_to_stop(self, token: str) -> Stop:
        """What a link would stop. Raises NotFound `stop_unknown`."""
        return self._stops.read(token)

    async def stop(self, token: str) -> Stop:
        """Stop what the link says; stopped again it stays stopped, and of an account that is gone the answer is the
        same. Raises NotFound `stop_unknown`.
        """
        wanted = self._stops.read(token)
        async with self._database.transaction() as transaction:
            await stop(
                transaction.connection, subscriber_id=wanted.subscriber_id, subjects=wanted.subjects, way=Way.MAIL
            )
            crash_point(_BEFORE_STOP)
        crash_point(_STOPPED)
        return wanted
