"""What this room keeps about subscribers: their orders, where to send the news of them and what comes with them, and
their links.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from topup.orders import links
from topup.orders.links import Link
from topup.orders.past import STANDINGS
from topup.orders.presentation import order_views
from topup.orders.views import OrderView
from topup.people.operations import forget_contacts
from topup.people.postal import PostalAddress
from topup.people.queries import sealed_contacts
from topup.people.subscribers.accounts import Account
from topup.people.subscribers.ports import Records
from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.platform.keys import KeyRing
from topup.shops.stock import addresses as posted
from topup.shops.stock.gifts import GiftKey

_PART: Final = 500
_OPEN: Final = sorted(STANDINGS["under_way"] | {"refunding"})
_PLACES: Final = "SELECT lane, id, contact_id FROM orders.orders WHERE payer_id = %s ORDER BY created_at, id"
_COUNT: Final = "SELECT count(*) FROM orders.orders WHERE payer_id = %s AND state = ANY (%s)"
_UNNAME: Final = """
WITH gone AS (
    SELECT o.lane, o.id FROM orders.orders AS o
    WHERE (o.lane, o.id) IN (SELECT * FROM unnest(%b::smallint[], %b::text[])) ORDER BY o.lane, o.id FOR UPDATE
)
UPDATE orders.orders AS o SET payer_id = NULL, payer = NULL, contact_id = NULL
FROM gone WHERE o.lane = gone.lane AND o.id = gone.id
"""


class OrderKeeper:
    """`people.subscribers.ports.Keeper`."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keyring = keyring

    async def held(self, connection: Connection, whose: Account) -> Records:
        """Every order, oldest first, with the address its news went to, and where its gifts are sent; and the links
        they made.
        """
        rows = await _rows(connection, whose.id)
        contacts = await sealed_contacts(connection, [(lane, contact) for lane, _, contact in rows if contact])
        addresses = {one.id: self._keyring.unseal(one.address, one.id).decode() for one in contacts.values()}
        found = []
        for start in range(0, len(rows), _PART):
            part = rows[start : start + _PART]
            views = await order_views(connection, [(lane, id_) for lane, id_, _ in part])
            sent = await posted.of_orders(connection, self._keyring, [id_ for _, id_, _ in part])
            found += [_record(views[id_], addresses.get(contact or "", ""), sent) for _, id_, contact in part]
        made = await links.made_by(connection, whose.id, keys=self._keyring)
        return {"orders": found, "links": [_link(one) for one in made]}

    async def unsettled(self, connection: Connection, *, subscriber_id: str) -> int:
        """Orders that are under way, or whose money is on its way back."""
        row = await (await connection.execute(_COUNT, (subscriber_id, _OPEN))).fetchone()
        return row[0] if row else 0

    async def forget(self, connection: Connection, *, subscriber_id: str, now: datetime) -> None:  # noqa: ARG002 - a port's
        """Orders and receipts stay, as the law asks, without who ordered them and where news went; links do not."""
        await links.drop(connection, subscriber_id)
        # Locked in the order in which all who lock some do.
        rows = sorted(await _rows(connection, subscriber_id), key=lambda row: row[:2])
        for start in range(0, len(rows), _PART):
            part = rows[start : start + _PART]
            await connection.execute(_UNNAME, columns([(lane, id_) for lane, id_, _ in part]))
            # After that, for who was saying where to holds the order until it is said.
            await posted.forget(connection, [id_ for _, id_, _ in part])
            await forget_contacts(connection, [(lane, contact) for lane, _, contact in part if contact])


async def _rows(connection: Connection, subscriber_id: str) -> Sequence[tuple[int, str, str | None]]:
    return await (await connection.execute(_PLACES, [subscriber_id])).fetchall()


def _link(link: Link) -> dict[str, Any]:
    return {
        "number": link.number.e164 if link.number else "",
        "created_at": link.created_at.isoformat(),
        "until": link.expires_at.isoformat(),
    }


def _record(order: OrderView, contact: str, sent: Mapping[GiftKey, PostalAddress]) -> dict[str, Any]:
    return {
        "order": order.id,
        # Of an order through somebody's link the number is that person's.
        "number": order.msisdn.masked() if order.hides_number else order.msisdn.e164,
        "ordered_at": order.created_at.isoformat(),
        "state": order.status,
        "face": f"{order.face.to_major()} {order.face.currency}",
        "price": f"{order.paid.to_major()} {order.paid.currency}",
        "payments": [
            {
                "method": payment.method,
                "state": payment.status,
                "amount": f"{payment.amount.to_major()} {payment.amount.currency}",
                "back": f"{payment.refunded.to_major()} {payment.refunded.currency}",
                "created_at": payment.created_at.isoformat(),
            }
            for payment in order.payments
        ],
        "receipt": order.receipt_number,
        "contact": contact,
        "gifts_sent_to": [
            {"sku": key.sku, "address": list(address.label)}
            for key, address in sent.items()
            if key.order_id == order.id
        ],
    }
