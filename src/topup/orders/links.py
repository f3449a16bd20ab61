"""Links that open a prepared top-up: a number, or any; a pack, an amount, or the opener's choice.

Promise: nobody learns a number from a link. Its address is an id with 70 bits of chance, the number is sealed, and who
opens it is shown it masked, on every page up to the receipt (`views.OrderView.hides_number`). One that ended, was
revoked, or whose number may be somebody else's by now is answered as one that never was. The order made through it is
its opener's own.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import is_id, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.lines.holders import same_holders
from topup.orders.own_quotes import has_line
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing
from topup.platform.request_keys import Answering, store_answers

LONGEST: Final = timedelta(days=45)
"""Of a link with a number, which may be somebody else's after that (people/subscribers/entering.py)."""
LONGEST_FOR_ANY: Final = timedelta(days=730)
"""Of one without: a poster hangs for long."""
MOST_OF_SUBSCRIBER: Final = 20
MOST: Final = 10_000
"""Of any other maker, that still open something."""
LONGEST_LABEL: Final = 60
KEPT: Final = timedelta(days=30)
"""So long a link is listed after its end."""
BY_COMMAND: Final = "cli"
_EVERY_S: Final = 3_600.0
_BATCH: Final = 500

_BEFORE_MAKING = crash_label("links.make.before_commit")
_AFTER_MAKING = crash_label("links.make.after_commit")
_BEFORE_REVOKING = crash_label("links.revoke.before_commit")
_AFTER_REVOKING = crash_label("links.revoke.after_commit")
_BEFORE_FORGETTING = crash_label("links.forget.before_commit")
_AFTER_FORGETTING = crash_label("links.forget.after_commit")

_COLUMNS = "id, maker, number, product, amount_minor, currency, label, created_at, expires_at, revoked_at"
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('orders.links:' || %s, 0))"
_COUNT = """
SELECT count(*) FROM orders.links WHERE maker = %s AND revoked_at IS NULL AND expires_at > %s
"""
_MAKE = """
INSERT INTO orders.links (lane, id, maker, number, product, amount_minor, currency, label, created_at, expires_at)
VALUES (%(lane)s, %(id)s, %(maker)s, %(number)s, %(product)s, %(amount_minor)s, %(currency)s, %(label)s, %(now)s,
    %(expires_at)s)
ON CONFLICT DO NOTHING
"""
_ONE = f"SELECT {_COLUMNS} FROM orders.links WHERE lane = %s AND id = %s"
_OF = f"SELECT {_COLUMNS} FROM orders.links WHERE maker = %s ORDER BY created_at DESC LIMIT %s"
_OF_SHOPS = f"""
SELECT {_COLUMNS} FROM orders.links WHERE maker >= 'cli' AND maker < 'key;' ORDER BY created_at DESC LIMIT %s
"""
"""In the order of letters there is nobody between the command line and API keys."""
_REVOKE = "UPDATE orders.links SET revoked_at = %s WHERE lane = %s AND id = %s AND revoked_at IS NULL"
_DROP = "DELETE FROM orders.links WHERE maker = %s"
_FORGET = """
DELETE FROM orders.links WHERE (lane, id) IN
    (SELECT lane, id FROM orders.links WHERE expires_at < %s ORDER BY expires_at LIMIT %s
    FOR UPDATE SKIP LOCKED)
"""
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Link:
    """A link, for who made it. Never printed."""

    id: str
    maker: str
    number: Msisdn | None
    product: str | None
    amount: Money | None
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    def __repr__(self) -> str:
        return f"Link(id={self.id!r})"

    def opens(self, now: datetime) -> bool:
        """Whether it was neither revoked nor has ended."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class LinkWanted:
    """A link to make, by `maker`: a subscriber's id, `key:…`, or BY_COMMAND."""

    maker: str
    number: Msisdn | None
    product: str | None
    amount: Money | None
    lasts: timedelta
    label: str = ""


class Links:
    """Makes, lists, opens and revokes links."""

    def __init__(self, *, database: Database, keys: KeyRing, lanes: int) -> None:
        self._database = database
        self._keys = keys
        self._lanes = lanes

    def new_id(self) -> str:
        """The id of a link that is to be made: in a lane of chance, which tells nothing of a number."""
        return new_id("link", secrets.randbelow(self._lanes))

    async def make(
        self, wanted: LinkWanted, *, link_id: str | None = None, answer: Answering[Link] | None = None
    ) -> Link:
        """Make one; the same id again is the same link. Whether what it prepares can be had is seen to before
        (`Desk.make_link`). Raises Invalid link_empty, link_product_for_any, link_lasts; Conflict links_too_many.
        """
        _check(wanted)
        link_id = link_id or self.new_id()
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await connection.execute(_ALONE, [wanted.maker])
            row = await (await connection.execute(_COUNT, (wanted.maker, now))).fetchone()
            most = MOST_OF_SUBSCRIBER if is_id("subscriber", wanted.maker) else MOST
            if row is not None and row[0] >= most:
                raise Conflict("links_too_many", most=most)
            await connection.execute(_MAKE, self._row(wanted, link_id, now))
            link = await self._found(connection, link_id)
            if answer is not None:
                await store_answers(connection, [(answer.claim, *answer.render(link))])
            crash_point(_BEFORE_MAKING)
        crash_point(_AFTER_MAKING)
        return link

    def _row(self, wanted: LinkWanted, link_id: str, now: datetime) -> dict[str, object]:
        amount = wanted.amount
        return {
            "lane": lane_of(link_id),
            "id": link_id,
            "maker": wanted.maker,
            "number": self._keys.seal(wanted.number.e164.encode(), link_id) if wanted.number else None,
            "product": wanted.product,
            "amount_minor": amount.amount_minor if amount else None,
            "currency": amount.currency if amount else None,
            "label": " ".join(wanted.label.split())[:LONGEST_LABEL],
            "now": now,
            "expires_at": now + wanted.lasts,
        }

    async def open(self, *, link_id: str) -> Link:
        """What a link prepares, for anybody; raises NotFound link_over, whatever the reason."""
        async with self._database.read() as transaction:
            link = await self._opened(transaction, link_id)
        if link is None:
            raise NotFound("link_over")
        return link

    async def _opened(self, transaction: Transaction, link_id: str) -> Link | None:
        try:
            link = await self._found(transaction.connection, link_id)
        except NotFound:
            return None
        if not link.opens(transaction.now):
            return None
        return link if await self._still(transaction, link) else None

    async def _still(self, transaction: Transaction, link: Link) -> bool:
        """Whether its number is still whose it was; a subscriber's, whether its line is still in their account."""
        if link.number is None:
            return True
        connection = transaction.connection
        same = await same_holders(connection, [(link.number.e164, link.created_at)], transaction.now)
        if not is_id("subscriber", link.maker):
            return bool(same)
        return bool(same) and await has_line(connection, subscriber_id=link.maker, msisdn=link.number)

    async def get(self, *, link_id: str, maker: str | None = None) -> Link:
        """A link for its maker, or (None) for staff; raises NotFound link_unknown."""
        async with self._database.read() as transaction:
            return _mine(await self._found(transaction.connection, link_id), maker)

    async def of(self, *, maker: str | None) -> list[Link]:
        """A maker's links, newest first; with None all but those of subscribers, which are theirs alone."""
        async with self._database.read() as transaction:
            if maker is None:
                cursor = await transaction.connection.execute(_OF_SHOPS, [_PAGE])
            else:
                cursor = await transaction.connection.execute(_OF, (maker, _PAGE))
            return [self._link(row) for row in await cursor.fetchall()]

    async def revoke(self, *, link_id: str, maker: str | None = None) -> Link:
        """Let a link open nothing any more; once more changes nothing. Raises NotFound link_unknown."""
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            _mine(await self._found(connection, link_id), maker)
            await connection.execute(_REVOKE, (transaction.now, lane_of(link_id), link_id))
            revoked = await self._found(connection, link_id)
            crash_point(_BEFORE_REVOKING)
        crash_point(_AFTER_REVOKING)
        return revoked

    def sweeps(self) -> list[Sweep]:
        """What runs by itself: links that ended long ago are removed."""
        return [Sweep("orders.links", _EVERY_S, partial(self._forget), batch=_BATCH)]

    async def _forget(self) -> int:
        async with self._database.transaction() as transaction:
            gone = (await transaction.connection.execute(_FORGET, (transaction.now - KEPT, _BATCH))).rowcount
            crash_point(_BEFORE_FORGETTING)
        crash_point(_AFTER_FORGETTING)
        return gone

    async def _found(self, connection: Connection, link_id: str) -> Link:
        row = None
        if is_id("link", link_id):
            row = await (await connection.execute(_ONE, (lane_of(link_id), link_id))).fetchone()
        if row is None:
            raise NotFound("link_unknown")
        return self._link(row)

    def _link(self, row: tuple[object, ...]) -> Link:
        return link_of(row, self._keys)


def link_of(row: tuple[object, ...], keys: KeyRing) -> Link:
    """A link as its row is."""
    link_id, maker, number, product, minor, currency, label, *times = row
    return Link(
        str(link_id),
        str(maker),
        parse_msisdn(keys.unseal(bytes(number), str(link_id)).decode()) if isinstance(number, bytes) else None,
        str(product) if product is not None else None,
        Money(minor, str(currency)) if isinstance(minor, int) else None,
        str(label),
        *times,  # type: ignore[arg-type]  # as stored
    )


async def made_by(connection: Connection, maker: str, *, keys: KeyRing) -> list[Link]:
    """All that somebody made, for them to take along."""
    cursor = await connection.execute(_OF, (maker, _PAGE))
    return [link_of(row, keys) for row in await cursor.fetchall()]


async def drop(connection: Connection, maker: str) -> None:
    """Somebody is gone, and all their links with them."""
    await connection.execute(_DROP, [maker])


def _mine(link: Link, maker: str | None) -> Link:
    if maker is not None and link.maker != maker:
        raise NotFound("link_unknown")
    return link


def _check(wanted: LinkWanted) -> None:
    if wanted.number is None and wanted.product is not None:
        raise Invalid("link_product_for_any")
    if wanted.number is None and wanted.amount is None:
        raise Invalid("link_empty")
    longest = LONGEST if wanted.number else LONGEST_FOR_ANY
    if not timedelta(0) < wanted.lasts <= longest:
        raise Invalid("link_lasts", most=longest.days)
