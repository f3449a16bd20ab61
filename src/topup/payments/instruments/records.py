"""What is kept of instruments, and of the payments with which they are to be kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from topup.kernel.errors import NotFound
from topup.kernel.ids import check_id, lane_of, new_id
from topup.kernel.money import Money
from topup.payments.instruments import agreements
from topup.payments.instruments.ports import Terms
from topup.payments.ports import Instrument
from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

MOST: Final = 10
"""Of one subscriber: of more the oldest is removed."""
FIRST_LOOK: Final = timedelta(seconds=20)
_BACK_OFF: Final = (timedelta(seconds=20), timedelta(minutes=2), timedelta(minutes=15), timedelta(hours=2))
_LATEST: Final = timedelta(hours=12)

_WANT: Final = """
INSERT INTO payments.keepings (lane, payment_id, subscriber_id, ask_at)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::timestamptz[])
ON CONFLICT DO NOTHING
"""
_DUE: Final = """
SELECT k.lane, k.payment_id, k.subscriber_id, k.asked, p.method, p.state
FROM payments.keepings AS k JOIN payments.payments AS p ON p.lane = k.lane AND p.id = k.payment_id
WHERE k.ask_at <= %s ORDER BY k.ask_at LIMIT %s FOR UPDATE OF k SKIP LOCKED
"""
_LATER: Final = """
UPDATE payments.keepings SET ask_at = %s, asked = asked + 1 WHERE lane = %s AND payment_id = %s
"""
_DONE: Final = "DELETE FROM payments.keepings WHERE lane = %s AND payment_id = %s"
_KEEP: Final = """
INSERT INTO payments.instruments (lane, id, subscriber_id, method, mark, token, label, kept_at, removed_at, forget_at)
VALUES (%(lane)s, %(id)s, %(subscriber)s, %(method)s, %(mark)s, %(token)s, %(label)s, %(now)s, %(gone)s, %(gone)s)
ON CONFLICT (lane, subscriber_id, mark) DO NOTHING
"""
_KEPT: Final = """
SELECT i.id, i.subscriber_id, i.method, i.label, i.kept_at, i.removed_at, i.token, a.most_minor, a.currency,
    a.every_days
FROM payments.instruments AS i LEFT JOIN payments.agreements AS a ON a.lane = i.lane AND a.id = i.id
"""
_OF: Final = f"""
{_KEPT} WHERE i.lane = %s AND i.subscriber_id = %s AND i.removed_at IS NULL ORDER BY i.kept_at DESC, i.id DESC
"""
_ONE: Final = f"{_KEPT} WHERE i.lane = %s AND i.id = %s AND i.removed_at IS NULL"
_REMOVE: Final = """
UPDATE payments.instruments SET removed_at = %(now)s, forget_at = %(now)s
WHERE lane = %(lane)s AND id = %(id)s AND subscriber_id = %(subscriber)s AND removed_at IS NULL RETURNING id
"""
_AGREED_NO_MORE: Final = "DELETE FROM payments.agreements WHERE lane = %s AND id = %s"
_REMOVE_ALL: Final = """
UPDATE payments.instruments SET removed_at = coalesce(removed_at, %(now)s), forget_at = coalesce(forget_at, %(now)s)
WHERE lane = %(lane)s AND subscriber_id = %(subscriber)s
"""
_FORGET_DUE: Final = """
SELECT lane, id, method, token, asked FROM payments.instruments
WHERE forget_at <= %s ORDER BY forget_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
_FORGET_LATER: Final = """
UPDATE payments.instruments SET forget_at = %s, asked = asked + 1 WHERE lane = %s AND id = %s
"""
_FORGOTTEN: Final = "DELETE FROM payments.instruments WHERE lane = %s AND id = %s AND removed_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Keeping:
    """A payment with which an instrument is to be kept, and how that payment stands."""

    lane: int
    payment_id: str
    subscriber_id: str
    asked: int
    method: str
    state: str


@dataclass(frozen=True, slots=True)
class Kept:
    """An instrument as its owner knows it: a card, or with `terms` an agreement with a wallet. `sealed` is its token,
    for `token_of`.
    """

    id: str
    subscriber_id: str
    method: str
    label: str
    kept_at: datetime
    removed_at: datetime | None
    sealed: bytes = field(repr=False)
    terms: Terms | None = None


@dataclass(frozen=True, slots=True)
class Forgetting:
    """An instrument that was removed, and that its gateway is to let go of."""

    lane: int
    id: str
    method: str
    sealed: bytes = field(repr=False)
    asked: int


def put_off(asked: int) -> timedelta:
    """How long to wait after the question number `asked`, counted from nought."""
    return _BACK_OFF[asked] if asked < len(_BACK_OFF) else _LATEST


async def want(connection: Connection, payments: Sequence[tuple[int, str, str]], now: datetime) -> None:
    """Note payments (lane, id) with which a subscriber leaves an instrument, in the transaction they begin in."""
    if payments:
        await connection.execute(_WANT, columns([(*one, now + FIRST_LOOK) for one in payments]))


async def due(connection: Connection, limit: int, now: datetime) -> list[Keeping]:
    """Up to `limit` to ask about, each put off by its back-off, so that no other process asks as well."""
    rows = await (await connection.execute(_DUE, (now, limit))).fetchall()
    found = [Keeping(*row) for row in rows]
    for one in found:
        await connection.execute(_LATER, (now + put_off(one.asked), one.lane, one.payment_id))
    return found


async def settled(connection: Connection, keeping: Keeping) -> None:
    """Nothing more is to be asked about it."""
    await connection.execute(_DONE, (keeping.lane, keeping.payment_id))


async def keep(
    connection: Connection,
    keys: KeyRing,
    *,
    subscriber_id: str,
    method: str,
    instrument: Instrument,
    now: datetime,
    agreed: str | None = None,
    removed: bool = False,
) -> None:
    """Keep an instrument; the same again, also one that was removed since, changes nothing. Of more than MOST the
    oldest is removed. Who calls has seen that the account is there and stays. `agreed`: the id under which it was
    agreed to with a wallet; `removed`: nobody wants it any more, and its gateway is told.
    """
    instrument_id = agreed or new_id("instrument", lane_of(subscriber_id))
    lane = lane_of(instrument_id)
    row: dict[str, Any] = {
        "lane": lane,
        "id": instrument_id,
        "subscriber": subscriber_id,
        "method": method,
        "mark": keys.pseudonym(f"instrument:{method}:{instrument.token}"),
        "token": keys.seal(instrument.token.encode(), instrument_id),
        "label": instrument.label,
        "now": now,
        "gone": now if removed else None,
    }
    await connection.execute(_KEEP, row)
    if removed:
        return
    for one in (await kept_by(connection, subscriber_id=subscriber_id))[MOST:]:
        await remove(connection, subscriber_id=subscriber_id, instrument_id=one.id, now=now)


async def kept_by(connection: Connection, *, subscriber_id: str) -> list[Kept]:
    """What somebody left, newest first."""
    rows = await (await connection.execute(_OF, (lane_of(subscriber_id), subscriber_id))).fetchall()
    return [_kept(row) for row in rows]


async def instrument(connection: Connection, *, subscriber_id: str, instrument_id: str) -> Kept:
    """One that its owner may use. Raises InvalidId, and NotFound `instrument_unknown`, also for somebody else's."""
    check_id("instrument", instrument_id)
    row = await (await connection.execute(_ONE, (lane_of(instrument_id), instrument_id))).fetchone()
    if row is None or row[1] != subscriber_id:
        raise NotFound("instrument_unknown")
    return _kept(row)


async def agreed(connection: Connection, agreement_id: str) -> Kept | None:
    """What came of an agreement, for who asks the wallet about it; None once it was removed."""
    row = await (await connection.execute(_ONE, (lane_of(agreement_id), agreement_id))).fetchone()
    return _kept(row) if row else None


def token_of(kept: Kept | Forgetting, keys: KeyRing) -> str:
    """The token, for the gateway alone. Raises CannotOpen."""
    return keys.unseal(kept.sealed, kept.id).decode()


async def remove(connection: Connection, *, subscriber_id: str, instrument_id: str, now: datetime) -> None:
    """Use it no more. Raises InvalidId, NotFound `instrument_unknown`."""
    check_id("instrument", instrument_id)
    where = {"lane": lane_of(instrument_id), "id": instrument_id, "subscriber": subscriber_id, "now": now}
    if await (await connection.execute(_REMOVE, where)).fetchone() is None:
        raise NotFound("instrument_unknown")
    await connection.execute(_AGREED_NO_MORE, (where["lane"], instrument_id))


async def remove_all(connection: Connection, *, subscriber_id: str, now: datetime) -> None:
    """Use none of somebody's any more, and keep none that is being left just now."""
    where = {"lane": lane_of(subscriber_id), "subscriber": subscriber_id, "now": now}
    await connection.execute(_REMOVE_ALL, where)
    await connection.execute("DELETE FROM payments.keepings WHERE subscriber_id = %s", [subscriber_id])
    await agreements.forget_all(connection, subscriber_id=subscriber_id, now=now)


async def to_forget(connection: Connection, limit: int, now: datetime) -> list[Forgetting]:
    """Up to `limit` that gateways are to be told of, each put off as in `due`."""
    rows = await (await connection.execute(_FORGET_DUE, (now, limit))).fetchall()
    found = [Forgetting(*row) for row in rows]
    for one in found:
        await connection.execute(_FORGET_LATER, (now + put_off(one.asked), one.lane, one.id))
    return found


async def forgotten(connection: Connection, one: Forgetting) -> None:
    """Its gateway has let go of it: nothing is kept of it."""
    await connection.execute(_FORGOTTEN, (one.lane, one.id))


def _kept(row: Any) -> Kept:
    id_, subscriber_id, method, label, kept_at, removed_at, sealed, most_minor, currency, every_days = row
    terms = Terms(Money(most_minor, currency), every_days) if every_days else None
    return Kept(id_, subscriber_id, method, label, kept_at, removed_at, sealed, terms)
