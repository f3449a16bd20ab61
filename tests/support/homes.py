"""Somebody at a browser who is signed in and has lines in their account, with money, data and more on them."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from tests.support.browsing import Guest
from tests.support.database import settings_for
from tests.support.desk import LANES
from topup.catalogue.grant_rules import ValidityRule
from topup.catalogue.queries import Snapshot
from topup.catalogue.validity import validity_of
from topup.kernel.msisdn import parse_msisdn
from topup.ledger import BucketSpec, Credit, Debit, Item, Posted, post
from topup.lines import owners
from topup.lines.operations import open_lines
from topup.lines.queries import LineRef
from topup.people.subscribers import accounts, devices
from topup.people.subscribers.devices import Browser
from topup.platform.database import Connection, Database

Given = TypeVar("Given")
GB = 10**9


def in_the_house(guest: Guest, work: Callable[[Connection, datetime], Coroutine[Any, Any, Given]]) -> Given:
    """Do something to the site's database, in a thread of its own: this one's loop is the browser's."""

    async def done() -> Given:
        url = guest.site.house.store.database.url
        async with (
            Database.open(settings=settings_for(url), migrating=False) as database,
            database.transaction() as transaction,
        ):
            return await work(transaction.connection, transaction.now)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, done()).result()


@dataclass
class Home:
    """Who is signed in, and the lines in their account."""

    id: str
    lines: list[LineRef] = field(default_factory=list)


def moves_in(guest: Guest, *numbers: str, names: Sequence[str] = (), elder: bool = False) -> Home:
    """Sign the guest in, with these numbers' lines (eleven digits, of Qingfeng) in their account, in this order."""
    keyring = guest.site.house.store.keyring

    async def made(connection: Connection, now: datetime) -> tuple[Home, str]:
        e164 = f"+86{guest.number}"
        reader = await accounts.create(
            connection, keyring, e164=e164, locale=guest.locale, elder=elder, lane=3, now=now
        )
        assert reader is not None
        whose = await accounts.account(connection, keyring, subscriber_id=reader)
        browser = Browser(mark="", before="", name="chrome.android", locale=guest.locale, elder=elder)
        begun = await devices.begin(connection, subscriber_id=reader, browser=browser, door="code", now=now)
        home = Home(reader)
        if numbers:
            wanted = [(parse_msisdn(number), "qingfeng", "Asia/Shanghai") for number in numbers]
            snapshot = await Snapshot.load(connection)
            opened = await open_lines(connection, wanted, now, lanes=LANES, snapshot=snapshot)
            home.lines = [opened[f"+86{number}"] for number in numbers]
        for line in home.lines:
            assert await owners.bind(connection, subscriber_id=reader, line=line, now=now)
        for line, name in zip(home.lines, names, strict=False):
            await owners.call(connection, subscriber_id=reader, line=line, name=name, seal=whose.seal)
        return home, begun.token

    home, token = in_the_house(guest, made)
    cookies = [{"name": "here", "value": token, "url": guest.site.url}]
    if elder:
        cookies.append({"name": "size", "value": "large", "url": guest.site.url})
    guest.page.context.add_cookies(cookies)  # type: ignore[arg-type]
    return home


def gets(guest: Guest, line: LineRef, **amounts: tuple[int, int]) -> None:
    """Credit a line with so much of each asset for thirty days, and take so much of it again."""

    async def given(connection: Connection, now: datetime) -> None:
        zone = ZoneInfo("Asia/Shanghai")
        validity, rule = validity_of(ValidityRule("days", 30, "midnight", "separate"), zone, now)
        for asset, (amount, used) in amounts.items():
            key = f"test:{line.id}:{asset}"
            spec = BucketSpec(
                kind="main", usable_until=validity.usable_until, rule={"id": rule["id"], **rule["inputs"]}
            )
            items: list[Item] = [
                Credit(
                    lane=line.lane,
                    key=key,
                    from_code="promotions" if asset == "CNY" else "issued",
                    line_id=line.id,
                    bucket=spec,
                    asset=asset,
                    amount=amount,
                    purpose="grant",
                    reference="test",
                )
            ]
            if used:
                items.append(
                    Debit(
                        lane=line.lane,
                        key=f"{key}:used",
                        line_id=line.id,
                        asset=asset,
                        amount=used,
                        to_code="usage",
                        purpose="usage",
                        reference="test",
                    )
                )
            for item in items:
                (answer,) = await post(connection, [item], now)
                assert isinstance(answer, Posted), answer

    in_the_house(guest, given)


_USED = """
INSERT INTO charging.usage_records (lane, line_id, at, id, source, msisdn, carrier_id, catalogue_version, service,
    country, called, quantity, counted, rate_id, currency, cost_minor, parts, free, paid, rated_at)
VALUES (%(lane)s, %(line)s, %(at)s, %(id)s, 'api', %(msisdn)s, 'qingfeng', 1, %(service)s,
    %(country)s, %(called)s, %(quantity)s, %(quantity)s, 'test', 'CNY', 10, '[]', '[]', '[]', %(at)s)
"""


def uses(
    guest: Guest, line: LineRef, *, called: str | None = None, country: str = "CN", **quantities: Sequence[int]
) -> None:
    """Write records of use: so much of each service on the first days of the line's month; `called` of calls and
    messages.
    """

    async def used(connection: Connection, now: datetime) -> None:
        first = now.astimezone(ZoneInfo("Asia/Shanghai")).replace(day=1, hour=12, minute=0)
        for service, each in quantities.items():
            for number, quantity in enumerate(each):
                await connection.execute(
                    _USED,
                    {
                        "lane": line.lane,
                        "line": line.id,
                        "at": first + timedelta(days=number),
                        "id": f"{line.id}:{service}:{number}",
                        "msisdn": f"+86{guest.number}",
                        "service": service,
                        "quantity": quantity,
                        "country": country,
                        "called": None if service == "data" else called,
                    },
                )

    in_the_house(guest, used)
