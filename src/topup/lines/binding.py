"""Putting a line into an account: by a code sent to its number, so that nobody sees another's line.

Promise (G25): whether the number has a line, and whether it is in an account, is told to nobody but its holder: a code
is sent to any number, and only who types it hears what came of it. The number is told that it was added somewhere, and
so is everybody who has it in their account.
"""

from typing import Final

from topup.kernel.errors import NotFound
from topup.kernel.ids import new_id
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.lines import owners
from topup.lines.queries import LineRef, lines_now
from topup.notifications.operations import News, enqueue
from topup.notifications.ports import AddressKind
from topup.notifications.templates import LocalTime
from topup.people.subscribers import codes
from topup.people.subscribers.alerts import AlertKind, alert
from topup.people.subscribers.codes import LIMITS, Limits, Purpose, Wish
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database, Transaction
from topup.platform.keys import KeyRing

_ZONE: Final = "Asia/Shanghai"


class Binding:
    """How lines come into accounts."""

    def __init__(self, *, database: Database, keyring: KeyRing, lanes: int, limited: Limits = LIMITS) -> None:
        self._database = database
        self._keyring = keyring
        self._lanes = lanes
        self._limited = limited

    async def ask(self, who: Subscriber, number: Msisdn, *, address: str, locale: str) -> str:
        """Send a code to a number; gives the ticket. Raises Throttled `too_many_codes`."""
        wish = Wish(Purpose.BIND, number, address, locale, about=who.id)
        return await codes.ask(self._database, self._keyring, wish, lanes=self._lanes, limited=self._limited)

    async def bind(self, who: Subscriber, *, ticket: str, code: str) -> LineRef:
        """Put the line of the number that the code was sent to into the account; it may have been there.

        Raises codes.CodeRefused, NotFound `line_not_here`, Conflict `lines_too_many`, `owners_too_many`.
        """
        to = await codes.take(
            self._database, self._keyring, ticket=ticket, code=code, purpose=Purpose.BIND, about=who.id
        )
        number = parse_msisdn(to.removeprefix("tel:"))
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await codes.use(connection, ticket=ticket, now=now)
            line = (await lines_now(connection, [number.e164])).get(number.e164)
            if line is None or line.status == "closed":
                raise NotFound("line_not_here")
            others = await owners.owners_of(connection, line=line.ref)
            if await owners.bind(connection, subscriber_id=who.id, line=line.ref, now=now):
                for subscriber_id in sorted({who.id, *others}):
                    await alert(connection, subscriber_id=subscriber_id, kind=AlertKind.LINE_BOUND, now=now)
                await self._tell(transaction, number, line.ref, who.locale)
        return line.ref

    async def _tell(self, transaction: Transaction, number: Msisdn, line: LineRef, locale: str) -> None:
        """To the number itself: it may be that its holder was talked into passing the code on."""
        news_id = new_id("alert", line.lane)
        news = News(
            lane=line.lane,
            key=news_id,
            sealed_address=self._keyring.seal(f"tel:{number.e164}".encode(), news_id),
            sealed_for=news_id,
            locale=locale,
            template="line_bound",
            parameters={"number": number.masked(), "at": LocalTime(transaction.now, _ZONE)},
            kind=AddressKind.SMS,
        )
        await enqueue(transaction.connection, [news], transaction.now)
