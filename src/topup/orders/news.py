"""Telling payers what became of their order, and of the gifts that are sent with it, where they left an address; what
subscribers are to hear is noted too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.notifications.operations import News, enqueue
from topup.notifications.templates import LocalDay, LocalTime, Named, Parameter, Words
from topup.orders.hearing import note
from topup.orders.queries import Order
from topup.orders.wording import gift_words
from topup.people.queries import sealed_contacts
from topup.platform.database import Connection
from topup.platform.i18n import LOCALES
from topup.shops.stock.gifts import Gift


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


async def tell_of_gift(
    connection: Connection, order: Order, gift: Gift, news: str, *, zone: str, public_url: str, now: datetime
) -> None:
    """The same of a gift that is sent: `gift_sent`, or `gift_wanted`, which asks where to. Never where to."""
    if order.payer_id:
        noted = (order.lane, str(order.id), news, gift.key.sku, gift.worth_minor, gift.currency)
        await note(connection, [noted], now)
    if not order.contact_id:
        return
    contact = (await sealed_contacts(connection, [(order.lane, order.contact_id)])).get(order.contact_id)
    if contact is None:
        return
    said = gift_parameters(gift, news, zone=zone, now=now)
    message = News(
        lane=order.lane,
        key=f"{order.id}:{news}:{gift.key.sku}",
        sealed_address=contact.address,
        sealed_for=contact.id,
        locale=order.locale,
        template=news,
        parameters=said
        | {"number": parse_msisdn(order.msisdn).masked(), "order_url": f"{public_url}/orders/{order.id}"},
    )
    await enqueue(connection, [message], now)


def gift_parameters(gift: Gift, news: str, *, zone: str, now: datetime) -> dict[str, Parameter]:
    """What is told of a gift: what it is, and that it left, or until when somebody may say where to."""
    names = {locale: gift_words(gift.names, gift.quantity, locale=locale) for locale in LOCALES}
    said: dict[str, Parameter] = {"gift": Named(names)}
    if news == "gift_wanted":
        return said | {"until": LocalDay(gift.until - timedelta(microseconds=1), zone)}
    known = {"reference": gift.tracking} if gift.tracking else {}
    tracking = Words("messages", "gift_tracking" if gift.tracking else "gift_untracked", known)
    return said | {"tracking": tracking, "at": LocalTime(now, zone)}


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
