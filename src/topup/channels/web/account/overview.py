"""One's account at a glance, and the way out."""

from datetime import datetime

from topup.channels.web.account.devices import device_name
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.visitors import Visitors
from topup.channels.web.wording import Wording
from topup.lines import owners
from topup.notifications import notices
from topup.people.subscribers import accounts, alerts, devices, leaving
from topup.people.subscribers.alerts import Alert
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.web.forms import Form


class OverviewPages:
    """What an account holds."""

    def __init__(self, *, database: Database, keyring: KeyRing, visitors: Visitors) -> None:
        self._database = database
        self._keyring = keyring
        self._visitors = visitors

    async def overview(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Whose account it is, the lines in it, where one is signed in, and what happened lately."""
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            account = await accounts.account(connection, self._keyring, subscriber_id=who.id)
            lines = await owners.lines_of(connection, subscriber_id=who.id, seal=account.seal)
            signed_in = await devices.signed_in(connection, subscriber_id=who.id, now=now)
            happened = await alerts.latest(connection, subscriber_id=who.id)
            messages = await notices.unread(connection, reader=who.id)
            leaves_at = await leaving.leaves_at(connection, subscriber_id=who.id)
        wording, zone = reader_of(request).wording, who.zone or "Asia/Shanghai"
        return page(
            request,
            "account/overview.html",
            number=account.number.grouped(),
            holds=account.holds_number,
            lines=len(lines),
            devices=len(signed_in),
            messages=messages,
            leaves=wording.moment(leaves_at, zone) if leaves_at else "",
            alerts=[_told(wording, one, zone, now) for one in happened if one.seen_at is None],
        )

    async def seen(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """What happened was seen."""
        async with self._database.transaction() as transaction:
            await alerts.seen(transaction.connection, subscriber_id=who.id, now=transaction.now)
        return go_to("/account")

    async def sign_out(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """End this session."""
        async with self._database.transaction() as transaction:
            await devices.end(transaction.connection, self._visitors.token_of(request))
        return go_to("/", cookie=self._visitors.gone())


def _told(wording: Wording, one: Alert, zone: str, now: datetime) -> tuple[str, str, str]:
    """What happened, on which device, and when."""
    device = device_name(wording, one.device) if one.device else ""
    return wording.of("account", f"alert_{one.kind.value}"), device, wording.clock(one.at, zone, today=now)
