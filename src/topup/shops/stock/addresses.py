"""Where gifts are sent: sealed, each for its gift alone, and gone when there is nothing more to send. In a caller's
transaction, which has the gift locked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from topup.people.postal import PostalAddress
from topup.platform.database import Connection
from topup.platform.keys import CannotOpen, KeyRing
from topup.shops.stock.gifts import GiftKey

KEPT_FOR: Final = timedelta(days=30)
"""So long after a gift was sent it is known where to, for who asks what became of it."""

_KNOWN: Final = "SELECT address FROM shops.gift_addresses WHERE order_id = %b AND sku = %b"
_CHANGED: Final = "UPDATE shops.gifts SET address_changed_at = %b WHERE order_id = %b AND sku = %b"
_GIVE: Final = """
INSERT INTO shops.gift_addresses (order_id, sku, address, given_at) VALUES (%b, %b, %b, %b)
ON CONFLICT (order_id, sku) DO UPDATE SET address = excluded.address
"""
_FOUND: Final = """
SELECT a.order_id, a.sku, a.address FROM unnest(%b::text[]) AS k (id)
JOIN shops.gift_addresses AS a ON a.order_id = k.id
"""
_SENT: Final = "UPDATE shops.gift_addresses SET erase_at = %b WHERE order_id = %b AND sku = %b"
_FORGET: Final = "DELETE FROM shops.gift_addresses AS a USING unnest(%b::text[]) AS k (id) WHERE a.order_id = k.id"
_ERASE: Final = """
DELETE FROM shops.gift_addresses AS a USING (
    SELECT order_id, sku FROM shops.gift_addresses WHERE erase_at <= %b ORDER BY erase_at LIMIT %b
    FOR UPDATE SKIP LOCKED
) AS old WHERE a.order_id = old.order_id AND a.sku = old.sku
"""


async def give(connection: Connection, keyring: KeyRing, key: GiftKey, address: PostalAddress, now: datetime) -> None:
    """Send it there; another address takes the place of the one before, and the gift keeps its turn. That it was
    changed stays with the gift.
    """
    row = await (await connection.execute(_KNOWN, (key.order_id, key.sku))).fetchone()
    if row is not None:
        if _opened(keyring, key, bytes(row[0])) == address:
            return
        await connection.execute(_CHANGED, (now, key.order_id, key.sku))
    sealed = keyring.seal(msgspec.json.encode(address), _bound_to(key))
    await connection.execute(_GIVE, (key.order_id, key.sku, sealed, now))


async def of_orders(connection: Connection, keyring: KeyRing, order_ids: Sequence[str]) -> dict[GiftKey, PostalAddress]:
    """Where the gifts of these orders are sent, as far as that is known. Raises CannotOpen."""
    if not order_ids:
        return {}
    cursor = await connection.execute(_FOUND, (list(order_ids),))
    sealed = {GiftKey(order_id, sku): bytes(address) for order_id, sku, address in await cursor.fetchall()}
    return {
        key: msgspec.json.decode(keyring.unseal(address, _bound_to(key)), type=PostalAddress)
        for key, address in sealed.items()
    }


async def was_sent(connection: Connection, key: GiftKey, now: datetime) -> None:
    """It was: the address goes by itself after KEPT_FOR."""
    await connection.execute(_SENT, (now + KEPT_FOR, key.order_id, key.sku))


async def forget(connection: Connection, order_ids: Sequence[str]) -> None:
    """Erase where the gifts of these orders are, or were, sent."""
    if order_ids:
        await connection.execute(_FORGET, (list(order_ids),))


async def erase_old(connection: Connection, limit: int, now: datetime) -> int:
    """Erase some of those whose gifts were sent long enough ago. How many."""
    cursor = await connection.execute(_ERASE, (now, limit))
    return cursor.rowcount


def _opened(keyring: KeyRing, key: GiftKey, sealed: bytes) -> PostalAddress | None:
    """The one before; None where nobody can open it any more: then another may take its place all the same."""
    try:
        return msgspec.json.decode(keyring.unseal(sealed, _bound_to(key)), type=PostalAddress)
    except CannotOpen:
        return None


def _bound_to(key: GiftKey) -> str:
    return f"gift-address:{key.order_id}:{key.sku}"
