"""Messages as the one they are for finds them, and mail that is stopped without signing in: at every size and look."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx
import pytest
from playwright.sync_api import expect
from psycopg.types.json import Jsonb

from tests.support.browsing import PHONE, Guest
from tests.support.database import settings_for
from tests.support.looking import LOOKS, check
from topup.care.reminders.stopping import Stops
from topup.kernel.money import Money
from topup.notifications import notices
from topup.notifications.notices import PAGE, Notice
from topup.notifications.templates import LocalDay, LocalTime, Parameter, Place, Words
from topup.people.subscribers import accounts, devices
from topup.people.subscribers.alerts import SAFETY
from topup.people.subscribers.devices import Browser
from topup.people.subscribers.news import device_words
from topup.people.subscribers.reminders import Reminders, Subject, Way, reminders_of
from topup.platform.database import Connection, Database
from topup.platform.i18n import translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ZONE = "Asia/Shanghai"
AT = LocalTime(datetime(2026, 5, 1, 4, tzinfo=UTC), ZONE)
NUMBER: dict[str, Parameter] = {"number": "138 **** 8000"}
STATUS = {"status": Words("catalogue", "shows_one_way_blocked")}
MONEY = Words("usage", "asset.money")
RULE = {"days": "30", "from": AT, "last_day": LocalDay(AT.at, "Asia/Shanghai"), "zone": Place("Asia/Shanghai")}
TOLD: list[tuple[str, str, dict[str, Parameter]]] = [
    (SAFETY, "new_device", {"device": device_words("chrome.android"), "at": AT}),
    (Subject.REFUNDED, "money_is_back", {"refunded": Money(5000, "CNY"), "at": AT}),
    (Subject.ARRIVED, "arrived", {"amount": Money(5000, "CNY"), "at": AT}),
    (
        Subject.ARRIVED,
        "credited",
        {"amount": Money(5000, "CNY"), "at": AT, "before": Money(480, "CNY"), "after": Money(5480, "CNY")},
    ),
    (
        Subject.BLOCKED,
        "line_blocked",
        {**STATUS, "blocked": [Words("usage", "blocked.voice_out"), Words("usage", "blocked.data")]},
    ),
    (
        Subject.EXPIRING,
        "expiring",
        {
            "left": Words("catalogue", "grant_data", {"count": "1.5", "unit": "GB"}),
            "until": LocalDay(AT.at + timedelta(days=3), "Asia/Shanghai"),
            "why": Words("catalogue", "why_midnight", RULE),
            "to_do": Words("messages", "expiring.use"),
        },
    ),
    (Subject.LOW, "low", {"what": MONEY, "left": Money(480, "CNY")}),
]
Given = TypeVar("Given")


def in_the_house(guest: Guest, work: Callable[[Connection, datetime], Awaitable[Given]]) -> Given:
    """Do something to the site's database, in a thread of its own: this one's loop is the browser's."""
    found: list[Given] = []

    async def done() -> None:
        async with (
            Database.open(settings=settings_for(guest.site.house.store.database.url), migrating=False) as database,
            database.transaction() as transaction,
        ):
            found.append(await work(transaction.connection, transaction.now))

    thread = threading.Thread(target=lambda: asyncio.run(done()))
    thread.start()
    thread.join()
    return found[0]


def somebody(guest: Guest, *, copies: int = 1) -> str:
    """Sign the guest in as somebody who was told of everything; gives their id."""
    keyring = guest.site.house.store.keyring
    e164 = f"+86{guest.number}"

    async def made(connection: Connection, now: datetime) -> tuple[str, str]:
        reader = await accounts.create(
            connection, keyring, e164=e164, locale=guest.locale, elder=False, lane=3, now=now
        )
        assert reader is not None
        browser = Browser(mark="", before="", name="chrome.android", locale=guest.locale, elder=False)
        begun = await devices.begin(connection, subscriber_id=reader, browser=browser, door="code", now=now)
        told = [
            Notice(reader, f"{template}:{copy}", kind, template, said if kind == SAFETY else NUMBER | said, ZONE)
            for copy in range(copies)
            for kind, template, said in TOLD
        ]
        for notice in told:
            await notices.add(connection, [notice], now)
        return reader, begun.token

    reader, token = in_the_house(guest, made)
    guest.page.context.add_cookies([{"name": "here", "value": token, "url": guest.site.url}])
    return reader


def said(guest: Guest, message_id: str, **parameters: object) -> str:
    return translate(guest.locale, "reminding", message_id, **parameters)


@pytest.mark.parametrize("look", LOOKS)
def test_messages_are_read_at_every_size_and_in_every_look(guest: Callable[..., Guest], look: str) -> None:
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    reader = guest(**options)
    if elder:
        reader.page.context.add_cookies([{"name": "size", "value": "large", "url": reader.site.url}])
    somebody(reader)
    reader.go("/account")
    check(reader, f"account {look}")
    reader.page.get_by_role("link", name=translate(reader.locale, "account", "messages")).click()
    reader.page.wait_for_url("**/account/messages")
    expect(reader.page.locator(".message.new")).to_have_count(len(TOLD))
    check(reader, f"messages {look}")


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
def test_what_was_read_is_not_new_and_older_ones_are_a_page_further(guest: Callable[..., Guest], scripted: str) -> None:
    reader = guest(size=PHONE, locale="en", scripted=scripted == "scripted")
    copies = PAGE // len(TOLD) + 1
    somebody(reader, copies=copies)
    reader.go("/account/messages")
    expect(reader.page.locator(".message")).to_have_count(PAGE)
    reader.page.get_by_role("link", name=said(reader, "older")).click()
    expect(reader.page.locator(".message")).to_have_count(copies * len(TOLD) - PAGE)
    reader.go("/account/messages")
    expect(reader.page.locator(".message")).to_have_count(PAGE)
    expect(reader.page.locator(".message.new")).to_have_count(0)


def test_a_notice_that_has_no_words_any_more_hides_no_other(guest: Callable[..., Guest]) -> None:
    reader = guest(locale="en")
    whose = somebody(reader)

    async def forgets(connection: Connection, now: datetime) -> None:
        # The application may not change what was told; its owner may.
        await connection.execute("SET ROLE NONE")
        strange = "UPDATE notifications.notices SET parameters = '{}' WHERE reader = %s AND template = 'low'"
        await connection.execute(strange, [whose])

    in_the_house(reader, forgets)
    reader.go("/account/messages")
    expect(reader.page.locator(".message")).to_have_count(len(TOLD) - 1)


def test_who_was_told_nothing_reads_so(guest: Callable[..., Guest]) -> None:
    reader = guest(locale="zh_Hant")
    somebody(reader, copies=0)
    reader.go("/account/messages")
    expect(reader.page.get_by_text(said(reader, "none"))).to_be_visible()
    check(reader, "no messages")


def test_messages_are_for_who_is_signed_in_and_nobody_reads_anothers(guest: Callable[..., Guest]) -> None:
    one, other, stranger = guest(locale="en"), guest(locale="en"), guest(locale="en")
    somebody(one)
    somebody(other, copies=0)
    for path in ("/account/messages", "/account/messages?before=ntc_zzzzzzzzzzzzzzzzzzzzzzzzzz"):
        other.go(path)
        expect(other.page.locator(".message")).to_have_count(0)
        stranger.go(path)
        assert "/account/sign-in" in stranger.page.url


@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
def test_mail_is_stopped_by_one_press_without_signing_in(
    guest: Callable[..., Guest], locale: str, scripted: str
) -> None:
    reader = guest(locale=locale, scripted=scripted == "scripted")
    keyring = reader.site.house.store.keyring

    async def moves_in(connection: Connection, now: datetime) -> str:
        made = await accounts.create(
            connection, keyring, e164=f"+86{reader.number}", locale=locale, elder=False, lane=5, now=now
        )
        assert made is not None
        everything = Jsonb(Reminders(dict.fromkeys(Subject, frozenset(Way))).stored())
        await connection.execute("UPDATE people.subscribers SET reminders = %s WHERE id = %s", (everything, made))
        return made

    async def chosen(connection: Connection, now: datetime) -> Reminders:
        whose = await accounts.account(connection, keyring, subscriber_id=subscriber)
        return reminders_of(whose.reminders)

    subscriber = in_the_house(reader, moves_in)
    stops = Stops(keyring, public_url=reader.site.url)
    address = stops.url(subscriber_id=subscriber, subjects=[Subject.LOW, Subject.BLOCKED])
    before = in_the_house(reader, chosen)
    reader.page.goto(address)
    if reader.scripted:
        check(reader, f"stop {locale}")
    # A look stops nothing.
    assert in_the_house(reader, chosen) == before
    reader.page.get_by_role("button", name=said(reader, "stop"), exact=True).click()
    expect(reader.page.get_by_role("heading", level=1)).to_have_text(said(reader, "stopped"))
    if reader.scripted:
        check(reader, f"stopped {locale}")
    after = in_the_house(reader, chosen)
    assert all(Way.MAIL in before.ways[subject] for subject in Subject)
    for subject in Subject:
        stopped = {Way.MAIL} if subject in {Subject.LOW, Subject.BLOCKED} else set()
        assert after.ways[subject] == before.ways[subject] - stopped


def test_a_mailbox_stops_mail_by_itself_and_another_site_cannot(guest: Callable[..., Guest]) -> None:
    reader = guest()
    subscriber = somebody(reader)
    address = Stops(reader.site.house.store.keyring, public_url=reader.site.url).url(
        subscriber_id=subscriber, subjects=[Subject.ARRIVED]
    )
    body = {"List-Unsubscribe": "One-Click"}
    with httpx.Client(trust_env=False) as mailbox:
        assert mailbox.post(address, data=body).status_code == 200
        assert mailbox.post(address, data=body).status_code == 200
        elsewhere = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        assert mailbox.post(address, data=body, headers=elsewhere).status_code == 403
        assert mailbox.post(address[:-4], data=body).status_code == 404
        assert mailbox.get(f"{reader.site.url}/stop/forged").status_code == 404
