"""What is kept of agreements with wallets, from when one is asked for until it has ended."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import check_id, lane_of
from topup.kernel.money import Money
from topup.payments.instruments.ports import Terms
from topup.platform.database import Connection

MOST: Final = 5
"""Of one subscriber, with those that are not signed yet."""
OFFERED_FOR: Final = timedelta(days=1)
"""How long its owner may take to sign one."""
_FIRST: Final = timedelta(seconds=20)
_BACK_OFF: Final = (timedelta(seconds=20), timedelta(seconds=40), timedelta(minutes=2), timedelta(minutes=15))
_LATEST: Final = timedelta(hours=2)
AGAIN: Final = timedelta(days=1)
"""How soon one that is signed is asked about again, for who ends it in the wallet may not be heard of."""

_COLUMNS: Final = """
id, subscriber_id, method, most_minor, currency, every_days, state, begins_at, asked, ask_at, told_ended
"""
_COUNT: Final = "SELECT count(*) FROM payments.agreements WHERE lane = %s AND subscriber_id = %s AND id <> %s"
_WANT: Final = """
INSERT INTO payments.agreements (lane, id, subscriber_id, method, most_minor, currency, every_days, state, begins_at,
    ask_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'wanted', %s, %s) ON CONFLICT DO NOTHING
"""
_WANTED: Final = f"""
SELECT {_COLUMNS} FROM payments.agreements
WHERE lane = %s AND subscriber_id = %s AND state = 'wanted' ORDER BY begins_at, id
"""
_DUE: Final = f"""
SELECT {_COLUMNS} FROM payments.agreements WHERE ask_at <= %s ORDER BY ask_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
_ONE: Final = f"SELECT {_COLUMNS} FROM payments.agreements WHERE lane = %s AND id = %s FOR UPDATE"
_LATER: Final = "UPDATE payments.agreements SET ask_at = %s, asked = asked + 1 WHERE lane = %s AND id = %s"
# What was told while the wallet was asked has it asked at once: that stays so.
_SIGNED: Final = """
UPDATE payments.agreements SET state = 'signed', asked = 0, ask_at = CASE WHEN ask_at = %s THEN %s ELSE ask_at END
WHERE lane = %s AND id = %s
"""
_TOLD: Final = """
UPDATE payments.agreements SET ask_at = %s, told_ended = told_ended OR %s
WHERE lane = %s AND id = %s AND method = %s RETURNING id
"""
_CALL_OFF: Final = """
UPDATE payments.agreements SET state = 'called_off', ask_at = %s
WHERE lane = %s AND id = %s AND subscriber_id = %s AND state = 'wanted' RETURNING id
"""
_CALL_ALL_OFF: Final = """
UPDATE payments.agreements SET state = 'called_off', subscriber_id = '', ask_at = %s
WHERE lane = %s AND subscriber_id = %s AND state <> 'signed'
"""
_OVER: Final = "DELETE FROM payments.agreements WHERE lane = %s AND id = %s"
_ALL_OVER: Final = "DELETE FROM payments.agreements WHERE lane = %s AND subscriber_id = %s"


class AgreementState(StrEnum):
    """An agreement as it stands here."""

    WANTED = "wanted"
    """Its owner was sent to the wallet, where it is to be signed."""
    SIGNED = "signed"
    CALLED_OFF = "called_off"
    """Not wanted any more: should it be signed all the same, it is ended."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement as it is kept; its id is that of the instrument that comes of it."""

    id: str
    subscriber_id: str
    method: str
    terms: Terms
    state: AgreementState
    begins_at: datetime
    asked: int
    ask_at: datetime | None = None
    """When it is asked about next."""
    told_ended: bool = False
    """The wallet told that it ended."""

    @property
    def lane(self) -> int:
        """The lane it lies in."""
        return lane_of(self.id)

    def is_offered(self, now: datetime) -> bool:
        """Whether it may still be signed."""
        return now - self.begins_at <= OFFERED_FOR


async def want(connection: Connection, one: Agreement) -> None:
    """Write down that it is asked for, once. Raises Conflict `agreements_too_many`."""
    row = await (await connection.execute(_COUNT, (one.lane, one.subscriber_id, one.id))).fetchone()
    if row is None or row[0] >= MOST:
        raise Conflict("agreements_too_many", most=MOST)
    most, days = one.terms.most, one.terms.every_days
    terms = (most.amount_minor, most.currency, days, one.begins_at, one.begins_at + _FIRST)
    await connection.execute(_WANT, (one.lane, one.id, one.subscriber_id, one.method, *terms))


async def wanted_by(connection: Connection, *, subscriber_id: str) -> list[Agreement]:
    """What somebody has not signed yet, oldest first."""
    rows = await (await connection.execute(_WANTED, (lane_of(subscriber_id), subscriber_id))).fetchall()
    return [_agreement(row) for row in rows]


async def due(connection: Connection, limit: int, now: datetime) -> list[Agreement]:
    """Up to `limit` to ask about, each put off, so that no other process asks as well."""
    found = [_agreement(row) for row in await (await connection.execute(_DUE, (now, limit))).fetchall()]
    put_off: list[Agreement] = []
    for one in found:
        later = _BACK_OFF[one.asked] if one.asked < len(_BACK_OFF) else _LATEST
        await connection.execute(_LATER, (now + later, one.lane, one.id))
        put_off.append(replace(one, ask_at=now + later))
    return put_off


async def locked(connection: Connection, agreement_id: str) -> Agreement | None:
    """One as it is now, until the transaction ends."""
    row = await (await connection.execute(_ONE, (lane_of(agreement_id), agreement_id))).fetchone()
    return _agreement(row) if row else None


async def signed(connection: Connection, asked: Agreement, now: datetime) -> None:
    """It holds, by the answer about `asked`, one that was `due`; it is asked about again after AGAIN, or at once where
    the wallet has told something since.
    """
    await connection.execute(_SIGNED, (asked.ask_at, now + AGAIN, asked.lane, asked.id))


async def told(connection: Connection, agreement_id: str, method: str, now: datetime, *, ended: bool = False) -> bool:
    """The wallet said that it began or ended: it is asked about at once. Whether it is known."""
    found = await connection.execute(_TOLD, (now, ended, lane_of(agreement_id), agreement_id, method))
    return await found.fetchone() is not None


async def call_off(connection: Connection, *, subscriber_id: str, agreement_id: str, now: datetime) -> None:
    """It is not to be signed any more. Raises InvalidId, NotFound `instrument_unknown`."""
    place = (lane_of(check_id("instrument", agreement_id)), agreement_id)
    if await (await connection.execute(_CALL_OFF, (now, *place, subscriber_id))).fetchone() is None:
        raise NotFound("instrument_unknown")


async def forget_all(connection: Connection, *, subscriber_id: str, now: datetime) -> None:
    """Of an account that ends: what may yet be signed is watched for a day, without who it was."""
    lane = lane_of(subscriber_id)
    await connection.execute(_CALL_ALL_OFF, (now, lane, subscriber_id))
    await connection.execute(_ALL_OVER, (lane, subscriber_id))


async def over(connection: Connection, agreement_id: str) -> None:
    """It has ended, or will not be signed."""
    await connection.execute(_OVER, (lane_of(agreement_id), agreement_id))


def _agreement(row: Any) -> Agreement:
    id_, subscriber_id, method, most_minor, currency, every_days, state, begins_at, asked, *told = row
    terms = Terms(Money(most_minor, currency), every_days)
    return Agreement(id_, subscriber_id, method, terms, AgreementState(state), begins_at, asked, *told)
