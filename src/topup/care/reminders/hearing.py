"""What comes about elsewhere becomes notices of those who have the line in their account.

What lines used is heard by a sweep, that a line will change in the transaction that finds it, what became of top-ups by
two sweeps (`orders`). Of what is long past nobody is told: it is put away.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from topup.care.reminders.wording import amount_words, asset_words, end_words, to_do_words, why_words
from topup.charging.usage.hearing import Unheard, heard, lanes_unheard, unheard
from topup.kernel.errors import NotFound
from topup.kernel.ids import LineId
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.queries import Bucket, buckets
from topup.lines.owners import Owned, owned
from topup.lines.ports import Foretold
from topup.lines.queries import LineRef
from topup.notifications import notices
from topup.notifications.notices import Notice
from topup.notifications.ports import AddressKind
from topup.notifications.templates import Parameter, Words
from topup.people.subscribers.accounts import account
from topup.people.subscribers.reminders import Subject
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing

HEARD: Final = 200
"""In one transaction, all of one lane."""
STALE: Final = timedelta(days=1)
IN_THE_APP_ALONE: Final = tuple(kind.value for kind in AddressKind)

_BEFORE_HEARING = crash_label("reminders.before_hear")
_HEARD = crash_label("reminders.heard")


class UsageHearing:
    """Hears what lines used: that something is low, used up, ends soon; that a line was blocked, or is free again."""

    def __init__(self, *, database: Database, lanes: int) -> None:
        self._database = database
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
            await notices.add(connection, await usage_notices(connection, found, now), now)
            await heard(connection, found)
            if found:
                crash_point(_BEFORE_HEARING)
        if found:
            crash_point(_HEARD)
        return len(found)


async def usage_notices(connection: Connection, found: Sequence[Unheard], now: datetime) -> list[Notice]:
    """What is to be told of these events, to whom."""
    fresh = [one for one in found if now - one.occurred_at < STALE]
    owners = await owned(connection, [one.line for one in fresh])
    ending = {one.line.id for one in fresh if one.name == "expiring" and one.line.id in owners}
    held = await buckets(connection, sorted(ending)) if ending else {}
    told = [_usage_notice(one, owner, held, now) for one in fresh for owner in owners.get(one.line.id, ())]
    return [notice for notice in told if notice is not None]


def _usage_notice(
    event: Unheard, owner: Owned, held: Mapping[LineId, Sequence[Bucket]], now: datetime
) -> Notice | None:
    facts, until = event.facts, None
    number: dict[str, Parameter] = {"number": parse_msisdn(owner.e164).masked()}
    subject, template, said = Subject.LOW, event.name, _of_asset(facts)
    not_by: Sequence[str] = ()
    match event.name:
        case "blocked" | "restored" if "blocks" in facts:
            blocks = [Words("usage", f"blocked.{name}") for name in facts["blocks"]]
            name = "blocked" if event.name == "blocked" else "free"
            status = Words("catalogue", f"shows_{facts['shows']}")
            subject, template, said = Subject.BLOCKED, f"line_{event.name}", {"status": status, name: blocks}
        case "restored":
            template, not_by = "filled", IN_THE_APP_ALONE
        case "used_up":
            said = {"what": said["what"]}
        case "expiring":
            until = datetime.fromisoformat(facts["usable_until"])
            bucket = next((one for one in held.get(event.line.id, ()) if one.id == facts["bucket_id"]), None)
            if until <= now or bucket is None or bucket.usable_until != until:
                return None  # extended, used up or gone since
            said = {"left": said["left"], "until": end_words(until, owner.zone)}
            said |= {"why": why_words(bucket.rule), "to_do": to_do_words(bucket)}
            subject = Subject.EXPIRING
    return Notice(
        reader=owner.subscriber_id,
        cause=event.id,
        kind=subject.value,
        template=template,
        parameters=number | said,
        zone=owner.zone,
        not_by=not_by,
        until=until,
    )


def _of_asset(facts: Mapping[str, Any]) -> dict[str, Parameter]:
    if "asset" not in facts:
        return {}
    asset = str(facts["asset"])
    return {"what": asset_words(asset), "left": amount_words(asset, int(facts.get("left", 0)))}


class LinesHearing:
    """Hears that lines will change (`lines.ports.Listener`): in the very transaction that tells the line itself."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keyring = keyring

    async def line_will_change(self, connection: Connection, changes: Sequence[Foretold], now: datetime) -> None:
        """Tell owners what lines were told; whose own number it is has the SMS already."""
        owners = await owned(connection, [LineRef(change.lane, LineId(change.line_id)) for change in changes])
        told = [
            Notice(
                reader=owner.subscriber_id,
                cause=change.key,
                kind=Subject.BLOCKED.value,
                template=change.template,
                parameters=change.parameters,
                zone=change.zone,
                not_by=await self._not_by(connection, owner) if change.by_sms else (),
                until=change.due,
            )
            for change in changes
            for owner in owners.get(LineId(change.line_id), ())
        ]
        await notices.add(connection, told, now)

    async def _not_by(self, connection: Connection, owner: Owned) -> tuple[str, ...]:
        try:
            whose = await account(connection, self._keyring, subscriber_id=owner.subscriber_id)
        except NotFound:
            return IN_THE_APP_ALONE
        return (AddressKind.SMS.value,) if whose.number.e164 == owner.e164 else ()
