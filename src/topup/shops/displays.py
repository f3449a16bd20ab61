"""The customer's display of a till: a browser bound to it by a code, and what it shows just now.

Promise: only the id of what is sold is kept here, or a plan that is offered, sealed, and nothing else of the customer;
a display that nobody looks after shows nothing of anybody after a quarter of an hour; what a customer confirmed was
confirmed for that very price.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from topup.kernel.errors import Conflict, Invalid, NotFound, Throttled
from topup.kernel.ids import new_id
from topup.platform.database import Connection, Database
from topup.platform.i18n import LOCALES
from topup.work import trail

CODE_LASTS: Final = timedelta(minutes=10)
SHOWN_FOR: Final = timedelta(minutes=15)
"""After that a display is idle again, whatever it showed."""
_MOST_UNBOUND: Final = 200
"""Browsers that wait for their code to be typed: more at once are none of ours."""
_DIGITS: Final = 6
_DRAWS: Final = 20
_TILL: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unbound:
    """A browser that belongs to no till yet; staff type its code at theirs."""

    code: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Screen:
    """What a till's display shows: `sale`, or None while nobody is served. `revision` changes whenever it does."""

    till: str
    revision: int
    sale: str | None
    asks: bool
    """Whether the customer is to confirm, and has not yet."""
    confirmed_at: datetime | None
    locale: str | None


_SHOW: Final = """
INSERT INTO shops.screens AS s (till, revision, sale, asks, shown_at) VALUES (%(till)s, 1, %(sale)s, %(asks)s, %(now)s)
ON CONFLICT (till) DO UPDATE SET revision = s.revision + 1, sale = excluded.sale, asks = excluded.asks,
    confirmed_at = CASE WHEN s.sale = excluded.sale THEN s.confirmed_at END,
    locale = CASE WHEN excluded.sale IS NOT NULL THEN s.locale END, shown_at = excluded.shown_at
WHERE s.sale IS DISTINCT FROM excluded.sale OR s.asks <> excluded.asks OR s.shown_at <= %(forgotten)s
"""
_SCREEN: Final = """
SELECT till, revision, sale, asks AND confirmed_at IS NULL, confirmed_at, locale, shown_at
FROM shops.screens WHERE till = %s
"""
_CONFIRM: Final = """
UPDATE shops.screens SET confirmed_at = %s, revision = revision + 1
WHERE till = %s AND sale = %s AND asks AND confirmed_at IS NULL AND shown_at > %s
"""


class Displays:
    """The displays of this installation's tills."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def arrive(self, secret: str) -> Screen | Unbound:
        """What the browser that holds this secret is to show; one that nobody knows is given a code. Raises Throttled
        displays_many.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            row = await _display(connection, secret)
            if row is not None and row[0] is not None:
                return await _screen(connection, row[0], now)
            if row is not None and row[2] > now:
                return Unbound(row[1], row[2])
            return await _given_code(connection, secret, now)

    async def known(self, secret: str) -> Screen | Unbound | None:
        """What the browser is to show now: its till's screen, or its code while that can be typed; None for any other,
        which has to arrive first.
        """
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            row = await _display(connection, secret)
            if row is not None and row[0] is not None:
                return await _screen(connection, row[0], now)
            return Unbound(row[1], row[2]) if row is not None and row[2] > now else None

    async def look(self, secret: str) -> Screen | None:
        """What the browser is to show now; None where it is bound to no till (any more)."""
        found = await self.known(secret)
        return found if isinstance(found, Screen) else None

    async def bind(self, *, code: str, till: str, by: str, must_confirm: bool = False) -> None:
        """Bind the browser that shows this code to a till, in place of the one it had; in the trail. `must_confirm`: no
        sale is to be paid there before its customer said yes. Raises Invalid till_unreadable; NotFound
        display_code_unknown.
        """
        if _TILL.fullmatch(till) is None:
            raise Invalid("till_unreadable")
        digits = re.sub(r"\D", "", code)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            cursor = await connection.execute("DELETE FROM shops.displays WHERE till = %s RETURNING id", (till,))
            gone = await cursor.fetchone()
            cursor = await connection.execute(
                "UPDATE shops.displays SET till = %s, bound_by = %s, bound_at = %s, must_confirm = %s, code = NULL,"
                " code_until = NULL WHERE code = %s AND code_until > %s RETURNING id",
                (till, by, now, must_confirm, digits, now),
            )
            row = await cursor.fetchone()
            if row is None:
                raise NotFound("display_code_unknown")
            before, after = {"id": gone[0]} if gone else None, {"id": row[0], "must_confirm": must_confirm}
            facts = after | trail.change(before, after)
            await trail.write(connection, actor=by, action="display.bound", subject=till, facts=facts, now=now)

    async def let_go(self, *, till: str, by: str) -> None:
        """The till's display belongs to it no more; in the trail. Raises NotFound display_unknown."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            cursor = await connection.execute("DELETE FROM shops.displays WHERE till = %s RETURNING id", (till,))
            row = await cursor.fetchone()
            if row is None:
                raise NotFound("display_unknown", till=till)
            await _put(connection, till, None, now, asks=False)
            await trail.write(
                connection,
                actor=by,
                action="display.let_go",
                subject=till,
                facts={"id": row[0], **trail.change({"id": row[0]}, None)},
                now=now,
            )

    async def is_bound(self, till: str) -> bool:
        """Whether the till has a display: without one no customer can confirm on it."""
        async with self._database.read() as transaction:
            cursor = await transaction.connection.execute("SELECT 1 FROM shops.displays WHERE till = %s", (till,))
            return await cursor.fetchone() is not None

    async def show(self, *, till: str, sale: str, asks: bool = False) -> None:
        """Show what is sold at a till, by the id of its price; shown already it changes nothing. `asks`: the customer
        is to confirm, by a button.
        """
        await self._show(till, sale, asks=asks)

    async def clear(self, *, till: str) -> None:
        """Nobody is served at this till now."""
        await self._show(till, None, asks=False)

    async def speak(self, *, till: str, locale: str) -> None:
        """Speak this customer's language, until they are served. Raises Invalid language_unknown."""
        if locale not in LOCALES:
            raise Invalid("language_unknown")
        async with self._database.transaction() as transaction:
            await transaction.connection.execute(
                "INSERT INTO shops.screens AS s (till, revision, locale, shown_at) VALUES (%s, 1, %s, %s)"
                " ON CONFLICT (till) DO UPDATE SET revision = s.revision + 1, locale = excluded.locale,"
                " shown_at = CASE WHEN s.sale IS NULL THEN excluded.shown_at ELSE s.shown_at END",
                (till, locale, transaction.now),
            )

    async def spoken(self, *, till: str, sale: str) -> str | None:
        """The language that the customer of this sale chose on the display; None where they chose none."""
        async with self._database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT locale FROM shops.screens WHERE till = %s AND sale = %s AND shown_at > %s",
                (till, sale, transaction.now - SHOWN_FOR),
            )
            row = await cursor.fetchone()
            return row[0] if row else None

    async def confirm(self, *, secret: str, sale: str) -> None:
        """The customer confirms what they see; again, it changes nothing. Raises Conflict display_changed where the
        display shows something else by now.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            cursor = await connection.execute("SELECT till FROM shops.displays WHERE secret = %s", (_mark(secret),))
            row = await cursor.fetchone()
            till = row[0] if row else None
            if till is None:
                raise Conflict("display_changed")
            await connection.execute(_CONFIRM, (now, till, sale, now - SHOWN_FOR))
            screen = await _screen(connection, till, now)
            if screen.sale != sale or screen.asks:
                raise Conflict("display_changed")

    async def confirmed(self, *, till: str, sale: str) -> datetime | None:
        """When the customer confirmed this sale; None where they have not."""
        async with self._database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT confirmed_at FROM shops.screens WHERE till = %s AND sale = %s", (till, sale)
            )
            row = await cursor.fetchone()
            return row[0] if row else None

    async def waits_for_customer(self, *, till: str, sale: str) -> bool:
        """Whether this sale is not to be paid yet: its till's customers must confirm, and this one has not."""
        async with self._database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT 1 FROM shops.displays WHERE till = %(till)s AND must_confirm AND NOT EXISTS ("
                " SELECT 1 FROM shops.screens WHERE till = %(till)s AND sale = %(sale)s AND confirmed_at IS NOT NULL)",
                {"till": till, "sale": sale},
            )
            return await cursor.fetchone() is not None

    async def _show(self, till: str, sale: str | None, *, asks: bool) -> None:
        async with self._database.transaction() as transaction:
            await _put(transaction.connection, till, sale, transaction.now, asks=asks)


def new_secret() -> str:
    """What a browser is to hold."""
    return secrets.token_urlsafe(32)


def _mark(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def _display(connection: Connection, secret: str) -> tuple[Any, ...] | None:
    """The till, the code and its end of the browser that holds this secret."""
    sql = "SELECT till, code, code_until FROM shops.displays WHERE secret = %s"
    return await (await connection.execute(sql, (_mark(secret),))).fetchone()


async def _put(connection: Connection, till: str, sale: str | None, now: datetime, *, asks: bool) -> None:
    parameters = {"till": till, "sale": sale, "asks": asks, "now": now, "forgotten": now - SHOWN_FOR}
    await connection.execute(_SHOW, parameters)


async def _screen(connection: Connection, till: str, now: datetime) -> Screen:
    cursor = await connection.execute(_SCREEN, (till,))
    row = await cursor.fetchone()
    if row is None:
        return Screen(till, 0, None, asks=False, confirmed_at=None, locale=None)
    _, revision, sale, asks, confirmed_at, locale, shown_at = row
    if shown_at + SHOWN_FOR <= now:
        return Screen(till, revision, None, asks=False, confirmed_at=None, locale=None)
    return Screen(till, revision, sale, asks, confirmed_at, locale)


async def _given_code(connection: Connection, secret: str, now: datetime) -> Unbound:
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('shops.displays', 0))")
    await connection.execute("DELETE FROM shops.displays WHERE till IS NULL AND code_until <= %s", (now,))
    cursor = await connection.execute("SELECT count(*) FROM shops.displays WHERE till IS NULL")
    row = await cursor.fetchone()
    if row is not None and row[0] >= _MOST_UNBOUND:
        raise Throttled("displays_many", retry_after_s=int(CODE_LASTS.total_seconds()))
    until = now + CODE_LASTS
    for _ in range(_DRAWS):
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
        cursor = await connection.execute(
            "INSERT INTO shops.displays (id, secret, code, code_until) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (code) DO NOTHING RETURNING 1",
            (new_id("display", 0), _mark(secret), code, until),
        )
        if await cursor.fetchone() is not None:
            return Unbound(code, until)
    raise Throttled("displays_many", retry_after_s=int(CODE_LASTS.total_seconds()))
