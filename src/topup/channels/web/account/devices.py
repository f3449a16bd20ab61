"""Where one is signed in."""

from typing import Final

from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.wording import Wording
from topup.kernel.errors import NotFound
from topup.people.subscribers import devices
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.web.forms import Form

DEVICES: Final = "/account/devices"


class DevicePages:
    """One's devices."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def listed(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Every browser that is signed in, this one first said to be this one."""
        async with self._database.read() as transaction:
            found = await devices.signed_in(transaction.connection, subscriber_id=who.id, now=transaction.now)
            now = transaction.now
        wording, zone = reader_of(request).wording, who.zone or "Asia/Shanghai"
        shown = [
            (one, device_name(wording, one.name), wording.clock(one.seen_at, zone, today=now), one.id == who.device_id)
            for one in found
        ]
        return page(request, "account/devices.html", devices=shown)

    async def sign_out(self, request: WebRequest, who: Subscriber, form: Form, device_id: str) -> Page:  # noqa: ARG002 - as above
        """Sign one of them out."""
        async with self._database.transaction() as transaction:
            if not await devices.end_one(transaction.connection, subscriber_id=who.id, device_id=device_id):
                raise NotFound("device_unknown")
        return go_to(DEVICES)

    async def sign_out_others(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """Sign all others out."""
        async with self._database.transaction() as transaction:
            await devices.end_others(
                transaction.connection, subscriber_id=who.id, keep=who.device_id, now=transaction.now
            )
        return go_to(DEVICES)


def device_name(wording: Wording, name: str) -> str:
    """`Chrome on Android`."""
    browser, _, system = name.partition(".")
    return wording.of(
        "account",
        "device_name",
        browser=wording.of("account", f"browser_{browser}"),
        system=wording.of("account", f"system_{system}"),
    )
