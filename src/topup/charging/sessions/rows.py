"""Sessions as they are kept: what each service of a session was granted, has used and cost, and holds of the line."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

import msgspec
from msgspec import Struct

from topup.catalogue.rates import Service
from topup.charging.rating import Carried, Charge
from topup.charging.usage.rows import FreePart
from topup.kernel.ids import LineId, SessionId
from topup.kernel.transitions import Transitions
from topup.platform.arrays import columns
from topup.platform.database import Connection


class SessionState(StrEnum):
    """Where a session is in its life."""

    OPEN = "open"
    """Something may be used."""
    RELEASED = "released"
    """Its client ended it: what was held and not used went back."""
    TIMED_OUT = "timed_out"
    """Nobody spoke of it in time: what was held and not reported as used went back."""


SESSION: Final = Transitions(
    SessionState.OPEN,
    {
        SessionState.OPEN: frozenset({SessionState.RELEASED, SessionState.TIMED_OUT}),
        SessionState.RELEASED: frozenset(),
        SessionState.TIMED_OUT: frozenset(),
    },
)


class Held(Struct, array_like=True):
    """A hold of the ledger on one bucket: `left` of it is promised still. Instants in seconds since 1970.

    `ends` is when the bucket's use ends (None: never), `until` when the ledger would release the hold by itself.
    """

    id: str
    bucket: str
    asset: str
    kind: str
    scope: str
    ends: float | None
    left: int
    until: float


class Part(Struct, array_like=True):
    """Charges of one kind, added up (usage.rows.Part)."""

    reason: str
    asset: str
    day: date
    bucket: str | None
    price: Decimal | None
    per: int | None
    amount: int
    quantity: int


class Free(Struct, array_like=True):
    """What was free for one reason, added up."""

    reason: str
    day: date
    quantity: int
    waived: Decimal | None


class Paid(Struct, array_like=True):
    """What was taken of one bucket."""

    bucket: str
    asset: str
    kind: str
    amount: int


class Meter(Struct, array_like=True):
    """One service of a session, which its client calls by a number (`group`).

    `used` was reported and rated, `granted` may be used beyond it. What is held is enough up to `covered` of it, at the
    price of `period`. `final`: there was no more to grant. `over` was used beyond what was granted, `unpaid` minor
    units of it nothing was left to pay for.
    """

    group: int
    service: Service
    country: str
    called: str | None
    rate_id: str
    began: float
    used: int = 0
    counted: int = 0
    rest: tuple[str, str, date] | None = None
    granted: int = 0
    covered: int = 0
    period: int = -1
    final: bool = False
    result: str = "granted"
    over: int = 0
    unpaid: int = 0
    holds: list[Held] = []
    parts: list[Part] = []
    free: list[Free] = []
    paid: list[Paid] = []

    @property
    def carried(self) -> Carried | None:
        """What the pieces so far leave below a minor unit."""
        if self.rest is None:
            return None
        return Carried(Fraction(int(self.rest[0]), int(self.rest[1])), self.rest[2])

    def carry(self, carried: Carried | None) -> None:
        """Keep that for the next piece."""
        if carried is None:
            self.rest = None
        else:
            self.rest = (str(carried.remainder.numerator), str(carried.remainder.denominator), carried.day)

    def note_charges(self, charges: Iterable[Charge]) -> None:
        """Add charges up."""
        for charge in charges:
            known = self._part(charge)
            if known is None:
                self.parts.append(
                    Part(
                        charge.reason,
                        charge.asset,
                        charge.day,
                        charge.bucket_id,
                        charge.price_minor,
                        charge.per,
                        charge.amount,
                        charge.quantity,
                    )
                )
            else:
                known.amount += charge.amount
                known.quantity += charge.quantity

    def _part(self, charge: Charge) -> Part | None:
        """Where a charge is added up: by day, as long as the days are few."""
        many = len(self.parts) >= MOST_PARTS
        for known in self.parts:
            if (
                known.reason == charge.reason
                and known.bucket == charge.bucket_id
                and (many or known.day == charge.day)
                and known.price == charge.price_minor
                and known.asset == charge.asset
            ):
                return known
        return None

    def note_free(self, parts: Iterable[FreePart]) -> None:
        """Add up what cost nothing."""
        for part in parts:
            many = len(self.free) >= MOST_PARTS
            fitting = (k for k in self.free if k.reason == part.reason and (many or k.day == part.day))
            known = next(fitting, None)
            if known is None:
                self.free.append(Free(part.reason, part.day, part.quantity, part.waived_minor))
            else:
                known.quantity += part.quantity
                waived = (known.waived or Decimal(0)) + (part.waived_minor or Decimal(0))
                known.waived = waived or None

    def note_paid(self, bucket: str, asset: str, kind: str, amount: int) -> None:
        """Add up what was taken of a bucket."""
        for known in self.paid:
            if known.bucket == bucket:
                known.amount += amount
                return
        self.paid.append(Paid(bucket, asset, kind, amount))

    def cost(self) -> dict[str, int]:
        """What was taken so far, by asset."""
        found: dict[str, int] = {}
        for paid in self.paid:
            found[paid.asset] = found.get(paid.asset, 0) + paid.amount
        return found


MOST_PARTS: Final = 64
"""Beyond it, charges of a kind are added up whatever the day: a session's row stays within bounds."""


class Session(Struct):
    """A row of `charging.usage_sessions`, whose columns say what each is."""

    lane: int
    id: SessionId
    line_id: LineId
    msisdn: str
    carrier_id: str
    catalogue_version: int
    opened_by: str
    client_key: str
    opening: bytes
    began_at: datetime
    state: SessionState
    sequence: int
    fingerprint: bytes
    answer: str
    meters: list[Meter]
    opened_at: datetime
    deadline: datetime
    look_at: datetime | None
    closed_at: datetime | None


class Standing(Struct):
    """How the line of a session stands: what a request that moves no hold needs to know of it."""

    status: str
    state: str
    zone: str
    active_at: datetime | None
    plan_blocks: list[str] | None = None


def instant(seconds: float | None) -> datetime | None:
    """A moment from the seconds since 1970."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


_NAMES: Final = tuple(field.name for field in msgspec.structs.fields(Session))
COLUMNS: Final = ", ".join(f"s.{name}" for name in _NAMES)
"""Of `charging.usage_sessions AS s`, as `made` takes them."""
_TYPES: Final = {
    "lane": "smallint",
    "catalogue_version": "integer",
    "sequence": "integer",
    "opening": "bytea",
    "fingerprint": "bytea",
    "began_at": "timestamptz",
    "opened_at": "timestamptz",
    "deadline": "timestamptz",
    "look_at": "timestamptz",
    "closed_at": "timestamptz",
}
# Texts go as one text with a line each, as in the ledger: an array of texts costs more to write, and to read.
_LOCKED: Final = f"""
SELECT s.*, l.status, l.state, l.zone, l.active_at, l.plan_blocks
FROM unnest(%s::smallint[], string_to_array(%s, E'\\n')) AS wanted (lane, id)
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM charging.usage_sessions AS s
    WHERE s.lane = wanted.lane AND s.id = wanted.id
    FOR NO KEY UPDATE
) AS s
JOIN lines.lines AS l ON l.lane = s.lane AND l.id = s.line_id
"""
_SEEN: Final = f"SELECT {COLUMNS} FROM charging.usage_sessions AS s WHERE s.lane = %s AND s.id = %s"
_INSERT: Final = f"""
INSERT INTO charging.usage_sessions ({", ".join(_NAMES)})
SELECT * FROM unnest({", ".join(f"%b::{_TYPES.get(name, 'text')}[]" for name in _NAMES)})
"""
_SAVE: Final = """
UPDATE charging.usage_sessions AS s
SET sequence = u.sequence, fingerprint = decode(u.fingerprint, 'hex'), answer = u.answer, meters = u.meters,
    deadline = u.deadline
FROM unnest(%s::smallint[], string_to_array(%s, E'\\n'), %s::integer[], string_to_array(%s, E'\\n'),
        string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'), %s::timestamptz[])
    AS u (lane, id, sequence, fingerprint, answer, meters, deadline)
WHERE s.lane = u.lane AND s.id = u.id
"""
_CLOSE: Final = """
UPDATE charging.usage_sessions AS s
SET sequence = u.sequence, fingerprint = u.fingerprint, answer = u.answer, meters = u.meters, state = u.state,
    look_at = NULL, closed_at = u.closed_at
FROM unnest(%b::smallint[], %b::text[], %b::integer[], %b::bytea[], %b::text[], %b::text[], %b::text[],
        %b::timestamptz[])
    AS u (lane, id, sequence, fingerprint, answer, meters, state, closed_at)
WHERE s.lane = u.lane AND s.id = u.id AND s.state = ANY (%b)
RETURNING s.id
"""
_LOOK_AGAIN: Final = """
UPDATE charging.usage_sessions AS s SET look_at = u.deadline
FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[]) AS u (lane, id, deadline)
WHERE s.lane = u.lane AND s.id = u.id
"""
_encode: Final = msgspec.json.Encoder().encode
_meters: Final = msgspec.json.Decoder(list[Meter]).decode
_METERS_AT: Final = _NAMES.index("meters")


async def locked(connection: Connection, places: Iterable[tuple[int, str]]) -> dict[str, tuple[Session, Standing]]:
    """Lock these sessions, given as (lane, id), in one order, so that none waits in a circle; unknown ones are not."""
    wanted = sorted(set(places))
    if not wanted:
        return {}
    cursor = connection.cursor(binary=True)
    lanes, identifiers = zip(*wanted, strict=True)
    await cursor.execute(_LOCKED, (_array(lanes), "\n".join(identifiers)), prepare=True)
    width = len(_NAMES)
    return {row[1]: (made(row[:width]), Standing(*row[width:])) for row in await cursor.fetchall()}


async def seen(connection: Connection, lane: int, session_id: str) -> Session | None:
    """A session without a lock, for showing."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(_SEEN, (lane, session_id))
    row = await cursor.fetchone()
    return made(row) if row else None


def made(row: Sequence[Any]) -> Session:
    """A session of its COLUMNS."""
    values = list(row)
    values[_METERS_AT] = _meters(values[_METERS_AT])
    session = Session(*values)
    session.state = SessionState(session.state)
    return session


async def look_again(connection: Connection, sessions: Sequence[Session]) -> None:
    """Have a sweep look at locked sessions at their deadlines, which lie in the future."""
    if sessions:
        await connection.execute(_LOOK_AGAIN, columns((s.lane, s.id, s.deadline) for s in sessions))


async def insert(connection: Connection, sessions: Sequence[Session]) -> None:
    """Write new sessions down."""
    if sessions:
        rows = [tuple(_said(session, name) for name in _NAMES) for session in sessions]
        await connection.execute(_INSERT, columns(rows))


async def save(connection: Connection, sessions: Sequence[Session]) -> None:
    """Write down what became of locked sessions."""
    going = [session for session in sessions if session.state is SessionState.OPEN]
    ended = [session for session in sessions if session.state is not SessionState.OPEN]
    if going:
        values = (
            _array(s.lane for s in going),
            "\n".join([s.id for s in going]),
            _array(s.sequence for s in going),
            "\n".join([s.fingerprint.hex() for s in going]),
            "\n".join([s.answer for s in going]),
            b"\n".join([_encode(s.meters) for s in going]).decode(),
            _array(s.deadline.isoformat() for s in going),
        )
        await connection.execute(_SAVE, values, prepare=True)
    if ended:
        closing = [
            (s.lane, s.id, s.sequence, s.fingerprint, s.answer, _encode(s.meters).decode(), s.state.value, s.closed_at)
            for s in ended
        ]
        sources = {source.value for session in ended for source in SESSION.sources(session.state)}
        cursor = await connection.execute(_CLOSE, (*columns(closing), sorted(sources)))
        if len(await cursor.fetchall()) != len(ended):
            raise RuntimeError("a session that was locked is not open any more")


def _array(values: Iterable[object]) -> str:
    return f"{{{','.join(map(str, values))}}}"


def _said(session: Session, name: str) -> Any:
    value = getattr(session, name)
    return _encode(value).decode() if name == "meters" else value
