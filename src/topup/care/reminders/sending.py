"""What of people's notices goes by message, and when: by what each has chosen by then, in the hours they want.

One sweep takes the notices that are due, reader by reader. Of a reader's notices those go that they want to be told of
in that way and were not told already; several become one. At night they wait for the day, together with what comes
until then; what somebody waits for does not. Messages and what becomes of the notices are written in one transaction:
a notice is sent once, or not yet.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from topup.care.reminders.stopping import Stops
from topup.care.reminders.wording import asset_words
from topup.kernel.errors import NotFound
from topup.kernel.ids import lane_of
from topup.notifications import notices
from topup.notifications.daytime import Hours, daytime
from topup.notifications.notices import Due
from topup.notifications.operations import News, enqueue
from topup.notifications.ports import AddressKind
from topup.notifications.templates import Parameter, Stored, to_json
from topup.people.subscribers.accounts import Account, account
from topup.people.subscribers.reminders import Reminders, Subject, Way, reminders_of
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import CannotOpen, KeyRing

READERS: Final = 100
"""In one transaction, at most; all of one lane."""
MANY: Final = 3
"""So many at once are one message that has them all."""
MONEY: Final = to_json({"what": asset_words("CNY")})["what"]
"""What the notice of any money says it is about."""

_BEFORE_SENDING = crash_label("reminders.before_send")
_SENT = crash_label("reminders.sent")
_KINDS: Final = {Way.MAIL: AddressKind.MAIL, Way.SMS: AddressKind.SMS}


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody as far as writing to them goes: where (by way; absent: nowhere), in which language, and when."""

    id: str
    addresses: Mapping[Way, str]
    locale: str
    zone: str | None
    chosen: Reminders

    def __repr__(self) -> str:
        return f"Reader(id={self.id!r})"

    @property
    def hours(self) -> Hours:
        """When they may be disturbed."""
        return Hours(self.chosen.quiet_to, self.chosen.quiet_from)

    def ready_at(self, notice: Due, now: datetime) -> datetime:
        """When a notice may be sent: now, or when their day begins."""
        return now if notice.urgent else daytime(now, self.zone or notice.zone, self.hours)


@dataclass(frozen=True, slots=True)
class Sending:
    """What to send a reader by one way: one notice, or many in one message."""

    way: Way
    notices: Sequence[Due]


def sendings(reader: Reader, ready: Sequence[Due]) -> list[Sending]:
    """What goes to a reader of notices that may be sent now."""
    found = []
    for way in Way:
        if way not in reader.addresses:
            continue
        wanted = [one for one in ready if way in reader.chosen.ways[Subject(one.kind)] and way.value not in one.not_by]
        wanted = [one for one in wanted if not _is_covered(one, wanted)]
        if len(wanted) >= MANY:
            found.append(Sending(way, wanted))
        else:
            found += [Sending(way, [one]) for one in wanted]
    return found


def _is_covered(notice: Due, others: Sequence[Due]) -> bool:
    """Whether another says it too: a line that is blocked now is known to have no money."""
    if notice.template not in {"low", "used_up"} or notice.parameters["what"] != MONEY:
        return False
    blocked = [one for one in others if one.template == "line_blocked"]
    return any(one.parameters["number"] == notice.parameters["number"] for one in blocked)


class Reminding:
    """Sends people's notices by whatever they chose and somebody `served` sends to: what nobody could send would wait,
    and all come at once on the day that somebody can.
    """

    def __init__(
        self,
        *,
        database: Database,
        keyring: KeyRing,
        lanes: int,
        public_url: str,
        served: Collection[AddressKind] = tuple(AddressKind),
    ) -> None:
        self._ways = [way for way, kind in _KINDS.items() if kind in served]
        self._database = database
        self._keyring = keyring
        self._lanes = list(range(lanes))
        self._public_url = public_url
        self._stops = Stops(keyring, public_url=public_url)

    async def send(self) -> int:
        """Look at what is due, a portion of each lane; how many notices that were."""
        async with self._database.read() as transaction:
            lanes = await notices.lanes_due(transaction.connection, self._lanes, transaction.now)
        found = [await self._send(lane) for lane in lanes]
        return max([sum(found), *(READERS for count in found if count >= READERS)])

    async def _send(self, lane: int) -> int:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            due = await notices.due(connection, lane=lane, now=now, limit=READERS)
            becomes: list[tuple[Due, datetime | None]] = []
            letters: list[News] = []
            for reader_id, group in groupby(due, key=lambda one: one.reader):
                reader = await self._reader(connection, reader_id)
                settled, written = self._decide(reader, list(group), now)
                becomes += settled
                letters += written
            await enqueue(connection, letters, now)
            await notices.settle(connection, becomes)
            if due:
                crash_point(_BEFORE_SENDING)
        if due:
            crash_point(_SENT)
        return len(due)

    async def _reader(self, connection: Connection, reader_id: str) -> Reader | None:
        try:
            whose = await account(connection, self._keyring, subscriber_id=reader_id)
        except (NotFound, CannotOpen):
            return None  # erased: nobody is there to be told
        return reader_of(whose, ways=self._ways)

    def _decide(
        self, reader: Reader | None, due: Sequence[Due], now: datetime
    ) -> tuple[list[tuple[Due, datetime | None]], list[News]]:
        """What becomes of a reader's notices, and what they are sent."""
        if reader is None:
            return [(one, None) for one in due], []
        useful = [one for one in due if one.until is None or one.until > now]
        times = {one.id: reader.ready_at(one, now) for one in useful}
        ready = [one for one in useful if times[one.id] <= now]
        becomes = [(one, times[one.id] if times.get(one.id, now) > now else None) for one in due]
        return becomes, [self._letter(reader, sending) for sending in sendings(reader, ready)]

    def _letter(self, reader: Reader, sending: Sending) -> News:
        first = sending.notices[0]
        lane = lane_of(reader.id)
        sealed_for = f"{first.id}:{sending.way.value}"
        template, parameters = self._said(sending.notices)
        if sending.way is Way.MAIL:
            subjects = sorted({Subject(one.kind) for one in sending.notices})
            parameters["stop_url"] = self._stops.url(subscriber_id=reader.id, subjects=subjects)
        by_day = not any(one.urgent for one in sending.notices)
        ends = [one.until for one in sending.notices]
        return News(
            lane=lane,
            key=sealed_for,
            sealed_address=self._keyring.seal(reader.addresses[sending.way].encode(), sealed_for),
            sealed_for=sealed_for,
            locale=reader.locale,
            template=template,
            parameters=parameters,
            daytime_of=(reader.zone or first.zone) if by_day else None,
            hours=reader.hours,
            kind=_KINDS[sending.way],
            until=ends[0] if len(ends) == 1 else None,
        )

    def _said(self, told: Sequence[Due]) -> tuple[str, dict[str, Parameter]]:
        """What one notice says, or one message that says them all, a sentence each."""
        if len(told) == 1:
            return told[0].template, {name: Stored(value) for name, value in told[0].parameters.items()}
        news = Stored([{"words": ["messages", f"{one.template}.text", dict(one.parameters)]} for one in told])
        return "digest", {"count": len(told), "news": news, "messages_url": f"{self._public_url}/account/messages"}


def reader_of(whose: Account, *, ways: Collection[Way] = tuple(Way)) -> Reader:
    """Somebody by their account, as far as they can be reached in these ways."""
    addresses = {Way.SMS: f"tel:{whose.number.e164}"} if whose.holds_number else {}
    if whose.email is not None:
        addresses[Way.MAIL] = whose.email
    addresses = {way: address for way, address in addresses.items() if way in ways}
    return Reader(whose.id, addresses, whose.locale, whose.zone, reminders_of(whose.reminders))
