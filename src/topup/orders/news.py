"""Telling payers what became of their order, where they left an address; what subscribers are to hear is noted too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.notifications.operations import News, enqueue
from topup.notifications.templates import LocalTime, Parameter
from topup.orders.hearing import note
from topup.orders.queries import Order
from topup.people.queries import sealed_contacts
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Told:
    """A piece of news about an order: `delivered`, `failed` or `full` (the line may not hold it; the money goes back
    either way) or `refunded`; and the money in it: what was paid, or what has gone back.
    """

    order: Order
    news: str
    public_url: str
    money: Money
    zone: str
    receipt: str = ""
    key: str = ""
    """Tells two pieces of the same news apart; empty where there can be only one."""


async def tell(connection: Connection, news: Sequence[Told], now: datetime) -> None:
    """Write the messages of this news, in the transaction that makes it. Orders without a contact are passed over; what
    a subscriber who ordered is to hear is noted for `hearing`.
    """
    noted = [item for item in news if item.order.payer_id and item.news != "delivered"]
    if noted:
        await note(connection, [_noted(item) for item in noted], now)
    wanted = [item for item in news if item.order.contact_id]
    if not wanted:
        return
    contacts = await sealed_contacts(connection, [(item.order.lane, str(item.order.contact_id)) for item in wanted])
    messages = []
    for item in wanted:
        contact = contacts.get(str(item.order.contact_id))
        if contact is None:
            continue
        messages.append(
            News(
                lane=item.order.lane,
                key=":".join(filter(None, (item.order.id, item.news, item.key))),
                sealed_address=contact.address,
                sealed_for=contact.id,
                locale=item.order.locale,
                template=item.news,
                parameters=_parameters(item, now),
            )
        )
    await enqueue(connection, messages, now)


def _noted(item: Told) -> tuple[int, str, str, str, int, str]:
    money = item.money
    return (item.order.lane, str(item.order.id), item.news, item.key, money.amount_minor, money.currency)


def _parameters(item: Told, now: datetime) -> dict[str, Parameter]:
    amount = Money(item.order.face_minor, item.order.currency)
    parameters: dict[str, Parameter] = {
        "number": parse_msisdn(item.order.msisdn).masked(),
        "order_url": f"{item.public_url}/orders/{item.order.id}",
    }
    if item.news == "refunded":
        return parameters | {"refunded": item.money, "at": LocalTime(now, item.zone)}
    parameters |= {"amount": amount, "paid": item.money}
    if item.news == "delivered":
        parameters |= {"at": LocalTime(now, item.zone), "receipt_number": item.receipt}
    return parameters
