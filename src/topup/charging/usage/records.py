"""Usage sent as records: each rated and charged once by its id, whichever way and however often it comes.

Many records are one transaction. They are judged in memory, one after the other, by what their lines had when they
were read; then everything is written at once, or judged anew where somebody else was quicker in between (usage.anew).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from topup.catalogue.queries import Snapshot
from topup.charging.rating import RATE_MISSING, Usage
from topup.charging.usage.anew import SAVEPOINT, written
from topup.charging.usage.booking import (
    Account,
    Spending,
    Taken,
    bill_of,
    first_day,
    has_caps,
    items_of,
    spend,
    spendings_of,
    spent_since,
)
from topup.charging.usage.events import Event, crossings, left_of, tell
from topup.charging.usage.facts import LINE_UNKNOWN, LineOfUsage, lines_of_numbers, untimely
from topup.charging.usage.reading import UsageRecord
from topup.charging.usage.rows import Place, UsageRow, row_of, write
from topup.kernel.errors import Problem, WhoMustAct
from topup.kernel.ids import LineId, lane_for
from topup.kernel.money import exponent
from topup.ledger import Debit, PostingRefused, post
from topup.lines import lives
from topup.lines.living import Happened, happen
from topup.lines.queries import LineRef
from topup.platform.arrays import columns
from topup.platform.database import Connection

ID_REUSED: Final = "usage_id_reused"

_US: Final = frozenset({RATE_MISSING})

_CLAIMED: Final = """
SELECT c.id, c.fingerprint, c.line_lane, c.line_id, c.at
FROM unnest(%b::smallint[], %b::text[]) AS wanted (lane, id)
JOIN charging.usage_claims AS c ON c.lane = wanted.lane AND c.id = wanted.id
"""
_CLAIM: Final = """
INSERT INTO charging.usage_claims (lane, id, fingerprint, line_lane, line_id, at)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::bytea[], %b::smallint[], %b::text[], %b::timestamptz[])
ON CONFLICT DO NOTHING RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Rated:
    """A record that was charged for just now."""

    row: UsageRow


@dataclass(frozen=True, slots=True)
class Known:
    """A record that was charged for before: what became of it is kept there."""

    place: Place


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that changed nothing: `code` says why, `who` must act. Its id is free.

    `line_unknown`, `line_barred`, `line_closed`, `line_blocked`, `usage_before_line`, `usage_in_future`,
    `rate_missing`, `usage_too_long`, `insufficient_funds` and `bucket_frozen` (with `needed` and `currency`),
    `usage_id_reused` (the id is of a record that says something else). What is no record says so by a code of its
    reader's, and has no `id` where that cannot be read.
    """

    id: str
    code: str
    who: WhoMustAct
    parameters: dict[str, str | int] = field(default_factory=dict)

    @classmethod
    def by(cls, identifier: str, problem: Problem) -> "Refused":
        """A record that could not be read."""
        said = {name: value if isinstance(value, int) else str(value) for name, value in problem.parameters.items()}
        return cls(identifier, problem.code, problem.who_must_act, said)


Outcome = Rated | Known | Refused


@dataclass(frozen=True, slots=True)
class _Claim:
    fingerprint: bytes
    place: Place


async def rate_records(
    connection: Connection, records: Sequence[UsageRecord], now: datetime, *, snapshot: Snapshot, lanes: int
) -> list[Outcome]:
    """Charge for records, in the caller's transaction; what became of each, in order.

    Records of one line are charged for in the order given. It posts to the ledger: make it the last.
    """
    await connection.execute(SAVEPOINT, prepare=False)

    async def judged(_anew: bool) -> _Judging:  # noqa: FBT001 - as `written` asks
        judging = _Judging(now, lanes, await _claims(connection, records, lanes), snapshot)
        await judging.judge(connection, records)
        return judging

    return (await written(connection, now, judged)).outcomes


async def _claims(connection: Connection, records: Iterable[UsageRecord], lanes: int) -> dict[str, _Claim]:
    """The records of these ids that were charged for already."""
    rows = [(lane_for(identifier, lanes), identifier) for identifier in {record.id for record in records}]
    if not rows:
        return {}
    cursor = await connection.execute(_CLAIMED, columns(rows))
    return {
        identifier: _Claim(fingerprint, Place(line_lane, LineId(line_id), at, identifier))
        for identifier, fingerprint, line_lane, line_id, at in await cursor.fetchall()
    }


class _Judging:
    """Records judged one after the other, and what they come to."""

    def __init__(self, now: datetime, lanes: int, claims: dict[str, _Claim], snapshot: Snapshot) -> None:
        self._now = now
        self._lanes = lanes
        self._claims = claims
        self._snapshot = snapshot
        self.outcomes: list[Outcome] = []
        self.lines: dict[str, LineOfUsage] = {}
        self.accounts: dict[LineId, Account] = {}
        self.items: list[Debit] = []
        self.rows: list[UsageRow] = []
        self.claims: list[tuple[Any, ...]] = []

    async def judge(self, connection: Connection, records: Sequence[UsageRecord]) -> None:
        """Say what becomes of each record."""
        await self._look(connection, records)
        self.outcomes = [self._judge(record) for record in records]

    async def write(self, connection: Connection) -> bool:
        """Write what was judged; False where it was not so any more, and the caller has to undo it."""
        return await _write(connection, self, self._now, self._snapshot)

    @property
    def refs(self) -> list[LineRef]:
        """The lines of the records that are new."""
        return [line.ref for line in self.lines.values()]

    async def _look(self, connection: Connection, records: Sequence[UsageRecord]) -> None:
        """Read the lines of the records that are new."""
        new = [record for record in records if record.id not in self._claims]
        if not new:
            return
        numbers = [record.msisdn for record in new]
        self.lines = await lines_of_numbers(connection, numbers, self._now, snapshot=self._snapshot)
        since: dict[LineRef, date] = {}
        for record in new:
            line = self.lines.get(record.msisdn)
            if line is not None and has_caps(line):
                day = first_day(line, record.at)
                since[line.ref] = min(day, since.get(line.ref, day))
        spent = await spent_since(connection, since)
        self.accounts = {line.ref.id: Account(line, spent.get(line.ref.id, {})) for line in self.lines.values()}

    def _judge(self, record: UsageRecord) -> Outcome:
        """What becomes of a record, after those before it."""
        fingerprint = record.fingerprint
        known = self._claims.get(record.id)
        if known is not None:
            same = known.fingerprint == fingerprint
            return Known(known.place) if same else _refused(record, ID_REUSED)
        line = self.lines.get(record.msisdn)
        if line is None:
            return _refused(record, LINE_UNKNOWN)
        code = line.refusal(record.service) or untimely(line, record.at, self._now)
        return _refused(record, code) if code else self._rate(record, line, fingerprint)

    def _rate(self, record: UsageRecord, line: LineOfUsage, fingerprint: bytes) -> Outcome:
        account = self.accounts[line.ref.id]
        country = record.country or line.country
        usage = Usage(record.service, record.quantity, record.at, country, record.called)
        rating = account.rated(usage)
        tariff = line.rate_book.find(service=record.service, country=country, called=record.called)
        if rating.refused is not None or tariff is None:
            return _refused(record, rating.refused or RATE_MISSING)
        bill = bill_of(rating, line, tariff)
        short = account.short(bill, tariff)
        if short is not None:
            # It may be more than an amount of ours can be.
            needed = Decimal(short.needed_minor).scaleb(-exponent(line.currency))
            return _refused(record, short.code, needed=f"{needed:f}", currency=line.currency)
        taken = account.take(bill, tariff)
        row = row_of(
            line,
            tariff,
            rating,
            taken,
            identifier=record.id,
            source=record.source,
            msisdn=record.msisdn,
            country=country,
            called=record.called,
            quantity=record.quantity,
            at=record.at,
            now=self._now,
        )
        self._keep(row, taken, line, fingerprint)
        return Rated(row)

    def _keep(self, row: UsageRow, taken: Sequence[Taken], line: LineOfUsage, fingerprint: bytes) -> None:
        self.items += items_of(line, taken, key=f"usage:{row.id}", reference=row.id)
        self.rows.append(row)
        self._claims[row.id] = _Claim(fingerprint, Place(row.lane, row.line_id, row.at, row.id))
        lane = lane_for(row.id, self._lanes)
        self.claims.append((lane, row.id, fingerprint, row.lane, row.line_id, row.at))

    @property
    def spendings(self) -> list[Spending]:
        """What capped days cost more."""
        return [spending for account in self.accounts.values() for spending in spendings_of(account)]

    @property
    def charged(self) -> dict[LineId, list[UsageRow]]:
        """The usages for which something was taken, by line."""
        found: dict[LineId, list[UsageRow]] = {}
        for row in self.rows:
            if row.paid:
                found.setdefault(row.line_id, []).append(row)
        return found

    @property
    def happened(self) -> list[Happened]:
        """What the lives of the lines are to hear of."""
        heard = []
        for line_id in self.charged:
            account = self.accounts[line_id]
            line = account.line
            # Money came to its end; the activity of the day goes with it, or is heard of at the next usage.
            if line.hears_of_funds and line.money and not any(account.rest[p.bucket_id] for p in line.money):
                heard.append(Happened(line.ref, "funds"))
            if line.hears_of_activity(self._now):
                heard.append(Happened(line.ref, "activity"))
        return heard


async def _write(connection: Connection, judging: _Judging, now: datetime, snapshot: Snapshot) -> bool:
    """Write what was judged; False where it was not so any more, and the caller has to undo it."""
    if not judging.rows:
        return True
    heard = judging.happened
    # Locked before the ledger's lane, as whoever looks after lines does it.
    await lives.locked(connection, [(happened.line.lane, str(happened.line.id)) for happened in heard])
    if any(isinstance(answer, PostingRefused) for answer in await post(connection, judging.items, now)):
        return False
    claimed = await connection.execute(_CLAIM, columns(sorted(judging.claims)))
    if len(await claimed.fetchall()) != len(judging.claims) or not await spend(connection, judging.spendings):
        return False
    await write(connection, judging.rows)
    await _tell(connection, judging, now)
    await happen(connection, heard, now, snapshot=snapshot)
    return True


async def _tell(connection: Connection, judging: _Judging, now: datetime) -> None:
    """Tell what fell below its mark. The lanes are ours by now: what is left and what was taken make what was."""
    charged = judging.charged
    lines = {line_id: judging.accounts[line_id].line for line_id in charged}
    left = await left_of(connection, [line.ref for line in lines.values()], now)
    events: list[Event] = []
    for line_id, rows in charged.items():
        line, after = lines[line_id], left.get(line_id, {})
        before = dict(after)
        for part in (part for row in rows for part in row.paid):
            before[part.asset] = before.get(part.asset, 0) + part.amount
        events += [
            Event(line.ref, crossing.name, f"{crossing.asset}:{rows[-1].id}", crossing.facts)
            for crossing in crossings(before, after, line.carrier.marks.low)
        ]
    await tell(connection, events, now)


def _refused(record: UsageRecord, code: str, **parameters: str | int) -> Refused:
    return Refused(record.id, code, WhoMustAct.US if code in _US else WhoMustAct.YOU, parameters)
