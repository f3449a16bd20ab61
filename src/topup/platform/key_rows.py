"""The table of callers' keys, `platform.request_keys`: what is asked of it and written to it, for many keys at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, cast

from topup.kernel.errors import Conflict, Invalid, Problem
from topup.kernel.ids import lane_for
from topup.platform.arrays import columns, texts
from topup.platform.database import Connection

LEASE_S: Final = 30
"""How long a claim without an answer is taken for running; afterwards its work is taken for dead."""
KEEP_DAYS: Final = 7
"""How long an answer is kept: a key that is older than this is a new key."""

_LEASE: Final = timedelta(seconds=LEASE_S)

Row = tuple[int, str, str, str]
"""Lane, principal, route, key."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do the work of one key, until `LEASE_S` after `claimed_at`. `resource` is the id to create."""

    lane: int
    principal: str
    route: str
    key: str
    resource: str
    fingerprint: bytes
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer that was given: it is given again."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """One request under a caller's key.

    `route` is a template without ids; `content` is everything the answer depends on in a canonical spelling, path ids
    included; `resource` is the id to create if the key is new.
    """

    principal: str
    route: str
    key: str
    content: bytes
    resource: str

    def fingerprint(self) -> bytes:
        """SHA-256 of the route and the content."""
        return sha256(self.route.encode() + b"\0" + self.content).digest()


@dataclass(frozen=True, slots=True)
class LetGo:
    """A claim that is given up: forgotten, or only its lease ended."""

    claim: Claim
    forget: bool


@dataclass(frozen=True, slots=True)
class Unheard:
    """A claim that may have been written, and whose caller never heard of it: nobody works under its resource."""

    row: Row
    resource: str


def wish_of(request: KeyedRequest, now: datetime, *, lanes: int) -> Claim:
    """The claim that a request would have, if nobody has its key."""
    lane = lane_for(request.key, lanes)
    return Claim(lane, request.principal, request.route, request.key, request.resource, request.fingerprint(), now)


_STORE: Final = """
INSERT INTO platform.request_keys AS held
    (lane, principal, route, key, fingerprint, resource, claimed_at, status, body)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::text[],
                     %b::timestamptz[], %b::smallint[], %b::bytea[])
ON CONFLICT (lane, principal, route, key) DO UPDATE SET status = excluded.status, body = excluded.body
    WHERE held.status IS NULL AND held.resource = excluded.resource
"""


async def store_answers(connection: Connection, answers: Sequence[tuple[Claim, int, bytes]]) -> None:
    """Store (claim, HTTP status, body) inside the transaction of the work itself; the first answer of a key stays.

    An upsert and not a joined UPDATE: it goes through the unique index whatever the planner thinks of a young table.
    """
    if not answers:
        return
    ordered = sorted(answers, key=lambda answer: _row(answer[0]))
    await connection.execute(_STORE, columns((*_fields(claim), status, body) for claim, status, body in ordered))


async def forget_old(connection: Connection, *, now: datetime, limit: int = 1000) -> int:
    """Delete up to `limit` keys older than `KEEP_DAYS`; how many went."""
    cursor = await connection.execute(
        """
        DELETE FROM platform.request_keys WHERE ctid IN (
            SELECT ctid FROM platform.request_keys WHERE claimed_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)
        """,
        (now - timedelta(days=KEEP_DAYS), limit),
    )
    return cursor.rowcount


def _row(claim: Claim) -> Row:
    return (claim.lane, claim.principal, claim.route, claim.key)


def _fields(claim: Claim) -> tuple[object, ...]:
    return (*_row(claim), claim.fingerprint, claim.resource, claim.claimed_at)


async def look(
    connection: Connection, wishes: Sequence[Claim], now: datetime
) -> tuple[list[Claim | Stored | Problem], list[Claim]]:
    """For each wish the claim to work under, where its key is free or the work of whoever had it has died; else what
    stands under the key. And the claims of dead work as they stand. Nothing is written yet: `keep` does that.
    """
    first = {_row(wish): wish for wish in reversed(wishes)}
    held = await _held(connection, sorted(first))
    dead = {row: found for row, found in held.items() if _is_dead(found, first[row], now)}
    won = {row: wish for row, wish in first.items() if row not in held}
    won |= {row: Claim(*row, found.resource, found.fingerprint, now) for row, found in dead.items()}
    answers: list[Claim | Stored | Problem] = []
    for wish in wishes:
        claim = won.get(_row(wish))
        if claim is not None and claim.fingerprint == wish.fingerprint:
            answers.append(won.pop(_row(wish)))
        else:
            twin = first[_row(wish)]
            answers.append(
                _judge(wish, held.get(_row(wish)) or _Held(twin.fingerprint, twin.resource, now, None, None))
            )
    return answers, [Claim(*row, old.resource, old.fingerprint, old.claimed_at) for row, old in dead.items()]


async def keep(connection: Connection, claims: Sequence[tuple[Claim, int | None, bytes | None]]) -> None:
    """Write claims that `look` gave, each with its answer (HTTP status, body) or None for work that goes on. Raises
    SerializationFailure where somebody else took one of the keys meanwhile: the transaction is to be made anew.
    """
    if claims:
        # Sorted, so that two processes never wait for each other's keys in a circle.
        ordered = sorted(claims, key=lambda kept: _row(kept[0]))
        rows = texts((c.lane, c.principal, c.route, c.fingerprint.hex(), c.resource, s) for c, s, _ in ordered)
        # What a caller chose may hold anything.
        rest = columns((claim.key, claim.claimed_at, body) for claim, _, body in ordered)
        await connection.execute(_KEEP, (*rows, *rest, LEASE_S))


async def forget(connection: Connection, claims: Sequence[Claim]) -> None:
    """Free the keys of claims of dead work, as they stood, which was refused when it was done again."""
    await give_up(connection, [LetGo(claim, forget=True) for claim in claims])


_KEEP: Final = """
INSERT INTO platform.request_keys AS held
    (lane, principal, route, key, fingerprint, resource, claimed_at, status, body)
SELECT u.lane, u.principal, u.route, u.key, decode(u.fingerprint, 'hex'), u.resource, u.claimed_at, u.status, u.body
FROM unnest(string_to_array(%s, E'\\n')::smallint[], string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'),
    string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n', '')::smallint[],
    %b::text[], %b::timestamptz[], %b::bytea[])
    AS u (lane, principal, route, fingerprint, resource, status, key, claimed_at, body)
ON CONFLICT (lane, principal, route, key) DO UPDATE SET claimed_at = excluded.claimed_at, body = excluded.body,
    status = CASE
        WHEN held.status IS NULL AND held.resource = excluded.resource AND held.fingerprint = excluded.fingerprint
            AND abs(extract(epoch FROM held.claimed_at - excluded.claimed_at)) >= %s THEN excluded.status
        ELSE platform.key_taken()
    END
"""

_CLAIM: Final = """
INSERT INTO platform.request_keys (lane, principal, route, key, fingerprint, resource, claimed_at)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::text[], %b::timestamptz[])
ON CONFLICT (lane, principal, route, key) DO NOTHING
RETURNING lane, principal, route, key
"""


async def claim(connection: Connection, wishes: Sequence[Claim], now: datetime) -> list[Claim | Stored | Problem]:
    """Write claims of free keys, in a commit of their own: for each wish the claim, or what stands under its key."""
    # Sorted, so that two processes never wait for each other's keys in a circle.
    first = {_row(wish): wish for wish in reversed(wishes)}
    cursor = await connection.execute(_CLAIM, columns(_fields(first[row]) for row in sorted(first)))
    new = {cast("Row", tuple(row)) for row in await cursor.fetchall()}
    won = {row: first[row] for row in new}
    if len(won) == len(wishes):
        return list(wishes)
    return await _settle_conflicts(connection, wishes, won, now)


async def _settle_conflicts(
    connection: Connection, wishes: Sequence[Claim], won: dict[Row, Claim], now: datetime
) -> list[Claim | Stored | Problem]:
    held = await _held(connection, sorted({_row(wish) for wish in wishes}))
    won |= await _revive(connection, wishes, held, now)
    answers: list[Claim | Stored | Problem] = []
    for wish in wishes:
        # One wish of a key wins at most; its twins of the same flush see a request that runs.
        claim = won.get(_row(wish))
        if claim is not None and claim.fingerprint == wish.fingerprint:
            answers.append(won.pop(_row(wish)))
        else:
            answers.append(_judge(wish, held.get(_row(wish))))
    return answers


@dataclass(frozen=True, slots=True)
class _Held:
    fingerprint: bytes
    resource: str
    claimed_at: datetime
    status: int | None
    body: bytes | None


def _judge(wish: Claim, held: _Held | None) -> Stored | Problem:
    if held is not None and held.fingerprint != wish.fingerprint:
        return Invalid("key_reused")
    if held is None or held.status is None:
        # None: released between our look and theirs; the caller asks again and finds it free.
        return Conflict("request_running")
    return Stored(held.status, bytes(held.body or b""))


async def _held(connection: Connection, rows: Sequence[Row]) -> dict[Row, _Held]:
    """What stands under these keys. LATERAL and LIMIT 1, so that a young table cannot give a bad plan."""
    cursor = await connection.execute(
        """
        SELECT asked.lane, asked.principal, asked.route, asked.key, found.*
        FROM unnest(string_to_array(%s, E'\\n')::smallint[], string_to_array(%s, E'\\n'),
                    string_to_array(%s, E'\\n'), %b::text[]) AS asked (lane, principal, route, key),
        LATERAL (SELECT fingerprint, resource, claimed_at, status, body FROM platform.request_keys AS held
                 WHERE held.lane = asked.lane AND held.principal = asked.principal
                   AND held.route = asked.route AND held.key = asked.key LIMIT 1) AS found
        """,
        (*texts(row[:3] for row in rows), [row[3] for row in rows]),
    )
    return {(row[0], row[1], row[2], row[3]): _Held(*row[4:]) for row in await cursor.fetchall()}


async def _revive(
    connection: Connection, wishes: Sequence[Claim], held: dict[Row, _Held], now: datetime
) -> dict[Row, Claim]:
    """Claim again what was left by work that died."""
    claims: dict[Row, Claim] = {}
    for wish in sorted(wishes, key=_row):
        row, found = _row(wish), held.get(_row(wish))
        if found is None or not _is_dead(found, wish, now) or row in claims:
            continue
        cursor = await connection.execute(
            """
            UPDATE platform.request_keys SET claimed_at = %s
            WHERE lane = %s AND principal = %s AND route = %s AND key = %s AND status IS NULL AND claimed_at = %s
            RETURNING lane
            """,
            (now, *row, found.claimed_at),
        )
        # In a pipeline the number of rows is not known before they are fetched.
        if await cursor.fetchone():
            claims[row] = Claim(*row, found.resource, wish.fingerprint, now)
    return claims


def _is_dead(found: _Held, wish: Claim, now: datetime) -> bool:
    """Whether it is the same request without an answer, and its lease is over."""
    same = found.fingerprint == wish.fingerprint
    return same and found.status is None and abs(now - found.claimed_at) >= _LEASE


async def give_up(connection: Connection, items: Sequence[LetGo]) -> None:
    """Only the claim itself is given up: one that was claimed again meanwhile belongs to somebody else."""
    mine = "lane = %s AND principal = %s AND route = %s AND key = %s AND status IS NULL AND claimed_at = %s"
    for item in sorted(items, key=lambda item: _row(item.claim)):
        place = (*_row(item.claim), item.claim.claimed_at)
        if item.forget:
            await connection.execute(f"DELETE FROM platform.request_keys WHERE {mine}", place)
        else:
            await connection.execute(
                f"UPDATE platform.request_keys SET claimed_at = claimed_at - %s WHERE {mine}", (_LEASE, *place)
            )


async def disown(connection: Connection, items: Sequence[Unheard]) -> None:
    """Free the keys of claims that nobody heard of. Their resources were never told to anybody."""
    for item in sorted(items, key=lambda item: item.row):
        await connection.execute(
            "DELETE FROM platform.request_keys WHERE lane = %s AND principal = %s AND route = %s AND key = %s"
            " AND status IS NULL AND resource = %s",
            (*item.row, item.resource),
        )
