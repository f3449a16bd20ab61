"""What a subscriber chose before, so that they need not choose it again."""

from dataclasses import dataclass
from typing import Final

from topup.kernel.ids import OrderId
from topup.kernel.money import Money
from topup.orders.presentation import order_views
from topup.orders.views import OrderView
from topup.platform.database import Connection

_LAST: Final = """
SELECT lane, id, msisdn = %(e164)s AS same FROM (
    (SELECT lane, id, msisdn, created_at FROM orders.orders
    WHERE payer_id = %(payer)s AND kept_payment_id IS NOT NULL ORDER BY created_at DESC LIMIT 1)
    UNION
    (SELECT lane, id, msisdn, created_at FROM orders.orders
    WHERE payer_id = %(payer)s AND kept_payment_id IS NOT NULL AND msisdn = %(e164)s ORDER BY created_at DESC LIMIT 1)
) AS found ORDER BY created_at DESC
"""


@dataclass(frozen=True, slots=True)
class Habit:
    """The last pack or amount somebody paid for a number (both None: never any), and how they paid last, whatever it
    was for (None: never). `currency` is what that was paid in.
    """

    product: str | None
    face: Money | None
    method: str | None
    currency: str | None


async def habit_of(connection: Connection, *, payer_id: str, e164: str) -> Habit:
    """What a subscriber chose last."""
    cursor = await connection.execute(_LAST, {"payer": payer_id, "e164": e164})
    places = [(lane, OrderId(identifier), same) for lane, identifier, same in await cursor.fetchall()]
    views = await order_views(connection, [(lane, identifier) for lane, identifier, _ in places])
    same = next((views[identifier] for _, identifier, same in places if same), None)
    method, currency = _paid_by(views[places[0][1]]) if places else (None, None)
    return Habit(
        product=same.product if same else None,
        face=same.face if same and not same.product else None,
        method=method,
        currency=currency,
    )


def _paid_by(order: OrderView) -> tuple[str | None, str | None]:
    paid = [payment for payment in order.payments if payment.received and payment.received.amount_minor]
    return (paid[-1].method, paid[-1].amount.currency) if paid else (None, None)
