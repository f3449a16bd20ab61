"""Telling a line, by message to its own number, that its state will end: what `lines.reminders` noted, once each.

A reminder is looked at again before it is told. Where somebody topped up meanwhile, or a later one has come due, it is
not so any more, and is put away untold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.catalogue.leaving import all_reminders
from topup.catalogue.life_cycle_rules import StateUnknown
from topup.catalogue.line_facts import LineFacts, Reminder
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.kernel.ids import LineId
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.queries import Bucket, buckets
from topup.lines import lives
from topup.lines.course import facts_of, zone_of
from topup.lines.forecasts import what_to_do
from topup.lines.lives import Life
from topup.lines.ports import Foretold, Listener
from topup.lines.rules import Ruling, ruling_of
from topup.lines.wording import to_do_message
from topup.notifications.daytime import daytime, is_daytime
from topup.notifications.operations import News, enqueue
from topup.notifications.ports import AddressKind
from topup.notifications.templates import LocalDay, Parameter, Words
from topup.platform.arrays import columns
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing

REMINDED: Final = 200
"""Looked at in one transaction, all of one lane."""

_WRITES: Final = {"CN": "zh_Hans", "HK": "zh_Hant", "MO": "zh_Hant", "TW": "zh_Hant"}
_ELSEWHERE: Final = "en"
_BEFORE_REMINDING = crash_label("lines.before_remind")
_REMINDED = crash_label("lines.reminded")

_LANES_DUE: Final = """
SELECT w.lane FROM unnest(%s::smallint[]) AS w (lane)
WHERE EXISTS (SELECT FROM lines.reminders AS r WHERE r.lane = w.lane AND r.tell_at <= %s)
"""
_TAKE: Final = """
SELECT r.line_id, r.due, r.days, r.entering, n.msisdn
FROM lines.reminders AS r
LEFT JOIN LATERAL (
    SELECT n.msisdn FROM lines.numbers AS n WHERE n.lane = r.lane AND n.line_id = r.line_id AND n.until IS NULL LIMIT 1
) AS n ON TRUE
WHERE r.lane = %s AND r.tell_at <= %s
ORDER BY r.lane, r.tell_at LIMIT %s
FOR NO KEY UPDATE OF r SKIP LOCKED
"""
_PUT_AWAY: Final = """
UPDATE lines.reminders AS r SET tell_at = u.tell_at, told_at = u.told_at
FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[], %b::smallint[], %b::timestamptz[], %b::timestamptz[])
    AS u (lane, line_id, due, days, tell_at, told_at)
WHERE r.lane = u.lane AND r.line_id = u.line_id AND r.due = u.due AND r.days = u.days
"""


@dataclass(frozen=True, slots=True)
class _Noted:
    """A reminder as it was noted, and the number its line has today (None: none any more)."""

    line_id: str
    due: datetime
    days: int
    entering: str
    msisdn: str | None


@dataclass(frozen=True, slots=True)
class _True:
    """A reminder that is still so: of which line, by which rules."""

    noted: _Noted
    life: Life
    ruling: Ruling
    facts: LineFacts
    reminder: Reminder
    country: str


class Reminding:
    """Turns reminders that are due into messages, each sealed for its line, and tells who listens.

    Without `by_sms` nobody could send these messages, and only who listens is told.
    """

    def __init__(
        self,
        *,
        database: Database,
        catalogue: CatalogueCache,
        keyring: KeyRing,
        lanes: int,
        by_sms: bool = True,
        listener: Listener | None = None,
    ) -> None:
        self._by_sms = by_sms
        self._listener = listener
        self._database = database
        self._catalogue = catalogue
        self._keyring = keyring
        self._lanes = list(range(lanes))

    async def remind(self) -> int:
        """Look at what is due, a portion of each lane; how many that were."""
        async with self._database.read() as transaction:
            snapshot = await self._catalogue.current(transaction.connection)
            cursor = await transaction.connection.execute(_LANES_DUE, (self._lanes, transaction.now))
            due = [lane for (lane,) in await cursor.fetchall()]
        looked_at = [await self._remind(lane, snapshot) for lane in due]
        # A portion that is full has more behind it.
        return max([sum(looked_at), *(REMINDED for count in looked_at if count >= REMINDED)])

    async def _remind(self, lane: int, snapshot: Snapshot) -> int:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            cursor = await connection.execute(_TAKE, (lane, now, REMINDED))
            noted = [_Noted(*row) for row in await cursor.fetchall()]
            told = await self._tell(connection, lane, noted, snapshot, now)
            if noted:
                await connection.execute(_PUT_AWAY, columns((lane, *one) for one in told))
                crash_point(_BEFORE_REMINDING)
        if noted:
            crash_point(_REMINDED)
        return len(noted)

    async def _tell(
        self, connection: Connection, lane: int, noted: Sequence[_Noted], snapshot: Snapshot, now: datetime
    ) -> list[tuple[str, datetime, int, datetime | None, datetime | None]]:
        """Write messages for what is still so; gives what becomes of each reminder."""
        found = await lives.seen(connection, [(lane, one.line_id) for one in noted])
        held = await buckets(connection, [life.id for life in found.values()]) if found else {}
        news: list[News] = []
        foretold, becomes = [], []
        for one in noted:
            true = _still(one, found, held, snapshot, now)
            asleep = true is not None and not is_daytime(now, true.life.zone)
            if true is not None and not asleep:
                news.append(self._news(true))
                foretold.append(self._foretold(true, news[-1]))
            tell_at = daytime(now, true.life.zone) if true is not None and asleep else None
            becomes.append((one.line_id, one.due, one.days, tell_at, None if true is None or asleep else now))
        await enqueue(connection, news if self._by_sms else [], now)
        if self._listener is not None and foretold:
            await self._listener.line_will_change(connection, foretold, now)
        return becomes

    def _foretold(self, true: _True, news: News) -> Foretold:
        life = true.life
        return Foretold(
            life.lane, life.id, life.zone, news.key, news.template, news.parameters, true.noted.due, self._by_sms
        )

    def _news(self, true: _True) -> News:
        noted, life = true.noted, true.life
        to_do = what_to_do(true.facts, true.ruling, true.reminder.exit, noted.due)
        parameters: dict[str, Parameter] = {
            "number": parse_msisdn(noted.msisdn or "").masked(),
            "status": Words("catalogue", f"shows_{true.ruling.rules.state(noted.entering).shows}"),
            "on": LocalDay(noted.due, life.zone),
        }
        if to_do:
            parameters["to_do"] = [
                Words("lines", to_do_message(one), {"least": one.least} if one.least else {}) for one in to_do
            ]
        return News(
            lane=life.lane,
            key=f"{life.id}:reminder:{noted.due.isoformat()}:{noted.days}",
            sealed_address=self._keyring.seal(f"tel:{noted.msisdn}".encode(), life.id),
            sealed_for=life.id,
            locale=_WRITES.get(true.country, _ELSEWHERE),
            template="line_changes" if to_do else "line_ends",
            parameters=parameters,
            daytime_of=life.zone,
            kind=AddressKind.SMS,
            until=noted.due,
        )


def _still(
    noted: _Noted,
    found: Mapping[str, Life],
    held: Mapping[LineId, Sequence[Bucket]],
    snapshot: Snapshot,
    now: datetime,
) -> _True | None:
    """Whether a reminder is the one that holds now."""
    life = found.get(noted.line_id)
    carrier = snapshot.carrier(life.carrier_id) if life else None
    if life is None or carrier is None or noted.msisdn is None or noted.due <= now or life.status == "closed":
        return None
    ruling = ruling_of(carrier)
    facts = facts_of(life, ruling, held.get(life.id, ()), now)
    try:
        due = [one for one in all_reminders(ruling.rules, facts, zone_of(life.zone)) if one.at <= now]
    except StateUnknown:
        return None
    if not due or (due[-1].due, due[-1].days, due[-1].exit.to) != (noted.due, noted.days, noted.entering):
        return None
    return _True(noted, life, ruling, facts, due[-1], carrier.document.country)
