"""One subscriber of a demonstration, with three months behind them: lines of several carriers, what these used and were
topped up with, a question that was answered, and what they are reminded of now.

Made once, after the server listens, by the rooms themselves (`demonstration_past`); where the line is there already,
nothing is made. The jobs of the house wait for it: what is past is not theirs to end while it is being made.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final
from uuid import uuid4

from topup.bootstrap.demonstration import HOLDER
from topup.bootstrap.demonstration_past import Past, Purchase, past_of
from topup.bootstrap.house import Furnished
from topup.care.desk import Written
from topup.care.states import Topic
from topup.catalogue.queries import Snapshot
from topup.catalogue.rates import Service
from topup.charging.usage.reading import UsageRecord, read_record
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.operations import LineKind, LineStatus, open_rows
from topup.lines.queries import LineRef, lines_now
from topup.people.subscribers import accounts
from topup.platform.i18n import translate

_MUM: Final = "13000130001"
_SPARE: Final = "13300133001"
_TRAVEL: Final = "+85251230001"
_FRIEND: Final = "13700137001"
_DAYS: Final = 93

_LINES: Final[Sequence[tuple[str, LineKind, str]]] = (
    (HOLDER, LineKind.PHYSICAL, ""),
    (_MUM, LineKind.PHYSICAL, "demo.mum"),
    (_SPARE, LineKind.ESIM, "demo.spare"),
    (_TRAVEL, LineKind.TRAVEL, "demo.travel"),
)
"""Numbers, what they live in, and what their owner calls them."""


def _cny(amount: int) -> Money:
    return Money(amount * 100, "CNY")


_BOUGHT: Final[Mapping[int, Sequence[tuple[time, Purchase]]]] = {
    92: [(time(9, 20), Purchase(number=HOLDER, amount=_cny(30)))],
    91: [(time(20, 5), Purchase(number=HOLDER, product="all-in-30d"))],
    88: [(time(12, 40), Purchase(number=_SPARE, amount=_cny(20)))],
    80: [(time(18, 30), Purchase(number=_MUM, amount=_cny(50), method="voucher"))],
    61: [(time(8, 15), Purchase(number=HOLDER, product="all-in-30d"))],
    58: [(time(21, 10), Purchase(number=HOLDER, amount=_cny(20), method="voucher"))],
    55: [(time(10, 0), Purchase(number=_TRAVEL, amount=Money(10_000, "HKD")))],
    41: [(time(19, 45), Purchase(number=_MUM, product="data-10gb-30d"))],
    40: [(time(13, 5), Purchase(number=_SPARE, amount=_cny(30)))],
    31: [(time(9, 30), Purchase(number=HOLDER, amount=_cny(30)))],
    28: [(time(12, 0), Purchase(number=HOLDER, product="data-10gb-30d", method="voucher"))],
    22: [(time(17, 20), Purchase(number=_FRIEND, amount=_cny(20)))],
    15: [(time(22, 50), Purchase(number=HOLDER, amount=_cny(100), paid=False))],
    13: [(time(11, 25), Purchase(number=_TRAVEL, product="asia-5gb-10d"))],
    12: [(time(18, 5), Purchase(number=_MUM, amount=_cny(100), points=200))],
    6: [(time(20, 40), Purchase(number=HOLDER, amount=_cny(20)))],
}
"""By how many days ago."""
_ABROAD: Final = range(4, 13)
"""Days ago on which the travel line was in Japan."""
_ASKED: Final = 20
_SOON: Final = timedelta(minutes=25)
_LOW: Final = 380 * 10**6
"""Bytes that are left of the data today: less than the carrier says is enough."""
_DATA: Final = range(300 * 2**20, 365 * 2**20)
"""Of a day: nearly a thirtieth of the pack."""
_TALK: Final = range(20, 420)
_CALLED: Final = ("+8613700137001", "+8613000130001", "10086", "+8621555501")


async def make_history(house: Furnished, *, locale: str) -> bool:
    """Make the subscriber and what is behind them; whether that was to be done. They are written to in `locale`."""
    async with house.store.database.read() as transaction:
        e164 = parse_msisdn(HOLDER).e164
        if e164 in await lines_now(transaction.connection, [e164]):
            return False
    async with past_of(house, locale=locale) as past:
        holder = await _moved_in(past)
        if holder is None:
            return False
        for days in range(_DAYS, -1, -1):
            await _live(past, holder, days)
        await _today(past, holder)
        await past.close()
    return True


async def _moved_in(past: Past) -> str | None:
    """The account with its lines, as of the first day; its id. None where somebody has made it this moment."""
    past.go_to(past.instant(_DAYS, time(8)))
    keyring, lanes = past.house.store.keyring, past.house.store.installation.lanes
    async with past.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        snapshot = await Snapshot.load(connection)
        rows = []
        for number, kind, _ in _LINES:
            msisdn = parse_msisdn(number)
            if (found := snapshot.carrier_of(msisdn.e164)) is not None:
                rows.append((msisdn.e164, found.carrier_id, found.document.time_zone, kind, LineStatus.ACTIVE))
        if await open_rows(connection, rows, now, lanes=lanes, snapshot=snapshot) < len(rows):
            return None
        opened = await lines_now(connection, [row[0] for row in rows])
        e164 = parse_msisdn(HOLDER).e164
        made = await accounts.create(
            connection, keyring, e164=e164, locale=past.locale, elder=False, lane=opened[e164].ref.lane, now=now
        )
        if made is None:
            return None
        seal = (await accounts.account(connection, keyring, subscriber_id=made)).seal
        for number, _, name in _LINES:
            line: LineRef = opened[parse_msisdn(number).e164].ref
            await owners.bind(connection, subscriber_id=made, line=line, now=now)
            if name:
                called = translate(past.locale, "cli", name)
                await owners.call(connection, subscriber_id=made, line=line, name=called, seal=seal)
    return made


async def _live(past: Past, holder: str, days: int) -> None:
    """A day of the past: what was bought, what was asked, and in the evening what was used."""
    for clock, purchase in _BOUGHT.get(days, ()):
        past.go_to(past.instant(days, clock))
        await past.buy(purchase, payer_id=holder)
    if days == _ASKED:
        await _ask(past, holder, days)
    past.go_to(past.instant(days, time(23, 50)))
    if days:
        await past.use([*_at_home(past, days), *_abroad(past, days)])
    await past.end()


def _at_home(past: Past, days: int) -> Iterator[UsageRecord]:
    """Calls, messages and data of a day: always the same of each, and nothing before there was anything to use."""
    chance = random.Random(days)  # noqa: S311 - nothing secret
    if days > 90:  # noqa: PLR2004 - the first pack came on the 91st
        return
    for hour in sorted(chance.sample(range(8, 22), 3)):
        yield _used(HOLDER, past.instant(days, time(hour, chance.randrange(60))), "data", chance.choice(_DATA) // 3)
    for hour in sorted(chance.sample(range(9, 21), chance.randrange(3))):
        at = past.instant(days, time(hour, chance.randrange(60)))
        yield _used(HOLDER, at, "voice", chance.choice(_TALK), called=chance.choice(_CALLED))
    if chance.randrange(3) == 0:
        yield _used(HOLDER, past.instant(days, time(12, chance.randrange(60))), "sms", 1, called=_CALLED[0])


def _abroad(past: Past, days: int) -> Iterator[UsageRecord]:
    """Maps and pictures in Japan."""
    if days in _ABROAD:
        chance = random.Random(-days)  # noqa: S311 - as above
        for hour in (10, 15, 20):
            at = past.instant(days, time(hour, chance.randrange(60)))
            yield _used(_TRAVEL, at, "data", chance.choice(_DATA) // 3, country="JP")


def _used(
    number: str, at: datetime, service: Service, quantity: int, *, called: str | None = None, country: str | None = None
) -> UsageRecord:
    e164 = parse_msisdn(number).e164
    return read_record(
        identifier=f"demo:{e164}:{service}:{at:%Y%m%dT%H%M}",
        number=e164,
        service=service,
        quantity=quantity,
        at=at,
        country=country,
        called=called,
        source="api",
    )


async def _ask(past: Past, holder: str, days: int) -> None:
    """A question, answered two hours later."""
    care, locale = past.house.care, past.locale
    past.go_to(past.instant(days, time(14, 10)))
    text = translate(locale, "cli", "demo.asks")
    ticket = await care.write(
        Written(key=str(uuid4()), topic=Topic.OTHER, text=text, locale=locale, subscriber_id=holder)
    )
    past.go_to(past.instant(days, time(16, 20)))
    await care.answer(ticket.id, translate(locale, "cli", "demo.answers"), by="support", solved=True)


async def _today(past: Past, holder: str) -> None:
    """A top-up of a moment ago, and data that is running low: what whoever has the lines is told of now."""
    at = past.now - _SOON
    past.go_to(at)
    await past.buy(Purchase(number=_MUM, amount=_cny(30)), payer_id=holder)
    line = await past.house.desk.own_line(number=HOLDER)
    left = next((meter.left for meter in line.meters if meter.asset == "DATA"), 0)
    if left > _LOW:
        past.go_to(past.now)
        await past.use([_used(HOLDER, at, "data", left - _LOW)])
