"""One-time codes: six digits, ten minutes, five tries, bound to the number, the purpose, and the page that asked.

Promise (G26): each code opens once, and only what it was sent for. How many are sent is limited by number, by address,
by range, by country and in all, counted exactly, also when many ask at once. A try is counted before it is compared.
The code itself is stored nowhere: its HMAC is, and the message holds it sealed.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import ceil
from typing import Final

from topup.kernel.errors import Invalid, Throttled
from topup.kernel.ids import is_id, lane_for, new_id
from topup.kernel.msisdn import Msisdn
from topup.notifications.operations import News, enqueue
from topup.notifications.ports import kind_of
from topup.notifications.templates import Secret
from topup.platform.database import Connection, Database, Transaction
from topup.platform.keys import KeyRing

DIGITS: Final = 6
LASTS: Final = timedelta(minutes=10)
TRIES: Final = 5
KEPT: Final = timedelta(hours=24)
"""The longest time that is counted over."""
_HOUR: Final = timedelta(hours=1)
_NOWHERE: Final = "--"
"""The country of an e-mail address."""


class Purpose(StrEnum):
    """What a code is for; it opens nothing else."""

    ENTER = "enter"
    """Come in: sign in, or register."""
    BIND = "bind"
    """Add a line to one's account."""
    CONFIRM = "confirm"
    """Show once more that it is oneself, before something grave."""
    NUMBER = "number"
    """Give one's account another number."""
    EMAIL = "email"
    """Give one's account an address."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` codes in any span of `per`, of those that have the same `column` (None: of all)."""

    column: str | None
    most: int
    per: timedelta


Limits = tuple[Limit, ...]
PER_ADDRESS: Final = 30


def limits(*, per_address: int = PER_ADDRESS) -> Limits:
    """How many codes are sent. An address gets `per_address` in an hour and four times that in a day: it may be a whole
    carrier's gateway. A range is ten thousand numbers: who pumps messages into one (toll fraud) is stopped there first.
    """
    return (
        Limit("to_whom", 1, timedelta(minutes=1)),
        Limit("to_whom", 5, _HOUR),
        Limit("to_whom", 10, KEPT),
        Limit("from_where", per_address, _HOUR),
        Limit("from_where", per_address * 4, KEPT),
        Limit("range", 60, _HOUR),
        Limit("country", 2_000, _HOUR),
        Limit(None, 5_000, _HOUR),
    )


LIMITS: Final = limits()

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('people.codes', 0))"
_INSERT = """
INSERT INTO people.codes
    (id, purpose, about, destination, to_whom, from_where, range, country, code, created_at, expires_at)
VALUES (%(id)s, %(purpose)s, %(about)s, %(destination)s, %(to_whom)s, %(from_where)s, %(range)s, %(country)s, %(code)s,
    %(now)s, %(expires_at)s)
"""
_TRY = """
UPDATE people.codes SET tries = tries + 1
WHERE id = %(id)s AND purpose = %(purpose)s AND about IS NOT DISTINCT FROM %(about)s
    AND used_at IS NULL AND expires_at > %(now)s AND tries < %(tries)s
RETURNING code, destination, tries
"""
_USE = "UPDATE people.codes SET used_at = %s WHERE id = %s AND used_at IS NULL RETURNING id"
_FORGET = """
DELETE FROM people.codes WHERE id IN
    (SELECT id FROM people.codes WHERE created_at < %s ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody asks for a code: for what, to where, and from where. `about` is the subscriber who is signed in."""

    purpose: Purpose
    destination: Msisdn | str
    """A number, or an e-mail address as `people.contacts.parse_contact` gives it."""
    address: str
    locale: str
    about: str | None = None

    @property
    def to(self) -> str:
        """As `notifications.ports` writes addresses."""
        return f"tel:{self.destination.e164}" if isinstance(self.destination, Msisdn) else self.destination


WRONG: Final = "sent_code_wrong"
OVER: Final = "sent_code_over"


class CodeRefused(Invalid):
    """WRONG: not the code; it may be typed again. OVER: nothing that is typed opens anything any more; why is not told,
    and another code helps.
    """


async def ask(database: Database, keyring: KeyRing, wish: Wish, *, lanes: int, limited: Limits = LIMITS) -> str:
    """Send a code; gives the ticket that must come with it. Nothing depends on whether there is an account.

    Raises Throttled `too_many_codes`.
    """
    async with database.transaction() as transaction:
        return await _sent(transaction, keyring, wish, lanes=lanes, limited=limited)


async def _sent(transaction: Transaction, keyring: KeyRing, wish: Wish, *, lanes: int, limited: Limits) -> str:
    connection, now = transaction.connection, transaction.now
    counted = _counted(keyring, wish)
    await connection.execute(_LOCK)
    await _admit(connection, counted, limited, now)
    ticket = new_id("code", 0)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    parameters = {
        "id": ticket,
        "purpose": wish.purpose.value,
        "about": wish.about,
        "destination": keyring.seal(wish.to.encode(), ticket),
        "code": _hash(keyring, ticket, wish.purpose, wish.to, code),
        "now": now,
        "expires_at": now + LASTS,
    }
    await connection.execute(_INSERT, parameters | counted)
    news = News(
        lane=lane_for(wish.to, lanes),
        key=ticket,
        sealed_address=keyring.seal(wish.to.encode(), ticket),
        sealed_for=ticket,
        locale=wish.locale,
        template=f"code_{wish.purpose.value}",
        parameters={"code": Secret(keyring.seal(code.encode(), ticket)), "minutes": int(LASTS.total_seconds()) // 60},
        kind=kind_of(wish.to),
        until=now + LASTS,
    )
    await enqueue(connection, [news], now)
    return ticket


async def take(
    database: Database, keyring: KeyRing, *, ticket: str, code: str, purpose: Purpose, about: str | None = None
) -> str:
    """Where the code was sent to, if this is the code: `tel:` and a number in E.164, or an address. To be used once,
    by `use`, in the transaction of what it opens. Raises CodeRefused.
    """
    async with database.transaction() as transaction:
        parameters = {"id": ticket, "purpose": purpose.value, "about": about, "now": transaction.now, "tries": TRIES}
        row = None
        if is_id("code", ticket):
            row = await (await transaction.connection.execute(_TRY, parameters)).fetchone()
    if row is None:
        raise CodeRefused(OVER)
    destination = keyring.unseal(row[1], ticket).decode()
    typed = "".join(character for character in code if not character.isspace()).translate(_FULL_WIDTH)
    if not hmac.compare_digest(row[0], _hash(keyring, ticket, purpose, destination, typed)):
        raise CodeRefused(OVER if row[2] >= TRIES else WRONG)
    return destination


async def use(connection: Connection, *, ticket: str, now: datetime) -> None:
    """Take the code away, for good; raises CodeRefused where somebody was quicker."""
    if await (await connection.execute(_USE, (now, ticket))).fetchone() is None:
        raise CodeRefused(OVER)


async def forget(connection: Connection, now: datetime, *, limit: int) -> int:
    """Remove up to `limit` codes that are not counted any more; how many."""
    return (await connection.execute(_FORGET, (now - KEPT, limit))).rowcount


_FULL_WIDTH: Final = str.maketrans("０１２３４５６７８９", "0123456789")


def _counted(keyring: KeyRing, wish: Wish) -> dict[str, object]:
    """What a code is counted under: pseudonyms, and a country."""
    number = wish.destination if isinstance(wish.destination, Msisdn) else None
    span = number.e164[:-4] if number else wish.to.rpartition("@")[2]
    return {
        "to_whom": keyring.pseudonym(f"code:to:{wish.to}"),
        "from_where": keyring.pseudonym(f"code:from:{wish.address}"),
        "range": keyring.pseudonym(f"code:range:{span}"),
        "country": number.country if number else _NOWHERE,
    }


async def _admit(connection: Connection, counted: dict[str, object], limited: Limits, now: datetime) -> None:
    """Raises Throttled `too_many_codes` with the time until every limit has room again."""
    parameters = counted | {"now": now} | {f"per{place}": limit.per for place, limit in enumerate(limited)}
    row = await (await connection.execute(_waits(limited), parameters)).fetchone()
    if row is not None and row[0] is not None:
        raise Throttled("too_many_codes", retry_after_s=max(1, ceil((row[0] - now).total_seconds())))


@lru_cache(maxsize=8)
def _waits(limited: Limits) -> str:
    """For each limit the code that would have to grow old before another fits; the latest of these times."""
    parts = []
    for place, limit in enumerate(limited):
        same = f"{limit.column} = %({limit.column})s AND " if limit.column else ""
        parts.append(
            f"(SELECT created_at + %(per{place})s FROM people.codes WHERE {same}created_at > %(now)s - %(per{place})s"
            f" ORDER BY created_at DESC OFFSET {limit.most - 1} LIMIT 1)"
        )
    return f"SELECT greatest({', '.join(parts)})"


def _hash(keyring: KeyRing, ticket: str, purpose: Purpose, destination: str, code: str) -> bytes:
    return keyring.pseudonym(f"code:{ticket}:{purpose.value}:{destination}:{code}")
