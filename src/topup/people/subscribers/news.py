"""What subscribers are written about their account, to the number it has."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.ids import lane_of, new_id
from topup.notifications.operations import News, enqueue
from topup.notifications.ports import AddressKind
from topup.notifications.templates import LocalTime, Parameter, Words
from topup.people.subscribers.accounts import account
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

DOMAIN: Final = "account"
_FRESH_FOR: Final = timedelta(days=1)
"""What could not be sent by then would only be puzzling; the app has it."""
ZONE: Final = "Asia/Shanghai"
"""Where nobody has chosen one."""


async def tell(
    connection: Connection,
    keyring: KeyRing,
    *,
    subscriber_id: str,
    template: str,
    now: datetime,
    everywhere: bool = False,
    **parameters: Parameter,
) -> None:
    """Write somebody a message about their account, in their language; `at` is added. To a number that is theirs, and
    with `everywhere` to their address too: where a number may be in other hands, the address need not be.
    """
    whose = await account(connection, keyring, subscriber_id=subscriber_id)
    addresses = {AddressKind.SMS: f"tel:{whose.number.e164}"} if whose.holds_number else {}
    if everywhere and whose.email is not None:
        addresses[AddressKind.MAIL] = whose.email
    said = {**parameters, "at": LocalTime(now, whose.zone or ZONE)}
    news = [
        _news(
            keyring,
            kind,
            address,
            subscriber_id=subscriber_id,
            locale=whose.locale,
            template=template,
            said=said,
            now=now,
        )
        for kind, address in addresses.items()
    ]
    await enqueue(connection, news, now)


def _news(
    keyring: KeyRing,
    kind: AddressKind,
    address: str,
    *,
    subscriber_id: str,
    locale: str,
    template: str,
    said: Mapping[str, Parameter],
    now: datetime,
) -> News:
    news_id = new_id("alert", lane_of(subscriber_id))
    return News(
        lane=lane_of(subscriber_id),
        key=news_id,
        sealed_address=keyring.seal(address.encode(), news_id),
        sealed_for=news_id,
        locale=locale,
        template=template,
        parameters=said,
        kind=kind,
        until=now + _FRESH_FOR,
    )


def device_words(name: str) -> Words:
    """A device's name (`browsers.name_of`) in words."""
    browser, _, system = name.partition(".")
    parts = {"browser": Words(DOMAIN, f"browser_{browser}"), "system": Words(DOMAIN, f"system_{system}")}
    return Words(DOMAIN, "device_name", parts)
