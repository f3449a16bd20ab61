"""What somebody wants to be reminded of, and how: stored here, acted upon where the reasons arise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from psycopg.types.json import Jsonb

from topup.kernel.errors import Invalid
from topup.platform.database import Connection

_HOURS: Final = range(24)
_STORED = "SELECT reminders FROM people.subscribers WHERE id = %s AND erased_at IS NULL FOR UPDATE"
_STORE = "UPDATE people.subscribers SET reminders = %s WHERE id = %s"


class Subject(StrEnum):
    """What one can be reminded of."""

    LOW = "low"
    """Little is left."""
    EXPIRING = "expiring"
    """Something ends soon."""
    BLOCKED = "blocked"
    """The line will be blocked soon, or was."""
    ARRIVED = "arrived"
    """A top-up arrived."""
    FAILED = "failed"
    """A top-up did not arrive."""
    REFUNDED = "refunded"
    """Money went back."""


class Way(StrEnum):
    """How one is reminded."""

    SMS = "sms"
    """By message to the account's number."""
    MAIL = "mail"
    """By mail to the account's address."""


USUAL: Final = frozenset({Way.SMS})


@dataclass(frozen=True, slots=True)
class Reminders:
    """What was chosen: for each subject the ways (none: not at all), and the hours in which nobody is disturbed, from
    `quiet_from` to `quiet_to` by the clock of the line's zone. The same hour twice: no quiet hours.
    """

    ways: Mapping[Subject, frozenset[Way]] = field(default_factory=lambda: dict.fromkeys(Subject, USUAL))
    quiet_from: int = 21
    quiet_to: int = 9

    def __post_init__(self) -> None:
        if self.quiet_from not in _HOURS or self.quiet_to not in _HOURS:
            raise Invalid("request_malformed")

    def stored(self) -> dict[str, Any]:
        """As JSON keeps it."""
        ways = {subject.value: sorted(way.value for way in ways) for subject, ways in self.ways.items()}
        return {"ways": ways, "quiet": [self.quiet_from, self.quiet_to]}


def reminders_of(stored: Mapping[str, Any]) -> Reminders:
    """What `stored` says; what it does not name is as usual."""
    chosen = stored.get("ways", {})
    ways = {one: frozenset(Way(way) for way in chosen.get(one.value, USUAL)) for one in Subject}
    begins, ends = stored.get("quiet", (21, 9))
    return Reminders(ways, begins, ends)


async def stop(connection: Connection, *, subscriber_id: str, subjects: Sequence[Subject], way: Way) -> None:
    """Tell somebody of these no more in that way; where the account is gone, nothing is left to stop."""
    row = await (await connection.execute(_STORED, [subscriber_id])).fetchone()
    if row is None:
        return
    chosen = reminders_of(row[0])
    ways = {subject: had - {way} if subject in subjects else had for subject, had in chosen.ways.items()}
    changed = Reminders(ways, chosen.quiet_from, chosen.quiet_to)
    await connection.execute(_STORE, (Jsonb(changed.stored()), subscriber_id))
