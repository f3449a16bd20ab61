"""What became of plans becomes notices of those who have the line in their account.

That one waits for credit, is blocked, or is over is told as what blocks a line is; that it renewed is found in the app,
and sent by nothing. What somebody did themselves they know.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from topup.care.reminders.hearing import HEARD, STALE
from topup.care.reminders.wording import end_words
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines.owners import Owned, owned
from topup.lines.plans.hearing import Unheard, heard, lanes_unheard, unheard
from topup.lines.plans.states import PlanChange
from topup.notifications import notices
from topup.notifications.notices import Notice
from topup.notifications.templates import Named, Parameter
from topup.people.subscribers.reminders import Subject
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database

_BEFORE_HEARING = crash_label("plans.hear.before_commit")
_HEARD = crash_label("plans.hear.after_commit")
_TOLD: Final = {
    PlanChange.UNPAID: Subject.BLOCKED,
    PlanChange.BLOCKED: Subject.BLOCKED,
    PlanChange.LAPSED: Subject.BLOCKED,
    PlanChange.ENDED: Subject.EXPIRING,
    PlanChange.RENEWED: Subject.ARRIVED,
}
_WITH_MONEY: Final = frozenset({PlanChange.UNPAID, PlanChange.BLOCKED, PlanChange.RENEWED})
"""Of which it is said how much, and until when."""


class PlansHearing:
    """Hears what became of plans."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, lanes: int) -> None:
        self._database = database
        self._catalogue = catalogue
        self._lanes = list(range(lanes))

    async def hear(self) -> int:
        """Take what is new, a portion of each lane; how much that was."""
        async with self._database.read() as transaction:
            lanes = await lanes_unheard(transaction.connection, self._lanes)
        found = [await self._hear(lane) for lane in lanes]
        return max([sum(found), *(HEARD for count in found if count >= HEARD)])

    async def _hear(self, lane: int) -> int:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            found = await unheard(connection, lane=lane, limit=HEARD)
            snapshot = await self._catalogue.current(connection)
            await notices.add(connection, await plan_notices(connection, found, now, snapshot=snapshot), now)
            await heard(connection, found)
            if found:
                crash_point(_BEFORE_HEARING)
        if found:
            crash_point(_HEARD)
        return len(found)


async def plan_notices(
    connection: Connection, found: Sequence[Unheard], now: datetime, *, snapshot: Snapshot
) -> list[Notice]:
    """What is to be told of these changes, to whom."""
    fresh = [one for one in found if one.what in _TOLD and now - one.at < STALE]
    owners = await owned(connection, [one.line for one in fresh])
    told = [_notice(one, owner, snapshot) for one in fresh for owner in owners.get(one.line.id, ())]
    return [notice for notice in told if notice is not None]


def _notice(change: Unheard, owner: Owned, snapshot: Snapshot) -> Notice | None:
    carrier = snapshot.carrier(change.carrier_id)
    plan = carrier.plans.get(change.plan_id) if carrier else None
    if carrier is None or plan is None:
        return None  # its carrier's file is no more
    said: dict[str, Parameter] = {"number": parse_msisdn(owner.e164).masked(), "plan": Named(plan.names)}
    if change.what in _WITH_MONEY:
        if change.until is None:
            return None  # what waits for the first money of its line was asked to wait
        said["amount"] = Money(change.amount_minor, carrier.currency)
        said["until"] = end_words(change.until, owner.zone)
    return Notice(
        reader=owner.subscriber_id,
        cause=f"plan:{change.line.id}:{change.sequence}",
        kind=_TOLD[change.what].value,
        template=f"plan_{change.what}",
        parameters=said,
        zone=owner.zone,
        shown_only=change.what is PlanChange.RENEWED,
    )
