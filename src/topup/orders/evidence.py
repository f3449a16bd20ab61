"""What a provider, a carrier or a bank sent about something on the work list, word for word.

It is stored sealed and may name people: it is opened for who may see it, one look at a time, and each look is written
into the trail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.errors import Forbidden, NotFound
from topup.kernel.ids import is_id, lane_of
from topup.payments.transfers.operations import unseal
from topup.payments.transfers.queries import StoredEntry, entry_of, return_of
from topup.people.permissions import Permission
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import CannotOpen, KeyRing
from topup.work import queries, trail
from topup.work.approvals import Actor
from topup.work.queries import Item

MOST_EVENTS: Final = 10
_LONGEST: Final = 20_000

_BEFORE_LOOK = crash_label("evidence.look.before_commit")
_AFTER_LOOK = crash_label("evidence.look.after_commit")

_EVENT: Final = (
    "SELECT source, event_id, received_at, raw FROM {inbox} WHERE lane = %s AND source = %s AND event_id = %s"
)
# By its index in whatever lane: with the lane beside it, a planner without statistics reads all of that.
_ABOUT: Final = """
SELECT source, event_id, received_at, raw FROM payments.inbox
WHERE (jsonb_path_query_array(facts, '$[*].about') || jsonb_path_query_array(facts, '$[*].reference')) ?| %s::text[]
ORDER BY received_at LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One piece of evidence: where it came from, when, and what it says, as text."""

    source: str
    name: str
    at: datetime
    text: str


class Evidence:
    """The evidence of this installation."""

    def __init__(self, *, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    async def of(self, actor: Actor, item_id: str) -> list[Sheet]:
        """What was sent about an item, oldest first, at most MOST_EVENTS; the look is written down.

        Raises Forbidden `not_permitted`, NotFound `work_item_unknown`.
        """
        if not actor.may(Permission.READ_EVIDENCE):
            raise Forbidden("not_permitted", permission=Permission.READ_EVIDENCE.value)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            item = await queries.item(connection, lane_of(item_id), item_id) if is_id("work", item_id) else None
            if item is None:
                raise NotFound("work_item_unknown")
            sheets = [*await self._entries(connection, item), *await self._events(connection, item)]
            facts = {"kind": item.kind, "about": item.subject, "sheets": len(sheets)}
            await trail.write(connection, actor=actor.id, action="evidence.seen", subject=item.id, facts=facts, now=now)
            crash_point(_BEFORE_LOOK)
        crash_point(_AFTER_LOOK)
        return sheets

    async def of_events(self, actor: Actor, *, subject: str, events: Sequence[tuple[str, str]]) -> list[Sheet]:
        """What gateways sent in these events (source and id) about an order, oldest first; the look is written down.

        Raises Forbidden `not_permitted`.
        """
        if not actor.may(Permission.READ_EVIDENCE):
            raise Forbidden("not_permitted", permission=Permission.READ_EVIDENCE.value)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            lane = lane_of(subject)
            rows = [row for one in events for row in await _named_event(connection, lane, *one)]
            facts = {"kind": "order", "about": subject, "sheets": len(rows)}
            await trail.write(connection, actor=actor.id, action="evidence.seen", subject=subject, facts=facts, now=now)
            crash_point(_BEFORE_LOOK)
        crash_point(_AFTER_LOOK)
        return [Sheet(source, name, at, self._opened(source, name, bytes(raw))) for source, name, at, raw in rows]

    async def _entries(self, connection: Connection, item: Item) -> list[Sheet]:
        """The entry of a bank's statement that an item is about, with who sent it."""
        entry_id = str(item.evidence.get("entry") or "")
        if not entry_id and is_id("refund", item.subject):
            back = await return_of(connection, item.subject)  # type: ignore[arg-type]  # checked to be one
            entry_id = back.entry_id if back else ""
        entry = await entry_of(connection, entry_id) if is_id("entry", entry_id) else None
        return [self._sheet_of(entry)] if entry else []

    def _sheet_of(self, entry: StoredEntry) -> Sheet:
        try:
            sender = unseal(self._keys, entry)
        except CannotOpen:
            return Sheet("bank", entry.bank_reference, entry.booked_at, "")
        text = "\n".join(part for part in (sender.payer, sender.payer_account, sender.text) if part)
        return Sheet("bank", entry.bank_reference, entry.booked_at, text[:_LONGEST])

    async def _events(self, connection: Connection, item: Item) -> list[Sheet]:
        """The events that an item names, or that are about the payment, refund or dispute it names."""
        found = []
        source, event = str(item.evidence.get("from") or ""), str(item.evidence.get("event") or "")
        if source and event:
            found += await _named_event(connection, item.lane, source, event)
        names = [name for name in (item.subject, *_named(item)) if is_id("payment", name) or is_id("refund", name)]
        dispute = item.evidence.get("dispute")
        if (names or dispute) and not found:
            about = [*names, *([str(dispute)] if dispute else [])]
            cursor = await connection.execute(_ABOUT, (about, MOST_EVENTS))
            found += await cursor.fetchall()
        return [Sheet(source, name, at, self._opened(source, name, bytes(raw))) for source, name, at, raw in found]

    def _opened(self, source: str, event_id: str, raw: bytes) -> str:
        try:
            return self._keys.unseal(raw, f"{source}:{event_id}").decode("utf-8", "replace")[:_LONGEST]
        except CannotOpen:
            return ""


async def _named_event(
    connection: Connection, lane: int, source: str, event: str
) -> list[tuple[str, str, datetime, bytes]]:
    found: list[tuple[str, str, datetime, bytes]] = []
    for inbox in ("payments.inbox", "fulfilment.inbox"):
        cursor = await connection.execute(_EVENT.format(inbox=inbox), (lane, source, event))
        found += await cursor.fetchall()
    return found


def _named(item: Item) -> Sequence[str]:
    """Ids among the evidence, and at the beginning of what an item is about (`pay_…:dispute`)."""
    return [item.subject.partition(":")[0], *(value for value in item.evidence.values() if isinstance(value, str))]
