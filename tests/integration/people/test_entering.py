"""Coming in: who a code, a password or a recycled number opens an account to, and what the owner hears of it."""

from datetime import timedelta

import pytest

from tests.support.desk import LANES, publish_demonstration
from tests.support.subscribers import ADDRESS, FRESH, browser_of
from topup.kernel.errors import Invalid, NotFound, Throttled, Unauthenticated
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.operations import LineStatus, open_lines, port_number, set_status
from topup.notifications import notices
from topup.notifications.templates import say
from topup.people.subscribers import alerts, devices
from topup.people.subscribers.alerts import SAFETY, AlertKind
from topup.people.subscribers.codes import Purpose
from topup.people.subscribers.entering import REST
from topup.people.subscribers.reminders import Reminders

NUMBER = parse_msisdn("13800138000")
ABROAD = parse_msisdn("+65 8123 4567")
PASSWORD = "haiou zai fei 77"
DAY = timedelta(days=1)


async def line_of(front, number=NUMBER, carrier="qingfeng"):
    async with front.database.transaction() as transaction:
        opened = await open_lines(
            transaction.connection, [(number, carrier, "Asia/Shanghai")], transaction.now, lanes=LANES
        )
    return opened[number.e164]


async def ends(front, line):
    async with front.database.transaction() as transaction:
        await set_status(transaction.connection, line, LineStatus.CLOSED, transaction.now)


async def lines_of(front, who):
    whose = await front.changes.account(who)
    async with front.database.read() as transaction:
        return await owners.lines_of(transaction.connection, subscriber_id=who.id, seal=whose.seal)


async def alerts_of(front, subscriber_id):
    async with front.database.read() as transaction:
        return [one.kind for one in await alerts.latest(transaction.connection, subscriber_id=subscriber_id)]


async def test_the_same_code_registers_and_signs_in(front):
    first = await front.enter(NUMBER)
    again = await front.enter(NUMBER, browser_of(first))
    assert (first.registered, again.registered) == (True, False)
    assert first.subscriber_id == again.subscriber_id


async def test_numbers_of_any_country(front):
    entered = await front.enter(ABROAD)
    whose = await front.changes.account(await front.here(entered))
    assert whose.number.e164 == ABROAD.e164


async def test_each_sign_in_has_a_token_of_its_own_and_ends_the_one_before(front):
    """No session fixation: what a browser held before opens nothing afterwards."""
    first = await front.enter(NUMBER)
    planted = browser_of(first, before="a token somebody planted")
    second = await front.enter(NUMBER, planted)
    assert second.token not in {first.token, planted.before}
    third = await front.enter(NUMBER, browser_of(second))
    assert await front.here(second) is None
    assert await front.here(third) is not None


async def test_a_new_device_is_told_in_the_app_and_by_message(front):
    first = await front.enter(NUMBER)
    assert await alerts_of(front, first.subscriber_id) == []
    await front.enter(NUMBER, browser_of(first))
    assert await alerts_of(front, first.subscriber_id) == [], "the same browser is nothing new"
    await front.enter(NUMBER)
    assert await alerts_of(front, first.subscriber_id) == [AlertKind.NEW_DEVICE]
    assert [one.template for one in await front.letters(NUMBER)].count("new_device") == 1


async def test_what_happened_to_an_account_is_among_its_messages_and_is_sent_once(front):
    first = await front.enter(NUMBER)
    await front.enter(NUMBER)
    async with front.database.read() as transaction:
        (told,) = await notices.page(transaction.connection, reader=first.subscriber_id)
        due = await notices.lanes_due(transaction.connection, range(LANES), transaction.now + DAY)
    assert "Chrome" in say("new_device.text", told.parameters, "en")
    assert (told.kind, told.template, told.read_at) == (SAFETY, "new_device", None)
    assert due == [], "the message by SMS went out with the sign-in itself"


async def test_signing_out_one_or_all_others(front):
    phone, desk, stolen = [await front.enter(NUMBER) for _ in range(3)]
    who = await front.here(phone)
    other = await front.here(stolen)
    async with front.database.transaction() as transaction:
        assert await devices.end_one(transaction.connection, subscriber_id=who.id, device_id=other.device_id)
        assert not await devices.end_one(transaction.connection, subscriber_id="sub_else", device_id=who.device_id)
    assert await front.here(stolen) is None
    assert await front.here(desk) is not None
    async with front.database.transaction() as transaction:
        await devices.end_others(transaction.connection, subscriber_id=who.id, keep=who.device_id, now=transaction.now)
    assert await front.here(desk) is None
    assert await front.here(phone) is not None


async def test_a_session_ends_when_it_is_not_used_and_in_any_case(front):
    entered = await front.enter(NUMBER)
    front.later(devices.IDLE - DAY)
    assert await front.here(entered) is not None
    front.later(devices.IDLE - DAY)
    assert await front.here(entered) is not None, "it was used between"
    front.later(devices.IDLE)
    assert await front.here(entered) is None
    lasting = await front.enter(NUMBER, browser_of(entered))
    for _ in range(devices.LONGEST // (devices.IDLE - DAY) + 1):
        front.later(devices.IDLE - DAY)
        await front.here(lasting)
    assert await front.here(lasting) is None


async def by_password(front, number=NUMBER, password=PASSWORD, browser=FRESH, address=ADDRESS):
    return await front.entrance.by_password(number, password, address=address, browser=browser)


async def test_a_password_signs_in_and_its_change_signs_the_others_out(front):
    first = await front.enter(NUMBER)
    second = await front.enter(NUMBER)
    await front.changes.set_password(await front.here(second), PASSWORD)
    assert await front.here(first) is None
    assert await front.here(second) is not None
    assert (await by_password(front)).subscriber_id == first.subscriber_id
    assert AlertKind.PASSWORD_CHANGED in await alerts_of(front, first.subscriber_id)
    await front.changes.remove_password(await front.here(second))
    with pytest.raises(Unauthenticated):
        await by_password(front)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("kurz", "password_too_short"),
        ("x" * 300, "password_too_long"),
        ("aaaaaaaaaaaa", "password_too_simple"),
        ("password123", "password_common"),
        ("woaini1314", "password_common"),
        ("5201314qq5", "password_common"),
        ("my 13800138000", "password_too_simple"),
        ("x+8613800138000", "password_too_simple"),
        ("qwertyuiop", "password_common"),
    ],
)
async def test_what_others_would_guess_is_no_password(front, password, code):
    who = await front.somebody(NUMBER.e164)
    with pytest.raises(Invalid) as refused:
        await front.changes.set_password(who, password)
    assert refused.value.code == code


async def test_guessing_a_password_is_slowed_down_and_the_owner_still_comes_in_by_code(front):
    who = await front.somebody(NUMBER.e164)
    await front.changes.set_password(who, PASSWORD)
    refused = []
    for attempt in range(12):
        with pytest.raises((Unauthenticated, Throttled)) as caught:
            await by_password(front, password=f"guess number {attempt}")
        refused.append(caught.value.code)
    assert refused.count("entry_refused") == 5
    with pytest.raises(Throttled):
        await by_password(front)
    assert (await front.enter(NUMBER)).subscriber_id == who.id
    front.later(timedelta(hours=1))
    assert (await by_password(front)).subscriber_id == who.id


# A number that somebody else has now


async def test_a_recycled_number_opens_nothing_of_its_earlier_holders(front):
    await publish_demonstration(front.database)
    line = await line_of(front)
    earlier = await front.enter(NUMBER)
    who = await front.here(earlier)
    assert [one.ref for one in await lines_of(front, who)] == [line]
    await front.changes.set_password(who, PASSWORD)
    front.later(2 * DAY)
    await ends(front, line)
    newer_line = await line_of(front)
    later = await front.enter(NUMBER)
    assert later.registered
    assert later.subscriber_id != earlier.subscriber_id
    new_who = await front.here(later)
    assert [one.ref for one in await lines_of(front, new_who)] == [newer_line]
    assert await alerts_of(front, new_who.id) == []
    # The earlier holder is where they were, without the number, and its password opens nothing any more.
    assert await lines_of(front, await front.here(earlier)) == []
    assert not (await front.changes.account(who)).holds_number
    with pytest.raises(Unauthenticated):
        await by_password(front)


async def test_their_own_browser_shows_that_it_is_still_them(front):
    await publish_demonstration(front.database)
    line = await line_of(front)
    entered = await front.enter(NUMBER)
    await ends(front, line)
    again = await front.enter(NUMBER, browser_of(entered))
    assert again.subscriber_id == entered.subscriber_id


async def test_a_line_that_stays_keeps_its_account_for_years(front):
    await publish_demonstration(front.database)
    await line_of(front)
    entered = await front.enter(NUMBER)
    front.later(3 * 365 * DAY)
    assert (await front.enter(NUMBER)).subscriber_id == entered.subscriber_id


async def test_who_takes_the_number_to_another_carrier_keeps_the_account(front):
    await publish_demonstration(front.database)
    line = await line_of(front)
    entered = await front.enter(NUMBER)
    async with front.database.transaction() as transaction:
        await port_number(transaction.connection, NUMBER, "shanlan", transaction.now, range_carrier_id="qingfeng")
    again = await front.enter(NUMBER)
    assert again.subscriber_id == entered.subscriber_id
    assert await lines_of(front, await front.here(again)) == [], "the line that was left is nobody's"
    async with front.database.transaction() as transaction:
        assert await owners.forget_ended(transaction.connection, lane=line.lane, limit=10) == [entered.subscriber_id]
        assert await owners.owners_of(transaction.connection, line=line) == []


@pytest.mark.parametrize(("rested", "same"), [(REST - DAY, True), (REST + DAY, False)])
async def test_of_other_carriers_numbers_a_code_alone_is_believed_while_they_must_rest(front, rested, same):
    entered = await front.enter(ABROAD)
    front.later(rested)
    assert ((await front.enter(ABROAD)).subscriber_id == entered.subscriber_id) is same


# What an owner changes


async def test_an_address_counts_once_its_code_came_back(front):
    who = await front.somebody(NUMBER.e164)
    ticket = await front.changes.ask(who, Purpose.EMAIL, "mei@example.com", address=ADDRESS, locale="en")
    assert (await front.changes.account(who)).email is None
    await front.changes.set_email(who, ticket=ticket, code=await front.code("mei@example.com"))
    assert (await front.changes.account(who)).email == "mei@example.com"
    await front.changes.remove_email(who)
    assert (await front.changes.account(who)).email is None


async def test_another_number_signs_in_from_then_on(front):
    who = await front.somebody(NUMBER.e164)
    ticket = await front.changes.ask(who, Purpose.NUMBER, ABROAD, address=ADDRESS, locale="en")
    await front.changes.set_number(who, ticket=ticket, code=await front.code(ABROAD))
    assert (await front.enter(ABROAD)).subscriber_id == who.id
    assert (await front.enter(NUMBER)).subscriber_id != who.id
    assert "account_changed" in [one.template for one in await front.letters(NUMBER)], "the old number hears of it"


async def test_what_is_chosen_is_kept(front):
    who = await front.somebody(NUMBER.e164)
    chosen = Reminders(quiet_from=20, quiet_to=8)
    await front.changes.choose(who, locale="zh_Hant", elder=True, zone="Europe/Berlin", reminders=chosen)
    whose = await front.changes.account(who)
    assert (whose.locale, whose.elder, whose.zone, whose.reminders) == (
        "zh_Hant", True, "Europe/Berlin", chosen.stored(),
    )  # fmt: skip
    with pytest.raises(Invalid):
        await front.changes.choose(who, locale="xx", elder=True, zone=None, reminders=chosen)
    with pytest.raises(Invalid):
        await front.changes.choose(who, locale="en", elder=True, zone="Mars/Base", reminders=chosen)


async def test_an_account_that_ended_is_gone(front, data_dir):
    await publish_demonstration(front.database)
    await line_of(front)
    entered = await front.enter(NUMBER)
    who = await front.here(entered)
    await front.changes.set_password(who, PASSWORD)
    await front.erase(who)
    assert await front.here(entered) is None
    with pytest.raises(NotFound):
        await front.changes.account(who)
    with pytest.raises(Unauthenticated):
        await by_password(front)
    left = await front.rows(
        "SELECT secret, number, mark, password, email FROM people.subscribers WHERE id = %s", who.id
    )
    assert left == [(None,) * 5]
    for table in ("people.devices", "people.passkeys", "people.alerts", "lines.owners"):
        assert await front.rows(f"SELECT 1 FROM {table}") == []
    again = await front.enter(NUMBER)
    assert again.registered
    assert again.subscriber_id != who.id
